"""Periods: months, and quarters, halves and years as sums of months."""

from calendar import isleap
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.kernel.errors import Malformed
from shared.kernel.period import (
    FIRST_YEAR,
    LAST_YEAR,
    Period,
    days_in,
    format_month,
    last_day,
    month_of,
    months_between,
    next_month,
    parse_month,
)

years = st.integers(FIRST_YEAR, LAST_YEAR)
days = st.dates(date(FIRST_YEAR, 1, 1), date(LAST_YEAR, 12, 31))


def months_of(period: Period) -> list[int]:
    """Every month of a period, by walking through the calendar."""
    return [
        year * 100 + month
        for year in range(period.first // 100, period.last // 100 + 1)
        for month in range(1, 13)
        if period.first <= year * 100 + month <= period.last
    ]


@given(days)
def test_the_month_of_a_day_is_written_and_read_back(day: date) -> None:
    month = month_of(day)
    assert format_month(month) == day.isoformat()[:7]
    assert parse_month(format_month(month)) == month


@given(days)
def test_the_day_after_the_last_day_is_in_another_month(day: date) -> None:
    end = last_day(month_of(day))
    assert month_of(end) == month_of(day)
    assert end.day == 31 or month_of(end + timedelta(days=1)) != month_of(end)


@given(years)
def test_february_ends_as_the_calendar_says(year: int) -> None:
    assert last_day(year * 100 + 2).day == (29 if isleap(year) else 28)


@given(days)
def test_the_next_month_begins_on_the_day_after_the_last(day: date) -> None:
    end = last_day(month_of(day))
    assert days_in(month_of(day)) == end.day
    if end < date(LAST_YEAR, 12, 31):
        assert next_month(month_of(day)) == month_of(end + timedelta(days=1))


@pytest.mark.parametrize(("month", "following"), [(202607, 202608), (202612, 202701), (199912, 200001)])
def test_december_is_followed_by_january(month: int, following: int) -> None:
    assert next_month(month) == following


@given(years, st.integers(1, 12), years, st.integers(1, 12))
def test_months_between_two_are_those_that_the_calendar_has(
    from_year: int, from_month: int, to_year: int, to_month: int
) -> None:
    first, last = from_year * 100 + from_month, to_year * 100 + to_month
    assert list(months_between(first, last)) == months_of(Period("", first, last))


@given(years)
def test_a_year_is_two_halves_four_quarters_and_twelve_months(year: int) -> None:
    whole = months_of(Period.parse(f"{year:04d}"))
    assert whole == [year * 100 + month for month in range(1, 13)]
    for parts in (
        [f"{year:04d}-H{half}" for half in (1, 2)],
        [f"{year:04d}-Q{quarter}" for quarter in (1, 2, 3, 4)],
        [f"{year:04d}-{month:02d}" for month in range(1, 13)],
    ):
        assert [month for part in parts for month in months_of(Period.parse(part))] == whole


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2026-07", 202607, 202607),
        ("2026-Q1", 202601, 202603),
        ("2026-Q3", 202607, 202609),
        ("2026-H1", 202601, 202606),
        ("2026-H2", 202607, 202612),
        ("2026", 202601, 202612),
    ],
)
def test_a_period_is_read(text: str, first: int, last: int) -> None:
    assert Period.parse(text) == Period(text, first, last)


NO_PERIOD = [
    "",
    "2026-7",
    "2026-00",
    "2026-13",
    "2026-Q0",
    "2026-Q5",
    "2026-H0",
    "2026-H3",
    "2026-q1",
    "2026-W01",
    "2026-07-01",
    "202607",
    "26-07",
    "02026",
    "2026-",
    "2026-Q",
    "-2026",
    " 2026",
    "2026 ",
    "2026\n",
    "2026-07\n",
    "２０２６",
    "٢٠٢٦-٠٧",
    "1899",
    "2200",
    "1899-12",
    "2200-01",
    "0000",
    "9999-12",
]


@pytest.mark.parametrize("text", NO_PERIOD, ids=repr)
def test_anything_else_is_no_period(text: str) -> None:
    with pytest.raises(Malformed):
        Period.parse(text)
    with pytest.raises(Malformed):
        parse_month(text)


@pytest.mark.parametrize("text", ["2026", "2026-Q1", "2026-H2"])
def test_a_longer_period_is_no_month(text: str) -> None:
    with pytest.raises(Malformed, match="is not a month: write YYYY-MM"):
        parse_month(text)


@given(st.text())
def test_text_is_a_period_or_malformed_and_nothing_else_happens(text: str) -> None:
    try:
        period = Period.parse(text)
    except Malformed:
        return
    assert period.name == text
    assert months_of(period)
