"""A review says when the next falls due, and does the duty to review."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.assignment.domain.compliance import review as reviews
from services.assignment.domain.compliance.duty import DutyDone, Outstanding
from services.assignment.domain.compliance.review import (
    DECIDER,
    Consulted,
    CustomerReviewed,
    ReviewCustomer,
    Reviews,
    evolve,
    first_due,
    next_due,
)
from services.assignment.domain.policy import Policies, PolicyTerms
from shared.contracts.assignment import DutyBreached, DutyKind, RiskRating
from shared.kernel.errors import Refusal

DAY, TODAY = date(2026, 8, 31), date(2026, 9, 15)
LEADS = {("c1", TODAY): "m1", ("c1", DAY): "m2"}
NEVER = Reviews()
COMMAND = ReviewCustomer("r1", "c1", RiskRating.HIGH, DAY, TODAY, None, approved=True)
DUTY = Outstanding("review:c1:1", DutyKind.CUSTOMER_REVIEW, "c1", date(2026, 8, 10), date(2026, 9, 1))


def refused(command: ReviewCustomer, state: Reviews = NEVER) -> tuple[str, str]:
    with pytest.raises(Refusal) as refusal:
        reviews.decide(command, state, Consulted(leads=LEADS))
    return refusal.value.rule, refusal.value.field


def test_a_review_says_when_the_next_falls_due_the_months_last_day_where_there_is_no_such() -> None:
    [fact] = reviews.decide(COMMAND, Reviews(), Consulted())
    assert fact == CustomerReviewed(
        review_id="r1",
        customer_id="c1",
        risk_rating=RiskRating.HIGH,
        reviewed_on=DAY,
        next_due_on=date(2027, 2, 28),
    )
    assert DECIDER.stream(COMMAND) == fact.stream == "review-c1"
    assert fact.business_date == DAY
    assert evolve(Reviews(), fact) == Reviews(DAY)


@pytest.mark.parametrize(("rating", "months"), [("high", 6), ("medium", 12), ("low", 24)])
def test_the_policy_of_the_day_says_after_how_many_months(rating: str, months: int) -> None:
    day = date(2026, 1, 15)
    assert next_due(day, RiskRating(rating), Policies()) == date(2026 + months // 12, 1 + months % 12, 15)
    changed = Policies.of([(day, PolicyTerms.model_validate({"review_months": {rating: 1}}))])
    assert next_due(day, RiskRating(rating), changed) == date(2026, 2, 15)


def test_who_was_never_reviewed_is_due_like_one_of_medium_risk_from_registration_on() -> None:
    assert first_due(date(2024, 2, 29), Policies()) == date(2025, 2, 28)


def test_a_review_does_the_duty_to_review() -> None:
    consulted = Consulted(outstanding={"c1": [DUTY], "c2": [DUTY]}, leads=LEADS)
    reviewed, done = reviews.decide(COMMAND, Reviews(), consulted)
    assert isinstance(done, DutyDone)
    assert (done.duty_id, done.done_on, done.manager_id, done.in_time) == ("review:c1:1", DAY, "m2", True)
    assert evolve(evolve(Reviews(), reviewed), done) == Reviews(DAY)


def test_a_late_review_does_the_breached_duty_and_breaches_one_that_nobody_looked_at() -> None:
    late = replace(DUTY, due_on=DAY - timedelta(days=1))
    consulted = Consulted(outstanding={"c1": [late]}, leads=LEADS)
    _, breach, done = reviews.decide(COMMAND, Reviews(), consulted)
    assert isinstance(breach, DutyBreached)
    assert isinstance(done, DutyDone)
    assert (breach.serious, done.in_time) == (False, False)
    seen = Consulted(outstanding={"c1": [replace(late, breached=True)]}, leads=LEADS)
    assert len(reviews.decide(COMMAND, Reviews(), seen)) == 2


def test_a_high_risk_needs_an_approver() -> None:
    assert refused(replace(COMMAND, approved=False)) == ("high-risk-is-approved", "risk_rating")
    medium = replace(COMMAND, approved=False, risk_rating=RiskRating.MEDIUM)
    assert len(reviews.decide(medium, Reviews(), Consulted())) == 1


def test_of_managers_only_the_one_responsible_today_reviews() -> None:
    command = replace(COMMAND, approved=False, risk_rating=RiskRating.LOW, manager_id="m2")
    assert refused(command) == ("responsible-manager-acts", "customer_id")
    own = replace(command, manager_id="m1")
    assert len(reviews.decide(own, Reviews(), Consulted(leads=LEADS))) == 1


def test_a_review_lies_not_in_the_future_and_behind_the_last() -> None:
    assert refused(replace(COMMAND, reviewed_on=TODAY + timedelta(days=1))) == ("day-has-come", "reviewed_on")
    assert refused(COMMAND, Reviews(DAY)) == ("review-is-newer", "reviewed_on")
    assert len(reviews.decide(COMMAND, Reviews(DAY - timedelta(days=1)), Consulted())) == 1


def test_a_note_is_kept_sealed_or_refused_where_the_personal_data_was_erased() -> None:
    command = replace(COMMAND, note="seen at home")
    assert (command.owner, command.texts, COMMAND.texts) == ("customer-c1", {"note": "seen at home"}, {})
    assert "seen at home" not in repr(command)
    [fact] = reviews.decide(command, Reviews(), Consulted({command: "v1.x"}))
    assert isinstance(fact, CustomerReviewed)
    assert fact.sealed == "v1.x"
    assert refused(command) == ("personal-data-is-kept", "note")


@given(st.dates(date(2000, 1, 1), date(2100, 1, 1)), st.sampled_from(RiskRating))
def test_the_next_review_always_lies_ahead(day: date, rating: RiskRating) -> None:
    assert day < next_due(day, rating, Policies()) <= day + timedelta(days=731)
