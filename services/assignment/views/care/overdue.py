"""Tables ``visit_cycle``, ``promised_visit`` and ``visit_missed``: visits that may have to be told as missed, and those
that were. For the day's end; what is due in all ``due.py`` says.

What was told or settled leaves the indexes that a look goes through, so that a day on which nothing happens is
looked at quickly.
"""

from collections.abc import Collection, Sequence
from datetime import date
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.assignment.domain.care.missed import VisitDue, VisitMissed
from services.assignment.domain.care.visit import VisitKind
from services.assignment.domain.policy import Policy
from shared.contracts.assignment import CustomerAssigned, CustomerRegistered, CustomerTierChanged, VisitMade
from shared.infrastructure.database import copy, driver_of
from shared.kernel.event import StoredEvent

_TIER = """
    UPDATE visit_cycle SET tier = changed.tier FROM unnest($1::text[], $2::text[]) AS changed (customer_id, tier)
    WHERE visit_cycle.customer_id = changed.customer_id
"""
_BEGAN = """
    UPDATE visit_cycle SET began_on = said.day FROM unnest($1::text[], $2::date[]) AS said (customer_id, day)
    WHERE visit_cycle.customer_id = said.customer_id AND (began_on IS NULL OR began_on > said.day)
"""
_VISITED = """
    UPDATE visit_cycle SET visited_on = last.visited_on, visit_id = last.visit_id, told = false
    FROM (
        SELECT DISTINCT ON (customer_id) * FROM unnest($1::text[], $2::date[], $3::text[])
            AS made (customer_id, visited_on, visit_id)
        ORDER BY customer_id, visited_on DESC, visit_id DESC
    ) AS last
    WHERE visit_cycle.customer_id = last.customer_id
      AND (visit_cycle.visit_id IS NULL
           OR (visit_cycle.visited_on, visit_cycle.visit_id) < (last.visited_on, last.visit_id))
"""
_TOLD = """
    UPDATE visit_cycle SET told = true FROM unnest($1::text[], $2::text[]) AS told (customer_id, visit_id)
    WHERE visit_cycle.customer_id = told.customer_id AND visit_cycle.visit_id IS NOT DISTINCT FROM told.visit_id
"""
_SETTLED = """
    DELETE FROM promised_visit AS promise WHERE customer_id = ANY($1) AND (
        EXISTS (SELECT FROM visit_cycle WHERE visit_cycle.customer_id = promise.customer_id
                AND (promise.visited_on, promise.visit_id) < (visit_cycle.visited_on, visit_cycle.visit_id))
        OR EXISTS (SELECT FROM visit_missed WHERE visit_missed.customer_id = promise.customer_id
                   AND visit_missed.due_on = promise.revisit_on)
    )
"""
_MISSED = ("customer_id", "due_on", "manager_id")
_PROMISE = ("customer_id", "visit_id", "visited_on", "revisit_on")


class OverdueView:
    """One row a customer, one a promise that is open, one a visit missed.

    ``began_on`` is the earliest day that was ever said for somebody to look after the customer; where that was taken
    back, the timeline knows better.
    """

    tables = ("visit_cycle", "promised_visit", "visit_missed")
    takes = frozenset({CustomerRegistered, CustomerTierChanged, CustomerAssigned, VisitMade, VisitMissed})

    async def project(self, connection: AsyncConnection, events: Sequence[StoredEvent]) -> None:
        facts = [event.fact for event in events]
        registered = [(one.customer_id, one.tier) for one in facts if isinstance(one, CustomerRegistered)]
        tiers = {one.customer_id: one.tier for one in facts if isinstance(one, CustomerTierChanged)}
        began: dict[str, date] = {}
        for one in facts:
            if isinstance(one, CustomerAssigned) and one.shares:
                day = began.get(one.customer_id, one.effective_from)
                began[one.customer_id] = min(day, one.effective_from)
        driver = await driver_of(connection)
        if registered:
            await copy(connection, "visit_cycle", ("customer_id", "tier"), registered)
        for statement, changes in ((_TIER, tiers), (_BEGAN, began)):
            if changes:
                await driver.execute(statement, list(changes), list(changes.values()))
        visits = [one for one in facts if isinstance(one, VisitMade)]
        missed = [one for one in facts if isinstance(one, VisitMissed)]
        if visits or missed:
            await _project_visits(connection, visits, missed)


