"""Table ``loan``: each loan as it stands, which decides what may be booked on it next."""

from collections.abc import Collection, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from services.ledger.domain.entry import EntryBooked
from services.ledger.domain.loan import Loan
from shared.infrastructure.database import driver_of
from shared.kernel.books import LoanClass
from shared.kernel.event import StoredEvent

_PUT = """
    INSERT INTO loan (loan_id, customer_id, outstanding, held, loan_class, closed)
    SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::loan_class[], $6::bool[])
    ON CONFLICT (customer_id, loan_id) DO UPDATE
        SET outstanding = excluded.outstanding, held = excluded.held,
            loan_class = excluded.loan_class, closed = excluded.closed
"""


class LoanView:
    """The last word of the batch on each loan. Two customers claiming one loan id break its primary key."""

    tables = ("loan",)
    takes = frozenset({EntryBooked})

    async def project(self, connection: AsyncConnection, events: Sequence[StoredEvent]) -> None:
        latest: dict[tuple[str, str], Loan] = {}
        for event in events:
            entry = event.fact
            if type(entry) is EntryBooked and entry.loan is not None:
                latest[entry.loan.customer_id, entry.loan.loan_id] = entry.loan
        if not latest:
            return
        rows = [
            (loan.loan_id, loan.customer_id, loan.outstanding, loan.held, loan.loan_class.value, loan.closed)
            for _, loan in sorted(latest.items())
        ]
        driver = await driver_of(connection)
        await driver.execute(_PUT, *zip(*rows, strict=True))


async def loans(connection: AsyncConnection, loan_ids: Collection[str]) -> dict[str, Loan]:
    """The loans among these ids that exist."""
    if not loan_ids:
        return {}
    driver = await driver_of(connection)
    rows = await driver.fetch(
        "SELECT loan_id, customer_id, outstanding, held, loan_class::text, closed FROM loan WHERE loan_id = ANY($1)",
        list(loan_ids),
    )
    return {
        loan_id: Loan(loan_id, customer_id, outstanding, held, LoanClass(loan_class), closed)
        for loan_id, customer_id, outstanding, held, loan_class, closed in rows
    }
