"""A duty is raised once, done once, and breached when its day is over, by whoever was responsible on that day."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.assignment.domain.compliance import duty as duties
from services.assignment.domain.compliance.duty import (
    DECIDER,
    Consulted,
    DoDuty,
    Duty,
    DutyDone,
    Outstanding,
    duty_id_of,
    evolve,
)
from shared.contracts.assignment import DutyBreached, DutyKind, DutyRaised
from shared.contracts.types import parse
from shared.kernel.errors import Refusal

RAISED, DUE, TODAY = date(2026, 7, 1), date(2026, 7, 8), date(2026, 7, 20)
FACT = DutyRaised(
    duty_id="d1", kind=DutyKind.LARGE_VALUE_REPORT, customer_id="c1", raised_on=RAISED, due_on=DUE, reason="r"
)
OPEN = evolve(Duty(), FACT)
LEADS = {("c1", TODAY): "m1", ("c1", DUE): "m2", ("c1", RAISED): "m3"}
CONSULTED = Consulted(leads=LEADS)


def do(day: date, manager_id: str | None = None, note: str | None = None) -> DoDuty:
    return DoDuty("d1", "c1", day, TODAY, manager_id, note)


def refused(command: DoDuty, duty: Duty = OPEN, consulted: Consulted = CONSULTED) -> tuple[str, str]:
    with pytest.raises(Refusal) as refusal:
        duties.decide(command, duty, consulted)
    return refusal.value.rule, refusal.value.field


def done(day: date, manager_id: str | None, *, in_time: bool, sealed: str | None = None) -> DutyDone:
    return DutyDone(
        duty_id="d1",
        kind=DutyKind.LARGE_VALUE_REPORT,
        customer_id="c1",
        done_on=day,
        manager_id=manager_id,
        in_time=in_time,
        sealed=sealed,
    )


BREACH = DutyBreached(
    duty_id="d1",
    kind=DutyKind.LARGE_VALUE_REPORT,
    customer_id="c1",
    due_on=DUE,
    manager_id="m2",
    serious=True,
)


def test_a_duty_lies_in_the_customers_shard() -> None:
    assert DECIDER.stream(do(DUE)) == FACT.stream == "duty-c1#d1"
    assert (FACT.business_date, BREACH.business_date) == (RAISED, DUE)


def test_a_duty_done_on_its_last_day_is_done_in_time_by_who_is_responsible_then() -> None:
    [fact] = duties.decide(do(DUE), OPEN, CONSULTED)
    assert fact == done(DUE, "m2", in_time=True)
    assert fact.business_date == DUE
    assert evolve(OPEN, fact) == Duty()


def test_a_duty_done_late_is_breached_first_though_nobody_looked_in_between() -> None:
    late = DUE + timedelta(days=1)
    facts = duties.decide(do(late), OPEN, CONSULTED)
    assert facts == [BREACH, done(late, None, in_time=False)]


def test_a_breached_duty_can_be_done_and_is_not_breached_again() -> None:
    breached = evolve(OPEN, BREACH)
    assert breached.outstanding == Outstanding("d1", DutyKind.LARGE_VALUE_REPORT, "c1", RAISED, DUE, True)
    assert duties.decide(do(TODAY), breached, Consulted(leads=LEADS)) == [done(TODAY, "m1", in_time=False)]
    assert duties.decide(do(DUE), breached, Consulted(leads=LEADS)) == [done(DUE, "m2", in_time=False)]


def test_only_an_outstanding_duty_is_done() -> None:
    assert refused(do(DUE), Duty()) == ("duty-is-outstanding", "duty_id")
    assert evolve(Duty(), BREACH) == Duty()


def test_a_duty_to_review_is_done_by_the_review_alone() -> None:
    review = FACT.model_copy(update={"kind": DutyKind.CUSTOMER_REVIEW})
    assert refused(do(DUE), evolve(Duty(), review)) == ("review-does-it", "duty_id")
    assert duties.breach(duties.outstanding_of(review), {}).serious is False


def test_of_managers_only_the_one_responsible_today_may_say_so() -> None:
    assert refused(do(DUE, "m2")) == ("responsible-manager-acts", "customer_id")
    assert duties.decide(do(DUE, "m1"), OPEN, CONSULTED) == [done(DUE, "m2", in_time=True)]


@pytest.mark.parametrize(
    ("day", "rule"),
    [(TODAY + timedelta(days=1), "day-has-come"), (RAISED - timedelta(days=1), "dates-go-forward")],
)
def test_a_duty_is_done_between_its_raising_and_today(day: date, rule: str) -> None:
    assert refused(do(day)) == (rule, "done_on")


def test_a_note_is_kept_sealed_or_refused_where_the_personal_data_was_erased() -> None:
    command = do(DUE, note="told")
    assert (command.owner, command.texts, do(DUE).texts) == ("customer-c1", {"note": "told"}, {})
    assert "told" not in repr(command)
    [fact] = duties.decide(command, OPEN, Consulted({command: "v1.x"}, LEADS))
    assert fact == done(DUE, "m2", in_time=True, sealed="v1.x")
    assert refused(command) == ("personal-data-is-kept", "note")


ids = st.text("abc:-字", min_size=1, max_size=64)


@given(ids, ids, st.sampled_from(["large-value", "review"]))
def test_an_id_is_valid_however_long_the_customers_is_and_tells_them_apart(
    one: str, other: str, word: str
) -> None:
    found, another = duty_id_of(word, one, "2026-07-01"), duty_id_of(word, other, "2026-07-01")
    assert (found == another) == (one == other)
    raised = FACT.model_copy(update={"duty_id": found})
    assert parse(DutyRaised, raised.to_json()).duty_id == found


def test_an_id_says_what_it_is_about_where_that_is_short_enough() -> None:
    assert duty_id_of("large-value", "c1", "2026-07-01") == "large-value:c1:2026-07-01"
    assert duty_id_of("review", "c" * 64, "1").startswith("review:")
