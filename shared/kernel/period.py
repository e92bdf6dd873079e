"""Accounting periods (会计期间): a month ``YYYY-MM``; quarters, halves and years are sums of months.

Months are whole numbers ``YYYYMM`` inside, as they sort, compare and index well.
"""

import re
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from shared.kernel.errors import Malformed

FIRST_YEAR, LAST_YEAR = 1900, 2199
"""Business dates outside these years are typing errors, not facts."""

_PERIOD = re.compile(r"(\d{4})(?:-(?:(\d{2})|Q([1-4])|H([12])))?", re.ASCII)


def month_of(day: date) -> int:
    """The month ``YYYYMM`` in which a business date lies."""
    return day.year * 100 + day.month


@lru_cache(maxsize=4096)
def format_month(month: int) -> str:
    """Write 202607 as ``"2026-07"``."""
    return f"{month // 100:04d}-{month % 100:02d}"


@lru_cache(maxsize=4096)
def parse_month(text: str) -> int:
    """Read ``"2026-07"`` as 202607; raises Malformed for anything else."""
    period = Period.parse(text)
    if period.first != period.last or len(text) != 7 or text[5] in "QH":
        raise Malformed(f'"{text}" is not a month: write YYYY-MM')
    return period.first


@lru_cache(maxsize=4096)
def last_day(month: int) -> date:
    """The last calendar day of a month ``YYYYMM``."""
    year, number = divmod(month, 100)
    return date(year, number, monthrange(year, number)[1])


def next_month(month: int) -> int:
    """The month ``YYYYMM`` after a month."""
    return month + 1 if month % 100 < 12 else month + 89


def days_in(month: int) -> int:
    """The number of calendar days of a month ``YYYYMM``."""
    return last_day(month).day


def months_between(first: int, last: int) -> Iterator[int]:
    """Every month ``YYYYMM`` from the first to the last, both included."""
    while first <= last:
        yield first
        first = next_month(first)


@dataclass(frozen=True, slots=True)
class Period:
    """A run of whole months, named as callers write it (``2026-07``, ``2026-Q3``, ``2026-H2``, ``2026``)."""

    name: str
    first: int
    last: int

    @classmethod
    def parse(cls, text: str) -> "Period":
        """Raises Malformed when the text is none of the four forms or lies outside the years 1900 to 2199."""
        match = _PERIOD.fullmatch(text)
        if match is None:
            raise Malformed(f'"{text}" is not a period: write YYYY-MM, YYYY-Qn, YYYY-Hn or YYYY')
        year, month, quarter, half = (int(part) if part else None for part in match.groups())
        assert year is not None  # the pattern's first group is not optional
        if not FIRST_YEAR <= year <= LAST_YEAR:
            raise Malformed(f"the year must lie between {FIRST_YEAR} and {LAST_YEAR}")
        if month is not None:
            if not 1 <= month <= 12:
                raise Malformed(f'"{text}" has no such month')
            first = last = month
        elif quarter is not None:
            first, last = quarter * 3 - 2, quarter * 3
        elif half is not None:
            first, last = half * 6 - 5, half * 6
        else:
            first, last = 1, 12
        return cls(text, year * 100 + first, year * 100 + last)
