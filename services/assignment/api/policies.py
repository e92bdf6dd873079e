"""Policy: what grades ask for and allow, what tiers weigh, cycles and thresholds."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from services.assignment.api.access import Approver, Reader
from services.assignment.api.past import PastDay
from services.assignment.domain import policy as policies
from services.assignment.domain.policy import Policy, PolicyTerms, SetPolicy
from services.assignment.views import policy as policy_view
from shared.contracts.types import BusinessDate
from shared.infrastructure.bank_time import today
from shared.infrastructure.http import Commands, Json, PageQuery, commands
from shared.kernel.money import format_money

router = APIRouter(prefix="/v1/policies", tags=["policy"])


@router.put("/{effective_from}")
async def put_policy(
    effective_from: BusinessDate,
    body: PolicyTerms,
    caller: Approver,
    desk: Annotated[Commands, Depends(commands)],
) -> Response:
    """Set terms from a day on; what the body leaves out stays as it was."""
    shown = {
        "effective_from": effective_from,
        **body.model_dump(mode="json", exclude_none=True),
    }
    command = SetPolicy(effective_from, body, today())
    return await desk.submit(caller, policies.DECIDER, command, lambda _: shown)


@router.get("")
async def list_policies(request: Request, page: PageQuery, _: Reader, as_of: PastDay = None) -> Response:
    """The policy in force from each day on, beginning with the default, now or as it was set by the end of a day."""
    async with request.app.state.database.read() as connection:
        known = await policy_view.policies(connection, as_of)
    shown = [_shown(policy) for policy in (policies.DEFAULT, *known.policies)]
    return Json(page.of(shown, "effective_from"))


def _shown(policy: Policy) -> dict[str, Any]:
    large_value = format_money(policy.large_value)
    return {"effective_from": policy.version, **policy.shown(), "large_value": large_value}
