"""What other services told (他方事件): kept as they said it, under the id of their message.

Sources of indicators are made of these, and a figure can be followed down to them. What the ledger says of single
entries is added up instead (``results.py``), as there are too many.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.contracts import assignment
from shared.contracts.ledger import DepartmentResultStated, ManagerResultStated, PeriodClosed
from shared.contracts.types import CentreId, Contract
from shared.kernel.decider import Decider
from shared.kernel.event import Fact

# --- commands -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class KeepTold:
    """Keep a fact of another service."""

    fact: Fact

    @property
    def stream(self) -> str:
        return self.fact.stream


# --- events -------------------------------------------------------------------------------------------------


class _OfStaff:
    """Kept in a stream beside the manager's own, which is that of what the appraisal decides."""

    manager_id: CentreId

    @property
    def stream(self) -> str:
        return f"manager-{self.manager_id}#staff"


class ManagerRegistered(_OfStaff, assignment.ManagerRegistered):
    """A manager came on record."""


class ManagerGraded(_OfStaff, assignment.ManagerGraded):
    """A manager's grade from a day on."""


class GradeChangeRefused(_OfStaff, assignment.GradeChangeRefused):
    """What the appraisal decided of a manager's grade cannot be applied."""


class ManagerTransferred(_OfStaff, assignment.ManagerTransferred):
    """A manager's branch and team from a day on."""


class ManagerDeparted(_OfStaff, assignment.ManagerDeparted):
    """A manager left."""


class TrainingTaken(_OfStaff, assignment.TrainingTaken):
    """A manager took a course."""


def _by_name(*kinds: type[Contract]) -> Mapping[str, type[Contract]]:
    return {kind.__name__: kind for kind in kinds}


OF_ASSIGNMENT = _by_name(
    ManagerRegistered,
    ManagerGraded,
    GradeChangeRefused,
    ManagerTransferred,
    ManagerDeparted,
    TrainingTaken,
    assignment.CustomerAssigned,
    assignment.VisitMade,
    assignment.VisitMissed,
    assignment.ComplaintReceived,
    assignment.ComplaintAssigned,
    assignment.ComplaintAnswered,
    assignment.ComplaintConfirmed,
    assignment.CustomerSurveyed,
    assignment.DutyRaised,
    assignment.DutyDone,
    assignment.DutyBreached,
    assignment.ReferralClosed,
    assignment.TenderAwarded,
)
OF_LEDGER = _by_name(PeriodClosed, ManagerResultStated, DepartmentResultStated)
KEPT: Mapping[str, Any] = {**OF_ASSIGNMENT, **OF_LEDGER}
"""Everything that is kept, by type."""

# --- decide -------------------------------------------------------------------------------------------------


def decide(command: KeepTold, _: None, __: None) -> Sequence[Fact]:
    """The fact itself; refuses nothing, as it has happened."""
    return [command.fact]


# --- evolve -------------------------------------------------------------------------------------------------


def evolve(_: None, __: Fact) -> None:
    """What was told has no state: nothing is decided upon it here."""


def stream(command: KeepTold) -> str:
    """The fact's stream."""
    return command.stream


DECIDER: Decider[KeepTold, None, None] = Decider(stream, None, decide, evolve)
