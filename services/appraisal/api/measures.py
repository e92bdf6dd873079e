"""Rewards and penalties: proposed, decided on, appealed against, heard."""

from collections.abc import Callable, Sequence
from typing import Annotated
from uuid import NAMESPACE_URL, uuid5

import orjson
import uuid_utils
from fastapi import APIRouter, Depends, Query, Request
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from services.appraisal.api.access import Approver, Proposer
from services.appraisal.api.cycles import find_cycle
from services.appraisal.api.ladder import Decision
from services.appraisal.domain import ladder
from services.appraisal.domain import measure as measures
from services.appraisal.domain.cycle import Status, last_day_of
from services.appraisal.domain.ladder import OrderGradeChange
from services.appraisal.domain.ladder_due import Direction
from services.appraisal.domain.ladder_policy import no_worse
from services.appraisal.domain.measure import (
    RULE,
    AppealMeasure,
    Command,
    DecideMeasure,
    DecideMeasureAppeal,
    ProposeMeasure,
)
from services.appraisal.domain.measure_event import Kind
from services.appraisal.views import measure as measure_view
from services.appraisal.views import rated
from services.appraisal.views.ladder_policy import policies
from services.appraisal.views.measure import Measure
from shared.contracts.types import Amount, BusinessDate, CentreId, Contract, Id, Text
from shared.infrastructure.auth import Principal, Role, allow
from shared.infrastructure.bank_time import today
from shared.infrastructure.command_desk import accepted
from shared.infrastructure.command_handler import Accepted, Outcome, Submission
from shared.infrastructure.event_store import versions
from shared.infrastructure.http import Commands, Json, PageQuery, commands, encode_cursor, etag, page_of
from shared.infrastructure.receipts import Answer
from shared.kernel.errors import Refusal, Unknown

router = APIRouter(prefix="/v1", tags=["rewards and penalties"])

Desk = Annotated[Commands, Depends(commands)]
Reader = Annotated[
    Principal,
    Depends(allow(Role.APPROVER, Role.ASSIGNER, Role.ACCOUNTANT, Role.MANAGER, reads=True)),
]
"""A caller who may see all measures, or those about them."""
Manager = Annotated[Principal, Depends(allow(Role.MANAGER))]


class NewMeasure(Contract, extra="forbid"):
    """A measure; extra awards, bonus deductions and fines have an amount, others have none."""

    manager_id: CentreId
    kind: Kind
    amount: Amount | None = None
    ground: Text
    effective_from: BusinessDate


class Grounds(Contract, extra="forbid"):
    """Why a manager objects."""

    grounds: Text


class Hearing(Contract, extra="forbid"):
    """Whether the measure stands, and why."""

    upheld: bool
    reason: Text


@router.post("/measures", status_code=201)
async def propose_measure(body: NewMeasure, caller: Proposer, desk: Desk) -> Response:
    """Propose a measure; another person decides on it."""
    command = ProposeMeasure(
        measure_id=str(uuid_utils.uuid7()),
        manager_id=body.manager_id,
        actor=caller.subject,
        today=today(),
        kind=body.kind,
        amount=body.amount,
        ground=body.ground,
        effective_from=body.effective_from,
    )
    shown = {"measure_id": command.measure_id, "status": measures.Status.PROPOSED}
    return await desk.submit(caller, measures.DECIDER, command, lambda _: shown, 201)


@router.post("/cycles/{cycle_id}/measures")
async def propose_by_rule(request: Request, cycle_id: Id, caller: Proposer, desk: Desk) -> Response:
    """Propose what the policy asks for after a closed cycle: a rectification talk with everybody of rating D (or
    `rating_talk` of the ladder's policy). Once for each manager and cycle: asked again, it answers with those who are
    new, so with nobody."""
    async with request.app.state.database.snapshot() as connection:
        cycle, _ = await find_cycle(connection, cycle_id)
        if cycle.status != Status.CLOSED:
            raise Refusal(
                "cycle-is-closed", "cycle_id", f"the cycle is {cycle.status}: its ratings can change"
            )
        terms = (await policies(connection)).in_force(last_day_of(cycle.period))
        found = await rated.of_cycle(connection, cycle_id, 1)
    submissions = [
        Submission(measures.DECIDER, _talk(manager_id, cycle_id, history.cycle.rating), desk.origin(caller))
        for manager_id, history in sorted(found.items())
        if no_worse(terms.rating_talk, history.cycle.rating)
    ]

    def answer(outcomes: Sequence[Outcome]) -> Answer:
        made = [
            {"measure_id": one.command.measure_id, "manager_id": one.command.manager_id}
            for one, outcome in zip(submissions, outcomes, strict=True)
            if isinstance(outcome, Accepted)  # refused is what was proposed before
        ]
        return Answer(200, orjson.dumps({"items": made}))

    return await desk.submit_all(caller, submissions, answer)


def _talk(manager_id: str, cycle_id: str, rating: str) -> ProposeMeasure:
    """The talk that the policy asks for; its id follows from manager and cycle, so that there is one alone."""
    day = today()
    return ProposeMeasure(
        measure_id=str(uuid5(NAMESPACE_URL, f"urn:dualbook:talk:{cycle_id}:{manager_id}")),
        manager_id=manager_id,
        actor=RULE,
        today=day,
        kind=Kind.RECTIFICATION_TALK,
        amount=None,
        ground=f"rating {rating} in {cycle_id}",
        effective_from=day,
        cycle_id=cycle_id,
    )


