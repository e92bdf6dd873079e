"""Awards of a cycle: proposed by one, granted by another, once, and only while both sides agree."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from services.appraisal.domain.award import (
    DECIDER,
    ApproveAwards,
    AwardsApproved,
    AwardsProposed,
    Basis,
    Command,
    Consulted,
    Mode,
    ProposeAwards,
    Sheet,
)
from services.appraisal.domain.cycle import Status
from services.appraisal.domain.incentive import DEFAULT, Achieved, IncentiveTerms
from shared.contracts.appraisal import AwardGranted, DepartmentFundGranted, Rating
from shared.kernel.books import Book
from shared.kernel.errors import Refusal
from shared.kernel.event import Fact

DAY = date(2026, 11, 24)
BASIS = Basis(
    status=Status.PUBLISHED,
    period="2026-Q3",
    ledger_efficiency=40000000,
    achieved=(
        Achieved(Book.DEPARTMENT, "lending", "lending", 39000000, None),
        Achieved(Book.DEPARTMENT, "unallocated", None, 1000000, None),
        Achieved(Book.MANAGER, "m1", "manager-4", 30000000, Rating.A),
        Achieved(Book.MANAGER, "m2", "trainee", 5000000, Rating.B),
        Achieved(Book.MANAGER, "unassigned", None, 5000000, None),
    ),
)
PROPOSE = ProposeAwards("2026-Q3", "ann", DAY)
APPROVE = ApproveAwards("2026-Q3", "ben", DAY)


def decide(command: Command, sheet: Sheet = Sheet(), basis: Basis = BASIS) -> list[Fact]:  # noqa: B008
    return list(DECIDER.decide(command, sheet, Consulted({command.cycle_id: basis})))


def proposed(command: ProposeAwards = PROPOSE, basis: Basis = BASIS) -> Sheet:
    [fact] = decide(command, basis=basis)
    assert isinstance(fact, AwardsProposed)
    return DECIDER.evolve(Sheet(), AwardsProposed.model_validate_json(fact.to_json()))


def refused(command: Command, sheet: Sheet = Sheet(), basis: Basis = BASIS) -> str:  # noqa: B008
    with pytest.raises(Refusal) as refusal:
        decide(command, sheet, basis)
    return refusal.value.rule


def test_a_sheet_shows_every_award_with_its_parts_and_every_fund() -> None:
    sheet = proposed().proposed
    assert sheet is not None
    assert sheet.stream == DECIDER.stream(PROPOSE) == "awards-2026-Q3"
    assert [(one.manager_id, one.amount, one.immediate, one.deferred) for one in sheet.awards] == [
        ("m1", 540000, 324000, 216000),
        ("m2", 0, 0, 0),
    ]
    assert [(one.department_id, one.amount) for one in sheet.funds] == [("lending", 780000)]
    assert sheet.efficiency == {Book.MANAGER: 40000000, Book.DEPARTMENT: 40000000}


def test_what_another_person_approves_is_granted_to_each_manager_and_department() -> None:
    approved, award, fund = decide(APPROVE, proposed())
    assert isinstance(approved, AwardsApproved)
    assert (approved.stream, approved.approved_by) == ("awards-2026-Q3", "ben")
    assert isinstance(award, AwardGranted)
    assert (award.award_id, award.stream) == ("2026-Q3:m1", "vault-m1")
    assert award.amount == award.immediate + sum(one.amount for one in award.instalments) == 540000
    assert [(one.due_on.year, one.amount) for one in award.instalments] == [
        (2027, 72000),
        (2028, 72000),
        (2029, 72000),
    ]
    assert (award.rate, award.coefficient, award.rating) == (Decimal("1.5"), Decimal("1.2"), Rating.A)
    assert award.clawback_until == date(2029, 11, 24)
    assert AwardGranted.model_validate_json(award.to_json()) == award
    assert isinstance(fund, DepartmentFundGranted)
    assert (fund.stream, fund.amount) == ("department-lending#funds", 780000)
    assert DepartmentFundGranted.model_validate_json(fund.to_json()) == fund


def test_what_is_granted_is_granted_for_ever() -> None:
    sheet = proposed()
    for fact in decide(APPROVE, sheet):
        sheet = DECIDER.evolve(sheet, fact)
    assert sheet.granted
    assert refused(APPROVE, sheet) == refused(PROPOSE, sheet) == "awards-are-granted-once"


def test_a_later_proposal_replaces_the_earlier() -> None:
    [fact] = decide(ProposeAwards("2026-Q3", "ann", DAY, Mode.POOL, 1000), proposed())
    sheet = DECIDER.evolve(proposed(), fact)
    assert sheet.proposed is not None
    assert [one.amount for one in sheet.proposed.awards] == [1000, 0]


def test_nobody_approves_what_they_proposed_or_their_own_award() -> None:
    assert refused(replace(APPROVE, actor="ann"), proposed()) == "four-eyes"
    assert refused(replace(APPROVE, actor="m2"), proposed()) == "four-eyes"


def test_without_a_proposal_there_is_nothing_to_approve() -> None:
    assert refused(APPROVE) == "awards-are-proposed"


def test_a_cycle_must_be_known_published_and_without_waiting_appeals() -> None:
    assert refused(PROPOSE, basis=Basis()) == "cycle-is-known"
    assert refused(PROPOSE, basis=replace(BASIS, status=Status.APPROVED)) == "cycle-is-published"
    assert refused(PROPOSE, basis=replace(BASIS, waiting=("m1",))) == "appeals-are-decided"
    assert decide(PROPOSE, basis=replace(BASIS, status=Status.CLOSED))
    assert [str(one) for one in (Status.PUBLISHED, Mode.RATE)] == ["published", "rate"]


def test_no_month_is_paid_for_by_two_cycles() -> None:
    half = replace(BASIS, paid=("2026-H2",))
    assert refused(PROPOSE, basis=half) == "results-are-paid-once"
    assert refused(APPROVE, proposed(), half) == "results-are-paid-once"


def test_a_cycle_that_was_not_looked_up_is_unknown() -> None:
    with pytest.raises(Refusal, match="cycle-is-known"):
        DECIDER.decide(PROPOSE, Sheet(), Consulted())


def test_both_sides_and_the_ledger_must_agree_before_proposing_and_again_before_approving() -> None:
    other = replace(BASIS, ledger_efficiency=40000001)
    assert refused(PROPOSE, basis=other) == "both-sides-agree"
    assert refused(APPROVE, proposed(), other) == "both-sides-agree"


def test_what_changed_since_the_proposal_must_be_proposed_again() -> None:
    stricter = replace(BASIS, policy=DEFAULT.amended(IncentiveTerms(deferred_part=Decimal(50)), "v"))
    assert refused(APPROVE, proposed(), stricter) == "awards-are-as-proposed"
    downgraded = [one._replace(rating=Rating.C) if one.rating else one for one in BASIS.achieved]
    assert refused(APPROVE, proposed(), replace(BASIS, achieved=downgraded)) == "awards-are-as-proposed"


def test_an_approval_on_a_later_day_grants_what_was_proposed_from_that_day_on() -> None:
    _, award, _ = decide(replace(APPROVE, today=date(2026, 12, 1)), proposed())
    assert isinstance(award, AwardGranted)
    assert award.instalments[0].due_on == date(2027, 12, 1)
