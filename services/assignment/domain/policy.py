"""Policy (政策) of the customer-manager system: grades, tiers, cycles and thresholds, in force from a day on."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
)

from services.assignment.domain.grade import DEFAULT_GRADES, Education, Grade, GradeTerms
from shared.contracts.appraisal import Rating
from shared.contracts.types import Amount, BusinessDate, Contract, Id, Rate
from shared.kernel.decider import Decider
from shared.kernel.errors import Malformed
from shared.kernel.event import Fact
from shared.kernel.money import parse_rate

STREAM = "policy-bank"
MOST_TIERS = 100


class RiskRating(StrEnum):
    """How closely a customer must be known (客户洗钱风险等级)."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


def _load(value: object) -> Decimal:
    load = value if isinstance(value, Decimal) else parse_rate(value)
    if load < 0:
        raise Malformed("must not be negative")
    return load


Load = Annotated[
    Decimal,
    BeforeValidator(_load),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^\d{1,6}(\.\d{1,6})?$", "examples": ["1.5"]}),
]
"""How much looking after a customer, or all of a manager's, weighs (负荷)."""

Months = Annotated[int, Field(ge=1, le=120)]
Days = Annotated[int, Field(ge=1, le=366)]


def _few(names: frozenset[str]) -> frozenset[str]:
    if len(names) > MOST_TIERS:
        raise Malformed(f"must not name more than {MOST_TIERS}")
    return names


Names = Annotated[
    frozenset[Id], AfterValidator(_few), PlainSerializer(lambda names: sorted(names), return_type=list[str])
]


def _percentage(rate: Decimal) -> Decimal:
    if not 0 < rate <= 100:
        raise Malformed("must lie above 0 and at most at 100 percent")
    return rate


Tiers = Annotated[
    frozenset[Annotated[str, StringConstraints(pattern=r"^(\*|[\w.:@+-]{1,64})$")]],
    AfterValidator(_few),
    PlainSerializer(lambda names: sorted(names), return_type=list[str]),
]


class GradeChange(Contract, extra="forbid"):
    """What a policy may set of a grade; what it leaves out stays as it was.

    An ``exam`` of ``""`` or a ``rating`` of ``""`` asks for none; ``leads`` of ``["*"]`` opens all tiers.
    """

    may_hold: bool | None = None
    capacity: Load | None = None
    leads: Tiers | None = None
    years_in_banking: Annotated[int, Field(ge=0, le=50)] | None = None
    education: Education | None = None
    certificates: Names | None = None
    exam: Annotated[str, Field(pattern=r"^[\w.:@+-]{0,64}$")] | None = None
    rating: Annotated[str, Field(pattern="^[ABCD]?$")] | None = None

    def applied(self, terms: GradeTerms) -> GradeTerms:
        """The grade's terms with this change."""
        said: dict[str, Any] = {
            name: getattr(self, name) for name in GradeChange.model_fields if getattr(self, name) is not None
        }
        if "leads" in said:
            said["leads"] = None if "*" in said["leads"] else said["leads"]
        if "exam" in said:
            said["exam"] = said["exam"] or None
        if "rating" in said:
            said["rating"] = Rating(said["rating"]) if said["rating"] else None
        return replace(terms, **said)


@dataclass(frozen=True, slots=True)
class TierTerms:
    """What a customer's tier (客户分层) means: the load it is, and how often it is to be visited."""

    weight: Decimal = Decimal(1)
    visit_months: int = 12


class TierChange(Contract, extra="forbid"):
    """What a policy may set of a tier; what it leaves out stays as it was."""

    weight: Load | None = None
    visit_months: Months | None = None

    def applied(self, terms: TierTerms) -> TierTerms:
        """The tier's terms with this change."""
        said = {name: getattr(self, name) for name in TierChange.model_fields}
        return replace(terms, **{name: value for name, value in said.items() if value is not None})


DEFAULT_TIERS: Mapping[str, TierTerms] = MappingProxyType(
    {
        "basic": TierTerms(Decimal("0.5"), 12),
        "silver": TierTerms(Decimal(1), 6),
        "gold": TierTerms(Decimal(2), 3),
        "platinum": TierTerms(Decimal(3), 2),
        "private": TierTerms(Decimal(5), 1),
    }
)
DEFAULT_REVIEWS: Mapping[RiskRating, int] = MappingProxyType(
    {RiskRating.HIGH: 6, RiskRating.MEDIUM: 12, RiskRating.LOW: 24}
)


class TierBand(Contract, extra="forbid"):
    """Customers are to be of this tier who, in order of what they bring, bring all of it up to so many percent."""

    tier: Id
    up_to_percent: Annotated[Rate, AfterValidator(_percentage)]


def _rising(bands: tuple[TierBand, ...]) -> tuple[TierBand, ...]:
    limits = [band.up_to_percent for band in bands]
    if limits != sorted(set(limits)):
        raise Malformed("must be in order of up_to_percent, each above the one before")
    return bands


DEFAULT_BANDS = tuple(
    TierBand(tier=tier, up_to_percent=Decimal(limit))
    for tier, limit in (("platinum", 50), ("gold", 80), ("silver", 95))
)


