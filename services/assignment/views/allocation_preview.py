"""Tables ``allocation_preview`` and ``allocation_item``: what an allocation would do, and to whom =
``GET /v1/allocations/{allocation_id}``, ``/v1/allocations/{allocation_id}/items``.

Operational state and no view of events: a preview is kept for a week, and swept when another one is made after that.
"""

from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.assignment.domain.allocation import Allocation, Outcome, Scope, Terms, summary_of
from services.assignment.domain.allotting import Item
from shared.infrastructure.database import copy, driver_of

KEPT_DAYS = 7

_SWEEP = """
    WITH old AS (
        DELETE FROM allocation_preview WHERE asked_at < now() - make_interval(days => :days) RETURNING allocation_id
    )
    DELETE FROM allocation_item WHERE allocation_id IN (SELECT allocation_id FROM old)
"""
_PUT = text(
    "INSERT INTO allocation_preview (allocation_id, effective_from, scope, summary, asked_by) "
    "VALUES (:allocation_id, :effective_from, :scope, :summary, :asked_by)"
)


async def keep(connection: AsyncConnection, allocation: Allocation, asked_by: str) -> None:
    """Keep a preview, and throw away those of more than a week ago."""
    await connection.execute(text(_SWEEP), {"days": KEPT_DAYS})
    applied = allocation.applied
    values = {
        "allocation_id": applied.allocation_id,
        "effective_from": applied.effective_from,
        "scope": applied.scope.model_dump_json(exclude_none=True),
        "summary": orjson.dumps(summary_of(applied)).decode(),
        "asked_by": asked_by,
    }
    await connection.execute(_PUT, values)
    rows = [(applied.allocation_id, *item) for item in allocation.items]
    await copy(connection, "allocation_item", ("allocation_id", *Item._fields), rows)


async def find(connection: AsyncConnection, allocation_id: str) -> dict[str, Any] | None:
    """A preview's summary, by whom it was asked for and when."""
    rows = await connection.execute(
        text(
            "SELECT summary::text AS summary, asked_by, asked_at FROM allocation_preview "
            "WHERE allocation_id = :id"
        ),
        {"id": allocation_id},
    )
    row = rows.first()
    if row is None:
        return None
    return {**orjson.loads(row.summary), "asked_by": row.asked_by, "asked_at": row.asked_at}


async def terms_of(connection: AsyncConnection, allocation_id: str) -> Terms | None:
    """What a preview was asked for."""
    rows = await connection.execute(
        text("SELECT effective_from, scope::text AS scope FROM allocation_preview WHERE allocation_id = :id"),
        {"id": allocation_id},
    )
    row = rows.first()
    return None if row is None else Terms(row.effective_from, Scope.model_validate_json(row.scope))


async def outcomes(connection: AsyncConnection, allocation_id: str) -> dict[str, Outcome]:
    """What would become of each customer."""
    driver = await driver_of(connection)
    rows = await driver.fetch(
        "SELECT customer_id, status, manager_id FROM allocation_item WHERE allocation_id = $1", allocation_id
    )
    return {customer_id: (status, manager_id) for customer_id, status, manager_id in rows}


async def items(
    connection: AsyncConnection, allocation_id: str, manager_id: str | None, after: str, limit: int
) -> Sequence[dict[str, Any]]:
    """What would become of customers in order of id beyond a place; all, or those who would be a manager's."""
    rows = await connection.execute(
        text(
            "SELECT customer_id, status, manager_id, previous_id, rule, reason FROM allocation_item "
            "WHERE allocation_id = :id AND customer_id > :after "
            "AND (cast(:manager_id AS text) IS NULL OR manager_id = :manager_id) "
            "ORDER BY customer_id LIMIT :limit"
        ),
        {"id": allocation_id, "after": after, "manager_id": manager_id, "limit": limit},
    )
    return [dict(row._mapping) for row in rows]
