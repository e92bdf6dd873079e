"""What-if: a closed month or quarter computed once more under a proposal, without touching the books."""

from typing import Annotated, Any

import orjson
import uuid_utils
from fastapi import APIRouter, Depends, Request
from pydantic import Field, model_validator
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from services.ledger.domain.ftp_curve import Curves
from services.ledger.domain.policy import PolicyTerms
from services.ledger.domain.simulation import Proposal
from services.ledger.views import simulation
from services.ledger.views.ftp_curve import curves
from services.ledger.views.period import calendar, pools
from services.ledger.views.product import catalogue
from services.ledger.views.simulation import Simulation
from shared.contracts.ledger import Driver
from shared.contracts.types import CentreId, Contract, Id
from shared.infrastructure.auth import Principal, Role, allow
from shared.infrastructure.http import Commands, Json, PageQuery, commands, encode_cursor, malformed, page_of
from shared.infrastructure.jobs import Jobs
from shared.infrastructure.receipts import Answer
from shared.kernel.errors import Malformed, Refusal, Unknown
from shared.kernel.period import Period, last_day, months_between

router = APIRouter(prefix="/v1", tags=["simulations"])

Asker = Annotated[Principal, Depends(allow(Role.ACCOUNTANT, Role.APPROVER))]
Reader = Annotated[Principal, Depends(allow(Role.ACCOUNTANT, Role.APPROVER, reads=True))]

KIND = "simulation"
MOST_NAMES = 1000
"""Products, pools or priced products that one proposal may name."""


class Proposed(Contract, extra="forbid"):
    """A period and what is to be tried on it: at least one of the three."""

    period: Annotated[str, Field(description="a closed month YYYY-MM or quarter YYYY-Qn")]
    policy: Annotated[
        PolicyTerms | None, Field(description="terms in place of those in force; the others stay")
    ] = None
    drivers: Annotated[
        dict[Id, Driver],
        Field(
            default_factory=dict, max_length=MOST_NAMES, description="by cost pool: what spreads it instead"
        ),
    ]
    products: Annotated[
        dict[Id, CentreId],
        Field(default_factory=dict, max_length=MOST_NAMES, description="by product: its department instead"),
    ]

    @model_validator(mode="after")
    def _proposes(self) -> "Proposed":
        if self.proposal == Proposal():
            raise Malformed("at least one of policy, drivers and products must propose something")
        if len(self.proposal.policy.ftp or {}) > MOST_NAMES:
            raise Malformed(f"policy.ftp must not name more than {MOST_NAMES} products")
        return self

    @property
    def proposal(self) -> Proposal:
        """The proposal as the rules want it."""
        return Proposal(self.policy or PolicyTerms(), self.drivers, self.products)


@router.post("/simulations", status_code=202)
async def post_simulation(
    body: Proposed, request: Request, caller: Asker, desk: Annotated[Commands, Depends(commands)]
) -> Response:
    """Compute a closed month or quarter once more under a policy, drivers or departments that are not in force.

    The books are not touched. Answers at once; the result is read at `links.self`. Limits: `period` is a month or a
    quarter (else 422), every month of it closed (409 `simulated-period-is-closed`); pools must have been declared in
    it (409 naming `drivers.<pool>`), products be in the catalogue (409 naming `products.<code>`), 1000 of each at
    most; and a process works on one simulation at a time (409 `one-simulation-at-a-time`). True-ups count where they
    belong, in the month they adjust; late facts and assignments count as they are known now, on both sides.
    """
    period = _period(body.period)
    database, jobs = request.app.state.database, _jobs(request)
    async with database.read() as connection:
        await _check(connection, period, body.proposal)
    simulation_id = str(uuid_utils.uuid7())
    shown = body.model_dump(mode="json", exclude={"period"}, exclude_none=True, exclude_defaults=True)
    async with jobs.starting:
        if earlier := await desk.answered(caller):
            return _located(earlier)
        if jobs.is_running(KIND):
            raise Refusal("one-simulation-at-a-time", "", "another simulation is running in this process")
        async with database.begin() as connection:
            await simulation.ask(connection, simulation_id, caller.subject, period, shown)
        jobs.start(KIND, Simulation(database, simulation_id, period, body.proposal).run())
        link = f"/v1/simulations/{simulation_id}"
        answer = {"simulation_id": simulation_id, "status": "running", "links": {"self": link}}
        return _located(await desk.answer(caller, Answer(202, orjson.dumps(answer))))


def _located(response: Response) -> Response:
    response.headers["Location"] = orjson.loads(response.body)["links"]["self"]
    return response


@router.get("/simulations/{simulation_id}")
async def get_simulation(simulation_id: str, request: Request, _: Reader) -> Response:
    """How far a simulation is and, when it is done, what the proposal would change.

    `result` has, for each centre with a difference, proposed less base on lines, on stocks at the period's end and on
    measures; lines and stocks without a difference are left out. `total` is what both books change by. A simulation
    whose process has not been heard of for a minute is `interrupted`.
    """
    async with request.app.state.database.read() as connection:
        found = await simulation.get(connection, simulation_id)
    if found is None:
        raise Unknown(f"there is no simulation {simulation_id}")
    return Json(found)


@router.get("/simulations")
async def list_simulations(request: Request, page: PageQuery, _: Reader) -> dict[str, Any]:
    """Simulations, newest first, without their results."""
    [before] = page.after(str) or (None,)
    async with request.app.state.database.read() as connection:
        found = await simulation.listed(connection, before, page.limit)
    following = encode_cursor(found[-1]["simulation_id"]) if len(found) == page.limit else None
    return page_of(found, following)


def _jobs(request: Request) -> Jobs:
    jobs: Jobs = request.app.state.jobs
    return jobs


def _period(name: str) -> Period:
    try:
        period = Period.parse(name)
    except Malformed as error:
        raise malformed("period", str(error), place="body") from None
    if len(list(months_between(period.first, period.last))) > 3:
        raise malformed("period", "must be a month YYYY-MM or a quarter YYYY-Qn", place="body")
    return period


async def _check(connection: AsyncConnection, period: Period, proposal: Proposal) -> None:
    """Raises Refusal for a period that is still open, and for what the proposal names and nobody knows."""
    if period.last > (await calendar(connection)).closed_through:
        raise Refusal("simulated-period-is-closed", "period", f"{period.name} is not closed as a whole")
    months = months_between(period.first, period.last)
    declared = {pool.pool for month in months for pool in await pools(connection, month)}
    for pool in sorted(proposal.drivers.keys() - declared):
        raise Refusal(
            "simulated-pool-is-declared", f"drivers.{pool}", f"{period.name} has no cost pool {pool}"
        )
    known = (await catalogue(connection)).products if proposal.products else {}
    for product in sorted(proposal.products.keys() - known.keys()):
        raise Refusal("product-is-in-catalogue", f"products.{product}", f"{product} is no product")
    points = [(one.curve, one.tenor) for one in (proposal.policy.ftp or {}).values()]
    known_curves = await curves(connection) if points else Curves()
    for curve, tenor in points:
        if curve is not None and tenor is not None:
            known_curves.rate_on(curve, tenor, last_day(period.first).replace(day=1))
