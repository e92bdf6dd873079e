"""What an approved proposal does, by kind: from its content to the commands that do what was proposed."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from services.assignment.domain import customer, manager
from services.assignment.domain.customer import AssignCustomer, ChangeTier
from services.assignment.domain.grade import Grade
from services.assignment.domain.manager import ChangeGrade, TellOfManager
from services.assignment.domain.proposal import Kind
from shared.contracts.assignment import CustomerAssigned, GradeGround, ManagerDisciplined
from shared.infrastructure.command_handler import AnyDecider

Content = Mapping[str, Any]


class Change(NamedTuple):
    """A command and who decides on it."""

    decider: AnyDecider
    command: object


def _assignment(content: Content, today: date) -> Sequence[Change]:
    assigned = CustomerAssigned.model_validate(content)
    return [Change(customer.DECIDER, AssignCustomer(assigned, today, approved=True))]


def _tier(content: Content, today: date) -> Sequence[Change]:
    return [
        Change(customer.DECIDER, ChangeTier(one["customer_id"], one["tier"], content["reason"], today))
        for one in content["changes"]
    ]


def _grade(content: Content, _: date) -> Sequence[Change]:
    change = ChangeGrade(
        manager_id=content["manager_id"],
        grade=Grade(content["grade"]),
        effective_from=date.fromisoformat(content["effective_from"]),
        ground=GradeGround(content["ground"]),
        reference=content["reference"],
        overridden=content["override_reason"],
    )
    return [Change(manager.DECIDER, change)]


def _discipline(content: Content, today: date) -> Sequence[Change]:
    told = ManagerDisciplined.model_validate(content)
    return [Change(manager.DECIDER, TellOfManager(told, today))]


CHANGES: Mapping[Kind, Callable[[Content, date], Sequence[Change]]] = {
    Kind.ASSIGNMENT: _assignment,
    Kind.TIER: _tier,
    Kind.GRADE: _grade,
    Kind.DISCIPLINE: _discipline,
}
"""By kind of proposal, on the day of the approval."""
