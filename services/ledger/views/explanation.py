"""What was known when an entry was booked, read back for its explanation = ``GET /v1/legs/{leg_id}/explain``."""

from collections.abc import Sequence
from datetime import date

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ledger.domain.attribution import STOCK_LINES, Posting
from services.ledger.domain.closing import ALLOCATED_COST
from services.ledger.domain.entry import EntryBooked, Leg, read_entry
from services.ledger.domain.explanation import is_move
from services.ledger.domain.explanation.terms import Known, Word
from services.ledger.domain.period import CAUSE_TYPE
from services.ledger.domain.policy import STREAM, Policies, PolicySet
from services.ledger.views.entry import StoredEntry
from shared.contracts.assignment import CustomerAssigned
from shared.kernel.period import format_month, months_between, next_month


async def known(connection: AsyncConnection, stored: StoredEntry, number: int | None) -> Known:
    """What bears on one leg of an entry, by its number, or on its lines where none is asked for."""
    entry = stored.entry
    leg = None if number is None else entry.legs[number - 1]
    if entry.cause_type == CAUSE_TYPE:
        pools = ALLOCATED_COST in entry.lines if leg is None else leg.line == ALLOCATED_COST
        return Known(
            earlier=await _earlier(connection, entry), peers=await _peers(connection, entry) if pools else ()
        )
    moved = leg is not None and number is not None and is_move(entry, number)
    return Known(
        words=await _words(connection, stored),
        policies=await _policies(connection, stored),
        postings=await _postings(connection, stored, leg) if leg is not None and moved else (),
    )


async def _words(connection: AsyncConnection, stored: StoredEntry) -> list[Word]:
    """The assignment messages that the entry's stream had before it."""
    rows = await connection.execute(
        text(
            "SELECT event_id, cause, data FROM event "
            "WHERE stream = :stream AND version < :version AND type = 'CustomerAssigned' ORDER BY version"
        ),
        {"stream": stored.entry.stream, "version": stored.version},
    )
    return [Word(row.event_id, row.cause, CustomerAssigned.model_validate_json(row.data)) for row in rows]


async def _policies(connection: AsyncConnection, stored: StoredEntry) -> Policies:
    """The policies as they had been set when the entry was recorded."""
    rows = await connection.execute(
        text("SELECT data FROM event WHERE stream = :stream AND recorded_at <= :moment ORDER BY version"),
        {"stream": STREAM, "moment": stored.recorded_at},
    )
    terms = [PolicySet.model_validate_json(row.data) for row in rows]
    return Policies.of([(one.effective_month, one) for one in terms])


# The department book has every amount whole; a cost that named its manager never changes hands.
_POSTINGS = """
    SELECT leg.business_date, leg.line::text AS line, leg.account_id, leg.product_code, leg.department_id, leg.amount
    FROM leg
    WHERE leg.customer_id = :customer_id AND leg.book = 'department' AND NOT leg.contra
      AND leg.position < :position AND leg.line = cast(:line AS line_name)
      AND leg.account_id IS NOT DISTINCT FROM :account_id
      AND leg.business_date BETWEEN :first AND :last
      AND (leg.line <> 'direct_cost' OR NOT EXISTS (
          SELECT FROM event WHERE (event.shard, event.position) = (leg.shard, leg.position)
                              AND event.data::json #>> '{source_data,manager_id}' IS NOT NULL))
    ORDER BY leg.business_date, leg.position, leg.number
"""


async def _postings(connection: AsyncConnection, stored: StoredEntry, leg: Leg) -> list[Posting]:
    """What had been posted to a move's account before the entry: of a stock up to the day, of a flow on it. All of a
    customer's entries lie in one shard."""
    first = date.min if leg.line in STOCK_LINES else leg.business_date
    rows = await connection.execute(
        text(_POSTINGS),
        {
            "customer_id": leg.customer_id,
            "position": stored.position,
            "line": leg.line,
            "account_id": leg.account_id,
            "first": first,
            "last": leg.business_date,
        },
    )
    return [Posting(*row) for row in rows]


async def _earlier(connection: AsyncConnection, entry: EntryBooked) -> list[EntryBooked]:
    """What the closes before booked for the month of a true-up and its manager: its own close, then every other."""
    if entry.adjusts_period is None:
        return []
    [manager] = entry.shares
    month = format_month(entry.adjusts_period)
    later = months_between(next_month(entry.adjusts_period), entry.period)
    true_ups = [f"close-{format_month(close)}~{manager}~{month}" for close in later if close < entry.period]
    return await _entries(connection, [f"close-{month}~{manager}", *true_ups])


async def _peers(connection: AsyncConnection, entry: EntryBooked) -> list[EntryBooked]:
    """All entries that the same close booked for its own month."""
    rows = await connection.execute(
        text("SELECT DISTINCT manager_id FROM computed_result WHERE month = :month"), {"month": entry.period}
    )
    return await _entries(
        connection, [f"close-{format_month(entry.period)}~{row.manager_id}" for row in rows]
    )


async def _entries(connection: AsyncConnection, entry_ids: Sequence[str]) -> list[EntryBooked]:
    rows = await connection.execute(
        text("SELECT data FROM event WHERE event_id = ANY(:ids)"), {"ids": list(entry_ids)}
    )
    return [read_entry(row.data) for row in rows]
