"""Table ``holding``: who looks after which customers when, as sources count customers and share out loans."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.appraisal.domain.source import Customers
from shared.contracts.assignment import CustomerAssigned
from shared.infrastructure.database import copy, driver_of
from shared.kernel.books import UNASSIGNED
from shared.kernel.event import StoredEvent

_COLUMNS = ("customer_id", "effective_from", "manager_id", "share")
_REPLACED = """
    DELETE FROM holding USING unnest($1::text[], $2::date[]) AS assigned (customer_id, effective_from)
    WHERE holding.customer_id = assigned.customer_id AND holding.effective_from = assigned.effective_from
"""
# What held until then ends where the new entry begins.
_ENDED = """
    UPDATE holding SET effective_to = following.day
    FROM (
        SELECT customer_id, effective_from,
               lead(effective_from) OVER (PARTITION BY customer_id ORDER BY effective_from) AS day
        FROM (SELECT DISTINCT customer_id, effective_from FROM holding WHERE customer_id = ANY($1)) AS entry
    ) AS following
    WHERE holding.customer_id = following.customer_id AND holding.effective_from = following.effective_from
      AND holding.effective_to IS DISTINCT FROM following.day
"""


class HoldingView:
    """One row a customer, effective date and manager; of several words for a date, the last."""

    tables = ("holding",)
    takes = frozenset({CustomerAssigned})

    async def project(self, connection: AsyncConnection, events: Sequence[StoredEvent]) -> None:
        latest = {
            (event.fact.customer_id, event.fact.effective_from): event.fact
            for event in events
            if isinstance(event.fact, CustomerAssigned)
        }
        if not latest:
            return
        driver = await driver_of(connection)
        await driver.execute(_REPLACED, *zip(*latest, strict=True))
        await copy(
            connection, "holding", _COLUMNS, [row for key in sorted(latest) for row in _rows(latest[key])]
        )
        await driver.execute(_ENDED, sorted({customer_id for customer_id, _ in latest}))


def _rows(assigned: CustomerAssigned) -> list[tuple[str, date, str, Decimal]]:
    key = assigned.customer_id, assigned.effective_from
    if not assigned.shares:
        return [(*key, UNASSIGNED, Decimal(1))]
    return [(*key, one.manager_id, one.share) for one in assigned.shares]


HELD = "holding.effective_from <= {day} AND (holding.effective_to IS NULL OR holding.effective_to > {day})"
"""Whether a row holds on a day."""

_CUSTOMERS = text(
    f"""
    SELECT manager_id,
           count(before.customer_id) AS before,
           count(*) FILTER (WHERE before.customer_id IS NULL) AS gained,
           count(*) FILTER (WHERE after.customer_id IS NULL) AS lost
    FROM (SELECT manager_id, customer_id FROM holding WHERE {HELD.format(day=":before")}) AS before
    FULL JOIN (SELECT manager_id, customer_id FROM holding WHERE {HELD.format(day=":last")}) AS after
        USING (manager_id, customer_id)
    WHERE manager_id <> :nobody AND (cast(:only AS text) IS NULL OR manager_id = :only)
    GROUP BY manager_id
    """  # noqa: S608  # constants
)


async def customers(
    connection: AsyncConnection, before: date, last: date, only: str | None = None
) -> dict[str, Customers]:
    """How many customers each manager, or that one, had on the day ``before`` a period, gained until its ``last``
    day, and lost until then; absent is who had none on either day."""
    values = {"before": before, "last": last, "nobody": UNASSIGNED, "only": only}
    rows = await connection.execute(_CUSTOMERS, values)
    return {row.manager_id: Customers(row.before, row.gained, row.lost) for row in rows}
