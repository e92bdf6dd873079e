"""What a close is computed from, and tables ``computed_result`` and ``customer_stock`` that earlier closes left.

All queries cost as much as the month has, and as the bank has managers and departments; none as its history has legs.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from hashlib import sha256
from typing import Any

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ledger.domain.entry import EntryBooked
from services.ledger.domain.period import (
    CAUSE_TYPE,
    BeforeClose,
    ClosePeriod,
    Consulted,
    CustomerMonth,
    Position,
)
from services.ledger.views import statement
from services.ledger.views.closing_figures import figures_of
from services.ledger.views.period import calendar
from shared.contracts.ledger import CustomerResultStated
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
    takes = frozenset({EntryBooked, CustomerResultStated})

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
    first = await driver.fetchval(_FIRST_ADJUSTED, month) or month
    return BeforeClose(
        figures=await figures_of(connection, month, first),
        statements={book: await statement.statements(connection, book, period) for book in Book},
        customers=await _customers(connection, month),
        position=await _position(connection),
        entries=await statement.entries(connection, period),
    )


_FIRST_ADJUSTED = """
    SELECT min(adjusts_period) FROM leg
    WHERE adjusts_period IS NOT NULL AND period = $1
"""
"""A month is recomputed where any leg dated in it, or before, was booked since the last close: even where no stock
changed, as its policy may have."""

_CUSTOMERS = """
    WITH posted AS (
        SELECT leg.customer_id, leg.line::text AS line, leg.product_code, sum(leg.amount)::bigint AS amount
        FROM month JOIN leg ON leg.shard = month.shard
                           AND leg.position BETWEEN month.first_position AND month.last_position
        WHERE month.period = $1 AND leg.period = $1 AND leg.book = 'department' AND NOT leg.contra
          AND leg.customer_id IS NOT NULL
        GROUP BY leg.customer_id, leg.line, leg.product_code
    ), of_line AS (
        SELECT customer_id, line, sum(amount)::bigint AS amount, string_agg(product_code, ' ') AS products
        FROM posted GROUP BY customer_id, line
    )
    SELECT customer_id, json_object_agg(line, of_line.amount)::text, string_agg(products, ' '),
           coalesce(min(deposit_balance), 0) + coalesce(sum(amount) FILTER (WHERE line = 'deposit_balance'), 0)::bigint,
           coalesce(min(loan_balance), 0) + coalesce(sum(amount) FILTER (WHERE line = 'loan_balance'), 0)::bigint
    FROM of_line LEFT JOIN customer_stock USING (customer_id)
    GROUP BY customer_id
"""
"""Products as words of one text, as no code has a space: cheaper to make and to read than arrays."""


async def _customers(connection: AsyncConnection, month: int) -> dict[str, CustomerMonth]:
    driver = await driver_of(connection)
    by_name = {line.value: line for line in Line}
    return {
        customer_id: CustomerMonth(
            {by_name[line]: amount for line, amount in orjson.loads(lines).items()},
            {Line.DEPOSIT_BALANCE: deposits, Line.LOAN_BALANCE: loans},
            _in_order(products),
        )
        for customer_id, lines, products, deposits, loans in await driver.fetch(_CUSTOMERS, month)
    }


@lru_cache(maxsize=4096)
def _in_order(products: str) -> tuple[str, ...]:
    """Each code once, in order of code points; customers of the same products share what is answered."""
    return tuple(sorted(set(products.split(" "))))


async def _position(connection: AsyncConnection) -> Position:
    driver = await driver_of(connection)
    heads = await driver.fetch("SELECT shard, position, hash FROM shard ORDER BY shard")
    chained = sha256(b"".join(head["hash"] for head in heads)).hexdigest()
    return Position({head["shard"]: head["position"] for head in heads}, chained)
