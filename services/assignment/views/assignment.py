"""Table ``assignment``: the timelines of customers = ``GET /v1/customers/{customer_id}/assignments``."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import orjson
from pydantic import TypeAdapter
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.assignment.domain.timeline import Timeline
from shared.contracts.assignment import CustomerAssigned, ManagerShare
from shared.infrastructure.database import driver_of
from shared.kernel.event import StoredEvent

_PUT = """
    INSERT INTO assignment (customer_id, effective_from, shares, reason, recorded_at, actor)
    SELECT * FROM unnest($1::text[], $2::date[], $3::json[], $4::text[], $5::timestamptz[], $6::text[])
    ON CONFLICT (customer_id, effective_from) DO UPDATE
        SET shares = excluded.shares, reason = excluded.reason,
            recorded_at = excluded.recorded_at, actor = excluded.actor
"""


_SHARES = TypeAdapter(tuple[ManagerShare, ...])


class AssignmentView:
    """One row a customer and effective date; the last word of the batch for each."""

    tables = ("assignment",)

    async def project(self, connection: AsyncConnection, events: Sequence[StoredEvent]) -> None:
        latest = {
            (event.fact.customer_id, event.fact.effective_from): Entry.of(event)
            for event in events
            if isinstance(event.fact, CustomerAssigned)
        }
        if not latest:
            return
        rows = [
            (customer_id, day, entry.shares_json(), entry.reason, entry.recorded_at, entry.actor)
            for (customer_id, day), entry in sorted(latest.items(), key=lambda item: item[0])
        ]
        driver = await driver_of(connection)
        await driver.execute(_PUT, *zip(*rows, strict=True))


@dataclass(frozen=True, slots=True)
class Entry:
    """An assignment as it was recorded."""

    effective_from: date
    shares: tuple[ManagerShare, ...]
    reason: str
    recorded_at: datetime
    actor: str

    @classmethod
    def of(cls, event: StoredEvent) -> "Entry":
        """From a CustomerAssigned in the store."""
        assigned = event.fact
        assert isinstance(assigned, CustomerAssigned)  # the callers know
        return cls(assigned.effective_from, assigned.shares, assigned.reason, event.recorded_at, event.actor)

    def shares_json(self) -> str:
        """The shares as the contract has them."""
        return _SHARES.dump_json(self.shares).decode()

    def shown(self, effective_to: date | None) -> dict[str, object]:
        """As callers see it; ``effective_to`` is the first day on which it no longer holds."""
        return {
            "effective_from": self.effective_from,
            "effective_to": effective_to,
            "shares": orjson.Fragment(self.shares_json()),
            "reason": self.reason,
            "recorded_at": self.recorded_at,
            "actor": self.actor,
        }


async def timeline(connection: AsyncConnection, customer_id: str) -> Timeline[Entry]:
    """Who looks after a customer since when; no entries for one that was never assigned."""
    rows = await connection.execute(
        text(
            "SELECT effective_from, shares::text AS shares, reason, recorded_at, actor FROM assignment "
            "WHERE customer_id = :id ORDER BY effective_from"
        ),
        {"id": customer_id},
    )
    return Timeline(
        tuple(
            Entry(
                row.effective_from, _SHARES.validate_json(row.shares), row.reason, row.recorded_at, row.actor
            )
            for row in rows
        )
    )
