"""Visits to customers: those made, and those that are due."""

from typing import Annotated, Any

import uuid_utils
from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from services.assignment.api.access import no_manager
from services.assignment.api.past import PastDay
from services.assignment.api.record import (
    OFFICE,
    Carer,
    CareReader,
    acting_manager,
    check_care,
    check_cared_for,
    reading_manager,
    shown,
    writing_manager,
)
from services.assignment.domain.care import visit as visits
from services.assignment.domain.care.visit import MakeVisit, VisitKind
from services.assignment.domain.record import Note
from services.assignment.views import manager as manager_view
from services.assignment.views.care import due as due_view
from services.assignment.views.care import visit as visit_view
from services.assignment.views.policy import policies
from shared.contracts import assignment as contract
from shared.contracts.types import BusinessDate, CentreId, Contract, Id
from shared.infrastructure.bank_time import today
from shared.infrastructure.command_handler import Accepted
from shared.infrastructure.http import Commands, Json, PageQuery, commands, encode_cursor, page_of

router = APIRouter(prefix="/v1", tags=["visits"])


class NewVisit(Contract):
    """A visit to record. ``manager_id`` is for the office; a manager's visits are the manager's own."""

    visited_on: BusinessDate
    kind: VisitKind
    note: Note
    revisit_on: BusinessDate | None = None
    manager_id: CentreId | None = None


@router.post("/customers/{customer_id}/visits", status_code=201)
async def make_visit(
    request: Request,
    customer_id: Id,
    body: NewVisit,
    caller: Carer,
    desk: Annotated[Commands, Depends(commands)],
) -> Response:
    """Record a visit. The answer is without the note, as answers are kept for `Idempotency-Key`."""
    own = writing_manager(caller, *OFFICE)
    await check_care(request.app.state.database, own, customer_id)
    particulars = contract.VisitMade(
        visit_id=str(uuid_utils.uuid7()),
        customer_id=customer_id,
        manager_id=acting_manager(caller, own, body.manager_id),
        visited_on=body.visited_on,
        kind=body.kind.value,
        revisit_on=body.revisit_on,
    )

    def answer(_: Accepted) -> dict[str, Any]:
        return particulars.model_dump(mode="json")

    return await desk.submit(caller, visits.DECIDER, MakeVisit(particulars, body.note, today()), answer, 201)


@router.get("/customers/{customer_id}/visits")
async def list_visits(
    request: Request, customer_id: Id, page: PageQuery, caller: CareReader, as_of: PastDay = None
) -> Response:
    """A customer's visits in the order in which they were recorded; all, or until the end of a day. A note is null for
    whom it is not."""
    [after] = page.after(str) or ("",)
    async with request.app.state.database.snapshot() as connection:
        await check_cared_for(connection, reading_manager(caller), customer_id)
        found = await visit_view.listed(connection, customer_id, after, page.limit, as_of)
        items = await shown(connection, caller, found)
    return Json(page_of(items, encode_cursor(found[-1].visit_id) if len(found) == page.limit else None))


@router.get("/visits/due")
async def list_due_visits(
    request: Request,
    page: PageQuery,
    caller: CareReader,
    manager_id: Annotated[Id | None, Query(description="only whom this manager answers for")] = None,
    by: Annotated[BusinessDate | None, Query(description="YYYY-MM-DD, today if left out")] = None,
) -> Response:
    """Visits due by a day and not made by then, customer by customer, under the policy of that day and by the tiers
    that customers had. A manager sees the own.

    `manager_id` is who has the largest share of the customer on that day.
    """
    own = reading_manager(caller)
    if own is not None and manager_id not in (None, own):
        raise no_manager(manager_id or "")
    day, wanted = by or today(), own or manager_id
    after = page.after(str, str, str) or ("", "", "")
    async with request.app.state.database.snapshot() as connection:
        if wanted is not None and not await manager_view.known(connection, [wanted]):
            raise no_manager(wanted)
        policy = (await policies(connection)).in_force(day)
        found = await due_view.due_visits(
            connection, policy, day, manager_id=wanted, after=after, limit=page.limit, past=day < today()
        )
    following = None
    if len(found) == page.limit:
        following = encode_cursor(found[-1].customer_id, found[-1].kind, found[-1].item_id)
    return Json(page_of([one.shown(day) for one in found], following))
