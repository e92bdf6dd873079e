"""Customers on record."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from services.assignment.api.access import (
    Assigner,
    Reader,
    check_customer,
    customer_names,
    no_customer,
    only_manager,
    today,
)
from services.assignment.domain import customer as customers
from services.assignment.domain.customer import CustomerKind, RegisterCustomer
from services.assignment.views import customer as customer_view
from shared.contracts.assignment import CustomerRegistered
from shared.contracts.types import Contract, Id, Text
from shared.infrastructure.command_handler import Accepted
from shared.infrastructure.event_store import versions
from shared.infrastructure.http import Commands, Json, PageQuery, commands, encode_cursor, etag, page_of

router = APIRouter(prefix="/v1/customers", tags=["customers"])


class NewCustomer(Contract):
    """A customer to put on record."""

    customer_id: Id
    name: Text
    kind: CustomerKind
    region: Text
    industry: Text
    tier: Id
    branch_id: Id


@router.post("", status_code=201)
async def register_customer(
    body: NewCustomer, caller: Assigner, desk: Annotated[Commands, Depends(commands)]
) -> Response:
    """Put a customer on record. The answer is without the name: answers are kept for `Idempotency-Key`, and
    names are kept nowhere but sealed."""
    particulars = CustomerRegistered(**body.model_dump(exclude={"name"}), business_date=today())
    return await desk.submit(
        caller, customers.DECIDER, RegisterCustomer(particulars, body.name), _registered, 201
    )


def _registered(accepted: Accepted) -> dict[str, Any]:
    [event] = accepted.events
    assert isinstance(event.fact, customers.CustomerRegistered)  # nothing else registers a customer
    return event.fact.model_dump(mode="json", exclude={"sealed", "business_date"})


@router.get("")
async def list_customers(request: Request, page: PageQuery, caller: Reader) -> Response:
    """Customers in order of id. A manager sees those looked after today."""
    [after] = page.after(str) or ("",)
    async with request.app.state.database.snapshot() as connection:
        found = await customer_view.listed(connection, after, page.limit, only_manager(caller), today())
        known = await customer_names(connection, caller, found)
    shown = [one.shown(known.get(one.customer_id)) for one in found]
    return Json(page_of(shown, encode_cursor(found[-1].customer_id) if len(found) == page.limit else None))


@router.get("/{customer_id}")
async def get_customer(request: Request, customer_id: Id, caller: Reader) -> Response:
    """One customer, with the `ETag` of the record and its assignments. A name is null once it was erased."""
    async with request.app.state.database.snapshot() as connection:
        await check_customer(connection, caller, customer_id)
        found = await customer_view.find(connection, customer_id)
        if found is None:
            raise no_customer(customer_id)
        known = await customer_names(connection, caller, [found])
        version = (await versions(connection, [found.stream]))[found.stream]
    return Json(found.shown(known.get(customer_id)), headers={"ETag": etag(version)})
