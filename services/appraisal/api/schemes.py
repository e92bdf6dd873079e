"""Schemes: what is measured for whom, with which weights."""

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from services.appraisal.api.access import Approver, Overseer
from services.appraisal.domain import scheme as schemes
from services.appraisal.domain.scheme import SchemeSet, SchemeTerms, SetScheme
from services.appraisal.views import scheme as scheme_view
from shared.contracts.types import BusinessDate, Id
from shared.infrastructure.bank_time import today
from shared.infrastructure.http import Commands, Json, PageQuery, commands

router = APIRouter(prefix="/v1/schemes", tags=["schemes"])


@router.put("/{scheme_id}/{effective_from}")
async def put_scheme(
    scheme_id: Id,
    effective_from: BusinessDate,
    body: SchemeTerms,
    caller: Approver,
    desk: Annotated[Commands, Depends(commands)],
) -> Response:
    """Put a scheme in force from a day on, for all or for some grades or departments; weights add up to exactly 100. A
    cycle takes the version in force on its period's last day, and keeps it."""
    command = SetScheme(scheme_id, effective_from, body, today())
    return await desk.submit(
        caller, schemes.DECIDER, command, lambda accepted: orjson.loads(accepted.events[0].data)
    )


@router.get("")
async def list_schemes(
    request: Request,
    _: Overseer,
    page: PageQuery,
    as_of: Annotated[
        BusinessDate | None, Query(description="YYYY-MM-DD: only versions in force on this day")
    ] = None,
) -> Response:
    """Every version of every scheme in the order in which they were set, or those in force on a day."""
    async with request.app.state.database.read() as connection:
        known = await scheme_view.schemes(connection)
    found = known.in_force(as_of) if as_of else [one for own in known.versions.values() for one in own]
    return Json(page.of([_shown(one) for one in found], "scheme_id", "effective_from"))


def _shown(one: SchemeSet) -> dict[str, Any]:
    return one.model_dump(mode="json")
