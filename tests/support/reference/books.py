"""Legs, and every question that can be asked of them, each by walking through all of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction

from tests.support.reference.rules import (
    LINES,
    MEASURES,
    STOCK_LINES,
    ZERO,
    contra_of,
    last_day,
    month_of,
    rounded,
)

BOOKS = ("manager", "department")


@dataclass(frozen=True)
class RefLeg:
    """One leg (§1). ``entry`` is the number of the accepted fact that booked it."""

    event_id: str
    book: str
    line: str
    centre: str
    contra: bool
    amount: Decimal
    day: date
    period: str
    adjusts_period: str | None = None
    customer_id: str | None = None
    account: str | None = None
    product_code: str | None = None
    department: str | None = None
    entry: int = 0

    @property
    def month(self) -> str:
        """The month of the business date."""
        return month_of(self.day)

    @property
    def origin(self) -> str:
        """The month that the leg is about."""
        return self.adjusts_period or self.period


@dataclass(frozen=True)
class RefStatement:
    """What a centre's statement says (§9)."""

    lines: dict[str, Decimal]
    stocks: dict[str, Decimal]
    averages: dict[str, Decimal]
    measures: dict[str, Decimal]


@dataclass
class Books:
    """Both books, as far as these legs go."""

    legs: list[RefLeg] = field(default_factory=list)

    def totals(self, book: str, months: Iterable[str] | None = None) -> dict[tuple[str, str], Decimal]:
        """Sums by centre and line over periods, contra centres left out; all that have legs, zero included."""
        wanted = None if months is None else set(months)
        sums: dict[tuple[str, str], Decimal] = {}
        for leg in self.legs:
            if leg.book == book and not leg.contra and (wanted is None or leg.period in wanted):
                sums[leg.centre, leg.line] = sums.get((leg.centre, leg.line), ZERO) + leg.amount
        return sums

    def stock(self, book: str, centre: str, line: str, day: date) -> Decimal:
        """B(day): what stands at the end of a day by all that is known."""
        return sum(
            (leg.amount for leg in self.legs
             if (leg.book, leg.centre, leg.line) == (book, centre, line) and leg.day <= day),
            ZERO,
        )  # fmt: skip

    def average(self, book: str, centre: str, line: str, last_day: date) -> Decimal:
        """The ten-day average of the month that ends on ``last_day`` by all that is known."""
        days = (last_day.replace(day=10), last_day.replace(day=20), last_day)
        return rounded(sum((Fraction(self.stock(book, centre, line, day)) for day in days), Fraction(0)) / 3)

    def until(self, month: str) -> "Books":
        """The books as they stood when the month was booked: without the legs of later periods."""
        return Books([leg for leg in self.legs if leg.period <= month])

    def statements(self, book: str, months: Sequence[str]) -> dict[str, RefStatement]:
        """The statements of all centres with a leg in these months or a stock leg before their end, as booked."""
        booked = [leg for leg in self.until(max(months)).legs if leg.book == book and not leg.contra]
        centres = {leg.centre for leg in booked if leg.period in months or leg.line in STOCK_LINES}
        return {centre: self.statement(book, centre, months) for centre in sorted(centres)}

    def statement(self, book: str, centre: str, months: Sequence[str]) -> RefStatement:
        """One centre's statement, as booked; all zero for a centre without legs."""
        last = max(months)
        booked = Books([leg for leg in self.until(last).legs if (leg.book, leg.centre) == (book, centre)])
        totals = booked.totals(book, months)
        lines = {line: totals.get((centre, line), ZERO) for line in LINES}
        return RefStatement(
            lines,
            {
                line: sum((leg.amount for leg in booked.legs if leg.line == line), ZERO)
                for line in STOCK_LINES
            },
            {line: booked.average(book, centre, line, last_day(last)) for line in STOCK_LINES},
            {name: sum((lines[line] for line in over), ZERO) for name, over in MEASURES.items()},
        )

    def invariants(self) -> None:
        """Raises unless (I1) and (I2) hold for each entry and line, and within it for each period."""
        legs_by: dict[tuple[int, str, str], list[RefLeg]] = {}
        for leg in self.legs:
            assert leg.amount, f"a leg of nothing: {leg}"
            assert leg.contra == (leg.centre == contra_of(leg.line)), f"a wrong contra centre: {leg}"
            assert leg.adjusts_period is None or leg.adjusts_period == leg.month < leg.period, leg
            assert leg.adjusts_period or leg.month == leg.period, leg
            legs_by.setdefault((leg.entry, leg.line, leg.period), []).append(leg)
        for where, legs in legs_by.items():
            manager, department = [[leg for leg in legs if leg.book == book] for book in BOOKS]
            assert _sum(manager) == _sum(department) == 0, f"I1 is broken at {where}: {legs}"
            own, twin = [[leg for leg in side if not leg.contra] for side in (manager, department)]
            assert _sum(own) == _sum(twin), f"I2 is broken at {where}: {legs}"


def _sum(legs: Iterable[RefLeg]) -> Decimal:
    return sum((leg.amount for leg in legs), ZERO)
