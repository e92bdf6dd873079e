"""Market feedback: what managers tell product departments, and what these answer."""

from collections.abc import Callable
from enum import StrEnum
from functools import partial
from typing import Annotated

import uuid_utils
from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from services.assignment.api.past import Past, PastDay, of_status, one_page
from services.assignment.api.record import (
    OFFICE,
    SEES_ALL,
    Carer,
    ManyReader,
    check_care,
    shown,
    writing_manager,
)
from services.assignment.domain.care import feedback as feedbacks
from services.assignment.domain.care.feedback import AnswerFeedback, GiveFeedback
from services.assignment.domain.record import Note
from services.assignment.views.care import feedback as feedback_view
from services.assignment.views.care.feedback import FEEDBACK, Feedback, Scope
from shared.contracts.types import CentreId, Contract, Id, Text
from shared.infrastructure.auth import Principal, Role, allow
from shared.infrastructure.bank_time import today
from shared.infrastructure.http import Commands, Json, PageQuery, commands, page_of
from shared.kernel.errors import Unknown

router = APIRouter(prefix="/v1/feedback", tags=["feedback"])

Head = Annotated[Principal, Depends(allow(Role.DEPARTMENT_HEAD))]


class FeedbackStatus(StrEnum):
    """How far feedback has come."""

    OPEN = "open"
    ANSWERED = "answered"


class NewFeedback(Contract):
    """What to tell a department; with a customer's id if it is about one."""

    department_id: CentreId
    subject: Text
    text: Note
    customer_id: Id | None = None


class FeedbackAnswer(Contract):
    """What the department says to it."""

    text: Note


@router.post("", status_code=201)
async def give_feedback(
    request: Request, body: NewFeedback, caller: Carer, desk: Annotated[Commands, Depends(commands)]
) -> Response:
    """Tell a department something. The answer is without texts, as answers are kept for `Idempotency-Key`."""
    if body.customer_id is not None:
        await check_care(request.app.state.database, writing_manager(caller, *OFFICE), body.customer_id)
    command = GiveFeedback(
        feedback_id=str(uuid_utils.uuid7()),
        department_id=body.department_id,
        customer_id=body.customer_id,
        given_by=caller.subject,
        today=today(),
        subject=body.subject,
        text=body.text,
    )
    said = {
        "feedback_id": command.feedback_id,
        "department_id": command.department_id,
        "customer_id": command.customer_id,
        "given_by": command.given_by,
        "status": FeedbackStatus.OPEN,
    }
    return await desk.submit(caller, feedbacks.DECIDER, command, lambda _: said, 201)


@router.post("/{feedback_id}/answer")
async def answer_feedback(
    request: Request,
    feedback_id: Id,
    body: FeedbackAnswer,
    caller: Head,
    desk: Annotated[Commands, Depends(commands)],
) -> Response:
    """Answer feedback as the head of the department that got it. The answer here is without the text."""
    async with request.app.state.database.snapshot() as connection:
        scope = Scope(caller.has(Role.ADMIN), department_id=caller.department)
        found = await feedback_view.find(connection, feedback_id, scope)
    if found is None:
        raise Unknown(f"there is no feedback {feedback_id}")
    command = AnswerFeedback(
        feedback_id, found.key, found.customer_id, caller.subject, today(), text=body.text
    )
    said = {
        "feedback_id": feedback_id,
        "department_id": found.department_id,
        "answered_by": caller.subject,
        "status": FeedbackStatus.ANSWERED,
    }
    return await desk.submit(caller, feedbacks.DECIDER, command, lambda _: said)


@router.get("")
async def list_feedback(
    request: Request,
    page: PageQuery,
    caller: ManyReader,
    as_of: PastDay = None,
    department_id: Annotated[Id | None, Query(description="only what this department got")] = None,
    status: Annotated[FeedbackStatus | None, Query(description="only feedback of this status")] = None,
) -> Response:
    """Feedback in the order in which it was given, now or as of a day: a manager's own, a department head's own
    department's, or all. Texts about a customer are null for whom they are not."""
    [after] = page.after(str) or ("",)
    scope = Scope(caller.has(*SEES_ALL), caller.manager, caller.department)
    async with request.app.state.database.snapshot() as connection:
        look, past = partial(feedback_view.listed, connection, scope, department_id, status), None
        if as_of is not None:
            look = partial(feedback_view.listed, connection, scope, department_id, None)
            past = Past(partial(FEEDBACK.as_of, connection, day=as_of), of_status(status))
        found = await one_page(look, _place, after, page.limit, past)
        items = await shown(connection, caller, found.rows, _between(caller))
    return Json(page_of(items, found.cursor))


def _place(feedback: Feedback) -> str:
    return feedback.feedback_id


def _between(caller: Principal) -> Callable[[Feedback], bool]:
    """Whether feedback was given by the caller, or to the caller's department."""

    def concerns(feedback: Feedback) -> bool:
        addressed = caller.department is not None and feedback.department_id == caller.department
        return addressed or feedback.given_by == caller.subject

    return concerns
