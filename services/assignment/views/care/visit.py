"""Table ``visit``: visits made = ``GET /v1/customers/{customer_id}/visits``; see ``due`` for those to make."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.assignment.domain.care.visit import Consulted, MakeVisit, VisitMade
from services.assignment.views import manager
from services.assignment.views.record import seal_texts
from shared.infrastructure.database import copy
from shared.kernel.event import StoredEvent

_COLUMNS = ("visit_id", "customer_id", "manager_id", "visited_on", "kind", "revisit_on", "sealed")


class VisitView:
    """One row a visit."""

    tables = ("visit",)
    takes = frozenset({VisitMade})

    async def project(self, connection: AsyncConnection, events: Sequence[StoredEvent]) -> None:
        rows = [
            tuple(getattr(event.fact, column) for column in _COLUMNS)
            for event in events
            if isinstance(event.fact, VisitMade)
        ]
        if rows:
            await copy(connection, "visit", _COLUMNS, rows)


@dataclass(frozen=True, slots=True)
class Visit:
    """A visit made; the note is ``sealed``."""

    visit_id: str
    customer_id: str
    manager_id: str
    visited_on: date
    kind: str
    revisit_on: date | None
    sealed: str

    @property
    def written(self) -> Sequence[str]:
        """What is sealed of it."""
        return (self.sealed,)

    def shown(self, texts: Mapping[str, str]) -> dict[str, object]:
        """As callers see it, with those texts that they may read."""
        return {
            "visit_id": self.visit_id,
            "customer_id": self.customer_id,
            "manager_id": self.manager_id,
            "visited_on": self.visited_on,
            "kind": self.kind,
            "revisit_on": self.revisit_on,
            "note": texts.get("note"),
        }


async def consult(connection: AsyncConnection, commands: Sequence[MakeVisit]) -> Consulted:
    """The notes, sealed, and the managers on record among those named."""
    named = {command.particulars.manager_id for command in commands}
    return Consulted(await seal_texts(connection, commands), await manager.known(connection, named))


async def listed(
    connection: AsyncConnection, customer_id: str, after: str, limit: int, as_of: date | None = None
) -> list[Visit]:
    """The visits of a customer in the order in which they were recorded, beyond a place; with a day, those until
    then."""
    rows = await connection.execute(
        text(
            "SELECT visit_id, customer_id, manager_id, visited_on, kind, revisit_on, sealed FROM visit "
            "WHERE customer_id = :id AND visit_id > :after AND visited_on <= coalesce(cast(:day AS date), 'infinity') "
            "ORDER BY visit_id LIMIT :limit"
        ),
        {"id": customer_id, "after": after, "limit": limit, "day": as_of},
    )
    return [Visit(**row._mapping) for row in rows]
