"""Statements: sums of months, balances at the end, ten-day averages and the measures."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ledger.domain.statement import Statement, state, ten_day_average, total, with_amounts
from shared.kernel.books import STOCKS, Line, measures
from shared.kernel.period import Period
from tests.support.reference import rounded

balances = st.integers(-(10**15), 10**15)
JULY = Period.parse("2026-07")


@given(balances, balances, balances)
def test_the_ten_day_average_is_the_rounded_third_of_three_balances(
    first: int, second: int, last: int
) -> None:
    third = rounded(Fraction(first + second + last, 300))
    assert Decimal(ten_day_average(first, second, last)).scaleb(-2) == third


@pytest.mark.parametrize(
    ("on_10th", "on_20th", "on_last", "average"),
    [
        (96000001, 96000001, 96000001, 96000001),
        (36000000, 30000000, 30000000, 32000000),
        (24000000, 20000000, 20000000, 21333333),
        (0, 0, -1, 0),
        (0, 0, -2, -1),
    ],
)
def test_an_average_of_the_worked_example(on_10th: int, on_20th: int, on_last: int, average: int) -> None:
    assert ten_day_average(on_10th, on_20th, on_last) == average


def row(line: Line, movement: int, **more: int) -> dict[str, Any]:
    return {
        "line": line.value,
        "movement": movement,
        "stock": 0,
        "opening": 0,
        "by_10": 0,
        "by_20": 0,
        **more,
    }


def test_a_statement_has_every_line_zero_included() -> None:
    shown = state("manager", "m1", JULY, [row(Line.FEE_INCOME, 80000)]).shown()
    assert list(shown["lines"]) == [line.value for line in Line]
    assert shown["lines"].pop("fee_income") == "800.00"
    assert set(shown["lines"].values()) == {"0.00"}
    assert shown["stocks"] == shown["averages"] == {"deposit_balance": "0.00", "loan_balance": "0.00"}
    assert shown["measures"] == {
        "net_interest_income": "0.00",
        "virtual_profit": "800.00",
        "efficiency": "800.00",
    }
    assert (shown["book"], shown["centre_id"], shown["period"]) == ("manager", "m1", "2026-07")


def test_averages_begin_with_the_balance_before_the_month() -> None:
    deposits = row(Line.DEPOSIT_BALANCE, 600, stock=1600, opening=1000, by_10=100, by_20=300)
    stated = state("manager", "m1", JULY, [deposits])
    assert stated.lines[Line.DEPOSIT_BALANCE] == 600
    assert stated.stocks[Line.DEPOSIT_BALANCE] == 1600
    assert stated.averages[Line.DEPOSIT_BALANCE] == round(Fraction(1100 + 1300 + 1600, 3))


def test_a_centre_with_nothing_booked_has_a_statement_of_zeros() -> None:
    assert Statement.empty("manager", "m1", "2026-07") == state("manager", "m1", JULY, [])


rows_of = st.dictionaries(st.sampled_from(Line), balances).map(
    lambda figures: [row(line, figure, stock=2 * figure, opening=figure) for line, figure in figures.items()]
)


@given(st.lists(rows_of, max_size=5))
def test_the_total_is_the_sum_figure_by_figure(centres: list[list[dict[str, Any]]]) -> None:
    statements = [state("manager", f"m{number}", JULY, rows) for number, rows in enumerate(centres)]
    whole = total("manager", JULY, statements)
    assert whole.centre_id == "total"
    assert whole.lines == {line: sum(one.lines[line] for one in statements) for line in Line}
    for line in STOCKS:
        assert whole.stocks[line] == sum(one.stocks[line] for one in statements)
        assert whole.averages[line] == sum(one.averages[line] for one in statements)
    assert whole.measures == measures(whole.lines)
    for name, figure in whole.measures.items():
        assert figure == sum(one.measures[name] for one in statements)


@given(rows_of, st.dictionaries(st.sampled_from([line for line in Line if line not in STOCKS]), balances))
def test_further_amounts_are_added_line_by_line_and_leave_stocks_and_averages(
    rows: list[dict[str, Any]], further: dict[Line, int]
) -> None:
    stated = state("manager", "m1", JULY, rows)
    more = with_amounts(stated, further)
    assert more.lines == {line: stated.lines[line] + further.get(line, 0) for line in Line}
    assert list(more.lines) == list(Line)
    assert more.measures == measures(more.lines)
    assert (more.stocks, more.averages) == (stated.stocks, stated.averages)
    assert (more.book, more.centre_id, more.period) == ("manager", "m1", "2026-07")
