"""Vaults: what managers were awarded and what became of it; paying what is due, settling and explaining claims."""

from collections.abc import Sequence
from typing import Annotated

import orjson
from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from services.appraisal.domain import vault as vaults
from services.appraisal.domain.clawback_explanation import provision, sentences
from services.appraisal.domain.vault_event import PayInstalments, SettleClaim
from services.appraisal.views import loan_result
from services.appraisal.views import vault as vault_view
from shared.contracts.appraisal import AwardId, InstalmentPaid
from shared.contracts.types import Amount, BusinessDate, Contract, Id, Text
from shared.infrastructure.auth import Principal, Role, allow
from shared.infrastructure.bank_time import today
from shared.infrastructure.command_desk import accepted
from shared.infrastructure.command_handler import Outcome, Submission
from shared.infrastructure.http import Commands, Json, commands
from shared.infrastructure.http.results import Reader, own_centre
from shared.infrastructure.receipts import Answer
from shared.kernel.books import Book
from shared.kernel.errors import Unknown
from shared.kernel.money import format_money
from shared.kernel.period import Period

router = APIRouter(prefix="/v1/vaults", tags=["vaults"])

Desk = Annotated[Commands, Depends(commands)]

Payer = Annotated[Principal, Depends(allow(Role.ACCOUNTANT))]
"""A caller who may pay what was granted, and take in what was claimed."""

MOST_TOGETHER = 500
"""Vaults a transaction."""


class PayDay(Contract, extra="forbid"):
    """By which day what is due is paid, and on which it counts as paid."""

    day: BusinessDate


class Settlement(Contract, extra="forbid"):
    """What a manager paid back of what is claimed of an award, and by which payment."""

    award_id: AwardId
    amount: Amount
    reference: Text


@router.post("/pay")
async def pay(body: PayDay, caller: Payer, desk: Desk) -> Response:
    """Pay all instalments that are due by a day (included) and still open. Asked again it finds nothing to pay.

    The day may be one to come, as business dates may everywhere in the books: a payroll is prepared before its day of
    payment. What was paid is never cancelled: a loan that turns bad in between makes a claim of it.
    """
    number = amount = 0
    after = ""
    while True:
        async with desk.desk.database.read() as connection:
            managers = await vault_view.due(connection, body.day, after, MOST_TOGETHER)
        if not managers:
            break
        after = managers[-1]
        origin = desk.origin(caller)
        together = [Submission(vaults.DECIDER, PayInstalments(one, body.day), origin) for one in managers]
        answer = await desk.desk.execute(together, _paid, wait=False)
        paid = orjson.loads(answer.body)
        number, amount = number + paid["number"], amount + paid["amount"]
    shown = {"day": body.day, "instalments": number, "amount": format_money(amount)}
    return await desk.submit_all(caller, [], lambda _: Answer(200, orjson.dumps(shown)))


def _paid(outcomes: Sequence[Outcome]) -> Answer:
    facts = [event.fact for outcome in outcomes for event in accepted([outcome]).events]
    paid = [fact.amount for fact in facts if isinstance(fact, InstalmentPaid)]
    return Answer(200, orjson.dumps({"number": len(paid), "amount": sum(paid)}))


@router.get("/{manager_id}")
async def get_vault(request: Request, manager_id: Id, caller: Reader) -> Response:
    """A manager's awards with their instalments, clawbacks and claims; managers see their own."""
    found = None
    if own_centre(caller, Book.MANAGER) in (None, manager_id):
        async with request.app.state.database.snapshot() as connection:
            found = await vault_view.find(connection, manager_id)
    if found is None:
        raise Unknown(f"there is no vault of manager {manager_id}")
    return Json({"manager_id": manager_id, **found.shown()})


@router.post("/{manager_id}/settlements", status_code=201)
async def settle(manager_id: Id, body: Settlement, caller: Payer, desk: Desk) -> Response:
    """Take in what a manager paid back of a claim; never more than is claimed and not settled."""
    command = SettleClaim(manager_id, body.award_id, body.amount, body.reference, today())
    shown = {"manager_id": manager_id, **body.model_dump(mode="json")}
    return await desk.submit(caller, vaults.DECIDER, command, lambda _: shown, 201)


@router.get("/{manager_id}/clawbacks/{clawback_id}/explain")
async def explain(request: Request, manager_id: Id, clawback_id: Id, caller: Reader) -> Response:
    """Why something of an award was clawed back, or released: in words and figures, down to the message of the ledger
    and the core event behind it."""
    look = None
    if own_centre(caller, Book.MANAGER) in (None, manager_id):
        look = await _look(request, manager_id, clawback_id)
    if look is None:
        raise Unknown(f"there is no clawback {clawback_id} of {manager_id}")
    return Json(look)


async def _look(request: Request, manager_id: str, clawback_id: str) -> dict[str, object] | None:
    async with request.app.state.database.snapshot() as connection:
        found = await vault_view.clawback(connection, manager_id, clawback_id)
        if found is None:
            return None
        award, event = found
        months = await loan_result.months(connection, event.loan_id, manager_id, Period.parse(award.period))
    cause = event.cause
    return {
        "clawback": event.model_dump(mode="json"),
        "award": award.model_dump(mode="json"),
        "loan_efficiency": {month: format_money(amount) for month, amount in months.items()},
        "provision": provision(award, event),
        "sentences": sentences(award, event, months),
        "cause": {**cause.model_dump(), "place": f"{cause.topic}/{cause.partition}/{cause.offset}"},
        "links": {
            "entry": f"/v1/entries/{cause.message_id}",
            "core_event": f"/v1/core-events/{cause.core_event_id}",
        },
    }
