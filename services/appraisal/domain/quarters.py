"""Quarters of a target (目标分解): how an annual figure lies over the year, and over the parts below it.

Figures are whole numbers of the smallest unit of their source: fen, one of a count, a hundredth of an hour, a
millionth of a percent. What is split adds up to the unit, by the splitting rule.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from functools import lru_cache
from typing import TypeVar

from services.appraisal.domain.indicator import AVERAGES, END_STOCKS, LINES, MEASURES
from shared.kernel.errors import Malformed, Refusal
from shared.kernel.money import round_half_even
from shared.kernel.period import Period
from shared.kernel.split import split_over

Quarters = tuple[int, int, int, int]
"""The figures of a year's four quarters."""

Key = tuple[str, str]
UnitT = TypeVar("UnitT", bound=Key)
"""A unit: its kind and its id."""

QUARTERS = 4
_NOBODY = ("", "")
_THIRDS: Mapping[Key, int] = {(str(third), ""): 1 for third in range(3)}


class Nature(StrEnum):
    """How a source adds up: a flow over units and months; an average over units, and over months to a mean; a stock
    over units, and the last month's counts; a rate (percent, a mean) over neither, and the last month's counts."""

    FLOW = "flow"
    AVERAGE = "average"
    STOCK = "stock"
    RATE = "rate"

    @property
    def lasts(self) -> bool:
        """Whether a quarter's figure is a level, the same in every quarter unless said otherwise."""
        return self is not Nature.FLOW


_COUNTS = ("customers-gained", "customers-lost", "breaches", "referrals-won")
_HOURS = "training-hours"
_PLACES_OF_RATES = 6


@lru_cache(maxsize=1024)
def nature_of(source: str) -> Nature:
    """How the figures of a source of indicators add up."""
    if source in AVERAGES:
        return Nature.AVERAGE
    if source in END_STOCKS:
        return Nature.STOCK
    return Nature.FLOW if source in {*LINES, *MEASURES, *_COUNTS, _HOURS} else Nature.RATE


@lru_cache(maxsize=1024)
def places_of(source: str) -> int:
    """How many decimal places the smallest unit of a source has: two of money and hours, none of counts."""
    if nature_of(source) is Nature.RATE:
        return _PLACES_OF_RATES
    return 0 if source in _COUNTS else 2


def units_of(source: str, figure: Decimal) -> int:
    """A figure in the source's smallest units; raises Malformed where it is finer than these."""
    scaled = figure.scaleb(places_of(source))
    units = int(scaled)
    if units != scaled:
        raise Malformed(f"{source} has at most {places_of(source)} decimal places")
    return units


def figure_of(source: str, units: int) -> Decimal:
    """Units of a source as the exact figure that they are; a rate without needless zeros."""
    places = places_of(source)
    exact = Decimal(units).scaleb(-places)
    return Decimal(f"{exact.normalize():f}") if places == _PLACES_OF_RATES else exact


def closed_by(year: int, day: date) -> int:
    """How many quarters of a year are over when the quarter begins in which the day lies."""
    if day.year != year:
        return 0 if day.year < year else QUARTERS
    return (day.month - 1) // 3


def check_quarters(source: str, amount: int, quarters: Quarters) -> None:
    """Raises Refusal unless the quarters come to the annual figure: those of a flow add up to it, and have one sign;
    those of a level end at it."""
    if nature_of(source).lasts:
        if quarters[-1] != amount:
            raise Refusal(
                "quarters-add-up", "quarters", f"{source} is a level: the last must be the annual amount"
            )
        return
    if sum(quarters) != amount:
        difference = figure_of(source, amount - sum(quarters))
        raise Refusal(
            "quarters-add-up", "quarters", f"must add up to the annual amount; {difference:f} is missing"
        )
    if min(quarters) < 0 < max(quarters):
        raise Refusal("quarters-have-one-sign", "quarters", "must not be above zero and below zero")


def over_year(source: str, amount: int, kept: Sequence[int]) -> Quarters:
    """An annual figure over the quarters, of which the first stay as they are ``kept``: what a flow has left goes
    evenly to the open ones, a level holds in each of them. Raises Refusal where what is kept is too much."""
    ahead: dict[Key, int] = {(str(quarter), ""): 1 for quarter in range(len(kept), QUARTERS)}
    if nature_of(source).lasts:
        added = [amount] * len(ahead)
    else:
        _check_kept(source, amount, sum(kept))
        added = list(_shares(amount - sum(kept), ahead).values())
    return _whole(source, amount, [*kept, *added])


