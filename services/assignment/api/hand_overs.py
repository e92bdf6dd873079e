"""Hand-overs: customers that go from one manager to others."""

from datetime import date
from functools import partial
from typing import Annotated, Any

import uuid_utils
from fastapi import APIRouter, Depends, Query, Request
from pydantic import AfterValidator, Field, model_validator
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from services.assignment.api.access import OVERSEES, Assigner
from services.assignment.api.past import Past, PastDay, of_status, one_page, state_as_of
from services.assignment.api.proposals import submit_proposal
from services.assignment.api.tenders import Cancellation
from services.assignment.domain import hand_over as hand_overs
from services.assignment.domain.hand_over import (
    AcknowledgeHandOver,
    CancelHandOver,
    HandOverPlanned,
    PlanHandOver,
    Status,
    SubmitHandOver,
)
from services.assignment.domain.hand_over_plan import Terms, Wanted
from services.assignment.domain.succession import Kept
from services.assignment.views import hand_over as hand_over_view
from services.assignment.views import portfolio
from services.assignment.views.care.open_item import open_items, open_items_as_of
from services.assignment.views.compliance.duty import open_duties, open_duties_as_of
from services.assignment.views.hand_over import HAND_OVERS, HandingOver, HandOver, acknowledgements
from services.assignment.views.proposal import waiting_on
from shared.contracts.assignment import HandOverGround
from shared.contracts.assignment.hand_overs import MOST_HANDED_OVER
from shared.contracts.types import BusinessDate, CentreId, Contract, Id
from shared.infrastructure.auth import Principal, Role, allow
from shared.infrastructure.bank_time import today
from shared.infrastructure.command_handler import Accepted
from shared.infrastructure.event_store import versions
from shared.infrastructure.http import Commands, Json, PageQuery, commands, etag, page_of
from shared.kernel.errors import Malformed, Unknown

router = APIRouter(prefix="/v1/hand-overs", tags=["hand-overs"])

LONGEST_TAIL = 6
"""How many steps a tail has at most."""

_MOST_LOOKED_AT = 50
"""Hand-overs that a page of the past looks through: one may be of some hundred customers."""

HandOverReader = Annotated[Principal, Depends(allow(Role.ASSIGNER, Role.APPROVER, Role.MANAGER, reads=True))]
"""A caller who may see hand-overs, or those that concern them."""

Party = Annotated[Principal, Depends(allow(Role.MANAGER))]
Desk = Annotated[Commands, Depends(commands)]


class NewItem(Contract, extra="forbid"):
    """A customer, to whom it goes, and what the old manager keeps of it for so many months each."""

    customer_id: Id
    successor_id: CentreId
    tail: Annotated[tuple[Kept, ...], Field(max_length=LONGEST_TAIL)] = ()


def _once_each(items: tuple[NewItem, ...] | None) -> tuple[NewItem, ...] | None:
    if items and len({item.customer_id for item in items}) < len(items):
        raise Malformed("a customer is named twice")
    return items


class NewHandOver(Contract, extra="forbid"):
    """Which customers go to whom, from a day on; in an emergency, all of them to a team."""

    manager_id: CentreId
    ground: HandOverGround
    effective_from: BusinessDate
    items: Annotated[
        tuple[NewItem, ...] | None,
        Field(min_length=1, max_length=MOST_HANDED_OVER),
        AfterValidator(_once_each),
    ] = None
    team_id: Id | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> "NewHandOver":
        if (self.items is None) == (self.team_id is None):
            raise Malformed("must name either items or, in an emergency, a team_id")
        if self.team_id is not None and self.ground is not HandOverGround.EMERGENCY:
            raise Malformed("a team_id is for emergencies only; name items")
        return self


@router.post("", status_code=201)
async def plan_hand_over(body: NewHandOver, caller: Assigner, desk: Desk) -> Response:
    """Plan a hand-over; none of the customers may be in another open one, or in a tender."""
    wanted = tuple(Wanted(item.customer_id, item.successor_id, item.tail) for item in body.items or ())
    command = PlanHandOver(
        hand_over_id=str(uuid_utils.uuid7()),
        manager_id=body.manager_id,
        today=today(),
        terms=Terms(body.manager_id, body.ground, body.effective_from, wanted, body.team_id),
        planned_by=caller.subject,
    )

    def answer(accepted: Accepted) -> dict[str, Any]:
        [event] = accepted.events
        assert isinstance(event.fact, HandOverPlanned)  # nothing else comes of the command
        return hand_over_view.shown_plan(event.fact)

    return await desk.submit(caller, hand_overs.DECIDER, command, answer, 201)


@router.get("")
async def list_hand_overs(
    request: Request,
    page: PageQuery,
    caller: HandOverReader,
    as_of: PastDay = None,
    status: Annotated[Status | None, Query(description="only hand-overs of this status")] = None,
    manager_id: Annotated[Id | None, Query(description="only those of this manager's customers")] = None,
) -> Response:
    """Hand-overs in the order in which they were planned, now or as of a day. A manager sees those to hand or to take
    over."""
    [after] = page.after(str) or ("",)
    party = _party(caller)
    async with request.app.state.database.snapshot() as connection:
        look, past = partial(hand_over_view.listed, connection, party, status, manager_id), None
        if as_of is not None:
            look = partial(hand_over_view.listed, connection, party, None, manager_id)
            past = Past(partial(hand_over_view.as_of, connection, as_of), of_status(status))
        found = await one_page(look, _place, after, page.limit, past, most=_MOST_LOOKED_AT)
    return Json(page_of([one.summary() for one in found.rows], found.cursor))


