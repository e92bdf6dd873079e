"""Table ``portfolio``: the timelines seen from the managers = ``GET /v1/managers/{manager_id}/portfolio``."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.assignment import CustomerAssigned
from shared.infrastructure.database import copy, driver_of
from shared.kernel.event import StoredEvent

_DELETE = """
    DELETE FROM portfolio USING unnest($1::text[], $2::date[]) AS assigned (customer_id, effective_from)
    WHERE portfolio.customer_id = assigned.customer_id AND portfolio.effective_from = assigned.effective_from
"""


class PortfolioView:
    """One row a customer, effective date and manager; the batch's last word for each customer and date."""

    tables = ("portfolio",)

    async def project(self, connection: AsyncConnection, events: Sequence[StoredEvent]) -> None:
        latest = {
            (event.fact.customer_id, event.fact.effective_from): event.fact.shares
            for event in events
            if isinstance(event.fact, CustomerAssigned)
        }
        if not latest:
            return
        driver = await driver_of(connection)
        await driver.execute(_DELETE, *(list(column) for column in zip(*sorted(latest), strict=True)))
        columns = ("customer_id", "effective_from", "manager_id", "share")
        rows = [
            (customer_id, day, share.manager_id, share.share)
            for (customer_id, day), shares in sorted(latest.items())
            for share in shares
        ]
        await copy(connection, "portfolio", columns, rows)


HELD = """
    WITH held AS (
        SELECT customer_id, effective_from, share FROM portfolio
        WHERE manager_id = :manager_id AND effective_from <= :day AND NOT EXISTS (
            SELECT FROM assignment AS later
            WHERE later.customer_id = portfolio.customer_id
              AND later.effective_from > portfolio.effective_from AND later.effective_from <= :day
        )
    )
"""
"""What a manager looks after on ``:day``: shares with no later word on the customer in effect by then."""


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
    return [Holding(**row._mapping) for row in rows]


async def held(
    connection: AsyncConnection, manager_id: str, customer_ids: Collection[str], day: date
) -> frozenset[str]:
    """Those of these customers whom the manager looks after on a day."""
    rows = await connection.execute(
        text(HELD + "SELECT customer_id FROM held WHERE customer_id = ANY(:ids)"),  # noqa: S608  # constants
        {"manager_id": manager_id, "ids": list(customer_ids), "day": day},
    )
    return frozenset(rows.scalars())


async def leads(connection: AsyncConnection, customer_ids: Collection[str], day: date) -> dict[str, str]:
    """Who answers for each of these customers on a day: the manager with the largest share (ties: the smaller id).

    Absent are customers whom nobody looks after.
    """
    rows = await connection.execute(
        text(
            """
            SELECT DISTINCT ON (customer_id) customer_id, manager_id
            FROM portfolio
            WHERE customer_id = ANY(:ids) AND effective_from = (
                SELECT max(effective_from) FROM assignment
                WHERE assignment.customer_id = portfolio.customer_id AND effective_from <= :day
            )
            ORDER BY customer_id, share DESC, manager_id
            """
        ),
        {"ids": list(customer_ids), "day": day},
    )
    return {row.customer_id: row.manager_id for row in rows}
