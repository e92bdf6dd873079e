"""Policy of promotion and demotion (晋升降级政策): which ratings move a grade, in force from a day on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Annotated

from pydantic import Field, model_validator

from services.appraisal.domain.indicator import Percent
from shared.contracts.appraisal import Rating
from shared.contracts.types import BusinessDate, Contract
from shared.kernel.decider import Decider
from shared.kernel.errors import Malformed
from shared.kernel.event import Fact

STREAM = "ladder_policy-bank"

LADDER = (
    "trainee",
    "assistant",
    "manager-4",
    "manager-3",
    "manager-2",
    "manager-1",
    "senior-2",
    "senior-1",
    "principal",
)
"""The grades of customer managers (客户经理等级), lowest first."""

Quarters = Annotated[int, Field(ge=1, le=12)]


def no_worse(rating: Rating, limit: Rating) -> bool:
    """Whether a rating is this one or a better one."""
    return list(Rating).index(rating) <= list(Rating).index(limit)


class LadderTerms(Contract, extra="forbid"):
    """What moves a manager's grade, whole: what is left out is the default.

    Up one: ``quarters_up`` regular quarters in a row of ``rating_up`` or better, or a promotion review of ``review_up``
    points or more. Down one: ``quarters_down`` in a row of ``rating_down`` or worse, or a regular year below
    ``year_down`` points. ``rating_talk`` or worse proposes a rectification talk (整改谈话).
    """

    quarters_up: Quarters = 4
    rating_up: Rating = Rating.A
    review_up: Percent = Decimal(90)
    quarters_down: Quarters = 2
    rating_down: Rating = Rating.D
    year_down: Percent = Decimal(60)
    rating_talk: Rating = Rating.D

    @model_validator(mode="after")
    def _apart(self) -> "LadderTerms":
        if no_worse(self.rating_down, self.rating_up):
            raise Malformed("rating_down must be worse than rating_up")
        return self


# --- commands -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SetLadderPolicy:
    """From this day on, these terms."""

    effective_from: date
    terms: LadderTerms
    today: date


# --- events -------------------------------------------------------------------------------------------------


class LadderPolicySet(Contract):
    """The policy from a day on was set; a later word for the same day replaces it."""

    effective_from: BusinessDate
    terms: LadderTerms
    business_date: BusinessDate

    @property
    def stream(self) -> str:
        return STREAM


FACTS = (LadderPolicySet,)

# --- decide -------------------------------------------------------------------------------------------------


def _decide(command: SetLadderPolicy, _: None, __: None) -> Sequence[Fact]:
    return [
        LadderPolicySet(
            effective_from=command.effective_from, terms=command.terms, business_date=command.today
        )
    ]


DECIDER: Decider[SetLadderPolicy, None, None] = Decider(
    stream=lambda _: STREAM, initial=None, decide=_decide, evolve=lambda _, __: None
)


@dataclass(frozen=True, slots=True)
class LadderPolicies:
    """Every policy by the day from which it is in force; before the first, the default."""

    by_day: Mapping[date, LadderTerms] = field(default_factory=dict)

    def in_force(self, day: date) -> LadderTerms:
        """The policy of a day."""
        begun = [one for one in self.by_day if one <= day]
        return self.by_day[max(begun)] if begun else LadderTerms()
