"""Table ``suspicion``: suspicious transaction reports = ``GET /v1/suspicions``.

Whoever reads names for whom: what is not theirs is not found by the very query that finds what is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.assignment.domain.compliance.suspicion import (
    Command,
    SuspicionDecided,
    SuspicionReported,
    stream_of,
)
from services.assignment.views.record import seal_texts
from shared.infrastructure.fold import Fold, RowView, readers
from shared.kernel.event import StoredEvent


@dataclass(frozen=True, slots=True)
class Suspicion:
    """A suspicion as it stands, the words ``sealed``."""

    suspicion_id: str
    customer_id: str
    observed_on: date
    reported_by: str
    reported_at: datetime
    status: str
    sealed: str
    reference: str | None = None
    decided_by: str | None = None
    decided_at: datetime | None = None
    sealed_reason: str | None = None

    @property
    def stream(self) -> str:
        return stream_of(self.customer_id, self.suspicion_id)

    @property
    def written(self) -> tuple[str, ...]:
        """The sealed words."""
        return (self.sealed,) if self.sealed_reason is None else (self.sealed, self.sealed_reason)

    def shown(self) -> dict[str, object]:
        """As callers see it, without its words."""
        return {
            "suspicion_id": self.suspicion_id,
            "customer_id": self.customer_id,
            "observed_on": self.observed_on,
            "reported_by": self.reported_by,
            "reported_at": self.reported_at,
            "status": self.status,
            "reference": self.reference,
            "decided_by": self.decided_by,
            "decided_at": self.decided_at,
        }


def _begin(event: StoredEvent) -> Suspicion:
    fact = event.fact
    assert isinstance(fact, SuspicionReported)  # what the stream of a suspicion begins with
    return Suspicion(
        suspicion_id=fact.suspicion_id,
        customer_id=fact.customer_id,
        observed_on=fact.observed_on,
        reported_by=fact.reported_by,
        reported_at=event.recorded_at,
        status="open",
        sealed=fact.sealed,
    )


def decided(suspicion: Suspicion, event: StoredEvent) -> Suspicion:
    """A suspicion after the decision on it."""
    fact = event.fact
    assert isinstance(fact, SuspicionDecided)  # nothing else follows
    return replace(
        suspicion,
        status=fact.decision.value,
        reference=fact.reference,
        decided_by=fact.decided_by,
        decided_at=event.recorded_at,
        sealed_reason=fact.sealed,
    )


SUSPICIONS = Fold(_begin, decided, readers(SuspicionReported, SuspicionDecided))


class SuspicionView(RowView):
    """One row a suspicion."""

    tables = ("suspicion",)
    takes = frozenset({SuspicionReported, SuspicionDecided})
    fold = SUSPICIONS


_SELECT = """
    SELECT suspicion_id, customer_id, observed_on, reported_by, reported_at, status, reference, decided_by,
           decided_at, sealed, sealed_reason
    FROM suspicion WHERE (cast(:own AS text) IS NULL OR reported_by = :own)
"""


async def find(connection: AsyncConnection, suspicion_id: str, own: str | None) -> Suspicion | None:
    """A suspicion; only one that ``own`` reported, if that is given."""
    rows = await connection.execute(
        text(_SELECT + " AND suspicion_id = :id"), {"id": suspicion_id, "own": own}
    )
    row = rows.first()
    return Suspicion(**row._mapping) if row else None


async def listed(
    connection: AsyncConnection, status: str | None, own: str | None, after: str, limit: int
) -> list[Suspicion]:
    """Suspicions in order of reporting beyond a place; only those that ``own`` reported, if given."""
    rows = await connection.execute(
        text(
            _SELECT + " AND suspicion_id > :after AND (cast(:status AS text) IS NULL OR status = :status) "
            "ORDER BY suspicion_id LIMIT :limit"
        ),
        {"after": after, "limit": limit, "status": status, "own": own},
    )
    return [Suspicion(**row._mapping) for row in rows]


async def consult(connection: AsyncConnection, commands: Sequence[Command]) -> dict[Command, str]:
    """The words of reports and decisions, sealed."""
    return await seal_texts(connection, commands)
