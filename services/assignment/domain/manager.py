"""A customer manager (客户经理), from being hired to departure. The aggregate is the manager.

Most commands hand in the very event that is to be recorded; the rules say whether it may be.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from services.assignment.domain.grade import Education, Grade
from services.assignment.domain.grading import unmet
from services.assignment.domain.month import months_later
from services.assignment.domain.policy import Policies
from services.assignment.domain.record import check_has_come
from services.assignment.domain.standing import EVER
from services.assignment.domain.tenure import Manager, ManagerDisciplined, evolve
from shared.contracts import assignment as contract
from shared.contracts.appraisal import ScorecardApproved
from shared.contracts.assignment import (
    ConfidentialitySigned,
    DepartureReason,
    DisciplineAppealDecided,
    DisciplineAppealed,
    GradeChangeRefused,
    GradeGround,
    ManagerConfirmed,
    ManagerDeparted,
    ManagerGraded,
    ManagerReturned,
    ManagerTransferred,
    ManagerWentOnLeave,
    Measure,
    QualificationKind,
    QualificationRecorded,
    TrainingTaken,
)
from shared.kernel.decider import Decider
from shared.kernel.errors import NotOnRecord, Refusal
from shared.kernel.event import Fact

# --- commands -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RegisterManager:
    """Put a manager on record. The name is personal data and never leaves the service."""

    particulars: contract.ManagerRegistered
    name: str = field(repr=False)

    @property
    def stream(self) -> str:
        return self.particulars.stream


Told = (
    ConfidentialitySigned
    | ManagerConfirmed
    | ManagerTransferred
    | ManagerWentOnLeave
    | ManagerReturned
    | ManagerDeparted
    | QualificationRecorded
    | TrainingTaken
    | ScorecardApproved
    | ManagerDisciplined
    | DisciplineAppealed
    | DisciplineAppealDecided
)


@dataclass(frozen=True, slots=True)
class TellOfManager:
    """Say what happened to a manager; ``said_by`` matters where not everybody may."""

    told: Told
    today: date
    said_by: str = ""

    @property
    def stream(self) -> str:
        return self.told.stream


@dataclass(frozen=True, slots=True)
class ChangeGrade:
    """Give a manager another grade. ``overridden`` says why although requirements are not met, once approved.

    ``decided`` elsewhere: if it cannot be, that is told instead of refused to the caller.
    """

    manager_id: str
    grade: Grade
    effective_from: date
    ground: GradeGround
    reference: str
    overridden: str | None = None
    decided: bool = False

    @property
    def stream(self) -> str:
        return f"manager-{self.manager_id}"


Command = RegisterManager | TellOfManager | ChangeGrade

# --- events -------------------------------------------------------------------------------------------------


class ManagerRegistered(contract.ManagerRegistered):
    """The contract's event with the personal data beside it: sealed, and left out of what is published."""

    sealed: str


# --- state -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Consulted:
    """Personal data sealed, policies, and how many customers a departing manager would leave behind."""

    sealed: Mapping[RegisterManager, str] = field(default_factory=dict)
    policies: Policies = field(default_factory=Policies)
    left_behind: Mapping[TellOfManager, int] = field(default_factory=dict)


# --- decide -------------------------------------------------------------------------------------------------


def decide(command: Command, manager: Manager, consulted: Consulted) -> Sequence[Fact]:
    """What is to be recorded; raises Refusal naming field and rule."""
    if isinstance(command, RegisterManager):
        particulars = command.particulars
        if manager.registered is not None:
            detail = f"there is a manager {particulars.manager_id} already"
            raise Refusal("manager-is-new", "manager_id", detail)
        return [ManagerRegistered(**particulars.model_dump(), sealed=consulted.sealed[command])]
    if manager.registered is None:
        manager_id = command.stream.partition("-")[2]
        raise NotOnRecord("manager-is-known", "manager_id", f"there is no manager {manager_id}")
    if isinstance(command, ChangeGrade):
        return [_graded(command, manager, consulted.policies)]
    _check(command, manager, consulted)
    return [command.told]


def _graded(command: ChangeGrade, manager: Manager, policies: Policies) -> Fact:
    day = command.effective_from
    _check_employed(manager, day, "effective_from")
    latest = manager.grades.entries[-1].effective_from if manager.grades.entries else manager.hired_on
    if day < latest:
        raise Refusal("grades-follow-each-other", "effective_from", f"must not be before {latest}")
    present = manager.grade_on(day)
    if present is command.grade:
        raise Refusal("grade-is-another", "grade", f"the manager is {present} on {day} already")
    missing = []
    if command.grade.rank > present.rank and command.overridden is None:
        terms = policies.in_force(day).grades[command.grade]
        missing = unmet(terms, manager.qualifications, manager.appraisal, day)
    if missing and not command.decided:
        raise Refusal("requirements-are-met", "grade", f"{command.grade} asks for {'; '.join(missing)}")
    said = {
        "manager_id": command.manager_id,
        "grade": command.grade,
        "effective_from": day,
        "reference": command.reference,
    }
    if missing:
        return GradeChangeRefused(**said, reason="; ".join(missing))
    return ManagerGraded(**said, previous_grade=present, ground=command.ground, overridden=command.overridden)


