"""A hand-over (移交): customers go from one manager to others, known to both sides and approved by a third person.

What is planned holds every share on every day, as it is and as it is to be. If somebody assigns one of the customers
before it is done, the plan is no longer current and nothing of it is done.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field

from services.assignment.domain import proposal as proposals
from services.assignment.domain.care import complaint as complaints
from services.assignment.domain.claim import Claim, check_free
from services.assignment.domain.hand_over_plan import Known, PlannedItem, Terms, plan
from services.assignment.domain.proposal import Kind, Open, Proposal, Propose
from services.assignment.domain.standing import Career
from services.assignment.domain.standing import Status as Employment
from shared.contracts.assignment import HandOverCompleted, HandOverGround
from shared.contracts.assignment.hand_overs import HandedOver
from shared.contracts.types import BusinessDate, CentreId, Contract, Id, Text
from shared.kernel.decider import Decider
from shared.kernel.errors import Refusal
from shared.kernel.event import Fact

AT_WORK = (Employment.PROBATION, Employment.CONFIRMED)
MAY_BE_AWAY = (HandOverGround.DEPARTURE, HandOverGround.EMERGENCY)
"""Grounds on which a manager who is not at work need not acknowledge."""

FARTHEST_AHEAD = timedelta(days=366)
"""How far ahead a hand-over may take effect."""


class Status(StrEnum):
    """planned 已拟定, completed 已完成, cancelled 已取消."""

    PLANNED = "planned"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


# --- commands -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _OfHandOver:
    """What all commands to a hand-over say; ``manager_id`` is the manager whose customers they are."""

    hand_over_id: str
    manager_id: str
    today: date

    @property
    def stream(self) -> str:
        return stream_of(self.manager_id, self.hand_over_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanHandOver(_OfHandOver):
    """Plan it: for the customers named, or for all of the manager's, spread over a team by least load."""

    terms: Terms
    planned_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AcknowledgeHandOver(_OfHandOver):
    """One of the parties knows of it."""

    acknowledged_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitHandOver(_OfHandOver):
    """Propose it to a third person."""

    proposal_id: str
    proposed_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CompleteHandOver(_OfHandOver):
    """Do it, as was approved."""

    approved_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelHandOver(_OfHandOver):
    """End it with nothing done."""

    reason: str


Command = PlanHandOver | AcknowledgeHandOver | SubmitHandOver | CompleteHandOver | CancelHandOver

# --- events -------------------------------------------------------------------------------------------------


class _HandOverEvent(Contract):
    """What all events of a hand-over carry; they lie in the shard of the old manager."""

    hand_over_id: Id
    manager_id: CentreId
    business_date: BusinessDate

    @property
    def stream(self) -> str:
        return stream_of(self.manager_id, self.hand_over_id)


class HandOverPlanned(_HandOverEvent):
    """What is to go to whom."""

    ground: HandOverGround
    effective_from: BusinessDate
    team_id: Id | None = None
    planned_by: str
    items: Annotated[tuple[PlannedItem, ...], Field(min_length=1)]


class HandOverAcknowledged(_HandOverEvent):
    """The old manager or a successor knows of it."""

    acknowledged_by: CentreId


class HandOverCancelled(_HandOverEvent):
    """It came to nothing by decision."""

    reason: Text


FACTS = (HandOverPlanned, HandOverAcknowledged, HandOverCancelled)
"""The events that stay in this service."""


def stream_of(manager_id: str, hand_over_id: str) -> str:
    """The stream of a hand-over, in the shard of the old manager."""
    return f"handover-{manager_id}#{hand_over_id}"


# --- state --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class HandOver:
    """A hand-over as it stands: the plan, and who knows of it."""

    planned: HandOverPlanned | None = None
    acknowledged: frozenset[str] = frozenset()
    status: Status = Status.PLANNED


@dataclass(frozen=True, slots=True)
class Complaint:
    """A complaint that the old manager is to answer."""

    complaint_id: str
    customer_id: str


@dataclass(frozen=True, slots=True)
class Consulted:
    """What the rules look at: what is known of managers and customers, the processes that the customers are in, what
    complaints the old manager is to answer, and what is proposed already."""

    known: Known = field(default_factory=Known)
    claims: Mapping[str, Claim] = field(default_factory=dict)
    complaints: Sequence[Complaint] = ()
    waiting: Sequence[Open] = ()


# --- decide -------------------------------------------------------------------------------------------------


def decide(command: Command, hand_over: HandOver, consulted: Consulted) -> Sequence[Fact]:
    """What is to be recorded; raises Refusal, AlreadyProposed for what waits for a third person."""
    if isinstance(command, PlanHandOver):
        return [_plan(command, consulted)]
    planned = hand_over.planned
    assert planned is not None  # the doors look for it first
    if hand_over.status is not Status.PLANNED:
        detail = f"hand-over {command.hand_over_id} is {hand_over.status}"
        raise Refusal("hand-over-is-open", "hand_over_id", detail)
    match command:
        case AcknowledgeHandOver():
            return _acknowledge(command, hand_over, planned)
        case SubmitHandOver():
            return [_submit(command, hand_over, planned, consulted)]
        case CompleteHandOver():
            return _complete(command, planned, consulted)
        case _:
            return [HandOverCancelled(**_named(command), reason=command.reason)]


