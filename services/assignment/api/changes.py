"""What an approved proposal does, by kind: from its content to the commands that do what was proposed."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from services.assignment.domain import customer, hand_over, manager, tender
from services.assignment.domain.customer import AssignCustomer, ChangeTier
from services.assignment.domain.grade import Grade
from services.assignment.domain.manager import ChangeGrade, TellOfManager
from services.assignment.domain.month import months_later
from services.assignment.domain.proposal import Kind
from services.assignment.domain.tenure import ManagerDisciplined
from shared.contracts.assignment import (
    CustomerAssigned,
    GradeGround,
    ManagerShare,
    TenderAwarded,
)
from shared.infrastructure.command_handler import AnyDecider

Content = Mapping[str, Any]


class Change(NamedTuple):
    """A command and who decides on it."""

    decider: AnyDecider
    command: object


class Approval(NamedTuple):
    """When and by whom it was approved, and whose proposal it was."""

    today: date
    approved_by: str
    proposed_by: str


def _assignment(content: Content, approval: Approval) -> Sequence[Change]:
    return [_assign(CustomerAssigned.model_validate(content), approval)]


def _assign(assigned: CustomerAssigned, approval: Approval) -> Change:
    return Change(customer.DECIDER, AssignCustomer(assigned, approval.today, approved=True))


def _tier(content: Content, approval: Approval) -> Sequence[Change]:
    return [
        Change(
            customer.DECIDER, ChangeTier(one["customer_id"], one["tier"], content["reason"], approval.today)
        )
        for one in content["changes"]
    ]


def _grade(content: Content, _: Approval) -> Sequence[Change]:
    change = ChangeGrade(
        manager_id=content["manager_id"],
        grade=Grade(content["grade"]),
        effective_from=date.fromisoformat(content["effective_from"]),
        ground=GradeGround(content["ground"]),
        reference=content["reference"],
        overridden=content["override_reason"],
    )
    return [Change(manager.DECIDER, change)]


def _discipline(content: Content, approval: Approval) -> Sequence[Change]:
    people = {"proposed_by": approval.proposed_by, "approved_by": approval.approved_by}
    told = ManagerDisciplined.model_validate({**content, **people})
    return [Change(manager.DECIDER, TellOfManager(told, approval.today))]


def _award(content: Content, approval: Approval) -> Sequence[Change]:
    """The award, and each of its customers to the winner alone, also from the later days on which its timeline has
    somebody else; the last day first, so that what comes later is settled when an earlier day is judged."""
    tender_id, winner = content["tender_id"], content["manager_id"]
    named = content["effective_from"]
    day = date.fromisoformat(named) if named else approval.today + timedelta(days=1)
    awarded = TenderAwarded(
        **{
            name: content[name] for name in ("tender_id", "manager_id", "committed_profit", "baseline_profit")
        },
        customer_ids=content["customer_ids"],
        effective_from=day,
        effective_to=months_later(day, tender.MONTHS),
        business_date=approval.today,
    )
    dated = [(customer_id, date.fromisoformat(one)) for customer_id, one in content["later"]]
    later = frozenset(one for one in dated if one[1] > day)
    award = tender.AwardTender(tender_id=tender_id, today=approval.today, awarded=awarded, later=later)
    days = sorted({*later, *((customer_id, day) for customer_id in awarded.customer_ids)}, reverse=True)
    whole = (ManagerShare(manager_id=winner, share=Decimal(1)),)
    assigned = [
        CustomerAssigned(
            customer_id=customer_id, shares=whole, effective_from=one, reason=f"tender {tender_id}"
        )
        for customer_id, one in days
    ]
    return [Change(tender.DECIDER, award), *(_assign(one, approval) for one in assigned)]


def _hand_over(content: Content, approval: Approval) -> Sequence[Change]:
    """The hand-over, and each customer's steps; the last first, as no step is to be judged as if it lasted for ever."""
    hand_over_id = content["hand_over_id"]
    complete = hand_over.CompleteHandOver(
        hand_over_id=hand_over_id,
        manager_id=content["manager_id"],
        today=approval.today,
        approved_by=approval.approved_by,
    )
    assigned = [
        CustomerAssigned(customer_id=item["customer_id"], **step, reason=f"hand-over {hand_over_id}")
        for item in content["items"]
        for step in reversed(item["after"])
    ]
    return [Change(hand_over.DECIDER, complete), *(_assign(one, approval) for one in assigned)]


CHANGES: Mapping[Kind, Callable[[Content, Approval], Sequence[Change]]] = {
    Kind.ASSIGNMENT: _assignment,
    Kind.TIER: _tier,
    Kind.GRADE: _grade,
    Kind.DISCIPLINE: _discipline,
    Kind.AWARD: _award,
    Kind.HAND_OVER: _hand_over,
}
"""By kind of proposal."""
