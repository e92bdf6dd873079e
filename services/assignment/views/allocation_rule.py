"""Table ``allocation_rule``: the lists of rules by effective date = ``GET /v1/allocation-rules``."""

from collections.abc import Sequence
from datetime import date

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.assignment.domain.allocation_rule import (
    AllocationRules,
    AllocationRulesSet,
    SetAllocationRules,
    managers_of,
    shown,
)
from services.assignment.views import manager
from shared.kernel.event import StoredEvent

_PUT = text(
    "INSERT INTO allocation_rule (effective_from, rules, recorded_at, actor) "
    "VALUES (:effective_from, :rules, :recorded_at, :actor) "
    "ON CONFLICT (effective_from) DO UPDATE "
    "SET rules = excluded.rules, recorded_at = excluded.recorded_at, actor = excluded.actor"
)


class AllocationRuleView:
    """One row an effective date, the last word for it."""

    tables = ("allocation_rule",)

    async def project(self, connection: AsyncConnection, events: Sequence[StoredEvent]) -> None:
        for event in events:
            fact = event.fact
            if isinstance(fact, AllocationRulesSet):
                values = {
                    "effective_from": fact.effective_from,
                    "rules": orjson.dumps(shown(fact)).decode(),
                    "recorded_at": event.recorded_at,
                    "actor": event.actor,
                }
                await connection.execute(_PUT, values)


async def consult(connection: AsyncConnection, commands: Sequence[SetAllocationRules]) -> frozenset[str]:
    """The managers on record among those that the lists name."""
    named = set[str]().union(*(managers_of(command) for command in commands))
    return await manager.known(connection, named)


async def in_force(connection: AsyncConnection, day: date) -> AllocationRulesSet | None:
    """The list of a day; None before the first."""
    rows = await connection.execute(
        text(
            "SELECT effective_from, rules::text AS rules FROM allocation_rule "
            "WHERE effective_from <= :day ORDER BY effective_from DESC LIMIT 1"
        ),
        {"day": day},
    )
    row = rows.first()
    if row is None:
        return None
    rules = AllocationRules.model_validate_json(f'{{"rules": {row.rules}}}').rules
    return AllocationRulesSet(
        rules=rules, effective_from=row.effective_from, business_date=row.effective_from
    )


async def listed(connection: AsyncConnection, after: date, limit: int) -> list[dict[str, object]]:
    """The lists in order of their effective dates beyond a day."""
    rows = await connection.execute(
        text(
            "SELECT effective_from, rules::text AS rules, recorded_at, actor FROM allocation_rule "
            "WHERE effective_from > :after ORDER BY effective_from LIMIT :limit"
        ),
        {"after": after, "limit": limit},
    )
    return [{**row._mapping, "rules": orjson.Fragment(row.rules)} for row in rows]
