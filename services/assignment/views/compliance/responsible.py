"""Who was responsible for customers on days of the past: the manager with the largest share (ties: the smaller id)."""

from collections.abc import Collection
from datetime import date

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_LEADS = text(
    """
    SELECT DISTINCT ON (asked.customer_id, asked.day) asked.customer_id, asked.day, manager_id
    FROM unnest(cast(:customers AS text[]), cast(:days AS date[])) AS asked (customer_id, day)
    JOIN portfolio ON portfolio.customer_id = asked.customer_id AND effective_from <= asked.day
                  AND (effective_to IS NULL OR effective_to > asked.day)
    ORDER BY asked.customer_id, asked.day, share DESC, manager_id
    """
)


async def leads_on(
    connection: AsyncConnection, asked: Collection[tuple[str, date]]
) -> dict[tuple[str, date], str]:
    """Who was responsible for each of these customers on each of these days; absent is nobody."""
    if not asked:
        return {}
    pairs = sorted(set(asked))
    rows = await connection.execute(
        _LEADS, {"customers": [one for one, _ in pairs], "days": [day for _, day in pairs]}
    )
    return {(row.customer_id, row.day): row.manager_id for row in rows}
