"""Table ``manager_place``: where each manager belongs from a day on = ``GET /v1/books/manager/hierarchy``."""

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ledger.domain.organisation import SINCE_EVER, ManagerPlaced, Place
from shared.infrastructure.database import driver_of
from shared.kernel.event import StoredEvent

_PUT = """
    INSERT INTO manager_place (manager_id, effective_from, team_id, branch_id)
    SELECT * FROM unnest($1::text[], $2::date[], $3::text[], $4::text[])
    ON CONFLICT (manager_id, effective_from)
        DO UPDATE SET team_id = excluded.team_id, branch_id = excluded.branch_id
"""
_PRESENT = """
    SELECT DISTINCT ON (manager_id) manager_id, branch_id, team_id FROM manager_place
    WHERE effective_from <= :day
    ORDER BY manager_id, effective_from DESC
"""
# The events tell what was the latest word then: one index look-up a manager. Old ones have no date: since ever.
_PAST = """
    SELECT manager_id, word.branch_id, word.team_id
    FROM (SELECT DISTINCT manager_id FROM manager_place) AS manager, LATERAL (
        SELECT place.branch_id, place.team_id
        FROM event, json_to_record(event.data::json) AS place(branch_id text, team_id text, effective_from date)
        WHERE event.stream = 'manager-' || manager.manager_id || '#place'
          AND event.recorded_at <= cast(:known_at AS timestamptz)
          AND coalesce(place.effective_from, :since_ever) <= :day
        ORDER BY coalesce(place.effective_from, :since_ever) DESC, event.version DESC LIMIT 1
    ) AS word
"""


class OrganisationView:
    """One row a manager and effective date: the latest word for it."""

    tables = ("manager_place",)
    takes = frozenset({ManagerPlaced})

    async def project(self, connection: AsyncConnection, events: Sequence[StoredEvent]) -> None:
        latest = {
            (event.fact.manager_id, event.fact.effective_from): (event.fact.team_id, event.fact.branch_id)
            for event in events
            if type(event.fact) is ManagerPlaced
        }
        if not latest:
            return
        rows = [(*place, *latest[place]) for place in sorted(latest)]
        driver = await driver_of(connection)
        await driver.execute(_PUT, *zip(*rows, strict=True))


async def places(
    connection: AsyncConnection, day: date, known_at: datetime | None = None
) -> dict[str, Place]:
    """Where each manager belongs on a business date, as known now or at a moment; who was not known is absent."""
    if known_at is None:
        rows = await connection.execute(text(_PRESENT), {"day": day})
    else:
        moment = {"day": day, "known_at": known_at, "since_ever": SINCE_EVER}
        rows = await connection.execute(text(_PAST), moment)
    return {row.manager_id: Place(row.branch_id, row.team_id) for row in rows}
