"""The ledger's messages, as its relay publishes them."""

from collections.abc import Mapping
from typing import Any

import orjson

from shared.contracts import ledger
from shared.contracts.envelope import CloudEvent
from shared.infrastructure.event_log import Message
from shared.kernel.money import format_money, parse_money


def entry(
    shard: int,
    position: int,
    managers: Mapping[str, str],
    *,
    department: str = "lending",
    line: str = "interest_income",
    period: str = "2026-07",
    **changes: Any,
) -> Message:
    """EntryBooked at a place of the ledger: one line's amounts by manager, all of it one department's."""
    total = format_money(sum(map(parse_money, managers.values())))
    entry_id = f"core-{shard}-{position}"
    data = {
        "entry_id": entry_id,
        "cause": {"id": entry_id, "type": "LoanRepaid", "source": "core-banking"},
        "business_date": f"{period}-15",
        "period": period,
        "lines": {line: total},
        "books": {"manager": {line: dict(managers)}, "department": {line: {department: total}}},
        **changes,
    }
    place = {"ledgerposition": f"{shard}-{position}"}
    event = CloudEvent(entry_id, "EntryBooked", ledger.SOURCE, orjson.dumps(data), extensions=place)
    return Message(f"c{shard}".encode(), event.data, event.headers(), partition=shard)


def unreadable(shard: int, position: int) -> Message:
    """A message at a place of the ledger whose data is no JSON."""
    whole = entry(shard, position, {"m1": "1.00"})
    return Message(whole.key, whole.value[:20], whole.headers, whole.partition)
