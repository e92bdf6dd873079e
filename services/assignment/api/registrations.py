"""``POST /v1/registrations``: staff, customers and assignments by the thousand, of a bank that is taken over."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any
from urllib.parse import quote

import orjson
from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from services.assignment.api.access import Assigner
from services.assignment.api.assignments import AssignmentTerms, put_assignment
from services.assignment.api.customers import NewCustomer, register_customer
from services.assignment.api.managers import NewManager, register_manager
from shared.contracts.envelope import CloudEvent, from_mapping
from shared.contracts.types import Contract, Id, parse
from shared.infrastructure.auth import Principal
from shared.infrastructure.http import Commands, commands, json_body, malformed, problem_of
from shared.infrastructure.http.headers import idempotency_key
from shared.infrastructure.receipts import Answer
from shared.kernel.errors import Malformed

router = APIRouter(prefix="/v1/registrations", tags=["registrations"])

MOST_REGISTRATIONS = 1000
"""Registrations in one request; a larger batch is refused whole."""


class _OfCustomer(Contract):
    """Whom an assignment is of."""

    customer_id: Id


@router.post("", openapi_extra={"requestBody": {"required": True, "content": {
    media_type: {"schema": {"type": "array", "items": {"type": "object"}, "maxItems": MOST_REGISTRATIONS}}
    for media_type in ("application/cloudevents-batch+json", "application/json")
}}})  # fmt: skip
async def post_registrations(
    request: Request,
    caller: Assigner,
    desk: Annotated[Commands, Depends(commands)],
    batch: Annotated[Any, Depends(json_body)],
) -> Response:
    """Work CloudEvents of the types `ManagerRegistered`, `CustomerRegistered` and `CustomerAssigned`, whose `data` are
    the bodies of `POST /v1/managers`, `POST /v1/customers` and `PUT /v1/customers/{id}/assignment` (with the
    `customer_id`). Each is worked as if it were sent alone with its id as `Idempotency-Key`: `status` and `answer` are
    those it would have got. Those about the same customer keep their order, others are worked side by side; what
    builds on others belongs into a later batch.
    """
    if not isinstance(batch, list) or len(batch) > MOST_REGISTRATIONS:
        raise malformed("body", f"must be a JSON array of at most {MOST_REGISTRATIONS} CloudEvents", "body")
    if earlier := await desk.answered(caller):
        return earlier
    lanes: dict[str, list[int]] = defaultdict(list)
    for place, message in enumerate(batch):
        lanes[_about(message)].append(place)
    results: list[dict[str, Any]] = [{} for _ in batch]

    async def in_order(places: Sequence[int]) -> None:
        for place in places:
            results[place] = await _worked(request, caller, desk, batch[place])

    await asyncio.gather(*map(in_order, lanes.values()))
    return await desk.answer(caller, Answer(200, orjson.dumps({"results": results})))


def _about(message: Any) -> str:
    """What keeps its order: the customer, or the manager."""
    data = message.get("data") if isinstance(message, dict) else None
    return str(data.get("customer_id") or data.get("manager_id")) if isinstance(data, dict) else ""


async def _worked(request: Request, caller: Principal, desk: Commands, message: Any) -> dict[str, Any]:
    try:
        response = await _work(request, caller, desk, from_mapping(message))
    except Exception as error:  # one registration's trouble is its own; what nobody foresaw is logged there
        response = problem_of(error)
    claimed = message.get("id") if isinstance(message, dict) else None
    named = {"id": claimed if isinstance(claimed, str) else None}
    return {**named, "status": response.status_code, "answer": orjson.loads(response.body)}


async def _work(request: Request, caller: Principal, desk: Commands, event: CloudEvent) -> Response:
    """The request for which the event stands, under the same receipt as if it came alone."""
    key = await idempotency_key(quote(event.id, safe=":@+"))
    alone = replace(desk, body=event.data, idempotency_key=key, expected_version=None)
    match event.type:
        case "ManagerRegistered":
            return await register_manager(
                parse(NewManager, event.data), caller, replace(alone, route="POST /v1/managers")
            )
        case "CustomerRegistered":
            return await register_customer(
                parse(NewCustomer, event.data), caller, replace(alone, route="POST /v1/customers")
            )
        case "CustomerAssigned":
            terms, customer_id = (
                parse(AssignmentTerms, event.data),
                parse(_OfCustomer, event.data).customer_id,
            )
            body = {name: value for name, value in orjson.loads(event.data).items() if name != "customer_id"}
            put = replace(alone, route=f"PUT /v1/customers/{customer_id}/assignment", body=orjson.dumps(body))
            return await put_assignment(request, customer_id, terms, caller, put)
    raise Malformed(f"type: {event.type} is no registration")
