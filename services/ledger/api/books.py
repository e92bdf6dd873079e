"""Statements, legs and the reconciliation of the two books."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ledger.api.access import KnownAtQuery, check_centre, line_query
from services.ledger.domain.statement import total
from services.ledger.views import leg, statement
from shared.infrastructure.auth import Principal, Role, allow
from shared.infrastructure.http import PageQuery, encode_cursor, page_of
from shared.infrastructure.http.results import BookName, PeriodQuery, Reader, own_centre
from shared.kernel.books import CONTRA
from shared.kernel.money import format_money
from shared.kernel.period import Period

router = APIRouter(prefix="/v1", tags=["books"])


@router.get("/books/{book}/statements")
async def list_statements(
    request: Request, book: BookName, period: PeriodQuery, caller: Reader, known_at: KnownAtQuery
) -> dict[str, Any]:
    """The statements of all centres of a book (for a manager or department head: their own), and their total;
    with ``known_at`` as the books stood at that moment, whatever was booked later."""
    only = own_centre(caller, book)
    async with request.app.state.database.snapshot() as connection:
        if only is None:
            stated = await statement.statements(connection, book, period, known_at)
        else:
            stated = [await statement.statement(connection, book, only, period, known_at)] if only else []
    return {
        "book": book,
        "period": period.name,
        "items": [one.shown() for one in stated],
        "total": total(book, period, stated).shown(),
    }


@router.get("/books/{book}/centres/{centre_id}/statement")
async def get_statement(
    request: Request,
    book: BookName,
    centre_id: str,
    period: PeriodQuery,
    caller: Reader,
    known_at: KnownAtQuery,
) -> dict[str, Any]:
    """One centre's lines, stocks, averages and measures; a centre without legs has zeros. ``known_at`` as above."""
    check_centre(caller, book, centre_id)
    async with request.app.state.database.snapshot() as connection:
        return (await statement.statement(connection, book, centre_id, period, known_at)).shown()


@router.get("/books/{book}/centres/{centre_id}/legs")
async def list_legs(
    request: Request,
    book: BookName,
    centre_id: str,
    period: PeriodQuery,
    line: Annotated[str | None, Depends(line_query)],
    page: PageQuery,
    caller: Reader,
) -> dict[str, Any]:
    """The legs behind a statement, in booking order."""
    check_centre(caller, book, centre_id)
    after = page.after(int, int, int) or (-1, 0, 0)
    async with request.app.state.database.read() as connection:
        legs = await leg.of_centre(connection, book, centre_id, period, line, after, page.limit)
    following = encode_cursor(*legs[-1][0]) if len(legs) == page.limit else None
    return page_of([shown for _, shown in legs], following)


@router.get("/reconciliation")
async def get_reconciliation(
    request: Request,
    period: PeriodQuery,
    _: Annotated[Principal, Depends(allow(Role.ACCOUNTANT, Role.APPROVER, Role.CORE, reads=True))],
) -> dict[str, Any]:
    """Both books side by side, line by line: each difference must be zero, and each contra centre the negative."""
    async with request.app.state.database.snapshot() as connection:
        return await reconciliation(connection, period)


async def reconciliation(connection: AsyncConnection, period: Period) -> dict[str, Any]:
    """Both books side by side."""
    totals = await statement.line_totals(connection, period)
    entries = await statement.entries(connection, period)
    balanced = all(
        one.manager_total == one.department_total == -one.manager_contra == -one.department_contra
        for one in totals
    )
    return {
        "period": period.name,
        "balanced": balanced,
        "entries": entries,
        "lines": [
            {
                "line": one.line,
                "manager_total": format_money(one.manager_total),
                "department_total": format_money(one.department_total),
                "difference": format_money(one.manager_total - one.department_total),
            }
            for one in totals
        ],
        "contra": [
            {
                "line": one.line,
                "centre_id": CONTRA[one.line],
                "manager_total": format_money(one.manager_contra),
                "department_total": format_money(one.department_contra),
            }
            for one in totals
        ],
    }
