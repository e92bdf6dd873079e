"""What the day's end looks at: customers for whom a day may bring something about, their duties and visits."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.assignment.domain.care.missed import VisitDue
from services.assignment.domain.compliance.duty import Outstanding
from services.assignment.domain.compliance.look import (
    AHEAD,
    Consulted,
    CustomerDuties,
    LookAtDay,
    overdue,
    review_to_raise,
)
from services.assignment.domain.policy import Policies, RiskRating
from services.assignment.views import policy
from services.assignment.views.care.overdue import OVERDUE, overdue_visits, terms_of
from services.assignment.views.compliance.duty import outstanding
from services.assignment.views.compliance.responsible import leads_on
from services.assignment.views.compliance.review_due import reviews_due
from shared.kernel.period import FIRST_YEAR, LAST_YEAR

# Of those never reviewed, the policy of the registration's day says when. As months differ in length, a stretch of
# the index some days too long is looked through.
_CONCERNED = text(
    f"""
    WITH first_review AS (
        SELECT from_day, to_day, make_interval(months => months) AS later
        FROM unnest(cast(:from_days AS date[]), cast(:to_days AS date[]), cast(:months AS int[]))
             AS term (from_day, to_day, months)
    ), due AS (
        SELECT customer_id FROM review_due WHERE next_due_on <= cast(:horizon AS date)
        UNION ALL
        SELECT customer_id FROM first_review JOIN review_due
            ON next_due_on IS NULL AND registered_on BETWEEN from_day AND to_day
            AND registered_on <= (cast(:horizon AS date) - later)::date + 3
            AND (registered_on + later)::date <= cast(:horizon AS date)
    )
    SELECT customer_id FROM (
        SELECT customer_id FROM ({OVERDUE}) AS visit
        UNION
        SELECT customer_id FROM duty WHERE status = 'open' AND due_on < :day
        UNION
        SELECT customer_id FROM due WHERE NOT EXISTS (
            SELECT FROM duty WHERE duty.customer_id = due.customer_id AND duty.kind = 'customer-review'
                               AND duty.done_on IS NULL
        )
    ) AS concerned
    WHERE customer_id > :after ORDER BY customer_id LIMIT :limit
    """  # noqa: S608  # constants
)


async def concerned(connection: AsyncConnection, day: date, after: str, limit: int) -> list[str]:
    """Customers for whom a look at a day would bring something about, in order of id beyond a place."""
    values = {"day": day, "horizon": day + AHEAD, "after": after, "limit": limit}
    policies = await policy_terms(connection)
    values |= _first_reviews(policies) | terms_of(policies.in_force(day))
    rows = await connection.execute(_CONCERNED, values)
    return list(rows.scalars())


async def policy_terms(connection: AsyncConnection) -> Policies:
    """All policies, also where no statement has begun a transaction yet."""
    await connection.execute(text("SELECT"))
    return await policy.policies(connection)


def _first_reviews(policies: Policies) -> dict[str, Any]:
    """From which day to which a registration asks for a review after how many months."""
    days = [date(FIRST_YEAR, 1, 1), *policies.days]
    ends = [*(day - timedelta(days=1) for day in policies.days), date(LAST_YEAR, 12, 31)]
    months = [policies.in_force(day).review_months[RiskRating.MEDIUM] for day in days]
    return {"from_days": days, "to_days": ends, "months": months}


async def consult(connection: AsyncConnection, commands: Sequence[LookAtDay]) -> Consulted:
    """The duties of the customers named, the visits that were due to them, and who was responsible on those days."""
    named = {customer_id for command in commands for customer_id in command.customers}
    known, policies = await reviews_due(connection, named), await policy.policies(connection)
    duties: dict[str, list[Outstanding]] = {}
    for duty in await outstanding(connection, named):
        duties.setdefault(duty.customer_id, []).append(duty)
    visits = await _visits(connection, commands, policies)
    customers: dict[str, CustomerDuties] = {}
    for customer_id in named:
        review = known.get(customer_id)
        customers[customer_id] = CustomerDuties(
            customer_id,
            tuple(duties.get(customer_id, ())),
            review.reviews if review is not None else 0,
            review.due(policies) if review is not None else None,
            visits.get(customer_id, ()),
        )
    days = {(customer_id, visit.due_on) for customer_id, own in visits.items() for visit in own} | {
        (customer_id, duty.due_on)
        for command in commands
        for customer_id in command.customers
        for duty in _overdue(customers[customer_id], command.day)
    }
    return Consulted(customers, await leads_on(connection, days))


async def _visits(
    connection: AsyncConnection, commands: Sequence[LookAtDay], policies: Policies
) -> dict[str, tuple[VisitDue, ...]]:
    found: dict[str, tuple[VisitDue, ...]] = {}
    for command in commands:
        policy = policies.in_force(command.day)
        visits = await overdue_visits(connection, policy, command.day, command.customers)
        found |= {customer_id: tuple(own) for customer_id, own in visits.items()}
    return found


def _overdue(customer: CustomerDuties, day: date) -> list[Outstanding]:
    return overdue(customer, review_to_raise(customer, day), day)
