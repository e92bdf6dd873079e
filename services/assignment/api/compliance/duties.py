"""Duties: what must be done for customers by a day, and saying that it was."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from services.assignment.api.past import Past, PastDay, of_status, one_page, state_as_of
from services.assignment.api.record import CareReader, reading_manager, shown, writing_manager
from services.assignment.domain.compliance import duty as duties
from services.assignment.domain.compliance.duty import DoDuty
from services.assignment.domain.record import Note
from services.assignment.views import portfolio
from services.assignment.views.compliance import duty as duty_view
from services.assignment.views.compliance.duty import DUTIES, Duty, Wanted
from shared.contracts import assignment as contract
from shared.contracts.assignment import DutyKind
from shared.contracts.types import BusinessDate, Contract, Id
from shared.infrastructure.auth import Principal, Role, allow
from shared.infrastructure.bank_time import today
from shared.infrastructure.command_handler import Accepted
from shared.infrastructure.event_store import versions
from shared.infrastructure.http import (
    Commands,
    Json,
    Page,
    PageQuery,
    commands,
    etag,
    malformed,
    page_of,
)
from shared.kernel.errors import Unknown

router = APIRouter(prefix="/v1/duties", tags=["duties"])

Doer = Annotated[Principal, Depends(allow(Role.MANAGER, Role.APPROVER))]
"""A caller who may say that a duty was done: the responsible manager, or an approver."""


class Status(StrEnum):
    """What became of a duty; one that was breached stays so when it is done after all."""

    OPEN = "open"
    DONE = "done"
    BREACHED = "breached"


class Done(Contract):
    """When a duty was done, and what is to be said of it."""

    done_on: BusinessDate
    note: Note | None = None


@dataclass(frozen=True, slots=True)
class _Row:
    """A duty, and who is responsible for its customer on the day."""

    duty: Duty
    responsible: str | None

    @property
    def customer_id(self) -> str:
        return self.duty.customer_id

    @property
    def written(self) -> Sequence[str]:
        return self.duty.written

    def shown(self, texts: Mapping[str, str]) -> dict[str, object]:
        return self.duty.shown(self.responsible, texts)


async def _shown(
    connection: AsyncConnection, caller: Principal, found: Sequence[Duty], day: date
) -> list[dict[str, object]]:
    leads = await portfolio.leads(connection, {one.customer_id for one in found}, day)
    return await shown(connection, caller, [_Row(one, leads.get(one.customer_id)) for one in found])


@router.get("")
async def list_duties(
    request: Request,
    page: PageQuery,
    caller: CareReader,
    as_of: PastDay = None,
    status: Annotated[Status | None, Query(description="only duties of this status")] = None,
    kind: Annotated[DutyKind | None, Query(description="only duties of this kind")] = None,
    manager_id: Annotated[
        Id | None, Query(description="only those this manager answers for on the day")
    ] = None,
    customer_id: Annotated[Id | None, Query(description="only those of this customer")] = None,
    due_by: Annotated[BusinessDate | None, Query(description="only those due by this day")] = None,
) -> Response:
    """Duties by the day on which they fall due, now or as of a day. A manager sees those of customers looked after
    today.

    ``manager_id`` of a duty is who answers for the customer on the day, or did when it was done; ``breach`` says who
    did on the day it was due. A breach counts from the end of the due day on.
    """
    wanted, own = Wanted(status, kind, manager_id, customer_id, due_by), reading_manager(caller)
    async with request.app.state.database.snapshot() as connection:
        look, past = partial(duty_view.listed, connection, wanted, own, today()), None
        if as_of is not None:
            look = partial(duty_view.listed, connection, wanted.lasting, own, today())
            past = Past(partial(duty_view.as_of, connection, wanted, as_of), of_status(status))
        found = await one_page(look, _place, _after(page), page.limit, past)
        items = await _shown(connection, caller, found.rows, as_of or today())
    return Json(page_of(items, found.cursor))


def _place(duty: Duty) -> tuple[date, str]:
    return duty.due_on, duty.duty_id


def _after(page: Page) -> tuple[date, str]:
    """The place after which a page begins."""
    day, duty_id = page.after(str, str) or (date.min.isoformat(), "")
    try:
        return date.fromisoformat(day), duty_id
    except ValueError:
        raise malformed("cursor", "is not the `next` of a page of this list") from None


@router.get("/{duty_id}")
async def get_duty(request: Request, duty_id: Id, caller: CareReader, as_of: PastDay = None) -> Response:
    """One duty, now or as of a day, with its `ETag`."""
    async with request.app.state.database.snapshot() as connection:
        found = await _find(connection, reading_manager(caller), duty_id)
        if as_of is not None:
            found = await state_as_of(connection, DUTIES, found.stream, as_of, _no_duty(duty_id))
        version = (await versions(connection, [found.stream]))[found.stream]
        [item] = await _shown(connection, caller, [found], as_of or today())
    return Json(item, headers={"ETag": etag(version)})


async def _find(connection: AsyncConnection, own: str | None, duty_id: str) -> Duty:
    """Raises Unknown for a duty that is not there, or concerns a customer whom ``own`` looks after not today."""
    found = await duty_view.find(connection, duty_id)
    customer_id = "" if found is None else found.customer_id
    held = own is None or await portfolio.held(connection, own, [customer_id], today())
    if found is None or not held:
        raise _no_duty(duty_id)
    return found


def _no_duty(duty_id: str) -> Unknown:
    return Unknown(f"there is no duty {duty_id}")


@router.post("/{duty_id}/done")
async def do_duty(
    request: Request,
    duty_id: Id,
    body: Done,
    caller: Doer,
    desk: Annotated[Commands, Depends(commands)],
) -> Response:
    """Say that a duty was done, in time or late. A duty to review a customer is done by the review alone.

    The answer is without the note, as answers are kept for `Idempotency-Key`.
    """
    own = writing_manager(caller, Role.APPROVER)
    async with request.app.state.database.snapshot() as connection:
        found = await _find(connection, own, duty_id)
    command = DoDuty(duty_id, found.customer_id, body.done_on, today(), own, body.note)
    return await desk.submit(caller, duties.DECIDER, command, _done)


def _done(accepted: Accepted) -> dict[str, Any]:
    fact = accepted.events[-1].fact
    assert isinstance(fact, duties.DutyDone)  # what doing a duty ends with
    return fact.model_dump(mode="json", include=set(contract.DutyDone.model_fields))
