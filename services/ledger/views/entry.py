"""Entries as callers see them = ``GET /v1/entries/{entry_id}``, straight from the event store."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """An entry with its place in the chain of events; ``cause`` is the log position or request it goes back to."""

    entry_id: str
    shard: int
    position: int
    data: dict[str, Any]
    recorded_at: datetime
    cause: str
    actor: str


async def find(connection: AsyncConnection, entry_id: str) -> StoredEntry | None:
    """The entry that books a cause, if there is one."""
    rows = await connection.execute(
        text(
            "SELECT event_id, shard, position, data, recorded_at, cause, actor FROM event "
            "WHERE event_id = :entry_id AND type = 'EntryBooked'"
        ),
        {"entry_id": entry_id},
    )
    row = rows.first()
    if row is None:
        return None
    return StoredEntry(
        row.event_id, row.shard, row.position, orjson.loads(row.data), row.recorded_at, row.cause, row.actor
    )
