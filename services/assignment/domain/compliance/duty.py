"""A duty (合规任务): what must be done for a customer by a day. The aggregate is the duty.

Who is responsible is no part of an outstanding duty: it is whoever leads the customer on the day in question, so
that duties move along when the customer does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from hashlib import sha256

from services.assignment.domain.record import (
    check_follows,
    check_has_come,
    customer_stream,
    sealed_text,
)
from shared.contracts.assignment import compliance as contract
from shared.contracts.assignment.compliance import DutyBreached, DutyKind, DutyRaised
from shared.kernel.decider import Decider
from shared.kernel.errors import Refusal
from shared.kernel.event import Fact

LONGEST_ID = 64
_HASHED = 40

Leads = Mapping[tuple[str, date], str]
"""Who is responsible for a customer on a day; absent is a customer whom nobody looks after."""


def stream_of(customer_id: str, duty_id: str) -> str:
    """The stream of a duty."""
    return f"duty-{customer_id}#{duty_id}"


# --- commands -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DoDuty:
    """Say that a duty was done. ``manager_id`` is the manager who says so, None where an approver does."""

    duty_id: str
    customer_id: str
    done_on: date
    today: date
    manager_id: str | None
    note: str | None = field(default=None, repr=False)

    @property
    def stream(self) -> str:
        return stream_of(self.customer_id, self.duty_id)

    @property
    def owner(self) -> str:
        return customer_stream(self.customer_id)

    @property
    def texts(self) -> Mapping[str, str]:
        return {} if self.note is None else {"note": self.note}


# --- events -------------------------------------------------------------------------------------------------


class DutyDone(contract.DutyDone):
    """The contract's event with the note beside it: sealed, and left out of what is published."""

    sealed: str | None = None


# --- state --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Outstanding:
    """A duty that was not done yet, in time or no longer."""

    duty_id: str
    kind: DutyKind
    customer_id: str
    raised_on: date
    due_on: date
    breached: bool = False


@dataclass(frozen=True, slots=True)
class Duty:
    """A duty as it stands; nothing is outstanding of one that was done or never raised."""

    outstanding: Outstanding | None = None


@dataclass(frozen=True, slots=True)
class Consulted:
    """The notes, sealed with the customers' keys, and who was responsible when."""

    sealed: Mapping[DoDuty, str] = field(default_factory=dict)
    leads: Leads = field(default_factory=dict)


# --- refusals -----------------------------------------------------------------------------------------------


def check_responsible(manager_id: str | None, customer_id: str, today: date, leads: Leads) -> None:
    """Raises Refusal for a manager who is not the one responsible for the customer today; None is no manager."""
    if manager_id is not None and leads.get((customer_id, today)) != manager_id:
        detail = f"{manager_id} is not responsible for customer {customer_id}"
        raise Refusal("responsible-manager-acts", "customer_id", detail)


# --- decide -------------------------------------------------------------------------------------------------


def decide(command: DoDuty, duty: Duty, consulted: Consulted) -> Sequence[Fact]:
    """The duty done, and its breach before that where it is late; raises Refusal naming field and rule."""
    outstanding = duty.outstanding
    if outstanding is None:
        raise Refusal("duty-is-outstanding", "duty_id", f"duty {command.duty_id} is not outstanding")
    if outstanding.kind is DutyKind.CUSTOMER_REVIEW:
        raise Refusal("review-does-it", "duty_id", "this duty is done by a review of the customer")
    check_responsible(command.manager_id, command.customer_id, command.today, consulted.leads)
    check_has_come(command.done_on, command.today, "done_on")
    check_follows(command.done_on, outstanding.raised_on, "done_on")
    sealed = None if command.note is None else sealed_text(consulted.sealed, command, "note")
    return completion(outstanding, command.done_on, consulted.leads, sealed)


def completion(
    outstanding: Outstanding, done_on: date, leads: Leads, sealed: str | None = None
) -> list[Fact]:
    """What doing a duty gives rise to; one done late is breached first, unless the day's end has seen to that."""
    late = done_on > outstanding.due_on
    facts: list[Fact] = [breach(outstanding, leads)] if late and not outstanding.breached else []
    done = DutyDone(
        duty_id=outstanding.duty_id,
        kind=outstanding.kind,
        customer_id=outstanding.customer_id,
        done_on=done_on,
        manager_id=leads.get((outstanding.customer_id, done_on)),
        in_time=not (late or outstanding.breached),
        sealed=sealed,
    )
    return [*facts, done]


def breach(outstanding: Outstanding, leads: Leads) -> DutyBreached:
    """The breach of a duty; one to report large transactions is serious, as the law asks for the report."""
    return DutyBreached(
        duty_id=outstanding.duty_id,
        kind=outstanding.kind,
        customer_id=outstanding.customer_id,
        due_on=outstanding.due_on,
        manager_id=leads.get((outstanding.customer_id, outstanding.due_on)),
        serious=outstanding.kind is DutyKind.LARGE_VALUE_REPORT,
    )


def duty_id_of(word: str, customer_id: str, which: str) -> str:
    """The id of the one duty that a cause gives rise to, however often it is seen; hashed where it gets too long.

    ``word`` says what kind of cause (``large-value``, ``review``), ``which`` tells those of a customer apart.
    """
    whole = f"{word}:{customer_id}:{which}"
    return whole if len(whole) <= LONGEST_ID else f"{word}:{sha256(whole.encode()).hexdigest()[:_HASHED]}"


# --- evolve -------------------------------------------------------------------------------------------------


def outstanding_of(raised: DutyRaised) -> Outstanding:
    """A duty that was raised just now."""
    return Outstanding(raised.duty_id, raised.kind, raised.customer_id, raised.raised_on, raised.due_on)


def evolve(duty: Duty, fact: Fact) -> Duty:
    """The duty after a fact."""
    if isinstance(fact, DutyRaised):
        return Duty(outstanding_of(fact))
    if isinstance(fact, DutyBreached) and duty.outstanding is not None:
        return Duty(replace(duty.outstanding, breached=True))
    return Duty()


def stream(command: DoDuty) -> str:
    """The duty's stream."""
    return command.stream


DECIDER: Decider[DoDuty, Duty, Consulted] = Decider(stream, Duty(), decide, evolve)
