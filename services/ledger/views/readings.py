"""What the ledger shows of itself in ``/metrics``: its books side by side, its months, and what it books."""

from collections import Counter as Counting
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ledger.domain.entry import EntryBooked
from shared.infrastructure.bank_time import BANK_TIME
from shared.infrastructure.metrics import counter, gauge, histogram
from shared.infrastructure.reading import Reading
from shared.kernel.books import Line
from shared.kernel.event import StoredEvent
from shared.kernel.period import last_day

BOOKED = counter(
    "dualbook_ledger_events_booked_total", "Entries booked, by the type of the event behind them.", ("type",)
)
DIFFERENCE = gauge(
    "dualbook_ledger_reconciliation_difference_minor_units",
    "How far the two books are apart on a line, summed up over the months; it must be 0.",
    ("line",),
)
OPEN_PERIOD = gauge(
    "dualbook_ledger_open_period",
    "The first month with entries that is not closed, as YYYYMM; 0 where there is none.",
)
OPEN_PERIOD_ENDED = gauge(
    "dualbook_ledger_open_period_ended_timestamp_seconds",
    "When the first month with entries that is not closed ends or ended, in bank time; 0 where there is none.",
)
PERIODS_CLOSED = gauge("dualbook_ledger_periods_closed", "Months that are closed.")
CLOSE_SECONDS = histogram(
    "dualbook_ledger_period_close_seconds",
    "Time that the close of a month took, to its answer.",
    buckets=(0.1, 0.5, 1, 5, 10, 30, 60, 120, 300, 600, 1800),
)

_MONTHS = text(
    """
    SELECT DISTINCT period, period > coalesce((SELECT max(month) FROM period), 0) AS open
    FROM month ORDER BY period
    """
)
_DIFFERENCES = text(
    """
    SELECT line::text AS line, period,
           abs(sum(CASE book WHEN 'manager' THEN amount ELSE -amount END))::bigint AS difference
    FROM month JOIN centre_month USING (shard, period)
    WHERE NOT contra AND period = ANY(:months) GROUP BY line, period
    """
)


def count_booked(events: Sequence[StoredEvent]) -> None:
    """Count the entries among events that were stored."""
    booked = Counting(event.fact.cause_type for event in events if type(event.fact) is EntryBooked)
    for kind, number in booked.items():  # the types that a rule books, and no others
        BOOKED.labels(kind).inc(number)


@dataclass
class ReconciliationReading:
    """Looks at all months once, then at the open ones each time and at a closed one in turn: a closed month has no
    more bookings, so that looking at them all would cost more each year."""

    differences: dict[int, Mapping[str, int]] = field(default_factory=dict)
    _waiting: list[int] = field(default_factory=list)

    async def __call__(self, connection: AsyncConnection) -> None:
        months = {row.period: row.open for row in await connection.execute(_MONTHS)}
        self._waiting = [month for month in self._waiting if month in months] or list(months)
        turn = self._waiting.pop(0) if self._waiting else None
        due = [
            month
            for month, is_open in months.items()
            if is_open or month == turn or month not in self.differences
        ]
        found: dict[int, dict[str, int]] = {month: {} for month in due}
        for row in await connection.execute(_DIFFERENCES, {"months": due}):
            found[row.period][row.line] = row.difference
        self.differences.update(found)
        for line in Line:
            DIFFERENCE.labels(line).set(sum(month.get(line, 0) for month in self.differences.values()))


async def read_periods(connection: AsyncConnection) -> None:
    """Which month is to close next, and how many are closed."""
    rows = await connection.execute(
        text(
            """
            SELECT (SELECT count(*) FROM period) AS closed,
                   (SELECT min(period) FROM month
                    WHERE period > coalesce((SELECT max(month) FROM period), 0)) AS open
            """
        )
    )
    closed, month = rows.one()
    PERIODS_CLOSED.set(closed)
    OPEN_PERIOD.set(month or 0)
    OPEN_PERIOD_ENDED.set(end_of(month) if month else 0)


def end_of(month: int) -> float:
    """The moment at which a month ``YYYYMM`` ends in bank time, as Unix time."""
    return datetime.combine(last_day(month) + timedelta(days=1), time(), BANK_TIME).timestamp()


def readings() -> Sequence[Reading]:
    """The readings of one running ledger."""
    return (Reading("reconciliation", ReconciliationReading()), Reading("periods", read_periods))
