"""What a close is computed from, and tables ``computed_result`` and ``customer_stock`` that earlier closes left.

All queries cost as much as the month has, and as the bank has managers and departments; none as its history has legs.
"""

from collections.abc import Callable, Sequence
from datetime import date
from hashlib import sha256
from typing import Any

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ledger.domain.closing import Cell, Figures, LateStock, StockHistory, StockMonth
from services.ledger.domain.entry import EntryBooked
from services.ledger.domain.ftp_curve import Curves
from services.ledger.domain.matched_pricing import DailyStocks, PricedStock
from services.ledger.domain.period import (
    CAUSE_TYPE,
    BeforeClose,
    ClosePeriod,
    Consulted,
    CustomerMonth,
    Position,
)
from services.ledger.views import statement
from services.ledger.views.ftp_curve import curves
from services.ledger.views.period import calendar, pools
from services.ledger.views.policy import policies
from shared.contracts.ledger import CustomerResultStated, Driver
from shared.infrastructure.database import driver_of
from shared.kernel.books import Book, Line
from shared.kernel.event import StoredEvent
from shared.kernel.period import Period, format_month

_PUT_COMPUTED = """
    INSERT INTO computed_result AS present (month, manager_id, department_id, line, amount)
    SELECT * FROM unnest($1::int[], $2::text[], $3::text[], $4::line_name[], $5::bigint[])
    ON CONFLICT (month, manager_id, department_id, line) DO UPDATE SET amount = present.amount + excluded.amount
"""
_PUT_STOCKS = """
    INSERT INTO customer_stock (customer_id, deposit_balance, loan_balance)
    SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[])
    ON CONFLICT (customer_id) DO UPDATE
        SET deposit_balance = excluded.deposit_balance, loan_balance = excluded.loan_balance
"""


class ClosingView:
    """What closes have computed for each month so far, and each customer's stocks as stated last."""

    tables = ("computed_result", "customer_stock")

    async def project(self, connection: AsyncConnection, events: Sequence[StoredEvent]) -> None:
        computed: dict[tuple[int, str, str, str], int] = {}
        stocks: dict[str, tuple[int, int]] = {}
        for event in events:
            fact = event.fact
            if type(fact) is EntryBooked and fact.cause_type == CAUSE_TYPE:
                [manager] = fact.shares
                for line, parts in fact.department.items():
                    for department, amount in parts.items():
                        key = fact.adjusts_period or fact.period, manager, department, line
                        computed[key] = computed.get(key, 0) + amount
            elif type(fact) is CustomerResultStated:
                own = fact.stocks
                stocks[fact.customer_id] = own[Line.DEPOSIT_BALANCE], own[Line.LOAN_BALANCE]
        driver = await driver_of(connection)
        if computed:
            keys = sorted(computed)
            await driver.execute(_PUT_COMPUTED, *zip(*keys, strict=True), [computed[key] for key in keys])
        if stocks:
            customers = sorted(stocks)
            await driver.execute(_PUT_STOCKS, customers, *zip(*(stocks[c] for c in customers), strict=True))


def consult() -> Callable[[AsyncConnection, Sequence[ClosePeriod]], Any]:
    """The calendar, and what the closes of a batch look at."""

    async def read(connection: AsyncConnection, commands: Sequence[ClosePeriod]) -> Consulted:
        known = await calendar(connection)
        closable = {command.month for command in commands if known.is_due(command.month)}
        return Consulted(known, {month: await before_close(connection, month) for month in closable})

    return read


async def before_close(connection: AsyncConnection, month: int) -> BeforeClose:
    """Everything the close of a month looks at; the caller has locked all shards."""
    driver = await driver_of(connection)
    period = Period.parse(format_month(month))
    declared = await pools(connection, month)
    drivers = {pool.driver for pool in declared}
    first = await driver.fetchval(_FIRST_ADJUSTED, month) or month
    known_policies = await policies(connection)
    matched = known_policies.matched_products(first, month)
    figures = Figures(
        month=month,
        first_to_recompute=first,
        stocks=await _stocks(connection, first, month),
        computed={
            (of, line, (manager, department)): amount
            for of, manager, department, line, amount in await driver.fetch(_COMPUTED, first, month)
        },
        policies=known_policies,
        pools=declared,
        revenue=_cells(await driver.fetch(_REVENUE, month)) if Driver.REVENUE in drivers else {},
        activity=_cells(await driver.fetch(_ACTIVITY, month)) if Driver.ENTRIES in drivers else {},
        daily=await _daily(connection, matched, first, month) if matched else DailyStocks(),
        curves=await curves(connection) if matched else Curves(),
    )
    return BeforeClose(
        figures=figures,
        statements={book: await statement.statements(connection, book, period) for book in Book},
        customers=await _customers(connection, month),
        position=await _position(connection),
        entries=await statement.entries(connection, period),
    )


