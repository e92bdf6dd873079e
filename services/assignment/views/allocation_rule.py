"""Table ``allocation_rule``: the lists of rules by effective date = ``GET /v1/allocation-rules``."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.assignment.domain.allocation_rule import (
    STREAM,
    AllocationRules,
    AllocationRulesSet,
    SetAllocationRules,
    managers_of,
    shown,
)
from services.assignment.views import manager
from shared.infrastructure.fold import Fold, put, readers
from shared.kernel.event import StoredEvent


class AllocationRuleView:
    """One row an effective date, the last word for it."""

    tables = ("allocation_rule",)
    takes = frozenset({AllocationRulesSet})

    async def project(self, connection: AsyncConnection, events: Sequence[StoredEvent]) -> None:
        for lists in (await RULE_LISTS.after(connection, events)).values():
            await put(connection, "allocation_rule", lists.values())


@dataclass(frozen=True, slots=True)
class RuleList:
    """The list in force from a day on; ``rules`` is its JSON."""

    effective_from: date
    rules: str
    recorded_at: datetime
    actor: str

    def shown(self) -> dict[str, object]:
        """As callers see it."""
        return {**asdict(self), "rules": orjson.Fragment(self.rules)}


RuleLists = Mapping[date, RuleList]
"""The lists by effective date, the last word for each."""


def _set(lists: RuleLists, event: StoredEvent) -> RuleLists:
    fact = event.fact
    assert isinstance(fact, AllocationRulesSet)  # the only event of the stream
    rules = orjson.dumps(shown(fact)).decode()
    known = RuleList(fact.effective_from, rules, event.recorded_at, event.actor)
    return {**lists, fact.effective_from: known}


RULE_LISTS: Fold[RuleLists] = Fold(lambda event: _set({}, event), _set, readers(AllocationRulesSet))


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


async def listed(
    connection: AsyncConnection, after: date, limit: int, as_of: date | None = None
) -> list[RuleList]:
    """The lists in order of their effective dates beyond a day; those that were set by the end of a day, if given."""
    if as_of is not None:
        lists = (await RULE_LISTS.as_of(connection, [STREAM], as_of)).get(STREAM, {})
        return [lists[day] for day in sorted(lists) if day > after][:limit]
    rows = await connection.execute(
        text(
            "SELECT effective_from, rules::text AS rules, recorded_at, actor FROM allocation_rule "
            "WHERE effective_from > :after ORDER BY effective_from LIMIT :limit"
        ),
        {"after": after, "limit": limit},
    )
    return [RuleList(**row._mapping) for row in rows]
