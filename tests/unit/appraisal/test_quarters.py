"""Quarters of a target: they add up over the year and over the parts, to the smallest unit."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.appraisal.domain.indicator import AVERAGES, CONDUCT, END_STOCKS, LINES, MEASURES
from services.appraisal.domain.quarters import (
    Nature,
    Quarters,
    check_quarters,
    closed_by,
    figure_in,
    figure_of,
    nature_of,
    over_parts,
    over_year,
    rescaled,
    units_of,
)
from shared.kernel.errors import Malformed, Refusal
from shared.kernel.period import Period

FLOW, AVERAGE, STOCK, RATE = (
    "measure:efficiency",
    "average:loan_balance",
    "stock:loan_balance",
    "satisfaction",
)
M1, M2, M3 = ("manager", "m1"), ("manager", "m2"), ("manager", "m3")

figures = st.integers(-(10**6), 10**6)
small = st.integers(0, 40)
four = st.tuples(small, small, small, small)


def refused(call: Callable[[], object]) -> tuple[str, str]:
    with pytest.raises(Refusal) as caught:
        call()
    return caught.value.rule, caught.value.detail


def test_every_source_has_its_nature() -> None:
    assert {nature_of(source) for source in (*LINES, *MEASURES)} == {Nature.FLOW}
    assert {nature_of(source) for source in AVERAGES} == {Nature.AVERAGE}
    assert {nature_of(source) for source in END_STOCKS} == {Nature.STOCK}
    adding = {source for source in CONDUCT if nature_of(source) is Nature.FLOW}
    assert adding == {"customers-gained", "customers-lost", "breaches", "referrals-won", "training-hours"}
    assert nature_of("manual:teamwork") is Nature.RATE


@pytest.mark.parametrize(
    ("source", "figure", "units"),
    [
        (FLOW, "1234.50", 123450),
        (STOCK, "-3", -300),
        ("training-hours", "7.5", 750),
        ("breaches", "4", 4),
        (RATE, "4.25", 4_250_000),
        (RATE, "50", 50_000_000),
    ],
)
def test_a_figure_is_kept_in_the_smallest_units_of_its_source(source: str, figure: str, units: int) -> None:
    assert units_of(source, Decimal(figure)) == units
    assert figure_of(source, units) == Decimal(figure)


def test_figures_are_written_with_the_places_of_their_source() -> None:
    written = [f"{figure_of(source, units):f}" for source, units in ((FLOW, 5), ("breaches", 5), (RATE, 5))]
    assert written == ["0.05", "5", "0.000005"]
    assert f"{figure_of(RATE, 50_000_000):f}" == "50"


@pytest.mark.parametrize(
    ("source", "figure"), [(FLOW, "0.001"), ("breaches", "0.5"), ("training-hours", "0.125")]
)
def test_a_figure_finer_than_its_source_is_malformed(source: str, figure: str) -> None:
    with pytest.raises(Malformed, match=f"{source} has at most"):
        units_of(source, Decimal(figure))


@pytest.mark.parametrize(
    ("day", "closed"),
    [
        ("2025-12-31", 0),
        ("2026-01-01", 0),
        ("2026-03-31", 0),
        ("2026-04-01", 1),
        ("2026-12-31", 3),
        ("2027-01-01", 4),
    ],
)
def test_the_quarters_before_that_of_the_day_are_closed(day: str, closed: int) -> None:
    assert closed_by(2026, date.fromisoformat(day)) == closed


def test_given_quarters_of_a_flow_must_add_up_to_the_annual_figure() -> None:
    check_quarters(FLOW, 100, (40, 30, 20, 10))
    rule, detail = refused(lambda: check_quarters(FLOW, 100, (40, 30, 20, 9)))
    assert (rule, detail) == ("quarters-add-up", "must add up to the annual amount; 0.01 is missing")


def test_given_quarters_of_a_flow_have_one_sign() -> None:
    check_quarters(FLOW, -100, (-40, -60, 0, 0))
    assert refused(lambda: check_quarters(FLOW, 0, (40, -40, 0, 0)))[0] == "quarters-have-one-sign"


@pytest.mark.parametrize("source", [AVERAGE, STOCK, RATE])
def test_given_quarters_of_a_level_end_at_the_annual_figure(source: str) -> None:
    check_quarters(source, 100, (70, 80, 90, 100))
    assert refused(lambda: check_quarters(source, 100, (25, 25, 25, 25)))[0] == "quarters-add-up"


@given(figures)
def test_the_default_quarters_of_a_flow_add_up_and_are_even(amount: int) -> None:
    quarters = over_year(FLOW, amount, ())
    assert sum(quarters) == amount
    assert max(quarters) - min(quarters) <= 1


@given(st.integers(0, 200), st.lists(small, max_size=3))
def test_what_closed_quarters_leave_goes_evenly_to_the_open_ones(amount: int, kept: list[int]) -> None:
    if sum(kept) > amount:
        assert refused(lambda: over_year(FLOW, amount, kept))[0] == "closed-quarters-stand"
        return
    quarters = over_year(FLOW, amount, kept)
    assert sum(quarters) == amount
    assert list(quarters[: len(kept)]) == kept
    assert max(quarters[len(kept) :]) - min(quarters[len(kept) :]) <= 1


def test_a_level_holds_in_every_quarter_that_is_open() -> None:
    assert over_year(RATE, 5, ()) == (5, 5, 5, 5)
    assert over_year(STOCK, 5, (3, 4)) == (3, 4, 5, 5)


@pytest.mark.parametrize("source", [FLOW, STOCK])
def test_a_year_that_is_over_has_no_room_for_another_figure(source: str) -> None:
    kept = (1, 2, 3, 4)
    assert over_year(source, 10 if source == FLOW else 4, kept) == kept
    rule, detail = refused(lambda: over_year(source, 11, kept))
    assert rule == "closed-quarters-stand"
    assert detail.startswith("the quarters closed by now come to 0.")


@given(four, st.lists(small, min_size=1, max_size=5), st.sampled_from([1, -1]))
def test_parts_that_add_up_to_the_year_add_up_in_every_quarter(
    whole: Quarters, cuts: list[int], sign: int
) -> None:
    """Where nothing is closed, both the rows and the columns add up to the unit."""
    cuts = sorted(min(cut, sum(whole)) for cut in cuts)
    edges = [0, *cuts, sum(whole)]
    amounts = {
        ("manager", str(index)): sign * (high - low) for index, (low, high) in enumerate(pairwise(edges))
    }
    signed: Quarters = tuple(sign * quarter for quarter in whole)  # type: ignore[assignment]
    parts = over_parts(FLOW, signed, amounts, {}, 0)
    assert {unit: sum(quarters) for unit, quarters in parts.items()} == amounts
    assert [sum(column) for column in zip(*parts.values(), strict=True)] == list(signed)
    assert all(sign * quarter >= 0 for quarters in parts.values() for quarter in quarters)


@given(four, st.lists(small, min_size=1, max_size=5), st.integers(0, 3))
def test_levels_of_parts_add_up_in_every_quarter(whole: Quarters, cuts: list[int], closed: int) -> None:
    cuts = sorted(min(cut, whole[3]) for cut in cuts)
    edges = [0, *cuts, whole[3]]
    amounts = {("manager", str(index)): high - low for index, (low, high) in enumerate(pairwise(edges))}
    parts = over_parts(STOCK, whole, amounts, {}, closed)
    assert {unit: quarters[3] for unit, quarters in parts.items()} == amounts
    assert [sum(column) for column in zip(*parts.values(), strict=True)] == list(whole)


def test_parts_follow_the_season_of_the_whole() -> None:
    assert over_parts(FLOW, (400, 300, 200, 100), {M1: 600, M2: 400}, {}, 0) == {
        M1: (240, 180, 120, 60),
        M2: (160, 120, 80, 40),
    }


def test_a_new_part_takes_what_the_closed_quarters_of_the_whole_lack() -> None:
    kept = {M1: (60,)}
    parts = over_parts(FLOW, (100, 100, 100, 100), {M1: 240, M2: 160}, kept, 1)
    assert parts == {M1: (60, 60, 60, 60), M2: (40, 40, 40, 40)}


def test_a_new_part_has_nothing_in_closed_quarters_that_are_full() -> None:
    kept = {M1: (60,), M2: (40,)}
    parts = over_parts(FLOW, (100, 100, 100, 100), {M1: 150, M2: 100, M3: 150}, kept, 1)
    assert [parts[unit][0] for unit in (M1, M2, M3)] == [60, 40, 0]
    assert [sum(column) for column in zip(*parts.values(), strict=True)] == [100, 100, 100, 100]


def test_where_closed_quarters_do_not_add_up_the_open_ones_take_the_difference() -> None:
    """The whole had 100 in its first quarter, the one part it has left only 10."""
    parts = over_parts(FLOW, (100, 200, 100, 0), {M1: 400}, {M1: (10,)}, 1)
    assert parts == {M1: (10, 260, 130, 0)}


def test_a_part_below_what_its_closed_quarters_come_to_is_refused() -> None:
    kept = {M1: (60,), M2: (40,)}
    rule, detail = refused(lambda: over_parts(FLOW, (100, 0, 0, 0), {M1: 50, M2: 50}, kept, 1))
    assert (rule, detail) == ("closed-quarters-stand", "the quarters closed by now come to 0.60")


def test_levels_of_closed_quarters_stay_and_new_parts_take_what_is_missing() -> None:
    parts = over_parts(STOCK, (100, 100, 100, 120), {M1: 70, M2: 50}, {M1: (60,)}, 1)
    assert parts[M1][0] == 60
    assert parts[M2][0] == 40
    assert [sum(column) for column in zip(*parts.values(), strict=True)] == [100, 100, 100, 120]
    too_much = over_parts(STOCK, (100, 100, 100, 120), {M1: 70, M2: 50}, {M1: (160,)}, 1)
    assert (too_much[M1][0], too_much[M2][0]) == (160, 0)


@pytest.mark.parametrize("source", [FLOW, STOCK])
def test_parts_of_a_year_that_is_over_stay_as_they_are(source: str) -> None:
    kept = {M1: (1, 2, 3, 4), M2: (4, 3, 2, 1)}
    ends = {M1: 10, M2: 10} if source == FLOW else {M1: 4, M2: 1}
    assert over_parts(source, (5, 5, 5, 5), ends, kept, 4) == kept
    other = {M1: 11, M2: 9} if source == FLOW else {M1: 3, M2: 2}
    assert refused(lambda: over_parts(source, (5, 5, 5, 5), other, kept, 4))[0] == "closed-quarters-stand"
    more = {M1: 11, M2: 10} if source == FLOW else other
    assert refused(lambda: over_parts(source, (5, 5, 5, 5), more, kept, 4))[0] == "closed-quarters-stand"


@given(st.integers(0, 10**6), st.lists(st.tuples(small, small), min_size=1, max_size=6))
def test_rescaled_parts_add_up_to_the_new_whole(amount: int, told: list[tuple[int, int]]) -> None:
    """Each part has something closed and something open; what is closed stays with it."""
    parts = {("team", str(index)): closed + ahead for index, (closed, ahead) in enumerate(told)}
    kept = {("team", str(index)): (closed,) for index, (closed, _) in enumerate(told)}
    if sum(closed for closed, _ in told) > amount:
        assert refused(lambda: rescaled(FLOW, amount, parts, kept))[0] == "closed-quarters-stand"
        return
    found = rescaled(FLOW, amount, parts, kept)
    assert sum(found.values()) == amount
    assert all(found[unit] >= closed for unit, (closed,) in kept.items())


def test_parts_are_rescaled_in_proportion_to_their_open_quarters() -> None:
    kept = {M1: (10,), M2: (50,)}
    assert rescaled(FLOW, 160, {M1: 70, M2: 70}, kept) == {M1: 85, M2: 75}
    assert rescaled(FLOW, 160, {M1: 10, M2: 50}, kept) == {M1: 27, M2: 133}
    assert rescaled(STOCK, 150, {M1: 70, M2: 30}, kept) == {M1: 105, M2: 45}
    assert rescaled(STOCK, 11, {M1: 0, M2: 0}, {M1: (), M2: ()}) == {M1: 6, M2: 5}


@given(st.tuples(figures, figures, figures, figures))
def test_months_add_up_to_quarters_and_quarters_to_the_year(quarters: Quarters) -> None:
    def of(name: str) -> int:
        return figure_in(FLOW, quarters, Period.parse(name))

    assert of("2026") == sum(quarters)
    assert of("2026-H1") + of("2026-H2") == of("2026")
    for number in range(1, 5):
        assert of(f"2026-Q{number}") == quarters[number - 1]
        months = [of(f"2026-{month:02d}") for month in range(number * 3 - 2, number * 3 + 1)]
        assert sum(months) == quarters[number - 1]
        assert max(months) - min(months) <= 1


def test_the_target_of_an_average_is_the_mean_of_its_months() -> None:
    quarters = (100, 101, 120, 140)
    found = [
        figure_in(AVERAGE, quarters, Period.parse(name)) for name in ("2026-02", "2026-Q4", "2026-H1", "2026")
    ]
    assert found == [100, 140, 100, 115]


def test_a_stock_or_rate_has_the_target_of_the_last_quarter() -> None:
    quarters = (1, 2, 3, 4)
    for source in (STOCK, RATE):
        found = [figure_in(source, quarters, Period.parse(name)) for name in ("2026-02", "2026-H1", "2026")]
        assert found == [1, 2, 4]
