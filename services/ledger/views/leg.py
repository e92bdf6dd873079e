"""Table ``leg``: every leg of every entry = ``GET /v1/books/{book}/centres/{centre_id}/legs``, ``/v1/entries/{id}``."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ledger.domain.entry import EntryBooked
from shared.infrastructure.database import copy
from shared.kernel.event import StoredEvent
from shared.kernel.money import format_money
from shared.kernel.period import Period, format_month

COLUMNS = (
    "shard",
    "position",
    "number",
    "book",
    "line",
    "centre_id",
    "contra",
    "amount",
    "business_date",
    "period",
    "customer_id",
    "account_id",
    "product_code",
    "department_id",
)


class LegView:
    """One row a leg. All legs of an entry are written by one statement, on which the database checks I1 and I2."""

    tables = ("leg",)

    async def project(self, connection: AsyncConnection, events: Sequence[StoredEvent]) -> None:
        rows: list[tuple[object, ...]] = []
        for event in events:
            entry = event.fact
            if not isinstance(entry, EntryBooked):
                continue
            shard, position = event.shard, event.position
            day, period, department_id = entry.business_date, entry.period, entry.department_id
            customer_id, account_id, product_code = entry.customer_id, entry.account_id, entry.product_code
            number = 0
            for book, line, centre_id, contra, amount in entry.legs():
                number += 1
                rows.append(
                    (
                        shard,
                        position,
                        number,
                        book,
                        line,
                        centre_id,
                        contra,
                        amount,
                        day,
                        period,
                        customer_id,
                        account_id,
                        product_code,
                        department_id,
                    )
                )
        if rows:
            await copy(connection, "leg", COLUMNS, rows)


@dataclass(frozen=True, slots=True)
class LegRow:
    """A leg as callers see it; ``leg_id`` is its place in the chain of events."""

    leg_id: str
    entry_id: str
    book: str
    line: str
    centre_id: str
    amount: str
    business_date: date
    period: str
    adjusts_period: str | None
    customer_id: str | None
    account_id: str | None
    product_code: str
    department_id: str


_SELECT = """
    SELECT leg.shard, leg.position, leg.number, event.event_id AS entry_id, leg.book::text AS book,
           leg.line::text AS line, leg.centre_id, leg.amount, leg.business_date, leg.period, leg.adjusts_period,
           leg.customer_id, leg.account_id, leg.product_code, leg.department_id
    FROM leg JOIN event USING (shard, position)
"""


async def of_centre(
    connection: AsyncConnection,
    book: str,
    centre_id: str,
    period: Period,
    line: str | None,
    after: tuple[int, int, int],
    limit: int,
) -> list[tuple[tuple[int, int, int], LegRow]]:
    """Legs of a centre in a period, in booking order, each with its place (for the cursor)."""
    rows = await connection.execute(
        text(
            _SELECT
            + """
            WHERE leg.centre_id = :centre_id AND leg.period BETWEEN :first AND :last
              AND leg.book = cast(:book AS book_name)
              AND (cast(:line AS text) IS NULL OR leg.line::text = :line)
              AND (leg.shard, leg.position, leg.number) > (:shard, :position, :number)
            ORDER BY leg.shard, leg.position, leg.number LIMIT :limit
            """
        ),
        {
            "centre_id": centre_id,
            "first": period.first,
            "last": period.last,
            "book": book,
            "line": line,
            "shard": after[0],
            "position": after[1],
            "number": after[2],
            "limit": limit,
        },
    )
    return [((row.shard, row.position, row.number), _shown(row)) for row in rows]


async def of_entry(connection: AsyncConnection, shard: int, position: int) -> list[LegRow]:
    """All legs of an entry, both books, contra legs included."""
    rows = await connection.execute(
        text(_SELECT + " WHERE leg.shard = :shard AND leg.position = :position ORDER BY leg.number"),
        {"shard": shard, "position": position},
    )
    return [_shown(row) for row in rows]


def _shown(row: object) -> LegRow:
    values = dict(row._mapping)  # type: ignore[attr-defined]
    place = f"{values.pop('shard')}-{values.pop('position')}-{values.pop('number')}"
    values["amount"] = format_money(values["amount"])
    values["period"] = format_month(values["period"])
    adjusts = values["adjusts_period"]
    values["adjusts_period"] = adjusts and format_month(adjusts)
    return LegRow(leg_id=place, **values)
