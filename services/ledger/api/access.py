"""Who may see which centre: a manager and a department head their own, the others all (contract of roles)."""

from datetime import datetime
from typing import Annotated

from fastapi import Depends, Path, Query
from pydantic import AwareDatetime

from shared.infrastructure.auth import Principal, Role, allow
from shared.infrastructure.http import malformed
from shared.kernel.books import Book, Line
from shared.kernel.errors import Malformed, Unknown
from shared.kernel.period import Period

SEES_ALL = (Role.ACCOUNTANT, Role.APPROVER, Role.AUDITOR)

Reader = Annotated[
    Principal, Depends(allow(Role.ACCOUNTANT, Role.APPROVER, Role.MANAGER, Role.DEPARTMENT_HEAD, reads=True))
]
"""A caller who may read the books, or their own part of them."""

BookName = Annotated[Book, Path(description="`manager` or `department`")]


def own_centre(caller: Principal, book: Book) -> str | None:
    """The one centre of a book that the caller may see; None where they may see all; "" where none."""
    if caller.has(*SEES_ALL):
        return None
    own = caller.manager if book is Book.MANAGER else caller.department
    return own or ""


def check_centre(caller: Principal, book: Book, centre_id: str) -> None:
    """Raises Unknown for a centre that is not the caller's, in the words used for one that does not exist."""
    if own_centre(caller, book) not in (None, centre_id):
        raise Unknown(f"there is no centre {centre_id} in the {book} book")


def period_query(period: Annotated[str, Query(description="YYYY-MM, YYYY-Qn, YYYY-Hn or YYYY")]) -> Period:
    """The query parameter ``period``."""
    try:
        return Period.parse(period)
    except Malformed as error:
        raise malformed("period", str(error), place="query") from None


PeriodQuery = Annotated[Period, Depends(period_query)]


def known_at_query(
    known_at: Annotated[
        AwareDatetime | None,
        Query(description="RFC 3339: as the books were known at this moment, in the past"),
    ] = None,
) -> datetime | None:
    """The optional query parameter ``known_at``."""
    return known_at


KnownAtQuery = Annotated[datetime | None, Depends(known_at_query)]


def line_query(line: Annotated[Line | None, Query(description="only this line")] = None) -> str | None:
    """The optional query parameter ``line``."""
    return line.value if line else None
