"""Complaints (投诉): received → assigned → answered → confirmed by somebody else, or open again.

Each must be answered within so many business days, of which the policy of the day it was received decides. The
days that people state do not go back: received, answered, confirmed.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum

from services.assignment.domain.business_day import after_business_days
from services.assignment.domain.policy import Policies
from services.assignment.domain.record import (
    check_follows,
    check_has_come,
    check_manager,
    customer_stream,
    sealed_text,
)
from shared.contracts.assignment import care as contract
from shared.kernel.decider import Decider
from shared.kernel.errors import Refusal
from shared.kernel.event import Fact


class Channel(StrEnum):
    """How a complaint came: branch 网点, phone 电话, online 线上, letter 信函."""

    BRANCH = "branch"
    PHONE = "phone"
    ONLINE = "online"
    LETTER = "letter"


class Status(StrEnum):
    """How far a complaint has come: received 已受理, assigned 已分派, answered 已答复, confirmed 已确认."""

    RECEIVED = "received"
    ASSIGNED = "assigned"
    ANSWERED = "answered"
    CONFIRMED = "confirmed"


UNANSWERED = (Status.RECEIVED, Status.ASSIGNED)
"""While a complaint waits for an answer, and its deadline counts."""


def stream_of(customer_id: str, complaint_id: str) -> str:
    """The stream of a complaint."""
    return f"complaint-{customer_id}#{complaint_id}"


# --- commands -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _OfComplaint:
    """What all commands to a complaint say; only some carry a text."""

    complaint_id: str
    customer_id: str
    today: date

    @property
    def stream(self) -> str:
        return stream_of(self.customer_id, self.complaint_id)

    @property
    def owner(self) -> str:
        return customer_stream(self.customer_id)

    @property
    def texts(self) -> Mapping[str, str]:
        return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiveComplaint(_OfComplaint):
    """Record a complaint. The text is personal data and never leaves the service."""

    received_on: date
    channel: Channel
    text: str = field(repr=False)

    @property
    def texts(self) -> Mapping[str, str]:
        return {"text": self.text}


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignComplaint(_OfComplaint):
    """Have a manager answer it, also in the place of another."""

    manager_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerComplaint(_OfComplaint):
    """Answer it. ``manager_id`` is the manager who does; None for those who may answer in any's place."""

    answered_on: date
    answered_by: str
    manager_id: str | None
    text: str = field(repr=False)

    @property
    def texts(self) -> Mapping[str, str]:
        return {"answer": self.text}


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmComplaint(_OfComplaint):
    """Say whether the customer is satisfied with the answer."""

    satisfied: bool
    confirmed_on: date
    confirmed_by: str


Command = ReceiveComplaint | AssignComplaint | AnswerComplaint | ConfirmComplaint

# --- events -------------------------------------------------------------------------------------------------


class ComplaintReceived(contract.ComplaintReceived):
    """The contract's event with the text beside it: sealed, and left out of what is published."""

    sealed: str


class ComplaintAnswered(contract.ComplaintAnswered):
    """The contract's event with the answer, sealed, and its author beside it, both left out of what is
    published."""

    answered_by: str
    sealed: str


class ComplaintConfirmed(contract.ComplaintConfirmed):
    """The contract's event with the second person beside it, left out of what is published."""

    confirmed_by: str


# --- state --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Complaint:
    """A complaint as it stands; without a ``status`` there is none. ``stated_on`` is the last day stated."""

    status: Status | None = None
    due_on: date = date.min
    stated_on: date = date.min
    manager_id: str = ""
    answered_by: str = ""


@dataclass(frozen=True, slots=True)
class Consulted:
    """The texts, sealed with the customers' keys, the managers on record, and all policies."""

    sealed: Mapping[Command, str] = field(default_factory=dict)
    managers: AbstractSet[str] = frozenset()
    policies: Policies = field(default_factory=Policies)

    def deadline(self, day: date) -> date:
        """By when to answer what was received, or opened again, on a day: business days by its policy."""
        return after_business_days(day, self.policies.in_force(day).complaint_days)


# --- decide -------------------------------------------------------------------------------------------------


