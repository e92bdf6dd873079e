"""Statements and reconciliation, from table ``centre_month`` (written with the legs, in ``leg.py``)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ledger.domain.statement import Statement, state
from shared.kernel.books import STOCKS, Book, Line
from shared.kernel.period import Period

# What was recorded after a moment is taken away again: the books only ever grow, so this is what they were.
_KNOWN = """
    WITH known AS (
        SELECT book, centre_id, product_code, line, contra, period, legs, amount, by_10, by_20 FROM centre_month
        WHERE period <= :last
        UNION ALL
        SELECT leg.book, leg.centre_id, coalesce(leg.product_code, ''), leg.line, leg.contra, leg.period,
               -1, -leg.amount,
               CASE WHEN leg.adjusts_period IS NOT NULL OR extract(day FROM leg.business_date) <= 10
                    THEN -leg.amount ELSE 0 END,
               CASE WHEN leg.adjusts_period IS NOT NULL OR extract(day FROM leg.business_date) <= 20
                    THEN -leg.amount ELSE 0 END
        FROM event JOIN leg USING (shard, position)
        WHERE event.recorded_at > cast(:known_at AS timestamptz) AND leg.period <= :last
    )
"""
_STATED = """
    SELECT {key}, line::text AS line,
           coalesce(sum(amount) FILTER (WHERE period >= :first), 0)::bigint AS movement,
           sum(amount)::bigint AS stock,
           coalesce(sum(amount) FILTER (WHERE period < :last), 0)::bigint AS opening,
           coalesce(sum(by_10) FILTER (WHERE period = :last), 0)::bigint AS by_10,
           coalesce(sum(by_20) FILTER (WHERE period = :last), 0)::bigint AS by_20
    FROM {source}
    WHERE book = cast(:book AS book_name) AND period <= :last
      AND (line IN ('deposit_balance', 'loan_balance') OR period >= :first)
"""


def _query(
    book: str, period: Period, known_at: datetime | None, rest: str, key: str = "centre_id", **more: str
) -> tuple[TextClause, dict[str, Any]]:
    parameters = {"book": book, "first": period.first, "last": period.last, **more}
    rest = f"{rest} GROUP BY {key}, line HAVING sum(legs) > 0 ORDER BY {key}"
    if known_at is None:
        return text(_STATED.format(key=key, source="centre_month") + rest), parameters
    return text(_KNOWN + _STATED.format(key=key, source="known") + rest), {**parameters, "known_at": known_at}


async def statement(
    connection: AsyncConnection, book: str, centre_id: str, period: Period, known_at: datetime | None = None
) -> Statement:
    """One centre's statement, now or as it was known at a moment; all zero for a centre that had no leg."""
    rest = " AND centre_id = :centre_id"
    rows = await connection.execute(*_query(book, period, known_at, rest, centre_id=centre_id))
    return state(book, centre_id, period, [dict(row._mapping) for row in rows])


async def statements(
    connection: AsyncConnection, book: str, period: Period, known_at: datetime | None = None
) -> list[Statement]:
    """The statements of all centres with a leg in the period or one on a stock before its end, in order of id; no
    contra centres."""
    rows = await connection.execute(*_query(book, period, known_at, " AND NOT contra"))
    by_centre: dict[str, list[Mapping[str, object]]] = {}
    for row in rows:
        by_centre.setdefault(row.centre_id, []).append(dict(row._mapping))
    return [state(book, centre_id, period, mine) for centre_id, mine in by_centre.items()]


async def products(
    connection: AsyncConnection, period: Period, known_at: datetime | None = None
) -> list[tuple[tuple[str, str | None], Statement]]:
    """What each product adds to its department, by department and product, without averages (they are rounded for
    a department as a whole); what a month close gives to the department stands under None."""
    query = _query(Book.DEPARTMENT, period, known_at, " AND NOT contra", "centre_id, product_code")
    by_path: dict[tuple[str, str | None], list[Mapping[str, object]]] = {}
    for row in await connection.execute(*query):
        by_path.setdefault((row.centre_id, row.product_code or None), []).append(dict(row._mapping))
    no_averages = dict.fromkeys(STOCKS, 0)
    return [
        (path, replace(state(Book.DEPARTMENT, path[1] or "", period, mine), averages=no_averages))
        for path, mine in by_path.items()
    ]


@dataclass(frozen=True, slots=True)
class LineTotals:
    """A line's totals over a period in both books, contra centres left out, and the contra sums (minor units)."""

    line: Line
    manager_total: int
    department_total: int
    manager_contra: int
    department_contra: int


async def line_totals(connection: AsyncConnection, period: Period) -> list[LineTotals]:
    """Every line, zero included, from the sums of the legs."""
    rows = await connection.execute(
        text(
            """
            SELECT line::text AS line, book::text AS book, contra, sum(amount)::bigint AS amount
            FROM centre_month WHERE period BETWEEN :first AND :last GROUP BY line, book, contra
            """
        ),
        {"first": period.first, "last": period.last},
    )
    sums = {(row.line, row.book, row.contra): row.amount for row in rows}
    return [
        LineTotals(
            line,
            sums.get((line, "manager", False), 0),
            sums.get((line, "department", False), 0),
            sums.get((line, "manager", True), 0),
            sums.get((line, "department", True), 0),
        )
        for line in Line
    ]


async def entries(connection: AsyncConnection, period: Period) -> int:
    """The number of entries booked in a period."""
    rows = await connection.execute(
        text("SELECT coalesce(sum(entries), 0)::bigint FROM month WHERE period BETWEEN :first AND :last"),
        {"first": period.first, "last": period.last},
    )
    return int(rows.scalar_one())
