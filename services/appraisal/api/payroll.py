"""The payroll's door: what is to be paid or kept back with a month's salaries, with control totals."""

from collections.abc import AsyncIterator
from enum import StrEnum
from typing import Annotated

import orjson
from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import StreamingResponse

from services.appraisal.domain.payroll import Item
from services.appraisal.views import payroll
from shared.infrastructure.auth import Principal, Role, allow
from shared.infrastructure.database import Database
from shared.infrastructure.http import malformed
from shared.kernel.errors import Malformed
from shared.kernel.money import format_money
from shared.kernel.period import format_month, parse_month

router = APIRouter(prefix="/v1/payroll", tags=["payroll"])

Payer = Annotated[Principal, Depends(allow(Role.ACCOUNTANT, reads=True))]
"""A caller who may see everybody's pay."""

_HEAD = "month,manager_id,item,reference,business_date,amount\n"
_LINES_AT_ONCE = 500


class Format(StrEnum):
    """CSV with a header line, or a JSON object a line."""

    CSV = "csv"
    NDJSON = "ndjson"


def month_named(month: Annotated[str, Path(description="YYYY-MM")]) -> int:
    """The path's month as YYYYMM."""
    try:
        return parse_month(month)
    except Malformed as error:
        raise malformed("month", str(error), place="path") from None


@router.get("/{month}")
async def export_payroll(
    request: Request,
    month: Annotated[int, Depends(month_named)],
    _: Payer,
    format: Annotated[Format, Query(description="`csv` or `ndjson`")] = Format.CSV,
) -> StreamingResponse:
    """A line for each manager and item, in order of manager, item and reference; positive is what the manager gets. The
    last line is the control: how many lines, and their sum. Once a month is over these bytes are the same for ever."""
    media_type = "text/csv; charset=utf-8" if format is Format.CSV else "application/x-ndjson"
    disposition = f'attachment; filename="payroll-{format_month(month)}.{format}"'
    lines = _lines(request.app.state.database, month, format)
    return StreamingResponse(lines, media_type=media_type, headers={"Content-Disposition": disposition})


async def _lines(database: Database, month: int, form: Format) -> AsyncIterator[str]:
    count = total = 0
    waiting = [_HEAD] if form is Format.CSV else []
    async with database.snapshot() as connection:
        async for item in payroll.of_month(connection, month):
            waiting.append(_line(item, form))
            count, total = count + 1, total + item.amount
            if len(waiting) >= _LINES_AT_ONCE:
                yield "".join(waiting)
                waiting.clear()
    yield "".join([*waiting, _control(month, count, total, form)])


def _line(item: Item, form: Format) -> str:
    said = {
        "month": format_month(item.month),
        "manager_id": item.manager_id,
        "item": item.item,
        "reference": item.reference,
        "business_date": item.business_date.isoformat(),
        "amount": format_money(item.amount),
    }
    # no field can hold a comma, a quote or a line break: they are ids, dates and amounts
    return f"{','.join(said.values())}\n" if form is Format.CSV else f"{orjson.dumps(said).decode()}\n"


def _control(month: int, count: int, total: int, form: Format) -> str:
    if form is Format.CSV:
        return f"{format_month(month)},control,{count},,,{format_money(total)}\n"
    said = {"month": format_month(month), "count": count, "sum": format_money(total)}
    return f"{orjson.dumps({'control': said}).decode()}\n"
