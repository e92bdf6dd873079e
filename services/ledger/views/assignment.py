"""Table ``assignment``: who looks after a customer from when on, as the ledger was told."""

from collections.abc import Iterable, Sequence

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ledger.domain.timeline import Timeline, weights_of
from shared.contracts.assignment import CustomerAssigned
from shared.infrastructure.database import driver_of
from shared.kernel.event import StoredEvent

_PUT = """
    INSERT INTO assignment (customer_id, effective_from, shares, event_id)
    SELECT * FROM unnest($1::text[], $2::date[], $3::json[], $4::text[])
    ON CONFLICT (customer_id, effective_from) DO UPDATE
        SET shares = excluded.shares, event_id = excluded.event_id
"""


class AssignmentView:
    """The latest word for each customer and effective date."""

    tables = ("assignment",)
    takes = frozenset({CustomerAssigned})

    async def project(self, connection: AsyncConnection, events: Sequence[StoredEvent]) -> None:
        latest = {
            (event.fact.customer_id, event.fact.effective_from): (event.fact, event.event_id)
            for event in events
            if type(event.fact) is CustomerAssigned
        }
        if not latest:
            return
        rows = [
            (customer_id, day, orjson.dumps(dict(weights_of(assigned))).decode(), event_id)
            for (customer_id, day), (assigned, event_id) in sorted(latest.items())
        ]
        driver = await driver_of(connection)
        await driver.execute(_PUT, *zip(*rows, strict=True))


async def timelines(connection: AsyncConnection, customer_ids: Iterable[str]) -> dict[str, Timeline]:
    """The timelines of these customers; one that was never assigned is absent."""
    wanted = list(customer_ids)
    if not wanted:
        return {}
    driver = await driver_of(connection)
    rows = await driver.fetch(
        "SELECT customer_id, effective_from, shares::text FROM assignment WHERE customer_id = ANY($1) "
        "ORDER BY customer_id, effective_from",
        wanted,
    )
    entries: dict[str, list[tuple[object, ...]]] = {}
    for customer_id, day, shares in rows:
        entries.setdefault(customer_id, []).append((day, orjson.loads(shares)))
    return {customer_id: Timeline(*zip(*mine, strict=True)) for customer_id, mine in entries.items()}
