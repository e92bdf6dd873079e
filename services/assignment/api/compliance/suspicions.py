"""Suspicious transaction reports: made by whoever notices something, decided on by approvers, seen by nobody else."""

from collections.abc import Sequence
from enum import StrEnum
from functools import partial
from typing import Annotated, Any

import uuid_utils
from fastapi import APIRouter, Depends, Query, Request
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from services.assignment.api.access import Approver
from services.assignment.api.past import Past, PastDay, of_status, one_page, state_as_of
from services.assignment.api.record import OFFICE, Carer, CareReader, check_care, writing_manager
from services.assignment.domain.compliance import suspicion as suspicions
from services.assignment.domain.compliance.suspicion import DecideSuspicion, Decision, ReportSuspicion
from services.assignment.domain.record import Note, customer_stream
from services.assignment.views.compliance import suspicion as suspicion_view
from services.assignment.views.compliance.suspicion import SUSPICIONS, Suspicion
from services.assignment.views.record import open_texts
from shared.contracts.types import BusinessDate, Contract, Id
from shared.infrastructure.auth import Principal, Role
from shared.infrastructure.bank_time import today
from shared.infrastructure.command_handler import Accepted
from shared.infrastructure.event_store import versions
from shared.infrastructure.http import Commands, Json, PageQuery, commands, etag, page_of
from shared.kernel.errors import Unknown

router = APIRouter(prefix="/v1", tags=["suspicions"])

SEES_ALL = (Role.APPROVER, Role.AUDITOR)
"""Who sees all suspicions; anybody else those that they reported."""


class NewSuspicion(Contract):
    """What was noticed, and when."""

    observed_on: BusinessDate
    text: Note


class Verdict(Contract):
    """Whether it is reported to the authority, under which reference, and why or why not."""

    decision: Decision
    reference: Id | None = None
    reason: Note


class Status(StrEnum):
    """What became of a suspicion."""

    OPEN = "open"
    REPORTED = "reported"
    DISMISSED = "dismissed"


def _own(caller: Principal) -> str | None:
    """Whose reports alone the caller may see; None for those who see all."""
    return None if caller.has(*SEES_ALL) else caller.subject


@router.post("/customers/{customer_id}/suspicions", status_code=201)
async def report_suspicion(
    request: Request,
    customer_id: Id,
    body: NewSuspicion,
    caller: Carer,
    desk: Annotated[Commands, Depends(commands)],
) -> Response:
    """Report what looks suspicious. Nobody but you, approvers and auditors learns of it.

    The answer is without the text, as answers are kept for `Idempotency-Key`.
    """
    await check_care(request.app.state.database, writing_manager(caller, *OFFICE), customer_id)
    command = ReportSuspicion(
        suspicion_id=str(uuid_utils.uuid7()),
        customer_id=customer_id,
        observed_on=body.observed_on,
        reported_by=caller.subject,
        today=today(),
        text=body.text,
    )
    return await desk.submit(caller, suspicions.DECIDER, command, _reported, 201)


def _reported(accepted: Accepted) -> dict[str, Any]:
    [event] = accepted.events
    assert isinstance(event.fact, suspicions.SuspicionReported)  # nothing else comes of a report
    fields = {"suspicion_id", "customer_id", "observed_on", "reported_by"}
    return {**event.fact.model_dump(mode="json", include=fields), "status": "open"}


@router.get("/suspicions")
async def list_suspicions(
    request: Request,
    page: PageQuery,
    caller: CareReader,
    as_of: PastDay = None,
    status: Annotated[Status | None, Query(description="only suspicions of this status")] = None,
) -> Response:
    """Suspicions in the order in which they were reported, now or as of a day: all for approvers and auditors, for
    others their own."""
    [after] = page.after(str) or ("",)
    own = _own(caller)
    async with request.app.state.database.snapshot() as connection:
        look, past = partial(suspicion_view.listed, connection, status, own), None
        if as_of is not None:
            look = partial(suspicion_view.listed, connection, None, own)
            past = Past(partial(SUSPICIONS.as_of, connection, day=as_of), of_status(status))
        found = await one_page(look, _place, after, page.limit, past)
        items = await _shown(connection, found.rows)
    return Json(page_of(items, found.cursor))


def _place(suspicion: Suspicion) -> str:
    return suspicion.suspicion_id


@router.get("/suspicions/{suspicion_id}")
async def get_suspicion(
    request: Request, suspicion_id: Id, caller: CareReader, as_of: PastDay = None
) -> Response:
    """One suspicion, now or as of a day, with its `ETag`. Its words are null once the customer was erased."""
    async with request.app.state.database.snapshot() as connection:
        found, version = await _find(connection, suspicion_id, _own(caller))
        if as_of is not None:
            missing = _no_suspicion(suspicion_id)
            found = await state_as_of(connection, SUSPICIONS, found.stream, as_of, missing)
        [item] = await _shown(connection, [found])
    return Json(item, headers={"ETag": etag(version)})


async def _find(connection: AsyncConnection, suspicion_id: str, own: str | None) -> tuple[Suspicion, int]:
    """A suspicion and its version; raises Unknown for what is not there or not to be seen."""
    found = await suspicion_view.find(connection, suspicion_id, own)
    if found is None:
        raise _no_suspicion(suspicion_id)
    return found, (await versions(connection, [found.stream]))[found.stream]


def _no_suspicion(suspicion_id: str) -> Unknown:
    return Unknown(f"there is no suspicion {suspicion_id}")


async def _shown(connection: AsyncConnection, found: Sequence[Suspicion]) -> list[dict[str, object]]:
    """Suspicions with their words: whoever sees them may read them."""
    words = await open_texts(connection, [(customer_stream(one.customer_id), one.written) for one in found])
    return [
        {**one.shown(), "text": texts.get("text"), "reason": texts.get("reason")}
        for one, texts in zip(found, words, strict=True)
    ]


@router.post("/suspicions/{suspicion_id}/decide")
async def decide_suspicion(
    request: Request,
    suspicion_id: Id,
    body: Verdict,
    caller: Approver,
    desk: Annotated[Commands, Depends(commands)],
) -> Response:
    """Report it to the authority or dismiss it; not by whoever reported it.

    The answer is without words, as answers are kept for `Idempotency-Key`.
    """
    async with request.app.state.database.snapshot() as connection:
        found, _ = await _find(connection, suspicion_id, None)
    command = DecideSuspicion(
        suspicion_id=suspicion_id,
        customer_id=found.customer_id,
        decision=body.decision,
        reference=body.reference,
        decided_by=caller.subject,
        today=today(),
        reason=body.reason,
    )

    def answer(done: Accepted) -> dict[str, object]:
        [event] = done.events
        assert isinstance(event.fact, suspicions.SuspicionDecided)  # nothing else comes of a decision
        return suspicion_view.decided(found, event).shown()

    return await desk.submit(caller, suspicions.DECIDER, command, answer)
