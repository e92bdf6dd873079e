"""A customer's postings, read back from the department book's legs, which have every amount whole."""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from services.ledger.domain.attribution import Posting
from shared.infrastructure.database import driver_of

# a cost that named its manager stays with that manager, whoever looks after the customer
_POSTINGS = """
    SELECT leg.customer_id, leg.business_date, leg.line::text, leg.account_id, leg.product_code, leg.department_id,
           leg.amount
    FROM unnest($1::text[], $2::date[], $3::date[]) AS wanted(customer_id, since, until)
    JOIN leg ON leg.customer_id = wanted.customer_id AND leg.book = 'department' AND NOT leg.contra
            AND leg.business_date >= wanted.since
            AND (wanted.until IS NULL OR leg.business_date < wanted.until)
    WHERE leg.line <> 'direct_cost' OR NOT EXISTS (
        SELECT FROM event WHERE (event.shard, event.position) = (leg.shard, leg.position)
                            AND event.data::json #>> '{source_data,manager_id}' IS NOT NULL)
"""
_BALANCES = """
    SELECT leg.customer_id, wanted.since - 1, leg.line::text, leg.account_id, leg.product_code, leg.department_id,
           sum(leg.amount)::bigint
    FROM unnest($1::text[], $2::date[], $3::date[]) AS wanted(customer_id, since, until)
    JOIN leg ON leg.customer_id = wanted.customer_id AND leg.book = 'department' AND NOT leg.contra
            AND leg.business_date < wanted.since AND leg.line IN ('deposit_balance', 'loan_balance')
    GROUP BY 1, 2, 3, 4, 5, 6
"""


class Wanted(NamedTuple):
    """Of a customer: the postings dated from ``since`` on and before ``until``, one by one, and before them the
    balance of each account, as if it had been posted the day before."""

    customer_id: str
    since: date
    until: date | None


async def postings(connection: AsyncConnection, wanted: Sequence[Wanted]) -> dict[str, tuple[Posting, ...]]:
    """What was posted to each of these customers; two queries, whatever their number."""
    if not wanted:
        return {}
    driver = await driver_of(connection)
    found: dict[str, list[Posting]] = {one.customer_id: [] for one in wanted}
    arguments = [list(column) for column in zip(*wanted, strict=True)]
    for query in (_BALANCES, _POSTINGS):
        for customer_id, *posting in await driver.fetch(query, *arguments):
            found[customer_id].append(Posting(*posting))
    return {customer_id: tuple(mine) for customer_id, mine in found.items()}
