"""Money (金额): whole minor units (fen) inside, decimal strings on the wire; rates are Decimal, percent per year.

No binary float touches money. ``round`` is half-even to one minor unit everywhere.
"""

import re
from decimal import Decimal
from fractions import Fraction

from shared.kernel.errors import Malformed

MINOR_UNITS = 100
LARGEST_AMOUNT = 10**17
"""What an amount on the wire stays below, in minor units: sums of a bank's life fit, and a bigint holds them."""

_AMOUNT = re.compile(r"(-?)(\d{1,15})(?:\.(\d{1,2}))?", re.ASCII)
_RATE = re.compile(r"-?\d{1,6}(?:\.\d{1,6})?", re.ASCII)


def parse_money(text: object) -> int:
    """Read ``"1234.50"`` as 123450 minor units.

    Raises Malformed for anything but a decimal string with at most two places.
    """
    match = _AMOUNT.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise Malformed('must be a decimal string with at most two places, such as "1234.50"')
    sign, units, places = match.groups()
    amount = int(units) * MINOR_UNITS
    if places:
        amount += int(places) * (10 if len(places) == 1 else 1)
    return -amount if sign else amount


def format_money(amount: int) -> str:
    """Write 123450 minor units as ``"1234.50"``."""
    units, places = divmod(abs(amount), MINOR_UNITS)
    return f"{'-' if amount < 0 else ''}{units}.{places:02d}"


def parse_rate(text: object) -> Decimal:
    """Read a decimal string such as ``"1.50"`` (percent); raises Malformed for anything else, floats included."""
    if not isinstance(text, str) or _RATE.fullmatch(text) is None:
        raise Malformed('must be a decimal string in percent with at most six places, such as "1.50"')
    return Decimal(text)


def round_half_even(exact: Fraction) -> int:
    """Round an exact figure to whole minor units, ties to the even one."""
    return round(exact)


def percent_of(amount: int, rate: Decimal) -> int:
    """``rate`` percent of ``amount``, rounded half-even to one minor unit."""
    return round_half_even(Fraction(amount) * Fraction(rate) / 100)
