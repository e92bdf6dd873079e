"""Who looks after a customer: the timeline, and the one way to change it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import orjson
from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from services.assignment.api.access import Assigner, Reader, check_customer, no_customer
from services.assignment.api.proposals import propose
from services.assignment.domain import customer as customers
from services.assignment.domain.customer import AssignCustomer, PastNeedsApproval, in_order
from services.assignment.domain.proposal import Kind
from services.assignment.domain.timeline import Timeline
from services.assignment.views import assignment, customer
from services.assignment.views.assignment import Entry
from shared.contracts.assignment import CustomerAssigned, Shares
from shared.contracts.types import BusinessDate, Contract, Id, Text
from shared.infrastructure.auth import Principal, Role
from shared.infrastructure.bank_time import today
from shared.infrastructure.command_desk import accepted
from shared.infrastructure.command_handler import Outcome, Refused, Submission
from shared.infrastructure.database import Database
from shared.infrastructure.event_store import versions
from shared.infrastructure.http import Commands, Json, PageQuery, commands, etag
from shared.infrastructure.receipts import Answer
from shared.kernel.errors import StaleVersion

router = APIRouter(prefix="/v1/customers", tags=["assignments"])


class AssignmentTerms(Contract):
    """Who is to look after a customer from a day on: shares that add up to 1, or none for nobody."""

    shares: Shares
    effective_from: BusinessDate
    reason: Text


@dataclass(frozen=True, slots=True)
class _Seen:
    """A customer's timeline at one version of the customer."""

    version: int
    timeline: Timeline[Entry]


class _Overtaken(Exception):
    """Somebody changed the customer between our look and our turn; look again."""


async def _look(database: Database, caller: Principal, customer_id: str) -> _Seen:
    """Raises Unknown for a customer who is not on record, or not the caller's to see."""
    async with database.snapshot() as connection:
        await check_customer(connection, caller, customer_id)
        found = await customer.find(connection, customer_id)
        if found is None:
            raise no_customer(customer_id)
        timeline = await assignment.timeline(connection, customer_id)
        return _Seen((await versions(connection, [found.stream]))[found.stream], timeline)


@router.put(
    "/{customer_id}/assignment",
    responses={202: {"description": "A change of the past, proposed for an approver to decide on"}},
)
async def put_assignment(
    request: Request,
    customer_id: Id,
    body: AssignmentTerms,
    caller: Assigner,
    desk: Annotated[Commands, Depends(commands)],
) -> Response:
    """Say who looks after a customer from a day on; a later word for the same day replaces the earlier.

    A day before today (in China) an approver changes at once; from an assigner it becomes a proposal (202).
    """
    assigned = CustomerAssigned(customer_id=customer_id, **body.model_dump())
    approved = caller.has(Role.APPROVER)
    while True:  # whenever we are overtaken somebody else has got through, so this ends
        seen = await _look(request.app.state.database, caller, customer_id)
        command = AssignCustomer(assigned, today(), approved)
        try:
            if not approved and customers.needs_approval(assigned, seen.timeline, command.today):
                return await _propose(desk, caller, command, seen)
            return await _assign(desk, caller, command, seen)
        except _Overtaken:
            continue


async def _assign(desk: Commands, caller: Principal, command: AssignCustomer, seen: _Seen) -> Response:
    def answer(outcomes: Sequence[Outcome]) -> Answer:
        match outcomes:
            case [Refused(PastNeedsApproval())]:
                raise _Overtaken  # by our look it did not
        outcome = accepted(outcomes)
        if outcome.version - len(outcome.events) != seen.version:
            raise _Overtaken  # the answer shows the timeline, so it must be the one that was decided on
        timeline = seen.timeline
        for event in outcome.events:
            timeline = timeline.with_entry(Entry.of(event))
        entry = timeline.dated(command.assigned.effective_from)
        assert entry is not None  # it was there before or is there now
        shown = {"customer_id": command.assigned.customer_id, **entry.shown(timeline.end_of(entry))}
        return Answer(200, orjson.dumps(shown), outcome.version)

    submission = Submission(customers.DECIDER, command, desk.origin(caller), desk.expected_version)
    return await desk.submit_all(caller, [submission], answer)


async def _propose(desk: Commands, caller: Principal, change: AssignCustomer, seen: _Seen) -> Response:
    if desk.expected_version not in (None, seen.version):
        raise StaleVersion(f"the present version is {seen.version}, not {desk.expected_version}")
    assigned = change.assigned
    managers = frozenset(share.manager_id for share in assigned.shares)
    content = orjson.loads(in_order(assigned).to_json())
    return await propose(desk, caller, Kind.ASSIGNMENT, assigned.customer_id, content, managers)


@router.get("/{customer_id}/assignments")
async def list_assignments(
    request: Request,
    customer_id: Id,
    caller: Reader,
    page: PageQuery,
    as_of: Annotated[
        BusinessDate | None, Query(description="YYYY-MM-DD: only what holds on this day")
    ] = None,
) -> Response:
    """The customer's timeline by effective date, with the `ETag` that a change may name in `If-Match`.

    `effective_to` is the next effective date, the first day on which an entry no longer holds.
    """
    seen = await _look(request.app.state.database, caller, customer_id)
    entries = seen.timeline.entries
    if as_of is not None:
        entry = seen.timeline.on(as_of)
        entries = (entry,) if entry is not None else ()
    items = [entry.shown(seen.timeline.end_of(entry)) for entry in entries]
    shown = {"customer_id": customer_id, **page.of(items, "effective_from")}
    return Json(shown, headers={"ETag": etag(seen.version)})
