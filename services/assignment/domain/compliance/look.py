"""The day's end (日终): what a day brings about for duties and visits by itself. The aggregate is a shard's customers.

A look at a day raises the duty to review each customer whose review falls due soon, turns into a breach each duty
whose day is over, and tells the visits that were missed. It depends on nothing but the day and what is known, so it
may be repeated at any time, by whomever: what was brought about before is not brought about again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from services.assignment.domain.business_day import after_business_days, is_business_day
from services.assignment.domain.care.missed import VisitDue, missed
from services.assignment.domain.compliance.duty import (
    Leads,
    Outstanding,
    breach,
    duty_id_of,
    outstanding_of,
)
from services.assignment.domain.compliance.shards import stream_in
from shared.contracts.assignment.compliance import DutyKind, DutyRaised
from shared.kernel.decider import Decider
from shared.kernel.event import Fact

AHEAD = timedelta(days=30)
"""How long before it falls due a review is asked for."""

# --- commands -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LookAtDay:
    """Bring about what a day does for these customers of one shard."""

    shard: int
    day: date
    customers: tuple[str, ...]

    @property
    def stream(self) -> str:
        """Names the shard to be locked; there is nothing in it."""
        return stream_in("look", self.shard)


# --- state --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CustomerDuties:
    """What of a customer matters at the day's end.

    ``outstanding`` are the duties not done yet, ``reviews`` the number of reviews so far. ``review_due`` is when
    the next one falls due, None for somebody who is not on record. ``visits`` are those due and not told as missed.
    """

    customer_id: str
    outstanding: tuple[Outstanding, ...] = ()
    reviews: int = 0
    review_due: date | None = None
    visits: tuple[VisitDue, ...] = ()


@dataclass(frozen=True, slots=True)
class Consulted:
    """The customers' duties and visits, and who was responsible on the days by which they were to be done."""

    customers: Mapping[str, CustomerDuties] = field(default_factory=dict)
    leads: Leads = field(default_factory=dict)


# --- decide -------------------------------------------------------------------------------------------------


def decide(command: LookAtDay, _: None, consulted: Consulted) -> Sequence[Fact]:
    """The duties raised and breached and the visits missed, customer by customer; refuses nothing."""
    facts: list[Fact] = []
    for customer_id in command.customers:
        customer = consulted.customers.get(customer_id, CustomerDuties(customer_id))
        raised = review_to_raise(customer, command.day)
        facts += [raised] if raised is not None else []
        facts += [breach(duty, consulted.leads) for duty in overdue(customer, raised, command.day)]
        facts += missed(customer_id, customer.visits, command.day, consulted.leads)
    return facts


def review_to_raise(customer: CustomerDuties, day: date) -> DutyRaised | None:
    """The duty to review a customer, where it falls due soon or did already, and is not outstanding anyway.

    Due on a day on which the bank is closed, the review may be done on the next business day.
    """
    due = customer.review_due
    if due is None or due - day > AHEAD:
        return None
    if any(duty.kind is DutyKind.CUSTOMER_REVIEW for duty in customer.outstanding):
        return None
    return DutyRaised(
        duty_id=duty_id_of("review", customer.customer_id, str(customer.reviews + 1)),
        kind=DutyKind.CUSTOMER_REVIEW,
        customer_id=customer.customer_id,
        raised_on=day,
        due_on=due if is_business_day(due) else after_business_days(due, 1),
        reason=f"review due on {due}",
    )


def overdue(customer: CustomerDuties, raised: DutyRaised | None, day: date) -> list[Outstanding]:
    """The customer's duties, with one just raised, whose day is over and whose breach was not noted yet."""
    duties = (*customer.outstanding, *([outstanding_of(raised)] if raised is not None else []))
    return [duty for duty in duties if duty.due_on < day and not duty.breached]


# --- evolve -------------------------------------------------------------------------------------------------


def stream(command: LookAtDay) -> str:
    """The shard's stream."""
    return command.stream


DECIDER: Decider[LookAtDay, None, Consulted] = Decider(
    stream=stream, initial=None, decide=decide, evolve=lambda _, __: None
)
