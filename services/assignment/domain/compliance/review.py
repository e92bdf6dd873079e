"""Know-your-customer reviews (客户尽职调查): the aggregate is all reviews of a customer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from services.assignment.domain.compliance.duty import Leads, Outstanding, check_responsible, completion
from services.assignment.domain.month import months_later
from services.assignment.domain.policy import Policies
from services.assignment.domain.policy import RiskRating as PolicyRating
from services.assignment.domain.record import check_has_come, customer_stream, sealed_text
from shared.contracts.assignment import compliance as contract
from shared.contracts.assignment.compliance import RiskRating
from shared.kernel.decider import Decider
from shared.kernel.errors import Refusal
from shared.kernel.event import Fact

# --- commands -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ReviewCustomer:
    """Record a review. ``manager_id`` is the manager who did it, None where an assigner or approver records it;
    ``approved`` says that an approver does."""

    review_id: str
    customer_id: str
    risk_rating: RiskRating
    reviewed_on: date
    today: date
    manager_id: str | None
    approved: bool
    note: str | None = field(default=None, repr=False)

    @property
    def stream(self) -> str:
        return f"review-{self.customer_id}"

    @property
    def owner(self) -> str:
        return customer_stream(self.customer_id)

    @property
    def texts(self) -> Mapping[str, str]:
        return {} if self.note is None else {"note": self.note}


# --- events -------------------------------------------------------------------------------------------------


class CustomerReviewed(contract.CustomerReviewed):
    """The contract's event with the note beside it: sealed, and left out of what is published."""

    sealed: str | None = None


# --- state --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reviews:
    """The day of a customer's last review, if there was one."""

    last: date | None = None


@dataclass(frozen=True, slots=True)
class Consulted:
    """The notes, sealed; the outstanding duties of review by customer; who was responsible when; the policies."""

    sealed: Mapping[ReviewCustomer, str] = field(default_factory=dict)
    outstanding: Mapping[str, Sequence[Outstanding]] = field(default_factory=dict)
    leads: Leads = field(default_factory=dict)
    policies: Policies = field(default_factory=Policies)


# --- decide -------------------------------------------------------------------------------------------------


def decide(command: ReviewCustomer, reviews: Reviews, consulted: Consulted) -> Sequence[Fact]:
    """The review, and the duty that it does; raises Refusal naming field and rule."""
    check_has_come(command.reviewed_on, command.today, "reviewed_on")
    check_responsible(command.manager_id, command.customer_id, command.today, consulted.leads)
    if command.risk_rating is RiskRating.HIGH and not command.approved:
        raise Refusal("high-risk-is-approved", "risk_rating", "a high risk needs an approver's word")
    if reviews.last is not None and command.reviewed_on <= reviews.last:
        detail = f"the customer was reviewed on {reviews.last} already"
        raise Refusal("review-is-newer", "reviewed_on", detail)
    sealed = None if command.note is None else sealed_text(consulted.sealed, command, "note")
    reviewed = CustomerReviewed(
        review_id=command.review_id,
        customer_id=command.customer_id,
        risk_rating=command.risk_rating,
        reviewed_on=command.reviewed_on,
        next_due_on=next_due(command.reviewed_on, command.risk_rating, consulted.policies),
        sealed=sealed,
    )
    done = [
        fact
        for outstanding in consulted.outstanding.get(command.customer_id, ())
        for fact in completion(outstanding, command.reviewed_on, consulted.leads)
    ]
    return [reviewed, *done]


def next_due(day: date, rating: RiskRating, policies: Policies) -> date:
    """When a customer of this rating, reviewed on a day, is to be reviewed again, by the policy of that day."""
    return months_later(day, policies.in_force(day).review_months[PolicyRating(rating)])


def first_due(registered_on: date, policies: Policies) -> date:
    """When a customer is to be reviewed for the first time: as one of medium risk, from the registration on."""
    return next_due(registered_on, RiskRating.MEDIUM, policies)


# --- evolve -------------------------------------------------------------------------------------------------


def evolve(reviews: Reviews, fact: Fact) -> Reviews:
    """The reviews with one more; what it did of other streams is no part of them."""
    return Reviews(fact.reviewed_on) if isinstance(fact, CustomerReviewed) else reviews


def stream(command: ReviewCustomer) -> str:
    """The stream of the customer's reviews."""
    return command.stream


DECIDER: Decider[ReviewCustomer, Reviews, Consulted] = Decider(stream, Reviews(), decide, evolve)
