"""Table ``loan_state``: each loan's class and what was outstanding of it, from each business date of an entry on."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.appraisal.domain.loan import LoanNote, late
from services.appraisal.domain.results import ResultsReceived
from services.appraisal.domain.source import BAD
from services.appraisal.views.holding import HELD
from shared.infrastructure.database import copy, driver_of
from shared.kernel.books import UNASSIGNED
from shared.kernel.event import StoredEvent

_COLUMNS = (*LoanNote._fields[:-2], "stated", "department_id", "outstanding")
_LATEST = """
    SELECT loan_id, max(business_date), max(position) FROM loan_state WHERE loan_id = ANY($1) GROUP BY loan_id
"""
# Each entry's own part, from one position to the next, counts from its business date on.
_RECKONED = """
    UPDATE loan_state SET outstanding = reckoned.outstanding
    FROM (
        SELECT loan_id, position,
               sum(part) OVER (PARTITION BY loan_id ORDER BY business_date, position)::bigint AS outstanding
        FROM (
            SELECT loan_id, business_date, position,
                   stated - lag(stated, 1, 0::bigint) OVER (PARTITION BY loan_id ORDER BY position) AS part
            FROM loan_state WHERE loan_id = ANY($1)
        ) AS parts
    ) AS reckoned
    WHERE loan_state.loan_id = reckoned.loan_id AND loan_state.position = reckoned.position
      AND loan_state.outstanding <> reckoned.outstanding
"""


class LoanView:
    """One row an entry about a loan. As a rule what an entry states is what was outstanding on its date; of loans
    with a late entry that is reckoned anew."""

    tables = ("loan_state",)
    takes = frozenset({ResultsReceived})

    async def project(self, connection: AsyncConnection, events: Sequence[StoredEvent]) -> None:
        notes = [
            note for event in events if isinstance(event.fact, ResultsReceived) for note in event.fact.loans
        ]
        if not notes:
            return
        driver = await driver_of(connection)
        known = await driver.fetch(_LATEST, sorted({note.loan_id for note in notes}))
        await copy(connection, "loan_state", _COLUMNS, [(*note, note.outstanding) for note in notes])
        disordered = late(notes, {loan_id: (day, position) for loan_id, day, position in known})
        if disordered:
            await driver.execute(_RECKONED, sorted(disordered))


_ON_DAY = """
        SELECT DISTINCT ON (loan_id) customer_id, department_id, loan_class, outstanding FROM loan_state
        WHERE business_date <= :day ORDER BY loan_id DESC, business_date DESC, position DESC
"""
_SHARES = text(
    f"""
    SELECT manager_id,
           coalesce(sum(outstanding * share) FILTER (WHERE loan_class = ANY(:bad)), 0) AS bad,
           sum(outstanding * share) AS outstanding
    FROM ({_ON_DAY}) AS loan
    JOIN holding USING (customer_id)
    WHERE loan.outstanding > 0 AND {HELD.format(day=":day")}
      AND manager_id <> :nobody AND (cast(:only AS text) IS NULL OR manager_id = :only)
    GROUP BY manager_id
    """  # noqa: S608  # constants
)
_OF_DEPARTMENTS = text(
    f"""
    SELECT department_id,
           coalesce(sum(outstanding) FILTER (WHERE loan_class = ANY(:bad)), 0) AS bad, sum(outstanding) AS outstanding
    FROM ({_ON_DAY}) AS loan
    WHERE outstanding > 0 AND department_id IS NOT NULL
      AND (cast(:only AS text) IS NULL OR department_id = :only)
    GROUP BY department_id
    """  # noqa: S608  # constants
)


async def outstanding(
    connection: AsyncConnection, day: date, only: str | None = None
) -> dict[str, tuple[Decimal, Decimal]]:
    """Bad loans and all open loans of each manager, or of that one, by their shares on a day, in minor units."""
    values = {"day": day, "bad": [one.value for one in BAD], "nobody": UNASSIGNED, "only": only}
    rows = await connection.execute(_SHARES, values)
    return {row.manager_id: (row.bad, row.outstanding) for row in rows}


async def outstanding_of_departments(
    connection: AsyncConnection, day: date, only: str | None = None
) -> dict[str, tuple[Decimal, Decimal]]:
    """Bad loans and all open loans of each department's products, or of that one's, on a day, in minor units."""
    values = {"day": day, "bad": [one.value for one in BAD], "only": only}
    rows = await connection.execute(_OF_DEPARTMENTS, values)
    return {row.department_id: (row.bad, row.outstanding) for row in rows}
