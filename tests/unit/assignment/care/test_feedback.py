"""Feedback is answered once by the department; what is said about a customer is sealed."""

from dataclasses import replace
from datetime import date

import pytest

from services.assignment.domain.care import feedback as feedbacks
from services.assignment.domain.care.feedback import (
    DECIDER,
    AnswerFeedback,
    FeedbackAnswered,
    FeedbackGiven,
    GiveFeedback,
)
from shared.kernel.errors import Refusal

TODAY = date(2026, 1, 15)
PLAIN = GiveFeedback("f1", "lending", None, "m1", TODAY, "Rates", "Too dear by half")
NAMED = replace(PLAIN, customer_id="c1")
ANSWER = AnswerFeedback("f1", "lending", None, "dora", TODAY, "We know")
NAMED_ANSWER = replace(ANSWER, key="c1", customer_id="c1")
SEALED = "v1.c2VhbGVk"


def test_feedback_without_a_customer_is_kept_in_the_departments_shard_in_the_clear() -> None:
    [fact] = feedbacks.decide(PLAIN, False, {})
    assert fact == FeedbackGiven(
        feedback_id="f1",
        key="lending",
        business_date=TODAY,
        department_id="lending",
        given_by="m1",
        subject="Rates",
        text="Too dear by half",
    )
    assert DECIDER.stream(PLAIN) == DECIDER.stream(ANSWER) == fact.stream == "feedback-lending#f1"
    assert (PLAIN.owner, dict(PLAIN.texts), ANSWER.owner, dict(ANSWER.texts)) == (None, {}, None, {})


def test_feedback_about_a_customer_is_kept_in_the_customers_shard_and_sealed() -> None:
    [fact] = feedbacks.decide(NAMED, False, {NAMED: SEALED})
    assert isinstance(fact, FeedbackGiven)
    assert (fact.customer_id, fact.subject, fact.text, fact.sealed) == ("c1", None, None, SEALED)
    assert DECIDER.stream(NAMED) == DECIDER.stream(NAMED_ANSWER) == fact.stream == "feedback-c1#f1"
    assert (NAMED.owner, dict(NAMED.texts)) == (
        "customer-c1",
        {"subject": "Rates", "text": "Too dear by half"},
    )
    assert "Rates" not in repr(NAMED)
    assert "Too dear" not in repr(NAMED)


@pytest.mark.parametrize(
    ("command", "sealed", "answer"), [(ANSWER, None, "We know"), (NAMED_ANSWER, SEALED, None)]
)
def test_the_answer_is_kept_as_the_feedback_is(
    command: AnswerFeedback, sealed: str | None, answer: str | None
) -> None:
    [fact] = feedbacks.decide(command, True, {command: SEALED})
    assert fact == FeedbackAnswered(
        feedback_id="f1",
        key=command.key,
        business_date=TODAY,
        answered_by="dora",
        answer=answer,
        sealed=sealed,
    )
    assert "We know" not in repr(command)


def test_the_answer_about_a_customer_is_sealed_with_the_customers_key() -> None:
    assert (NAMED_ANSWER.owner, dict(NAMED_ANSWER.texts)) == ("customer-c1", {"answer": "We know"})


def test_feedback_is_answered_once() -> None:
    is_open = False
    for command in (PLAIN, ANSWER):
        [fact] = feedbacks.decide(command, is_open, {})
        is_open = feedbacks.evolve(is_open, fact)
    for state in (DECIDER.initial, is_open):
        with pytest.raises(Refusal) as refused:
            feedbacks.decide(ANSWER, state, {})
        assert (refused.value.rule, refused.value.field) == ("feedback-is-open", "feedback_id")


@pytest.mark.parametrize("command", [NAMED, NAMED_ANSWER])
def test_nothing_is_written_about_a_customer_who_was_erased(command: feedbacks.Command) -> None:
    with pytest.raises(Refusal) as refused:
        feedbacks.decide(command, True, {})
    assert (refused.value.rule, refused.value.field) == ("personal-data-is-kept", "text")
