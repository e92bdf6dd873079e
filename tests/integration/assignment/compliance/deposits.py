"""What core banking says of deposits, and what the watch makes of it."""

from datetime import date
from itertools import count
from typing import Any

import httpx
import orjson

from shared.contracts.core_banking import TOPIC
from shared.contracts.envelope import CloudEvent
from shared.infrastructure.event_log import Message
from tests.integration.assignment.bank import Bank

_numbers = count(1)


def posted(customer_id: str, day: date, amount: str, event_id: str | None = None, **more: Any) -> CloudEvent:
    """Money paid in, or drawn, by a customer."""
    data = {
        "business_date": day.isoformat(),
        "customer_id": customer_id,
        "account_id": f"a-{customer_id}",
        "product_code": "DEM",
        "amount": amount,
        **more,
    }
    return CloudEvent(
        event_id or f"dep-{next(_numbers)}", "DepositPosted", "core", orjson.dumps(data), "", customer_id
    )


async def post(bank: Bank, *events: CloudEvent | Message) -> None:
    """Through the log, until the service has worked it and said what it has to say."""
    await bank.service.publish(TOPIC, *events)
    await bank.service.caught_up()


async def duties(caller: httpx.AsyncClient, **query: str) -> list[dict[str, Any]]:
    """The duties as a caller sees them."""
    answer = await caller.get("/v1/duties", params=query)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def letters(bank: Bank) -> list[str]:
    """The reasons of the dead letters."""
    items = (await bank.admin.get("/v1/dead-letters")).json()["items"]
    return [item["reason"] for item in items]


async def sums(bank: Bank) -> list[tuple[Any, ...]]:
    """What is added up: customer, day, paid in, drawn."""
    return await bank.service.rows("SELECT * FROM deposit_sum ORDER BY customer_id, business_date")


def said(answer: httpx.Response, *own: str) -> tuple[int, str]:
    """What an error says, but for ids."""
    words = answer.text
    for one in (answer.json()["request_id"], *own):
        words = words.replace(one, "")
    return answer.status_code, words
