"""Scorecards to date (月度累计): what everybody has achieved so far in a period, both sides next to each other, and
what the scheme would make of it."""

from typing import Any

from fastapi import APIRouter, Request
from sqlalchemy.ext.asyncio import AsyncConnection

from services.appraisal.domain.card import Inputs, scored
from services.appraisal.domain.scheme import SchemeSet
from services.appraisal.domain.scorecard import Scorecard
from services.appraisal.views import inputs, intake, result
from services.appraisal.views.card import links
from shared.contracts.types import Id
from shared.infrastructure.auth import Principal
from shared.infrastructure.bank_time import today
from shared.infrastructure.http.results import BookName, PeriodQuery, Reader, own_centre
from shared.kernel.books import Book
from shared.kernel.errors import Unknown
from shared.kernel.period import Period

router = APIRouter(prefix="/v1/scorecards", tags=["scorecards"])


@router.get("")
async def list_scorecards(request: Request, period: PeriodQuery, caller: Reader) -> dict[str, Any]:
    """All who have results in the period so far, and both sides' totals, whose difference is always zero.

    A manager or department head gets the own scorecard alone; the totals are null, being the others' too.
    """
    async with request.app.state.database.snapshot() as connection:
        reached = await intake.as_of(connection)
        if own_centre(caller, Book.MANAGER) is None:
            cards = await result.scorecards(connection, period)
            managers, departments = cards.managers, cards.departments
            bank = {"totals": cards.totals(), "balanced": cards.balanced}
        else:
            managers = await _own(connection, caller, Book.MANAGER, period)
            departments = await _own(connection, caller, Book.DEPARTMENT, period)
            bank = {"totals": None, "balanced": None}
    return {
        "period": period.name,
        "managers": [card.shown() for card in managers],
        "departments": [card.shown() for card in departments],
        **bank,
        "as_of": reached.shown(),
    }


@router.get("/{side}/{centre_id}")
async def get_scorecard(
    request: Request, side: BookName, centre_id: Id, period: PeriodQuery, caller: Reader
) -> dict[str, Any]:
    """One scorecard, and under `appraisal` what it comes to by the scheme that is for it, as known now: every indicator
    with actual figure, target and score, total, rating, vetoes and links to the ledger's legs. What people score has
    nothing yet, as that belongs to a cycle. Null where no scheme is for it.

    Another's is as unknown to a manager or department head as one that does not exist.
    """
    async with request.app.state.database.snapshot() as connection:
        reached = await intake.as_of(connection)
        card = found = None
        if own_centre(caller, side) in (None, centre_id):
            card = await result.scorecard(connection, side, centre_id, period)
        if card is not None:
            found = await inputs.to_date(connection, period, (side, centre_id), card.lines, today())
    if card is None:
        raise Unknown(f"there is no scorecard of {side} {centre_id}")
    appraisal = None if found is None else _appraised(period, *found)
    shown = {"period": period.name, "side": side, **card.shown()}
    return {**shown, "appraisal": appraisal, "as_of": reached.shown()}


def _appraised(period: Period, found: Inputs, scheme: SchemeSet) -> dict[str, Any]:
    result_so_far = scored(found, scheme.terms, {})
    sources = {one.code: one.source for one in scheme.terms.indicators}
    return {
        "group": found.group,
        "scheme": {"scheme_id": scheme.scheme_id, "version": scheme.version},
        **result_so_far.model_dump(mode="json", exclude={"computed", "calibration", "calibration_reason"}),
        "vetoes": [one.model_dump(mode="json") for one in found.vetoes],
        "links": links(found.side, found.centre_id, period.name, sources),
    }


async def _own(connection: AsyncConnection, caller: Principal, side: Book, period: Period) -> list[Scorecard]:
    centre_id = own_centre(caller, side)
    card = await result.scorecard(connection, side, centre_id, period) if centre_id else None
    return [card] if card else []
