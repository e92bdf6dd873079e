"""Satisfaction surveys (满意度调查): what a customer thinks of being looked after."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction

from services.assignment.domain.record import check_has_come, customer_stream, sealed_text
from shared.contracts.assignment import care as contract
from shared.kernel.decider import Decider
from shared.kernel.errors import Refusal
from shared.kernel.event import Fact
from shared.kernel.money import format_money, round_half_even

# --- commands -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SurveyCustomer:
    """Record what a customer answered. The comment is personal data and never leaves the service."""

    survey_id: str
    customer_id: str
    score: int
    surveyed_on: date
    recorded_by: str
    today: date
    comment: str | None = field(default=None, repr=False)

    @property
    def stream(self) -> str:
        return f"survey-{self.customer_id}#{self.survey_id}"

    @property
    def owner(self) -> str:
        return customer_stream(self.customer_id)

    @property
    def texts(self) -> Mapping[str, str]:
        return {} if self.comment is None else {"comment": self.comment}


# --- events -------------------------------------------------------------------------------------------------


class CustomerSurveyed(contract.CustomerSurveyed):
    """The contract's event with the comment beside it: sealed, and left out of what is published."""

    sealed: str | None = None


# --- state --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Consulted:
    """The comments, sealed with the customers' keys, and who answered for each customer on the survey's day."""

    sealed: Mapping[SurveyCustomer, str] = field(default_factory=dict)
    leads: Mapping[tuple[str, date], str] = field(default_factory=dict)


# --- decide -------------------------------------------------------------------------------------------------


def decide(command: SurveyCustomer, _: None, consulted: Consulted) -> Sequence[Fact]:
    """The survey, for whoever answered for the customer on that day; raises Refusal naming field and rule."""
    check_has_come(command.surveyed_on, command.today, "surveyed_on")
    manager_id = consulted.leads.get((command.customer_id, command.surveyed_on))
    if manager_id == command.recorded_by:
        raise Refusal("four-eyes", "customer_id", "nobody records what a customer thinks of themselves")
    sealed = None if command.comment is None else sealed_text(consulted.sealed, command, "comment")
    return [
        CustomerSurveyed(
            survey_id=command.survey_id,
            customer_id=command.customer_id,
            manager_id=manager_id,
            score=command.score,
            surveyed_on=command.surveyed_on,
            sealed=sealed,
        )
    ]


def mean(total: int, count: int) -> str | None:
    """The mean of ``count`` scores that add up to ``total``, rounded half-even to two places; None of none."""
    return format_money(round_half_even(Fraction(total * 100, count))) if count else None


# --- evolve -------------------------------------------------------------------------------------------------


def evolve(_: None, __: Fact) -> None:
    """A survey has no state: nothing follows upon it in its stream."""


def stream(command: SurveyCustomer) -> str:
    """The survey's stream."""
    return command.stream


DECIDER: Decider[SurveyCustomer, None, Consulted] = Decider(stream, None, decide, evolve)
