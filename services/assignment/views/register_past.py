"""The register as of a day gone by: tiers and loan classes, which are not kept by month, from the events."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import date

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.assignment.views import customer
from services.assignment.views.register import CLASSES, Entry


async def as_of(connection: AsyncConnection, entries: Sequence[Entry], day: date) -> list[Entry]:
    """The entries with the tiers and the worst classes of a day."""
    customers = await customer.found(connection, [one.customer_id for one in entries])
    tiers = {one.customer_id: one.tier for one in await customer.as_of(connection, customers, day)}
    classes: dict[object, list[str]] = {}
    for loan in await _loans(connection, list(tiers), day):
        if not loan["closed"]:
            classes.setdefault(loan["customer_id"], []).append(str(loan["loan_class"]))
    return [
        replace(
            one,
            tier=tiers[one.customer_id],
            loan_class=max(classes.get(one.customer_id, ()), key=CLASSES.index, default=None),
        )
        for one in entries
    ]


async def loans(connection: AsyncConnection, customer_id: str, day: date) -> list[dict[str, object]]:
    """The loans of a customer by id as of a day, each with its class and since when."""
    shown = ("loan_id", "loan_class", "closed", "since")
    return [{name: loan[name] for name in shown} for loan in await _loans(connection, [customer_id], day)]


async def _loans(
    connection: AsyncConnection, customer_ids: Collection[str], day: date
) -> list[dict[str, object]]:
    """The loans of customers by id, as what the ledger had said by a day left them."""
    rows = await connection.execute(
        text(
            """
            SELECT DISTINCT ON (stream, loan_id) customer_id, loan_id, loan_class, closed, business_date AS since
            FROM event, json_to_record(data::json)
                AS said (customer_id text, loan_id text, loan_class text, closed boolean)
            WHERE stream = ANY(:streams) AND business_date <= :day
            ORDER BY stream, loan_id, version DESC
            """
        ),
        {"streams": [f"customer-{one}#loans" for one in customer_ids], "day": day},
    )
    return [dict(row._mapping) for row in rows]
