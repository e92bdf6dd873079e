"""FTP curves: what money of a tenor costs inside the bank, from a date on."""

from datetime import date
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from services.ledger.domain import ftp_curve
from services.ledger.domain.catalogue import EVER
from services.ledger.domain.ftp_curve import CurvePoints, SetFtpCurve
from services.ledger.views import ftp_curve as ftp_curve_view
from shared.contracts.types import Id
from shared.infrastructure.auth import Principal, Role, allow
from shared.infrastructure.http import Commands, PageQuery, commands, encode_cursor, malformed, page_of

router = APIRouter(prefix="/v1/ftp-curves", tags=["products and policy"])


@router.put("/{name}")
async def put_ftp_curve(
    name: Id,
    body: CurvePoints,
    caller: Annotated[Principal, Depends(allow(Role.ACCOUNTANT))],
    desk: Annotated[Commands, Depends(commands)],
) -> Response:
    """Set all points of a curve from a date on; a later word for the same date replaces the earlier."""
    command = SetFtpCurve(name, body)
    return await desk.submit(
        caller, ftp_curve.DECIDER, command, lambda accepted: orjson.loads(accepted.events[0].data)
    )


@router.get("")
async def list_ftp_curves(
    request: Request, page: PageQuery, _: Annotated[Principal, Depends(allow(*Role))]
) -> dict[str, Any]:
    """The curves, by name and effective date."""
    name, day = page.after(str, str) or ("", EVER.isoformat())
    try:
        place = name, date.fromisoformat(day)
    except ValueError:
        raise malformed("cursor", "is not the `next` of a page of this list") from None
    async with request.app.state.database.read() as connection:
        found = await ftp_curve_view.listed(connection, place, page.limit)
    if len(found) < page.limit:
        return page_of(found, None)
    return page_of(found, encode_cursor(found[-1]["name"], found[-1]["effective_from"]))
