"""Incentives (绩效薪酬): the policy by which results are paid for, in force from a day on, and the rule applying it."""

from bisect import bisect_right
from calendar import isleap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType
from typing import Annotated, Any, NamedTuple

from pydantic import AfterValidator, Field

from shared.contracts.appraisal import Rating
from shared.contracts.types import BusinessDate, Contract, Id, Rate
from shared.kernel.books import RESERVED_CENTRES, Book
from shared.kernel.decider import Decider
from shared.kernel.errors import Malformed, Refusal
from shared.kernel.event import Fact
from shared.kernel.money import percent_of, round_half_even
from shared.kernel.split import split

STREAM = "incentives-bank"
MOST_GROUPS = 100
_EXACT = 10**12
"""Turns the product of a rate and a coefficient, of six places each, into a whole number."""

DEFAULT_BONUS_RATES: Mapping[str, Decimal] = MappingProxyType(
    {
        "trainee": Decimal(0),
        "assistant": Decimal("1.0"),
        "manager-4": Decimal("1.5"),
        "manager-3": Decimal("1.8"),
        "manager-2": Decimal("2.1"),
        "manager-1": Decimal("2.4"),
        "senior-2": Decimal("2.7"),
        "senior-1": Decimal("3.0"),
        "principal": Decimal("3.5"),
    }
)
DEFAULT_COEFFICIENTS: Mapping[Rating, Decimal] = MappingProxyType(
    {Rating.A: Decimal("1.2"), Rating.B: Decimal("1.0"), Rating.C: Decimal("0.6"), Rating.D: Decimal(0)}
)


def _percentage(rate: Decimal) -> Decimal:
    if not 0 <= rate <= 100:
        raise Malformed("must lie between 0 and 100 percent")
    return rate


def _factor(coefficient: Decimal) -> Decimal:
    if not 0 <= coefficient <= 10:
        raise Malformed("must lie between 0 and 10")
    return coefficient


Percentage = Annotated[Rate, AfterValidator(_percentage)]
Factor = Annotated[Rate, AfterValidator(_factor)]
ByGroup = Annotated[dict[Id, Percentage], Field(max_length=MOST_GROUPS)]


class IncentiveTerms(Contract, extra="forbid"):
    """What a policy may set; what it leaves out stays as it was. Rates and parts in percent.

    ``bonus_rates`` and ``deferred_parts`` are by grade, ``fund_rates`` by department; ``deferred_part`` and
    ``fund_rate`` are those of all that are not named. A grade without a bonus rate has none. By which rate a loan claws
    back is not said here: it is the provision rate of the ledger's policy.
    """

    bonus_rates: ByGroup | None = None
    coefficients: dict[Rating, Factor] | None = None
    fund_rate: Percentage | None = None
    fund_rates: ByGroup | None = None
    deferred_part: Percentage | None = None
    deferred_parts: ByGroup | None = None
    instalments: Annotated[int, Field(ge=1, le=10)] | None = None
    clawback_years: Annotated[int, Field(ge=0, le=10)] | None = None


class IncentivePolicySet(IncentiveTerms, extra="ignore"):
    """The incentive policy from a day on was set."""

    effective_from: BusinessDate
    business_date: BusinessDate

    @property
    def stream(self) -> str:
        return STREAM


@dataclass(frozen=True, slots=True)
class IncentivePolicy:
    """All that is in force on a day. ``version`` names the day from which it is."""

    bonus_rates: Mapping[str, Decimal] = field(default_factory=lambda: DEFAULT_BONUS_RATES)
    coefficients: Mapping[Rating, Decimal] = field(default_factory=lambda: DEFAULT_COEFFICIENTS)
    fund_rate: Decimal = Decimal("2.0")
    fund_rates: Mapping[str, Decimal] = field(default_factory=dict)
    deferred_part: Decimal = Decimal(40)
    deferred_parts: Mapping[str, Decimal] = field(default_factory=dict)
    instalments: int = 3
    clawback_years: int = 3
    version: str = "default"

    def amended(self, terms: IncentiveTerms, version: str) -> "IncentivePolicy":
        """This policy with what ``terms`` set."""
        said = {name: getattr(terms, name) for name in IncentiveTerms.model_fields}
        changes: dict[str, Any] = {
            name: {**getattr(self, name), **value} if isinstance(value, dict) else value
            for name, value in said.items()
            if value is not None
        }
        return replace(self, **changes, version=version)

    def bonus_rate(self, grade: str | None) -> Decimal:
        """Percent of the efficiency that a grade is paid."""
        return self.bonus_rates.get(grade or "", Decimal(0))

    def deferred(self, amount: int, grade: str | None) -> int:
        """What of an award to a manager of a grade is deferred, in minor units."""
        return percent_of(amount, self.deferred_parts.get(grade or "", self.deferred_part))

    def shown(self) -> dict[str, Any]:
        """The wire form."""
        whole = IncentiveTerms(**{name: _plain(getattr(self, name)) for name in IncentiveTerms.model_fields})
        return {"effective_from": self.version, **whole.model_dump(mode="json")}


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else value


