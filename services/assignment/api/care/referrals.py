"""Referrals of customers to product departments, and what became of them."""

from collections.abc import Callable
from enum import StrEnum
from functools import partial
from typing import Annotated, Any

import uuid_utils
from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from services.assignment.api.past import Past, PastDay, of_status, one_page
from services.assignment.api.record import (
    SEES_ALL,
    ManyReader,
    acting_manager,
    check_care,
    shown,
    writing_manager,
)
from services.assignment.domain.care import referral as referrals
from services.assignment.domain.care.referral import CloseReferral, Outcome, ReferCustomer
from services.assignment.domain.record import Note
from services.assignment.views.care import referral as referral_view
from services.assignment.views.care.referral import REFERRALS, Referral, Scope, Wanted
from shared.contracts import assignment as contract
from shared.contracts.types import Amount, BusinessDate, CentreId, Contract, Id
from shared.infrastructure.auth import Principal, Role, allow
from shared.infrastructure.bank_time import today
from shared.infrastructure.command_handler import Accepted
from shared.infrastructure.http import Commands, Json, PageQuery, commands, page_of
from shared.kernel.errors import Unknown

router = APIRouter(prefix="/v1", tags=["referrals"])

Referrer = Annotated[Principal, Depends(allow(Role.MANAGER))]
Closer = Annotated[Principal, Depends(allow(Role.DEPARTMENT_HEAD, Role.APPROVER))]


class ReferralStatus(StrEnum):
    """How far a referral has come."""

    OPEN = "open"
    WON = "won"
    LOST = "lost"


class NewReferral(Contract):
    """What a customer needs, and of which department. ``manager_id`` is for admins, who are no managers."""

    department_id: CentreId
    product_code: Id | None = None
    need: Note
    referred_on: BusinessDate
    manager_id: CentreId | None = None


class ReferralOutcome(Contract):
    """What became of it; an amount is that of business won."""

    outcome: Outcome
    closed_on: BusinessDate
    amount: Amount | None = None
    reason: Note


@router.post("/customers/{customer_id}/referrals", status_code=201)
async def refer_customer(
    request: Request,
    customer_id: Id,
    body: NewReferral,
    caller: Referrer,
    desk: Annotated[Commands, Depends(commands)],
) -> Response:
    """Send a customer's need to a department. The answer is without the need, as answers are kept for
    `Idempotency-Key`."""
    own = writing_manager(caller)
    await check_care(request.app.state.database, own, customer_id)
    particulars = contract.CustomerReferred(
        referral_id=str(uuid_utils.uuid7()),
        customer_id=customer_id,
        manager_id=acting_manager(caller, own, body.manager_id),
        department_id=body.department_id,
        product_code=body.product_code,
        referred_on=body.referred_on,
    )
    said = {**particulars.model_dump(mode="json"), "status": ReferralStatus.OPEN}
    command = ReferCustomer(particulars, body.need, today())
    return await desk.submit(caller, referrals.DECIDER, command, lambda _: said, 201)


@router.post("/referrals/{referral_id}/outcome")
async def close_referral(
    request: Request,
    referral_id: Id,
    body: ReferralOutcome,
    caller: Closer,
    desk: Annotated[Commands, Depends(commands)],
) -> Response:
    """Say what became of a referral, as the head of its department or an approver. The answer is without the
    reason."""
    async with request.app.state.database.snapshot() as connection:
        scope = Scope(caller.has(Role.APPROVER), today(), department_id=caller.department)
        found = await referral_view.find(connection, referral_id, scope)
    if found is None:
        raise Unknown(f"there is no referral {referral_id}")
    command = CloseReferral(
        referral_id,
        found.customer_id,
        body.outcome,
        body.closed_on,
        body.amount,
        body.reason,
        today(),
    )
    return await desk.submit(caller, referrals.DECIDER, command, _closed)


def _closed(accepted: Accepted) -> dict[str, Any]:
    [event] = accepted.events
    assert isinstance(event.fact, referrals.ReferralClosed)  # nothing else closes a referral
    said = event.fact.model_dump(mode="json", include=set(contract.ReferralClosed.model_fields))
    return {**said, "status": event.fact.outcome}


@router.get("/referrals")
async def list_referrals(
    request: Request,
    page: PageQuery,
    caller: ManyReader,
    as_of: PastDay = None,
    status: Annotated[ReferralStatus | None, Query(description="only referrals of this status")] = None,
    manager_id: Annotated[Id | None, Query(description="only those of this manager")] = None,
    department_id: Annotated[Id | None, Query(description="only those to this department")] = None,
) -> Response:
    """Referrals in the order in which they were made, now or as of a day: a manager's own and those of the customers
    looked after today, a department head's own department's, or all. Texts are null for whom they are not."""
    [after] = page.after(str) or ("",)
    scope = Scope(caller.has(*SEES_ALL), today(), caller.manager, caller.department)
    wanted = Wanted(status, manager_id, department_id)
    async with request.app.state.database.snapshot() as connection:
        look, past = partial(referral_view.listed, connection, scope, wanted), None
        if as_of is not None:
            look = partial(referral_view.listed, connection, scope, wanted.lasting)
            past = Past(partial(REFERRALS.as_of, connection, day=as_of), of_status(status))
        found = await one_page(look, _place, after, page.limit, past)
        items = await shown(connection, caller, found.rows, _addressed_to(caller))
    return Json(page_of(items, found.cursor))


def _place(referral: Referral) -> str:
    return referral.referral_id


def _addressed_to(caller: Principal) -> Callable[[Referral], bool]:
    """Whether a referral was sent to the caller's department, which must know what is needed."""

    def concerns(referral: Referral) -> bool:
        return caller.department is not None and referral.department_id == caller.department

    return concerns
