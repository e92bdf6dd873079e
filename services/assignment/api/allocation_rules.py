"""Allocation rules: which managers take which customers, from a day on."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from services.assignment.api.access import Approver, ProposalReader
from services.assignment.api.past import PastDay
from services.assignment.domain import allocation_rule as rules
from services.assignment.domain.allocation_rule import AllocationRules, SetAllocationRules
from services.assignment.views import allocation_rule as rule_view
from shared.contracts.types import BusinessDate
from shared.infrastructure.bank_time import today
from shared.infrastructure.http import Commands, Json, PageQuery, commands, encode_cursor, malformed, page_of

router = APIRouter(prefix="/v1/allocation-rules", tags=["allocation"])


@router.put("/{effective_from}")
async def put_allocation_rules(
    effective_from: BusinessDate,
    body: AllocationRules,
    caller: Approver,
    desk: Annotated[Commands, Depends(commands)],
) -> Response:
    """Set the whole list from a day on; a later word for the same day replaces the earlier. The first rule that fits
    a customer decides, and where nobody of its pool may or has room, the next one that fits."""
    shown = {"effective_from": effective_from, "rules": rules.shown(body)}
    command = SetAllocationRules(effective_from, body, today())
    return await desk.submit(caller, rules.DECIDER, command, lambda _: shown)


@router.get("")
async def list_allocation_rules(
    request: Request, page: PageQuery, _: ProposalReader, as_of: PastDay = None
) -> Response:
    """The lists in order of their effective dates, now or as they were set by the end of a day; each is in force until
    the next one's."""
    [after] = page.after(str) or (date.min.isoformat(),)
    try:
        day = date.fromisoformat(after)
    except ValueError:
        raise malformed("cursor", "is not the `next` of a page of this list") from None
    async with request.app.state.database.read() as connection:
        found = await rule_view.listed(connection, day, page.limit, as_of)
    following = encode_cursor(found[-1].effective_from) if len(found) == page.limit else None
    return Json(page_of([one.shown() for one in found], following))