@router.get("/measures")
async def list_measures(
    request: Request,
    page: PageQuery,
    caller: Reader,
    manager_id: Annotated[CentreId | None, Query(description="only this manager's")] = None,
) -> Response:
    """Measures in order of id; a manager sees those about them that were approved once."""
    [after] = page.after(str) or ("",)
    own = _only(caller)
    if own is not None and manager_id not in (None, own):
        return Json(page_of([], None))
    async with request.app.state.database.read() as connection:
        found = await measure_view.listed(
            connection, after, page.limit, own or manager_id, only_counting=own is not None
        )
    following = encode_cursor(found[-1].measure_id) if len(found) == page.limit else None
    return Json(page_of([one.shown() for one in found], following))


@router.get("/measures/{measure_id}")
async def get_measure(request: Request, measure_id: Id, caller: Reader) -> Response:
    """One measure, with its `ETag`."""
    async with request.app.state.database.snapshot() as connection:
        found = await _find(connection, measure_id, caller)
        version = (await versions(connection, [found.stream]))[found.stream]
    return Json(found.shown(), headers={"ETag": etag(version)})


@router.post("/measures/{measure_id}/approve")
async def approve_measure(
    request: Request, measure_id: Id, caller: Approver, desk: Desk, body: Decision | None = None
) -> Response:
    """Agree to a measure that another proposed. Its amount goes to the payroll of the month from which it counts, of
    the present one at the earliest; a demotion takes the manager one grade down from the first of the next month."""
    return await _decide(request, measure_id, caller, desk, body, approve=True)


@router.post("/measures/{measure_id}/reject")
async def reject_measure(
    request: Request, measure_id: Id, caller: Approver, desk: Desk, body: Decision | None = None
) -> Response:
    """Refuse a measure that another proposed; nothing follows."""
    return await _decide(request, measure_id, caller, desk, body, approve=False)


async def _decide(
    request: Request,
    measure_id: str,
    caller: Principal,
    desk: Commands,
    body: Decision | None,
    *,
    approve: bool,
) -> Response:
    reason = body.reason if body else None

    def command(found: Measure) -> Command:
        return DecideMeasure(found.measure_id, found.manager_id, caller.subject, today(), approve, reason)

    return await _submit(request, measure_id, caller, desk, command, Direction.DOWN if approve else None)


@router.post("/measures/{measure_id}/appeal")
async def appeal_measure(
    request: Request, measure_id: Id, body: Grounds, caller: Manager, desk: Desk
) -> Response:
    """Object to a measure about oneself, once."""
    return await _submit(
        request,
        measure_id,
        caller,
        desk,
        lambda found: AppealMeasure(
            found.measure_id, found.manager_id, caller.subject, today(), body.grounds
        ),
    )


@router.post("/measures/{measure_id}/appeal/decision")
async def decide_appeal(
    request: Request, measure_id: Id, body: Hearing, caller: Approver, desk: Desk
) -> Response:
    """Say whether a measure stands: a third person, neither who proposed nor who approved it. Of one that is lifted the
    amount is given back with the present month's payroll, and a demotion is taken back from the next month on."""
    return await _submit(
        request,
        measure_id,
        caller,
        desk,
        lambda found: DecideMeasureAppeal(
            found.measure_id, found.manager_id, caller.subject, today(), body.upheld, body.reason
        ),
        None if body.upheld else Direction.UP,
    )


def _only(caller: Principal) -> str | None:
    """The manager to whose measures the caller is confined; None for those who see all."""
    sees_all = caller.has(Role.APPROVER, Role.ASSIGNER, Role.ACCOUNTANT, Role.AUDITOR)
    return None if sees_all else caller.subject


async def _find(connection: AsyncConnection, measure_id: str, caller: Principal) -> Measure:
    """A measure; raises Unknown where there is none that the caller may see."""
    found = await measure_view.find(connection, measure_id)
    own = _only(caller)
    if found is None or (own is not None and (found.manager_id != own or not found.counts)):
        raise Unknown(f"there is no measure {measure_id}")
    return found


async def _submit(
    request: Request,
    measure_id: str,
    caller: Principal,
    desk: Commands,
    command_for: Callable[[Measure], Command],
    grade: Direction | None = None,
) -> Response:
    """The command, and with a demotion the step that follows from it, in one transaction: a refusal of either leaves
    both undone."""
    async with request.app.state.database.read() as connection:
        found = await _find(connection, measure_id, caller)
    command, origin = command_for(found), desk.origin(caller)
    submissions = [Submission(measures.DECIDER, command, origin, desk.expected_version)]
    if grade is not None and found.kind == Kind.DEMOTION:
        submissions.append(Submission(ladder.DECIDER, _step(found, caller, grade), origin))

    def answer(outcomes: Sequence[Outcome]) -> Answer:
        done, *_ = [accepted([outcome]) for outcome in outcomes]  # the refusal of any is raised
        state = measures.evolve(measures.Measure(), done.events[0].fact)
        return Answer(200, orjson.dumps({"measure_id": measure_id, "status": state.status}), done.version)

    return await desk.submit_all(caller, submissions, answer)


def _step(found: Measure, caller: Principal, direction: Direction) -> OrderGradeChange:
    """Down by the measure, or up again by the appeal that lifts it."""
    lifted = direction is Direction.UP
    return OrderGradeChange(
        change_id=f"{found.measure_id}-lifted" if lifted else found.measure_id,
        manager_id=found.manager_id,
        actor=caller.subject,
        today=today(),
        direction=direction,
        ground=f"demotion by measure {found.measure_id}{' was lifted on appeal' if lifted else ''}",
    )
