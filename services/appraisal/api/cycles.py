"""Cycles: one route a step, from opening to closing."""

from decimal import Decimal
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from services.appraisal.api.access import Appraiser, Approver
from services.appraisal.domain import cycle as cycles
from services.appraisal.domain.cycle import Status
from services.appraisal.domain.cycle_command import (
    ApproveCycle,
    CloseCycle,
    Command,
    FreezeCycle,
    OpenCycle,
    PublishCycle,
    ScoreCycle,
)
from services.appraisal.domain.cycle_event import CycleKind
from services.appraisal.domain.indicator import Percent
from services.appraisal.views import cycle as cycle_view
from services.appraisal.views.cycle import Cycle
from shared.contracts.types import Contract, Id
from shared.infrastructure.auth import Principal
from shared.infrastructure.bank_time import today
from shared.infrastructure.command_handler import Accepted
from shared.infrastructure.event_store import versions
from shared.infrastructure.http import (
    Commands,
    Json,
    PageQuery,
    commands,
    encode_cursor,
    etag,
    malformed,
    page_of,
)
from shared.infrastructure.http.results import Reader, own_centre
from shared.kernel.books import Book
from shared.kernel.errors import Malformed, Unknown
from shared.kernel.period import Period, months_between

router = APIRouter(prefix="/v1/cycles", tags=["cycles"])

Desk = Annotated[Commands, Depends(commands)]


class NewCycle(Contract, extra="forbid"):
    """A period to appraise. A committee may move totals by up to ``calibration_limit`` points."""

    period: Annotated[str, Field(description="YYYY-Qn, YYYY-Hn or YYYY")]
    kind: CycleKind = CycleKind.REGULAR
    calibration_limit: Annotated[Percent, Field(ge=0, le=20)] = Decimal(5)


async def find_cycle(connection: AsyncConnection, cycle_id: str) -> tuple[Cycle, int]:
    """A cycle and its version; raises Unknown."""
    found = await cycle_view.find(connection, cycle_id)
    if found is None:
        raise Unknown(f"there is no cycle {cycle_id}")
    return found, (await versions(connection, [found.stream]))[found.stream]


@router.post("", status_code=201)
async def open_cycle(body: NewCycle, caller: Approver, desk: Desk) -> Response:
    """Begin a cycle over a quarter, half or year. Its id is the period's name, with `-promotion` for a review."""
    try:
        period = Period.parse(body.period)
    except Malformed as error:
        raise malformed("period", str(error), place="body") from None
    if len(list(months_between(period.first, period.last))) < 3:
        raise malformed("period", "must be a quarter YYYY-Qn, a half YYYY-Hn or a year YYYY", place="body")
    suffix = "-promotion" if body.kind is CycleKind.PROMOTION else ""
    command = OpenCycle(
        cycle_id=f"{period.name}{suffix}",
        actor=caller.subject,
        today=today(),
        period=period.name,
        kind=body.kind,
        calibration_limit=body.calibration_limit,
    )
    return await _step(desk, caller, command, Status.OPEN, 201)


@router.get("")
async def list_cycles(request: Request, page: PageQuery, caller: Reader) -> Response:
    """Cycles in order of id; what the bank has earned in them is null for a manager and a department head."""
    [after] = page.after(str) or ("",)
    async with request.app.state.database.read() as connection:
        found = await cycle_view.listed(connection, after, page.limit)
    following = encode_cursor(found[-1].cycle_id) if len(found) == page.limit else None
    return Json(page_of([one.shown(whole=_sees_all(caller)) for one in found], following))


@router.get("/{cycle_id}")
async def get_cycle(request: Request, cycle_id: Id, caller: Reader) -> Response:
    """One cycle, with the `ETag` that its next step should name in `If-Match`."""
    async with request.app.state.database.snapshot() as connection:
        found, version = await find_cycle(connection, cycle_id)
    return Json(found.shown(whole=_sees_all(caller)), headers={"ETag": etag(version)})


def _sees_all(caller: Principal) -> bool:
    return own_centre(caller, Book.MANAGER) is None


@router.post("/{cycle_id}/freeze")
async def freeze_cycle(cycle_id: Id, caller: Approver, desk: Desk) -> Response:
    """Fix what goes into the scorecards, with the ledger's position and hash. Refused (409) until every month of the
    period is closed and has arrived whole, and unless both sides and the ledger come to the same efficiency."""
    return await _step(desk, caller, FreezeCycle(cycle_id, caller.subject, today()), Status.FROZEN)


@router.post("/{cycle_id}/score")
async def score_cycle(cycle_id: Id, caller: Appraiser, desk: Desk) -> Response:
    """Compute all scorecards from what was frozen and what was scored by hand; again, as often as wanted, until they
    are approved."""
    return await _step(desk, caller, ScoreCycle(cycle_id, caller.subject, today()), Status.SCORED)


@router.post("/{cycle_id}/approve")
async def approve_cycle(cycle_id: Id, caller: Approver, desk: Desk) -> Response:
    """Agree to all scorecards: another person than those who scored and calibrated. Send `If-Match`: what was scored or
    calibrated since is then not approved unseen (412)."""
    return await _step(desk, caller, ApproveCycle(cycle_id, caller.subject, today()), Status.APPROVED)


@router.post("/{cycle_id}/publish")
async def publish_cycle(cycle_id: Id, caller: Approver, desk: Desk) -> Response:
    """Show everybody the own scorecard, which never changes from then on, and tell the other services the ratings."""
    return await _step(desk, caller, PublishCycle(cycle_id, caller.subject, today()), Status.PUBLISHED)


@router.post("/{cycle_id}/close")
async def close_cycle(cycle_id: Id, caller: Approver, desk: Desk) -> Response:
    """End a cycle; no appeal may wait for a decision."""
    return await _step(desk, caller, CloseCycle(cycle_id, caller.subject, today()), Status.CLOSED)


async def _step(
    desk: Commands, caller: Principal, command: Command, status: Status, code: int = 200
) -> Response:
    def answer(_: Accepted) -> dict[str, Any]:
        return {"cycle_id": command.cycle_id, "status": status}

    return await desk.submit(caller, cycles.DECIDER, command, answer, code)
