"""``GET /v1/legs/{leg_id}/explain``: why a leg has its amount, down to the message or request it came from."""

import re
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Path, Request

from services.ledger.domain.explanation import data_seen, explain_leg
from services.ledger.domain.explanation.split import Viewer
from services.ledger.views import entry, explanation, leg
from services.ledger.views.entry import StoredEntry
from services.ledger.views.leg import LegRow, entry_link
from shared.contracts.core_banking import CORE_EVENTS
from shared.infrastructure.auth import Principal
from shared.infrastructure.http import malformed
from shared.infrastructure.http.results import Reader, own_centre
from shared.kernel.books import CONTRA_CENTRES, Book
from shared.kernel.errors import Unknown

router = APIRouter(prefix="/v1/legs", tags=["books"])

_PLACE = re.compile(r"(0|[1-9]\d{0,3})-([1-9]\d{0,17})-([1-9]\d{0,8})", re.ASCII)


def leg_place(
    leg_id: Annotated[str, Path(description="shard-position-number, as legs are listed")],
) -> tuple[int, int, int]:
    """The path parameter ``leg_id``."""
    match = _PLACE.fullmatch(leg_id)
    if match is None:
        raise malformed("leg_id", "must be shard-position-number, such as 0-3248-1", place="path")
    shard, position, number = map(int, match.groups())
    return shard, position, number


@router.get("/{leg_id}/explain")
async def explain(
    request: Request, place: Annotated[tuple[int, int, int], Depends(leg_place)], caller: Reader
) -> dict[str, Any]:
    """The leg, its cause, the rules in words, the terms that add up to its amount, rates, shares and splits. A manager
    or department head sees that of own legs, without what others get."""
    viewer, number = viewer_of(caller), place[2]
    async with request.app.state.database.snapshot() as connection:
        row = await leg.at(connection, *place)
        stored = await entry.at(connection, *place[:2])
        if row is None or stored is None or not _is_own(caller, row):
            raise Unknown(f"there is no leg {'-'.join(map(str, place))}")
        known = await explanation.known(connection, stored, number)
    return {
        "leg": row,
        "cause": cause_of(stored, viewer),
        **explain_leg(stored.entry, number, known, viewer),
        "links": _links(stored, row, viewer),
    }


def viewer_of(caller: Principal) -> Viewer:
    """Whose figures the caller may know."""
    return Viewer(own_centre(caller, Book.MANAGER), own_centre(caller, Book.DEPARTMENT))


def cause_of(stored: StoredEntry, viewer: Viewer) -> dict[str, Any]:
    """What an entry goes back to: a message by its place in the log, or a request by its id."""
    return {
        **stored.data["cause"],
        "position": stored.cause,
        "actor": stored.actor,
        "recorded_at": stored.recorded_at,
        "data": data_seen(stored.entry, viewer),
    }


def _is_own(caller: Principal, row: LegRow) -> bool:
    """Contra centres are nobody's own."""
    own = own_centre(caller, Book(row.book))
    return own is None or (own == row.centre_id and own not in CONTRA_CENTRES)


def _links(stored: StoredEntry, row: LegRow, viewer: Viewer) -> dict[str, str]:
    """Where to walk on to; the core event only for those who may read it."""
    centre = quote(row.centre_id, safe=":@+")
    links = {
        "entry": entry_link(row.entry_id),
        "statement": f"/v1/books/{row.book}/centres/{centre}/statement?period={row.period}",
    }
    if viewer.sees_all and stored.entry.cause_type in CORE_EVENTS:
        links["core_event"] = f"/v1/core-events/{quote(stored.entry.cause_id, safe=':@+')}"
    return links
