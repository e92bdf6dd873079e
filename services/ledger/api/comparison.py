"""Two periods side by side, or one period as it was known at two moments."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import AwareDatetime
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ledger.api.access import KnownAtQuery, check_centre
from services.ledger.domain.comparison import Comparison, compare
from services.ledger.domain.statement import Statement, total
from services.ledger.views import statement
from shared.infrastructure.auth import Principal
from shared.infrastructure.http import malformed
from shared.infrastructure.http.results import BookName, PeriodQuery, Reader, own_centre
from shared.kernel.books import Book
from shared.kernel.errors import Malformed
from shared.kernel.period import Period

router = APIRouter(prefix="/v1/books", tags=["comparison"])


def base_query(
    text: Annotated[
        str, Query(alias="with", description="what to compare with: YYYY-MM, YYYY-Qn, YYYY-Hn or YYYY")
    ],
) -> Period:
    """The query parameter ``with``: the period that is the base."""
    try:
        return Period.parse(text)
    except Malformed as error:
        raise malformed("with", str(error), place="query") from None


def base_known_at_query(
    with_known_at: Annotated[
        AwareDatetime | None,
        Query(description="RFC 3339: the base as the books were known at this moment, in the past"),
    ] = None,
) -> datetime | None:
    """The optional query parameter ``with_known_at``."""
    return with_known_at


BaseQuery = Annotated[Period, Depends(base_query)]
BaseKnownAtQuery = Annotated[datetime | None, Depends(base_known_at_query)]


@router.get("/{book}/comparison")
async def compare_book(
    request: Request,
    book: BookName,
    period: PeriodQuery,
    base: BaseQuery,
    caller: Reader,
    known_at: KnownAtQuery,
    base_known_at: BaseKnownAtQuery,
) -> dict[str, Any]:
    """All centres of a book (for a manager or department head: their own) in two periods, and the book's total.

    Each figure has both sides, the change, and the change in percent of the size of `with`'s (null where that is
    zero). `known_at` concerns `period`, `with_known_at` concerns `with`; so a period can be compared with itself.
    """
    async with request.app.state.database.snapshot() as connection:
        these = await statements_for(connection, caller, book, period, known_at)
        those = await statements_for(connection, caller, book, base, base_known_at)
    whole = Comparison(total(book, period, these), total(book, base, those))
    return {
        "book": book,
        "period": period.name,
        "with": base.name,
        "items": [one.shown() for one in compare(book, (period.name, base.name), these, those)],
        "total": whole.shown(),
    }


@router.get("/{book}/centres/{centre_id}/comparison")
async def compare_centre(
    request: Request,
    book: BookName,
    centre_id: str,
    period: PeriodQuery,
    base: BaseQuery,
    caller: Reader,
    known_at: KnownAtQuery,
    base_known_at: BaseKnownAtQuery,
) -> dict[str, Any]:
    """One centre in two periods, figure by figure as above."""
    check_centre(caller, book, centre_id)
    async with request.app.state.database.snapshot() as connection:
        this = await statement.statement(connection, book, centre_id, period, known_at)
        that = await statement.statement(connection, book, centre_id, base, base_known_at)
    return Comparison(this, that).shown()


async def statements_for(
    connection: AsyncConnection, caller: Principal, book: Book, period: Period, known_at: datetime | None
) -> Sequence[Statement]:
    """The statements of a book's centres that the caller may see; their own is there even where it is all zero."""
    only = own_centre(caller, book)
    if only is None:
        return await statement.statements(connection, book, period, known_at)
    return [await statement.statement(connection, book, only, period, known_at)] if only else []
