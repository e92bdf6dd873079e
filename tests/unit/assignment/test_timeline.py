"""Timelines: what holds on a day, whatever the order in which it became known."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.assignment.domain import customer as customers
from services.assignment.domain.customer import AssignCustomer, Consulted, Customer, PastNeedsApproval
from services.assignment.domain.timeline import Timeline
from shared.contracts.assignment import CustomerAssigned, ManagerShare
from tests.support.staff import staff

FIRST, TODAY = date(2026, 1, 1), date(2026, 1, 15)
MANAGERS = ("m1", "m2", "m3", "m4")
ON_RECORD = Consulted(staff=staff(*MANAGERS))
SPAN = 30

days = st.integers(0, SPAN).map(lambda number: FIRST + timedelta(days=number))


@st.composite
def shares(draw: st.DrawFn) -> tuple[ManagerShare, ...]:
    """Nobody, or up to four managers whose parts, in ten-thousandths, add up to the whole."""
    managers = draw(st.lists(st.sampled_from(MANAGERS), unique=True))
    if not managers:
        return ()
    count = len(managers) - 1
    cuts = draw(st.lists(st.integers(1, 9_999), unique=True, min_size=count, max_size=count).map(sorted))
    parts = [high - low for low, high in zip([0, *cuts], [*cuts, 10_000], strict=True)]
    return tuple(
        ManagerShare(manager_id=manager, share=Decimal(part) / 10_000)
        for manager, part in zip(managers, parts, strict=True)
    )


assignments = st.lists(
    st.builds(
        CustomerAssigned, customer_id=st.just("c1"), shares=shares(), effective_from=days, reason=st.just("r")
    ),
    max_size=12,
)


def handled(customer: Customer, one: CustomerAssigned) -> tuple[Customer, list[CustomerAssigned]]:
    """The customer after an assignment was handled, and the events that this gave."""
    facts = customers.decide(AssignCustomer(one, TODAY, approved=True), customer, ON_RECORD)
    events = [fact for fact in facts if isinstance(fact, CustomerAssigned)]
    for event in events:
        customer = customers.evolve(customer, event)
    return customer, events


def after(sequence: Sequence[CustomerAssigned]) -> tuple[Customer, list[CustomerAssigned]]:
    """A customer on record after a sequence of assignments, and all events it gave."""
    customer, history = Customer(tier="gold"), []
    for one in sequence:
        customer, events = handled(customer, one)
        history += events
    return customer, history


@given(assignments)
def test_on_every_day_the_shares_add_up_to_one_or_are_empty(sequence: list[CustomerAssigned]) -> None:
    customer, _ = after(sequence)
    for number in range(-1, SPAN + 2):
        entry = customer.timeline.on(FIRST + timedelta(days=number))
        if entry is not None and entry.shares:
            assert sum(share.share for share in entry.shares) == 1


@given(assignments)
def test_on_every_day_the_last_word_for_the_latest_date_so_far_holds(
    sequence: list[CustomerAssigned],
) -> None:
    customer, history = after(sequence)
    for number in range(-1, SPAN + 2):
        day = FIRST + timedelta(days=number)
        begun = [event for event in history if event.effective_from <= day]
        expected = max(enumerate(begun), key=lambda one: (one[1].effective_from, one[0]), default=(0, None))[
            1
        ]
        assert customer.timeline.on(day) == expected


@given(assignments)
def test_entries_follow_each_other_without_gap_or_overlap(sequence: list[CustomerAssigned]) -> None:
    timeline = after(sequence)[0].timeline
    ends = [timeline.end_of(entry) for entry in timeline.entries]
    assert ends == [*(entry.effective_from for entry in timeline.entries[1:]), None][: len(ends)]
    for entry, end in zip(timeline.entries, ends, strict=True):
        assert end is None or (timeline.on(end - timedelta(days=1)) == entry and entry.effective_from < end)


@given(assignments)
def test_a_replaced_entry_stays_in_the_history(sequence: list[CustomerAssigned]) -> None:
    customer, history = after(sequence)
    changes: list[CustomerAssigned] = []
    for one in sequence:
        earlier = [event for event in changes if event.effective_from == one.effective_from]
        if not earlier or not customers.same_shares(earlier[-1].shares, one.shares):
            changes.append(one)
    assert history == changes
    assert len(customer.timeline.entries) == len({event.effective_from for event in history})


@given(assignments)
def test_handling_anything_twice_changes_nothing(sequence: list[CustomerAssigned]) -> None:
    customer = Customer(tier="gold")
    for one in sequence:
        customer, _ = handled(customer, one)
        assert handled(customer, one) == (customer, [])
        entry = customer.timeline.dated(one.effective_from)
        assert entry is not None
        assert customers.evolve(customer, entry) == customer


@given(assignments, st.sampled_from([FIRST, TODAY, FIRST + timedelta(days=SPAN)]))
def test_an_assigner_changes_today_and_later_and_what_is_gone_by_only_with_an_approver(
    sequence: list[CustomerAssigned], today: date
) -> None:
    customer = Customer(tier="gold")
    for one in sequence:
        new = not customers.says_already(customer.timeline, one)
        command = AssignCustomer(one, today, approved=False)
        if new and one.effective_from < today:
            with pytest.raises(PastNeedsApproval):
                customers.decide(command, customer, ON_RECORD)
        else:
            assert customers.decide(command, customer, ON_RECORD) == ([one] if new else [])
        customer, _ = handled(customer, one)


@given(assignments)
def test_a_timeline_is_the_same_built_at_once_or_entry_by_entry(sequence: list[CustomerAssigned]) -> None:
    step_by_step: Timeline[CustomerAssigned] = Timeline()
    for one in sequence:
        step_by_step = step_by_step.with_entry(one)
    assert step_by_step == Timeline.of(sequence)


@pytest.mark.parametrize(
    ("day", "found"), [(FIRST, True), (TODAY, False), (FIRST - timedelta(days=1), False)]
)
def test_an_entry_is_dated_on_its_own_day_only(day: date, found: bool) -> None:
    entry = CustomerAssigned(customer_id="c1", shares=(), effective_from=FIRST)
    assert Timeline((entry,)).dated(day) == (entry if found else None)
