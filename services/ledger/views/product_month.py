"""Table ``product_month``: what a product's month adds to its department = level ``product`` of
``GET /v1/books/department/hierarchy``.

The stock of a product is the sum of all its months, which its legs could only tell by being read from the first on.
So the months are kept added up, as in ``centre_month``: a query costs as much as the bank has products, departments
and months, whatever the number of legs. ``known_at`` costs in addition what was booked since that moment.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ledger.domain.entry import EntryBooked
from services.ledger.domain.organisation import Path
from services.ledger.domain.statement import Statement, state
from shared.infrastructure.database import driver_of
from shared.kernel.books import STOCKS, Book
from shared.kernel.event import StoredEvent
from shared.kernel.period import Period

NO_PRODUCT = ""
"""Stands in the key for what the month close gives to a whole department; no product can be called so."""

_ADD_UP = """
    INSERT INTO product_month AS present (shard, period, department_id, product_code, line, legs, amount)
    SELECT * FROM unnest($1::smallint[], $2::int[], $3::text[], $4::text[], $5::line_name[], $6::bigint[], $7::bigint[])
    ON CONFLICT (shard, period, department_id, product_code, line) DO UPDATE
        SET legs = present.legs + excluded.legs, amount = present.amount + excluded.amount
"""
# What was recorded after a moment is taken away again: the books only ever grow, so this is what they were.
_KNOWN = """
    WITH known AS (
        SELECT department_id, product_code, line, period, legs, amount FROM product_month WHERE period <= :last
        UNION ALL
        SELECT leg.department_id, coalesce(leg.product_code, ''), leg.line, leg.period, -1, -leg.amount
        FROM event JOIN leg USING (shard, position)
        WHERE event.recorded_at > cast(:known_at AS timestamptz) AND leg.period <= :last
          AND leg.book = 'department' AND NOT leg.contra
    )
"""
_STATED = """
    SELECT department_id, product_code, line::text AS line,
           coalesce(sum(amount) FILTER (WHERE period >= :first), 0)::bigint AS movement,
           sum(amount)::bigint AS stock, 0 AS opening, 0 AS by_10, 0 AS by_20
    FROM {source}
    WHERE period <= :last AND (line IN ('deposit_balance', 'loan_balance') OR period >= :first)
    GROUP BY department_id, product_code, line HAVING sum(legs) > 0
"""
_PRESENT = _STATED.format(source="product_month")
_PAST = _KNOWN + _STATED.format(source="known")


class ProductMonthView:
    """Sums of the department book's legs per shard, month, department, product and line; contra legs left out.

    The moves of an entry concern the manager book only, so its department parts are all there is to add.
    """

    tables = ("product_month",)

    async def project(self, connection: AsyncConnection, events: Sequence[StoredEvent]) -> None:
        sums: dict[tuple[int, int, str, str, str], list[int]] = {}
        for event in events:
            entry = event.fact
            if type(entry) is not EntryBooked:
                continue
            shard, period, product = event.shard, entry.period, entry.product_code or NO_PRODUCT
            for line, parts in entry.department.items():
                for department_id, amount in parts.items():
                    cell = sums.setdefault((shard, period, department_id, product, line), [0, 0])
                    cell[0] += 1
                    cell[1] += amount
        if not sums:
            return
        keys = sorted(sums)
        driver = await driver_of(connection)
        await driver.execute(_ADD_UP, *zip(*((*key, *sums[key]) for key in keys), strict=True))


async def products(
    connection: AsyncConnection, period: Period, known_at: datetime | None = None
) -> list[tuple[Path, Statement]]:
    """The statement of each product in each department that has legs of it, without averages (they are rounded for
    a department as a whole); what has no product stands under None."""
    parameters = {"first": period.first, "last": period.last}
    if known_at is None:
        rows = await connection.execute(text(_PRESENT), parameters)
    else:
        rows = await connection.execute(text(_PAST), {**parameters, "known_at": known_at})
    by_path: dict[tuple[str, str | None], list[Mapping[str, object]]] = {}
    for row in rows:
        path = row.department_id, row.product_code or None
        by_path.setdefault(path, []).append(dict(row._mapping))
    return [(path, _stated(path[1], period, mine)) for path, mine in by_path.items()]


def _stated(product_code: str | None, period: Period, rows: Sequence[Mapping[str, object]]) -> Statement:
    statement = state(Book.DEPARTMENT, product_code or NO_PRODUCT, period, rows)
    return replace(statement, averages=dict.fromkeys(STOCKS, 0))
