"""Statements and reconciliation, from table ``centre_month`` (written with the legs, in ``leg.py``)."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ledger.domain.statement import Statement, state
from shared.kernel.books import Line
from shared.kernel.period import Period

_STATED = """
    SELECT centre_id, line::text AS line,
           coalesce(sum(amount) FILTER (WHERE period >= :first), 0)::bigint AS movement,
           sum(amount)::bigint AS stock,
           coalesce(sum(amount) FILTER (WHERE period < :last), 0)::bigint AS opening,
           coalesce(sum(by_10) FILTER (WHERE period = :last), 0)::bigint AS by_10,
           coalesce(sum(by_20) FILTER (WHERE period = :last), 0)::bigint AS by_20
    FROM centre_month
    WHERE book = cast(:book AS book_name) AND period <= :last
      AND (line IN ('deposit_balance', 'loan_balance') OR period >= :first)
"""


async def statement(connection: AsyncConnection, book: str, centre_id: str, period: Period) -> Statement:
    """One centre's statement; all zero for a centre that never had a leg."""
    rows = await connection.execute(
        text(_STATED + " AND centre_id = :centre_id GROUP BY centre_id, line"),
        {"book": book, "centre_id": centre_id, "first": period.first, "last": period.last},
    )
    return state(book, centre_id, period, [dict(row._mapping) for row in rows])


async def statements(connection: AsyncConnection, book: str, period: Period) -> list[Statement]:
    """The statements of all centres with a leg in the period or one on a stock before its end, in order of id; no
    contra centres."""
    rows = await connection.execute(
        text(_STATED + " AND NOT contra GROUP BY centre_id, line ORDER BY centre_id"),
        {"book": book, "first": period.first, "last": period.last},
    )
    by_centre: dict[str, list[Mapping[str, object]]] = {}
    for row in rows:
        by_centre.setdefault(row.centre_id, []).append(dict(row._mapping))
    return [state(book, centre_id, period, mine) for centre_id, mine in by_centre.items()]


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
