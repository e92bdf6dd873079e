"""Scorecards of cycles: seen, scored by hand, calibrated, appealed against."""

from decimal import Decimal
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import AfterValidator, model_validator
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from services.appraisal.api.access import Appraiser, Approver, Overseer
from services.appraisal.api.cycles import find_cycle
from services.appraisal.domain import cycle as cycles
from services.appraisal.domain.cycle_command import (
    AppealCard,
    CalibrateCard,
    Command,
    DecideAppeal,
    ScoreByHand,
)
from services.appraisal.domain.indicator import Figure, Percent, Source
from services.appraisal.views import card as card_view
from services.appraisal.views.card import Card
from services.appraisal.views.cycle import Cycle
from shared.contracts.appraisal import Rating
from shared.contracts.types import Contract, Id, Text
from shared.infrastructure.auth import Principal, Role, allow
from shared.infrastructure.bank_time import today
from shared.infrastructure.http import (
    Commands,
    Json,
    PageQuery,
    commands,
    encode_cursor,
    etag,
    page_of,
)
from shared.infrastructure.http.results import BookName, Reader, own_centre
from shared.kernel.books import Book
from shared.kernel.errors import Malformed, Unknown

router = APIRouter(prefix="/v1/cycles/{cycle_id}", tags=["scorecards of cycles"])

Desk = Annotated[Commands, Depends(commands)]


class ByHand(Contract, extra="forbid"):
    """A figure for a source that people score, and on which evidence."""

    source: Source
    figure: Figure
    evidence: Text


def _of_two_places(points: Decimal) -> Decimal:
    if points != round(points, 2):
        raise Malformed("must have two places at most, as a total has")
    return points


class Calibration(Contract, extra="forbid"):
    """By how many points a total is moved, and why."""

    points: Annotated[Percent, AfterValidator(_of_two_places)]
    reason: Text


class Grounds(Contract, extra="forbid"):
    """Why somebody objects."""

    grounds: Text


class Decision(Contract, extra="forbid"):
    """What becomes of an objection: another rating where it is upheld."""

    upheld: bool
    rating: Rating | None = None
    reason: Text

    @model_validator(mode="after")
    def _complete(self) -> "Decision":
        if self.upheld and self.rating is None:
            raise Malformed("rating: is required where the appeal is upheld")
        return self


Appellant = Annotated[Principal, Depends(allow(Role.MANAGER, Role.DEPARTMENT_HEAD))]
"""A caller who may object to the own scorecard."""


@router.get("/cards")
async def list_cards(request: Request, cycle_id: Id, page: PageQuery, _: Overseer) -> Response:
    """The scorecards of a cycle in order of side and centre, in short."""
    after = page.after(str, str) or ("", "")
    async with request.app.state.database.snapshot() as connection:
        await find_cycle(connection, cycle_id)
        found = await card_view.listed(connection, cycle_id, (after[0], after[1]), page.limit)
    more = len(found) == page.limit
    following = encode_cursor(found[-1].side, found[-1].centre_id) if more else None
    return Json(page_of([one.summary() for one in found], following))


@router.get("/cards/{side}/{centre_id}")
async def get_card(request: Request, cycle_id: Id, side: BookName, centre_id: Id, caller: Reader) -> Response:
    """One scorecard with all that went into it, how every score came about, and links to the ledger's legs. Managers
    and department heads see their own, once it is published; from then on it is the same byte for byte."""
    async with request.app.state.database.snapshot() as connection:
        found, card, version = await _look(connection, cycle_id, side, centre_id, caller)
    return Response(
        card.shown(cycle_id, found.period), headers={"ETag": etag(version)}, media_type="application/json"
    )


@router.get("/appeals")
async def list_appeals(request: Request, cycle_id: Id, caller: Reader) -> Response:
    """The appeals of a cycle; a manager and a department head see their own."""
    async with request.app.state.database.snapshot() as connection:
        await find_cycle(connection, cycle_id)
        found = await card_view.appeals(connection, cycle_id)
    mine = [one for one in found if own_centre(caller, Book(str(one["side"]))) in (None, one["centre_id"])]
    return Json(page_of(mine, None))


@router.post("/cards/{side}/{centre_id}/manual")
async def score_by_hand(
    cycle_id: Id, side: BookName, centre_id: Id, body: ByHand, caller: Appraiser, desk: Desk
) -> Response:
    """Give a figure for a source that the scheme has people score (`manual:…`); it counts when the cycle is scored."""
    command = ScoreByHand(
        cycle_id, caller.subject, today(), side, centre_id, body.source, body.figure, body.evidence
    )
    return await _submit(desk, caller, command, body.model_dump(mode="json"))


@router.post("/cards/{side}/{centre_id}/calibration")
async def calibrate_card(
    cycle_id: Id, side: BookName, centre_id: Id, body: Calibration, caller: Approver, desk: Desk
) -> Response:
    """Move a total within the cycle's limit, with a reason; another person approves the cycle."""
    command = CalibrateCard(cycle_id, caller.subject, today(), side, centre_id, body.points, body.reason)
    return await _submit(desk, caller, command, body.model_dump(mode="json"))


@router.post("/cards/{side}/{centre_id}/appeal", status_code=201)
async def appeal(
    request: Request,
    cycle_id: Id,
    side: BookName,
    centre_id: Id,
    body: Grounds,
    caller: Appellant,
    desk: Desk,
) -> Response:
    """Object to the own scorecard, once."""
    async with request.app.state.database.snapshot() as connection:
        await _look(connection, cycle_id, side, centre_id, caller)
    command = AppealCard(cycle_id, caller.subject, today(), side, centre_id, body.grounds)
    return await _submit(desk, caller, command, body.model_dump(mode="json"), 201)


@router.post("/cards/{side}/{centre_id}/appeal/decision")
async def decide_appeal(
    cycle_id: Id, side: BookName, centre_id: Id, body: Decision, caller: Approver, desk: Desk
) -> Response:
    """Decide on an appeal: neither who objects nor who approved the cycle. The published scorecard stays; another
    rating counts from now on for pay and grade."""
    rating = body.rating if body.upheld else None
    command = DecideAppeal(cycle_id, caller.subject, today(), side, centre_id, rating, body.reason)
    return await _submit(desk, caller, command, body.model_dump(mode="json"))


async def _look(
    connection: AsyncConnection, cycle_id: str, side: Book, centre_id: str, caller: Principal
) -> tuple[Cycle, Card, int]:
    """A scorecard with its cycle and that one's version; raises Unknown where there is none that the caller may see."""
    own = own_centre(caller, side)
    found, version = await find_cycle(connection, cycle_id)
    card = await card_view.find(connection, cycle_id, side, centre_id)
    if card is None or own not in (None, centre_id) or (own is not None and not card.published):
        raise Unknown(f"there is no scorecard of {side} {centre_id} in cycle {cycle_id}")
    return found, card, version


async def _submit(
    desk: Commands, caller: Principal, command: Command, said: dict[str, Any], code: int = 200
) -> Response:
    return await desk.submit(caller, cycles.DECIDER, command, lambda _: said, code)
