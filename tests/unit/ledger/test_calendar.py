"""The calendar: closed months take nothing more, and months close in order."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ledger.domain.calendar import Calendar
from shared.kernel.errors import Refusal
from shared.kernel.period import last_day, month_of, next_month

days = st.dates(date(2025, 1, 1), date(2027, 12, 31))
months = days.map(month_of)


@given(days)
def test_while_nothing_is_closed_a_day_is_booked_in_its_own_month(day: date) -> None:
    assert Calendar().period_of(day) == (month_of(day), None)


@given(months, days)
def test_a_day_of_a_closed_month_adjusts_it_in_the_first_open_one(closed_through: int, day: date) -> None:
    period, adjusts = Calendar(closed_through).period_of(day)
    assert period > closed_through
    if day <= last_day(closed_through):
        assert (period, adjusts) == (next_month(closed_through), month_of(day))
    else:
        assert (period, adjusts) == (month_of(day), None)


def test_behind_december_the_first_open_month_is_january() -> None:
    december = Calendar(202612, 202607)
    assert december.period_of(date(2026, 12, 31)) == (202701, 202612)
    assert december.period_of(date(2027, 1, 1)) == (202701, None)
    assert december.is_due(202701)


@given(months, months, months)
def test_once_a_month_is_closed_only_the_next_one_is_due(
    closed_through: int, first_booked: int, month: int
) -> None:
    assert Calendar(closed_through, first_booked).is_due(month) == (month == next_month(closed_through))


@given(months, months)
def test_the_first_to_close_has_no_entry_before_it(first_booked: int, month: int) -> None:
    assert Calendar(0, first_booked).is_due(month) == (month <= first_booked)


@given(months)
def test_of_a_ledger_without_entries_any_month_may_close_first(month: int) -> None:
    assert Calendar().is_due(month)


@pytest.mark.parametrize(
    ("calendar", "month", "due"),
    [
        (Calendar(202607, 202606), 202609, "2026-08"),
        (Calendar(202612, 202606), 202702, "2027-01"),
        (Calendar(202607, 202606), 202606, "2026-08"),
        (Calendar(0, 202606), 202607, "2026-06"),
    ],
)
def test_a_month_out_of_order_is_refused_and_the_one_to_close_is_named(
    calendar: Calendar, month: int, due: str
) -> None:
    with pytest.raises(Refusal, match=rf"^period: {due} is the month to close next") as refused:
        calendar.check_closable(month)
    assert (refused.value.rule, refused.value.field) == ("months-close-in-order", "period")


@given(st.builds(Calendar, st.one_of(st.just(0), months), st.one_of(st.none(), months)), months)
def test_what_is_not_due_is_refused_and_nothing_else(calendar: Calendar, month: int) -> None:
    try:
        calendar.check_closable(month)
    except Refusal:
        assert not calendar.is_due(month)
    else:
        assert calendar.is_due(month)
