"""Whether the books balance, month by month, from the legs themselves: the permanent watch behind ``/readyz``.

Every write is checked twice already, by the rules and by the database; this looks at what lies there, whoever
wrote it. Months take turns, so that a look costs as much as one month has legs.
"""

from dataclasses import dataclass, field

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.infrastructure.database import Database, driver_of
from shared.infrastructure.watch import FINE, Watch
from shared.kernel.period import format_month

_MONTHS = "SELECT DISTINCT period FROM month ORDER BY period DESC"

# I1 and I2 on the month's legs, and that the sums which statements are read from are the sums of the legs
_BROKEN_LINE = """
    WITH legs AS (
        SELECT leg.book, leg.line, leg.contra, sum(leg.amount) AS amount
        FROM month JOIN leg ON leg.shard = month.shard
                           AND leg.position BETWEEN month.first_position AND month.last_position
        WHERE month.period = $1 AND leg.period = $1 GROUP BY leg.book, leg.line, leg.contra
    ), sums AS (
        SELECT book, line, contra, sum(amount) AS amount FROM centre_month WHERE period = $1
        GROUP BY book, line, contra
    ), by_line AS (
        SELECT line, sum(legs.amount) FILTER (WHERE book = 'manager') AS manager,
               sum(legs.amount) FILTER (WHERE book = 'department') AS department,
               sum(legs.amount) FILTER (WHERE book = 'manager' AND NOT contra) AS managers,
               sum(legs.amount) FILTER (WHERE book = 'department' AND NOT contra) AS departments,
               bool_or(legs.amount IS DISTINCT FROM sums.amount) AS stale
        FROM legs FULL JOIN sums USING (book, line, contra) GROUP BY line
    )
    SELECT line::text,
           coalesce(manager, 0) <> 0 OR coalesce(department, 0) <> 0
           OR coalesce(managers, 0) <> coalesce(departments, 0) AS unbalanced
    FROM by_line
    WHERE coalesce(manager, 0) <> 0 OR coalesce(department, 0) <> 0
       OR coalesce(managers, 0) <> coalesce(departments, 0) OR stale
    ORDER BY unbalanced DESC, line LIMIT 1
"""
_BROKEN_ENTRY = """
    SELECT event.event_id
    FROM month JOIN leg ON leg.shard = month.shard
                       AND leg.position BETWEEN month.first_position AND month.last_position
    JOIN event ON (event.shard, event.position) = (leg.shard, leg.position)
    WHERE month.period = $1 AND leg.period = $1 AND leg.line = $2::text::line_name
    GROUP BY event.event_id, leg.shard, leg.position
    HAVING coalesce(sum(amount) FILTER (WHERE book = 'manager'), 0) <> 0
        OR coalesce(sum(amount) FILTER (WHERE book = 'department'), 0) <> 0
        OR coalesce(sum(amount) FILTER (WHERE book = 'manager' AND NOT contra), 0)
        <> coalesce(sum(amount) FILTER (WHERE book = 'department' AND NOT contra), 0)
    ORDER BY leg.shard, leg.position LIMIT 1
"""


async def break_of(connection: AsyncConnection, month: int) -> str | None:
    """The first break of a month, naming line and entry; None where the books balance."""
    driver = await driver_of(connection)
    broken = await driver.fetchrow(_BROKEN_LINE, month)
    if broken is None:
        return None
    line, unbalanced = broken
    if not unbalanced:
        return f"{format_month(month)}, {line}: the statements are not the sums of the legs (dualbook replay)"
    entry = await driver.fetchval(_BROKEN_ENTRY, month, line)
    return f"{format_month(month)}, {line}: out of balance" + (f" at entry {entry}" if entry else "")


@dataclass
class BalanceWatch:
    """Looks at the newest month each time, and at one older month in turn."""

    broken: dict[int, str] = field(default_factory=dict)
    _waiting: list[int] = field(default_factory=list)

    async def __call__(self, database: Database) -> str:
        async with database.snapshot() as connection:
            await connection.exec_driver_sql("SELECT 1")  # begins the transaction that the driver works in
            driver = await driver_of(connection)
            months = [row[0] for row in await driver.fetch(_MONTHS)]
            for month in {*months[:1], *self._next(months)}:
                found = await break_of(connection, month)
                if found is None:
                    self.broken.pop(month, None)
                else:
                    self.broken[month] = found
        return self.broken[min(self.broken)] if self.broken else FINE

    def _next(self, months: list[int]) -> list[int]:
        """The older month whose turn it is, and those that were broken when they were looked at last."""
        self._waiting = [month for month in self._waiting if month in months] or months[1:]
        turn, self._waiting = self._waiting[:1], self._waiting[1:]
        return [*turn, *self.broken]


def balance_watch() -> Watch:
    """The watch of one running ledger."""
    return Watch("books", BalanceWatch())