async def _project_visits(
    connection: AsyncConnection, visits: Sequence[VisitMade], missed: Sequence[VisitMissed]
) -> None:
    """Visits before what was told as missed: that names the visit after which it was."""
    driver = await driver_of(connection)
    settling = [
        (one.customer_id, one.visited_on, one.visit_id) for one in visits if one.kind != VisitKind.CALL
    ]
    if settling:
        await driver.execute(_VISITED, *zip(*settling, strict=True))
    told = [(one.customer_id, one.last_visit_id) for one in missed if one.cycle]
    if told:
        await driver.execute(_TOLD, *zip(*told, strict=True))
    await copy(
        connection, "visit_missed", _MISSED, [(one.customer_id, one.due_on, one.manager_id) for one in missed]
    )
    promises = [tuple(getattr(one, column) for column in _PROMISE) for one in visits if one.revisit_on]
    await copy(connection, "promised_visit", _PROMISE, promises)
    touched = {one.customer_id for one in visits} | {one.customer_id for one in missed}
    await driver.execute(_SETTLED, sorted(touched))


# As months differ in length, a stretch of the index some days too long is looked through.
_CYCLE = """
    SELECT customer_id, visit_id AS last_visit_id, true AS cycle,
           (coalesce(visited_on, (SELECT min(effective_from) FROM portfolio
                                  WHERE portfolio.customer_id = visit_cycle.customer_id))
            + make_interval(months => {months}))::date AS due_on
    FROM visit_cycle {tiers}
    WHERE NOT told AND {of_tier} AND {only}
      AND coalesce(visited_on, began_on) <= (cast(:day AS date) - make_interval(months => {months}))::date + 3
"""
_BY_TIER = _CYCLE.format(
    months="terms.months",
    tiers="JOIN unnest(cast(:visit_tiers AS text[]), cast(:visit_months AS int[])) AS terms (tier, months) "
    "USING (tier)",
    of_tier="true",
    only="{only}",
)
_OF_OTHER_TIERS = _CYCLE.format(
    months="cast(:usual_months AS int)", tiers="", of_tier="tier <> ALL(:visit_tiers)", only="{only}"
)
_OVERDUE = f"""
    SELECT customer_id, due_on, cycle, last_visit_id FROM (
        {_BY_TIER}
        UNION ALL
        {_OF_OTHER_TIERS}
        UNION ALL
        SELECT promised_visit.customer_id, visit_cycle.visit_id, false, revisit_on
        FROM promised_visit LEFT JOIN visit_cycle USING (customer_id)
        WHERE revisit_on < cast(:day AS date) AND {{only}}
    ) AS visit
    WHERE due_on < cast(:day AS date)
      AND NOT EXISTS (SELECT FROM visit_missed WHERE visit_missed.customer_id = visit.customer_id
                      AND visit_missed.due_on = visit.due_on)
      AND EXISTS (SELECT FROM portfolio WHERE portfolio.customer_id = visit.customer_id
                  AND effective_from <= due_on AND (effective_to IS NULL OR effective_to > due_on))
"""  # noqa: S608  # constants
OVERDUE = _OVERDUE.format(only="customer_id > :after")
"""Visits to be told as missed on ``:day``, of customers behind ``:after``; for the values of ``terms_of``."""

_OF_SOME = text(_OVERDUE.format(only="customer_id = ANY(:ids)"))


def terms_of(policy: Policy) -> dict[str, Any]:
    """What ``OVERDUE`` wants to know of a policy: how many months lie between visits, by tier."""
    return {
        "visit_tiers": list(policy.tiers),
        "visit_months": [terms.visit_months for terms in policy.tiers.values()],
        "usual_months": policy.tier("").visit_months,
    }


async def overdue_visits(
    connection: AsyncConnection, policy: Policy, day: date, customer_ids: Collection[str]
) -> dict[str, list[VisitDue]]:
    """The visits to these customers that are to be told as missed on a day, under its policy."""
    rows = await connection.execute(_OF_SOME, {**terms_of(policy), "day": day, "ids": list(customer_ids)})
    found: dict[str, list[VisitDue]] = {}
    for row in rows:
        found.setdefault(row.customer_id, []).append(VisitDue(row.due_on, row.cycle, row.last_visit_id))
    return found