_FIRST_ADJUSTED = """
    SELECT min(adjusts_period) FROM leg
    WHERE adjusts_period IS NOT NULL AND period = $1 AND line IN ('deposit_balance', 'loan_balance')
"""
"""A month is recomputed where a stock leg dated in it, or before, was booked since the last close."""

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
    WHERE adjusts_period IS NOT NULL AND period BETWEEN $1 AND $2 AND book = 'manager' AND NOT contra
      AND line IN ('deposit_balance', 'loan_balance')
    GROUP BY period, business_date, line, centre_id, department_id
"""
_COMPUTED = """
    SELECT month, manager_id, department_id, line::text, amount FROM computed_result
    WHERE month >= $1 AND month < $2 AND line <> 'allocated_cost'
"""
_REVENUE = """
    SELECT centre_id, department_id, sum(amount)::bigint FROM centre_month
    WHERE period = $1 AND book = 'manager' AND NOT contra
      AND line IN ('interest_income', 'fee_income', 'settlement_income', 'credit_risk_income')
    GROUP BY centre_id, department_id
"""
# Each core event counts 10,000 by the shares of its day, as the assignments are known now.
_ACTIVITY = """
    WITH booked AS (
        SELECT entry.customer_id, event.business_date, entry.department_id,
               CASE WHEN entry.cause ->> 'type' = 'CostIncurred'
                    THEN entry.source_data ->> 'manager_id' END AS manager_id,
               count(*) AS events
        FROM month JOIN event ON event.shard = month.shard
                             AND event.position BETWEEN month.first_position AND month.last_position,
             json_to_record(event.data::json) AS entry(
                 customer_id text, department_id text, period text, cause json, source_data json)
        WHERE month.period = $1 AND event.type = 'EntryBooked'
          AND entry.period = left($1::text, 4) || '-' || right($1::text, 2)
          AND entry.cause ->> 'type' NOT IN ('PeriodClosed', 'CustomerAssigned')
        GROUP BY 1, 2, 3, 4
    )
    SELECT share.key, booked.department_id, sum(booked.events * share.value::int)::bigint
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
    GROUP BY 1, 2
"""
_CUSTOMERS = """
    WITH posted AS (
        SELECT leg.customer_id, leg.line::text AS line, sum(leg.amount)::bigint AS amount
        FROM month JOIN leg ON leg.shard = month.shard
                           AND leg.position BETWEEN month.first_position AND month.last_position
        WHERE month.period = $1 AND leg.period = $1 AND leg.book = 'department' AND NOT leg.contra
          AND leg.customer_id IS NOT NULL
        GROUP BY leg.customer_id, leg.line
    )
    SELECT customer_id, json_object_agg(line, posted.amount)::text,
           coalesce(min(deposit_balance), 0) + coalesce(sum(amount) FILTER (WHERE line = 'deposit_balance'), 0)::bigint,
           coalesce(min(loan_balance), 0) + coalesce(sum(amount) FILTER (WHERE line = 'loan_balance'), 0)::bigint
    FROM posted LEFT JOIN customer_stock USING (customer_id)
    GROUP BY customer_id
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


async def _daily(connection: AsyncConnection, products: Sequence[str], first: int, month: int) -> DailyStocks:
    driver = await driver_of(connection)
    opening = {
        PricedStock(*stock): amount
        for *stock, amount in await driver.fetch(_OPENING_OF_PRODUCTS, products, first)
    }
    posted: dict[PricedStock, dict[date, int]] = {}
    for *stock, day, amount in await driver.fetch(_POSTED_ON_PRODUCTS, products, first, month):
        posted.setdefault(PricedStock(*stock), {})[day] = amount
    return DailyStocks(opening, posted)


async def _stocks(connection: AsyncConnection, first: int, month: int) -> StockHistory:
    driver = await driver_of(connection)
    months: dict[int, dict[tuple[str, Cell], StockMonth]] = {}
    for period, line, manager, department, *movement in await driver.fetch(_MONTHS, first, month):
        months.setdefault(period, {})[line, (manager, department)] = StockMonth(*movement)
    late = [
        LateStock(period, day, line, (manager, department), amount)
        for period, day, line, manager, department, amount in await driver.fetch(_LATE, first, month)
    ]
    opening = {
        (line, (manager, department)): amount
        for line, manager, department, amount in await driver.fetch(_OPENING, first)
    }
    return StockHistory(opening, months, late)


def _cells(rows: Sequence[Any]) -> dict[Cell, int]:
    return {(manager, department): amount for manager, department, amount in rows}


async def _customers(connection: AsyncConnection, month: int) -> dict[str, CustomerMonth]:
    driver = await driver_of(connection)
    by_name = {line.value: line for line in Line}
    return {
        customer_id: CustomerMonth(
            {by_name[line]: amount for line, amount in orjson.loads(lines).items()},
            {Line.DEPOSIT_BALANCE: deposits, Line.LOAN_BALANCE: loans},
        )
        for customer_id, lines, deposits, loans in await driver.fetch(_CUSTOMERS, month)
    }


async def _position(connection: AsyncConnection) -> Position:
    driver = await driver_of(connection)
    heads = await driver.fetch("SELECT shard, position, hash FROM shard ORDER BY shard")
    chained = sha256(b"".join(head["hash"] for head in heads)).hexdigest()
    return Position({head["shard"]: head["position"] for head in heads}, chained)
