"""Whose results a caller may read, and for which period: a manager and a department head their own, others all."""

from typing import Annotated

from fastapi import Depends, Path, Query

from shared.infrastructure.auth import Principal, Role, allow
from shared.infrastructure.http.problems import malformed
from shared.kernel.books import RESERVED_CENTRES, Book
from shared.kernel.errors import Malformed
from shared.kernel.period import Period

SEES_ALL = (Role.ACCOUNTANT, Role.APPROVER, Role.AUDITOR)

Reader = Annotated[
    Principal, Depends(allow(Role.ACCOUNTANT, Role.APPROVER, Role.MANAGER, Role.DEPARTMENT_HEAD, reads=True))
]
"""A caller who may read results, or their own part of them."""

BookName = Annotated[Book, Path(description="`manager` or `department`")]


def own_centre(caller: Principal, book: Book) -> str | None:
    """The one centre of a book that the caller may see; None where they may see all; "" where none.

    A token that bears the name of a special centre does not open that centre.
    """
    if caller.has(*SEES_ALL):
        return None
    own = caller.manager if book is Book.MANAGER else caller.department
    return "" if own is None or own in RESERVED_CENTRES else own


def period_query(period: Annotated[str, Query(description="YYYY-MM, YYYY-Qn, YYYY-Hn or YYYY")]) -> Period:
    """The query parameter ``period``."""
    try:
        return Period.parse(period)
    except Malformed as error:
        raise malformed("period", str(error)) from None


PeriodQuery = Annotated[Period, Depends(period_query)]
