"""The books: table ``leg``, and ``centre_month`` and ``month`` that its rows add up to.

= ``GET /v1/books/{book}/centres/{centre_id}/legs``, ``/v1/entries/{id}``; statements are in ``statement.py``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from urllib.parse import quote

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ledger.domain.entry import EntryBooked
from shared.infrastructure.database import copy, driver_of
from shared.kernel.books import CONTRA_CENTRES
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
    "adjusts_period",
    "customer_id",
    "account_id",
    "product_code",
    "department_id",
)


# What adjusts a closed month is dated before the month it is booked in: it stands there from the first day on.
_ADD_UP = """
    INSERT INTO centre_month AS present
           (shard, period, book, centre_id, department_id, product_code, line, contra, legs, amount, by_10, by_20)
    SELECT shard, period, book, centre_id, department_id, coalesce(product_code, ''), line, contra,
           count(*), sum(amount),
           coalesce(sum(amount) FILTER (WHERE adjusts_period IS NOT NULL OR extract(day FROM business_date) <= 10), 0),
           coalesce(sum(amount) FILTER (WHERE adjusts_period IS NOT NULL OR extract(day FROM business_date) <= 20), 0)
    FROM leg WHERE shard = $1 AND position BETWEEN $2 AND $3
    GROUP BY shard, period, book, centre_id, department_id, product_code, line, contra
    ON CONFLICT (shard, period, book, centre_id, department_id, product_code, line) DO UPDATE
        SET legs = present.legs + excluded.legs,
            amount = present.amount + excluded.amount,
            by_10 = present.by_10 + excluded.by_10,
            by_20 = present.by_20 + excluded.by_20
"""
_ADD_ENTRIES = """
    INSERT INTO month AS present (shard, period, entries, first_position, last_position)
    SELECT * FROM unnest($1::smallint[], $2::int[], $3::bigint[], $4::bigint[], $5::bigint[])
    ON CONFLICT (shard, period) DO UPDATE
        SET entries = present.entries + excluded.entries, last_position = excluded.last_position
"""


class BooksView:
    """One row a leg, and the sums per shard, month, book, centre and line.

    All legs of an entry are written by one statement, on which the database checks I1 and I2. Many events touch
    the same centre's month: the new legs are added up by the database and written as one additive upsert, each
    shard to rows of its own, so that parallel consumers never wait for each other; queries sum over the shards.
    """

    tables = ("leg", "centre_month", "month")
    takes = frozenset({EntryBooked})

    async def project(self, connection: AsyncConnection, events: Sequence[StoredEvent]) -> None:
        rows: list[tuple[object, ...]] = []
        ranges: dict[int, list[int]] = {}
        months: dict[tuple[int, int], list[int]] = {}
        for event in events:
            entry = event.fact
            if type(entry) is not EntryBooked:
                continue
            shard, position = event.shard, event.position
            ranges.setdefault(shard, [position, position])[1] = position
            legs = entry.legs
            rows += [(shard, position, number, *leg) for number, leg in enumerate(legs, 1)]
            booked_in = {entry.period} if not entry.moves else {entry.period, *(leg.period for leg in legs)}
            for period in booked_in:
                month = months.setdefault((shard, period), [0, position, position])
                month[0] += period == entry.period
                month[2] = position
        if not months:
            return
        await copy(connection, "leg", COLUMNS, rows)
        driver = await driver_of(connection)
        for shard, (first, last) in ranges.items():
            await driver.execute(_ADD_UP, shard, first, last)
        keys = sorted(months)
        await driver.execute(
            _ADD_ENTRIES, *zip(*keys, strict=True), *zip(*(months[key] for key in keys), strict=True)
        )


@dataclass(frozen=True, slots=True)
class LegRow:
    """A leg as callers see it; ``leg_id`` is its place in the chain of events, ``links`` where its explanation and
    its entry are."""

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
    product_code: str | None
    department_id: str
    links: dict[str, str]


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
    # said in so many words, as the index by centre holds the legs of real centres only
    contra = "leg.contra" if centre_id in CONTRA_CENTRES else "NOT leg.contra"
    rows = await connection.execute(
        text(
            _SELECT
            + f"""
            WHERE {contra} AND leg.centre_id = :centre_id AND leg.period BETWEEN :first AND :last
              AND leg.book = cast(:book AS book_name)
              AND (cast(:line AS text) IS NULL OR leg.line::text = :line)
              AND (leg.shard, leg.position, leg.number) > (cast(:shard AS bigint), :position, cast(:number AS bigint))
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


async def at(connection: AsyncConnection, shard: int, position: int, number: int) -> LegRow | None:
    """One leg by its place, if there is one."""
    rows = await connection.execute(
        text(_SELECT + " WHERE leg.shard = :shard AND leg.position = :position AND leg.number = :number"),
        {"shard": shard, "position": position, "number": number},
    )
    row = rows.first()
    return None if row is None else _shown(row)


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
    links = {"explain": f"/v1/legs/{place}/explain", "entry": entry_link(values["entry_id"])}
    return LegRow(leg_id=place, **values, links=links)


def entry_link(entry_id: str) -> str:
    """Where an entry is read."""
    return f"/v1/entries/{quote(entry_id, safe=':@+')}"
