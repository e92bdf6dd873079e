"""The register (台账): what customers have with the bank, and the tiers that follow from what they bring."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from pydantic import Field
from starlette.responses import Response

from services.assignment.api.access import (
    AsOf,
    Assigner,
    ProposalReader,
    Reader,
    check_customer,
    no_customer,
    only_manager,
)
from services.assignment.api.proposals import propose
from services.assignment.domain.proposal import Kind
from services.assignment.domain.register import suggested_tiers
from services.assignment.views import register, register_past
from services.assignment.views.policy import policies
from shared.contracts.types import CentreId, Contract, Id, Text
from shared.infrastructure.bank_time import today
from shared.infrastructure.database import Database
from shared.infrastructure.http import Commands, Json, PageQuery, commands, encode_cursor, page_of
from shared.kernel.errors import Refusal
from shared.kernel.money import format_money

router = APIRouter(prefix="/v1", tags=["register"])

MOST_MONTHS = 60
MOST_CHANGES = 5000
"""Customers whose tier one proposal may change."""


@router.get("/register")
async def list_register(
    request: Request,
    page: PageQuery,
    caller: Reader,
    manager_id: Annotated[CentreId | None, Query(description="only customers of this manager")] = None,
    as_of: AsOf = None,
) -> Response:
    """Customers in order of id, each with the latest month-end stocks, their trend over a year (`growing` and
    `shrinking` by more than a tenth), the worst class of its open loans, and what it brought in the last twelve closed
    months; as of a day, of the months that had ended by then. A manager sees those looked after today."""
    [after] = page.after(str) or ("",)
    own = only_manager(caller)
    day = today() if own is not None or as_of is None else as_of
    async with request.app.state.database.snapshot() as connection:
        found = await register.entries(
            connection, day=day, after=after, limit=page.limit, manager_id=own or manager_id, as_of=as_of
        )
        if as_of is not None:
            found = await register_past.as_of(connection, found, as_of)
    following = encode_cursor(found[-1].customer_id) if len(found) == page.limit else None
    return Json(page_of([one.shown() for one in found], following))


@router.get("/customers/{customer_id}/register")
async def get_register(
    request: Request,
    customer_id: Id,
    caller: Reader,
    months: Annotated[int, Query(ge=1, le=MOST_MONTHS, description="how many of the latest months")] = 13,
    as_of: AsOf = None,
) -> Response:
    """One customer's entry in the register, with its loans by class and its latest months; now, or as of a day."""
    async with request.app.state.database.snapshot() as connection:
        await check_customer(connection, caller, customer_id)
        found = await register.entries(connection, day=today(), only=[customer_id], as_of=as_of)
        if not found:
            raise no_customer(customer_id)
        loans = await register.loans(connection, customer_id)
        if as_of is not None:
            found = await register_past.as_of(connection, found, as_of)
            loans = await register_past.loans(connection, customer_id, as_of)
        shown = {
            **found[0].shown(),
            "open_loans": loans,
            "months": await register.months(connection, customer_id, months, as_of),
        }
    return Json(shown)


class TierReview(Contract):
    """Whose tiers are to be what their contribution suggests: all that would change, or only those named."""

    customer_ids: Annotated[tuple[Id, ...], Field(min_length=1, max_length=MOST_CHANGES)] | None = None
    reason: Text = "contribution"


async def _suggested(database: Database) -> list[dict[str, str]]:
    """The customers whose contribution suggests another tier than theirs, in order of id."""
    async with database.snapshot() as connection:
        known = await register.tiers_with_contributions(connection)
        policy = (await policies(connection)).in_force(today())
    brought = {customer_id: amount for customer_id, _, amount in known}
    tiers = suggested_tiers(brought.items(), policy.tier_bands, policy.tier_of_others)
    return [
        {
            "customer_id": customer_id,
            "tier": tier,
            "suggested_tier": tiers[customer_id],
            "contribution": format_money(brought[customer_id]),
        }
        for customer_id, tier, _ in known
        if tiers[customer_id] != tier
    ]


@router.get("/tier-review")
async def get_tier_review(request: Request, page: PageQuery, _: ProposalReader) -> Response:
    """Customers in order of id whose contribution of the last twelve closed months suggests another tier (二八定律):
    those who together bring the first so many percent of it, by the policy's `tier_bands`."""
    [after] = page.after(str) or ("",)
    suggested = [one for one in await _suggested(request.app.state.database) if one["customer_id"] > after]
    items = suggested[: page.limit]
    more = len(suggested) > page.limit
    return Json(page_of(items, encode_cursor(items[-1]["customer_id"]) if more else None))


@router.post("/tier-review", status_code=202)
async def propose_tiers(
    request: Request, body: TierReview, caller: Assigner, desk: Annotated[Commands, Depends(commands)]
) -> Response:
    """Propose the suggested tiers (202): one proposal for all named, which an approver decides on as a whole."""
    suggested = {one["customer_id"]: one for one in await _suggested(request.app.state.database)}
    named = sorted(suggested if body.customer_ids is None else body.customer_ids)
    for customer_id in named:
        if customer_id not in suggested:
            detail = f"the contribution of {customer_id} suggests no other tier"
            raise Refusal("tier-is-suggested", "customer_ids", detail)
    if not 0 < len(named) <= MOST_CHANGES:
        detail = f"{len(named)} customers would change; name 1 to {MOST_CHANGES} of them"
        raise Refusal("changes-are-few", "customer_ids", detail)
    changes = [{"customer_id": one, "tier": suggested[one]["suggested_tier"]} for one in named]
    content = {"changes": changes, "reason": body.reason}
    return await propose(desk, caller, Kind.TIER, "tiers", content)
