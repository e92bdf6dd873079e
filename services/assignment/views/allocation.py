"""Table ``allocation``: what was allocated = ``GET /v1/allocations``; and all that an allocation looks at."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.assignment.domain.allocation import (
    AllocationApplied,
    ApplyAllocation,
    Ground,
    Terms,
    stream_of,
    summary_of,
)
from services.assignment.domain.allocation_rule import AllocationRulesSet
from services.assignment.domain.allotting import Candidate
from services.assignment.views import allocation_preview, allocation_rule, manager
from services.assignment.views.policy import policies
from services.assignment.views.portfolio import burdens
from services.assignment.views.register import MONTHS_OF_YEAR
from shared.infrastructure.database import driver_of
from shared.infrastructure.fold import Fold, RowView, readers
from shared.kernel.event import StoredEvent


@dataclass(frozen=True, slots=True)
class Applied:
    """An allocation that was applied; ``summary`` is the JSON of what it came to."""

    allocation_id: str
    summary: str
    recorded_at: datetime
    actor: str

    @property
    def stream(self) -> str:
        return stream_of(self.allocation_id)

    def shown(self) -> dict[str, object]:
        """As callers see it."""
        return {**orjson.loads(self.summary), "recorded_at": self.recorded_at, "actor": self.actor}


def _begin(event: StoredEvent) -> Applied:
    fact = event.fact
    assert isinstance(fact, AllocationApplied)  # the only event of an allocation's stream
    summary = orjson.dumps(summary_of(fact)).decode()
    return Applied(fact.allocation_id, summary, event.recorded_at, event.actor)


ALLOCATIONS = Fold(_begin, lambda applied, _: applied, readers(AllocationApplied))


class AllocationView(RowView):
    """One row an allocation."""

    tables = ("allocation",)
    takes = frozenset({AllocationApplied})
    fold = ALLOCATIONS


_SELECT = "SELECT allocation_id, summary::text AS summary, recorded_at, actor FROM allocation "


async def find(connection: AsyncConnection, allocation_id: str) -> Applied | None:
    """An allocation that was applied."""
    rows = await connection.execute(text(_SELECT + "WHERE allocation_id = :id"), {"id": allocation_id})
    row = rows.first()
    return None if row is None else Applied(**row._mapping)


async def listed(connection: AsyncConnection, after: str, limit: int) -> list[Applied]:
    """Allocations in the order in which they were asked for beyond a place."""
    rows = await connection.execute(
        text(_SELECT + "WHERE allocation_id > :after ORDER BY allocation_id LIMIT :limit"),
        {"after": after, "limit": limit},
    )
    return [Applied(**row._mapping) for row in rows]


async def consult(connection: AsyncConnection, commands: Sequence[ApplyAllocation]) -> Ground:
    """What an allocation looks at, on what is true now; the caller has locked all shards."""
    [command] = commands  # bank-wide commands are worked one by one
    previewed = None
    if command.previewed:
        previewed = await allocation_preview.outcomes(connection, command.allocation_id)
    return await ground(connection, command.terms, command.today, previewed)


async def ground(
    connection: AsyncConnection,
    terms: Terms,
    today: date,
    previewed: dict[str, tuple[str, str | None]] | None = None,
) -> Ground:
    """The customers of the scope, the rules of the day, and all managers with what they look after from it on."""
    day = terms.effective_from
    rules = await allocation_rule.in_force(connection, day)
    if rules is None or day < today:
        return Ground()  # of which nothing more is asked
    known = await policies(connection)
    careers = await manager.careers(connection)
    return Ground(
        await _candidates(connection, terms, rules),
        rules,
        known,
        careers,
        await burdens(connection, careers, (), known.in_force(day), day),
        previewed,
    )


_IN_SCOPE = """
    ($2::text IS NULL OR customer.branch_id = $2) AND ($3::text[] IS NULL OR customer.customer_id = ANY($3))
"""
_CUSTOMERS = f"""
    SELECT customer_id, kind, region, industry, tier, branch_id, following.day
    FROM customer LEFT JOIN (
        SELECT customer_id, min(effective_from) AS day FROM assignment
        WHERE effective_from > $1 GROUP BY customer_id
    ) AS following USING (customer_id)
    WHERE {_IN_SCOPE} AND NOT ($4 AND EXISTS (
        SELECT FROM portfolio WHERE portfolio.customer_id = customer.customer_id
          AND effective_from <= $1 AND (effective_to IS NULL OR effective_to > $1)
    ))
"""  # noqa: S608  # constants
_HELD = f"""
    SELECT portfolio.customer_id, manager_id, share FROM portfolio JOIN customer USING (customer_id)
    WHERE effective_from <= $1 AND (effective_to IS NULL OR effective_to > $1) AND {_IN_SCOPE}
"""  # noqa: S608  # constants
_PRODUCTS = """
    SELECT customer_id, array_agg(DISTINCT product) FROM customer_result, unnest(products) AS product
    WHERE product = ANY($1) AND month >= (
        SELECT min(month) FROM (SELECT month FROM closed_month ORDER BY month DESC LIMIT $2) AS latest
    )
    GROUP BY customer_id
"""
"""What customers had booked in the last twelve closed months, of the products that matter."""


async def _candidates(
    connection: AsyncConnection, terms: Terms, rules: AllocationRulesSet
) -> list[Candidate]:
    driver = await driver_of(connection)
    scope = terms.scope
    chosen = terms.effective_from, scope.branch_id, scope.customer_ids
    rows = await driver.fetch(_CUSTOMERS, *chosen, scope.unassigned is True)
    shares: dict[str, list[tuple[str, Decimal]]] = {}
    if not scope.unassigned:
        for customer_id, manager_id, share in await driver.fetch(_HELD, *chosen):
            shares.setdefault(customer_id, []).append((manager_id, share))
    named = {product for rule in rules.rules for product in rule.match.products or ()}
    products = dict(await driver.fetch(_PRODUCTS, list(named), MONTHS_OF_YEAR)) if named else {}
    return [Candidate._make((*row, shares.get(row[0], ()), products.get(row[0], ()))) for row in rows]
