"""Table ``portfolio``: the timelines seen from the managers = ``GET /v1/managers/{manager_id}/portfolio``.

Written by ``AssignmentView``. A row holds from ``effective_from`` until before ``effective_to``, null for ever.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.assignment.domain.load import Burden
from services.assignment.domain.policy import Policy
from shared.infrastructure.database import driver_of

IN_FORCE = (
    "portfolio.effective_from <= :day AND (portfolio.effective_to IS NULL OR portfolio.effective_to > :day)"
)
"""Whether a row of the portfolio holds on ``:day``."""

HELD = (
    "WITH held AS (SELECT customer_id, effective_from, share FROM portfolio "  # noqa: S608  # constants
    f"WHERE manager_id = :manager_id AND {IN_FORCE}) "
)
"""What a manager looks after on ``:day``."""


@dataclass(frozen=True, slots=True)
class Holding:
    """A customer and the manager's part of it, since when."""

    customer_id: str
    share: Decimal
    effective_from: date
    kind: str
    tier: str
    branch_id: str
    sealed: str

    @property
    def stream(self) -> str:
        return f"customer-{self.customer_id}"

    def shown(self, name: str | None) -> dict[str, object]:
        """As callers see it, under a name that is whole, masked, or None where it was erased."""
        return {
            "customer_id": self.customer_id,
            "name": name,
            "share": str(self.share),
            "effective_from": self.effective_from,
            "kind": self.kind,
            "tier": self.tier,
            "branch_id": self.branch_id,
        }


async def holdings(
    connection: AsyncConnection, manager_id: str, day: date, after: str, limit: int
) -> list[Holding]:
    """What a manager looks after on a day, in order of customer id beyond a place."""
    rows = await connection.execute(
        text(
            HELD + "SELECT customer_id, share, effective_from, kind, tier, branch_id, sealed "
            "FROM held JOIN customer USING (customer_id) "
            "WHERE customer_id > :after ORDER BY customer_id LIMIT :limit"
        ),
        {"manager_id": manager_id, "day": day, "after": after, "limit": limit},
    )
    return [Holding(*row) for row in rows]


async def held(
    connection: AsyncConnection, manager_id: str, customer_ids: Collection[str], day: date
) -> frozenset[str]:
    """Those of these customers whom the manager looks after on a day."""
    rows = await connection.execute(
        text(
            HELD + "SELECT customer_id FROM held WHERE customer_id = ANY(:ids)"  # noqa: S608  # constants
        ),
        {"manager_id": manager_id, "ids": list(customer_ids), "day": day},
    )
    return frozenset(rows.scalars())


async def leads(connection: AsyncConnection, customer_ids: Collection[str], day: date) -> dict[str, str]:
    """Who answers for each of these customers on a day: the manager with the largest share (ties: the smaller id).

    Absent are customers whom nobody looks after.
    """
    rows = await connection.execute(
        text(
            "SELECT DISTINCT ON (customer_id) customer_id, manager_id FROM portfolio "  # noqa: S608  # constants
            f"WHERE customer_id = ANY(:ids) AND {IN_FORCE} ORDER BY customer_id, share DESC, manager_id"
        ),
        {"ids": list(customer_ids), "day": day},
    )
    return {row.customer_id: row.manager_id for row in rows}


async def left_behind(connection: AsyncConnection, manager_id: str, day: date) -> int:
    """How many customers a manager has on a day or later."""
    rows = await connection.execute(
        text(
            "SELECT count(DISTINCT customer_id) FROM portfolio "
            "WHERE manager_id = :manager_id AND (effective_to IS NULL OR effective_to > :day)"
        ),
        {"manager_id": manager_id, "day": day},
    )
    return int(rows.scalar_one())


async def burdens(
    connection: AsyncConnection,
    manager_ids: Collection[str],
    without: Collection[str],
    policy: Policy,
    today: date,
) -> Mapping[str, list[Burden]]:
    """The loads of managers from today on, but for those that the customers ``without`` are."""
    driver = await driver_of(connection)
    rows = await driver.fetch(
        """
        SELECT manager_id, tier, greatest(effective_from, $3) AS starts, effective_to, sum(share) AS share
        FROM portfolio JOIN customer USING (customer_id)
        WHERE manager_id = ANY($1) AND (effective_to IS NULL OR effective_to > $3)
          AND customer_id <> ALL($2)
        GROUP BY manager_id, tier, starts, effective_to
        """,
        list(manager_ids),
        list(without),
        today,
    )
    loads: dict[str, list[Burden]] = {}
    for manager_id, tier, starts, ends, share in rows:
        loads.setdefault(manager_id, []).append(Burden(starts, ends, policy.tier(tier).weight * share))
    return loads
