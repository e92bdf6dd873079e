"""What becomes of a timeline when one manager's share goes to another: every day's shares still add up to 1."""

from datetime import date, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from services.assignment.domain.month import months_later
from services.assignment.domain.succession import Kept, Step, from_day, handed_over, holds, portion_of
from services.assignment.domain.timeline import Timeline
from shared.contracts.assignment import CustomerAssigned, ManagerShare

START = date(2026, 1, 31)
MANAGERS = ("old", "new", "m3", "m4")
SPAN = 400


def shares(**parts: str) -> tuple[ManagerShare, ...]:
    return tuple(ManagerShare(manager_id=one, share=share) for one, share in parts.items())


def assigned(day: date, **parts: str) -> CustomerAssigned:
    return CustomerAssigned(customer_id="c1", shares=shares(**parts), effective_from=day)


@st.composite
def entries(draw: st.DrawFn) -> CustomerAssigned:
    """Nobody, or up to four managers whose parts, in ten-thousandths, add up to the whole, from some day on."""
    named = draw(st.lists(st.sampled_from(MANAGERS), unique=True))
    cuts = sorted(
        draw(
            st.lists(
                st.integers(1, 9_999), unique=True, min_size=len(named) - 1, max_size=max(len(named) - 1, 0)
            )
            if named
            else st.just([])
        )
    )
    parts = [high - low for low, high in zip([0, *cuts], [*cuts, 10_000], strict=True)]
    made = tuple(
        ManagerShare(manager_id=one, share=Decimal(part) / 10_000)
        for one, part in zip(named, parts, strict=False)
    )
    day = START + timedelta(days=draw(st.integers(-10, SPAN)))
    return CustomerAssigned(customer_id="c1", shares=made, effective_from=day)


timelines = st.lists(entries(), max_size=5).map(Timeline.of)
tails = st.lists(st.tuples(st.integers(1, 9_999), st.integers(1, 4)), max_size=4).map(
    lambda drawn: tuple(
        Kept(share=Decimal(share) / 10_000, months=months)
        for (share, _), (_, months) in zip(sorted(drawn, reverse=True), drawn, strict=True)
    )
)


def on(timeline: Timeline[CustomerAssigned], day: date) -> dict[str, Decimal]:
    entry = timeline.on(day)
    return {one.manager_id: one.share for one in entry.shares} if entry is not None else {}


@given(timelines, tails)
def test_on_every_day_shares_add_up_and_only_what_is_handed_over_moves(
    timeline: Timeline[CustomerAssigned], tail: tuple[Kept, ...]
) -> None:
    result = timeline
    steps = handed_over(from_day(timeline, START), "old", "new", tail)
    for step in reversed(steps):
        entry = CustomerAssigned(customer_id="c1", shares=step.shares, effective_from=step.effective_from)
        result = result.with_entry(entry)
    for number in range(-12, SPAN + 3):
        day = START + timedelta(days=number)
        before, after = on(timeline, day), on(result, day)
        if number < 0:
            assert after == before
            continue
        assert sum(after.values()) == (1 if before else 0)
        assert {one: after.get(one) for one in ("m3", "m4")} == {one: before.get(one) for one in ("m3", "m4")}
        held = before.get("old", Decimal(0))
        assert after.get("old", Decimal(0)) == min(held, _kept(tail, day))


def _kept(tail: tuple[Kept, ...], day: date) -> Decimal:
    """What the old manager may keep on a day."""
    months = 0
    for kept in tail:
        months += kept.months
        if day < months_later(START, months):
            return kept.share
    return Decimal(0)


def test_a_tail_falls_and_ends_by_the_calendar() -> None:
    tail = (Kept(share="0.3", months=1), Kept(share="0.1", months=2))
    before = from_day(Timeline.of([assigned(START, old="1")]), START)
    assert handed_over(before, "old", "new", tail) == (
        Step(effective_from=START, shares=shares(new="0.7", old="0.3")),
        Step(effective_from=date(2026, 2, 28), shares=shares(new="0.9", old="0.1")),
        Step(effective_from=date(2026, 4, 30), shares=shares(new="1")),
    )


def test_a_successor_who_has_a_share_adds_to_it() -> None:
    before = from_day(Timeline.of([assigned(START, new="0.25", old="0.35", m3="0.4")]), START)
    assert handed_over(before, "old", "new") == (
        Step(effective_from=START, shares=shares(m3="0.4", new="0.6")),
    )


def test_shares_from_a_day_on_are_the_same_in_whatever_words_they_were_given() -> None:
    one = from_day(Timeline.of([assigned(START, old="0.50", new="0.5")]), START + timedelta(days=1))
    other = from_day(
        Timeline.of([assigned(START + timedelta(days=1), new="0.5000", old="0.5")]), START + timedelta(days=1)
    )
    assert one == other
    assert [Step.model_validate_json(step.model_dump_json()) for step in one] == list(one)


def test_who_holds_a_share_on_some_day_is_known() -> None:
    steps = from_day(
        Timeline.of([assigned(START, old="1"), assigned(START + timedelta(days=9), m3="1")]), START
    )
    assert [holds(steps, one) for one in ("old", "m3", "new")] == [True, True, False]
    assert not holds(from_day(Timeline(), START), "old")


def test_what_is_taken_over_weighs_what_it_weighs_most() -> None:
    entry = assigned(START, old="0.4", m3="0.6")
    steps = from_day(Timeline.of([entry, assigned(START + timedelta(days=9), old="0.6", m3="0.4")]), START)
    portion = portion_of("c1", steps, "old", "gold", Decimal(2))
    assert (portion.load, portion.tier, portion.leads) == (12 * 10**9, "gold", True)
    minor = portion_of("c1", from_day(Timeline.of([entry]), START), "old", "gold", Decimal(2))
    assert (minor.load, minor.leads) == (8 * 10**9, False)
