"""Promotion and demotion: the policy, who is due, and what a second person says to it."""

from collections.abc import Sequence
from datetime import date
from enum import StrEnum
from typing import Annotated, Any

import orjson
import uuid_utils
from fastapi import APIRouter, Depends, Query, Request
from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from services.appraisal.api.access import Approver, Overseer, Proposer
from services.appraisal.api.cycles import find_cycle
from services.appraisal.domain import ladder, ladder_policy
from services.appraisal.domain.cycle import Status, last_day_of
from services.appraisal.domain.ladder import DecideGradeChange, ProposeGradeChange, month_after
from services.appraisal.domain.ladder_policy import LadderTerms, SetLadderPolicy
from services.appraisal.views import grade_change
from services.appraisal.views.grade_change import DueChange, GradeChange
from services.appraisal.views.ladder_policy import policies
from shared.contracts.types import BusinessDate, CentreId, Contract, Id, Text
from shared.infrastructure.auth import Principal
from shared.infrastructure.bank_time import today
from shared.infrastructure.command_desk import accepted
from shared.infrastructure.command_handler import Accepted, Outcome, Submission
from shared.infrastructure.event_store import versions
from shared.infrastructure.http import Commands, Json, PageQuery, commands, encode_cursor, etag, page_of
from shared.infrastructure.receipts import Answer
from shared.kernel.errors import Refusal, Unknown

router = APIRouter(prefix="/v1", tags=["grades"])

Desk = Annotated[Commands, Depends(commands)]


class StepStatus(StrEnum):
    """What became of a proposed step."""

    OPEN = "open"
    APPROVED = "approved"
    REJECTED = "rejected"


class WhoIsMeant(Contract, extra="forbid"):
    """Whose steps are proposed; of all who are due where nobody is named."""

    manager_ids: Annotated[tuple[CentreId, ...], Field(min_length=1, max_length=5_000)] | None = None


class Decision(Contract, extra="forbid"):
    """Why something is approved or rejected, for those who care to say."""

    reason: Text | None = None


@router.put("/ladder-policies/{effective_from}")
async def put_ladder_policy(
    effective_from: BusinessDate, body: LadderTerms, caller: Approver, desk: Desk
) -> Response:
    """Say which ratings move a grade from a day on. The body is the whole policy: what it leaves out is the default. A
    cycle goes by the policy in force on its period's last day."""
    shown = {"effective_from": effective_from, **body.model_dump(mode="json")}
    command = SetLadderPolicy(effective_from, body, today())
    return await desk.submit(caller, ladder_policy.DECIDER, command, lambda _: shown)


@router.get("/ladder-policies")
async def list_ladder_policies(request: Request, page: PageQuery, _: Overseer) -> Response:
    """The policy in force from each day on, beginning with the default."""
    async with request.app.state.database.read() as connection:
        known = await policies(connection)
    named = [("default", LadderTerms()), *((day.isoformat(), one) for day, one in known.by_day.items())]
    shown = [{"effective_from": day, **one.model_dump(mode="json")} for day, one in named]
    return Json(page.of(shown, "effective_from"))


@router.get("/cycles/{cycle_id}/grade-changes")
async def list_due(request: Request, cycle_id: Id, page: PageQuery, _: Overseer) -> Response:
    """Who is due for another grade on account of a closed cycle, on which ground, and whether it is proposed. Refused
    (409) while the cycle is not closed, as its ratings can still change."""
    async with request.app.state.database.snapshot() as connection:
        found = await _due(connection, cycle_id, today())
        proposed = await grade_change.of_cycle(connection, cycle_id)
    items = [{**one.shown(), "proposed": _in_short(proposed.get(one.manager_id))} for one in found]
    return Json(page.of(items, "manager_id"))


def _in_short(change: GradeChange | None) -> dict[str, str] | None:
    return None if change is None else {"change_id": change.change_id, "status": change.status}


async def _due(connection: AsyncConnection, cycle_id: str, day: date) -> list[DueChange]:
    cycle, _ = await find_cycle(connection, cycle_id)
    if cycle.status != Status.CLOSED:
        raise Refusal("cycle-is-closed", "cycle_id", f"the cycle is {cycle.status}: its ratings can change")
    terms = (await policies(connection)).in_force(last_day_of(cycle.period))
    return await grade_change.due_changes(connection, cycle_id, terms, month_after(day))


