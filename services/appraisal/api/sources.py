"""Sources (数据来源): the actual figures of a centre that indicators go by."""

from typing import Any

from fastapi import APIRouter, Request

from services.appraisal.views import source, stated
from shared.contracts.types import Id
from shared.infrastructure.bank_time import today
from shared.infrastructure.http.results import BookName, PeriodQuery, Reader, own_centre
from shared.kernel.books import Book
from shared.kernel.errors import Unknown
from shared.kernel.period import format_month

router = APIRouter(prefix="/v1/sources", tags=["sources"])


@router.get("/{side}/{centre_id}")
async def get_sources(
    request: Request, side: BookName, centre_id: Id, period: PeriodQuery, caller: Reader
) -> dict[str, Any]:
    """Every figure of a centre in a period as known now, by source, and what vetoes its rating.

    Amounts are yuan, ratios percent; what has no figure is left out. Another's figures are as unknown to a manager
    or department head as those of somebody who does not exist.
    """
    async with request.app.state.database.snapshot() as connection:
        known = await source.is_known(connection, side, centre_id)
        figures = (await source.actuals(connection, side, period, centre_id)).get(centre_id, {})
        vetoes = await source.vetoes(connection, period, centre_id, today()) if side is Book.MANAGER else {}
        months = await stated.closed_months(connection, period)
    if not known or own_centre(caller, side) not in (None, centre_id):
        raise Unknown(f"there are no figures of {side} {centre_id}")
    return {
        "side": side,
        "centre_id": centre_id,
        "period": period.name,
        "actuals": {name: f"{figure:f}" for name, figure in sorted(figures.items())},
        "vetoes": [one._asdict() for one in vetoes.get(centre_id, ())],
        "closed_months": [format_month(month) for month in months],
    }
