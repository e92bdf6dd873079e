"""``GET /v1/entries/{entry_id}``: one entry in both books, its cause, and the rule and rates used."""

from typing import Any

from fastapi import APIRouter, Request

from services.ledger.api.legs import cause_of, viewer_of
from services.ledger.domain.explanation import concerns, explain_entry
from services.ledger.domain.explanation.split import Viewer
from services.ledger.views import entry, explanation, leg
from services.ledger.views.entry import StoredEntry
from shared.infrastructure.auth import Principal
from shared.infrastructure.http.results import Reader, own_centre
from shared.kernel.books import Book
from shared.kernel.errors import Unknown

router = APIRouter(prefix="/v1/entries", tags=["books"])


@router.get("/{entry_id}")
async def get_entry(request: Request, entry_id: str, caller: Reader) -> dict[str, Any]:
    """The legs of both books with what explains them, line by line; each leg links to its own explanation. A manager
    or department head sees the own legs of an entry."""
    viewer = viewer_of(caller)
    async with request.app.state.database.snapshot() as connection:
        stored = await entry.find(connection, entry_id)
        if stored is None or not concerns(stored.entry, viewer):
            raise Unknown(f"there is no entry {entry_id}")
        legs = await leg.of_entry(connection, stored.shard, stored.position)
        known = await explanation.known(connection, stored, None)
    data = stored.data
    return {
        "entry_id": entry_id,
        "cause": cause_of(stored, viewer),
        "business_date": data["business_date"],
        "period": data["period"],
        "adjusts_period": data.get("adjusts_period"),
        "recorded_at": stored.recorded_at,
        "chain": {"shard": stored.shard, "position": stored.position},
        "customer_id": data["customer_id"],
        "account_id": data["account_id"],
        "product_code": data["product_code"],
        "department_id": data["department_id"],
        "rule": {
            "shares": {manager: share for manager, share in data["shares"].items() if viewer.sees(manager)},
            "policy": data["policy"],
            "loan": data["loan"],
        },
        "lines": _lines(stored, viewer),
        "explanation": explain_entry(stored.entry, known, viewer),
        "legs": [one for one in legs if _is_own(caller, one)],
    }


def _is_own(caller: Principal, row: leg.LegRow) -> bool:
    return own_centre(caller, Book(row.book)) in (None, row.centre_id)


def _lines(stored: StoredEntry, viewer: Viewer) -> dict[str, str]:
    """The entry's total by line; of a close, which spreads over departments, a department head sees their own."""
    data = stored.data
    if viewer.sees_all or viewer.manager in data["shares"] or data["department_id"] is not None:
        lines: dict[str, str] = data["lines"]
        return lines
    by_line = data["books"][Book.DEPARTMENT.value].items()
    return {line: parts[viewer.department] for line, parts in by_line if viewer.department in parts}