@router.post("/cycles/{cycle_id}/grade-changes", status_code=202)
async def propose_changes(
    request: Request, cycle_id: Id, caller: Proposer, desk: Desk, body: WhoIsMeant | None = None
) -> Response:
    """Propose the steps that are due (202): all that are not proposed yet, or those of the managers named, who must be
    due (409 `change-is-due`). Another person decides on each."""
    day = today()
    async with request.app.state.database.snapshot() as connection:
        due = await _due(connection, cycle_id, day)
        proposed = await grade_change.of_cycle(connection, cycle_id)
    meant = _meant(due, proposed, body.manager_ids if body else None)
    submissions = [
        Submission(
            ladder.DECIDER,
            ProposeGradeChange(
                change_id=str(uuid_utils.uuid7()),
                manager_id=one.manager_id,
                actor=caller.subject,
                today=day,
                cycle_id=cycle_id,
                grade=one.grade_before,
                due=one.due,
            ),
            desk.origin(caller),
        )
        for one in meant
    ]

    def answer(outcomes: Sequence[Outcome]) -> Answer:
        for outcome in outcomes:
            accepted([outcome])  # the refusal of any is raised
        items = [
            {"change_id": one.command.change_id, "manager_id": one.command.manager_id, "status": "open"}
            for one in submissions
        ]
        return Answer(202, orjson.dumps({"items": items}))

    return await desk.submit_all(caller, submissions, answer)


def _meant(
    due: Sequence[DueChange], proposed: dict[str, GradeChange], named: Sequence[str] | None
) -> list[DueChange]:
    """The steps to propose; of a manager whose step was rejected only where the manager is named."""
    if named is None:
        return [one for one in due if one.manager_id not in proposed]
    by_manager = {one.manager_id: one for one in due}
    for manager_id in named:
        if manager_id not in by_manager:
            raise Refusal("change-is-due", "manager_ids", f"{manager_id} is not due for another grade")
    return [by_manager[manager_id] for manager_id in sorted(set(named))]


@router.get("/grade-changes")
async def list_changes(
    request: Request,
    page: PageQuery,
    _: Overseer,
    status: Annotated[StepStatus | None, Query(description="only steps of this status")] = None,
) -> Response:
    """Steps in the order in which they were proposed, with what the assignment service made of them."""
    [after] = page.after(str) or ("",)
    async with request.app.state.database.read() as connection:
        found = await grade_change.listed(connection, after, page.limit, status)
    following = encode_cursor(found[-1].change_id) if len(found) == page.limit else None
    return Json(page_of([one.shown() for one in found], following))


@router.get("/grade-changes/{change_id}")
async def get_change(request: Request, change_id: Id, _: Overseer) -> Response:
    """One step, with the `ETag` of its manager's ladder."""
    async with request.app.state.database.snapshot() as connection:
        found = await _find(connection, change_id)
        version = (await versions(connection, [found.stream]))[found.stream]
    return Json(found.shown(), headers={"ETag": etag(version)})


@router.post("/grade-changes/{change_id}/approve")
async def approve_change(
    request: Request, change_id: Id, caller: Approver, desk: Desk, body: Decision | None = None
) -> Response:
    """Agree to a step that another person proposed: it counts from the first day of the next month, and the assignment
    service is told. Send `If-Match`: what has changed since is then not approved unseen (412)."""
    return await _decide(request, change_id, caller, desk, body, approve=True)


@router.post("/grade-changes/{change_id}/reject")
async def reject_change(
    request: Request, change_id: Id, caller: Approver, desk: Desk, body: Decision | None = None
) -> Response:
    """Refuse a step that another person proposed."""
    return await _decide(request, change_id, caller, desk, body, approve=False)


async def _find(connection: AsyncConnection, change_id: str) -> GradeChange:
    found = await grade_change.find(connection, change_id)
    if found is None:
        raise Unknown(f"there is no change of grade {change_id}")
    return found


async def _decide(
    request: Request,
    change_id: str,
    caller: Principal,
    desk: Commands,
    body: Decision | None,
    *,
    approve: bool,
) -> Response:
    async with request.app.state.database.read() as connection:
        found = await _find(connection, change_id)
    command = DecideGradeChange(
        change_id=change_id,
        manager_id=found.manager_id,
        actor=caller.subject,
        today=today(),
        approve=approve,
        reason=body.reason if body else None,
    )

    def answer(done: Accepted) -> dict[str, Any]:
        decided = grade_change.decision(done.events[0].fact)
        return {**found.shown(), **decided, "decided_at": done.events[0].recorded_at}

    return await desk.submit(caller, ladder.DECIDER, command, answer)
