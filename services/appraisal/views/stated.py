"""Tables ``stated`` and ``closed_month``: what closed months gave each centre, as the ledger stated it."""

from collections.abc import Mapping, Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.ledger import DepartmentResultStated, ManagerResultStated, PeriodClosed
from shared.infrastructure.database import copy
from shared.kernel.books import Book, Line
from shared.kernel.event import StoredEvent
from shared.kernel.period import Period, parse_month

_COLUMNS = (
    "book", "centre_id", "month", "deposit_balance", "loan_balance", "deposit_average", "loan_average",
)  # fmt: skip


class StatedView:
    """One row a centre and month, and one a closed month."""

    tables = ("stated", "closed_month")
    takes = frozenset({ManagerResultStated, DepartmentResultStated, PeriodClosed})

    async def project(self, connection: AsyncConnection, events: Sequence[StoredEvent]) -> None:
        rows = [
            _row(event.fact)
            for event in events
            if isinstance(event.fact, ManagerResultStated | DepartmentResultStated)
        ]
        if rows:
            await copy(connection, "stated", _COLUMNS, rows)
        closed = [
            (parse_month(event.fact.period),) for event in events if isinstance(event.fact, PeriodClosed)
        ]
        if closed:
            await copy(connection, "closed_month", ("month",), closed)


def _row(one: ManagerResultStated | DepartmentResultStated) -> tuple[object, ...]:
    book = Book.MANAGER if isinstance(one, ManagerResultStated) else Book.DEPARTMENT
    return (
        book.value,
        one.centre_id,
        parse_month(one.period),
        one.stocks.get(Line.DEPOSIT_BALANCE, 0),
        one.stocks.get(Line.LOAN_BALANCE, 0),
        one.averages.get(Line.DEPOSIT_BALANCE, 0),
        one.averages.get(Line.LOAN_BALANCE, 0),
    )


_OF_BOOK = "book = cast(:book AS book_name) AND (cast(:only AS text) IS NULL OR centre_id = :only)"
_AVERAGES = text(
    "SELECT centre_id, sum(deposit_average)::bigint AS deposits, sum(loan_average)::bigint AS loans "  # noqa: S608  # constants
    f"FROM stated WHERE {_OF_BOOK} AND month BETWEEN :first AND :last GROUP BY centre_id"
)
_STOCKS = text(
    "SELECT DISTINCT ON (centre_id) centre_id, deposit_balance AS deposits, loan_balance AS loans "  # noqa: S608  # constants
    f"FROM stated WHERE {_OF_BOOK} AND month <= :last ORDER BY centre_id, month DESC"
)
_MONTHS = text(
    "SELECT count(DISTINCT month) FROM stated "
    "WHERE book = cast(:book AS book_name) AND month BETWEEN :first AND :last"
)

Stocks = Mapping[Line, int]
"""Deposits and loans, in minor units."""


async def averages(
    connection: AsyncConnection, book: Book, period: Period, only: str | None = None
) -> tuple[dict[str, Stocks], int]:
    """The sums of the stated ten-day averages of each centre, or of that one, over the period's months, and over how
    many months."""
    values = {"book": book.value, "first": period.first, "last": period.last, "only": only}
    rows = (await connection.execute(_AVERAGES, values)).all()
    months = (await connection.execute(_MONTHS, values)).scalar_one()
    return {row.centre_id: _stocks(row.deposits, row.loans) for row in rows}, months


async def stocks(
    connection: AsyncConnection, book: Book, period: Period, only: str | None = None
) -> dict[str, Stocks]:
    """The stocks of each centre, or of that one, at the end of the period, or as stated last before."""
    rows = await connection.execute(_STOCKS, {"book": book.value, "last": period.last, "only": only})
    return {row.centre_id: _stocks(row.deposits, row.loans) for row in rows}


def _stocks(deposits: int, loans: int) -> Stocks:
    return {Line.DEPOSIT_BALANCE: deposits, Line.LOAN_BALANCE: loans}


async def closed_months(connection: AsyncConnection, period: Period) -> list[int]:
    """The months ``YYYYMM`` of a period that are closed."""
    rows = await connection.execute(
        text("SELECT month FROM closed_month WHERE month BETWEEN :first AND :last ORDER BY month"),
        {"first": period.first, "last": period.last},
    )
    return list(rows.scalars())
