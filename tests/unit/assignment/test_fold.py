"""A row is a fold of its stream: today's of all events, another day's of those whose business date has come by then."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from services.assignment.domain.care.complaint import ComplaintAnswered, ComplaintConfirmed, ComplaintReceived
from services.assignment.views.care.complaint import COMPLAINTS, Complaint, Wanted
from shared.contracts.assignment import ComplaintAssigned
from shared.kernel.event import Fact, StoredEvent

FIRST = date(2026, 1, 1)
OF = {"complaint_id": "k1", "customer_id": "c1"}
STREAM = "complaint-c1#k1"


def event(version: int, fact: Fact) -> StoredEvent:
    now, kind, day = datetime(2026, 3, 1, tzinfo=UTC), type(fact).__name__, fact.business_date
    return StoredEvent(
        0, version, fact.stream, version, f"e{version}", kind, "", day, now, "cause", "ann", "{}", b"", fact
    )


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


def received(number: int) -> Fact:
    terms = {"received_on": day(number), "channel": "phone", "due_on": day(number + 9), "sealed": "text"}
    return ComplaintReceived(**OF, **terms)


def assigned(number: int, manager_id: str = "m1") -> Fact:
    return ComplaintAssigned(**OF, manager_id=manager_id, assigned_on=day(number))


def answered(number: int) -> Fact:
    terms = {"answered_on": day(number), "in_time": True, "answered_by": "m1", "sealed": "answer"}
    return ComplaintAnswered(**OF, manager_id="m1", **terms)


def confirmed(number: int, *, satisfied: bool) -> Fact:
    due_on = None if satisfied else day(number + 9)
    terms = {"confirmed_on": day(number), "confirmed_by": "bob", "due_on": due_on}
    return ComplaintConfirmed(**OF, manager_id="m1", satisfied=satisfied, **terms)


def stored(*facts: Fact) -> list[StoredEvent]:
    return [event(version, fact) for version, fact in enumerate(facts, 1)]


def as_of(events: list[StoredEvent], until: date) -> Complaint | None:
    return COMPLAINTS.of(one for one in events if one.business_date <= until).get(STREAM)


@given(st.lists(st.integers(0, 5), min_size=6, max_size=6))
def test_with_days_that_never_go_back_each_day_shows_what_was_there_at_its_end(pauses: list[int]) -> None:
    days = list(accumulate(pauses))
    steps = (
        received,
        assigned,
        answered,
        lambda number: confirmed(number, satisfied=False),
        answered,
        lambda number: confirmed(number, satisfied=True),
    )
    events = stored(*(step(number) for step, number in zip(steps, days, strict=True)))
    for number in range(days[-1] + 2):
        known = [one for one, of_day in zip(events, days, strict=True) if of_day <= number]
        assert as_of(events, day(number)) == COMPLAINTS.of(known).get(STREAM)
    last = as_of(events, day(days[-1]))
    assert last is not None
    assert (last.status, last.satisfied, last.due_on) == ("confirmed", True, day(days[3] + 9))


def test_what_was_recorded_late_counts_from_its_business_date_on() -> None:
    events = stored(received(0), assigned(9), answered(4))
    statuses = [one and one.status for one in (as_of(events, day(number)) for number in (-1, 0, 4, 9))]
    assert statuses == [None, "received", "answered", "answered"]


def test_without_its_first_event_a_stream_is_nothing() -> None:
    assert COMPLAINTS.of(stored(received(5), assigned(1))[1:]) == {}


def test_streams_are_folded_each_by_itself() -> None:
    other = [
        one._replace(stream="complaint-c2#k2") for one in stored(received(0), assigned(1, "m2"), answered(2))
    ]
    states = COMPLAINTS.of([*stored(received(0), assigned(1)), *other])
    assert {stream: one.status for stream, one in states.items()} == {
        STREAM: "assigned",
        "complaint-c2#k2": "answered",
    }


def test_a_complaint_is_overdue_by_the_day_asked_about() -> None:
    complaint = COMPLAINTS.of(stored(received(0), assigned(1)))[STREAM]
    assert not Wanted(complaint.due_on, overdue=True).fits(complaint)
    assert Wanted(complaint.due_on + timedelta(days=1), overdue=True).fits(complaint)
    assert Wanted(day(99), "assigned", "m1", "c1").fits(complaint)
    assert not Wanted(day(99), overdue=True).fits(replace(complaint, status="answered"))
    assert not Wanted(day(99), "received").fits(complaint)
    assert not Wanted(day(99), manager_id="m2").fits(complaint)
    assert Wanted(day(99), "received", "m2", "c1", True).lasting == Wanted(day(99), customer_id="c1")
