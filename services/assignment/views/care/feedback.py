"""Table ``feedback``: market feedback and its answers = ``GET /v1/feedback``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.assignment.domain.care.feedback import Command, FeedbackAnswered, FeedbackGiven, stream_of
from services.assignment.views.record import seal_texts
from shared.infrastructure.fold import Fold, RowView, readers
from shared.kernel.event import StoredEvent


@dataclass(frozen=True, slots=True)
class Feedback:
    """A feedback as it stands; its texts are ``sealed`` if it names a customer, and else in the clear."""

    feedback_id: str
    key: str
    department_id: str
    customer_id: str | None
    given_by: str
    given_on: date
    status: str
    subject: str | None
    text: str | None
    sealed: str | None
    answered_by: str | None = None
    answered_on: date | None = None
    answer: str | None = None
    sealed_answer: str | None = None

    @property
    def stream(self) -> str:
        return stream_of(self.key, self.feedback_id)

    @property
    def written(self) -> Sequence[str]:
        """What is sealed of it."""
        return [each for each in (self.sealed, self.sealed_answer) if each is not None]

    def shown(self, texts: Mapping[str, str]) -> dict[str, object]:
        """As callers see it, with those texts that they may read."""
        return {
            "feedback_id": self.feedback_id,
            "department_id": self.department_id,
            "customer_id": self.customer_id,
            "given_by": self.given_by,
            "given_on": self.given_on,
            "status": self.status,
            "subject": texts.get("subject", self.subject),
            "text": texts.get("text", self.text),
            "answered_by": self.answered_by,
            "answered_on": self.answered_on,
            "answer": texts.get("answer", self.answer),
        }


def _begin(event: StoredEvent) -> Feedback:
    fact = event.fact
    assert isinstance(fact, FeedbackGiven)  # what the stream of feedback begins with
    return Feedback(
        feedback_id=fact.feedback_id,
        key=fact.key,
        department_id=fact.department_id,
        customer_id=fact.customer_id,
        given_by=fact.given_by,
        given_on=fact.business_date,
        status="open",
        subject=fact.subject,
        text=fact.text,
        sealed=fact.sealed,
    )


def _evolve(feedback: Feedback, event: StoredEvent) -> Feedback:
    fact = event.fact
    assert isinstance(fact, FeedbackAnswered)  # nothing else follows
    return replace(
        feedback,
        status="answered",
        answered_by=fact.answered_by,
        answered_on=fact.business_date,
        answer=fact.answer,
        sealed_answer=fact.sealed,
    )


FEEDBACK = Fold(_begin, _evolve, readers(FeedbackGiven, FeedbackAnswered))


class FeedbackView(RowView):
    """One row a feedback."""

    tables = ("feedback",)
    takes = frozenset({FeedbackGiven, FeedbackAnswered})
    fold = FEEDBACK


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose feedback a caller sees: all, or what the person gave and what the department got."""

    all: bool
    given_by: str | None = None
    department_id: str | None = None


async def consult(connection: AsyncConnection, commands: Sequence[Command]) -> dict[Command, str]:
    """The texts about customers, sealed."""
    return await seal_texts(connection, commands)


_SELECT = """
    SELECT feedback_id, key, department_id, customer_id, given_by, given_on, status, subject, text, sealed,
           answered_by, answered_on, answer, sealed_answer
    FROM feedback
    WHERE (:all OR given_by = cast(:own AS text) OR department_id = cast(:department AS text))
"""
_FIND = text(_SELECT + " AND feedback_id = :feedback_id")
_LISTED = text(
    _SELECT
    + """
      AND feedback_id > :after
      AND (cast(:wanted AS text) IS NULL OR department_id = :wanted)
      AND (cast(:status AS text) IS NULL OR status = :status)
    ORDER BY feedback_id LIMIT :limit
    """
)


def _values(scope: Scope) -> dict[str, object]:
    return {"all": scope.all, "own": scope.given_by, "department": scope.department_id}


async def find(connection: AsyncConnection, feedback_id: str, scope: Scope) -> Feedback | None:
    """A feedback that the caller sees."""
    rows = await connection.execute(_FIND, {**_values(scope), "feedback_id": feedback_id})
    row = rows.first()
    return Feedback(**row._mapping) if row else None


async def listed(
    connection: AsyncConnection,
    scope: Scope,
    department_id: str | None,
    status: str | None,
    after: str,
    limit: int,
) -> list[Feedback]:
    """What the caller sees of the feedback that is wanted, in the order in which it was given."""
    values = {"wanted": department_id, "status": status, "after": after, "limit": limit}
    return [
        Feedback(**row._mapping) for row in await connection.execute(_LISTED, {**_values(scope), **values})
    ]
