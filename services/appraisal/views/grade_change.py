"""Table ``grade_change``: steps on the ladder and what became of them = ``GET /v1/grade-changes``; and who is due."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.appraisal.domain.ladder import Command, Consulted, month_after
from services.appraisal.domain.ladder_due import Direction, Due, due, step
from services.appraisal.domain.ladder_event import (
    GradeChangeApproved,
    GradeChangeOrdered,
    GradeChangeProposed,
    GradeChangeRejected,
    stream_of,
)
from services.appraisal.domain.ladder_policy import LadderTerms
from services.appraisal.domain.told import GradeChangeRefused, ManagerGraded
from services.appraisal.views import rated, staff
from shared.kernel.event import Fact, StoredEvent

_OPEN = text(
    "INSERT INTO grade_change (change_id, manager_id, cycle_id, direction, grade_before, grade, cycles, "
    "last_month, ground, status, proposed_by, proposed_at) VALUES (:change_id, :manager_id, :cycle_id, "
    ":direction, :grade_before, :grade, :cycles, :last_month, :ground, 'open', :proposed_by, :at)"
)
_ORDER = text(
    "INSERT INTO grade_change (change_id, manager_id, direction, grade_before, grade, cycles, ground, status, "
    "proposed_by, proposed_at, decided_by, decided_at, effective_from) VALUES (:change_id, :manager_id, "
    ":direction, :grade_before, :grade, '{}', :ground, 'approved', :ordered_by, :at, :ordered_by, :at, "
    ":effective_from)"
)
_DECIDE = text(
    "UPDATE grade_change SET status = :status, decided_by = :decided_by, decided_at = :at, reason = :reason, "
    "effective_from = :effective_from WHERE change_id = :change_id"
)
_ANSWER = text(
    "UPDATE grade_change SET outcome = :outcome, outcome_reason = :reason "
    "WHERE change_id = :change_id AND manager_id = :manager_id"
)


class GradeChangeView:
    """One row a step, with what the assignment service made of it."""

    tables = ("grade_change",)
    takes = frozenset(
        {
            GradeChangeProposed,
            GradeChangeOrdered,
            GradeChangeApproved,
            GradeChangeRejected,
            ManagerGraded,
            GradeChangeRefused,
        }
    )

    async def project(self, connection: AsyncConnection, events: Sequence[StoredEvent]) -> None:
        for event in events:
            values = {"at": event.recorded_at}
            match event.fact:
                case GradeChangeProposed() as fact:
                    said = fact.model_dump(exclude={"business_date", "first_month", "cycles"})
                    await connection.execute(_OPEN, {**said, **values, "cycles": list(fact.cycles)})
                case GradeChangeOrdered() as fact:
                    await connection.execute(_ORDER, {**fact.model_dump(exclude={"business_date"}), **values})
                case GradeChangeApproved() | GradeChangeRejected() as decided:
                    await connection.execute(_DECIDE, {**values, **decision(decided)})
                case ManagerGraded() | GradeChangeRefused() as told:
                    await connection.execute(_ANSWER, _answer(told))


def decision(fact: Fact) -> dict[str, Any]:
    """What a decision changes of a step."""
    assert isinstance(fact, GradeChangeApproved | GradeChangeRejected)  # the only ways to decide
    approved = isinstance(fact, GradeChangeApproved)
    return {
        "change_id": fact.change_id,
        "status": "approved" if approved else "rejected",
        "decided_by": fact.decided_by,
        "reason": fact.reason,
        "effective_from": fact.effective_from if isinstance(fact, GradeChangeApproved) else None,
    }


def _answer(fact: ManagerGraded | GradeChangeRefused) -> dict[str, Any]:
    refused = isinstance(fact, GradeChangeRefused)
    return {
        "change_id": fact.reference.partition(": ")[0],
        "manager_id": fact.manager_id,
        "outcome": "refused" if refused else "applied",
        "reason": fact.reason if isinstance(fact, GradeChangeRefused) else None,
    }


@dataclass(frozen=True, slots=True)
class GradeChange:
    """A step as it stands."""

    change_id: str
    manager_id: str
    cycle_id: str | None
    direction: str
    grade_before: str
    grade: str
    cycles: list[str]
    ground: str
    status: str
    proposed_by: str
    proposed_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    reason: str | None
    effective_from: date | None
    outcome: str | None
    outcome_reason: str | None

    @property
    def stream(self) -> str:
        return stream_of(self.manager_id)

    def shown(self) -> dict[str, object]:
        """As callers see it."""
        return asdict(self)


_SELECT = """
    SELECT change_id, manager_id, cycle_id, direction, grade_before, grade, cycles, ground, status, proposed_by,
           proposed_at, decided_by, decided_at, reason, effective_from, outcome, outcome_reason
    FROM grade_change
