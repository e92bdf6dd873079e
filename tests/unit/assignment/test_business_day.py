"""Business days of China: weekends and holidays do not count, weekends worked in their place do."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.assignment.domain.business_day import after_business_days, is_business_day


@pytest.mark.parametrize(
    ("day", "worked"),
    [
        (date(2026, 9, 30), True),
        (date(2026, 10, 1), False),  # National Day
        (date(2026, 10, 7), False),
        (date(2026, 10, 10), True),  # a Saturday worked in place of a holiday
        (date(2026, 10, 11), False),  # an ordinary Sunday
        (date(1993, 1, 1), False),  # New Year
        (date(1993, 1, 4), True),
    ],
)
def test_a_day_is_worked_or_not(day: date, worked: bool) -> None:
    assert is_business_day(day) is worked


def test_a_deadline_skips_the_golden_week_and_counts_the_saturday_worked_for_it() -> None:
    assert after_business_days(date(2026, 9, 30), 3) == date(2026, 10, 10)


@given(st.dates(date(1990, 1, 1), date(2030, 12, 31)), st.integers(1, 30))
def test_between_a_day_and_its_deadline_lie_so_many_business_days(day: date, number: int) -> None:
    deadline = after_business_days(day, number)
    between = [day + timedelta(days=index) for index in range(1, (deadline - day).days + 1)]
    assert is_business_day(deadline)
    assert sum(map(is_business_day, between)) == number
