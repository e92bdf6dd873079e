"""Loads of managers, summed up over table ``portfolio`` = ``GET /v1/loads``, ``/v1/managers/{manager_id}/load``."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sqlalchemy.ext.asyncio import AsyncConnection

from services.assignment.domain.grade import Grade
from services.assignment.views.policy import policies
from shared.infrastructure.database import driver_of


@dataclass(frozen=True, slots=True)
class OfTier:
    """The customers of one tier, and the load that they are."""

    customers: int
    load: Decimal


@dataclass(frozen=True, slots=True)
class ManagerLoad:
    """A manager's load on a day, and the capacity of their grade; None where they are not with the bank yet."""

    manager_id: str
    branch_id: str | None
    team_id: str | None
    capacity: Decimal | None
    by_tier: dict[str, OfTier]

    def shown(self, day: date) -> dict[str, object]:
        """As callers see it."""
        return {
            "manager_id": self.manager_id,
            "as_of": day,
            "branch_id": self.branch_id,
            "team_id": self.team_id,
            "load": _text(sum((one.load for one in self.by_tier.values()), Decimal(0))),
            "capacity": None if self.capacity is None else _text(self.capacity),
            "customers": sum(one.customers for one in self.by_tier.values()),
            "by_tier": {
                tier: {"customers": one.customers, "load": _text(one.load)}
                for tier, one in sorted(self.by_tier.items())
            },
        }


def _text(load: Decimal) -> str:
    return format(load.normalize(), "f")


_MANAGERS = """
    SELECT manager_id, present.grade, present.branch_id, present.team_id
    FROM manager LEFT JOIN LATERAL (
        SELECT grade, branch_id, team_id FROM standing
        WHERE standing.manager_id = manager.manager_id AND standing.effective_from <= $1
        ORDER BY standing.effective_from DESC LIMIT 1
    ) AS present ON true
    WHERE manager_id > $2 AND ($3::text IS NULL OR manager_id = $3)
      AND ($4::text IS NULL OR present.branch_id = $4) AND ($5::text IS NULL OR present.team_id = $5)
    ORDER BY manager_id LIMIT $6
"""
_SUMS = """
    SELECT manager_id, tier, count(*), sum(share) FROM portfolio JOIN customer USING (customer_id)
    WHERE manager_id = ANY($2) AND effective_from <= $1 AND (effective_to IS NULL OR effective_to > $1)
    GROUP BY manager_id, tier
"""


async def loads(
    connection: AsyncConnection,
    day: date,
    *,
    after: str = "",
    limit: int = 1,
    only: str | None = None,
    branch_id: str | None = None,
    team_id: str | None = None,
) -> Sequence[ManagerLoad]:
    """Managers with their loads on a day, in order of id beyond a place: all, one, or those of a branch or team.

    Tiers count as they are now, and weigh what the day's policy says.
    """
    policy = (await policies(connection)).in_force(day)
    driver = await driver_of(connection)
    managers = await driver.fetch(_MANAGERS, day, after, only, branch_id, team_id, limit)
    held: dict[str, dict[str, OfTier]] = {}
    for manager_id, tier, customers, share in await driver.fetch(_SUMS, day, [row[0] for row in managers]):
        held.setdefault(manager_id, {})[tier] = OfTier(customers, policy.tier(tier).weight * share)
    return [
        ManagerLoad(
            manager_id,
            branch,
            team,
            policy.grades[Grade(grade)].capacity if grade is not None else None,
            held.get(manager_id, {}),
        )
        for manager_id, grade, branch, team in managers
    ]
