"""Table ``review_due``: when each customer's next review falls due; part of ``/v1/customers/{customer_id}/reviews``."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.assignment.domain.compliance.review import CustomerReviewed, first_due
from services.assignment.domain.customer import CustomerRegistered
from services.assignment.domain.policy import Policies
from shared.infrastructure.database import copy, driver_of
from shared.kernel.event import StoredEvent

_REVIEWED = """
    UPDATE review_due SET reviews = $2, reviewed_on = $3, next_due_on = $4 WHERE customer_id = $1
"""


class ReviewDueView:
    """One row a customer; ``next_due_on`` is null until the first review."""

    tables = ("review_due",)
    takes = frozenset({CustomerRegistered, CustomerReviewed})

    async def project(self, connection: AsyncConnection, events: Sequence[StoredEvent]) -> None:
        registered = [
            (event.fact.customer_id, event.fact.business_date)
            for event in events
            if isinstance(event.fact, CustomerRegistered)
        ]
        if registered:
            await copy(connection, "review_due", ("customer_id", "registered_on"), registered)
        reviewed = [
            (event.fact.customer_id, event.version, event.fact.reviewed_on, event.fact.next_due_on)
            for event in events
            if isinstance(event.fact, CustomerReviewed)
        ]
        if reviewed:
            driver = await driver_of(connection)
            await driver.executemany(_REVIEWED, reviewed)


@dataclass(frozen=True, slots=True)
class ReviewDue:
    """Where a customer stands with reviews; ``next_due_on`` is None for one who was never reviewed."""

    customer_id: str
    registered_on: date
    reviews: int
    next_due_on: date | None

    def due(self, policies: Policies) -> date:
        """When the next review falls due."""
        return self.next_due_on or first_due(self.registered_on, policies)


async def reviews_due(connection: AsyncConnection, customer_ids: Collection[str]) -> dict[str, ReviewDue]:
    """Where these customers stand; absent are those who are not on record."""
    rows = await connection.execute(
        text(
            "SELECT customer_id, registered_on, reviews, next_due_on FROM review_due WHERE customer_id = ANY(:ids)"
        ),
        {"ids": list(customer_ids)},
    )
    return {row.customer_id: ReviewDue(**row._mapping) for row in rows}