def decide(command: Command, complaint: Complaint, consulted: Consulted) -> Sequence[Fact]:
    """The next step of a complaint, none for an assignment that is known; raises Refusal."""
    if isinstance(command, ReceiveComplaint):
        return [_receive(command, consulted)]
    if isinstance(command, AssignComplaint):
        return _assign(command, complaint, consulted)
    if isinstance(command, AnswerComplaint):
        return [_answer(command, complaint, consulted)]
    return [_confirm(command, complaint, consulted)]


def _receive(command: ReceiveComplaint, consulted: Consulted) -> Fact:
    check_has_come(command.received_on, command.today, "received_on")
    return ComplaintReceived(
        complaint_id=command.complaint_id,
        customer_id=command.customer_id,
        received_on=command.received_on,
        channel=command.channel.value,
        due_on=consulted.deadline(command.received_on),
        sealed=sealed_text(consulted.sealed, command, "text"),
    )


def _assign(command: AssignComplaint, complaint: Complaint, consulted: Consulted) -> Sequence[Fact]:
    _check_status(command, complaint, UNANSWERED, "complaint-is-unanswered")
    if complaint.manager_id == command.manager_id:
        return []
    check_manager(command.manager_id, consulted.managers)
    return [
        contract.ComplaintAssigned(
            complaint_id=command.complaint_id,
            customer_id=command.customer_id,
            manager_id=command.manager_id,
            assigned_on=command.today,
        )
    ]


def _answer(command: AnswerComplaint, complaint: Complaint, consulted: Consulted) -> Fact:
    _check_status(command, complaint, (Status.ASSIGNED,), "complaint-is-assigned")
    if command.manager_id not in (None, complaint.manager_id):
        raise Refusal("assigned-manager-answers", "complaint_id", "another manager is to answer it")
    check_has_come(command.answered_on, command.today, "answered_on")
    check_follows(command.answered_on, complaint.stated_on, "answered_on")
    return ComplaintAnswered(
        complaint_id=command.complaint_id,
        customer_id=command.customer_id,
        manager_id=complaint.manager_id,
        answered_on=command.answered_on,
        in_time=command.answered_on <= complaint.due_on,
        answered_by=command.answered_by,
        sealed=sealed_text(consulted.sealed, command, "text"),
    )


def _confirm(command: ConfirmComplaint, complaint: Complaint, consulted: Consulted) -> Fact:
    _check_status(command, complaint, (Status.ANSWERED,), "complaint-is-answered")
    if command.confirmed_by == complaint.answered_by:
        raise Refusal("four-eyes", "complaint_id", "nobody confirms what they answered")
    check_has_come(command.confirmed_on, command.today, "confirmed_on")
    check_follows(command.confirmed_on, complaint.stated_on, "confirmed_on")
    return ComplaintConfirmed(
        complaint_id=command.complaint_id,
        customer_id=command.customer_id,
        manager_id=complaint.manager_id,
        satisfied=command.satisfied,
        confirmed_on=command.confirmed_on,
        due_on=None if command.satisfied else consulted.deadline(command.confirmed_on),
        confirmed_by=command.confirmed_by,
    )


def _check_status(command: Command, complaint: Complaint, wanted: Sequence[Status], rule: str) -> None:
    """Raises Refusal naming the status that the complaint has, where it is none of those wanted."""
    if complaint.status not in wanted:
        status = complaint.status or "unknown"
        raise Refusal(rule, "complaint_id", f"complaint {command.complaint_id} is {status}")


# --- evolve -------------------------------------------------------------------------------------------------


def evolve(complaint: Complaint, fact: Fact) -> Complaint:
    """The complaint after a fact."""
    match fact:
        case ComplaintReceived():
            return Complaint(Status.RECEIVED, fact.due_on, fact.received_on)
        case contract.ComplaintAssigned():
            return replace(complaint, status=Status.ASSIGNED, manager_id=fact.manager_id)
        case ComplaintAnswered():
            return replace(
                complaint, status=Status.ANSWERED, stated_on=fact.answered_on, answered_by=fact.answered_by
            )
        case ComplaintConfirmed(due_on=date() as due_on):
            return replace(complaint, status=Status.ASSIGNED, stated_on=fact.confirmed_on, due_on=due_on)
        case _:
            return replace(complaint, status=Status.CONFIRMED)


def stream(command: Command) -> str:
    """The complaint's stream."""
    return command.stream


DECIDER: Decider[Command, Complaint, Consulted] = Decider(stream, Complaint(), decide, evolve)
