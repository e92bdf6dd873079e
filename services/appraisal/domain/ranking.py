"""Ranking (排名): positions in a group by total, and the group's quartiles. Pure and exact."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from shared.contracts.appraisal import Rating

LEAST_SHOWN = 5
"""How many a group must have before its quartiles are shown to those in it: of fewer, they are the others' totals."""


class Quartiles(NamedTuple):
    """The lower quartile, the median and the upper quartile, rounded half-even to two places."""

    lower: Decimal
    median: Decimal
    upper: Decimal


@dataclass(frozen=True, slots=True)
class Entrant:
    """A manager with the total and the rating that counts."""

    manager_id: str
    total: Decimal
    rating: Rating


@dataclass(frozen=True, slots=True)
class Ranking:
    """A group in order of total, highest first; whoever has the same total has the same position."""

    entrants: Sequence[Entrant]
    positions: Mapping[str, int]
    quartiles: Quartiles


def rank(entrants: Sequence[Entrant]) -> Ranking:
    """The ranking of a group of one at least."""
    ordered = sorted(entrants, key=lambda one: (-one.total, one.manager_id))
    positions: dict[str, int] = {}
    for index, one in enumerate(ordered):
        before = ordered[index - 1] if index else None
        tied = before is not None and before.total == one.total
        positions[one.manager_id] = positions[before.manager_id] if before and tied else index + 1
    return Ranking(ordered, positions, quartiles([one.total for one in ordered]))


def quartiles(totals: Sequence[Decimal]) -> Quartiles:
    """The quartiles of totals, one at least, between two of them in proportion (as QUARTILE.INC of spreadsheets)."""
    ordered = sorted(totals)
    return Quartiles(*(_at(ordered, quarter) for quarter in (1, 2, 3)))


def _at(ordered: Sequence[Decimal], quarter: int) -> Decimal:
    place = Fraction(quarter * (len(ordered) - 1), 4)
    index, rest = int(place), place % 1
    lower, upper = Fraction(ordered[index]), Fraction(ordered[min(index + 1, len(ordered) - 1)])
    return Decimal(round((lower + rest * (upper - lower)) * 100)).scaleb(-2)