def over_parts(
    source: str,
    whole: Quarters,
    amounts: Mapping[UnitT, int],
    kept: Mapping[UnitT, Sequence[int]],
    closed: int,
) -> dict[UnitT, Quarters]:
    """The quarters of the parts of a whole, in proportion to its own, so that they add up in every quarter.

    ``kept`` are the closed quarters of those that have a target already: these stay. What the closed quarters of the
    whole lack goes to those that had none. Where what is closed does not add up, the open quarters take the
    difference in proportion. Raises Refusal where what is closed is beyond a part's amount.
    """
    if nature_of(source).lasts:
        return _levels_over_parts(source, whole, amounts, kept, closed)
    left = dict(amounts)
    for unit, quarters in kept.items():
        _check_kept(source, amounts[unit], sum(quarters))
        left[unit] -= sum(quarters)
    found: dict[UnitT, list[int]] = {unit: list(kept.get(unit, ())) for unit in amounts}

    def deal(amount: int, units: Sequence[UnitT]) -> None:
        parts = _shares(amount, {unit: left[unit] for unit in units})
        for unit in units:
            found[unit].append(parts[unit])
            left[unit] -= parts[unit]

    new = [unit for unit in amounts if unit not in kept]
    for quarter in range(closed):
        lacking = whole[quarter] - sum(quarters[quarter] for quarters in kept.values())
        deal(_between(lacking, sum(left[unit] for unit in new)), new)
    for quarter in range(closed, QUARTERS):
        ahead: dict[Key, int] = {(str(one), ""): whole[one] for one in range(quarter, QUARTERS)}
        deal(_shares(sum(left.values()), ahead)[str(quarter), ""], list(amounts))
    return {unit: _whole(source, amounts[unit], quarters) for unit, quarters in found.items()}


def _levels_over_parts(
    source: str,
    whole: Quarters,
    amounts: Mapping[UnitT, int],
    kept: Mapping[UnitT, Sequence[int]],
    closed: int,
) -> dict[UnitT, Quarters]:
    found: dict[UnitT, list[int]] = {unit: list(kept.get(unit, ())) for unit in amounts}
    for quarter in range(QUARTERS):
        level, taking = whole[quarter], amounts
        if quarter < closed:
            level = _between(level - sum(quarters[quarter] for quarters in kept.values()), level)
            taking = {unit: amount for unit, amount in amounts.items() if unit not in kept}
        parts = _shares(level, taking)
        for unit in taking:
            found[unit].append(parts[unit])
    return {unit: _whole(source, amounts[unit], quarters) for unit, quarters in found.items()}


def rescaled(
    source: str, amount: int, parts: Mapping[UnitT, int], kept: Mapping[UnitT, Sequence[int]]
) -> dict[UnitT, int]:
    """The annual figures of parts that are to add up to another ``amount``: in proportion to what they have in the
    quarters that are open; where they have nothing there, to what they have in the year; where neither, evenly."""
    closed = {unit: 0 if nature_of(source).lasts else sum(kept[unit]) for unit in parts}
    _check_kept(source, amount, sum(closed.values()))
    ahead = {unit: parts[unit] - closed[unit] for unit in parts}
    shares = _shares(amount - sum(closed.values()), ahead if any(ahead.values()) else parts)
    return {unit: closed[unit] + shares[unit] for unit in parts}


def figure_in(source: str, quarters: Quarters, period: Period) -> int:
    """The target of a month, quarter, half or year that lies within the year. A month of a flow is a third of its
    quarter, split exactly; an average is the mean of the months, rounded half-even; else the last month's counts."""
    months = range(period.first % 100 - 1, period.last % 100)
    nature = nature_of(source)
    if nature is Nature.AVERAGE:
        return round_half_even(Fraction(sum(quarters[month // 3] for month in months), len(months)))
    if nature.lasts:
        return quarters[months[-1] // 3]
    if len(months) > 1:  # whole quarters
        return sum(quarters[month // 3] for month in months[::3])
    [month] = months
    return _shares(quarters[month // 3], _THIRDS)[str(month % 3), ""]


def _shares(amount: int, weights: Mapping[UnitT, int]) -> dict[UnitT, int]:
    """An amount over weights, whose signs do not matter; evenly where all are zero. Parts of zero are there."""
    sizes: dict[tuple[str, str], int] = {key: abs(weight) for key, weight in weights.items()}
    if not any(sizes.values()):
        sizes = dict.fromkeys(sizes, 1)
    parts = split_over(amount, sizes, _NOBODY)
    return {key: parts.get(key, 0) for key in weights}


def _between(figure: int, limit: int) -> int:
    """The figure, kept from lying below zero or beyond the limit, whatever the limit's sign."""
    least, most = sorted((0, limit))
    return max(least, min(figure, most))


def _check_kept(source: str, amount: int, closed: int) -> None:
    if _between(closed, amount) != closed:
        raise _stands(source, closed)


def _whole(source: str, amount: int, quarters: Sequence[int]) -> Quarters:
    """The four quarters; raises Refusal where no quarter is open any more that could bring the amount about."""
    first, second, third, fourth = quarters
    if (fourth if nature_of(source).lasts else sum(quarters)) != amount:
        raise _stands(source, fourth if nature_of(source).lasts else sum(quarters))
    return first, second, third, fourth


def _stands(source: str, closed: int) -> Refusal:
    return Refusal(
        "closed-quarters-stand", "amount", f"the quarters closed by now come to {figure_of(source, closed):f}"
    )
