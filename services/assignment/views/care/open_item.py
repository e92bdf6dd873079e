"""What is under way with customers: complaints to answer, open referrals, visits that are due. For hand-overs."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.assignment.views.care import complaint, referral
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
    return await _with_visits(connection, items, customer_ids, day)


async def open_items_as_of(
    connection: AsyncConnection, customer_ids: Collection[str], day: date
) -> list[OpenItem]:
    """The same as it was at the end of a day, by what is recorded for it and the days before."""
    items = [
        OpenItem(ItemKind.COMPLAINT, one.complaint_id, one.customer_id, one.manager_id, one.due_on)
        for one in await complaint.unanswered_on(connection, customer_ids, day)
    ]
    items += [
        OpenItem(ItemKind.REFERRAL, one.referral_id, one.customer_id, one.manager_id, None)
        for one in await referral.open_on(connection, customer_ids, day)
    ]
    return await _with_visits(connection, items, customer_ids, day, past=True)


async def _with_visits(
    connection: AsyncConnection,
    items: Sequence[OpenItem],
    customer_ids: Collection[str],
    day: date,
    *,
    past: bool = False,
) -> list[OpenItem]:
    policy = (await policies(connection, day if past else None)).in_force(day)
    due = await due_visits(connection, policy, day, customer_ids=customer_ids, past=past)
    visits = [
        OpenItem(ItemKind(one.kind), one.item_id, one.customer_id, one.manager_id, one.due_on) for one in due
    ]
    return sorted([*items, *visits], key=lambda item: (item.customer_id, item.kind, item.item_id))
