"""The assignment timeline: who looks after a customer on a day."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.ledger.domain.timeline import (
    NOBODY,
    SHARE_UNITS,
    Timeline,
    Weights,
    share_text,
    weights_of,
)
from shared.contracts.assignment import CustomerAssigned
from tests.unit.ledger.desk import assigned

days = st.dates(date(2026, 1, 1), date(2026, 12, 31))
shares = st.sampled_from([{}, {"m1": "1"}, {"m1": "0.6", "m2": "0.4"}, {"m3": "0.0001", "m1": "0.9999"}])
words = st.lists(st.tuples(days, shares), max_size=12)


def told(words: list[tuple[date, dict[str, str]]]) -> Timeline:
    timeline = Timeline()
    for day, by_manager in words:
        timeline = timeline.with_assignment(assigned("c1", by_manager, day))
    return timeline


def slowly(words: list[tuple[date, dict[str, str]]], day: date) -> Weights:
    """Every day since ever, one after the other."""
    latest = dict(words)
    while day >= date(2026, 1, 1):
        if day in latest:
            return {manager: int(Decimal(s) * 10_000) for manager, s in latest[day].items()} or NOBODY
        day -= timedelta(days=1)
    return NOBODY


@given(words, days)
def test_the_latest_word_up_to_the_day_holds(words: list[tuple[date, dict[str, str]]], day: date) -> None:
    assert told(words).on(day) == slowly(words, day)


@given(words, days)
def test_telling_the_same_twice_changes_nothing(words: list[tuple[date, dict[str, str]]], day: date) -> None:
    timeline = told(words)
    for effective_from, by_manager in reversed(list(dict(words).items())):
        timeline = timeline.with_assignment(assigned("c1", by_manager, effective_from))
    assert timeline == told(words)


@given(words, days)
def test_the_weights_are_always_whole(words: list[tuple[date, dict[str, str]]], day: date) -> None:
    assert sum(told(words).on(day).values()) == SHARE_UNITS


def test_before_the_first_word_nobody_looks_after_a_customer() -> None:
    timeline = told([(date(2026, 7, 1), {"m1": "1"})])
    assert timeline.on(date(2026, 6, 30)) == NOBODY == {"unassigned": 10_000}
    assert timeline.on(date(2026, 7, 1)) == {"m1": 10_000}


@given(words, days)
def test_effective_dates_next_to_a_day_are_found_on_either_side(
    words: list[tuple[date, dict[str, str]]], day: date
) -> None:
    effective = {told_on for told_on, _ in words}
    timeline = told(words)
    assert timeline.next_after(day) == min((one for one in effective if one > day), default=None)
    assert timeline.before(day) == max((one for one in effective if one < day), default=None)


def test_an_effective_date_lies_neither_before_nor_after_itself() -> None:
    first, second = date(2026, 7, 1), date(2026, 8, 1)
    timeline = told([(first, {"m1": "1"}), (second, {"m2": "1"})])
    assert (timeline.before(first), timeline.next_after(first)) == (None, second)
    assert (timeline.before(second), timeline.next_after(second)) == (first, None)


def test_an_empty_list_means_nobody() -> None:
    timeline = told([(date(2026, 7, 1), {"m1": "1"}), (date(2026, 8, 1), {})])
    assert timeline.on(date(2026, 8, 1)) == NOBODY


def test_weights_stand_in_order_of_id() -> None:
    assert list(weights_of(assigned("c1", {"m9": "0.5", "m10": "0.25", "m1": "0.25"}))) == ["m1", "m10", "m9"]


@given(st.integers(1, SHARE_UNITS))
def test_a_share_is_written_so_that_it_reads_back(weight: int) -> None:
    text = share_text(weight)
    assert int(Decimal(text) * SHARE_UNITS) == weight
    assert "E" not in text
    others = [] if weight == SHARE_UNITS else [("m2", share_text(SHARE_UNITS - weight))]
    word = CustomerAssigned.model_validate_json(_word([("m1", text), *others]))
    assert weights_of(word)["m1"] == weight


@pytest.mark.parametrize(
    "parts",
    [
        [("m1", "0.5")],
        [("m1", "0.6"), ("m2", "0.5")],
        [("m1", "0.5"), ("m1", "0.5")],
        [("m1", "0")],
        [("m1", "1"), ("m2", "0")],
        [("m1", "1.0001")],
        [("m1", "-1")],
        [("m1", "0.33333"), ("m2", "0.66667")],
        [("m1", "1e0")],
        [("m1", "")],
        [("unassigned", "1")],
        [("external", "1")],
        [("m 1", "1")],
    ],
)
def test_shares_that_are_not_whole_are_refused(parts: list[tuple[str, str]]) -> None:
    with pytest.raises(ValidationError, match="share"):
        CustomerAssigned.model_validate_json(_word(parts))


@pytest.mark.parametrize("share", ["1", "0.5", "true", "null", "1.0"])
def test_a_share_is_text_and_never_a_number(share: str) -> None:
    word = _word([("m1", "1")]).replace(b'"share":"1"', b'"share":' + share.encode())
    with pytest.raises(ValidationError, match="share"):
        CustomerAssigned.model_validate_json(word)


def _word(parts: list[tuple[str, str]]) -> bytes:
    named = ",".join(f'{{"manager_id":"{manager}","share":"{share}"}}' for manager, share in parts)
    return f'{{"customer_id":"c1","shares":[{named}],"effective_from":"2026-07-01"}}'.encode()
