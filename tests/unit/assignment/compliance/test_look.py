"""A look at a day raises what falls due soon, breaches what is over, and finds nothing the second time."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.assignment.domain.business_day import is_business_day
from services.assignment.domain.compliance import look as looks
from services.assignment.domain.compliance.duty import Outstanding, outstanding_of
from services.assignment.domain.compliance.look import (
    DECIDER,
    Consulted,
    CustomerDuties,
    LookAtDay,
    overdue,
    review_to_raise,
)
from services.assignment.domain.compliance.shards import stream_in
from shared.contracts.assignment import DutyBreached, DutyKind, DutyRaised
from shared.kernel.event import Fact

DAY = date(2026, 9, 15)
REPORT = Outstanding("d1", DutyKind.LARGE_VALUE_REPORT, "c1", date(2026, 9, 1), date(2026, 9, 14))
REVIEW = Outstanding("review:c1:1", DutyKind.CUSTOMER_REVIEW, "c1", date(2026, 8, 16), DAY)


def look(
    *customers: CustomerDuties, day: date = DAY, leads: dict[tuple[str, date], str] | None = None
) -> list[Fact]:
    command = LookAtDay(3, day, tuple(one.customer_id for one in customers))
    return list(
        looks.decide(command, None, Consulted({one.customer_id: one for one in customers}, leads or {}))
    )


def after(customer: CustomerDuties, facts: list[Fact]) -> CustomerDuties:
    """The customer as the next look finds it."""
    duties = {duty.duty_id: duty for duty in customer.outstanding}
    for fact in facts:
        if isinstance(fact, DutyRaised):
            assert fact.duty_id not in duties
            duties[fact.duty_id] = outstanding_of(fact)
        elif isinstance(fact, DutyBreached):
            assert not duties[fact.duty_id].breached
            duties[fact.duty_id] = replace(duties[fact.duty_id], breached=True)
    return replace(customer, outstanding=tuple(duties.values()))


def test_a_review_that_falls_due_within_thirty_days_is_asked_for() -> None:
    due = DAY + timedelta(days=30)
    [fact] = look(CustomerDuties("c1", reviews=2, review_due=due))
    assert fact == DutyRaised(
        duty_id="review:c1:3",
        kind=DutyKind.CUSTOMER_REVIEW,
        customer_id="c1",
        raised_on=DAY,
        due_on=due,
        reason="review due on 2026-10-15",
    )
    assert look(CustomerDuties("c1", review_due=due + timedelta(days=1))) == []


def test_a_review_due_on_a_day_off_may_be_done_on_the_next_business_day() -> None:
    raised = review_to_raise(CustomerDuties("c1", review_due=date(2026, 10, 1)), DAY)
    assert raised is not None
    assert raised.due_on == date(2026, 10, 8)


def test_a_review_is_not_asked_for_twice_nor_of_somebody_who_is_not_on_record() -> None:
    assert look(CustomerDuties("c1", (REVIEW,), review_due=DAY)) == []
    assert look(CustomerDuties("c1", (replace(REVIEW, breached=True),), review_due=DAY)) == []
    assert look(CustomerDuties("c1", (replace(REPORT, due_on=DAY),), review_due=DAY)) != []
    assert look(CustomerDuties("c1")) == []
    assert looks.decide(LookAtDay(3, DAY, ("c9",)), None, Consulted()) == []


def test_what_was_to_be_done_by_yesterday_is_breached_by_who_was_responsible_then() -> None:
    [fact] = look(
        CustomerDuties("c1", (REPORT, REVIEW)), leads={("c1", REPORT.due_on): "m1", ("c1", DAY): "m2"}
    )
    assert fact == DutyBreached(
        duty_id="d1",
        kind=DutyKind.LARGE_VALUE_REPORT,
        customer_id="c1",
        due_on=REPORT.due_on,
        manager_id="m1",
        serious=True,
    )
    assert look(CustomerDuties("c1", (replace(REPORT, breached=True),))) == []


def test_a_review_that_was_due_before_anybody_looked_is_raised_and_breached_at_once() -> None:
    raised, breached = look(CustomerDuties("c1", review_due=date(2026, 1, 5)))
    assert isinstance(raised, DutyRaised)
    assert isinstance(breached, DutyBreached)
    assert (breached.duty_id, breached.manager_id, breached.serious) == (raised.duty_id, None, False)


def test_a_look_locks_the_shard_it_looks_at() -> None:
    assert DECIDER.stream(LookAtDay(3, DAY, ())) == stream_in("look", 3)
    assert DECIDER.evolve(None, looks.breach(REPORT, {})) is None


days = st.dates(date(2026, 1, 1), date(2026, 12, 31))
duties = st.builds(
    lambda number, due, breached: Outstanding(
        f"d{number}", DutyKind.LARGE_VALUE_REPORT, "c1", date(2025, 12, 31), due, breached
    ),
    st.integers(0, 99),
    days,
    st.booleans(),
)
customers = st.builds(
    lambda found, reviews, due: CustomerDuties("c1", tuple(found), reviews, due),
    st.lists(duties, max_size=4, unique_by=lambda duty: duty.duty_id),
    st.integers(0, 5),
    st.none() | days,
)


@given(customers, days)
def test_the_same_day_a_second_time_finds_nothing(customer: CustomerDuties, day: date) -> None:
    assert look(after(customer, look(customer, day=day)), day=day) == []


@given(customers, st.lists(days, max_size=6))
def test_whatever_days_are_looked_at_in_the_end_it_is_what_the_last_of_them_makes_it(
    customer: CustomerDuties, looked: list[date]
) -> None:
    last = date(2026, 12, 31)
    for day in looked:
        customer = after(customer, look(customer, day=day))
    customer = after(customer, look(customer, day=last))
    assert all(duty.breached == (duty.due_on < last) or duty.breached for duty in customer.outstanding)
    assert overdue(customer, None, last) == []
    reviews = [duty for duty in customer.outstanding if duty.kind is DutyKind.CUSTOMER_REVIEW]
    assert len(reviews) == (customer.review_due is not None)
    assert all(is_business_day(duty.due_on) for duty in reviews)


@pytest.mark.parametrize("shard", range(8))
def test_shards_have_names_of_their_own(shard: int) -> None:
    assert stream_in("look", shard).startswith(f"look-{shard}")
