"""What happens on a manager's ladder (晋升、降级); its rules are in ``ladder.py``."""

from typing import Annotated

from pydantic import Field

from services.appraisal.domain.ladder_due import Direction
from shared.contracts.types import BusinessDate, CentreId, Contract, Id, Text


class _LadderEvent(Contract):
    """What all events of a ladder carry."""

    change_id: Id
    manager_id: CentreId
    business_date: BusinessDate

    @property
    def stream(self) -> str:
        return stream_of(self.manager_id)


class GradeChangeProposed(_LadderEvent):
    """A step is due and proposed; it rests on the results of these months, YYYYMM."""

    cycle_id: Id
    direction: Direction
    grade_before: Id
    grade: Id
    cycles: Annotated[tuple[Id, ...], Field(max_length=12)]
    first_month: int
    last_month: int
    ground: Text
    proposed_by: str


class GradeChangeApproved(_LadderEvent):
    """Another person agreed."""

    decided_by: str
    reason: Text | None = None
    effective_from: BusinessDate


class GradeChangeRejected(_LadderEvent):
    """Another person disagreed; the same may be proposed again."""

    decided_by: str
    reason: Text | None = None


class GradeChangeOrdered(_LadderEvent):
    """A step was taken that does not rest on ratings."""

    direction: Direction
    grade_before: Id
    grade: Id
    effective_from: BusinessDate
    ground: Text
    ordered_by: str


FACTS = (
    GradeChangeProposed,
    GradeChangeApproved,
    GradeChangeRejected,
    GradeChangeOrdered,
)


def stream_of(manager_id: str) -> str:
    """The stream of a manager's ladder."""
    return f"ladder-{manager_id}"
