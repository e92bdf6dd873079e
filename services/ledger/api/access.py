"""What the ledger's routes have in common: other people's centres, and queries of moment and line."""

from datetime import datetime
from typing import Annotated

from fastapi import Depends, Query
from pydantic import AwareDatetime

from shared.infrastructure.auth import Principal
from shared.infrastructure.http.results import own_centre
from shared.kernel.books import Book, Line
from shared.kernel.errors import Unknown


def check_centre(caller: Principal, book: Book, centre_id: str) -> None:
    """Raises Unknown for a centre that is not the caller's, in the words used for one that does not exist."""
    if own_centre(caller, book) not in (None, centre_id):
        raise Unknown(f"there is no centre {centre_id} in the {book} book")


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
