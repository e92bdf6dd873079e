"""Table ``commitment``: what managers committed to in tenders, for the targets of ``GET /v1/targets/{year}``."""

from collections.abc import Mapping, Sequence
from datetime import date

from sqlalchemy.ext.asyncio import AsyncConnection

from services.appraisal.domain.commitment import monthly
from shared.contracts.assignment import TenderAwarded
from shared.infrastructure.database import copy, driver_of
from shared.kernel.event import StoredEvent

_COLUMNS = ("tender_id", "manager_id", "committed", "effective_from")


class CommitmentView:
    """One row a tender that was awarded."""

    tables = ("commitment",)

    async def project(self, connection: AsyncConnection, events: Sequence[StoredEvent]) -> None:
        rows = [
            (fact.tender_id, fact.manager_id, fact.committed_profit, fact.effective_from)
            for fact in (event.fact for event in events)
            if isinstance(fact, TenderAwarded)
        ]
        if rows:
            await copy(connection, "commitment", _COLUMNS, rows)


async def committed(
    connection: AsyncConnection, first: int, last: int, manager_ids: Sequence[str] | None = None
) -> Mapping[str, int]:
    """What managers, these or all, committed to for the months ``YYYYMM`` from the first to the last, in minor
    units; absent is who committed to nothing."""
    driver = await driver_of(connection)
    rows = await driver.fetch(
        "SELECT manager_id, committed, effective_from FROM commitment "
        "WHERE effective_from BETWEEN $1 AND $2 AND ($3::text[] IS NULL OR manager_id = ANY($3))",
        date(first // 100 - 1, 1, 1),
        date(last // 100, 12, 31),
        manager_ids,
    )
    found: dict[str, int] = {}
    for manager_id, amount, effective_from in rows:
        months = monthly(amount, effective_from)
        part = [figure for month, figure in months.items() if first <= month <= last]
        if part:
            found[manager_id] = found.get(manager_id, 0) + sum(part)
    return found
