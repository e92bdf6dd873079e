"""A manager's way up and down the ladder (晋升、降级): what ratings propose, a second person decides, step by step.

The aggregate is the manager's ladder. What is decided is told to the assignment service, which applies it or says what
stands against it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from services.appraisal.domain.ladder_due import Direction, Due, step
from services.appraisal.domain.ladder_event import (
    GradeChangeApproved,
    GradeChangeOrdered,
    GradeChangeProposed,
    GradeChangeRejected,
    stream_of,
)
from services.appraisal.domain.ladder_policy import LADDER
from shared.contracts.appraisal import GradeChangeDecided
from shared.kernel.decider import Decider
from shared.kernel.errors import Refusal
from shared.kernel.event import Fact

# --- commands -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _OfLadder:
    """What all commands say. ``actor`` is who gives it."""

    change_id: str
    manager_id: str
    actor: str
    today: date

    @property
    def stream(self) -> str:
        return stream_of(self.manager_id)


@dataclass(frozen=True, slots=True)
class ProposeGradeChange(_OfLadder):
    """Ask for the step that is due on account of a closed cycle."""

    cycle_id: str
    grade: str
    due: Due


@dataclass(frozen=True, slots=True)
class DecideGradeChange(_OfLadder):
    """Approve or reject a step that another person proposed."""

    approve: bool
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class OrderGradeChange(_OfLadder):
    """Take a step that was decided elsewhere: by a measure (处分降级), or by the appeal that lifts it."""

    direction: Direction
    ground: str


Command = ProposeGradeChange | DecideGradeChange | OrderGradeChange

# --- state --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ladder:
    """What waits for a decision (one step at most), up to which month YYYYMM steps in each direction were taken, and
    the latest grade decided with the day from which it is."""

    waiting: GradeChangeProposed | None = None
    settled: Mapping[Direction, int] = field(default_factory=dict)
    latest: tuple[date, str] | None = None


@dataclass(frozen=True, slots=True)
class Consulted:
    """The grades on record of those who will be with the bank on the day from which a step counts."""

    grades: Mapping[str, str] = field(default_factory=dict)


# --- decide -------------------------------------------------------------------------------------------------


def month_after(today: date) -> date:
    """The first day of the next month: from then on a step counts that is decided today."""
    return date(today.year + today.month // 12, today.month % 12 + 1, 1)


def decide(command: Command, ladder: Ladder, consulted: Consulted) -> Sequence[Fact]:
    """What is proposed or decided; raises Refusal naming field and rule."""
    if isinstance(command, ProposeGradeChange):
        return [_proposed(command, ladder)]
    if isinstance(command, DecideGradeChange):
        return _decided(command, ladder, consulted)
    return _ordered(command, ladder, consulted)


def _proposed(command: ProposeGradeChange, ladder: Ladder) -> Fact:
    due = command.due
    if ladder.waiting is not None:
        detail = f"change {ladder.waiting.change_id} of {command.manager_id} waits for a decision"
        raise Refusal("one-step-at-a-time", "manager_ids", detail)
    _check_unused(ladder, due.direction, due.months[0], command.manager_id)
    following = step(command.grade, due.direction)
    if following is None:
        raise Refusal("ladder-has-ends", "manager_ids", f"no step {due.direction} from {command.grade}")
    return GradeChangeProposed(
        change_id=command.change_id,
        manager_id=command.manager_id,
        business_date=command.today,
        cycle_id=command.cycle_id,
        direction=due.direction,
        grade_before=command.grade,
        grade=following,
        cycles=tuple(one.cycle_id for one in due.cycles),
        first_month=due.months[0],
        last_month=due.months[1],
        ground=due.words,
        proposed_by=command.actor,
    )


def _check_unused(ladder: Ladder, direction: Direction, first_month: int, manager_id: str) -> None:
    if first_month <= ladder.settled.get(direction, 0):
        detail = f"{manager_id} took a step {direction} on results of these months already"
        raise Refusal("results-are-used-once", "manager_ids", detail)


def _decided(command: DecideGradeChange, ladder: Ladder, consulted: Consulted) -> Sequence[Fact]:
    waiting = ladder.waiting
    if waiting is None or waiting.change_id != command.change_id:
        raise Refusal("change-is-open", "change_id", f"change {command.change_id} is not open")
    if command.actor in {waiting.proposed_by, command.manager_id}:
        raise Refusal("four-eyes", "change_id", "nobody decides on what they proposed, or on their own grade")
    said = {
        "change_id": command.change_id,
        "manager_id": command.manager_id,
        "business_date": command.today,
        "decided_by": command.actor,
        "reason": command.reason,
    }
    if not command.approve:
        return [GradeChangeRejected(**said)]
    day = month_after(command.today)
    if ladder.latest is not None and ladder.latest[0] >= day:
        raise Refusal("one-step-at-a-time", "change_id", f"another step counts from {ladder.latest[0]} on")
    present = _present(command.manager_id, consulted)
    if present != waiting.grade_before:
        detail = f"the manager is {present} by now, not {waiting.grade_before}: reject it, and propose anew"
        raise Refusal("grade-is-unchanged", "change_id", detail)
    approved = GradeChangeApproved(**said, effective_from=day)
    return [approved, _told(command, waiting.grade, day, waiting.ground)]


def _ordered(command: OrderGradeChange, ladder: Ladder, consulted: Consulted) -> Sequence[Fact]:
    day = month_after(command.today)
    present = _present(command.manager_id, consulted)
    if ladder.latest is not None and ladder.latest[0] >= day:
        present = ladder.latest[1]  # decided this month; the record may not say so yet
    following = step(present, command.direction)
    if following is None:
        raise Refusal("ladder-has-ends", "manager_id", f"no step {command.direction} from {present}")
    ordered = GradeChangeOrdered(
        change_id=command.change_id,
        manager_id=command.manager_id,
        business_date=command.today,
        direction=command.direction,
        grade_before=present,
        grade=following,
        effective_from=day,
        ground=command.ground,
        ordered_by=command.actor,
    )
    return [ordered, _told(command, following, day, command.ground)]


def _present(manager_id: str, consulted: Consulted) -> str:
    present = consulted.grades.get(manager_id)
    if present is None:
        raise Refusal("manager-is-there", "manager_id", f"{manager_id} will not be with the bank")
    if present not in LADDER:
        raise Refusal("ladder-has-ends", "manager_id", f"the grade {present} is in no ladder")
    return present


def _told(command: Command, grade: str, day: date, ground: str) -> GradeChangeDecided:
    return GradeChangeDecided(
        decision_id=command.change_id,
        manager_id=command.manager_id,
        grade=grade,
        effective_from=day,
        reason=ground,
    )


# --- evolve -------------------------------------------------------------------------------------------------


def evolve(ladder: Ladder, fact: Fact) -> Ladder:
    """The ladder after a fact; what the others are told changes nothing here."""
    match fact:
        case GradeChangeProposed():
            return replace(ladder, waiting=fact)
        case GradeChangeApproved():
            assert ladder.waiting is not None  # only what waits is decided on
            settled = {**ladder.settled, ladder.waiting.direction: ladder.waiting.last_month}
            return Ladder(None, settled, (fact.effective_from, ladder.waiting.grade))
        case GradeChangeRejected():
            return replace(ladder, waiting=None)
        case GradeChangeOrdered():
            return replace(ladder, latest=(fact.effective_from, fact.grade))
        case _:
            return ladder


DECIDER: Decider[Command, Ladder, Consulted] = Decider(
    stream=lambda command: command.stream, initial=Ladder(), decide=decide, evolve=evolve
)