"""


async def find(connection: AsyncConnection, change_id: str) -> GradeChange | None:
    """A step."""
    rows = await connection.execute(text(_SELECT + " WHERE change_id = :id"), {"id": change_id})
    row = rows.first()
    return GradeChange(**row._mapping) if row else None


async def listed(
    connection: AsyncConnection, after: str, limit: int, status: str | None
) -> list[GradeChange]:
    """Steps in the order in which they were proposed beyond a place; all, or those of a status."""
    rows = await connection.execute(
        text(
            _SELECT + " WHERE change_id > :after AND (cast(:status AS text) IS NULL OR status = :status) "
            "ORDER BY change_id LIMIT :limit"
        ),
        {"after": after, "limit": limit, "status": status},
    )
    return [GradeChange(**row._mapping) for row in rows]


async def of_cycle(connection: AsyncConnection, cycle_id: str) -> dict[str, GradeChange]:
    """By manager, the latest step proposed on account of a cycle."""
    rows = await connection.execute(
        text(_SELECT + " WHERE cycle_id = :cycle_id ORDER BY change_id"), {"cycle_id": cycle_id}
    )
    return {row.manager_id: GradeChange(**row._mapping) for row in rows}


@dataclass(frozen=True, slots=True)
class DueChange:
    """A manager who is due for another grade."""

    manager_id: str
    grade_before: str
    grade: str
    due: Due

    def shown(self) -> dict[str, object]:
        """As callers see it."""
        return {
            "manager_id": self.manager_id,
            "direction": self.due.direction,
            "grade_before": self.grade_before,
            "grade": self.grade,
            "ground": self.due.words,
            "cycles": [
                {
                    "cycle_id": one.cycle_id,
                    "period": one.period,
                    "rating": one.rating,
                    "total": f"{one.total:f}",
                }
                for one in self.due.cycles
            ],
        }


async def due_changes(
    connection: AsyncConnection, cycle_id: str, terms: LadderTerms, day: date
) -> list[DueChange]:
    """Who is due for another grade on account of a closed cycle, by their grades of a day, in order of manager."""
    closed = await rated.of_cycle(connection, cycle_id, max(terms.quarters_up, terms.quarters_down))
    grades = await staff.grades(connection, day)
    settled = await _settled(connection)
    found = []
    for manager_id, history in sorted(closed.items()):
        grade = grades.get(manager_id)
        step_due = due(history.cycle, history.quarters, terms, settled.get(manager_id, {}))
        following = step(grade, step_due.direction) if grade and step_due else None
        if grade and step_due and following:
            found.append(DueChange(manager_id, grade, following, step_due))
    return found


async def _settled(connection: AsyncConnection) -> dict[str, dict[Direction, int]]:
    """By manager and direction, up to which month YYYYMM results have moved the grade already."""
    rows = await connection.execute(
        text(
            "SELECT manager_id, direction, max(last_month) AS month FROM grade_change "
            "WHERE status = 'approved' AND last_month IS NOT NULL GROUP BY manager_id, direction"
        )
    )
    settled: dict[str, dict[Direction, int]] = {}
    for row in rows:
        settled.setdefault(row.manager_id, {})[Direction(row.direction)] = row.month
    return settled


async def consult(connection: AsyncConnection, commands: Sequence[Command]) -> Consulted:
    """The grades on the day from which a step counts that is decided today."""
    [day] = {month_after(command.today) for command in commands}
    return Consulted(await staff.grades(connection, day))
