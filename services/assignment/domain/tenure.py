"""Tenure (任职经历): all that is known of a manager, and what it makes them on any day.

The state of the manager's aggregate, whose commands and rules are in ``manager.py``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from services.assignment.domain.grade import Grade
from services.assignment.domain.standing import EVER, Career, Standing, Status, career
from services.assignment.domain.timeline import Timeline
from shared.contracts import assignment as contract
from shared.contracts.appraisal import ScorecardApproved
from shared.contracts.assignment import (
    ConfidentialitySigned,
    DisciplineAppealDecided,
    DisciplineAppealed,
    ManagerConfirmed,
    ManagerDeparted,
    ManagerGraded,
    ManagerReturned,
    ManagerTransferred,
    ManagerWentOnLeave,
    Measure,
    QualificationRecorded,
)
from shared.kernel.event import Fact


class ManagerDisciplined(contract.ManagerDisciplined):
    """The contract's event with who imposed it beside it: left out of what is published."""

    proposed_by: str | None = None
    approved_by: str | None = None


@dataclass(frozen=True, slots=True)
class Discipline:
    """A measure, and what became of an appeal against it."""

    imposed: ManagerDisciplined
    appealed: bool = False
    upheld: bool | None = None

    def bars(self, day: date) -> bool:
        """Whether it keeps the manager from new customers on a day."""
        if self.upheld is False or self.imposed.measure not in (Measure.SUSPENSION, Measure.END_OF_CONTRACT):
            return False
        ends_on = self.imposed.ends_on
        return self.imposed.effective_from <= day and (ends_on is None or day < ends_on)


@dataclass(frozen=True, slots=True)
class Manager:
    """What of a manager's history decides what may happen next, and what they are on any day."""

    registered: contract.ManagerRegistered | None = None
    sworn_on: date | None = None
    confirmed_on: date | None = None
    departed_on: date | None = None
    places: Timeline[ManagerTransferred] = field(default_factory=Timeline)
    grades: Timeline[ManagerGraded] = field(default_factory=Timeline)
    leaves: tuple[tuple[date, date | None], ...] = ()
    qualifications: tuple[QualificationRecorded, ...] = ()
    appraisal: ScorecardApproved | None = None
    disciplines: Mapping[str, Discipline] = field(default_factory=dict)

    @property
    def hired_on(self) -> date:
        """The first day with the bank."""
        assert self.registered is not None  # only those on record are asked
        return self.registered.hired_on or EVER

    def grade_on(self, day: date) -> Grade:
        """The grade on a day."""
        assert self.registered is not None  # only those on record are asked
        graded = self.grades.on(day)
        return Grade(graded.grade if graded is not None else self.registered.grade)

    def career(self) -> Career:
        """The standings of all times, those to come included."""
        if self.registered is None:
            return Career()
        suspensions = [one.imposed for one in self.disciplines.values()]
        days = [
            self.sworn_on,
            self.confirmed_on,
            self.departed_on,
            *(one.effective_from for one in self.places.entries),
            *(one.effective_from for one in self.grades.entries),
            *(day for leave in self.leaves for day in leave),
            *(day for one in suspensions for day in (one.effective_from, one.ends_on)),
        ]
        later = {day for day in days if day is not None and day > self.hired_on}
        return career([self._standing(day) for day in (self.hired_on, *later)])

    def _standing(self, day: date) -> Standing:
        assert self.registered is not None  # only those on record are asked
        place = self.places.on(day) or self.registered
        sworn = self.sworn_on is not None and self.sworn_on <= day
        return Standing(day, self._status(day), self.grade_on(day), place.branch_id, place.team_id, sworn)

    def _status(self, day: date) -> Status:
        if self.departed_on is not None and self.departed_on <= day:
            return Status.DEPARTED
        if any(one.bars(day) for one in self.disciplines.values()):
            return Status.SUSPENDED
        if any(begun <= day and (ended is None or day < ended) for begun, ended in self.leaves):
            return Status.ON_LEAVE
        confirmed = self.confirmed_on is not None and self.confirmed_on <= day
        return Status.CONFIRMED if confirmed else Status.PROBATION


def evolve(manager: Manager, fact: Fact) -> Manager:
    """The manager after a fact."""
    match fact:
        case contract.ManagerRegistered():
            return replace(
                manager,
                registered=fact,
                sworn_on=fact.confidentiality_signed_on,
                confirmed_on=fact.confirmed_on,
            )
        case ConfidentialitySigned():
            return replace(manager, sworn_on=fact.signed_on)
        case ManagerConfirmed():
            return replace(manager, confirmed_on=fact.confirmed_on)
        case ManagerTransferred():
            return replace(manager, places=manager.places.with_entry(fact))
        case ManagerWentOnLeave():
            return replace(manager, leaves=(*manager.leaves, (fact.effective_from, None)))
        case ManagerReturned():
            begun = manager.leaves[-1][0]
            return replace(manager, leaves=(*manager.leaves[:-1], (begun, fact.returned_on)))
        case ManagerDeparted():
            return replace(manager, departed_on=fact.departed_on)
        case QualificationRecorded():
            return replace(manager, qualifications=(*manager.qualifications, fact))
        case ScorecardApproved():
            return replace(manager, appraisal=fact)
        case ManagerGraded():
            return replace(manager, grades=manager.grades.with_entry(fact))
        case ManagerDisciplined():
            return _with_discipline(manager, fact.discipline_id, Discipline(fact))
        case DisciplineAppealed():
            before = manager.disciplines[fact.discipline_id]
            return _with_discipline(manager, fact.discipline_id, replace(before, appealed=True))
        case DisciplineAppealDecided():
            before = manager.disciplines[fact.discipline_id]
            return _with_discipline(manager, fact.discipline_id, replace(before, upheld=fact.upheld))
        case _:
            return manager  # a training, a grade that was refused


def _with_discipline(manager: Manager, discipline_id: str, discipline: Discipline) -> Manager:
    return replace(manager, disciplines={**manager.disciplines, discipline_id: discipline})
