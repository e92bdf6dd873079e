"""What is under way with customers: complaints to answer, open referrals, visits that are due. For hand-overs."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.assignment.views.care.due import due_visits
from services.assignment.views.policy import policies


class ItemKind(StrEnum):
    """What is under way: complaint 投诉, referral 转介绍, visit 到期走访, revisit 已约回访."""

    COMPLAINT = "complaint"
    REFERRAL = "referral"
    VISIT = "visit"
    REVISIT = "revisit"


@dataclass(frozen=True, slots=True)
class OpenItem:
    """One thing to be done for a customer.

    ``item_id`` is the complaint's or referral's id, the customer's for a visit that the cycle asks for, and the
    promising visit's for a revisit. ``manager_id`` is None for a complaint that nobody is to answer yet, ``due_on``
    for a referral.
    """

    kind: ItemKind
    item_id: str
    customer_id: str
    manager_id: str | None
    due_on: date | None


async def open_items(connection: AsyncConnection, customer_ids: Collection[str], day: date) -> list[OpenItem]:
    """All that is under way with these customers on a day, by customer, kind and item.

    Complaints are those received or assigned: one that was answered is not the manager's to answer any more.
    """
    rows = await connection.execute(
        text(
            """
            SELECT 'complaint' AS kind, complaint_id AS item_id, customer_id, manager_id, due_on FROM complaint
            WHERE customer_id = ANY(:ids) AND status IN ('received', 'assigned')
            UNION ALL
            SELECT 'referral', referral_id, customer_id, manager_id, NULL FROM referral
            WHERE customer_id = ANY(:ids) AND status = 'open'
            """
        ),
        {"ids": list(customer_ids)},
    )
    items = [OpenItem(ItemKind(kind), *rest) for kind, *rest in rows]
    policy = (await policies(connection)).in_force(day)
    items += [
        OpenItem(ItemKind(due.kind), due.item_id, due.customer_id, due.manager_id, due.due_on)
        for due in await due_visits(connection, policy, day, customer_ids=customer_ids)
    ]
    return sorted(items, key=lambda item: (item.customer_id, item.kind, item.item_id))
