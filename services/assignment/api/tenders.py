"""Tenders: customers for whom managers bid, sealed until the close."""

from collections.abc import Collection
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Annotated

import uuid_utils
from fastapi import APIRouter, Depends, Query, Request
from pydantic import AfterValidator, Field
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from services.assignment.api.access import OVERSEES, Assigner
from services.assignment.api.past import Past, PastDay, moment_of, of_status, one_page, state_as_of
from services.assignment.api.proposals import submit_proposal
from services.assignment.domain import tender as tenders
from services.assignment.domain.grade import Grade
from services.assignment.domain.record import Note
from services.assignment.domain.tender import (
    CancelTender,
    CloseWithoutAward,
    MakeBid,
    Moment,
    OpenTender,
    ProposeAward,
    TenderOpened,
    WithdrawBid,
)
from services.assignment.views import bid as bid_view
from services.assignment.views import tender as tender_view
from services.assignment.views.bid import SealedBid
from services.assignment.views.proposal import waiting_on
from services.assignment.views.tender import TENDERS, Sight, Tender, sight_of
from shared.contracts.assignment.tenders import MOST_CUSTOMERS
from shared.contracts.types import Amount, AmountOrZero, BusinessDate, Contract, Id, Text
from shared.infrastructure import event_store
from shared.infrastructure.auth import Forbidden, Principal, Role, allow
from shared.infrastructure.bank_time import today
from shared.infrastructure.command_handler import Accepted
from shared.infrastructure.event_store import versions
from shared.infrastructure.http import Commands, Json, PageQuery, commands, etag, page_of
from shared.kernel.errors import Malformed, Unknown

router = APIRouter(prefix="/v1/tenders", tags=["tenders"])

TenderReader = Annotated[Principal, Depends(allow(Role.ASSIGNER, Role.APPROVER, Role.MANAGER, reads=True))]
"""A caller who may see tenders, or those that concern them."""

Bidder = Annotated[Principal, Depends(allow(Role.MANAGER))]
Desk = Annotated[Commands, Depends(commands)]


def once_each(customer_ids: tuple[str, ...]) -> tuple[str, ...]:
    """The same; raises Malformed where a customer is named twice."""
    if len(set(customer_ids)) < len(customer_ids):
        raise Malformed("a customer is named twice")
    return customer_ids


class NewTender(Contract, extra="forbid"):
    """Customers to put up for tender; the baseline (a year) is what they brought in last if it is left out."""

    customer_ids: Annotated[
        tuple[Id, ...], Field(min_length=1, max_length=MOST_CUSTOMERS), AfterValidator(once_each)
    ]
    baseline_profit: AmountOrZero | None = None
    closes_at: Moment
    lowest_grade: Grade
    effective_from: BusinessDate | None = None


class NewBid(Contract, extra="forbid"):
    """What a manager commits to bring in a year, and how."""

    committed_profit: Amount
    plan: Note


class Cancellation(Contract, extra="forbid"):
    """Why a process comes to nothing."""

    reason: Text


class Status(StrEnum):
    """open 投标中, closed 已截标, awarded 已中标, not-awarded 流标, cancelled 已取消."""

    OPEN = "open"
    CLOSED = "closed"
    AWARDED = "awarded"
    NOT_AWARDED = "not-awarded"
    CANCELLED = "cancelled"


@router.post("", status_code=201)
async def open_tender(body: NewTender, caller: Assigner, desk: Desk) -> Response:
    """Put customers up for tender; none of them may be in another open tender or hand-over."""
    command = OpenTender(
        tender_id=str(uuid_utils.uuid7()),
        today=today(),
        customer_ids=body.customer_ids,
        baseline_profit=body.baseline_profit,
        closes_at=body.closes_at,
        lowest_grade=body.lowest_grade,
        effective_from=body.effective_from,
    )

    def answer(accepted: Accepted) -> dict[str, object]:
        [event] = accepted.events
        assert isinstance(event.fact, TenderOpened)  # nothing else comes of the command
        return {**event.fact.model_dump(mode="json", exclude={"business_date"}), "status": Status.OPEN}

    return await desk.submit(caller, tenders.DECIDER, command, answer, 201)


@router.get("")
async def list_tenders(
    request: Request,
    page: PageQuery,
    caller: TenderReader,
    as_of: PastDay = None,
    status: Annotated[Status | None, Query(description="only tenders of this status")] = None,
) -> Response:
    """Tenders in the order in which they were opened, now or as of a day. A manager sees those to bid in, and those
    bid in."""
    [after] = page.after(str) or ("",)
    async with request.app.state.database.snapshot() as connection:
        sight = await _sight(connection, caller)
        look, past = partial(tender_view.listed, connection, sight, status), None
        if as_of is not None:
            look = partial(tender_view.listed, connection, sight, None)
            moment = moment_of(as_of, sight.now)
            past = Past(partial(tender_view.as_of, connection, as_of, moment), of_status(status))
        found = await one_page(look, _place, after, page.limit, past)
    shown = [one.shown(figures=_sees_figures(caller, one)) for one in found.rows]
    return Json(page_of(shown, found.cursor))


def _place(tender: Tender) -> str:
    return tender.tender_id


