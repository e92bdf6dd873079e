"""A visit that was due and not made is told as missed, once for a customer and day."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.assignment.domain.care.missed import VisitDue, VisitMissed, missed
from services.assignment.domain.compliance import look as looks
from services.assignment.domain.compliance.look import Consulted, CustomerDuties, LookAtDay

DAY = date(2026, 9, 15)
DUE = date(2026, 9, 1)
LEADS = {("c1", DUE): "m1"}


def told(due_on: date, cycle: bool, manager_id: str = "m1") -> VisitMissed:
    return VisitMissed(
        customer_id="c1", manager_id=manager_id, due_on=due_on, cycle=cycle, last_visit_id="v1"
    )


def test_a_visit_is_missed_by_who_led_the_customer_on_its_day() -> None:
    leads = {**LEADS, ("c1", DAY): "m2"}
    assert missed("c1", [VisitDue(DUE, True, "v1")], DAY, leads) == [told(DUE, cycle=True)]


def test_a_visit_may_be_made_on_its_very_day() -> None:
    due = [VisitDue(DUE, True, "v1")]
    assert missed("c1", due, DUE, LEADS) == []
    assert missed("c1", due, DUE + timedelta(days=1), LEADS) != []


def test_nobody_misses_a_visit_to_a_customer_whom_nobody_looked_after() -> None:
    assert missed("c1", [VisitDue(DUE, True)], DAY, {("c1", DAY): "m1", ("c2", DUE): "m1"}) == []


def test_what_cycle_and_promise_ask_for_on_one_day_is_one_visit() -> None:
    both = [VisitDue(DUE, False, "v1"), VisitDue(DUE, True, "v1")]
    assert missed("c1", both, DAY, LEADS) == [told(DUE, cycle=True)]
    assert missed("c1", both[:1], DAY, LEADS) == [told(DUE, cycle=False)]


def test_a_look_tells_what_was_missed() -> None:
    customer = CustomerDuties("c1", visits=(VisitDue(DUE, True, "v1"),))
    facts = looks.decide(LookAtDay(3, DAY, ("c1",)), None, Consulted({"c1": customer}, LEADS))
    assert facts == [told(DUE, cycle=True)]


days = st.dates(date(2026, 8, 1), date(2026, 9, 30))
visits = st.lists(st.builds(VisitDue, days, st.booleans(), st.just("v1")), max_size=8)


@given(visits, days, st.sets(days))
def test_each_day_that_is_over_and_had_a_lead_is_told_once_in_order(
    due: list[VisitDue], day: date, led: set[date]
) -> None:
    facts = missed("c1", due, day, {("c1", one): "m1" for one in led})
    wanted = {visit.due_on for visit in due if visit.due_on < day and visit.due_on in led}
    assert [fact.due_on for fact in facts] == sorted(wanted)
    for fact in facts:
        assert fact.cycle == any(one.cycle for one in due if one.due_on == fact.due_on)