def _place(hand_over: HandOver) -> str:
    return hand_over.hand_over_id


@router.get("/{hand_over_id}")
async def get_hand_over(
    request: Request, hand_over_id: Id, caller: HandOverReader, as_of: PastDay = None
) -> Response:
    """One hand-over, now or as of a day, with its `ETag`: each customer's shares from day to day, who acknowledged it,
    what is under way with the customers as long as it is planned, and what was done when it is completed.

    There is no tender among what is under way: a customer is in one process at a time. Once it has ended, its parties
    are told what was under way with the customers whom they look after today."""
    party = _party(caller)
    async with request.app.state.database.snapshot() as connection:
        found = await _find(connection, hand_over_id, party)
        if as_of is None:
            state = HandingOver(found, await acknowledgements(connection, hand_over_id))
        else:
            missing = _no_hand_over(hand_over_id)
            state = await state_as_of(connection, HAND_OVERS, found.stream, as_of, missing)
        shown = state.hand_over.shown(state.acknowledged)
        customers = found.customer_ids if state.hand_over.status == Status.PLANNED else []
        over = (
            found.status != Status.PLANNED
        )  # by now, when customers may be no business of a party's any more
        if party is not None and over:
            customers = sorted(await portfolio.held(connection, party, customers, today()))
        shown["open_items"] = await _open_items(connection, customers, as_of)
        shown["proposal_id"] = await waiting_on(connection, hand_over_id, as_of)
        version = (await versions(connection, [found.stream]))[found.stream]
    return Json(shown, headers={"ETag": etag(version)})


@router.post("/{hand_over_id}/acknowledge")
async def acknowledge_hand_over(request: Request, hand_over_id: Id, caller: Party, desk: Desk) -> Response:
    """Say as the old manager or as a successor that one knows of it."""
    found = await _look(request, hand_over_id, caller)
    command = AcknowledgeHandOver(
        hand_over_id=hand_over_id,
        manager_id=found.manager_id,
        today=today(),
        acknowledged_by=caller.subject,
    )
    said = {"hand_over_id": hand_over_id, "manager_id": caller.subject, "acknowledged": True}
    return await desk.submit(caller, hand_overs.DECIDER, command, lambda _: said)


@router.post("/{hand_over_id}/submit", status_code=202)
async def submit_hand_over(request: Request, hand_over_id: Id, caller: Assigner, desk: Desk) -> Response:
    """Propose the hand-over (202) when both sides know of it; a third person approves, and it is done."""
    found = await _look(request, hand_over_id, caller)
    command = SubmitHandOver(
        hand_over_id=hand_over_id,
        manager_id=found.manager_id,
        today=today(),
        proposal_id=str(uuid_utils.uuid7()),
        proposed_by=caller.subject,
    )
    return await submit_proposal(
        desk, caller, hand_overs.DECIDER, command, command.proposal_id, desk.expected_version
    )


@router.post("/{hand_over_id}/cancel")
async def cancel_hand_over(
    request: Request, hand_over_id: Id, body: Cancellation, caller: Assigner, desk: Desk
) -> Response:
    """End a hand-over before it is done; its customers are free again."""
    found = await _look(request, hand_over_id, caller)
    command = CancelHandOver(
        hand_over_id=hand_over_id, manager_id=found.manager_id, today=today(), reason=body.reason
    )
    said = {"hand_over_id": hand_over_id, "status": Status.CANCELLED}
    return await desk.submit(caller, hand_overs.DECIDER, command, lambda _: said)


def _party(caller: Principal) -> str | None:
    """The manager to whose own hand-overs a caller is confined; None for the office."""
    return None if caller.has(*OVERSEES) else caller.subject


async def _find(connection: AsyncConnection, hand_over_id: str, party: str | None) -> HandOver:
    found = await hand_over_view.find(connection, hand_over_id, party)
    if found is None:
        raise _no_hand_over(hand_over_id)
    return found


def _no_hand_over(hand_over_id: str) -> Unknown:
    return Unknown(f"there is no hand-over {hand_over_id}")


async def _look(request: Request, hand_over_id: str, caller: Principal) -> HandOver:
    """A hand-over; raises Unknown for one that is not there, or not the caller's to see."""
    async with request.app.state.database.read() as connection:
        return await _find(connection, hand_over_id, _party(caller))


async def _open_items(
    connection: AsyncConnection, customer_ids: list[str], as_of: date | None
) -> list[dict[str, object]]:
    """What is under way with customers, now or at the end of a day: complaints, referrals, due visits and duties, by
    customer."""
    if as_of is None:
        found = await open_items(connection, customer_ids, today())
        duties = await open_duties(connection, customer_ids)
    else:
        found = await open_items_as_of(connection, customer_ids, as_of)
        duties = await open_duties_as_of(connection, customer_ids, as_of)
    items: list[tuple[str, str, str, str | None, date | None]] = [
        (one.customer_id, one.kind.value, one.item_id, one.manager_id, one.due_on) for one in found
    ]
    items += [(one.customer_id, one.kind, one.item_id, None, one.due_on) for one in duties]
    names = ("customer_id", "kind", "item_id", "manager_id", "due_on")
    return [dict(zip(names, item, strict=True)) for item in sorted(items, key=lambda item: item[:3])]
