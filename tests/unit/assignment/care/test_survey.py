"""What a customer thinks counts for who answered for them on that day; the mean is exact."""

from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from services.assignment.domain.care import survey as surveys
from services.assignment.domain.care.survey import (
    DECIDER,
    Consulted,
    CustomerSurveyed,
    SurveyCustomer,
    mean,
)
from shared.contracts.assignment.care import Score
from shared.kernel.errors import Refusal

TODAY = date(2026, 1, 15)
LEADS = {("c1", TODAY): "m1"}


def survey(
    comment: str | None = "很满意", day: date = TODAY, customer_id: str = "c1", by: str = "ann"
) -> SurveyCustomer:
    return SurveyCustomer("s1", customer_id, 4, day, by, TODAY, comment)


def refusal(command: SurveyCustomer, consulted: Consulted) -> tuple[str, str]:
    with pytest.raises(Refusal) as refused:
        surveys.decide(command, None, consulted)
    return refused.value.rule, refused.value.field


def test_a_survey_concerns_who_answered_for_the_customer_on_its_day() -> None:
    command = survey()
    [fact] = surveys.decide(command, None, Consulted({command: "v1.c2VhbGVk"}, LEADS))
    assert fact == CustomerSurveyed(
        survey_id="s1", customer_id="c1", manager_id="m1", score=4, surveyed_on=TODAY, sealed="v1.c2VhbGVk"
    )
    assert DECIDER.stream(command) == fact.stream == "survey-c1#s1"
    assert fact.business_date == TODAY
    assert (command.owner, dict(command.texts)) == ("customer-c1", {"comment": "很满意"})
    surveys.evolve(None, fact)


def test_the_comment_is_in_no_event_and_in_no_text_of_the_command() -> None:
    command = survey()
    [fact] = surveys.decide(command, None, Consulted({command: "v1.c2VhbGVk"}, LEADS))
    assert "很满意" not in fact.to_json().decode() + repr(command)


@pytest.mark.parametrize("command", [survey(None, customer_id="c2"), survey(None, TODAY - timedelta(days=1))])
def test_a_survey_of_a_customer_whom_nobody_looks_after_concerns_nobody(command: SurveyCustomer) -> None:
    [fact] = surveys.decide(command, None, Consulted({}, LEADS))
    assert isinstance(fact, CustomerSurveyed)
    assert (fact.manager_id, fact.sealed, dict(command.texts)) == (None, None, {})


def test_a_survey_lies_not_in_the_future() -> None:
    command = survey(day=TODAY + timedelta(days=1))
    assert refusal(command, Consulted({command: "x"}, LEADS)) == ("day-has-come", "surveyed_on")


def test_nobody_records_a_survey_about_themselves() -> None:
    command = survey(by="m1")
    assert refusal(command, Consulted({command: "x"}, LEADS)) == ("four-eyes", "customer_id")


def test_a_comment_on_a_customer_who_was_erased_is_refused_and_a_score_alone_is_not() -> None:
    assert refusal(survey(), Consulted({}, LEADS)) == ("personal-data-is-kept", "comment")
    assert len(surveys.decide(survey(None), None, Consulted({}, LEADS))) == 1


@pytest.mark.parametrize("score", [0, 6, -1, True, "4", 4.0, None])
def test_a_score_is_a_whole_number_from_1_to_5(score: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Score).validate_python(score)


@given(st.lists(st.integers(1, 5), max_size=200))
def test_the_mean_is_the_exact_one_rounded_half_even_to_two_places(scores: list[int]) -> None:
    found = mean(sum(scores), len(scores))
    if not scores:
        assert found is None
        return
    with localcontext(prec=60):
        exact = Decimal(sum(scores)) / len(scores)
        assert found == str(exact.quantize(Decimal("0.01"), ROUND_HALF_EVEN))


@pytest.mark.parametrize(
    ("total", "count", "rounded"),
    [(1, 200, "0.00"), (3, 200, "0.02"), (10, 3, "3.33"), (33, 8, "4.12"), (35, 8, "4.38"), (5, 1, "5.00")],
)
def test_a_mean_half_way_between_goes_to_the_even_place(total: int, count: int, rounded: str) -> None:
    assert mean(total, count) == rounded
