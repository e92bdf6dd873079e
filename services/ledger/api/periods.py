"""Months: cost pools to be spread, the close, and which months are closed."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from services.ledger.api.books import reconciliation
from services.ledger.domain import cost_pool, period
from services.ledger.domain.cost_pool import DeclareCostPool
from services.ledger.domain.period import ClosePeriod
from services.ledger.views.period import calendar, periods
from services.ledger.views.readings import CLOSE_SECONDS
from shared.contracts.ledger import Driver
from shared.contracts.types import Amount, Contract, Id
from shared.infrastructure.auth import Principal, Role, allow
from shared.infrastructure.command_desk import accepted
from shared.infrastructure.command_handler import Outcome, Submission
from shared.infrastructure.database import Database
from shared.infrastructure.http import Commands, PageQuery, commands, encode_cursor, malformed, page_of
from shared.infrastructure.operations import operation
from shared.infrastructure.receipts import Answer
from shared.kernel.errors import Malformed
from shared.kernel.money import format_money
from shared.kernel.period import Period, parse_month

router = APIRouter(prefix="/v1", tags=["periods"])

Accountant = Annotated[Principal, Depends(allow(Role.ACCOUNTANT))]
Desk = Annotated[Commands, Depends(commands)]


class CostPool(Contract):
    """Indirect costs of a month, and what they are spread by. Declared again, the last word counts."""

    period: str
    pool: Id
    amount: Amount
    driver: Driver


@router.post("/cost-pools", status_code=201)
async def post_cost_pool(body: CostPool, caller: Accountant, desk: Desk) -> Response:
    """Declare a cost pool, to be spread over managers and departments when its month closes."""
    command = DeclareCostPool(_month(body.period, "period", "body"), body.pool, body.amount, body.driver)
    shown = {**body.model_dump(mode="json"), "amount": format_money(body.amount)}
    return await desk.submit(caller, cost_pool.DECIDER, command, lambda _: shown, 201)


@router.post("/periods/{month}/close")
async def close_period(month: str, request: Request, caller: Accountant, desk: Desk) -> Response:
    """Close a month, once all before it are closed; answers with its reconciliation. A closed month stays as it is."""
    command = ClosePeriod(_month(month, "month", "path"))

    def answer(outcomes: Sequence[Outcome]) -> Answer:
        accepted(outcomes)
        return Answer(200, b"")

    submission = Submission(period.DECIDER, command, desk.origin(caller))
    database: Database = request.app.state.database
    async with _kept_record(database, command.month):
        await desk.submit_all(caller, [submission], answer)
    async with database.snapshot() as connection:
        return Response(
            orjson.dumps(await reconciliation(connection, Period.parse(month))), media_type="application/json"
        )


@asynccontextmanager
async def _kept_record(database: Database, month: int) -> AsyncIterator[None]:
    """Measure and record the block as a close, unless there is nothing to do: the month is closed, or not due yet."""
    async with database.read() as connection:
        due = (await calendar(connection)).is_due(month)
    if not due:
        yield
        return
    with CLOSE_SECONDS.time():
        async with operation(database, "close"):
            yield


@router.get("/periods")
async def list_periods(
    request: Request,
    page: PageQuery,
    _: Annotated[Principal, Depends(allow(*Role))],
) -> dict[str, Any]:
    """Every month with entries, cost pools or a close, in order."""
    [after] = page.after(int) or (0,)
    async with request.app.state.database.read() as connection:
        found = await periods(connection, after, page.limit)
    following = encode_cursor(parse_month(found[-1]["period"])) if len(found) == page.limit else None
    return page_of(found, following)


def _month(text: str, field: str, place: str) -> int:
    try:
        return parse_month(text)
    except Malformed as error:
        raise malformed(field, str(error), place=place) from None
