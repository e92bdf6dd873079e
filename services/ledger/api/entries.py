"""``GET /v1/entries/{entry_id}``: one entry in both books, its cause, and the rule and rates used."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request

from services.ledger.api.access import Reader, own_centre
from services.ledger.views import entry, leg
from shared.infrastructure.auth import Principal
from shared.kernel.books import Book
from shared.kernel.errors import Unknown

router = APIRouter(prefix="/v1/entries", tags=["books"])


@router.get("/{entry_id}")
async def get_entry(request: Request, entry_id: str, caller: Reader) -> dict[str, Any]:
    """The legs of both books with what explains them. A manager or department head sees the own legs of an entry."""
    async with request.app.state.database.read() as connection:
        stored = await entry.find(connection, entry_id)
        legs = await leg.of_entry(connection, stored.shard, stored.position) if stored else []
    if stored is None or not _concerns(caller, stored.data):
        raise Unknown(f"there is no entry {entry_id}")
    data = stored.data
    return {
        "entry_id": entry_id,
        "cause": {**data["cause"], "position": stored.cause, "actor": stored.actor, "data": data["source_data"]},
        "business_date": data["business_date"],
        "period": data["period"],
        "recorded_at": stored.recorded_at,
        "chain": {"shard": stored.shard, "position": stored.position},
        "customer_id": data["customer_id"],
        "account_id": data["account_id"],
        "product_code": data["product_code"],
        "department_id": data["department_id"],
        "rule": {
            "shares": {manager: share for manager, share in data["shares"].items()
                       if own_centre(caller, Book.MANAGER) in (None, manager)},
            "policy": data["policy"],
            "loan": data["loan"],
        },
        "lines": data["lines"],
        "legs": [one for one in legs if own_centre(caller, Book(one.book)) in (None, one.centre_id)],
    }  # fmt: skip


def _concerns(caller: Principal, data: Mapping[str, Any]) -> bool:
    """Whether an entry is the caller's to see: of the bank, of a customer of theirs, or of their department."""
    manager, department = own_centre(caller, Book.MANAGER), own_centre(caller, Book.DEPARTMENT)
    return manager is None or manager in data["shares"] or department == data["department_id"]
