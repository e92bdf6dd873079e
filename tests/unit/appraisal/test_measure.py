"""A reward or penalty is agreed to by another, objected to once by whom it concerns, and heard by a third."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from services.appraisal.domain import measure as measures
from services.appraisal.domain.measure import (
    AppealMeasure,
    Command,
    DecideMeasure,
    DecideMeasureAppeal,
    Measure,
    ProposeMeasure,
    Status,
)
from services.appraisal.domain.measure_event import (
    Kind,
    MeasureAppealDecided,
    MeasureApproved,
    MeasureProposed,
)
from services.appraisal.domain.payroll import Item, items
from shared.contracts.appraisal import AwardClawedBack, AwardGranted, AwardReleased, InstalmentPaid
from shared.kernel.errors import Refusal
from shared.kernel.event import Fact

DAY = date(2026, 11, 24)
KNOWN = {"m1"}


def propose(kind: Kind = Kind.FINE, amount: int | None = 10_000, manager_id: str = "m1") -> ProposeMeasure:
    return ProposeMeasure("x1", manager_id, "ann", DAY, kind, amount, "late file", date(2026, 10, 1))


def decide(actor: str = "bob", day: date = DAY, *, approve: bool = True) -> DecideMeasure:
    return DecideMeasure("x1", "m1", actor, day, approve)


def appeal(actor: str = "m1") -> AppealMeasure:
    return AppealMeasure("x1", "m1", actor, DAY, "the file was in time")


def hear(actor: str = "cem", day: date = DAY, *, upheld: bool = False) -> DecideMeasureAppeal:
    return DecideMeasureAppeal("x1", "m1", actor, day, upheld, "it was")


def after(*commands: Command) -> Measure:
    state = Measure()
    for command in commands:
        for fact in measures.decide(command, state, KNOWN):
            state = measures.evolve(state, fact)
    return state


def refusal(command: Command, *before: Command) -> str:
    with pytest.raises(Refusal) as refused:
        measures.decide(command, after(*before), KNOWN)
    return refused.value.rule


def only(command: Command, *before: Command) -> Fact:
    [fact] = measures.decide(command, after(*before), KNOWN)
    return fact


def test_a_measure_lives_from_proposal_to_the_decision_on_its_appeal() -> None:
    steps: tuple[Command, ...] = (propose(), decide(), appeal(), hear())
    reached = [after(*steps[:count]).status for count in range(1, 5)]
    assert reached == [Status.PROPOSED, Status.APPROVED, Status.APPEALED, Status.LIFTED]
    assert after(*steps[:3], hear(upheld=True)).status is Status.UPHELD
    assert after(propose(), decide(approve=False)).status is Status.REJECTED
    assert measures.DECIDER.stream(propose()) == only(propose()).stream == "measure-m1#x1"


def test_what_has_an_amount_says_so_and_nothing_else() -> None:
    assert refusal(propose(Kind.WARNING)) == "amount-fits-measure"
    assert refusal(propose(Kind.EXTRA_AWARD, None)) == "amount-fits-measure"
    proposed = only(propose(Kind.WARNING, None))
    assert isinstance(proposed, MeasureProposed)
    assert MeasureProposed.model_validate_json(proposed.to_json()) == proposed


def test_a_measure_is_proposed_once_for_a_manager_on_record() -> None:
    assert refusal(propose(), propose()) == "measure-is-new"
    assert refusal(propose(manager_id="m9")) == "manager-is-known"


def test_nobody_decides_on_what_they_proposed_or_what_concerns_them() -> None:
    assert refusal(decide("ann"), propose()) == refusal(decide("m1"), propose()) == "four-eyes"
    assert refusal(decide(), propose(), decide()) == "measure-is-open"


def test_only_whom_it_concerns_objects_and_only_once_to_what_counts() -> None:
    assert refusal(appeal("m2"), propose(), decide()) == "own-measure"
    assert refusal(appeal(), propose()) == "measure-counts"
    assert refusal(appeal(), propose(), decide(), appeal()) == "one-appeal"
    assert refusal(appeal(), propose(), decide(), appeal(), hear(upheld=True)) == "one-appeal"


def test_a_third_person_hears_the_appeal() -> None:
    before = (propose(), decide(), appeal())
    for actor in ("ann", "bob", "m1"):
        assert refusal(hear(actor), *before) == "third-person"
    assert refusal(hear(), propose(), decide()) == "one-appeal"


def test_an_amount_goes_to_the_payroll_of_the_month_in_which_it_counts_and_comes_back_when_lifted() -> None:
    approved = only(decide(), propose())
    assert isinstance(approved, MeasureApproved)
    assert approved.payable == 202611, "approved later than it counts from"
    early = only(decide(day=date(2026, 9, 2)), propose())
    assert isinstance(early, MeasureApproved)
    assert early.payable == 202610, "approved before it counts"
    lifted = only(hear(day=date(2026, 12, 1)), propose(), decide(), appeal())
    assert isinstance(lifted, MeasureAppealDecided)
    assert list(items(approved, 202611)) == [Item(202611, "m1", "fine", "x1", DAY, -10_000)]
    assert list(items(lifted, 202612)) == [Item(202612, "m1", "fine-lifted", "x1", date(2026, 12, 1), 10_000)]
    stays = only(hear(upheld=True), propose(), decide(), appeal())
    warning = only(decide(), propose(Kind.WARNING, None))
    heard = only(hear(), propose(Kind.WARNING, None), decide(), appeal())
    for fact in (stays, warning, heard, only(propose())):
        assert not list(items(fact, 202611))


def test_what_is_recorded_after_its_month_goes_to_the_month_in_which_it_is_recorded() -> None:
    approved = only(decide(), propose(Kind.EXTRA_AWARD))
    [item] = items(approved, 202612)
    assert (item.month, item.amount, item.item) == (202612, 10_000, "extra-award")


def vault(kind: Any, **said: Any) -> Any:
    return kind.model_construct(manager_id="m1", business_date=DAY, award_id="2026-Q3:m1", **said)


def test_awards_instalments_and_claims_are_items_of_the_payroll() -> None:
    told = [
        vault(AwardGranted, immediate=6_000),
        vault(AwardGranted, immediate=0),
        vault(InstalmentPaid, due_on=date(2027, 11, 24), amount=1_000),
        vault(AwardClawedBack, clawback_id="k1", claim=500),
        vault(AwardReleased, clawback_id="k2", claim=200),
    ]
    found = [replace(item, manager_id="") for fact in told for item in items(fact, 202611)]
    assert found == [
        Item(202611, "", "award", "2026-Q3:m1", DAY, 6_000),
        Item(202611, "", "instalment", "2026-Q3:m1@2027-11-24", DAY, 1_000),
        Item(202611, "", "claim", "k1", DAY, -500),
        Item(202611, "", "claim-released", "k2", DAY, 200),
    ]
