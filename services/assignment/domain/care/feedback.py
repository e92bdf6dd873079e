"""Market feedback (市场反馈): what managers hear of a department's products, and the department's answer.

A text about a customer is sealed with the customer's key; one that names no customer is kept as it is, in the
service's own events, which are not published.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from services.assignment.domain.record import Note, customer_stream, sealed_text
from shared.contracts.types import BusinessDate, CentreId, Contract, Id, Text
from shared.kernel.decider import Decider
from shared.kernel.errors import Refusal
from shared.kernel.event import Fact

# --- commands -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class GiveFeedback:
    """Tell a product department something."""

    feedback_id: str
    department_id: str
    customer_id: str | None
    given_by: str
    today: date
    subject: str = field(repr=False)
    text: str = field(repr=False)

    @property
    def key(self) -> str:
        """In whose shard it lies: the customer's, or else the department's."""
        return self.customer_id or self.department_id

    @property
    def stream(self) -> str:
        return stream_of(self.key, self.feedback_id)

    @property
    def owner(self) -> str | None:
        return _owner(self.customer_id)

    @property
    def texts(self) -> Mapping[str, str]:
        return {"subject": self.subject, "text": self.text} if self.customer_id is not None else {}


@dataclass(frozen=True, slots=True)
class AnswerFeedback:
    """The department's answer; ``key`` and ``customer_id`` are those of the feedback."""

    feedback_id: str
    key: str
    customer_id: str | None
    answered_by: str
    today: date
    text: str = field(repr=False)

    @property
    def stream(self) -> str:
        return stream_of(self.key, self.feedback_id)

    @property
    def owner(self) -> str | None:
        return _owner(self.customer_id)

    @property
    def texts(self) -> Mapping[str, str]:
        return {"answer": self.text} if self.customer_id is not None else {}


Command = GiveFeedback | AnswerFeedback


def _owner(customer_id: str | None) -> str | None:
    return None if customer_id is None else customer_stream(customer_id)


# --- events -------------------------------------------------------------------------------------------------


class _FeedbackEvent(Contract):
    """What all events of feedback carry; either the texts are there in the clear or ``sealed`` is."""

    feedback_id: Id
    key: Id
    business_date: BusinessDate
    sealed: str | None = None

    @property
    def stream(self) -> str:
        return stream_of(self.key, self.feedback_id)


class FeedbackGiven(_FeedbackEvent):
    """Somebody told a department something."""

    department_id: CentreId
    customer_id: Id | None = None
    given_by: str
    subject: Text | None = None
    text: Note | None = None


class FeedbackAnswered(_FeedbackEvent):
    """The department answered."""

    answered_by: str
    answer: Note | None = None


def stream_of(key: str, feedback_id: str) -> str:
    """The stream of feedback."""
    return f"feedback-{key}#{feedback_id}"


# --- state --------------------------------------------------------------------------------------------------

Sealed = Mapping[Command, str]
"""What the rules consult: the texts of each command about a customer, sealed with the customer's key."""

# --- decide -------------------------------------------------------------------------------------------------


def decide(command: Command, is_open: bool, sealed: Sealed) -> Sequence[Fact]:
    """The feedback, or the one answer to it; raises Refusal naming field and rule."""
    if isinstance(command, GiveFeedback):
        return [_give(command, sealed)]
    if not is_open:
        raise Refusal("feedback-is-open", "feedback_id", f"feedback {command.feedback_id} is not open")
    named = command.customer_id is not None
    return [
        FeedbackAnswered(
            feedback_id=command.feedback_id,
            key=command.key,
            business_date=command.today,
            answered_by=command.answered_by,
            answer=None if named else command.text,
            sealed=sealed_text(sealed, command, "text") if named else None,
        )
    ]


def _give(command: GiveFeedback, sealed: Sealed) -> Fact:
    named = command.customer_id is not None
    return FeedbackGiven(
        feedback_id=command.feedback_id,
        key=command.key,
        business_date=command.today,
        department_id=command.department_id,
        customer_id=command.customer_id,
        given_by=command.given_by,
        subject=None if named else command.subject,
        text=None if named else command.text,
        sealed=sealed_text(sealed, command, "text") if named else None,
    )


# --- evolve -------------------------------------------------------------------------------------------------


def evolve(_: bool, fact: Fact) -> bool:
    """Whether the feedback is open after a fact."""
    return isinstance(fact, FeedbackGiven)


def stream(command: Command) -> str:
    """The feedback's stream."""
    return command.stream


DECIDER: Decider[Command, bool, Sealed] = Decider(stream, False, decide, evolve)