DEFAULT = IncentivePolicy()


@dataclass(frozen=True, slots=True)
class IncentivePolicies:
    """Every policy so far, by the day from which it is in force."""

    days: tuple[date, ...] = ()
    policies: tuple[IncentivePolicy, ...] = ()

    @classmethod
    def of(cls, changes: Sequence[tuple[date, IncentiveTerms]]) -> "IncentivePolicies":
        """From what was set, in order of setting; terms of later days build on those of earlier ones."""
        policies: list[IncentivePolicy] = []
        days = sorted({day for day, _ in changes})
        for day in days:
            policy = policies[-1] if policies else DEFAULT
            for _, terms in (one for one in changes if one[0] == day):
                policy = policy.amended(terms, day.isoformat())
            policies.append(policy)
        return cls(tuple(days), tuple(policies))

    def in_force(self, day: date) -> IncentivePolicy:
        """The policy of a day."""
        index = bisect_right(self.days, day)
        return self.policies[index - 1] if index else DEFAULT


# --- the rule -----------------------------------------------------------------------------------------------


class Achieved(NamedTuple):
    """What of a centre's scorecard counts for pay: ``group`` is a manager's grade; efficiency in minor units."""

    side: Book
    centre_id: str
    group: str | None
    efficiency: int
    rating: Rating | None


def _by_id(one: Achieved) -> str:
    return one.centre_id


class Bonus(NamedTuple):
    """A manager's bonus, in minor units, and how it came about."""

    achieved: Achieved
    rate: Decimal
    coefficient: Decimal
    amount: int


def bonuses(achieved: Iterable[Achieved], policy: IncentivePolicy, pool: int | None = None) -> list[Bonus]:
    """What each rated manager gets, in order of id: max(0, Y) × rate of the grade × coefficient of the rating,
    half-even to the fen; or the part of a ``pool`` by these bonus points, all of it shared. Raises Refusal where
    nobody has any.
    """
    rated = [
        (one, policy.bonus_rate(one.group), policy.coefficients[one.rating])
        for one in sorted(achieved, key=_by_id)
        if one.side is Book.MANAGER and one.rating is not None and one.centre_id not in RESERVED_CENTRES
    ]
    exact = {one.centre_id: max(0, one.efficiency) * Fraction(rate) * Fraction(by) for one, rate, by in rated}
    if pool is None:
        amounts = {centre_id: round_half_even(points / 100) for centre_id, points in exact.items()}
    else:
        weights = {centre_id: int(points * _EXACT) for centre_id, points in exact.items()}
        if not any(weights.values()):
            raise Refusal("pool-has-points", "pool", "nobody has any bonus points to share it by")
        amounts = split(pool, weights)
    return [Bonus(one, rate, by, amounts.get(one.centre_id, 0)) for one, rate, by in rated]


class Fund(NamedTuple):
    """A department's fund, in minor units, and its rate in percent."""

    achieved: Achieved
    rate: Decimal
    amount: int


def funds(achieved: Iterable[Achieved], policy: IncentivePolicy) -> list[Fund]:
    """What each department gets, in order of id: max(0, Y) × its fund rate, half-even to the fen."""
    own = [
        (one, policy.fund_rates.get(one.centre_id, policy.fund_rate))
        for one in sorted(achieved, key=_by_id)
        if one.side is Book.DEPARTMENT and one.centre_id not in RESERVED_CENTRES
    ]
    return [Fund(one, rate, percent_of(max(0, one.efficiency), rate)) for one, rate in own]


def instalments(deferred: int, number: int, granted_on: date) -> list[tuple[date, int]]:
    """A deferred amount in equal yearly parts, the first due a year after the grant; the fen left over go to the
    earlier ones. Parts of nothing are left out."""
    parts = split(deferred, {f"{year:02d}": 1 for year in range(1, number + 1)})
    return [(years_later(granted_on, int(year)), amount) for year, amount in parts.items()]


def years_later(day: date, years: int) -> date:
    """The same day so many years later; the 29th of February becomes the 28th where there is none."""
    leap_day = day.month == 2 and day.day == 29
    return date(day.year + years, day.month, 28 if leap_day and not isleap(day.year + years) else day.day)


# --- setting a policy ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SetIncentivePolicy:
    """Command: from this day on, these terms."""

    effective_from: date
    terms: IncentiveTerms
    today: date


def _decide(command: SetIncentivePolicy, _: None, __: None) -> Sequence[Fact]:
    terms = {name: getattr(command.terms, name) for name in IncentiveTerms.model_fields}
    said = IncentivePolicySet.model_construct(
        **terms, effective_from=command.effective_from, business_date=command.today
    )
    return [said]


DECIDER: Decider[SetIncentivePolicy, None, None] = Decider(
    stream=lambda _: STREAM, initial=None, decide=_decide, evolve=lambda _, __: None
)
