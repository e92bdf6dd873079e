"""A suspicion is decided on once, by another person than the one who reported it."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from services.assignment.domain.compliance import suspicion as suspicions
from services.assignment.domain.compliance.suspicion import (
    DECIDER,
    Command,
    DecideSuspicion,
    Decision,
    ReportSuspicion,
    Suspicion,
    SuspicionDecided,
    SuspicionReported,
    evolve,
)
from shared.kernel.errors import Refusal

TODAY = date(2026, 9, 15)
REPORT = ReportSuspicion("s1", "c1", date(2026, 9, 1), "m1", TODAY, "cash in bags")
VERDICT = DecideSuspicion("s1", "c1", Decision.REPORTED, "AML-7", "bob", TODAY, "clear case")
SEALED: dict[Command, str] = {REPORT: "v1.a", VERDICT: "v1.b"}
OPEN = Suspicion("m1", open=True)


def refused(command: Command, state: Suspicion, sealed: dict[Command, str]) -> tuple[str, str]:
    with pytest.raises(Refusal) as refusal:
        suspicions.decide(command, state, sealed)
    return refusal.value.rule, refusal.value.field


def test_a_report_is_kept_sealed_in_the_customers_shard() -> None:
    [fact] = suspicions.decide(REPORT, Suspicion(), SEALED)
    assert fact == SuspicionReported(
        suspicion_id="s1",
        customer_id="c1",
        business_date=TODAY,
        sealed="v1.a",
        observed_on=date(2026, 9, 1),
        reported_by="m1",
    )
    assert DECIDER.stream(REPORT) == DECIDER.stream(VERDICT) == fact.stream == "suspicion-c1#s1"
    assert evolve(Suspicion(), fact) == OPEN


@pytest.mark.parametrize("decision", list(Decision))
def test_another_person_decides_once(decision: Decision) -> None:
    verdict = replace(VERDICT, decision=decision)
    [fact] = suspicions.decide(verdict, OPEN, {verdict: "v1.b"})
    assert fact == SuspicionDecided(
        suspicion_id="s1",
        customer_id="c1",
        business_date=TODAY,
        sealed="v1.b",
        decision=decision,
        reference="AML-7",
        decided_by="bob",
    )
    decided = evolve(OPEN, fact)
    assert decided == Suspicion("m1", open=False)
    assert refused(VERDICT, decided, SEALED) == ("suspicion-is-open", "suspicion_id")


def test_nobody_decides_on_what_they_reported_and_nobody_on_what_is_not_there() -> None:
    assert refused(replace(VERDICT, decided_by="m1"), OPEN, SEALED) == ("four-eyes", "suspicion_id")
    assert refused(VERDICT, Suspicion(), SEALED) == ("suspicion-is-open", "suspicion_id")


def test_nothing_is_observed_in_the_future() -> None:
    command = replace(REPORT, observed_on=TODAY + timedelta(days=1))
    assert refused(command, Suspicion(), SEALED) == ("day-has-come", "observed_on")


def test_nothing_is_written_about_a_customer_whose_personal_data_was_erased() -> None:
    assert refused(REPORT, Suspicion(), {}) == ("personal-data-is-kept", "text")
    assert refused(VERDICT, OPEN, {}) == ("personal-data-is-kept", "reason")


def test_the_words_are_in_no_text_that_a_command_is_shown_as() -> None:
    assert "cash" not in repr(REPORT)
    assert "clear" not in repr(VERDICT)
    assert (REPORT.owner, REPORT.texts) == ("customer-c1", {"text": "cash in bags"})
    assert (VERDICT.owner, VERDICT.texts) == ("customer-c1", {"reason": "clear case"})
