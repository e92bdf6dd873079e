"""What happens to a manager between being hired and departure: one route an event."""

from typing import Annotated, Any

import orjson
import uuid_utils
from fastapi import APIRouter, Depends, Request
from pydantic import model_validator
from starlette.responses import Response

from services.assignment.api.access import Appellant, Approver, Assigner, check_on_record, check_own
from services.assignment.api.proposals import propose
from services.assignment.domain import manager as managers
from services.assignment.domain.grade import Grade
from services.assignment.domain.manager import ChangeGrade, TellOfManager, Told
from services.assignment.domain.proposal import Kind
from shared.contracts.assignment import (
    ConfidentialitySigned,
    DepartureReason,
    DisciplineAppealDecided,
    DisciplineAppealed,
    GradeGround,
    ManagerConfirmed,
    ManagerDeparted,
    ManagerDisciplined,
    ManagerReturned,
    ManagerTransferred,
    ManagerWentOnLeave,
    Measure,
    QualificationKind,
    QualificationRecorded,
    TrainingTaken,
)
from shared.contracts.assignment.managers import Hours
from shared.contracts.types import Amount, BusinessDate, Contract, Id, Text
from shared.infrastructure.auth import Principal, Role
from shared.infrastructure.bank_time import today
from shared.infrastructure.command_handler import Accepted
from shared.infrastructure.http import Commands, commands
from shared.kernel.errors import Malformed

router = APIRouter(prefix="/v1/managers/{manager_id}", tags=["careers"])

Desk = Annotated[Commands, Depends(commands)]


class Undertaking(Contract):
    """When the confidentiality undertaking was signed."""

    signed_on: BusinessDate


class Confirmation(Contract):
    """From when on the manager is no longer on probation."""

    confirmed_on: BusinessDate


class Transfer(Contract):
    """Where the manager belongs from a day on."""

    branch_id: Id
    team_id: Id | None = None
    effective_from: BusinessDate
    reason: Text


class Leave(Contract):
    """From when on the manager is away."""

    effective_from: BusinessDate
    reason: Text


class Return(Contract):
    """The first day on which the manager is at work again."""

    returned_on: BusinessDate


class Departure(Contract):
    """The first day on which the manager is no longer one."""

    departed_on: BusinessDate
    reason: DepartureReason


class Qualification(Contract):
    """What the manager has obtained."""

    kind: QualificationKind
    name: Id
    obtained_on: BusinessDate
    expires_on: BusinessDate | None = None


class Training(Contract):
    """A course that the manager took."""

    course: Text
    hours: Hours
    taken_on: BusinessDate


class NewGrade(Contract):
    """The grade from a day on. With ``override_reason`` it is asked for although requirements are not met."""

    grade: Grade
    effective_from: BusinessDate
    ground: GradeGround
    reference: Text
    override_reason: Text | None = None


class NewDiscipline(Contract):
    """A disciplinary measure, to be approved by another person."""

    measure: Measure
    ground: Text
    effective_from: BusinessDate
    ends_on: BusinessDate | None = None
    amount: Amount | None = None

    @model_validator(mode="after")
    def _fits(self) -> "NewDiscipline":
        if (self.measure is Measure.FINE) != (self.amount is not None):
            raise Malformed("amount belongs to a fine, and to nothing else")
        return self


class Appeal(Contract):
    """Why the manager objects."""

    grounds: Text


class AppealDecision(Contract):
    """Whether the measure stands."""

    upheld: bool
    reason: Text


def _shown(accepted: Accepted) -> Any:
    return orjson.loads(accepted.events[0].data)


async def _tell(desk: Commands, caller: Principal, told: Told) -> Response:
    """Record it, and answer with the event."""
    command = TellOfManager(told, today(), caller.subject)
    return await desk.submit(caller, managers.DECIDER, command, _shown, 201)


@router.post("/confidentiality", status_code=201)
async def sign_confidentiality(manager_id: Id, body: Undertaking, caller: Assigner, desk: Desk) -> Response:
    """The confidentiality undertaking was signed: from then on the manager may have customers."""
    return await _tell(desk, caller, ConfidentialitySigned(manager_id=manager_id, **body.model_dump()))


@router.post("/confirmation", status_code=201)
async def confirm_manager(manager_id: Id, body: Confirmation, caller: Assigner, desk: Desk) -> Response:
    """Probation is passed; it lasts as long as the policy of the day of hiring says (409 before)."""
    return await _tell(desk, caller, ManagerConfirmed(manager_id=manager_id, **body.model_dump()))