class PolicyTerms(Contract, extra="forbid"):
    """What a policy may set; what it leaves out stays as it was. Money in yuan, days are business days."""

    grades: dict[Grade, GradeChange] | None = None
    tiers: Annotated[dict[Id, TierChange], Field(max_length=MOST_TIERS)] | None = None
    tier_bands: (
        Annotated[tuple[TierBand, ...], Field(max_length=MOST_TIERS), AfterValidator(_rising)] | None
    ) = None
    tier_of_others: Id | None = None
    probation_months: Months | None = None
    complaint_days: Days | None = None
    review_months: dict[RiskRating, Months] | None = None
    large_value: Amount | None = None
    large_value_days: Days | None = None


class PolicySet(PolicyTerms, extra="ignore"):
    """The policy from a day on was set."""

    effective_from: BusinessDate
    business_date: BusinessDate

    @property
    def stream(self) -> str:
        return STREAM


@dataclass(frozen=True, slots=True)
class Policy:
    """All that is in force on a day. ``version`` names the day from which it is; amounts in minor units."""

    grades: Mapping[Grade, GradeTerms] = field(default_factory=lambda: DEFAULT_GRADES)
    tiers: Mapping[str, TierTerms] = field(default_factory=lambda: DEFAULT_TIERS)
    tier_bands: tuple[TierBand, ...] = DEFAULT_BANDS
    tier_of_others: str = "basic"
    probation_months: int = 3
    complaint_days: int = 5
    review_months: Mapping[RiskRating, int] = field(default_factory=lambda: DEFAULT_REVIEWS)
    large_value: int = 5_000_000
    large_value_days: int = 5
    version: str = "default"

    def tier(self, tier: str) -> TierTerms:
        """The terms of a tier; of one that no policy knows, the usual ones."""
        return self.tiers.get(tier, _USUAL_TIER)

    def may_lead(self, grade: Grade, tier: str) -> bool:
        """Whether a grade may hold the largest share of a customer of this tier."""
        leads = self.grades[grade].leads
        return leads is None or tier in leads or tier not in self.tiers

    def amended(self, terms: PolicyTerms, version: str) -> "Policy":
        """This policy with what ``terms`` set."""
        plain = {name: getattr(terms, name) for name in _PLAIN if getattr(terms, name) is not None}
        return replace(
            self,
            grades={**self.grades, **{g: c.applied(self.grades[g]) for g, c in (terms.grades or {}).items()}},
            tiers={**self.tiers, **{t: c.applied(self.tier(t)) for t, c in (terms.tiers or {}).items()}},
            review_months={**self.review_months, **(terms.review_months or {})},
            version=version,
            **plain,
        )

    def shown(self) -> dict[str, Any]:
        """As callers see it, apart from amounts, which are minor units."""
        values = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "version"}
        grades = {
            grade.value: {
                **asdict(terms),
                "capacity": str(terms.capacity),
                "leads": ["*"] if terms.leads is None else sorted(terms.leads),
                "certificates": sorted(terms.certificates),
            }
            for grade, terms in self.grades.items()
        }
        tiers = {tier: {**asdict(terms), "weight": str(terms.weight)} for tier, terms in self.tiers.items()}
        return {
            **values,
            "grades": grades,
            "tiers": tiers,
            "tier_bands": [band.model_dump(mode="json") for band in self.tier_bands],
            "review_months": {rating.value: months for rating, months in self.review_months.items()},
        }


_PLAIN = (
    "tier_bands",
    "tier_of_others",
    "probation_months",
    "complaint_days",
    "large_value",
    "large_value_days",
)
_USUAL_TIER = TierTerms()
DEFAULT = Policy()


@dataclass(frozen=True, slots=True)
class Policies:
    """Every policy so far, by the day from which it is in force."""

    days: tuple[date, ...] = ()
    policies: tuple[Policy, ...] = ()

    @classmethod
    def of(cls, changes: Sequence[tuple[date, PolicyTerms]]) -> "Policies":
        """From what was set, in order of setting; terms of later days build on those of earlier ones."""
        policies: list[Policy] = []
        days = sorted({day for day, _ in changes})
        for day in days:
            policy = policies[-1] if policies else DEFAULT
            for _, terms in (one for one in changes if one[0] == day):
                policy = policy.amended(terms, day.isoformat())
            policies.append(policy)
        return cls(tuple(days), tuple(policies))

    def in_force(self, day: date) -> Policy:
        """The policy of a day."""
        index = bisect_right(self.days, day)
        return self.policies[index - 1] if index else DEFAULT


@dataclass(frozen=True, slots=True)
class SetPolicy:
    """Command: from this day on, these terms."""

    effective_from: date
    terms: PolicyTerms
    today: date


def _decide(command: SetPolicy, _: None, __: None) -> Sequence[Fact]:
    terms = {name: getattr(command.terms, name) for name in PolicyTerms.model_fields}
    return [
        PolicySet.model_construct(**terms, effective_from=command.effective_from, business_date=command.today)
    ]


DECIDER: Decider[SetPolicy, None, None] = Decider(
    stream=lambda _: STREAM, initial=None, decide=_decide, evolve=lambda _, __: None
)
