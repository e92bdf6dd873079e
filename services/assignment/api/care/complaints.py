"""Complaints of customers: who is to answer them, by when, and whether the customer is satisfied."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Any

import uuid_utils
from fastapi import APIRouter, Depends, Query, Request
from pydantic import StrictBool
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from services.assignment.api.access import Assigner
from services.assignment.api.past import Past, PastDay, one_page, state_as_of
from services.assignment.api.record import (
    OFFICE,
    Carer,
    CareReader,
    check_care,
    reading_manager,
    shown,
    writing_manager,
)
from services.assignment.domain.care import complaint as complaints
from services.assignment.domain.care.complaint import (
    AnswerComplaint,
    AssignComplaint,
    Channel,
    ConfirmComplaint,
    ReceiveComplaint,
    Status,
)
from services.assignment.domain.record import Note
from services.assignment.views.care import complaint as complaint_view
from services.assignment.views.care.complaint import COMPLAINTS, Complaint, Wanted
from shared.contracts import assignment as contract
from shared.contracts.types import BusinessDate, CentreId, Contract, Id
from shared.infrastructure.auth import Principal
from shared.infrastructure.bank_time import today
from shared.infrastructure.command_handler import Accepted
from shared.infrastructure.database import Database
from shared.infrastructure.event_store import versions
from shared.infrastructure.http import Commands, Json, PageQuery, commands, etag, page_of
from shared.kernel.errors import Unknown

router = APIRouter(prefix="/v1", tags=["complaints"])


class NewComplaint(Contract):
    """A complaint to record."""

    received_on: BusinessDate
    channel: Channel
    text: Note


class Assignee(Contract):
    """Who is to answer."""

    manager_id: CentreId


class ComplaintAnswer(Contract):
    """What the customer was told, and when."""

    text: Note
    answered_on: BusinessDate


class Confirmation(Contract):
    """What the customer says of the answer, and when."""

    satisfied: StrictBool
    confirmed_on: BusinessDate


@router.post("/customers/{customer_id}/complaints", status_code=201)
async def receive_complaint(
    request: Request,
    customer_id: Id,
    body: NewComplaint,
    caller: Carer,
    desk: Annotated[Commands, Depends(commands)],
) -> Response:
    """Record a complaint; `due_on` is by when it must be answered. The answer is without the text."""
    await check_care(request.app.state.database, writing_manager(caller, *OFFICE), customer_id)
    command = ReceiveComplaint(
        complaint_id=str(uuid_utils.uuid7()),
        customer_id=customer_id,
        today=today(),
        received_on=body.received_on,
        channel=body.channel,
        text=body.text,
    )

    def answer(accepted: Accepted) -> dict[str, Any]:
        return _said(accepted, contract.ComplaintReceived, Status.RECEIVED)

    return await desk.submit(caller, complaints.DECIDER, command, answer, 201)


@router.post("/complaints/{complaint_id}/assign")
async def assign_complaint(
    request: Request,
    complaint_id: Id,
    body: Assignee,
    caller: Assigner,
    desk: Annotated[Commands, Depends(commands)],
) -> Response:
    """Have a manager answer the complaint; it may go to another one until it is answered."""
    found = await _look(request.app.state.database, caller, complaint_id)
    command = AssignComplaint(
        complaint_id=complaint_id, customer_id=found.customer_id, today=today(), manager_id=body.manager_id
    )
    said = {"complaint_id": complaint_id, "customer_id": found.customer_id, "manager_id": body.manager_id}
    return await desk.submit(
        caller, complaints.DECIDER, command, lambda _: {**said, "status": Status.ASSIGNED}
    )


@router.post("/complaints/{complaint_id}/answer")
async def answer_complaint(
    request: Request,
    complaint_id: Id,
    body: ComplaintAnswer,
    caller: Carer,
    desk: Annotated[Commands, Depends(commands)],
) -> Response:
    """Answer the complaint, as the manager assigned or for them. The answer here is without the text."""
    found = await _look(request.app.state.database, caller, complaint_id)
    command = AnswerComplaint(
        complaint_id=complaint_id,
        customer_id=found.customer_id,
        today=today(),
        answered_on=body.answered_on,
        answered_by=caller.subject,
        manager_id=writing_manager(caller, *OFFICE),
        text=body.text,
    )

    def answer(accepted: Accepted) -> dict[str, Any]:
        return _said(accepted, contract.ComplaintAnswered, Status.ANSWERED)

    return await desk.submit(caller, complaints.DECIDER, command, answer)


@router.post("/complaints/{complaint_id}/confirm")
async def confirm_complaint(
    request: Request,
    complaint_id: Id,
    body: Confirmation,
    caller: Assigner,
    desk: Annotated[Commands, Depends(commands)],
) -> Response:
    """Say what the customer thinks of the answer; not satisfied, it is open again with another deadline."""
    found = await _look(request.app.state.database, caller, complaint_id)
    command = ConfirmComplaint(
        complaint_id=complaint_id,
        customer_id=found.customer_id,
        today=today(),
        satisfied=body.satisfied,
        confirmed_on=body.confirmed_on,
        confirmed_by=caller.subject,
    )

    def answer(accepted: Accepted) -> dict[str, Any]:
        status = Status.CONFIRMED if body.satisfied else Status.ASSIGNED
        return _said(accepted, contract.ComplaintConfirmed, status)

    return await desk.submit(caller, complaints.DECIDER, command, answer)


@router.get("/complaints")
async def list_complaints(
    request: Request,
    page: PageQuery,
    caller: CareReader,
    as_of: PastDay = None,
    status: Annotated[Status | None, Query(description="only complaints of this status")] = None,
    manager_id: Annotated[Id | None, Query(description="only those for this manager to answer")] = None,
    customer_id: Annotated[Id | None, Query(description="only those of this customer")] = None,
    overdue: Annotated[bool | None, Query(description="only those unanswered beyond their deadline")] = None,
) -> Response:
    """Complaints in the order in which they were recorded, now or as of a day, by which `overdue` is judged. A manager
    sees those to answer, and those of the customers looked after today; texts are null for whom they are not."""
    [after] = page.after(str) or ("",)
    own = reading_manager(caller)
    wanted = Wanted(as_of or today(), status, manager_id, customer_id, overdue)
    async with request.app.state.database.snapshot() as connection:
        look, past = partial(complaint_view.listed, connection, own, today(), wanted), None
        if as_of is not None:
            look = partial(complaint_view.listed, connection, own, today(), wanted.lasting)
            past = Past(partial(COMPLAINTS.as_of, connection, day=as_of), wanted.fits)
        found = await one_page(look, _place, after, page.limit, past)
        items = await shown(connection, caller, found.rows, _to_answer(caller, found.present))
    return Json(page_of(items, found.cursor))


def _place(complaint: Complaint) -> str:
    return complaint.complaint_id


@router.get("/complaints/{complaint_id}")
async def get_complaint(
    request: Request, complaint_id: Id, caller: CareReader, as_of: PastDay = None
) -> Response:
    """One complaint, now or as of a day, with its `ETag`."""
    async with request.app.state.database.snapshot() as connection:
        found = await _find(connection, caller, complaint_id)
        version = (await versions(connection, [found.stream]))[found.stream]
        concerns = _to_answer(caller, [found])
        if as_of is not None:
            missing = _no_complaint(complaint_id)
            found = await state_as_of(connection, COMPLAINTS, found.stream, as_of, missing)
        [item] = await shown(connection, caller, [found], concerns)
    return Json(item, headers={"ETag": etag(version)})


def _to_answer(caller: Principal, present: Sequence[Complaint]) -> Callable[[Complaint], bool]:
    """Whether the caller is the manager who is to answer a complaint now, and so must know what it says."""
    mine = {one.complaint_id for one in present if one.manager_id == caller.manager}
    return lambda complaint: caller.manager is not None and complaint.complaint_id in mine


async def _look(database: Database, caller: Principal, complaint_id: str) -> Complaint:
    """A complaint; raises Unknown for one that is not there, or not the caller's to see."""
    async with database.read() as connection:
        return await _find(connection, caller, complaint_id)


async def _find(connection: AsyncConnection, caller: Principal, complaint_id: str) -> Complaint:
    """The same, in a snapshot that is there already."""
    found = await complaint_view.find(connection, complaint_id, reading_manager(caller), today())
    if found is None:
        raise _no_complaint(complaint_id)
    return found


def _no_complaint(complaint_id: str) -> Unknown:
    return Unknown(f"there is no complaint {complaint_id}")


def _said(accepted: Accepted, public: type[Contract], status: Status) -> dict[str, Any]:
    """What an event says in public, and the status that the complaint has by it."""
    [event] = accepted.events
    assert isinstance(event.fact, public)  # nothing else comes of the command
    return {**event.fact.model_dump(mode="json", include=set(public.model_fields)), "status": status}