@router.post("/transfers", status_code=201)
async def transfer_manager(manager_id: Id, body: Transfer, caller: Assigner, desk: Desk) -> Response:
    """The manager belongs to another branch or team from a day on; customers stay until they are handed over."""
    return await _tell(desk, caller, ManagerTransferred(manager_id=manager_id, **body.model_dump()))


@router.post("/leaves", status_code=201)
async def begin_leave(manager_id: Id, body: Leave, caller: Assigner, desk: Desk) -> Response:
    """The manager is away: no new customers until the return."""
    return await _tell(desk, caller, ManagerWentOnLeave(manager_id=manager_id, **body.model_dump()))


@router.post("/return", status_code=201)
async def return_manager(manager_id: Id, body: Return, caller: Assigner, desk: Desk) -> Response:
    """The manager is at work again."""
    return await _tell(desk, caller, ManagerReturned(manager_id=manager_id, **body.model_dump()))


@router.post("/departure", status_code=201)
async def depart(manager_id: Id, body: Departure, caller: Approver, desk: Desk) -> Response:
    """The manager leaves the bank; refused (409) as long as customers are still assigned on that day or later."""
    return await _tell(desk, caller, ManagerDeparted(manager_id=manager_id, **body.model_dump()))


@router.post("/qualifications", status_code=201)
async def record_qualification(manager_id: Id, body: Qualification, caller: Assigner, desk: Desk) -> Response:
    """Education, certificate or exam; or `experience`, whose `obtained_on` is the first day in banking."""
    return await _tell(desk, caller, QualificationRecorded(manager_id=manager_id, **body.model_dump()))


@router.post("/trainings", status_code=201)
async def record_training(manager_id: Id, body: Training, caller: Assigner, desk: Desk) -> Response:
    """A course was taken."""
    return await _tell(desk, caller, TrainingTaken(manager_id=manager_id, **body.model_dump()))


@router.post(
    "/grades",
    status_code=201,
    responses={202: {"description": "Requirements are to be overridden: proposed for an approver"}},
)
async def change_grade(
    request: Request, manager_id: Id, body: NewGrade, caller: Assigner, desk: Desk
) -> Response:
    """Give the manager another grade; a higher one only if its requirements are met on that day (409 names those
    that are not). With `override_reason` it becomes a proposal (202) that another person approves."""
    if body.override_reason is not None:
        await check_on_record(request.app.state.database, manager_id)
        content = {"manager_id": manager_id, **body.model_dump(mode="json")}
        return await propose(desk, caller, Kind.GRADE, manager_id, content, frozenset({manager_id}))
    command = ChangeGrade(manager_id, body.grade, body.effective_from, body.ground, body.reference)
    return await desk.submit(caller, managers.DECIDER, command, _shown, 201)


@router.post("/disciplines", status_code=202)
async def propose_discipline(
    request: Request, manager_id: Id, body: NewDiscipline, caller: Assigner, desk: Desk
) -> Response:
    """Propose a disciplinary measure (202); it takes effect when another person approves."""
    await check_on_record(request.app.state.database, manager_id)
    measure = ManagerDisciplined(
        manager_id=manager_id, discipline_id=str(uuid_utils.uuid7()), **body.model_dump()
    )
    content = orjson.loads(measure.to_json())
    return await propose(desk, caller, Kind.DISCIPLINE, manager_id, content, frozenset({manager_id}))


@router.post("/disciplines/{discipline_id}/appeal", status_code=201)
async def appeal(manager_id: Id, discipline_id: Id, body: Appeal, caller: Appellant, desk: Desk) -> Response:
    """The manager objects to a measure, once; or the office says so for them."""
    check_own(caller, manager_id, Role.ASSIGNER, Role.APPROVER)
    told = DisciplineAppealed(
        manager_id=manager_id, discipline_id=discipline_id, grounds=body.grounds, business_date=today()
    )
    return await _tell(desk, caller, told)


@router.post("/disciplines/{discipline_id}/appeal/decision", status_code=201)
async def decide_appeal(
    manager_id: Id, discipline_id: Id, body: AppealDecision, caller: Approver, desk: Desk
) -> Response:
    """Decide on an appeal: a measure that is not upheld counts as if it had never been. Not by whoever proposed or
    approved the measure."""
    told = DisciplineAppealDecided(
        manager_id=manager_id, discipline_id=discipline_id, **body.model_dump(), business_date=today()
    )
    return await _tell(desk, caller, told)
