"""Clawback: the part of an award that came from a loan, and why it is taken, in words."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.appraisal.domain import results
from services.appraisal.domain.clawback import (
    DECIDER,
    ReclassificationsWorked,
    WorkReclassifications,
    follow,
    part_of_loan,
    rate_of,
    target_of,
)
from services.appraisal.domain.clawback_explanation import provision, sentences
from services.appraisal.domain.loan_result import Reclassified
from shared.contracts.appraisal import AwardClawedBack, AwardGranted, AwardReleased
from shared.infrastructure.event_store import shard_of_stream
from shared.kernel.books import DEFAULT_PROVISION_RATES, LoanClass

DAY = date(2028, 11, 20)


@pytest.mark.parametrize(
    ("efficiency", "of_loan", "part"),
    [
        (1000, 500, 5000),
        (1000, -1, 0),
        (1000, 5000, 10000),
        (3, 1, 3333),
        (0, 5, 0),
        (-7, 5, 0),
    ],
)
def test_the_part_of_a_loan_is_its_share_of_the_efficiency_at_most_the_award(
    efficiency: int, of_loan: int, part: int
) -> None:
    assert part_of_loan(10000, efficiency, of_loan) == part


@given(st.integers(0, 10**12), st.integers(1, 10**12), st.integers(-(10**12), 10**12))
def test_a_part_is_never_negative_and_never_above_the_award(
    amount: int, efficiency: int, of_loan: int
) -> None:
    assert 0 <= part_of_loan(amount, efficiency, of_loan) <= amount


def test_only_bad_classes_have_a_target_which_is_their_rate_of_the_part() -> None:
    targets = [target_of(1001, one, rate) for one, rate in DEFAULT_PROVISION_RATES.items()]
    assert targets == [0, 0, 300, 500, 1001]
    assert target_of(1001, LoanClass.SPECIAL_MENTION, Decimal(50)) == 0
    assert target_of(1001, LoanClass.DOUBTFUL, Decimal("62.5")) == 626


def test_the_rate_is_the_ledgers_and_the_awards_where_the_ledger_stated_none() -> None:
    award = AwardGranted.model_validate(AWARD)
    stated = Reclassified("l1", LoanClass.SUBSTANDARD, 7, 20, DAY, "e", "c", Decimal(0), "2028-11")
    assert rate_of(stated, award) == 0
    assert rate_of(replace(stated, provision_rate=None), award) == 30
    assert rate_of(replace(stated, provision_rate=None, loan_class=LoanClass.LOSS), award) == 0


def test_a_change_is_marked_once_in_the_shard_of_its_results() -> None:
    command = WorkReclassifications(3, (7, 8), DAY)
    assert shard_of_stream(DECIDER.stream(command)) == shard_of_stream(results.stream_of(3)) == 3
    unworked = frozenset({(3, 8), (3, 9), (4, 8)})
    [fact] = DECIDER.decide(command, None, unworked)
    assert isinstance(fact, ReclassificationsWorked)
    assert (fact.positions, fact.stream) == ((8,), command.stream)
    assert ReclassificationsWorked.model_validate_json(fact.to_json()) == fact
    assert DECIDER.decide(command, None, follow(unworked, fact)) == []
    assert DECIDER.evolve(None, fact) is None
    award = AwardGranted.model_construct(award_id="a")
    assert follow(unworked, award) == unworked


AWARD = {
    "award_id": "2026-Q3:m1",
    "cycle_id": "2026-Q3",
    "manager_id": "m1",
    "business_date": "2026-11-24",
    "period": "2026-Q3",
    "amount": "5400.00",
    "immediate": "3240.00",
    "instalments": [{"due_on": "2028-11-24", "amount": "2160.00"}],
    "efficiency": "300000.00",
    "rate": "1.5",
    "coefficient": "1.2",
    "rating": "A",
    "grade": "manager-4",
    "policy": "default",
    "clawback_until": "2029-11-24",
    "clawback_rates": {"substandard": "30"},
}
CLAWED_BACK: dict[str, Any] = {
    **{name: AWARD[name] for name in ("award_id", "cycle_id", "manager_id")},
    "business_date": "2028-11-20",
    "clawback_id": "x",
    "loan_id": "l1",
    "loan_class": "substandard",
    "loan_efficiency": "200000.00",
    "loan_part": "3600.00",
    "target": "1080.00",
    "amount": "1080.00",
    "from_instalments": "720.00",
    "instalments": [{"due_on": "2028-11-24", "amount": "720.00"}],
    "claim": "360.00",
    "cause": {
        "topic": "ledger.events",
        "partition": 3,
        "offset": 2071,
        "message_id": "e-8",
        "core_event_id": "core-8",
    },
    "provision_rate": "30",
    "provision_policy": "2028-10",
}
MONTHS = {"2026-07": 15000000, "2026-09": 5000000}


def test_a_clawback_is_explained_from_the_award_to_the_offset_of_the_message() -> None:
    told = sentences(AwardGranted.model_validate(AWARD), AwardClawedBack.model_validate(CLAWED_BACK), MONTHS)
    assert told == [
        "Award 2026-Q3:m1 of 5400.00 was granted to m1 on 2026-11-24, for an efficiency of 300000.00 in 2026-Q3.",
        (
            "Of that efficiency 200000.00 came from loan l1, by the legs that were booked for m1 "
            "(2026-07 150000.00, 2026-09 50000.00)."
        ),
        (
            "The part of the award from this loan is 5400.00 × 200000.00 ÷ 300000.00, rounded and at most the award: "
            "3600.00."
        ),
        (
            "On 2028-11-20 the loan became substandard, says message e-8 (ledger.events/3/2071) of core event core-8. "
            "By the provision rate of that class in the ledger's policy in force for 2028-11 (2028-10) 30 % of 3600.00 "
            "is clawed back: 1080.00."
        ),
        (
            "All loans together then wanted 1080.00 more of the award, which is never clawed back beyond itself: of "
            "instalments not yet due 720.00 of the one due 2028-11-24 is cancelled, and 360.00 is claimed."
        ),
    ]


def test_the_provision_rate_is_shown_with_the_policy_and_the_month_that_it_was_in_force_for() -> None:
    award, clawed = AwardGranted.model_validate(AWARD), AwardClawedBack.model_validate(CLAWED_BACK)
    assert provision(award, clawed) == {"rate": "30", "month": "2028-11", "policy": "2028-10"}


def test_a_clawback_from_before_the_ledger_stated_rates_is_explained_by_the_awards_terms() -> None:
    before = {name: value for name, value in CLAWED_BACK.items() if not name.startswith("provision")}
    award, clawed = AwardGranted.model_validate(AWARD), AwardClawedBack.model_validate(before)
    assert provision(award, clawed) == {"rate": "30", "month": "2028-11", "policy": None}
    assert sentences(award, clawed, MONTHS)[3].endswith(
        "core-8. By the rates that the award was granted with, as the message states no provision rate, 30 % of "
        "3600.00 is clawed back: 1080.00."
    )


def test_a_release_by_a_class_that_is_not_bad_claws_nothing_back_whatever_its_rate() -> None:
    healed = {**CLAWED_BACK, "loan_class": "special_mention", "provision_rate": "2.5", "target": "0.00"}
    told = sentences(AwardGranted.model_validate(AWARD), AwardReleased.model_validate(healed), MONTHS)
    assert told[3].endswith("core-8. In that class nothing is clawed back: 0.00.")


def test_a_release_after_the_last_day_is_explained_by_its_claim() -> None:
    healed = {
        **CLAWED_BACK,
        "business_date": "2030-01-02",
        "loan_class": "normal",
        "target": "0.00",
        "amount": "360.00",
        "from_instalments": "0.00",
        "instalments": [],
    }
    *_, target, done = sentences(
        AwardGranted.model_validate(AWARD), AwardReleased.model_validate(healed), MONTHS
    )
    assert target.endswith(
        "In that class nothing is clawed back. That is after 2029-11-24, until when a clawback reaches, so its target "
        "can only fall: 0.00."
    )
    assert done == (
        "All loans together then wanted less of the award, and 360.00 is released: 360.00 is not claimed any more, "
        "and of instalments not yet due nothing is open again."
    )
