"""Loads: how much looking after managers have to do, and what their grades allow."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from services.assignment.api.access import AsOf, ProposalReader, Reader, check_manager, no_manager
from services.assignment.views import load
from shared.contracts.types import Id
from shared.infrastructure.bank_time import today
from shared.infrastructure.http import Json, PageQuery, encode_cursor, page_of

router = APIRouter(prefix="/v1", tags=["loads"])


@router.get("/managers/{manager_id}/load")
async def get_load(request: Request, manager_id: Id, caller: Reader, as_of: AsOf = None) -> Response:
    """A manager's load on a day, Σ tier weight × share, by tier, and the capacity of the grade; that is null on days
    on which the manager is not with the bank yet."""
    check_manager(caller, manager_id)
    day = as_of or today()
    async with request.app.state.database.snapshot() as connection:
        found = await load.loads(connection, day, only=manager_id)
    if not found:
        raise no_manager(manager_id)
    return Json(found[0].shown(day))


@router.get("/loads")
async def list_loads(
    request: Request,
    page: PageQuery,
    _: ProposalReader,
    as_of: AsOf = None,
    branch_id: Annotated[Id | None, Query(description="only managers of this branch")] = None,
    team_id: Annotated[Id | None, Query(description="only managers of this team")] = None,
) -> Response:
    """The loads of all managers, or of a branch's or team's, in order of manager id."""
    [after] = page.after(str) or ("",)
    day = as_of or today()
    async with request.app.state.database.snapshot() as connection:
        found = await load.loads(
            connection, day, after=after, limit=page.limit, branch_id=branch_id, team_id=team_id
        )
    following = encode_cursor(found[-1].manager_id) if len(found) == page.limit else None
    return Json(page_of([one.shown(day) for one in found], following))
