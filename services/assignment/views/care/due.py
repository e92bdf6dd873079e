"""Visits that are due = ``GET /v1/visits/due``: worked out from visits, timelines and policy, kept in no table.

A customer whom somebody looks after is to be visited so many months after the last visit or revisit, or after the
day on which somebody first looked after them; the policy says how many for the customer's tier. A promised revisit
is due on its day, until a visit or revisit later than the one that promised it. Of one day, what was recorded later
is later. Visits after the day that is asked about do not count.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.assignment.domain.policy import Policy
from services.assignment.views.portfolio import HELD, IN_FORCE

_DUE = """
    SELECT customer.customer_id, lead.manager_id, due.kind, due.item_id, due.due_on
    FROM customer
    LEFT JOIN unnest(cast(:tiers AS text[]), cast(:months AS int[])) AS cycle (tier, months) ON cycle.tier = {tier}
    CROSS JOIN LATERAL (
        SELECT manager_id FROM portfolio WHERE portfolio.customer_id = customer.customer_id AND {in_force}
        ORDER BY share DESC, manager_id LIMIT 1
    ) AS lead
    LEFT JOIN LATERAL (
        SELECT visited_on, visit_id FROM visit
        WHERE visit.customer_id = customer.customer_id AND kind <> 'call' AND visited_on <= :day
        ORDER BY visited_on DESC, visit_id DESC LIMIT 1
    ) AS last ON true
    CROSS JOIN LATERAL (
        SELECT 'visit' AS kind, customer.customer_id AS item_id,
               (coalesce(last.visited_on, (SELECT min(effective_from) FROM portfolio AS began
                                           WHERE began.customer_id = customer.customer_id))
                + make_interval(months => coalesce(cycle.months, cast(:usual AS int))))::date AS due_on
        UNION ALL
        SELECT 'revisit', visit_id, revisit_on FROM visit
        WHERE visit.customer_id = customer.customer_id AND revisit_on <= :day
          AND (last.visit_id IS NULL OR (visit.visited_on, visit.visit_id) >= (last.visited_on, last.visit_id))
    ) AS due
    WHERE {only} AND due.due_on <= :day
      AND (cast(:manager_id AS text) IS NULL OR lead.manager_id = :manager_id)
      AND customer.customer_id >= :after_customer
      AND (customer.customer_id, due.kind, due.item_id) > (:after_customer, :after_kind, :after_item)
    ORDER BY customer.customer_id, due.kind, due.item_id
    LIMIT :limit
"""
_TIER = "customer.tier"
_TIER_THEN = """(
        SELECT data::json ->> 'tier' FROM event
        WHERE stream = 'customer-' || customer.customer_id
          AND (type = 'CustomerRegistered' OR type = 'CustomerTierChanged' AND business_date <= :day)
        ORDER BY version DESC LIMIT 1
    )"""
_STATEMENTS = {
    (some, past): text(
        _DUE.format(
            in_force=IN_FORCE,
            only="customer.customer_id = ANY(:ids)" if some else "true",
            tier=_TIER_THEN if past else _TIER,
        )
    )
    for some in (False, True)
    for past in (False, True)
}
"""By whether some customers only are meant, and whether they are of the tiers of a day gone by.

Customer by customer, a few look-ups each: a page of the whole bank costs as much as it shows."""


@dataclass(frozen=True, slots=True)
class DueVisit:
    """A visit to make. ``item_id`` is the customer's id, of a promised revisit that of the visit that promised."""

    customer_id: str
    manager_id: str
    kind: str
    item_id: str
    due_on: date

    def shown(self, day: date) -> dict[str, object]:
        """As callers see it on a day; ``overdue_days`` are calendar days, 0 on the day itself."""
        return {
            "customer_id": self.customer_id,
            "kind": self.kind,
            "due_on": self.due_on,
            "overdue_days": (day - self.due_on).days,
            "manager_id": self.manager_id,
            "promised_by": self.item_id if self.kind == "revisit" else None,
        }


Place = tuple[str, str, str]
"""Where a page begins: customer, kind and item behind which."""


async def due_visits(
    connection: AsyncConnection,
    policy: Policy,
    day: date,
    *,
    customer_ids: Collection[str] | None = None,
    manager_id: str | None = None,
    after: Place = ("", "", ""),
    limit: int | None = None,
    past: bool = False,
) -> list[DueVisit]:
    """What is due by a day under its policy, customer by customer; of all, or of some, or of a manager's. For a day of
    the ``past``, customers are of the tier that they had then.

    A manager's are those of whom the manager has the largest share on that day.
    """
    if manager_id is not None and customer_ids is None:
        held = await connection.execute(
            text(HELD + "SELECT customer_id FROM held"),  # noqa: S608  # constants
            {"manager_id": manager_id, "day": day},
        )
        customer_ids = list(held.scalars())
    after_customer, after_kind, after_item = after
    values = {
        "day": day,
        "tiers": list(policy.tiers),
        "months": [terms.visit_months for terms in policy.tiers.values()],
        "usual": policy.tier("").visit_months,
        "manager_id": manager_id,
        "after_customer": after_customer,
        "after_kind": after_kind,
        "after_item": after_item,
        "limit": limit,
    }
    some = {} if customer_ids is None else {"ids": list(customer_ids)}
    rows = await connection.execute(_STATEMENTS[bool(some), past], {**values, **some})
    return [DueVisit(**row._mapping) for row in rows]
