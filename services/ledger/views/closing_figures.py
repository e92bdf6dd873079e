"""The figures that a month is computed from: stocks, weights of cost pools, what earlier closes computed.

All queries cost as much as the months have that are computed, and as the bank has managers and departments; none as
its history has legs.
"""

from collections.abc import Collection, Sequence
from datetime import date

from sqlalchemy.ext.asyncio import AsyncConnection

from services.ledger.domain.closing import (
    Cell,
    Figures,
    LateStock,
    ProductWeights,
    StockHistory,
    StockMonth,
    cells_of,
)
from services.ledger.domain.ftp_curve import Curves
from services.ledger.domain.matched_pricing import DailyStocks, PricedStock
from services.ledger.views.ftp_curve import curves
from services.ledger.views.period import pools
from services.ledger.views.policy import policies
from shared.contracts.ledger import Driver
from shared.infrastructure.database import driver_of
from shared.kernel.period import last_day


async def figures_of(
    connection: AsyncConnection,
    month: int,
    first: int,
    drivers: Collection[Driver] | None = None,
    products: Collection[str] = (),
    late_through: int | None = None,
) -> Figures:
    """What a month, and every one since the ``first`` to recompute, is computed from.

    The weights are those of the ``drivers``, which are those of the month's pools unless said otherwise; the daily
    stocks those of ``products`` and of all that some month's policy prices on a curve. A close knows of what was
    booked up to its month; with ``late_through`` also of what was booked late in the months up to that one.
    """
    driver = await driver_of(connection)
    declared, known = await pools(connection, month), await policies(connection)
    wanted = {pool.driver for pool in declared} if drivers is None else drivers
    daily = sorted({*products, *known.matched_products(first, month)})
    late_through = late_through or month
    return Figures(
        month=month,
        first_to_recompute=first,
        stocks=await _stocks(connection, first, month, late_through),
        computed={
            (of, line, (manager, department)): amount
            for of, manager, department, line, amount in await driver.fetch(_COMPUTED, first, month)
        },
        policies=known,
        pools=declared,
        revenue=cells_of(await weights(connection, Driver.REVENUE, month))
        if Driver.REVENUE in wanted
        else {},
        activity=cells_of(await weights(connection, Driver.ENTRIES, month))
        if Driver.ENTRIES in wanted
        else {},
        daily=await _daily(connection, daily, first, month, late_through) if daily else DailyStocks(),
        curves=await curves(connection) if daily else Curves(),
    )


async def weights(connection: AsyncConnection, driver: Driver, month: int) -> ProductWeights:
    """The weights of a month by a driver that counts what was booked in it, product by product."""
    query = _REVENUE if driver is Driver.REVENUE else _ACTIVITY
    rows = await (await driver_of(connection)).fetch(query, month)
    return {((manager, department), product): weight for manager, department, product, weight in rows}


