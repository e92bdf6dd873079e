"""A manager's career (履历), worked out from the manager's events = ``GET /v1/managers/{manager_id}/career``; kept in
no table."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.assignment.domain.grade import Grade
from services.assignment.domain.grading import is_valid, unmet
from services.assignment.domain.manager import DECIDER, ManagerRegistered, probation_ends
from services.assignment.domain.policy import Policies
from services.assignment.domain.tenure import Discipline, Manager, ManagerDisciplined
from shared.contracts import assignment as contract
from shared.contracts.appraisal import ScorecardApproved
from shared.contracts.assignment import TrainingTaken
from shared.kernel.event import Fact

_TOLD = {
    kind.__name__: kind
    for kind in (
        ManagerRegistered,
        ManagerDisciplined,
        ScorecardApproved,
        TrainingTaken,
        contract.ConfidentialitySigned,
        contract.ManagerConfirmed,
        contract.ManagerTransferred,
        contract.ManagerWentOnLeave,
        contract.ManagerReturned,
        contract.ManagerDeparted,
        contract.QualificationRecorded,
        contract.ManagerGraded,
        contract.DisciplineAppealed,
        contract.DisciplineAppealDecided,
    )
}


async def told(connection: AsyncConnection, manager_id: str) -> list[Fact]:
    """What was recorded of a manager, in that order; nothing of one who is not on record."""
    rows = await connection.execute(
        text("SELECT type, data FROM event WHERE stream = :stream ORDER BY version"),
        {"stream": f"manager-{manager_id}"},
    )
    return [_TOLD[row.type].model_validate_json(row.data) for row in rows if row.type in _TOLD]


def shown(facts: Sequence[Fact], policies: Policies, day: date) -> dict[str, Any]:
    """A manager's career as callers see it: all standings, and what was there by ``day``."""
    tenure = Manager()
    for fact in facts:
        tenure = DECIDER.evolve(tenure, fact)
    trainings = [one for one in facts if isinstance(one, TrainingTaken) and one.taken_on <= day]
    disciplines = [one for one in tenure.disciplines.values() if one.imposed.effective_from <= day]
    return {
        "as_of": day,
        "standings": [asdict(one) for one in tenure.career().standings],
        "probation_ends_on": probation_ends(tenure, policies),
        "leaves": [{"effective_from": begun, "returned_on": ended} for begun, ended in tenure.leaves],
        "qualifications": [
            {**_said(one), "valid": is_valid(one, day)}
            for one in tenure.qualifications
            if one.obtained_on <= day
        ],
        "trainings": [_said(one) for one in trainings],
        "training_hours": str(sum(one.hours for one in trainings)),
        "appraisal": None if tenure.appraisal is None else _said(tenure.appraisal),
        "disciplines": [{**_said(one.imposed), "appeal": _appeal(one)} for one in disciplines],
        "next_grade": _next_grade(tenure, policies, day),
    }


def _said(fact: Any) -> dict[str, Any]:
    said: dict[str, Any] = fact.model_dump(
        mode="json", exclude={"manager_id", "business_date", "proposed_by", "approved_by"}
    )
    return said


def _appeal(discipline: Discipline) -> str | None:
    """``open``, ``upheld`` where the measure stands, ``granted`` where it does not; None without any."""
    if not discipline.appealed:
        return None
    return {None: "open", True: "upheld", False: "granted"}[discipline.upheld]


def _next_grade(tenure: Manager, policies: Policies, day: date) -> dict[str, Any] | None:
    """The next rung, and what of its requirements is not met on the day; None at the top."""
    ladder = list(Grade)
    above = ladder[tenure.grade_on(day).rank + 1 :]
    if not above:
        return None
    terms = policies.in_force(day).grades[above[0]]
    return {"grade": above[0], "missing": unmet(terms, tenure.qualifications, tenure.appraisal, day)}
