"""Customer managers, and what each looks after."""

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from services.assignment.api.access import (
    OVERSEES,
    AsOf,
    Assigner,
    CareerReader,
    Reader,
    check_manager,
    check_own,
    customer_names,
    manager_name,
    no_manager,
    only_manager,
)
from services.assignment.domain import manager as managers
from services.assignment.domain.grade import Grade
from services.assignment.domain.manager import RegisterManager
from services.assignment.domain.standing import Status
from services.assignment.views import career, policy, portfolio
from services.assignment.views import manager as manager_view
from services.assignment.views.history import history
from services.assignment.views.personal import names
from shared.contracts.assignment import ManagerRegistered
from shared.contracts.types import BusinessDate, CentreId, Contract, Id, Text
from shared.infrastructure.bank_time import today
from shared.infrastructure.command_handler import Accepted
from shared.infrastructure.event_store import versions
from shared.infrastructure.http import Commands, Json, PageQuery, commands, encode_cursor, etag, page_of

router = APIRouter(prefix="/v1/managers", tags=["managers"])


class NewManager(Contract):
    """A manager to put on record. The last two dates are for staff taken over: confirmed, sworn already."""

    manager_id: CentreId
    name: Text
    branch_id: Id
    team_id: Id | None = None
    grade: Grade
    hired_on: BusinessDate | None = None
    confirmed_on: BusinessDate | None = None
    confidentiality_signed_on: BusinessDate | None = None


@router.post("", status_code=201)
async def register_manager(
    body: NewManager, caller: Assigner, desk: Annotated[Commands, Depends(commands)]
) -> Response:
    """Put a manager on record. The answer is without the name: answers are kept for `Idempotency-Key`, and
    names are kept nowhere but sealed."""
    particulars = ManagerRegistered(**body.model_dump(exclude={"name"}), business_date=today())
    return await desk.submit(
        caller, managers.DECIDER, RegisterManager(particulars, body.name), _registered, 201
    )


def _registered(accepted: Accepted) -> dict[str, Any]:
    [event] = accepted.events
    assert isinstance(event.fact, managers.ManagerRegistered)  # nothing else registers a manager
    return event.fact.model_dump(mode="json", exclude={"sealed", "business_date"})


@router.get("")
async def list_managers(
    request: Request,
    page: PageQuery,
    caller: Reader,
    as_of: AsOf = None,
    status: Annotated[Status | None, Query(description="only managers of this status on the day")] = None,
) -> Response:
    """Managers in order of id, as of a day. A manager sees the own record only."""
    [after] = page.after(str) or ("",)
    async with request.app.state.database.read() as connection:
        found = await manager_view.listed(
            connection, after, page.limit, only_manager(caller), as_of or today(), status
        )
        known = await names(connection, {one.stream: one.sealed for one in found})
    shown = [one.shown(manager_name(caller, one.manager_id, known.get(one.stream))) for one in found]
    return Json(page_of(shown, encode_cursor(found[-1].manager_id) if len(found) == page.limit else None))


@router.get("/{manager_id}")
async def get_manager(request: Request, manager_id: Id, caller: Reader, as_of: AsOf = None) -> Response:
    """One manager as of a day, with the `ETag` of the record. A name is null once it was erased; grade, branch, team
    and status are null on days on which the manager is not with the bank yet."""
    check_manager(caller, manager_id)
    async with request.app.state.database.snapshot() as connection:
        found = await manager_view.find(connection, manager_id, as_of or today())
        if found is None:
            raise no_manager(manager_id)
        known = await names(connection, {found.stream: found.sealed})
        version = (await versions(connection, [found.stream]))[found.stream]
    shown = found.shown(manager_name(caller, manager_id, known.get(found.stream)))
    return Json(shown, headers={"ETag": etag(version)})


@router.get("/{manager_id}/portfolio")
async def get_portfolio(
    request: Request,
    manager_id: Id,
    page: PageQuery,
    caller: Reader,
    as_of: AsOf = None,
) -> Response:
    """The customers whom a manager looks after on a day, each with the manager's share, since when."""
    check_manager(caller, manager_id)
    [after] = page.after(str) or ("",)
    day: date = as_of or today()
    async with request.app.state.database.snapshot() as connection:
        if await manager_view.find(connection, manager_id, day) is None:
            raise no_manager(manager_id)
        found = await portfolio.holdings(connection, manager_id, day, after, page.limit)
        known = await customer_names(connection, caller, found)
    shown = [one.shown(known.get(one.customer_id)) for one in found]
    return Json(page_of(shown, encode_cursor(found[-1].customer_id) if len(found) == page.limit else None))


@router.get("/{manager_id}/career")
async def get_career(request: Request, manager_id: Id, caller: CareerReader, as_of: AsOf = None) -> Response:
    """A manager's standings, past and to come, and as of a day: qualifications and which of them are valid, trainings,
    leaves, measures with what became of an appeal, until when probation lasts, and what the next grade still asks
    for. For the office, auditors and the manager."""
    check_own(caller, manager_id, *OVERSEES)
    async with request.app.state.database.snapshot() as connection:
        known = await career.told(connection, manager_id)
        if not known:
            raise no_manager(manager_id)
        policies = await policy.policies(connection)
    return Json({"manager_id": manager_id, **career.shown(known, policies, as_of or today())})


@router.get("/{manager_id}/history")
async def get_history(request: Request, manager_id: Id, page: PageQuery, caller: CareerReader) -> Response:
    """All that was recorded of a manager, with actor, cause, business date and recorded time; no name."""
    check_own(caller, manager_id, *OVERSEES)
    [after] = page.after(int) or (0,)
    async with request.app.state.database.read() as connection:
        found = await history(connection, f"manager-{manager_id}", after, page.limit)
    if not found and not after:
        raise no_manager(manager_id)
    return Json(page_of(found, encode_cursor(found[-1]["version"]) if len(found) == page.limit else None))
