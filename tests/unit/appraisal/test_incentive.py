"""Incentives: the policy in force, and what it pays for which results."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.appraisal.domain.incentive import (
    DECIDER,
    DEFAULT,
    Achieved,
    IncentivePolicies,
    IncentivePolicySet,
    IncentiveTerms,
    SetIncentivePolicy,
    bonuses,
    funds,
    instalments,
    years_later,
)
from shared.contracts.appraisal import Rating
from shared.kernel.books import Book
from shared.kernel.errors import Refusal

DAY = date(2026, 11, 24)


def manager(
    centre_id: str, efficiency: int, rating: Rating | None = Rating.B, grade: str | None = "manager-4"
) -> Achieved:
    return Achieved(Book.MANAGER, centre_id, grade, efficiency, rating)


def department(centre_id: str, efficiency: int) -> Achieved:
    return Achieved(Book.DEPARTMENT, centre_id, centre_id, efficiency, None)


# --- policy ---


def test_the_default_pays_nothing_to_trainees_and_to_grades_that_nobody_named() -> None:
    assert DEFAULT.bonus_rate("principal") == Decimal("3.5")
    assert DEFAULT.bonus_rate("trainee") == DEFAULT.bonus_rate("astronaut") == DEFAULT.bonus_rate(None) == 0
    assert DEFAULT.shown()["coefficients"] == {"A": "1.2", "B": "1.0", "C": "0.6", "D": "0"}
    assert DEFAULT.shown()["effective_from"] == "default"


def test_terms_of_later_days_build_on_those_of_earlier_ones_and_later_words_replace() -> None:
    known = IncentivePolicies.of(
        [
            (date(2027, 1, 1), IncentiveTerms(instalments=2)),
            (date(2026, 1, 1), IncentiveTerms(bonus_rates={"assistant": Decimal(2)})),
            (date(2026, 1, 1), IncentiveTerms(fund_rate=Decimal(3))),
        ]
    )
    assert known.in_force(date(2025, 12, 31)) is DEFAULT
    first = known.in_force(DAY)
    assert (first.version, first.bonus_rate("assistant"), first.fund_rate) == ("2026-01-01", 2, 3)
    assert first.bonus_rate("manager-1") == Decimal("2.4")
    second = known.in_force(date(2027, 1, 1))
    assert (second.instalments, second.fund_rate) == (2, 3)
    assert IncentivePolicies.of([]).in_force(DAY) is DEFAULT


def test_the_deferred_part_of_a_grade_may_be_another_than_the_usual() -> None:
    policy = DEFAULT.amended(IncentiveTerms(deferred_parts={"principal": Decimal(60)}), "v")
    assert policy.deferred(1000, "principal") == 600
    assert policy.deferred(1000, "assistant") == policy.deferred(1000, None) == 400


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({"bonus_rates": {"assistant": "-1"}}, "bonus_rates.assistant"),
        ({"bonus_rates": {"assistant": "100.1"}}, "bonus_rates.assistant"),
        ({"bonus_rates": {"a b": "1"}}, "bonus_rates"),
        ({"coefficients": {"A": "10.5"}}, "coefficients.A"),
        ({"coefficients": {"E": "1"}}, "coefficients"),
        ({"clawback_rates": {"substandard": "5"}}, "clawback_rates"),
        ({"instalments": 0}, "instalments"),
        ({"bonus_rate": "1"}, "bonus_rate"),
    ],
)
def test_terms_that_cannot_be_are_told_by_their_field(terms: dict[str, object], field: str) -> None:
    with pytest.raises(ValidationError) as refused:
        IncentiveTerms.model_validate(terms)
    assert ".".join(map(str, refused.value.errors()[0]["loc"])).startswith(field)


def test_a_policy_is_set_for_a_day_and_read_back() -> None:
    terms = IncentiveTerms(coefficients={Rating.A: Decimal("1.5")}, clawback_years=2)
    [fact] = DECIDER.decide(SetIncentivePolicy(date(2026, 1, 1), terms, DAY), None, None)
    assert isinstance(fact, IncentivePolicySet)
    assert DECIDER.stream(SetIncentivePolicy(DAY, terms, DAY)) == fact.stream == "incentives-bank"
    assert IncentivePolicySet.model_validate_json(fact.to_json()) == fact
    assert DECIDER.evolve(None, fact) is None


def test_a_policy_from_when_it_named_clawback_rates_is_still_read() -> None:
    said = IncentivePolicySet(clawback_years=2, effective_from=date(2026, 1, 1), business_date=DAY)
    stored = {**said.model_dump(mode="json"), "clawback_rates": {"loss": "80"}}
    assert IncentivePolicySet.model_validate(stored) == said


# --- bonus and fund ---


def test_a_bonus_is_efficiency_by_the_rate_of_the_grade_and_the_coefficient_of_the_rating() -> None:
    paid = bonuses([manager("m1", 30000000, Rating.A), manager("m0", 10000000, Rating.C)], DEFAULT)
    assert [(one.achieved.centre_id, one.amount) for one in paid] == [("m0", 90000), ("m1", 540000)]


@pytest.mark.parametrize(("efficiency", "amount"), [(3300, 50), (3366, 50), (3367, 51), (-500, 0), (0, 0)])
def test_a_bonus_is_rounded_half_even_once_and_a_loss_earns_none(efficiency: int, amount: int) -> None:
    """1.5 % × 1.0: of 33.00 it is 0.495, of 33.66 0.5049, of 33.67 0.50505."""
    assert [one.amount for one in bonuses([manager("m1", efficiency)], DEFAULT)] == [amount]


def test_nobody_and_who_has_no_rating_get_no_bonus_and_a_d_earns_zero() -> None:
    achieved = [
        manager("unassigned", 100),
        manager("m1", 100, None),
        manager("m2", 10000, Rating.D),
        department("lending", 1),
    ]
    assert [(one.achieved.centre_id, one.amount) for one in bonuses(achieved, DEFAULT)] == [("m2", 0)]


def test_a_fund_is_efficiency_by_the_departments_rate() -> None:
    policy = DEFAULT.amended(IncentiveTerms(fund_rates={"retail": Decimal(5)}), "v")
    achieved = [
        department("retail", 1000),
        department("lending", 1025),
        department("loss", -5),
        department("unallocated", 900),
        manager("m1", 1),
    ]
    given_to = {one.achieved.centre_id: one.amount for one in funds(achieved, policy)}
    assert given_to == {"lending": 20, "loss": 0, "retail": 50}


def test_a_pool_is_shared_by_bonus_points_to_the_last_fen_with_ties_to_the_smaller_id() -> None:
    achieved = [manager("m3", 100), manager("m2", 100), manager("m1", 100), manager("m4", 0)]
    assert [one.amount for one in bonuses(achieved, DEFAULT, pool=100)] == [34, 33, 33, 0]


def test_a_pool_that_nobody_has_points_for_is_refused() -> None:
    with pytest.raises(Refusal) as refused:
        bonuses([manager("m1", 100, grade="trainee"), manager("m2", -1)], DEFAULT, pool=100)
    assert refused.value.rule == "pool-has-points"


@given(
    st.dictionaries(st.sampled_from("abcdef"), st.integers(-(10**13), 10**13), min_size=1),
    st.integers(1, 10**12),
)
def test_all_of_a_pool_is_shared_and_nobody_without_points_gets_any(
    efficiencies: dict[str, int], pool: int
) -> None:
    achieved = [manager(centre_id, amount) for centre_id, amount in efficiencies.items()]
    if max(efficiencies.values()) <= 0:
        with pytest.raises(Refusal, match="pool-has-points"):
            bonuses(achieved, DEFAULT, pool)
        return
    shared = bonuses(achieved, DEFAULT, pool)
    assert sum(one.amount for one in shared) == pool
    assert all(one.amount == 0 for one in shared if one.achieved.efficiency <= 0)


# --- instalments ---


def test_a_deferred_amount_is_due_in_equal_yearly_parts() -> None:
    assert instalments(1001, 3, DAY) == [
        (date(2027, 11, 24), 334),
        (date(2028, 11, 24), 334),
        (date(2029, 11, 24), 333),
    ]
    assert instalments(2, 3, DAY) == [(date(2027, 11, 24), 1), (date(2028, 11, 24), 1)]
    assert instalments(0, 3, DAY) == []
    assert instalments(5, 1, DAY) == [(date(2027, 11, 24), 5)]


def test_what_is_granted_on_a_leap_day_falls_due_on_the_28th_in_years_without_one() -> None:
    leap_day = date(2096, 2, 29)
    assert years_later(leap_day, 1) == date(2097, 2, 28)
    assert years_later(leap_day, 4) == date(2100, 2, 28)
    assert years_later(leap_day, 8) == date(2104, 2, 29)


@given(st.integers(0, 10**12), st.integers(1, 10))
def test_instalments_add_up_to_what_is_deferred(deferred: int, number: int) -> None:
    parts = instalments(deferred, number, DAY)
    assert sum(amount for _, amount in parts) == deferred
    assert [due_on for due_on, _ in parts] == sorted(due_on for due_on, _ in parts)
