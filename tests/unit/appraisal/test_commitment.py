"""Commitments: twelve months from the one on, and nothing lost."""

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from services.appraisal.domain.commitment import monthly


@given(st.integers(1, 10**12), st.dates(date(2000, 1, 1), date(2100, 12, 31)))
def test_a_commitment_is_twelve_months_that_add_up(committed: int, day: date) -> None:
    months = monthly(committed, day)
    assert len(months) == 12
    assert sum(months.values()) == committed
    assert max(months.values()) - min(months.values()) <= 1
    assert min(months) == day.year * 100 + day.month


def test_a_commitment_from_november_on_lies_in_two_years() -> None:
    months = monthly(120_000_01, date(2026, 11, 25))
    assert sum(part for month, part in months.items() if month // 100 == 2026) == 20_000_01
    assert months[202710] == 10_000_00
    assert 202711 not in months


def test_a_commitment_of_a_few_fen_leaves_months_without_any() -> None:
    assert monthly(1, date(2026, 1, 1)) == {202601: 1, **dict.fromkeys(range(202602, 202613), 0)}
