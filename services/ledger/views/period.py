"""Tables ``period`` (closed months) and ``cost_pool`` = ``GET /v1/periods``; the accounting calendar."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ledger.domain.calendar import Calendar
from shared.contracts.ledger import CostPoolDeclared, Driver, PeriodClosed
from shared.infrastructure.database import driver_of
from shared.kernel.event import StoredEvent
from shared.kernel.money import format_money
from shared.kernel.period import format_month, parse_month


class PeriodView:
    """One row a closed month, and one a cost pool."""

    tables = ("period", "cost_pool")
    takes = frozenset({PeriodClosed, CostPoolDeclared})

    async def project(self, connection: AsyncConnection, events: Sequence[StoredEvent]) -> None:
        for event in events:
            fact = event.fact
            if type(fact) is PeriodClosed:
                await connection.execute(
                    text(
                        "INSERT INTO period (month, closed_at, closed_by, entries) "
                        "VALUES (:month, :closed_at, :closed_by, :entries)"
                    ),
                    {
                        "month": parse_month(fact.period),
                        "closed_at": event.recorded_at,
                        "closed_by": event.actor,
                        "entries": fact.entries,
                    },
                )
            elif type(fact) is CostPoolDeclared:
                await connection.execute(
                    text(
                        "INSERT INTO cost_pool (month, pool, amount, driver) "
                        "VALUES (:month, :pool, :amount, :driver) ON CONFLICT (month, pool) "
                        "DO UPDATE SET amount = excluded.amount, driver = excluded.driver"
                    ),
                    {
                        "month": parse_month(fact.period),
                        "pool": fact.pool,
                        "amount": fact.amount,
                        "driver": fact.driver.value,
                    },
                )


async def calendar(connection: AsyncConnection) -> Calendar:
    """Which months are closed, and the first with an entry or a cost pool."""
    driver = await driver_of(connection)
    row = await driver.fetchrow(
        "SELECT (SELECT max(month) FROM period), "
        "least((SELECT min(period) FROM month), (SELECT min(month) FROM cost_pool))"
    )
    return Calendar(row[0] or 0, row[1])


async def pools(connection: AsyncConnection, month: int) -> list[CostPoolDeclared]:
    """The cost pools declared for a month, in order of name."""
    driver = await driver_of(connection)
    rows = await driver.fetch(
        "SELECT pool, amount, driver FROM cost_pool WHERE month = $1 ORDER BY pool", month
    )
    return [
        CostPoolDeclared.model_construct(
            period=format_month(month), pool=pool, amount=amount, driver=Driver(driver)
        )
        for pool, amount, driver in rows
    ]


async def periods(connection: AsyncConnection, after: int, limit: int) -> list[dict[str, Any]]:
    """Months with entries, pools or a close, in order, beyond a month ``YYYYMM``."""
    rows = await connection.execute(
        text(
            """
            WITH known AS (SELECT period AS month, sum(entries)::bigint AS entries FROM month GROUP BY period),
                 pool AS (SELECT month, json_agg(json_build_object('pool', pool, 'amount', amount, 'driver', driver)
                                                 ORDER BY pool) AS pools FROM cost_pool GROUP BY month)
            SELECT month, coalesce(known.entries, 0) AS entries, period.closed_at, period.closed_by,
                   month <= (SELECT max(month) FROM period) IS TRUE AS closed, pool.pools
            FROM known FULL JOIN period USING (month) FULL JOIN pool USING (month)
            WHERE month > :after ORDER BY month LIMIT :limit
            """
        ),
        {"after": after, "limit": limit},
    )
    return [
        {
            "period": format_month(row.month),
            "status": "closed" if row.closed else "open",
            "entries": row.entries,
            "closed_at": row.closed_at,
            "closed_by": row.closed_by,
            "cost_pools": [{**pool, "amount": format_money(pool["amount"])} for pool in row.pools or ()],
        }
        for row in rows
    ]
