"""Incentives: the policy, the awards of a cycle from proposal to grant, and the funds of departments."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import model_validator
from starlette.responses import Response

from services.appraisal.api.access import Approver
from services.appraisal.domain import award as awards
from services.appraisal.domain import incentive
from services.appraisal.domain.award import ApproveAwards, Mode, ProposeAwards
from services.appraisal.domain.incentive import IncentiveTerms, SetIncentivePolicy
from services.appraisal.views import award_sheet as sheet_view
from services.appraisal.views import department_fund
from services.appraisal.views import incentive_policy as policy_view
from shared.contracts.types import Amount, BusinessDate, Contract, Id
from shared.infrastructure.auth import Principal, Role, allow
from shared.infrastructure.bank_time import today
from shared.infrastructure.command_handler import Accepted
from shared.infrastructure.event_store import versions
from shared.infrastructure.http import Commands, Json, PageQuery, commands, etag
from shared.infrastructure.http.results import Reader, own_centre
from shared.kernel.books import Book
from shared.kernel.errors import Malformed, Unknown

router = APIRouter(prefix="/v1", tags=["incentives"])

Desk = Annotated[Commands, Depends(commands)]

Proposer = Annotated[Principal, Depends(allow(Role.APPROVER, Role.ACCOUNTANT))]
"""A caller who may propose awards."""

SheetReader = Annotated[Principal, Depends(allow(Role.APPROVER, Role.ACCOUNTANT, reads=True))]
"""A caller who may see what everybody is awarded."""


class NewAwards(Contract, extra="forbid"):
    """How the awards are to be computed; a ``pool`` belongs to the mode of that name."""

    mode: Mode = Mode.RATE
    pool: Amount | None = None

    @model_validator(mode="after")
    def _complete(self) -> "NewAwards":
        if (self.mode is Mode.POOL) != (self.pool is not None):
            raise Malformed("pool: belongs to the mode pool, and to no other")
        return self


@router.put("/incentive-policies/{effective_from}")
async def put_policy(
    effective_from: BusinessDate, body: IncentiveTerms, caller: Approver, desk: Desk
) -> Response:
    """Set terms from a day on; what the body leaves out stays as it was. A cycle goes by the policy of its last day."""
    shown = {"effective_from": effective_from, **body.model_dump(mode="json", exclude_none=True)}
    command = SetIncentivePolicy(effective_from, body, today())
    return await desk.submit(caller, incentive.DECIDER, command, lambda _: shown)


@router.get("/incentive-policies")
async def list_policies(request: Request, page: PageQuery, _: Reader) -> Response:
    """The policy in force from each day on, beginning with the default."""
    async with request.app.state.database.snapshot() as connection:
        await connection.exec_driver_sql("SELECT")
        known = await policy_view.policies(connection)
    shown = [policy.shown() for policy in (incentive.DEFAULT, *known.policies)]
    return Json(page.of(shown, "effective_from"))


@router.post("/cycles/{cycle_id}/awards", status_code=202)
async def propose_awards(
    cycle_id: Id, caller: Proposer, desk: Desk, body: NewAwards | None = None
) -> Response:
    """Compute the awards of a published cycle and propose them; proposed anew, the later sheet is the one that counts.

    Refused (409) while an appeal waits for a decision, where both sides and the ledger do not come to the same
    efficiency, and once awards were granted for any month of the period: nothing is paid for twice.
    """
    terms = body or NewAwards()
    command = ProposeAwards(cycle_id, caller.subject, today(), terms.mode, terms.pool)
    return await desk.submit(caller, awards.DECIDER, command, _answer(cycle_id, "proposed"), 202)


@router.post("/cycles/{cycle_id}/awards/approve")
async def approve_awards(cycle_id: Id, caller: Approver, desk: Desk) -> Response:
    """Grant what another person proposed, once for ever. Send `If-Match`: a sheet that was proposed anew is then not
    approved unseen (412). Both sides are proved to agree once more."""
    command = ApproveAwards(cycle_id, caller.subject, today())
    return await desk.submit(caller, awards.DECIDER, command, _answer(cycle_id, "granted"))


def _answer(cycle_id: str, status: str) -> Any:
    def answer(_: Accepted) -> dict[str, str]:
        return {"cycle_id": cycle_id, "status": status}

    return answer


@router.get("/cycles/{cycle_id}/awards")
async def get_awards(request: Request, cycle_id: Id, _: SheetReader) -> Response:
    """The sheet of a cycle with its `ETag`: every award and fund, what they come to, and the proof of both sides."""
    async with request.app.state.database.snapshot() as connection:
        found = await sheet_view.find(connection, cycle_id)
        if found is None:
            raise Unknown(f"there are no awards of cycle {cycle_id}")
        stream = f"awards-{cycle_id}"
        version = (await versions(connection, [stream]))[stream]
    return Json(found.shown(), headers={"ETag": etag(version)})


@router.get("/department-funds/{department_id}")
async def get_funds(request: Request, department_id: Id, page: PageQuery, caller: Reader) -> Response:
    """What a department was granted, cycle by cycle; a department head sees the own department's."""
    found = []
    if own_centre(caller, Book.DEPARTMENT) in (None, department_id):
        async with request.app.state.database.read() as connection:
            found = await department_fund.funds(connection, department_id)
    if not found:
        raise Unknown(f"there are no funds of department {department_id}")
    return Json(page.of(found, "cycle_id"))
