"""Policy: what holds from a day on, on top of what held before."""

from datetime import date
from decimal import Decimal

import pytest
from pydantic import ValidationError

from services.assignment.domain import policy as policies
from services.assignment.domain.grade import Education, Grade
from services.assignment.domain.policy import DEFAULT, Policies, PolicySet, PolicyTerms, RiskRating, SetPolicy
from shared.contracts.appraisal import Rating

SPRING, SUMMER = date(2026, 3, 1), date(2026, 6, 1)


def terms(**values: object) -> PolicyTerms:
    return PolicyTerms.model_validate(values)


def test_the_default_holds_until_a_policy_says_otherwise() -> None:
    known = Policies.of([(SPRING, terms(complaint_days=7))])
    assert known.in_force(date(2026, 2, 28)) is DEFAULT
    assert known.in_force(SPRING).complaint_days == 7
    assert known.in_force(SPRING).version == "2026-03-01"
    assert known.in_force(SPRING).large_value == DEFAULT.large_value == 5_000_000


def test_later_days_build_on_earlier_ones_in_whatever_order_they_are_set() -> None:
    summer = (SUMMER, terms(tiers={"gold": {"visit_months": 2}}))
    spring = (SPRING, terms(tiers={"gold": {"weight": "2.5"}, "own": {"weight": "1"}}))
    for known in (Policies.of([summer, spring]), Policies.of([spring, summer])):
        tier = known.in_force(SUMMER).tier("gold")
        assert (tier.weight, tier.visit_months) == (Decimal("2.5"), 2)
        assert known.in_force(SPRING).tier("gold").visit_months == 3


def test_a_later_word_for_the_same_day_comes_on_top_of_the_earlier_one() -> None:
    known = Policies.of([(SPRING, terms(complaint_days=7)), (SPRING, terms(large_value="100.00"))])
    assert (known.in_force(SPRING).complaint_days, known.in_force(SPRING).large_value) == (7, 10_000)


def test_a_grade_keeps_what_the_policy_does_not_say() -> None:
    change = {
        "capacity": "50",
        "leads": ["*"],
        "exam": "basic",
        "rating": "A",
        "education": "master",
        "certificates": ["CFA"],
    }
    known = Policies.of([(SPRING, terms(grades={"assistant": change}, review_months={"high": 3}))])
    grade = known.in_force(SPRING).grades[Grade.ASSISTANT]
    assert (grade.capacity, grade.leads, grade.exam, grade.rating) == (50, None, "basic", Rating.A)
    assert (grade.education, grade.certificates) == (Education.MASTER, {"CFA"})
    assert (grade.years_in_banking, grade.may_hold) == (1, True)
    assert known.in_force(SPRING).review_months == {
        RiskRating.HIGH: 3,
        RiskRating.MEDIUM: 12,
        RiskRating.LOW: 24,
    }
    fewer = Policies.of([(SPRING, terms(grades={"principal": {"capacity": "10"}}))])
    assert fewer.in_force(SPRING).grades[Grade.PRINCIPAL].rating is Rating.A
    lifted = Policies.of(
        [(SPRING, terms(grades={"principal": {"exam": "", "rating": "", "leads": ["gold"]}}))]
    )
    principal = lifted.in_force(SPRING).grades[Grade.PRINCIPAL]
    assert (principal.exam, principal.rating, principal.leads) == (None, None, {"gold"})


def test_a_tier_that_no_policy_knows_weighs_one_and_may_be_led_by_all() -> None:
    assert DEFAULT.tier("jade").weight == 1
    assert DEFAULT.may_lead(Grade.ASSISTANT, "jade")
    assert not DEFAULT.may_lead(Grade.ASSISTANT, "private")
    assert DEFAULT.may_lead(Grade.PRINCIPAL, "private")


def test_what_is_set_is_an_event_that_reads_back_as_it_was() -> None:
    said = terms(grades={"trainee": {"may_hold": True}}, tier_bands=[{"tier": "gold", "up_to_percent": "80"}])
    [fact] = policies.DECIDER.decide(SetPolicy(SPRING, said, SUMMER), None, None)
    assert isinstance(fact, PolicySet)
    assert (fact.stream, fact.effective_from, fact.business_date) == ("policy-bank", SPRING, SUMMER)
    assert PolicySet.model_validate_json(fact.to_json()) == fact
    assert policies.DECIDER.stream(SetPolicy(SPRING, said, SUMMER)) == fact.stream
    assert policies.DECIDER.evolve(None, fact) is None


def test_a_policy_is_shown_whole() -> None:
    shown = DEFAULT.shown()
    assert shown["grades"][Grade.ASSISTANT]["leads"] == ["basic", "gold", "platinum", "silver"]
    assert shown["grades"][Grade.PRINCIPAL]["leads"] == ["*"]
    assert {type(key) for part in ("grades", "review_months") for key in shown[part]} == {str}
    assert shown["tiers"]["gold"] == {"weight": "2", "visit_months": 3}
    assert shown["tier_bands"][0] == {"tier": "platinum", "up_to_percent": "50"}


@pytest.mark.parametrize(
    "values",
    [
        {"complaint_days": 0},
        {"large_value": "0.00"},
        {"grades": {"chief": {}}},
        {"grades": {"assistant": {"capacity": "-1"}}},
        {"grades": {"assistant": {"salary": "1"}}},
        {"grades": {"assistant": {"certificates": [f"c{one}" for one in range(101)]}}},
        {"tiers": {"gold": {"weight": 1.5}}},
        {"tier_bands": [{"tier": "a", "up_to_percent": "80"}, {"tier": "b", "up_to_percent": "80"}]},
        {"tier_bands": [{"tier": "a", "up_to_percent": "0"}]},
        {"unknown": 1},
    ],
)
def test_what_makes_no_sense_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        terms(**values)