@router.get("/{tender_id}")
async def get_tender(
    request: Request, tender_id: Id, caller: TenderReader, as_of: PastDay = None
) -> Response:
    """One tender, now or as of a day, with its `ETag`. `mine` is the caller's own bid; `offers` are all of them, for
    the office and after the close only, and null before; `proposal_id` is the award that waits for a second person."""
    async with request.app.state.database.snapshot() as connection:
        sight = await _sight(connection, caller)
        moment = moment_of(as_of, sight.now)
        found = await _find(connection, tender_id, sight)
        if as_of is None:
            bids: Collection[SealedBid] = await bid_view.standing_bids(connection, tender_id)
        else:
            state = await state_as_of(connection, TENDERS, found.stream, as_of, _no_tender(tender_id))
            found, bids = state.tender.at(moment), state.bids.values()
        shown = found.shown(figures=_sees_figures(caller, found))
        shown["mine"] = await _own_bid(connection, tender_id, bids, moment, caller.manager)
        if sight.manager_id is None:
            closed = found.closes_at <= moment
            offers = await bid_view.opened_bids(connection, tender_id, bids, moment, None) if closed else None
            shown["offers"] = None if offers is None else [one.shown() for one in offers]
            shown["proposal_id"] = await waiting_on(connection, tender_id, as_of)
        version = (await versions(connection, [found.stream]))[found.stream]
    return Json(shown, headers={"ETag": etag(version)})


@router.post("/{tender_id}/bids", status_code=201)
async def make_bid(request: Request, tender_id: Id, body: NewBid, caller: Bidder, desk: Desk) -> Response:
    """Bid, or replace the own bid. The answer repeats nothing of it: answers are kept for `Idempotency-Key`."""
    bidder = _bidder(caller)
    await _look(request, tender_id, caller)
    command = MakeBid(
        tender_id=tender_id,
        today=today(),
        manager_id=bidder,
        committed_profit=body.committed_profit,
        plan=body.plan,
    )
    said = {"tender_id": tender_id, "manager_id": bidder}
    return await desk.submit(caller, tenders.DECIDER, command, lambda _: said, 201)


@router.delete("/{tender_id}/bids/mine")
async def withdraw_bid(request: Request, tender_id: Id, caller: Bidder, desk: Desk) -> Response:
    """Take the own bid back, before the close."""
    bidder = _bidder(caller)
    await _look(request, tender_id, caller)
    command = WithdrawBid(tender_id=tender_id, today=today(), manager_id=bidder)
    said = {"tender_id": tender_id, "manager_id": bidder, "withdrawn": True}
    return await desk.submit(caller, tenders.DECIDER, command, lambda _: said)


@router.post("/{tender_id}/award", status_code=202)
async def award_tender(request: Request, tender_id: Id, caller: Assigner, desk: Desk) -> Response:
    """Propose the award to the winner (202), once the tender is closed to bids; another person approves it."""
    await _look(request, tender_id, caller)
    command = ProposeAward(
        tender_id=tender_id, today=today(), proposal_id=str(uuid_utils.uuid7()), proposed_by=caller.subject
    )
    return await submit_proposal(
        desk, caller, tenders.DECIDER, command, command.proposal_id, desk.expected_version
    )


@router.post("/{tender_id}/close-without-award")
async def close_without_award(request: Request, tender_id: Id, caller: Assigner, desk: Desk) -> Response:
    """End a tender in which no bid counts, once it is closed to bids."""
    await _look(request, tender_id, caller)
    said = {"tender_id": tender_id, "status": Status.NOT_AWARDED}
    command = CloseWithoutAward(tender_id=tender_id, today=today())
    return await desk.submit(caller, tenders.DECIDER, command, lambda _: said)


@router.post("/{tender_id}/cancel")
async def cancel_tender(
    request: Request, tender_id: Id, body: Cancellation, caller: Assigner, desk: Desk
) -> Response:
    """End a tender before it is awarded; its customers are free again."""
    await _look(request, tender_id, caller)
    said = {"tender_id": tender_id, "status": Status.CANCELLED}
    command = CancelTender(tender_id=tender_id, today=today(), reason=body.reason)
    return await desk.submit(caller, tenders.DECIDER, command, lambda _: said)


def _bidder(caller: Principal) -> str:
    if caller.manager is None:
        raise Forbidden("Only managers bid, and for themselves.")
    return caller.manager


def _sees_figures(caller: Principal, found: Tender) -> bool:
    """Whether a caller may read what the winner committed to: the office and the winner."""
    return caller.has(*OVERSEES) or caller.manager == found.manager_id


async def _own_bid(
    connection: AsyncConnection,
    tender_id: str,
    bids: Collection[SealedBid],
    now: datetime,
    bidder: str | None,
) -> dict[str, object] | None:
    """What the caller has bid, if the caller is a manager who has."""
    if bidder is None:
        return None
    own = await bid_view.opened_bids(connection, tender_id, bids, now, bidder)
    return own[0].shown() if own else None


async def _sight(connection: AsyncConnection, caller: Principal) -> Sight:
    now = event_store.now()
    if caller.has(*OVERSEES):
        return Sight(now)
    return await sight_of(connection, caller.subject, now, today())


async def _find(connection: AsyncConnection, tender_id: str, sight: Sight) -> Tender:
    found = await tender_view.find(connection, tender_id, sight)
    if found is None:
        raise _no_tender(tender_id)
    return found


def _no_tender(tender_id: str) -> Unknown:
    return Unknown(f"there is no tender {tender_id}")


async def _look(request: Request, tender_id: str, caller: Principal) -> None:
    """Raises Unknown for a tender that is not there, or not the caller's to see."""
    async with request.app.state.database.snapshot() as connection:
        await _find(connection, tender_id, await _sight(connection, caller))
