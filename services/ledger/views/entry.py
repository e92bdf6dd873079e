"""Entries as callers see them = ``GET /v1/entries/{entry_id}``, straight from the event store."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ledger.domain.entry import EntryBooked, read_entry


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """An entry with its place in the chain of events and, as ``version``, in its stream; ``cause`` is the log
    position or request it goes back to."""

    entry_id: str
    shard: int
    position: int
    version: int
    entry: EntryBooked
    data: dict[str, Any]
    recorded_at: datetime
    cause: str
    actor: str


_SELECT = "SELECT event_id, shard, position, version, data, recorded_at, cause, actor FROM event "


async def find(connection: AsyncConnection, entry_id: str) -> StoredEntry | None:
    """The entry that books a cause, if there is one."""
    rows = await connection.execute(
        text(_SELECT + "WHERE event_id = :entry_id AND type = 'EntryBooked'"), {"entry_id": entry_id}
    )
    return _stored(rows.first())


async def at(connection: AsyncConnection, shard: int, position: int) -> StoredEntry | None:
    """The entry at a place in the chain of events, if there is one."""
    rows = await connection.execute(
        text(_SELECT + "WHERE shard = :shard AND position = :position AND type = 'EntryBooked'"),
        {"shard": shard, "position": position},
    )
    return _stored(rows.first())


def _stored(row: Row[Any] | None) -> StoredEntry | None:
    if row is None:
        return None
    return StoredEntry(
        row.event_id,
        row.shard,
        row.position,
        row.version,
        read_entry(row.data),
        orjson.loads(row.data),
        row.recorded_at,
        row.cause,
        row.actor,
    )
