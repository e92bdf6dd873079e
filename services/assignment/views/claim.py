"""Table ``claim``: the customers that are in an open tender or hand-over; shown with these, it has no URL of its own.

Two processes over one customer follow each other, but their events lie in different shards: in whatever order these
are replayed, each process takes away what it has put there itself.
"""

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from services.assignment.domain.claim import Claim, Process
from services.assignment.domain.hand_over import HandOverCancelled, HandOverPlanned
from services.assignment.domain.tender import TenderCancelled, TenderClosedWithoutAward, TenderOpened
from shared.contracts.assignment import HandOverCompleted, TenderAwarded
from shared.infrastructure.database import copy, driver_of
from shared.kernel.event import StoredEvent

_COLUMNS = ("customer_id", "process", "process_id")


class ClaimView:
    """One row a customer in an open process."""

    tables = ("claim",)
    takes = frozenset(
        {
            TenderOpened,
            HandOverPlanned,
            TenderAwarded,
            TenderClosedWithoutAward,
            TenderCancelled,
            HandOverCompleted,
            HandOverCancelled,
        }
    )

    async def project(self, connection: AsyncConnection, events: Sequence[StoredEvent]) -> None:
        claimed: dict[str, tuple[Process, list[str]]] = {}
        released: list[str] = []
        for event in events:
            match event.fact:
                case TenderOpened() as fact:
                    claimed[fact.tender_id] = Process.TENDER, list(fact.customer_ids)
                case HandOverPlanned() as fact:
                    customers = [item.customer_id for item in fact.items]
                    claimed[fact.hand_over_id] = Process.HAND_OVER, customers
                case TenderAwarded() | TenderClosedWithoutAward() | TenderCancelled() as fact:
                    released.append(fact.tender_id)
                case HandOverCompleted() | HandOverCancelled() as fact:
                    released.append(fact.hand_over_id)
        if claimed:
            rows = [
                (customer_id, process.value, process_id)
                for process_id, (process, customers) in claimed.items()
                for customer_id in customers
            ]
            await copy(connection, "claim", _COLUMNS, rows)
        if released:
            driver = await driver_of(connection)
            await driver.execute("DELETE FROM claim WHERE process_id = ANY($1)", released)


async def claims(connection: AsyncConnection, customer_ids: Collection[str]) -> Mapping[str, Claim]:
    """The open processes that these customers are in."""
    driver = await driver_of(connection)
    rows = await driver.fetch(
        "SELECT customer_id, process, process_id FROM claim WHERE customer_id = ANY($1)", list(customer_ids)
    )
    return {customer_id: Claim(Process(process), process_id) for customer_id, process, process_id in rows}