def _check(command: TellOfManager, manager: Manager, consulted: Consulted) -> None:
    """Raises Refusal for what cannot have happened, or must not."""
    told, today = command.told, command.today
    match told:
        case ConfidentialitySigned():
            check_has_come(told.signed_on, today, "signed_on")
            if manager.sworn_on is not None:
                raise Refusal("signed-once", "signed_on", f"the undertaking was signed on {manager.sworn_on}")
        case ManagerConfirmed():
            _check_confirmation(told, manager, consulted.policies)
        case ManagerTransferred():
            _check_employed(manager, told.effective_from, "effective_from")
        case ManagerWentOnLeave():
            _check_employed(manager, told.effective_from, "effective_from")
            if manager.leaves and manager.leaves[-1][1] is None:
                raise Refusal("one-leave-at-a-time", "effective_from", "the manager has not returned yet")
            if manager.leaves and told.effective_from < (manager.leaves[-1][1] or told.effective_from):
                raise Refusal("leaves-follow-each-other", "effective_from", "lies in an earlier leave")
        case ManagerReturned():
            if not manager.leaves or manager.leaves[-1][1] is not None:
                raise Refusal("manager-is-on-leave", "returned_on", "the manager is not on leave")
            if told.returned_on <= manager.leaves[-1][0]:
                raise Refusal("leave-lasts-a-day", "returned_on", "must be after the leave began")
        case ManagerDeparted():
            _check_employed(manager, told.departed_on, "departed_on")
            _check_departure(told, manager)
            if left := consulted.left_behind.get(command, 0):
                detail = f"{left} customers are still looked after on {told.departed_on}"
                raise Refusal("customers-are-handed-over", "departed_on", detail)
        case QualificationRecorded():
            check_has_come(told.obtained_on, today, "obtained_on")
            if told.expires_on is not None and told.expires_on <= told.obtained_on:
                raise Refusal("expires-later", "expires_on", "must be after obtained_on")
            if told.kind is QualificationKind.EDUCATION and told.name not in set(Education):
                raise Refusal("education-is-known", "name", f"must be one of {', '.join(Education)}")
        case TrainingTaken():
            check_has_come(told.taken_on, today, "taken_on")
        case ScorecardApproved():
            pass  # the appraisal's own word
        case ManagerDisciplined():
            _check_discipline(told, manager)
        case DisciplineAppealed():
            _check_appeal(told.discipline_id, manager, deciding=False)
        case _:
            _check_appeal(told.discipline_id, manager, deciding=True)
            _check_judge(command.said_by, told, manager)


def _check_employed(manager: Manager, day: date, path: str) -> None:
    """Raises Refusal unless the manager is with the bank on a day and nothing says that they leave."""
    if day < manager.hired_on:
        raise Refusal("manager-is-there", path, f"the manager was hired on {manager.hired_on}")
    if manager.departed_on is not None:
        raise Refusal("manager-is-there", path, f"the manager leaves on {manager.departed_on}")


def _check_confirmation(told: ManagerConfirmed, manager: Manager, policies: Policies) -> None:
    _check_employed(manager, told.confirmed_on, "confirmed_on")
    if manager.confirmed_on is not None:
        raise Refusal("confirmed-once", "confirmed_on", f"was confirmed on {manager.confirmed_on}")
    earliest = probation_ends(manager, policies)
    if earliest is not None and told.confirmed_on < earliest:
        raise Refusal("probation-is-served", "confirmed_on", f"probation lasts until {earliest}")


def probation_ends(manager: Manager, policies: Policies) -> date | None:
    """The first day on which a manager can be confirmed, by the policy of the day of hiring; None for those who are
    confirmed, or of whom nobody knows when they were hired."""
    if manager.confirmed_on is not None or manager.hired_on == EVER:
        return None
    return months_later(manager.hired_on, policies.in_force(manager.hired_on).probation_months)


def _check_departure(told: ManagerDeparted, manager: Manager) -> None:
    confirmed_on = manager.confirmed_on
    ended = told.reason is DepartureReason.PROBATION_ENDED
    if ended and confirmed_on is not None and confirmed_on <= told.departed_on:
        raise Refusal("probation-runs", "reason", f"probation was passed on {confirmed_on}")


def _check_discipline(told: ManagerDisciplined, manager: Manager) -> None:
    _check_employed(manager, told.effective_from, "effective_from")
    if told.discipline_id in manager.disciplines:
        raise Refusal("discipline-is-new", "discipline_id", f"there is a {told.discipline_id} already")
    if (told.measure is Measure.FINE) != (told.amount is not None):
        raise Refusal("fine-has-amount", "amount", "a fine has an amount, other measures have none")
    if told.ends_on is not None and (
        told.measure is not Measure.SUSPENSION or told.ends_on <= told.effective_from
    ):
        raise Refusal("suspension-ends", "ends_on", "only a suspension ends, and after it began")


def _check_appeal(discipline_id: str, manager: Manager, *, deciding: bool) -> None:
    discipline = manager.disciplines.get(discipline_id)
    if discipline is None:
        detail = f"there is no measure {discipline_id} against this manager"
        raise NotOnRecord("discipline-is-known", "discipline_id", detail)
    if discipline.upheld is not None or discipline.appealed is not deciding:
        detail = "no appeal is open" if deciding else "an appeal was made already"
        raise Refusal("one-appeal", "discipline_id", detail)


def _check_judge(judge: str, told: DisciplineAppealDecided, manager: Manager) -> None:
    """Raises Refusal for whoever imposed the measure, or suffers it: an appeal goes to somebody else."""
    imposed = manager.disciplines[told.discipline_id].imposed
    if judge in (imposed.proposed_by, imposed.approved_by, told.manager_id):
        detail = "who proposed, approved or suffers a measure does not decide on the appeal"
        raise Refusal("four-eyes", "discipline_id", detail)


def stream(command: Command) -> str:
    """The manager's stream."""
    return command.stream


DECIDER: Decider[Command, Manager, Consulted] = Decider(stream, Manager(), decide, evolve)
