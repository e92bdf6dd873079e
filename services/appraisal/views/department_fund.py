"""Table ``department_fund``: what departments were granted = ``GET /v1/department-funds/{department_id}``."""

from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.appraisal import DepartmentFundGranted
from shared.infrastructure.database import copy
from shared.kernel.event import StoredEvent

_COLUMNS = ("department_id", "cycle_id", "amount", "content")


class DepartmentFundView:
    """One row a department and cycle."""

    tables = ("department_fund",)
    takes = frozenset({DepartmentFundGranted})

    async def project(self, connection: AsyncConnection, events: Sequence[StoredEvent]) -> None:
        rows = [
            (event.fact.department_id, event.fact.cycle_id, event.fact.amount, event.data)
            for event in events
            if isinstance(event.fact, DepartmentFundGranted)
        ]
        if rows:
            await copy(connection, "department_fund", _COLUMNS, rows)


async def funds(connection: AsyncConnection, department_id: str) -> list[dict[str, Any]]:
    """The funds of a department, as they were granted, in order of cycle."""
    rows = await connection.execute(
        text(
            "SELECT content::text AS content FROM department_fund WHERE department_id = :id ORDER BY cycle_id"
        ),
        {"id": department_id},
    )
    return [orjson.loads(row.content) for row in rows]
