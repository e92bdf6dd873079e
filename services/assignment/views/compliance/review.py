"""Table ``review``: know-your-customer reviews = ``GET /v1/customers/{customer_id}/reviews``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.assignment.domain.compliance.duty import Outstanding
from services.assignment.domain.compliance.review import Consulted, CustomerReviewed, ReviewCustomer
from services.assignment.domain.policy import Policies
from services.assignment.views import policy
from services.assignment.views.compliance.duty import outstanding
from services.assignment.views.compliance.responsible import leads_on
from services.assignment.views.compliance.review_due import reviews_due
from services.assignment.views.record import seal_texts
from shared.contracts.assignment.compliance import DutyKind
from shared.infrastructure.database import copy
from shared.kernel.event import StoredEvent

_COLUMNS = (
    "review_id",
    "customer_id",
    "number",
    "risk_rating",
    "reviewed_on",
    "next_due_on",
    "actor",
    "recorded_at",
    "sealed",
)


class ReviewView:
    """One row a review; ``number`` counts those of a customer."""

    tables = ("review",)
    takes = frozenset({CustomerReviewed})

    async def project(self, connection: AsyncConnection, events: Sequence[StoredEvent]) -> None:
        rows = [_row(event, event.fact) for event in events if isinstance(event.fact, CustomerReviewed)]
        if rows:
            await copy(connection, "review", _COLUMNS, rows)


def _row(event: StoredEvent, fact: CustomerReviewed) -> tuple[object, ...]:
    return (
        fact.review_id,
        fact.customer_id,
        event.version,
        fact.risk_rating,
        fact.reviewed_on,
        fact.next_due_on,
        event.actor,
        event.recorded_at,
        fact.sealed,
    )


@dataclass(frozen=True, slots=True)
class Review:
    """A review; the note is ``sealed``."""

    review_id: str
    customer_id: str
    number: int
    risk_rating: str
    reviewed_on: date
    next_due_on: date
    actor: str
    recorded_at: datetime
    sealed: str | None

    @property
    def written(self) -> tuple[str, ...]:
        """The sealed words."""
        return () if self.sealed is None else (self.sealed,)

    def shown(self, texts: Mapping[str, str]) -> dict[str, object]:
        """As callers see it, with those of its words that they may read."""
        return {
            "review_id": self.review_id,
            "risk_rating": self.risk_rating,
            "reviewed_on": self.reviewed_on,
            "next_due_on": self.next_due_on,
            "actor": self.actor,
            "recorded_at": self.recorded_at,
            "note": texts.get("note"),
        }


async def listed(
    connection: AsyncConnection, customer_id: str, after: int, limit: int, as_of: date | None = None
) -> list[Review]:
    """A customer's reviews in order beyond a place; with a day, those until then."""
    rows = await connection.execute(
        text(
            "SELECT review_id, customer_id, number, risk_rating, reviewed_on, next_due_on, actor, recorded_at, "
            "sealed FROM review WHERE customer_id = :id AND number > :after "
            "AND reviewed_on <= coalesce(cast(:day AS date), 'infinity') ORDER BY number LIMIT :limit"
        ),
        {"id": customer_id, "after": after, "limit": limit, "day": as_of},
    )
    return [Review(**row._mapping) for row in rows]


async def next_due_on(
    connection: AsyncConnection, customer_id: str, policies: Policies, as_of: date | None = None
) -> date:
    """When the next review of a customer on record falls due, now or by the reviews until the end of a day."""
    due = (await reviews_due(connection, [customer_id]))[customer_id]
    if as_of is not None:
        rows = await connection.execute(
            text(
                "SELECT next_due_on FROM review WHERE customer_id = :id AND reviewed_on <= :day "
                "ORDER BY number DESC LIMIT 1"
            ),
            {"id": customer_id, "day": as_of},
        )
        due = replace(due, next_due_on=rows.scalar())
    return due.due(policies)


async def consult(connection: AsyncConnection, commands: Sequence[ReviewCustomer]) -> Consulted:
    """The notes, sealed, the duties that reviews of these customers do, and who was responsible on the days."""
    duties: dict[str, list[Outstanding]] = {}
    for duty in await outstanding(connection, {command.customer_id for command in commands}):
        if duty.kind is DutyKind.CUSTOMER_REVIEW:
            duties.setdefault(duty.customer_id, []).append(duty)
    days = {(one.customer_id, one.due_on) for found in duties.values() for one in found}
    for command in commands:
        days |= {(command.customer_id, command.today), (command.customer_id, command.reviewed_on)}
    return Consulted(
        await seal_texts(connection, commands),
        duties,
        await leads_on(connection, days),
        await policy.policies(connection),
    )
