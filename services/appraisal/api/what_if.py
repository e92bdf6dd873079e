"""What a draft of a scheme would have come to in a cycle. Nothing of it is kept."""

import asyncio
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from services.appraisal.api.access import Approver
from services.appraisal.api.cycles import find_cycle
from services.appraisal.domain.cycle import Status
from services.appraisal.domain.scheme import SchemeTerms
from services.appraisal.domain.what_if import Difference, what_if
from services.appraisal.views import card as card_view
from services.appraisal.views.scheme import schemes
from shared.contracts.appraisal import Rating
from shared.contracts.types import Id
from shared.infrastructure.http import Commands, commands
from shared.infrastructure.receipts import Answer
from shared.kernel.errors import Refusal

router = APIRouter(prefix="/v1/cycles/{cycle_id}/what-if", tags=["schemes"])


@router.post("")
async def try_scheme(
    request: Request,
    cycle_id: Id,
    body: SchemeTerms,
    caller: Approver,
    desk: Annotated[Commands, Depends(commands)],
) -> Response:
    """Score a cycle's frozen inputs by a draft: every scorecard of its side, or of the groups that it names, whatever
    other schemes are for them; managers without a grade are left out. What was scored by hand counts, and what the
    committee moved stays moved. Answers with each total and rating before (null where nothing was scored) and after,
    and how many have each rating. For 5,000 scorecards at most (409 beyond: name groups); the inputs are those of
    freezing, so what has become known since does not count."""
    if earlier := await desk.answered(caller):
        return earlier
    async with request.app.state.database.snapshot() as connection:
        cycle, _version = await find_cycle(connection, cycle_id)
        if cycle.status == Status.OPEN:
            raise Refusal("cycle-is-frozen", "cycle_id", "nothing is fixed yet: the cycle is open")
        cards = await card_view.states(connection, cycle_id, await schemes(connection))
    found = await asyncio.to_thread(what_if, cards, body)
    shown = {
        "cycle_id": cycle_id,
        "items": [_shown(one) for one in found.people],
        "ratings": {"before": _counts(found.before), "after": _counts(found.after)},
    }
    return await desk.answer(caller, Answer(200, orjson.dumps(shown)))


def _shown(one: Difference) -> dict[str, Any]:
    before = one.total_before
    return {
        "centre_id": one.centre_id,
        "group": one.group,
        "total_before": _figure(before),
        "total_after": _figure(one.total_after),
        "difference": None if before is None else _figure(one.total_after - before),
        "rating_before": one.rating_before,
        "rating_after": one.rating_after,
    }


def _counts(ratings: Mapping[Rating, int]) -> dict[str, int]:
    return {rating.value: number for rating, number in ratings.items()}


def _figure(total: Decimal | None) -> str | None:
    return None if total is None else f"{total:f}"
