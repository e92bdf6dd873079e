"""Table ``manager_place``: the branch and the team of each manager = ``GET /v1/books/manager/hierarchy``."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ledger.domain.organisation import ManagerPlaced, Place
from shared.infrastructure.database import driver_of
from shared.kernel.event import StoredEvent

_PUT = """
    INSERT INTO manager_place (manager_id, team_id, branch_id)
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[])
    ON CONFLICT (manager_id) DO UPDATE SET team_id = excluded.team_id, branch_id = excluded.branch_id
"""
_PRESENT = "SELECT manager_id, branch_id, team_id FROM manager_place"
# The events tell what was the latest word then: one index look-up a manager.
_PAST = """
    SELECT manager_id, word.data ->> 'branch_id' AS branch_id, word.data ->> 'team_id' AS team_id
    FROM manager_place, LATERAL (
        SELECT event.data::json AS data FROM event
        WHERE event.stream = 'manager-' || manager_place.manager_id || '#place'
          AND event.recorded_at <= cast(:known_at AS timestamptz)
        ORDER BY event.version DESC LIMIT 1
    ) AS word
"""


class OrganisationView:
    """One row a manager: the latest word."""

    tables = ("manager_place",)

    async def project(self, connection: AsyncConnection, events: Sequence[StoredEvent]) -> None:
        latest = {
            event.fact.manager_id: (event.fact.team_id, event.fact.branch_id)
            for event in events
            if type(event.fact) is ManagerPlaced
        }
        if not latest:
            return
        rows = [(manager_id, *latest[manager_id]) for manager_id in sorted(latest)]
        driver = await driver_of(connection)
        await driver.execute(_PUT, *zip(*rows, strict=True))


async def places(connection: AsyncConnection, known_at: datetime | None = None) -> dict[str, Place]:
    """Where each manager belongs, now or as it was known at a moment; a manager not known then is absent."""
    if known_at is None:
        rows = await connection.execute(text(_PRESENT))
    else:
        rows = await connection.execute(text(_PAST), {"known_at": known_at})
    return {row.manager_id: Place(row.branch_id, row.team_id) for row in rows}