def _named(command: Command) -> dict[str, Any]:
    return {
        "hand_over_id": command.hand_over_id,
        "manager_id": command.manager_id,
        "business_date": command.today,
    }


def _plan(command: PlanHandOver, consulted: Consulted) -> Fact:
    latest = command.today + FARTHEST_AHEAD
    if command.terms.effective_from > latest:
        raise Refusal("hand-over-is-near", "effective_from", f"must not be after {latest}")
    items = plan(command.terms, consulted.known)
    check_free([one.customer_id for one in items], consulted.claims, "items.{}.customer_id")
    return HandOverPlanned(
        **_named(command),
        ground=command.terms.ground,
        effective_from=command.terms.effective_from,
        team_id=command.terms.team_id,
        planned_by=command.planned_by,
        items=items,
    )


def _acknowledge(
    command: AcknowledgeHandOver, hand_over: HandOver, planned: HandOverPlanned
) -> Sequence[Fact]:
    party = command.acknowledged_by
    if party not in parties(planned):
        raise Refusal("parties-acknowledge", "manager_id", f"{party} is no party to this hand-over")
    if party in hand_over.acknowledged:
        return []
    return [HandOverAcknowledged(**_named(command), acknowledged_by=party)]


def parties(planned: HandOverPlanned) -> frozenset[str]:
    """The old manager and all successors."""
    return frozenset((planned.manager_id, *(item.successor_id for item in planned.items)))


def missing(hand_over: HandOver, planned: HandOverPlanned, career: Career, today: date) -> Sequence[str]:
    """Who has still to acknowledge: nobody who has left in a hurry, or for good."""
    excused: frozenset[str] = frozenset()
    standing = career.on(today)
    if planned.ground in MAY_BE_AWAY and (standing is None or standing.status not in AT_WORK):
        excused = frozenset({planned.manager_id})
    return sorted(parties(planned) - hand_over.acknowledged - excused)


def _submit(
    command: SubmitHandOver, hand_over: HandOver, planned: HandOverPlanned, consulted: Consulted
) -> Fact:
    waits_for = missing(hand_over, planned, consulted.known.careers[planned.manager_id], command.today)
    if waits_for:
        detail = f"{', '.join(waits_for)} did not acknowledge it yet"
        raise Refusal("both-sides-acknowledge", "hand_over_id", detail)
    _check_current(planned, consulted)
    content = planned.model_dump(
        mode="json", exclude={"business_date": True, "items": {"__all__": {"tail", "before"}}}
    )
    proposed = Propose(
        command.proposal_id,
        Kind.HAND_OVER,
        command.hand_over_id,
        content,
        command.proposed_by,
        command.today,
    )
    [fact] = proposals.decide(proposed, Proposal(), proposals.Consulted(frozenset(), consulted.waiting))
    return fact


def _complete(command: CompleteHandOver, planned: HandOverPlanned, consulted: Consulted) -> Sequence[Fact]:
    if command.approved_by in (*parties(planned), planned.planned_by):
        detail = "who hands over, takes over, planned or proposed it does not decide on it"
        raise Refusal("third-person", "proposal_id", detail)
    _check_current(planned, consulted)
    successors = {item.customer_id: item.successor_id for item in planned.items}
    moved = [
        (one, fact)
        for one in consulted.complaints
        for fact in _reassigned(one, command, successors[one.customer_id])
    ]
    completed = HandOverCompleted(
        **_named(command),
        ground=planned.ground,
        effective_from=planned.effective_from,
        items=tuple(
            HandedOver(customer_id=item.customer_id, successor_id=item.successor_id) for item in planned.items
        ),
        complaint_ids=tuple(one.complaint_id for one, _ in moved),
    )
    return [completed, *(fact for _, fact in moved)]


def _reassigned(complaint: Complaint, command: CompleteHandOver, successor_id: str) -> Sequence[Fact]:
    """The complaint is the successor's to answer, by the rules of complaints."""
    return complaints.decide(
        complaints.AssignComplaint(
            complaint_id=complaint.complaint_id,
            customer_id=complaint.customer_id,
            today=command.today,
            manager_id=successor_id,
        ),
        complaints.Complaint(complaints.Status.ASSIGNED, manager_id=command.manager_id),
        complaints.Consulted(managers=frozenset({successor_id})),
    )


def _check_current(planned: HandOverPlanned, consulted: Consulted) -> None:
    for item in planned.items:
        if consulted.known.shares[item.customer_id] != item.before:
            detail = f"the shares of customer {item.customer_id} have changed since the plan was made"
            raise Refusal("plan-is-current", "hand_over_id", detail)


# --- evolve -------------------------------------------------------------------------------------------------


def evolve(hand_over: HandOver, fact: Fact) -> HandOver:
    """The hand-over after a fact."""
    match fact:
        case HandOverPlanned():
            return replace(hand_over, planned=fact)
        case HandOverAcknowledged():
            return replace(hand_over, acknowledged=hand_over.acknowledged | {fact.acknowledged_by})
        case HandOverCompleted():
            return replace(hand_over, status=Status.COMPLETED)
        case HandOverCancelled():
            return replace(hand_over, status=Status.CANCELLED)
        case _:
            return hand_over  # its proposal and complaints, which are others' streams


def stream(command: Command) -> str:
    """The hand-over's stream."""
    return command.stream


DECIDER: Decider[Command, HandOver, Consulted] = Decider(stream, HandOver(), decide, evolve)
