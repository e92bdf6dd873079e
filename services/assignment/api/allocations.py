"""Allocation: many customers given to managers at once, tried first and then done."""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Annotated

import orjson
import uuid_utils
from fastapi import APIRouter, Depends, Query, Request
from pydantic import model_validator
from starlette.responses import Response

from services.assignment.api.access import Assigner, ProposalReader
from services.assignment.api.past import Past, PastDay, one_page, state_as_of
from services.assignment.domain import allocation as allocations
from services.assignment.domain.allocation import (
    AllocationApplied,
    ApplyAllocation,
    Scope,
    Terms,
    allocate,
    stream_of,
    summary_of,
)
from services.assignment.views import allocation as allocation_view
from services.assignment.views import allocation_preview
from services.assignment.views.allocation import ALLOCATIONS, Applied
from shared.contracts.types import BusinessDate, Contract, Id
from shared.infrastructure.bank_time import today
from shared.infrastructure.command_desk import accepted
from shared.infrastructure.command_handler import Outcome, Submission
from shared.infrastructure.database import Database
from shared.infrastructure.http import Commands, Json, PageQuery, commands, encode_cursor, page_of
from shared.infrastructure.receipts import Answer
from shared.kernel.errors import Malformed, Unknown

router = APIRouter(prefix="/v1/allocations", tags=["allocation"])

FIRST_ITEMS = 100
"""How many items an answer has beside the summary."""


_PREVIEWING = asyncio.Lock()  # a preview may have the whole bank in memory: one after the other in a process


class AllocationTerms(Contract, extra="forbid"):
    """What is to be allocated, from which day on: today or later."""

    effective_from: BusinessDate
    scope: Scope


class AllocationAsked(Contract, extra="forbid"):
    """Terms, or the preview that has them."""

    effective_from: BusinessDate | None = None
    scope: Scope | None = None
    allocation_id: Id | None = None

    @model_validator(mode="after")
    def _is_one(self) -> "AllocationAsked":
        said = [self.effective_from is not None, self.scope is not None, self.allocation_id is not None]
        if said not in ([True, True, False], [False, False, True]):
            raise Malformed("must say effective_from and scope, or allocation_id alone")
        return self


@router.post("/preview")
async def preview_allocation(
    body: AllocationTerms, request: Request, caller: Assigner, desk: Annotated[Commands, Depends(commands)]
) -> Response:
    """What an allocation would do: nothing is assigned. It is kept for a week under its `allocation_id`, by which it
    can be applied, and its items read on."""
    database: Database = request.app.state.database
    terms, day, allocation_id = Terms(body.effective_from, body.scope), today(), str(uuid_utils.uuid7())
    async with _PREVIEWING:
        if earlier := await desk.answered(caller):
            return earlier
        async with database.snapshot() as connection:
            ground = await allocation_view.ground(connection, terms, day)
        allocation = await asyncio.to_thread(allocate, allocation_id, terms, ground, day)
        async with database.begin() as connection:
            await allocation_preview.keep(connection, allocation, caller.subject)
        items = [item._asdict() for item in allocation.items[:FIRST_ITEMS]]
        following = encode_cursor(items[-1]["customer_id"]) if len(allocation.items) > FIRST_ITEMS else None
        shown = {**summary_of(allocation.applied), **page_of(items, following)}
        return await desk.answer(caller, Answer(200, orjson.dumps(shown)))


@router.post("")
async def apply_allocation(
    body: AllocationAsked, request: Request, caller: Assigner, desk: Annotated[Commands, Depends(commands)]
) -> Response:
    """Give customers to managers by the rules, computed anew on what is true now, in one transaction. With a
    preview's `allocation_id` it must come to the same (else 409 `preview-is-current`)."""
    terms, allocation_id = await _terms(request, body), body.allocation_id or str(uuid_utils.uuid7())
    command = ApplyAllocation(allocation_id, terms, today(), previewed=body.allocation_id is not None)

    def answer(outcomes: Sequence[Outcome]) -> Answer:
        applied, *_ = accepted(outcomes).events
        assert isinstance(applied.fact, AllocationApplied)  # the first that an allocation says
        return Answer(200, orjson.dumps(summary_of(applied.fact)))

    submission = Submission(allocations.DECIDER, command, desk.origin(caller))
    return await desk.submit_all(caller, [submission], answer)


async def _terms(request: Request, asked: AllocationAsked) -> Terms:
    """The terms; raises Unknown for a preview that is not there, or no longer."""
    if asked.effective_from is not None and asked.scope is not None:
        return Terms(asked.effective_from, asked.scope)
    async with request.app.state.database.read() as connection:
        terms = await allocation_preview.terms_of(connection, asked.allocation_id or "")
    if terms is None:
        raise _no_preview(asked.allocation_id)
    return terms


@router.get("")
async def list_allocations(
    request: Request, page: PageQuery, _: ProposalReader, as_of: PastDay = None
) -> Response:
    """What was allocated, in the order in which it was asked for; all, or by the end of a day."""
    [after] = page.after(str) or ("",)
    async with request.app.state.database.snapshot() as connection:
        look, past = partial(allocation_view.listed, connection), None
        if as_of is not None:
            past = Past(partial(ALLOCATIONS.as_of, connection, day=as_of))
        found = await one_page(look, _place, after, page.limit, past)
    return Json(page_of([one.shown() for one in found.rows], found.cursor))


def _place(applied: Applied) -> str:
    return applied.allocation_id


@router.get("/{allocation_id}")
async def get_allocation(
    request: Request, allocation_id: Id, _: ProposalReader, as_of: PastDay = None
) -> Response:
    """The summary of an allocation: with `actor` and `recorded_at` once it was applied, else with `asked_by` and
    `asked_at` as long as the preview is kept. As of a day, what was applied by its end."""
    missing = Unknown(f"there is no allocation {allocation_id}")
    async with request.app.state.database.snapshot() as connection:
        found = await allocation_view.find(connection, allocation_id)
        if as_of is not None:
            if found is None:
                raise missing
            found = await state_as_of(connection, ALLOCATIONS, stream_of(allocation_id), as_of, missing)
        shown = found.shown() if found else await allocation_preview.find(connection, allocation_id)
    if shown is None:
        raise missing
    return Json(shown)


@router.get("/{allocation_id}/items")
async def list_items(
    request: Request,
    allocation_id: Id,
    page: PageQuery,
    _: ProposalReader,
    manager_id: Annotated[Id | None, Query(description="only customers who would be this manager's")] = None,
) -> Response:
    """What a preview would do with each customer, in order of customer id.

    `manager_id` is who would answer for the customer, `previous_id` who does now, `rule` the rule that decides, and
    `reason` why nobody is found.
    """
    [after] = page.after(str) or ("",)
    async with request.app.state.database.read() as connection:
        if await allocation_preview.find(connection, allocation_id) is None:
            raise _no_preview(allocation_id)
        found = await allocation_preview.items(connection, allocation_id, manager_id, after, page.limit)
    following = encode_cursor(found[-1]["customer_id"]) if len(found) == page.limit else None
    return Json(page_of(found, following))


def _no_preview(allocation_id: str | None) -> Unknown:
    return Unknown(f"there is no preview {allocation_id}")
