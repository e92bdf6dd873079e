"""Suspicious transaction reports (可疑交易报告): what somebody noticed, and whether the bank reports it.

Nobody may be warned (no tipping off, 不得泄密): a report raises no duty, is not published, and shows in nothing
that those can see who neither made it nor decide on it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from services.assignment.domain.record import (
    check_has_come,
    customer_stream,
    sealed_text,
)
from shared.contracts.types import BusinessDate, Contract, Id
from shared.kernel.decider import Decider
from shared.kernel.errors import Refusal
from shared.kernel.event import Fact


class Decision(StrEnum):
    """reported 上报 to the authority, or dismissed 排除."""

    REPORTED = "reported"
    DISMISSED = "dismissed"


# --- commands -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ReportSuspicion:
    """Say what looks suspicious."""

    suspicion_id: str
    customer_id: str
    observed_on: date
    reported_by: str
    today: date
    text: str = field(repr=False)

    @property
    def stream(self) -> str:
        return stream_of(self.customer_id, self.suspicion_id)

    @property
    def owner(self) -> str:
        return customer_stream(self.customer_id)

    @property
    def texts(self) -> Mapping[str, str]:
        return {"text": self.text}


@dataclass(frozen=True, slots=True)
class DecideSuspicion:
    """Report it to the authority, under its ``reference`` if it has one, or dismiss it."""

    suspicion_id: str
    customer_id: str
    decision: Decision
    reference: str | None
    decided_by: str
    today: date
    reason: str = field(repr=False)

    @property
    def stream(self) -> str:
        return stream_of(self.customer_id, self.suspicion_id)

    @property
    def owner(self) -> str:
        return customer_stream(self.customer_id)

    @property
    def texts(self) -> Mapping[str, str]:
        return {"reason": self.reason}


Command = ReportSuspicion | DecideSuspicion

# --- events -------------------------------------------------------------------------------------------------


class _SuspicionEvent(Contract):
    """What all events of suspicions carry, the words sealed with the customer's key."""

    suspicion_id: Id
    customer_id: Id
    business_date: BusinessDate
    sealed: str

    @property
    def stream(self) -> str:
        return stream_of(self.customer_id, self.suspicion_id)


class SuspicionReported(_SuspicionEvent):
    """Somebody noticed something on ``observed_on``; ``business_date`` is the day of saying so."""

    observed_on: BusinessDate
    reported_by: str


class SuspicionDecided(_SuspicionEvent):
    """Another person decided."""

    decision: Decision
    reference: Id | None = None
    decided_by: str


def stream_of(customer_id: str, suspicion_id: str) -> str:
    """The stream of a suspicion."""
    return f"suspicion-{customer_id}#{suspicion_id}"


# --- state --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Suspicion:
    """A suspicion as it stands; an empty ``reported_by`` is that of none."""

    reported_by: str = ""
    open: bool = False


Sealed = Mapping[Command, str]
"""What the rules consult: the words of each command, sealed with the customer's key."""

# --- decide -------------------------------------------------------------------------------------------------


def decide(command: Command, suspicion: Suspicion, sealed: Sealed) -> Sequence[Fact]:
    """The report, or the decision on it; raises Refusal naming field and rule."""
    if isinstance(command, ReportSuspicion):
        check_has_come(command.observed_on, command.today, "observed_on")
        return [
            SuspicionReported(
                suspicion_id=command.suspicion_id,
                customer_id=command.customer_id,
                business_date=command.today,
                sealed=sealed_text(sealed, command, "text"),
                observed_on=command.observed_on,
                reported_by=command.reported_by,
            )
        ]
    if not suspicion.open:
        raise Refusal("suspicion-is-open", "suspicion_id", f"suspicion {command.suspicion_id} is not open")
    if suspicion.reported_by == command.decided_by:
        raise Refusal("four-eyes", "suspicion_id", "nobody decides on what they reported")
    return [
        SuspicionDecided(
            suspicion_id=command.suspicion_id,
            customer_id=command.customer_id,
            business_date=command.today,
            sealed=sealed_text(sealed, command, "reason"),
            decision=command.decision,
            reference=command.reference,
            decided_by=command.decided_by,
        )
    ]


# --- evolve -------------------------------------------------------------------------------------------------


def evolve(suspicion: Suspicion, fact: Fact) -> Suspicion:
    """The suspicion after a fact."""
    if isinstance(fact, SuspicionReported):
        return Suspicion(fact.reported_by, open=True)
    return Suspicion(suspicion.reported_by, open=False)


def stream(command: Command) -> str:
    """The suspicion's stream."""
    return command.stream


DECIDER: Decider[Command, Suspicion, Sealed] = Decider(stream, Suspicion(), decide, evolve)
