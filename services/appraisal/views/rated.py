"""What closed cycles say of managers, and where they stand among each other: questions to ``cycle`` and ``card``.

No table of its own. A rating that an appeal changed is the new one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.appraisal.domain.cycle_event import CycleKind
from services.appraisal.domain.ladder_due import Rated, quarter_before
from services.appraisal.domain.ranking import Entrant
from shared.contracts.appraisal import Rating
from shared.kernel.period import Period

_CLOSED = text(
    """
    SELECT card.centre_id, cycle.cycle_id, cycle.period, cycle.kind, card.total,
           coalesce(appeal.rating, card.rating) AS rating, appeal.rating IS NOT NULL AS overruled
    FROM cycle JOIN card USING (cycle_id) LEFT JOIN appeal USING (cycle_id, side, centre_id)
    WHERE cycle.status = 'closed' AND card.side = 'manager' AND card.total IS NOT NULL
      AND (cycle.cycle_id = :cycle_id OR (cycle.kind = 'regular' AND cycle.period = ANY(:quarters)))
    """
)
_GROUPED = """
    SELECT {group} AS group_id, centre_id, total, coalesce(appeal.rating, card.rating) AS rating
    FROM card LEFT JOIN appeal USING (cycle_id, side, centre_id)
    WHERE cycle_id = :cycle_id AND side = 'manager' AND total IS NOT NULL
      AND (cast(:only AS text) IS NULL OR {group} = :only)
    ORDER BY group_id, centre_id
"""
_BY = {"grade": text(_GROUPED.format(group="group_id")), "scheme": text(_GROUPED.format(group="scheme_id"))}
_HISTORY = text(
    """
    SELECT cycle.cycle_id, cycle.period, cycle.kind, cycle.status, cycle.published_at, card.group_id, card.total,
           coalesce(appeal.rating, card.rating) AS rating
    FROM card JOIN cycle USING (cycle_id) LEFT JOIN appeal USING (cycle_id, side, centre_id)
    WHERE side = 'manager' AND centre_id = :manager_id AND published AND total IS NOT NULL
    """
)


@dataclass(frozen=True, slots=True)
class History:
    """What a closed cycle says of a manager, and the closed regular quarters before it by period."""

    cycle: Rated
    quarters: Mapping[str, Rated] = field(default_factory=dict)


async def of_cycle(connection: AsyncConnection, cycle_id: str, most_quarters: int) -> dict[str, History]:
    """By manager, of all who were rated in a closed cycle; with so many quarters at most, where it is one."""
    quarters = [cycle_id] if len(cycle_id) == 7 and cycle_id[5] == "Q" else []
    while quarters and len(quarters) < most_quarters:
        quarters.append(quarter_before(quarters[-1]))
    rows = await connection.execute(_CLOSED, {"cycle_id": cycle_id, "quarters": quarters})
    cycles: dict[str, Rated] = {}
    runs: dict[str, dict[str, Rated]] = {}
    for row in rows:
        one = Rated(
            row.cycle_id, row.period, CycleKind(row.kind), Rating(row.rating), row.total, row.overruled
        )
        if one.cycle_id == cycle_id:
            cycles[row.centre_id] = one
        else:
            runs.setdefault(row.centre_id, {})[one.period] = one
    return {manager_id: History(one, runs.get(manager_id, {})) for manager_id, one in cycles.items()}


async def groups(
    connection: AsyncConnection, cycle_id: str, by: str, only: str | None
) -> dict[str, list[Entrant]]:
    """The managers with a total in a cycle by ``grade`` or ``scheme``: all groups, or that one."""
    rows = await connection.execute(_BY[by], {"cycle_id": cycle_id, "only": only})
    found: dict[str, list[Entrant]] = {}
    for row in rows:
        entrant = Entrant(row.centre_id, row.total, Rating(row.rating))
        found.setdefault(row.group_id, []).append(entrant)
    return found


@dataclass(frozen=True, slots=True)
class Appraisal:
    """What a published cycle said of a manager."""

    cycle_id: str
    period: str
    kind: str
    status: str
    published_at: datetime
    grade: str | None
    total: Decimal
    rating: str

    def shown(self) -> dict[str, object]:
        """As callers see it."""
        return {
            "cycle_id": self.cycle_id,
            "period": self.period,
            "kind": self.kind,
            "status": self.status,
            "published_at": self.published_at,
            "grade": self.grade,
            "total": f"{self.total:f}",
            "rating": self.rating,
        }


async def appraisals(connection: AsyncConnection, manager_id: str) -> list[Appraisal]:
    """A manager's published cycles, those whose period ends last first."""
    rows = await connection.execute(_HISTORY, {"manager_id": manager_id})
    found = [
        Appraisal(
            row.cycle_id,
            row.period,
            row.kind,
            row.status,
            row.published_at,
            row.group_id,
            row.total,
            row.rating,
        )
        for row in rows
    ]
    return sorted(found, key=lambda one: (Period.parse(one.period).last, one.cycle_id), reverse=True)
