"""Satisfaction of customers: what they answered, and what it comes to for a manager."""

from typing import Annotated, Any

import uuid_utils
from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from services.assignment.api.access import Assigner, no_manager
from services.assignment.api.past import PastDay
from services.assignment.api.record import (
    CareReader,
    check_care,
    check_cared_for,
    reading_manager,
    shown,
)
from services.assignment.domain.care import survey as surveys
from services.assignment.domain.care.survey import SurveyCustomer
from services.assignment.domain.record import Note
from services.assignment.views import manager as manager_view
from services.assignment.views.care import survey as survey_view
from shared.contracts import assignment as contract
from shared.contracts.assignment.care import Score
from shared.contracts.types import BusinessDate, Contract, Id
from shared.infrastructure.bank_time import today
from shared.infrastructure.command_handler import Accepted
from shared.infrastructure.http import Commands, Json, PageQuery, commands, encode_cursor, page_of
from shared.infrastructure.http.problems import malformed

router = APIRouter(prefix="/v1", tags=["surveys"])


class NewSurvey(Contract):
    """What a customer answered: 1 not content at all, 5 entirely."""

    score: Score
    surveyed_on: BusinessDate
    comment: Note | None = None


@router.post("/customers/{customer_id}/surveys", status_code=201)
async def survey_customer(
    request: Request,
    customer_id: Id,
    body: NewSurvey,
    caller: Assigner,
    desk: Annotated[Commands, Depends(commands)],
) -> Response:
    """Record what a customer answered, for the manager with the largest share on that day, if there is one.

    The answer is without the comment, as answers are kept for `Idempotency-Key`.
    """
    await check_care(request.app.state.database, None, customer_id)
    command = SurveyCustomer(
        survey_id=str(uuid_utils.uuid7()),
        customer_id=customer_id,
        score=body.score,
        surveyed_on=body.surveyed_on,
        recorded_by=caller.subject,
        today=today(),
        comment=body.comment,
    )
    return await desk.submit(caller, surveys.DECIDER, command, _recorded, 201)


def _recorded(accepted: Accepted) -> dict[str, Any]:
    [event] = accepted.events
    assert isinstance(event.fact, surveys.CustomerSurveyed)  # nothing else comes of a survey
    return event.fact.model_dump(mode="json", include=set(contract.CustomerSurveyed.model_fields))


@router.get("/customers/{customer_id}/surveys")
async def list_surveys(
    request: Request, customer_id: Id, page: PageQuery, caller: CareReader, as_of: PastDay = None
) -> Response:
    """A customer's surveys in the order in which they were recorded; all, or until the end of a day. A comment is null
    for whom it is not."""
    [after] = page.after(str) or ("",)
    async with request.app.state.database.snapshot() as connection:
        await check_cared_for(connection, reading_manager(caller), customer_id)
        found = await survey_view.listed(connection, customer_id, after, page.limit, as_of)
        items = await shown(connection, caller, found)
    return Json(page_of(items, encode_cursor(found[-1].survey_id) if len(found) == page.limit else None))


@router.get("/managers/{manager_id}/satisfaction")
async def get_satisfaction(
    request: Request,
    manager_id: Id,
    caller: CareReader,
    first: Annotated[BusinessDate, Query(alias="from", description="YYYY-MM-DD, the first day")],
    last: Annotated[BusinessDate, Query(alias="to", description="YYYY-MM-DD, the last day")],
) -> Response:
    """How many surveys concern a manager, and the mean of their scores to two places; null without any.

    A manager sees the own.
    """
    if reading_manager(caller) not in (None, manager_id):
        raise no_manager(manager_id)
    if last < first:
        raise malformed("to", f"must not lie before {first}, where the time begins")
    async with request.app.state.database.snapshot() as connection:
        if not await manager_view.known(connection, [manager_id]):
            raise no_manager(manager_id)
        found = await survey_view.satisfaction(connection, manager_id, first, last)
    return Json({**found, "from": first, "to": last})
