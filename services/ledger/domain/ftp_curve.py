"""FTP curves (内部资金转移定价曲线): what money of a tenor costs inside the bank, from a date on.

Products whose policy says so are priced on them day by day instead of by the pool (see ``transfer_pricing.py``).
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from shared.contracts.types import BusinessDate, Contract, Id, Rate
from shared.kernel.decider import Decider
from shared.kernel.errors import Malformed, Refusal
from shared.kernel.event import Fact

Tenor = Annotated[str, StringConstraints(pattern=r"^(ON|[1-9]\d{0,2}[DWMY])$")]
"""How long money is lent for: ``ON`` overnight, or a number of days, weeks, months or years, such as ``3M``."""


def _within_bounds(rate: Decimal) -> Decimal:
    if abs(rate) > 100:
        raise Malformed("must lie between -100 and 100 percent")
    return rate


CurveRate = Annotated[Rate, AfterValidator(_within_bounds)]


class CurvePoints(Contract):
    """A curve's rates in percent a year by tenor, from a date on; they replace all points of the time before."""

    effective_from: BusinessDate
    rates: Annotated[dict[Tenor, CurveRate], Field(min_length=1, max_length=100)]


class FtpCurveSet(CurvePoints):
    """A curve was set from a date on."""

    name: Id

    @property
    def stream(self) -> str:
        return f"curve-{self.name}"

    @property
    def business_date(self) -> date:
        return self.effective_from


@dataclass(frozen=True, slots=True)
class Curves:
    """Every curve: its points from each effective date on."""

    curves: Mapping[str, tuple[tuple[date, ...], tuple[Mapping[str, Decimal], ...]]] = field(
        default_factory=dict
    )

    @classmethod
    def of(cls, rows: Sequence[tuple[str, date, Mapping[str, Decimal]]]) -> "Curves":
        """From (name, effective from, rates by tenor)."""
        by_name: dict[str, dict[date, Mapping[str, Decimal]]] = {}
        for name, effective_from, rates in rows:
            by_name.setdefault(name, {})[effective_from] = rates
        return cls(
            {
                name: (tuple(sorted(points)), tuple(points[day] for day in sorted(points)))
                for name, points in by_name.items()
            }
        )

    def rate_on(self, name: str, tenor: str, day: date) -> Decimal:
        """The rate of a day in percent a year; raises Refusal where the curve has none."""
        dates, points = self.curves.get(name, ((), ()))
        index = bisect_right(dates, day)
        rate = points[index - 1].get(tenor) if index else None
        if rate is None:
            raise Refusal("curve-has-rate", "ftp", f"curve {name} has no rate for {tenor} on {day}")
        return rate


@dataclass(frozen=True, slots=True)
class SetFtpCurve:
    """Command: from a date on, these points."""

    name: str
    points: CurvePoints


def _decide(command: SetFtpCurve, _: None, __: None) -> Sequence[Fact]:
    points = command.points
    return [FtpCurveSet(name=command.name, effective_from=points.effective_from, rates=points.rates)]


DECIDER: Decider[SetFtpCurve, None, None] = Decider(
    stream=lambda command: f"curve-{command.name}", initial=None, decide=_decide, evolve=lambda _, __: None
)
