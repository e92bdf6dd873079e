"""Attribution: who holds what of a customer's postings, as if the timeline had been known from the start."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ledger.domain.attribution import (
    STOCK_LINES,
    Attribution,
    Posting,
    Slot,
    attribute,
    difference,
    later_moves,
)
from services.ledger.domain.timeline import SHARE_UNITS, Timeline, Weights
from shared.kernel.split import split
from tests.support.reference.attribution import RefEvent, manager_book
from tests.support.reference.attribution import Timeline as RefTimeline
from tests.unit.ledger.desk import assigned

FIRST, LAST = date(2026, 7, 1), date(2026, 7, 10)
DEPOSIT, FEE = "deposit_balance", "fee_income"
THIRDS = {"m1": "0.3333", "m2": "0.3333", "m3": "0.3334"}

days = st.dates(FIRST, LAST)
shares = st.sampled_from([{}, {"m1": "1"}, {"m2": "1"}, {"m1": "0.6", "m2": "0.4"}, THIRDS])
words = st.lists(st.tuples(days, shares), max_size=6)
slices = st.sampled_from([("DEM", "deposits"), ("DEM", "retail"), ("SAV", "deposits")])
amounts = st.one_of(st.integers(-9, 9), st.integers(-(10**12), 10**12)).filter(bool)
lines = st.sampled_from([DEPOSIT, DEPOSIT, DEPOSIT, "loan_balance", FEE, "risk_charge"])


@st.composite
def a_posting(draw: st.DrawFn, lines: st.SearchStrategy[str] = lines) -> Posting:
    """To one of two accounts, or to none where a flow concerns none."""
    line, (product_code, department_id) = draw(lines), draw(slices)
    accounts = ["a1", "a2"] if line in STOCK_LINES else ["a1", None]
    account_id = draw(st.sampled_from(accounts))
    return Posting(draw(days), line, account_id, product_code, department_id, draw(amounts))


postings = st.lists(a_posting(), max_size=10)

Told = Sequence[tuple[date, Mapping[str, str]]]


def timeline_of(told: Told) -> Timeline:
    timeline = Timeline()
    for day, by_manager in told:
        timeline = timeline.with_assignment(assigned("c1", by_manager, day))
    return timeline


timelines = words.map(timeline_of)


def deposit(day: int, amount: int, product: str = "DEM", department: str = "deposits") -> Posting:
    return Posting(date(2026, 7, day), DEPOSIT, "a1", product, department, amount)


def at(day: int, centre: str, product: str = "DEM", department: str = "deposits") -> Slot:
    return Slot(date(2026, 7, day), DEPOSIT, "a1", product, department, centre)


def without_zeros(legs: Mapping[Slot, int]) -> Attribution:
    return {slot: amount for slot, amount in legs.items() if amount}


def by_centre(legs: Mapping[Slot, int]) -> dict[str, int]:
    sums: dict[str, int] = defaultdict(int)
    for slot, amount in legs.items():
        sums[slot.centre_id] += amount
    return {centre: amount for centre, amount in sums.items() if amount}


# --- by hand ---


def test_a_flow_is_split_by_the_shares_of_its_day() -> None:
    timeline = timeline_of([(date(2026, 7, 5), {"m1": "0.6", "m2": "0.4"})])
    fees = [Posting(date(2026, 7, day), FEE, None, "AGT", "agency", 101) for day in (4, 5)]
    assert attribute(fees, timeline) == {
        Slot(date(2026, 7, 4), FEE, None, "AGT", "agency", "unassigned"): 101,
        Slot(date(2026, 7, 5), FEE, None, "AGT", "agency", "m1"): 61,
        Slot(date(2026, 7, 5), FEE, None, "AGT", "agency", "m2"): 40,
    }


def test_on_an_effective_date_the_whole_balance_changes_hands_and_not_the_single_postings() -> None:
    timeline = timeline_of([(FIRST, {"m1": "0.5", "m2": "0.5"}), (date(2026, 7, 5), {"m2": "1"})])
    assert attribute([deposit(2, 1), deposit(3, 1), deposit(5, 7)], timeline) == {
        at(2, "m1"): 1,
        at(3, "m1"): 1,
        at(5, "m1"): -2,
        at(5, "m2"): 2 + 7,
    }


def test_the_split_of_the_whole_balance_undoes_what_single_roundings_gave() -> None:
    halves = {"m1": "0.5", "m2": "0.5"}
    timeline = timeline_of([(FIRST, halves), (date(2026, 7, 5), halves)])
    assert attribute([deposit(2, 1), deposit(3, 1)], timeline) == {
        at(2, "m1"): 1,
        at(3, "m1"): 1,
        at(5, "m1"): -1,
        at(5, "m2"): 1,
    }


def test_nothing_changes_hands_before_an_account_holds_anything() -> None:
    timeline = timeline_of([(date(2026, 7, day), {manager: "1"}) for day, manager in ((2, "m1"), (4, "m2"))])
    assert attribute([deposit(4, 5)], timeline) == {at(4, "m2"): 5}


def test_what_an_account_holds_for_two_departments_is_split_one_on_top_of_the_other() -> None:
    timeline = timeline_of([(FIRST, {"m9": "1"}), (date(2026, 7, 5), {"m1": "0.5", "m2": "0.5"})])
    moved = attribute([deposit(2, 1), deposit(3, 1, department="retail")], timeline)
    assert {slot: amount for slot, amount in moved.items() if slot.business_date == date(2026, 7, 5)} == {
        at(5, "m9"): -1,
        at(5, "m1"): 1,
        at(5, "m9", department="retail"): -1,
        at(5, "m2", department="retail"): 1,
    }


def test_a_late_posting_changes_every_later_hand_over() -> None:
    timeline = timeline_of(
        [
            (FIRST, {"m1": "1"}),
            (date(2026, 7, 5), {"m1": "0.5", "m2": "0.5"}),
            (date(2026, 7, 9), {"m2": "1"}),
        ]
    )
    assert later_moves(deposit(3, 3), [deposit(2, 3)], timeline) == {
        at(5, "m1"): -2,
        at(5, "m2"): 2,
        at(9, "m1"): -1,
        at(9, "m2"): 1,
    }


def test_what_was_posted_on_the_effective_date_itself_does_not_change_what_a_late_one_moves() -> None:
    timeline = timeline_of([(FIRST, {"m1": "1"}), (date(2026, 7, 5), {"m1": "0.5", "m2": "0.5"})])
    assert later_moves(deposit(3, 1), [deposit(5, 1)], timeline) == {}
    assert later_moves(deposit(3, 1), [deposit(4, 1)], timeline) == {at(5, "m1"): -1, at(5, "m2"): 1}


def test_a_posting_of_another_account_does_not_change_what_a_late_one_moves() -> None:
    timeline = timeline_of([(FIRST, {"m1": "1"}), (date(2026, 7, 5), THIRDS)])
    others = [deposit(2, 1)._replace(account_id="a2"), deposit(2, 1)._replace(line="loan_balance")]
    assert later_moves(deposit(3, 1), others, timeline) == {at(5, "m1"): -1, at(5, "m3"): 1}


@pytest.mark.parametrize("account_id", [None, "a1"])
def test_differences_stand_in_order_of_day_line_account_and_centre(account_id: str | None) -> None:
    late = Slot(date(2026, 7, 9), FEE, account_id, "AGT", "agency", "m1")
    first, second = Slot(FIRST, FEE, None, "AGT", "agency", "m1"), Slot(FIRST, FEE, "a1", "A", "agency", "m1")
    third = second._replace(centre_id="m2")
    assert list(difference({third: 5, late: 3}, {late: 4, second: -5, first: 1})) == [
        first,
        second,
        third,
        late,
    ]


# --- of any postings and timeline ---


@given(postings, timelines)
def test_every_day_gives_what_was_posted_on_it_for_each_account_line_and_department(
    postings: list[Posting], timeline: Timeline
) -> None:
    posted: dict[tuple[object, ...], int] = defaultdict(int)
    for posting in postings:
        posted[posting[:5]] += posting.amount
    for slot, amount in attribute(postings, timeline).items():
        posted[slot[:5]] -= amount
    assert not any(posted.values())


@given(postings, words)
def test_it_attributes_as_the_reference_does(postings: list[Posting], told: Told) -> None:
    events = [
        RefEvent(str(number), "c1", None, posting.business_date, posting.account_id, posting.product_code,
                 posting.department_id, {posting.line: Decimal(posting.amount).scaleb(-2)}, "2026-07")
        for number, posting in enumerate(postings)
    ]  # fmt: skip
    slowly = {
        Slot(place.day, place.line, place.account, place.product_code, place.department, place.centre): amount
        for place, amount in manager_book(events, RefTimeline(told)).items()
    }
    legs = without_zeros(attribute(postings, timeline_of(told)))
    assert {slot: Decimal(amount).scaleb(-2) for slot, amount in legs.items()} == slowly


@given(postings.flatmap(lambda one: st.tuples(st.just(one), st.permutations(one))), timelines)
def test_the_order_in_which_postings_arrived_does_not_matter(
    orders: tuple[list[Posting], list[Posting]], timeline: Timeline
) -> None:
    first, second = orders
    assert attribute(first, timeline) == attribute(second, timeline)


@given(postings, timelines, days)
def test_up_to_an_effective_date_it_gives_what_comes_before_and_the_change_of_hands(
    postings: list[Posting], timeline: Timeline, last: date
) -> None:
    before = [posting for posting in postings if posting.business_date < last]
    whole = attribute(before, timeline)
    assert attribute(postings, timeline, last) == {
        slot: amount for slot, amount in whole.items() if slot.business_date <= last
    }


@given(st.lists(a_posting(st.just(DEPOSIT)), max_size=8), timelines)
def test_on_an_effective_date_managers_hold_their_shares_of_the_whole_account_whatever_it_holds_it_for(
    postings: list[Posting], timeline: Timeline
) -> None:
    account = [posting._replace(account_id="a1") for posting in postings]
    for day in timeline.dates:
        balance = sum(posting.amount for posting in account if posting.business_date < day)
        assert by_centre(attribute(account, timeline, day)) == split(balance, timeline.on(day))


@given(postings, timelines)
def test_departments_of_an_account_do_not_change_what_managers_hold_on_effective_dates(
    postings: list[Posting], timeline: Timeline
) -> None:
    stocks = [posting for posting in postings if posting.line in STOCK_LINES]
    in_one = [posting._replace(product_code="DEM", department_id="deposits") for posting in stocks]
    for day in timeline.dates:
        assert by_centre(attribute(stocks, timeline, day)) == by_centre(attribute(in_one, timeline, day))


# --- differences ---


@given(postings, timelines, timelines)
def test_a_difference_takes_from_some_what_it_gives_to_others_on_each_line_and_day(
    postings: list[Posting], before: Timeline, after: Timeline
) -> None:
    sums: dict[tuple[object, ...], int] = defaultdict(int)
    for slot, amount in difference(attribute(postings, before), attribute(postings, after)).items():
        sums[slot[:5]] += amount
    assert not any(sums.values())


@given(postings, timelines, timelines)
def test_a_difference_leads_from_one_attribution_to_the_other_and_books_nothing_in_vain(
    postings: list[Posting], before: Timeline, after: Timeline
) -> None:
    told, known = attribute(postings, before), attribute(postings, after)
    changes = difference(told, known)
    assert 0 not in changes.values()
    reached = {slot: told.get(slot, 0) + changes.get(slot, 0) for slot in {*told, *changes}}
    assert without_zeros(reached) == without_zeros(known)
    assert difference(known, told) == {slot: -amount for slot, amount in changes.items()}
    assert list(difference(known, told)) == list(changes)


@given(postings, timelines)
def test_saying_again_what_holds_makes_no_difference(postings: list[Posting], timeline: Timeline) -> None:
    legs = attribute(postings, timeline)
    assert difference(legs, attribute(reversed(postings), timeline)) == {}


@given(postings, words, days, shares)
def test_what_an_assignment_changes_ends_with_the_change_of_hands_on_the_next_effective_date(
    postings: list[Posting], told: Told, day: date, by_manager: dict[str, str]
) -> None:
    before, after = timeline_of(told), timeline_of([*told, (day, by_manager)])
    until = after.next_after(day)
    assert difference(attribute(postings, before, until), attribute(postings, after, until)) == difference(
        attribute(postings, before), attribute(postings, after)
    )


@given(postings, words, days, shares)
def test_a_balance_carried_forward_makes_the_differences_that_its_single_postings_make(
    postings: list[Posting], told: Told, day: date, by_manager: dict[str, str]
) -> None:
    before, after = timeline_of(told), timeline_of([*told, (day, by_manager)])
    since = day if len(before.on(day - timedelta(days=1))) == 1 else before.before(day)
    assert since is not None
    carried = carried_forward(postings, since)
    assert difference(attribute(carried, before), attribute(carried, after)) == difference(
        attribute(postings, before), attribute(postings, after)
    )


def test_with_two_managers_on_the_day_before_a_balance_carried_forward_hides_their_single_roundings() -> None:
    halves = (FIRST, {"m1": "0.5", "m2": "0.5"})
    before, after = timeline_of([halves]), timeline_of([halves, (date(2026, 7, 5), {"m1": "1"})])
    postings = [deposit(2, 1), deposit(3, 1)]
    carried = carried_forward(postings, date(2026, 7, 5))
    assert difference(attribute(postings, before), attribute(postings, after)) == {}
    assert difference(attribute(carried, before), attribute(carried, after)) == {
        at(5, "m1"): 1,
        at(5, "m2"): -1,
    }


def carried_forward(postings: Iterable[Posting], since: date) -> list[Posting]:
    """The postings from a day on, and what each account held before as if it were posted the day before."""
    later, held = [], defaultdict[tuple[str, str | None, str, str], int](int)
    for posting in postings:
        if posting.business_date >= since:
            later.append(posting)
        elif posting.line in STOCK_LINES:
            held[posting[1:5]] += posting.amount
    return [*later, *(Posting(since - timedelta(days=1), *piece, sum_) for piece, sum_ in held.items())]


# --- late postings ---

late_stocks = a_posting(st.sampled_from([DEPOSIT, "loan_balance"]))


@given(late_stocks, postings, timelines)
def test_a_late_posting_moves_what_it_would_have_moved_in_time(
    late: Posting, postings: list[Posting], timeline: Timeline
) -> None:
    changes = difference(attribute(postings, timeline), attribute([*postings, late], timeline))
    behind = {slot: amount for slot, amount in changes.items() if slot.business_date > late.business_date}
    assert later_moves(late, postings, timeline) == behind
    own = {slot.centre_id: amount for slot, amount in changes.items() if slot not in behind}
    assert own == split(late.amount, timeline.on(late.business_date))


@given(late_stocks, postings, timelines)
def test_a_late_posting_needs_to_know_the_balance_before_it_and_not_its_single_postings(
    late: Posting, postings: list[Posting], timeline: Timeline
) -> None:
    carried = carried_forward(postings, late.business_date)
    assert later_moves(late, carried, timeline) == later_moves(late, postings, timeline)


@given(late_stocks, postings)
def test_without_an_effective_date_behind_it_a_late_posting_moves_nothing(
    late: Posting, postings: list[Posting]
) -> None:
    weights: Weights = {"m1": 6000, "m2": SHARE_UNITS - 6000}
    assert later_moves(late, postings, Timeline((late.business_date,), (weights,))) == {}
