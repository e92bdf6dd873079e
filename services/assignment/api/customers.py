"""Customers on record."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from services.assignment.api.access import (
    Approver,
    AsOf,
    Assigner,
    ProfileWriter,
    Reader,
    check_customer,
    customer_names,
    known_customers,
    no_customer,
    only_manager,
)
from services.assignment.api.proposals import propose
from services.assignment.domain import customer as customers
from services.assignment.domain.customer import (
    ChangeProfile,
    CustomerKind,
    ErasePersonalData,
    MoveCustomer,
    RegisterCustomer,
)
from services.assignment.domain.proposal import Kind
from services.assignment.views import customer as customer_view
from services.assignment.views.history import history
from services.assignment.views.personal import profile_of
from shared.contracts.assignment import CustomerMoved, CustomerRegistered, PersonalDataErased
from shared.contracts.types import Contract, Id, Text
from shared.infrastructure.bank_time import today
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


class Particulars(Contract):
    """Where a customer belongs and what it does."""

    kind: CustomerKind
    region: Text
    industry: Text
    branch_id: Id


class Profile(Contract, extra="forbid"):
    """Personal data of a customer: who it is and how to reach it (个人信息)."""

    name: Text
    contact: Text | None = None
    phone: Text | None = None
    email: Text | None = None
    address: Text | None = None
    identity_number: Text | None = None
    note: Text | None = None


class NewTier(Contract):
    """The tier that a customer is to be in, and why."""

    tier: Id
    reason: Text


class Erasure(Contract):
    """Why personal data is erased."""

    reason: Text


Desk = Annotated[Commands, Depends(commands)]


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
async def list_customers(request: Request, page: PageQuery, caller: Reader, as_of: AsOf = None) -> Response:
    """Customers in order of id, as they were on a day. A manager sees those looked after today."""
    [after] = page.after(str) or ("",)
    async with request.app.state.database.snapshot() as connection:
        found = await customer_view.listed(connection, after, page.limit, only_manager(caller), today())
        if as_of is not None:
            found = await customer_view.as_of(connection, found, as_of)
        known = await customer_names(connection, caller, found)
    shown = [one.shown(known.get(one.customer_id)) for one in found]
    return Json(page_of(shown, encode_cursor(found[-1].customer_id) if len(found) == page.limit else None))


@router.get("/{customer_id}")
async def get_customer(request: Request, customer_id: Id, caller: Reader, as_of: AsOf = None) -> Response:
    """One customer as of a day, with the `ETag` of the record and its assignments. A name is null once it was erased;
    `profile` is null but for those who may read personal data."""
    async with request.app.state.database.snapshot() as connection:
        await check_customer(connection, caller, customer_id)
        found = await customer_view.find(connection, customer_id)
        if found is None:
            raise no_customer(customer_id)
        if as_of is not None:
            [found] = await customer_view.as_of(connection, [found], as_of)
        known = await customer_names(connection, caller, [found])
        whole = await known_customers(connection, caller, [customer_id])
        profile = await profile_of(connection, found.stream, found.sealed) if whole else None
        version = (await versions(connection, [found.stream]))[found.stream]
    shown = {**found.shown(known.get(customer_id)), "profile": profile}
    return Json(shown, headers={"ETag": etag(version)})


@router.get("/{customer_id}/history")
async def get_history(request: Request, customer_id: Id, page: PageQuery, caller: Reader) -> Response:
    """All that was recorded of a customer and its assignments, with actor, cause, business date and recorded time;
    no personal data."""
    [after] = page.after(int) or (0,)
    async with request.app.state.database.snapshot() as connection:
        await check_customer(connection, caller, customer_id)
        found = await history(connection, f"customer-{customer_id}", after, page.limit)
    if not found and not after:
        raise no_customer(customer_id)
    return Json(page_of(found, encode_cursor(found[-1]["version"]) if len(found) == page.limit else None))


@router.put("/{customer_id}/particulars")
async def put_particulars(customer_id: Id, body: Particulars, caller: Assigner, desk: Desk) -> Response:
    """Say where a customer belongs and what it does from now on."""
    moved = CustomerMoved(customer_id=customer_id, **body.model_dump(), business_date=today())
    shown = body.model_dump(mode="json")
    return await desk.submit(caller, customers.DECIDER, MoveCustomer(moved), lambda _: shown)


@router.put("/{customer_id}/profile")
async def put_profile(
    request: Request, customer_id: Id, body: Profile, caller: ProfileWriter, desk: Desk
) -> Response:
    """Say anew all personal data of a customer: by its managers, or an admin. The answer repeats none of it."""
    async with request.app.state.database.read() as connection:
        if not await known_customers(connection, caller, [customer_id]):
            raise no_customer(customer_id)
    profile = tuple(sorted(body.model_dump(exclude_none=True).items()))
    command = ChangeProfile(customer_id, profile, today())
    shown = {"customer_id": customer_id, "fields": [name for name, _ in profile]}
    return await desk.submit(caller, customers.DECIDER, command, lambda _: shown)


@router.post("/{customer_id}/tier", status_code=202)
async def propose_tier(
    request: Request, customer_id: Id, body: NewTier, caller: Assigner, desk: Desk
) -> Response:
    """Propose another tier for a customer (202); it changes when another person approves."""
    async with request.app.state.database.read() as connection:
        if await customer_view.find(connection, customer_id) is None:
            raise no_customer(customer_id)
    content = {"changes": [{"customer_id": customer_id, "tier": body.tier}], "reason": body.reason}
    return await propose(desk, caller, Kind.TIER, customer_id, content)


@router.post("/{customer_id}/erasure")
async def erase_personal_data(customer_id: Id, body: Erasure, caller: Approver, desk: Desk) -> Response:
    """Make a customer's personal data unreadable for ever: the key is thrown away. Books, timelines and history stay;
    asked for again, nothing is left to do."""
    erased = PersonalDataErased(customer_id=customer_id, reason=body.reason, business_date=today())
    shown = {"customer_id": customer_id, "erased": True}
    return await desk.submit(caller, customers.DECIDER, ErasePersonalData(erased), lambda _: shown)
