"""Vaults: every fen is kept account of, through payments, sourings, healings and settlements in any order."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.appraisal.domain.clawback import SOURED, part_of_loan
from services.appraisal.domain.incentive import instalments, years_later
from services.appraisal.domain.loan_result import Reclassified
from services.appraisal.domain.vault import DECIDER, Award, Vault
from services.appraisal.domain.vault_event import (
    ClaimSettled,
    ClawbackTargetSet,
    Command,
    PayInstalments,
    Reassess,
    SettleClaim,
)
from shared.contracts.appraisal import (
    AwardClawedBack,
    AwardGranted,
    AwardReleased,
    Instalment,
    InstalmentPaid,
    Rating,
)
from shared.contracts.types import Contract
from shared.kernel.books import DEFAULT_PROVISION_RATES, LoanClass
from shared.kernel.errors import Refusal
from shared.kernel.event import Fact
from shared.kernel.money import percent_of

GRANTED_ON = date(2026, 11, 24)
AWARD_ID = "2026-Q3:m1"


def granted(
    amount: int = 10000, efficiency: int = 1000000, award_id: str = AWARD_ID, day: date = GRANTED_ON
) -> AwardGranted:
    """An award of 100.00 for an efficiency of 10,000.00, 40.00 of it deferred over three years."""
    deferred = amount * 4 // 10
    return AwardGranted.model_construct(
        award_id=award_id,
        cycle_id=award_id.partition(":")[0],
        manager_id="m1",
        business_date=day,
        period="2026-Q3",
        amount=amount,
        immediate=amount - deferred,
        instalments=tuple(
            Instalment.model_construct(due_on=due_on, amount=part)
            for due_on, part in instalments(deferred, 3, day)
        ),
        efficiency=efficiency,
        rate=Decimal("1.0"),
        coefficient=Decimal("1.0"),
        rating=Rating.B,
        grade="assistant",
        policy="default",
        clawback_until=years_later(day, 3),
        clawback_rates=dict(DEFAULT_PROVISION_RATES),
    )


VAULT = DECIDER.evolve(Vault(), granted())


def sour(
    position: int,
    loan_class: LoanClass,
    *,
    loan_id: str = "l1",
    years: float = 1.5,
    efficiency: int = 500000,
    award_id: str = AWARD_ID,
    rate: Decimal | None = None,
) -> Reassess:
    """A loan's change of class some years after the grant; it brought half of what the award is for. The ledger stated
    the rate, or none, as in its older messages."""
    day = GRANTED_ON + timedelta(days=int(365.25 * years))
    change = Reclassified(
        loan_id,
        loan_class,
        position,
        position + 1000,
        day,
        f"e{position}",
        f"c{position}",
        rate,
        None if rate is None else "2028-01",
    )
    return Reassess("m1", award_id, 3, change, efficiency)


def work(vault: Vault, *commands: Command) -> tuple[Vault, list[Fact]]:
    """The vault after commands, each fact stored and read back, and the facts."""
    facts: list[Fact] = []
    for command in commands:
        for fact in DECIDER.decide(command, vault, None):
            assert isinstance(fact, Contract)
            again = type(fact).model_validate_json(fact.to_json())
            assert again == fact
            assert fact.stream == DECIDER.stream(command) == "vault-m1"
            vault = DECIDER.evolve(vault, again)
            facts.append(again)
    return vault, facts


def effects(facts: Sequence[Fact]) -> list[tuple[str, int, int]]:
    """Clawbacks and releases: their type, what is from instalments, and the claim."""
    return [
        (type(one).__name__, one.from_instalments, one.claim)
        for one in facts
        if isinstance(one, AwardClawedBack | AwardReleased)
    ]


def parts(vault: Vault) -> list[tuple[int, int, int]]:
    """Of each instalment what is paid, cancelled and open."""
    return [(one.paid, one.cancelled, one.open) for _, one in sorted(vault.awards[AWARD_ID].parts.items())]


def test_instalments_are_paid_when_they_are_due_and_only_once() -> None:
    first = PayInstalments("m1", date(2027, 11, 24))
    vault, facts = work(VAULT, first, first, PayInstalments("m1", date(2028, 11, 23)))
    assert [(one.due_on, one.amount) for one in facts if isinstance(one, InstalmentPaid)] == [
        (date(2027, 11, 24), 1334)
    ]
    assert parts(vault) == [(1334, 0, 0), (0, 0, 1333), (0, 0, 1333)]


def test_nothing_is_due_the_day_before() -> None:
    assert work(VAULT, PayInstalments("m1", date(2027, 11, 23)))[1] == []


def test_a_loan_that_turns_bad_takes_its_part_at_its_rate_from_the_earliest_instalments_not_yet_due() -> None:
    """Half of 100.00 came from the loan; 50 % of that is 25.00: 13.33 of the second instalment, 11.67 of the third."""
    vault, facts = work(VAULT, sour(1, LoanClass.DOUBTFUL))
    assert effects(facts) == [("AwardClawedBack", 2500, 0)]
    assert parts(vault) == [(0, 0, 1334), (0, 1333, 0), (0, 1167, 166)]


def test_what_instalments_do_not_hold_is_claimed() -> None:
    vault, facts = work(VAULT, sour(1, LoanClass.LOSS))
    assert effects(facts) == [("AwardClawedBack", 2666, 2334)]
    assert vault.awards[AWARD_ID].claimed == 2334


def test_a_clawback_names_its_figures_and_the_message_that_caused_it() -> None:
    _, [target, clawed] = work(VAULT, sour(7, LoanClass.SUBSTANDARD))
    assert isinstance(target, ClawbackTargetSet)
    assert (target.target, target.position) == (1500, 7)
    assert isinstance(clawed, AwardClawedBack)
    assert (clawed.loan_part, clawed.target, clawed.amount) == (5000, 1500, 1500)
    assert clawed.cause.model_dump() == {
        "topic": "ledger.events",
        "partition": 3,
        "offset": 1007,
        "message_id": "e7",
        "core_event_id": "c7",
    }


def test_a_worse_class_takes_the_difference_and_a_better_one_releases_it() -> None:
    vault, facts = work(
        VAULT,
        sour(1, LoanClass.SUBSTANDARD),
        sour(2, LoanClass.LOSS),
        sour(3, LoanClass.SUBSTANDARD),
        sour(4, LoanClass.NORMAL),
    )
    assert effects(facts) == [
        ("AwardClawedBack", 1500, 0),
        ("AwardClawedBack", 1166, 2334),
        ("AwardReleased", 1166, 2334),
        ("AwardReleased", 1500, 0),
    ]
    assert parts(vault) == [(0, 0, 1334), (0, 0, 1333), (0, 0, 1333)]


def test_each_class_claws_back_by_the_rate_that_the_ledger_states_with_it_up_and_down() -> None:
    """Of 50.00: 25 % by substandard, 62.5 % by doubtful, 90 % by loss; meanwhile doubtful has come to be 40 %."""
    vault, facts = work(
        VAULT,
        sour(1, LoanClass.SPECIAL_MENTION, rate=Decimal(5)),
        sour(2, LoanClass.SUBSTANDARD, rate=Decimal(25)),
        sour(3, LoanClass.DOUBTFUL, rate=Decimal("62.5")),
        sour(4, LoanClass.LOSS, rate=Decimal(90)),
        sour(5, LoanClass.DOUBTFUL, rate=Decimal(40)),
        sour(6, LoanClass.SPECIAL_MENTION, rate=Decimal(5)),
    )
    assert [one.target for one in facts if isinstance(one, ClawbackTargetSet)] == [1250, 3125, 4500, 2000, 0]
    assert [
        (type(one).__name__, one.amount, str(one.provision_rate), one.provision_policy)
        for one in facts
        if isinstance(one, AwardClawedBack | AwardReleased)
    ] == [
        ("AwardClawedBack", 1250, "25", "2028-01"),
        ("AwardClawedBack", 1875, "62.5", "2028-01"),
        ("AwardClawedBack", 1375, "90", "2028-01"),
        ("AwardReleased", 2500, "40", "2028-01"),
        ("AwardReleased", 2000, "5", "2028-01"),
    ]
    assert vault.awards[AWARD_ID].taken == 0


def test_a_worse_class_of_a_lower_rate_releases_and_one_of_rate_zero_takes_nothing() -> None:
    vault, _ = work(VAULT, sour(1, LoanClass.SUBSTANDARD, rate=Decimal(40)))
    assert effects(work(vault, sour(2, LoanClass.DOUBTFUL, rate=Decimal(30)))[1]) == [
        ("AwardReleased", 500, 0)
    ]
    assert work(VAULT, sour(1, LoanClass.LOSS, rate=Decimal(0)))[1] == []


def test_an_older_message_without_a_rate_goes_by_the_awards_own() -> None:
    _, [_, clawed] = work(VAULT, sour(1, LoanClass.DOUBTFUL))
    assert isinstance(clawed, AwardClawedBack)
    assert (clawed.target, clawed.provision_rate, clawed.provision_policy) == (2500, None, None)


def test_the_same_message_again_and_an_earlier_one_change_nothing() -> None:
    first, second = sour(1, LoanClass.SUBSTANDARD), sour(2, LoanClass.DOUBTFUL)
    vault, _ = work(VAULT, first, second)
    assert work(vault, second, first, sour(3, LoanClass.DOUBTFUL))[1] == []


def test_a_special_mention_and_a_loan_that_brought_nothing_take_nothing() -> None:
    assert work(VAULT, sour(1, LoanClass.SPECIAL_MENTION))[1] == []
    assert work(VAULT, sour(1, LoanClass.LOSS, efficiency=-5))[1] == []
    assert work(VAULT, sour(1, LoanClass.LOSS, award_id="2026-Q2:m1"))[1] == []


def test_after_three_years_nothing_more_is_taken_but_healing_still_releases() -> None:
    assert work(VAULT, sour(1, LoanClass.LOSS, years=3.1))[1] == []
    vault, _ = work(VAULT, sour(1, LoanClass.LOSS, years=2.5))
    assert effects(work(vault, sour(2, LoanClass.NORMAL, years=3.1))[1]) == [("AwardReleased", 0, 3667)]


def test_an_award_is_never_clawed_back_beyond_itself_and_what_heals_within_that_releases_nothing() -> None:
    whole = {"efficiency": 900000}
    vault, facts = work(
        VAULT,
        sour(1, LoanClass.LOSS, **whole),
        sour(2, LoanClass.LOSS, loan_id="l2", **whole),
        sour(3, LoanClass.LOSS, loan_id="l3", **whole),
    )
    assert sum(one.amount for one in facts if isinstance(one, AwardClawedBack)) == 10000
    assert effects(work(vault, sour(4, LoanClass.NORMAL))[1]) == []


def test_a_cancelled_instalment_whose_day_has_passed_stays_cancelled() -> None:
    vault, _ = work(VAULT, sour(1, LoanClass.SUBSTANDARD))
    after, facts = work(vault, sour(2, LoanClass.NORMAL, years=2.5))
    assert effects(facts) == [("AwardReleased", 167, 0)]
    assert parts(after) == [(0, 0, 1334), (0, 1333, 0), (0, 0, 1333)]
    assert work(after, sour(3, LoanClass.SUBSTANDARD, years=2.6))[0].awards[AWARD_ID].taken == 1500


def test_what_was_settled_is_not_released() -> None:
    vault, _ = work(
        VAULT, sour(1, LoanClass.LOSS, years=2.5), SettleClaim("m1", AWARD_ID, 3000, "salary", GRANTED_ON)
    )
    assert effects(work(vault, sour(2, LoanClass.NORMAL, years=2.6))[1]) == [("AwardReleased", 1333, 667)]


@pytest.mark.parametrize(("amount", "award_id"), [(2335, AWARD_ID), (1, "2026-Q2:m1")])
def test_no_more_can_be_settled_than_is_claimed(amount: int, award_id: str) -> None:
    vault, _ = work(VAULT, sour(1, LoanClass.LOSS))
    with pytest.raises(Refusal) as refused:
        DECIDER.decide(SettleClaim("m1", award_id, amount, "x", GRANTED_ON), vault, None)
    assert refused.value.rule == "settled-within-claim"


# --- any sequence ---

RATES = st.decimals(0, 100, places=2)
DAYS = st.integers(0, 5 * 365).map(lambda days: GRANTED_ON + timedelta(days=days))
LOANS = {"l1": 300000, "l2": 700000, "l3": 1000000, "l4": -200000}


@st.composite
def histories(draw: st.DrawFn) -> list[Command | AwardGranted]:
    """Grants, payments, changes of class and settlements on days going on, with messages repeated now and then."""
    days = sorted(draw(st.lists(DAYS, max_size=14)))
    history: list[Command | AwardGranted] = []
    for position, day in enumerate(days, 1):
        kind = draw(st.sampled_from(["pay", "sour", "sour", "sour", "settle", "grant", "again"]))
        if kind == "pay":
            history.append(PayInstalments("m1", day))
        elif kind == "sour":
            loan_id = draw(st.sampled_from(sorted(LOANS)))
            loan_class = draw(st.sampled_from(LoanClass))
            rate = draw(st.none() | RATES)
            change = Reclassified(loan_id, loan_class, position, position, day, f"e{position}", "c", rate)
            history.append(Reassess("m1", AWARD_ID, 3, change, LOANS[loan_id]))
        elif kind == "settle":
            history.append(SettleClaim("m1", AWARD_ID, draw(st.integers(1, 9000)), "x", day))
        elif kind == "grant":
            history.append(granted(draw(st.integers(1, 10**6)), award_id=f"c{position}:m1", day=day))
        elif history:
            history.append(draw(st.sampled_from(history)))
    return [
        one
        for index, one in enumerate(history)
        if not (isinstance(one, AwardGranted) and one in history[:index])
    ]


def check(award: Award) -> None:
    """What is true of an award at any time."""
    own = award.granted
    assert own.amount == own.immediate + sum(part.amount for part in award.parts.values())
    for part in award.parts.values():
        assert min(part.paid, part.cancelled, part.open) >= 0
        assert part.paid + part.cancelled + part.open == part.amount
    assert 0 <= award.settled <= award.claimed
    assert award.wanted <= award.taken <= own.amount


@given(histories(), st.integers(0, 20000))
def test_every_fen_is_conserved_nothing_is_paid_twice_and_no_award_clawed_back_beyond_itself(
    history: list[Command | AwardGranted], amount: int
) -> None:
    vault = DECIDER.evolve(Vault(), granted(amount))
    facts: list[Fact] = []
    for step in history:
        if isinstance(step, AwardGranted):
            vault = DECIDER.evolve(vault, step)
            continue
        if isinstance(step, SettleClaim):
            award = vault.awards[AWARD_ID]
            if step.amount > award.claimed - award.settled:
                with pytest.raises(Refusal, match="settled-within-claim"):
                    work(vault, step)
                continue
        vault, done = work(vault, step)
        facts += done
        assert isinstance(step, SettleClaim) or work(vault, step)[1] == [], "the same again changes nothing"
        for award in vault.awards.values():
            check(award)
    award = vault.awards[AWARD_ID]
    of_award = [one for one in facts if getattr(one, "award_id", None) == AWARD_ID]
    paid = sum(one.amount for one in of_award if isinstance(one, InstalmentPaid))
    taken = sum(one.amount for one in of_award if isinstance(one, AwardClawedBack))
    back = sum(one.amount for one in of_award if isinstance(one, AwardReleased))
    settled = sum(one.amount for one in of_award if isinstance(one, ClaimSettled))
    assert award.taken == taken - back
    assert (award.settled, sum(part.paid for part in award.parts.values())) == (settled, paid)


@given(
    st.permutations(list(LOANS)),
    st.lists(st.tuples(st.sampled_from(LoanClass), RATES), min_size=4, max_size=4),
)
def test_in_whatever_order_loans_turn_bad_the_same_comes_to_be_taken(
    order: list[str], classes: list[tuple[LoanClass, Decimal]]
) -> None:
    by_loan = dict(zip(LOANS, classes, strict=True))
    vault = VAULT
    for loan_id in order:
        loan_class, rate = by_loan[loan_id]
        one = sour(1, loan_class, loan_id=loan_id, efficiency=LOANS[loan_id], rate=rate)
        vault, _ = work(vault, one, replace(one))
    targets = sum(
        percent_of(part_of_loan(10000, 1000000, LOANS[loan_id]), rate)
        for loan_id, (loan_class, rate) in by_loan.items()
        if loan_class in SOURED
    )
    assert vault.awards[AWARD_ID].taken == min(10000, targets)
