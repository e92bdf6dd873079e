"""Managers as the rules of assignment want them."""

from datetime import date
from decimal import Decimal

from services.assignment.domain.assignment import Staff
from services.assignment.domain.grade import Grade
from services.assignment.domain.load import Loads
from services.assignment.domain.policy import Policies, Policy
from services.assignment.domain.standing import EVER, Career, Standing, Status


def standing(
    day: date = EVER,
    status: Status = Status.CONFIRMED,
    grade: Grade = Grade.MANAGER_2,
    *,
    branch_id: str = "b1",
    team_id: str | None = "t1",
    sworn: bool = True,
) -> Standing:
    """What a manager is from a day on: confirmed, sworn and of a grade that may hold customers, unless said else."""
    return Standing(day, status, grade, branch_id, team_id, sworn)


def staff(*manager_ids: str, policies: Policies | None = None, **careers: Career) -> Staff:
    """These managers, who may look after anybody, and those with careers of their own."""
    usual = {manager_id: Career((standing(),)) for manager_id in manager_ids}
    return Staff({**usual, **careers}, policies or Policies(), Loads())


def capacity(limit: str, grade: Grade = Grade.MANAGER_2) -> Policies:
    """The default policy, but for one grade's capacity."""
    policy = Policy()
    terms = policy.grades[grade]
    grades = {**policy.grades, grade: type(terms)(terms.may_hold, Decimal(limit), terms.leads)}
    return Policies((EVER,), (Policy(grades=grades),))
