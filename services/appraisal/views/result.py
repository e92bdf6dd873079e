"""Table ``result``: a centre's month, line by line = ``GET /v1/scorecards``.

A fact is added up already; it is written as one additive upsert. Each shard has rows of its own, so that
parallel consumers never wait for each other, and queries sum over the shards.
"""

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.appraisal.domain.results import ResultsReceived
from services.appraisal.domain.scorecard import Scorecard, Scorecards, score
from shared.infrastructure.database import driver_of
from shared.kernel.books import Book, Line
from shared.kernel.event import StoredEvent
from shared.kernel.period import Period

_ADD = """
    INSERT INTO result AS present (shard, book, period, centre_id, line, amount)
    SELECT * FROM unnest($1::smallint[], $2::book_name[], $3::int[], $4::text[], $5::line_name[],
                         $6::bigint[])
    ON CONFLICT (shard, period, book, centre_id, line) DO UPDATE SET amount = present.amount + excluded.amount
"""


_ADJUST = """
    INSERT INTO adjustment AS present (shard, adjusts_period, book, period, centre_id, line, amount)
    SELECT * FROM unnest($1::smallint[], $2::int[], $3::book_name[], $4::int[], $5::text[], $6::line_name[],
                         $7::bigint[])
    ON CONFLICT (shard, period, adjusts_period, book, centre_id, line)
        DO UPDATE SET amount = present.amount + excluded.amount
"""


class ResultView:
    """Sums of legs per shard, month, book, centre and line; and what of them adjusts which closed month."""

    tables = ("result", "adjustment")
    takes = frozenset({ResultsReceived})

    async def project(self, connection: AsyncConnection, events: Sequence[StoredEvent]) -> None:
        sums: dict[tuple[int, str, int, str, str], int] = {}
        for event in events:
            if isinstance(event.fact, ResultsReceived):
                for cell, amount in event.fact.results.items():
                    key = (event.shard, *cell)
                    sums[key] = sums.get(key, 0) + amount
        adjusted: dict[tuple[int, int, str, int, str, str], int] = {}
        for event in events:
            if isinstance(event.fact, ResultsReceived):
                for (month, cell), amount in event.fact.adjustments.items():
                    place = (event.shard, month, *cell)
                    adjusted[place] = adjusted.get(place, 0) + amount
        driver = await driver_of(connection)
        if sums:
            keys = sorted(sums)
            await driver.execute(_ADD, *zip(*keys, strict=True), [sums[key] for key in keys])
        if adjusted:
            places = sorted(adjusted)
            await driver.execute(_ADJUST, *zip(*places, strict=True), [adjusted[place] for place in places])


_SUMS = """
    SELECT book::text AS book, centre_id, line::text AS line, sum(amount)::bigint AS amount
    FROM result WHERE period BETWEEN :first AND :last
"""
_OF_CENTRE = " AND book = cast(:book AS book_name) AND centre_id = :centre_id"
_GROUPED = " GROUP BY book, centre_id, line"
_EVER = "SELECT 1 FROM result WHERE book = cast(:book AS book_name) AND centre_id = :centre_id LIMIT 1"


async def scorecards(connection: AsyncConnection, period: Period) -> Scorecards:
    """The scorecards of all centres that have a result in the period."""
    rows = await connection.execute(text(_SUMS + _GROUPED), {"first": period.first, "last": period.last})
    return score((Book(row.book), row.centre_id, Line(row.line), row.amount) for row in rows)


async def scorecard(
    connection: AsyncConnection, side: Book, centre_id: str, period: Period
) -> Scorecard | None:
    """One centre's scorecard, all zero where it has no result in the period; None where it never had one."""
    centre = {"book": side.value, "centre_id": centre_id}
    rows = await connection.execute(
        text(_SUMS + _OF_CENTRE + _GROUPED), {"first": period.first, "last": period.last, **centre}
    )
    found = {Line(row.line): row.amount for row in rows}
    if not found and (await connection.execute(text(_EVER), centre)).first() is None:
        return None
    return Scorecard(centre_id, dict.fromkeys(Line, 0) | found)


async def adjustments(
    connection: AsyncConnection, period: Period
) -> dict[tuple[Book, str], dict[int, dict[Line, int]]]:
    """What of a period's results adjusts months before it: by side and centre, by month adjusted, by line."""
    rows = await connection.execute(
        text(
            "SELECT book::text AS book, centre_id, adjusts_period, line::text AS line, sum(amount)::bigint AS amount "
            "FROM adjustment WHERE period BETWEEN :first AND :last AND adjusts_period < :first "
            "GROUP BY book, centre_id, adjusts_period, line HAVING sum(amount) <> 0 "
            "ORDER BY book, centre_id, adjusts_period, line"
        ),
        {"first": period.first, "last": period.last},
    )
    found: dict[tuple[Book, str], dict[int, dict[Line, int]]] = {}
    for row in rows:
        months = found.setdefault((Book(row.book), row.centre_id), {})
        months.setdefault(row.adjusts_period, {})[Line(row.line)] = row.amount
    return found