_OPENING = """
    SELECT line::text, centre_id, department_id, sum(amount)::bigint FROM centre_month
    WHERE book = 'manager' AND NOT contra AND line IN ('deposit_balance', 'loan_balance') AND period < $1
    GROUP BY line, centre_id, department_id
"""
_MONTHS = """
    SELECT period, line::text, centre_id, department_id,
           sum(by_10)::bigint, sum(by_20)::bigint, sum(amount)::bigint
    FROM centre_month
    WHERE book = 'manager' AND NOT contra AND line IN ('deposit_balance', 'loan_balance')
      AND period BETWEEN $1 AND $2
    GROUP BY period, line, centre_id, department_id
"""
_LATE = """
    SELECT period, business_date, line::text, centre_id, department_id, sum(amount)::bigint FROM leg
    WHERE adjusts_period IS NOT NULL AND period BETWEEN $1 AND $2 AND business_date <= $3
      AND book = 'manager' AND NOT contra
      AND line IN ('deposit_balance', 'loan_balance')
    GROUP BY period, business_date, line, centre_id, department_id
"""
_COMPUTED = """
    SELECT month, manager_id, department_id, line::text, amount FROM computed_result
    WHERE month >= $1 AND month < $2 AND line <> 'allocated_cost'
"""
_REVENUE = """
    SELECT centre_id, department_id, product_code, sum(amount)::bigint FROM centre_month
    WHERE period = $1 AND book = 'manager' AND NOT contra
      AND line IN ('interest_income', 'fee_income', 'settlement_income', 'credit_risk_income')
    GROUP BY centre_id, department_id, product_code
"""
# Each core event counts 10,000 by the shares of its day, as the assignments are known now.
_ACTIVITY = """
    WITH booked AS (
        SELECT entry.customer_id, event.business_date, entry.department_id, entry.product_code,
               CASE WHEN entry.cause ->> 'type' = 'CostIncurred'
                    THEN entry.source_data ->> 'manager_id' END AS manager_id,
               count(*) AS events
        FROM month JOIN event ON event.shard = month.shard
                             AND event.position BETWEEN month.first_position AND month.last_position,
             json_to_record(event.data::json) AS entry(
                 customer_id text, department_id text, product_code text, period text, cause json, source_data json)
        WHERE month.period = $1 AND event.type = 'EntryBooked'
          AND entry.period = left($1::text, 4) || '-' || right($1::text, 2)
          AND entry.cause ->> 'type' NOT IN ('PeriodClosed', 'CustomerAssigned')
        GROUP BY 1, 2, 3, 4, 5
    )
    SELECT share.key, booked.department_id, booked.product_code, sum(booked.events * share.value::int)::bigint
    FROM booked
    LEFT JOIN LATERAL (
        SELECT shares FROM assignment
        WHERE assignment.customer_id = booked.customer_id AND effective_from <= booked.business_date
        ORDER BY effective_from DESC LIMIT 1
    ) AS known ON booked.manager_id IS NULL
    CROSS JOIN LATERAL json_each_text(
        CASE WHEN booked.manager_id IS NOT NULL THEN json_build_object(booked.manager_id, 10000)
             ELSE coalesce(known.shares, '{"unassigned": 10000}'::json) END
    ) AS share
    GROUP BY 1, 2, 3
"""
_OPENING_OF_PRODUCTS = """
    SELECT line::text, centre_id, department_id, product_code, sum(amount)::bigint FROM centre_month
    WHERE book = 'manager' AND NOT contra AND line IN ('deposit_balance', 'loan_balance')
      AND product_code = ANY($1) AND period < $2
    GROUP BY line, centre_id, department_id, product_code
"""
_POSTED_ON_PRODUCTS = """
    SELECT leg.line::text, leg.centre_id, leg.department_id, leg.product_code, leg.business_date,
           sum(leg.amount)::bigint
    FROM month JOIN leg ON leg.shard = month.shard
                       AND leg.position BETWEEN month.first_position AND month.last_position
    WHERE month.period BETWEEN $2 AND $3 AND leg.period = month.period AND leg.book = 'manager' AND NOT leg.contra
      AND leg.line IN ('deposit_balance', 'loan_balance') AND leg.product_code = ANY($1)
    GROUP BY leg.line, leg.centre_id, leg.department_id, leg.product_code, leg.business_date
"""


_POSTED_LATE_ON_PRODUCTS = """
    SELECT line::text, centre_id, department_id, product_code, business_date, sum(amount)::bigint FROM leg
    WHERE adjusts_period IS NOT NULL AND period > $2 AND period <= $3 AND business_date <= $4
      AND book = 'manager' AND NOT contra
      AND line IN ('deposit_balance', 'loan_balance') AND product_code = ANY($1)
    GROUP BY line, centre_id, department_id, product_code, business_date
"""


async def _daily(
    connection: AsyncConnection, products: Sequence[str], first: int, month: int, late_through: int
) -> DailyStocks:
    driver = await driver_of(connection)
    opening = {
        PricedStock(*stock): amount
        for *stock, amount in await driver.fetch(_OPENING_OF_PRODUCTS, products, first)
    }
    posted: dict[PricedStock, dict[date, int]] = {}
    rows = await driver.fetch(_POSTED_ON_PRODUCTS, products, first, month)
    if late_through > month:
        rows += await driver.fetch(_POSTED_LATE_ON_PRODUCTS, products, month, late_through, last_day(month))
    for *stock, day, amount in rows:
        days = posted.setdefault(PricedStock(*stock), {})
        days[day] = days.get(day, 0) + amount
    return DailyStocks(opening, posted)


async def _stocks(connection: AsyncConnection, first: int, month: int, late_through: int) -> StockHistory:
    driver = await driver_of(connection)
    months: dict[int, dict[tuple[str, Cell], StockMonth]] = {}
    for period, line, manager, department, *movement in await driver.fetch(_MONTHS, first, month):
        months.setdefault(period, {})[line, (manager, department)] = StockMonth(*movement)
    late = [
        LateStock(period, day, line, (manager, department), amount)
        for period, day, line, manager, department, amount in await driver.fetch(
            _LATE, first, late_through, last_day(month)
        )
    ]
    opening = {
        (line, (manager, department)): amount
        for line, manager, department, amount in await driver.fetch(_OPENING, first)
    }
    return StockHistory(opening, months, late)
