"""Know-your-customer reviews: recording one, and when the next falls due."""

from typing import Annotated, Any

import uuid_utils
from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from services.assignment.api.past import PastDay
from services.assignment.api.record import (
    OFFICE,
    Carer,
    CareReader,
    check_care,
    check_cared_for,
    reading_manager,
    shown,
    writing_manager,
)
from services.assignment.domain.compliance import review as reviews
from services.assignment.domain.compliance.review import ReviewCustomer
from services.assignment.domain.record import Note
from services.assignment.views import policy
from services.assignment.views.compliance import review as review_view
from shared.contracts import assignment as contract
from shared.contracts.assignment import RiskRating
from shared.contracts.types import BusinessDate, Contract, Id
from shared.infrastructure.auth import Role
from shared.infrastructure.bank_time import today
from shared.infrastructure.command_handler import Accepted
from shared.infrastructure.http import Commands, Json, PageQuery, commands, encode_cursor, page_of

router = APIRouter(prefix="/v1/customers", tags=["reviews"])


class NewReview(Contract):
    """What a review came to."""

    reviewed_on: BusinessDate
    risk_rating: RiskRating
    note: Note | None = None


@router.post("/{customer_id}/reviews", status_code=201)
async def review_customer(
    request: Request,
    customer_id: Id,
    body: NewReview,
    caller: Carer,
    desk: Annotated[Commands, Depends(commands)],
) -> Response:
    """Record a review; it does the duty to review the customer, if there is one. A high risk needs an approver.

    The answer is without the note, as answers are kept for `Idempotency-Key`.
    """
    own = writing_manager(caller, *OFFICE)
    await check_care(request.app.state.database, own, customer_id)
    command = ReviewCustomer(
        review_id=str(uuid_utils.uuid7()),
        customer_id=customer_id,
        risk_rating=body.risk_rating,
        reviewed_on=body.reviewed_on,
        today=today(),
        manager_id=own,
        approved=caller.has(Role.APPROVER),
        note=body.note,
    )
    return await desk.submit(caller, reviews.DECIDER, command, _reviewed, 201)


def _reviewed(accepted: Accepted) -> dict[str, Any]:
    fact = accepted.events[0].fact
    assert isinstance(fact, reviews.CustomerReviewed)  # what a review begins with
    return fact.model_dump(mode="json", include=set(contract.CustomerReviewed.model_fields))


@router.get("/{customer_id}/reviews")
async def list_reviews(
    request: Request, customer_id: Id, page: PageQuery, caller: CareReader, as_of: PastDay = None
) -> Response:
    """A customer's reviews in order, and when the next falls due; now, or as of a day. A note is null for whom it is
    not."""
    [after] = page.after(int) or (0,)
    async with request.app.state.database.snapshot() as connection:
        await check_cared_for(connection, reading_manager(caller), customer_id)
        policies = await policy.policies(connection, as_of)
        next_due_on = await review_view.next_due_on(connection, customer_id, policies, as_of)
        found = await review_view.listed(connection, customer_id, after, page.limit, as_of)
        items = await shown(connection, caller, found)
    following = encode_cursor(found[-1].number) if len(found) == page.limit else None
    return Json({"customer_id": customer_id, "next_due_on": next_due_on, **page_of(items, following)})
