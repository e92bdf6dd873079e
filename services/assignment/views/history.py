"""The history of a manager or customer, straight from the event store = ``GET …/history``."""

from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection


async def history(
    connection: AsyncConnection, stream: str, after: int, limit: int
) -> Sequence[dict[str, Any]]:
    """What happened, in the order in which it was recorded, beyond a version; without what is sealed."""
    rows = await connection.execute(
        text(
            "SELECT version, event_id, type, data, business_date, recorded_at, actor, cause FROM event "
            "WHERE stream = :stream AND version > :after ORDER BY version LIMIT :limit"
        ),
        {"stream": stream, "after": after, "limit": limit},
    )
    return [{**row._mapping, "data": _open(row.data)} for row in rows]


def _open(data: str) -> dict[str, Any]:
    values: dict[str, Any] = orjson.loads(data)
    values.pop("sealed", None)
    return values
