"""Table ``payroll_item``: what goes to the payroll of each month = ``GET /v1/payroll/{YYYY-MM}``."""

from collections.abc import AsyncIterator, Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.appraisal.domain.payroll import Item, items
from shared.infrastructure.bank_time import BANK_TIME
from shared.infrastructure.database import copy
from shared.kernel.event import StoredEvent
from shared.kernel.period import month_of

_COLUMNS = ("event_id", "month", "manager_id", "item", "reference", "business_date", "amount")
_OF_MONTH = text(
    "SELECT month, manager_id, item, reference, business_date, amount FROM payroll_item "
    "WHERE month = :month ORDER BY manager_id, item, reference, event_id"
)


class PayrollView:
    """One row an item; an event makes one at most."""

    tables = ("payroll_item",)
    takes = None  # the payroll's rules say which put something on it

    async def project(self, connection: AsyncConnection, events: Sequence[StoredEvent]) -> None:
        rows = [
            (
                event.event_id,
                one.month,
                one.manager_id,
                one.item,
                one.reference,
                one.business_date,
                one.amount,
            )
            for event in events
            for one in items(event.fact, month_of(event.recorded_at.astimezone(BANK_TIME).date()))
        ]
        if rows:
            await copy(connection, "payroll_item", _COLUMNS, rows)


async def of_month(connection: AsyncConnection, month: int) -> AsyncIterator[Item]:
    """The items of a month YYYYMM in order of manager, item and reference, as they are read."""
    async for row in await connection.stream(_OF_MONTH, {"month": month}):
        yield Item(**row._mapping)
