"""The vocabulary of the books: contra centres, reserved ids and the three measures."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.kernel.books import (
    CONTRA,
    CONTRA_CENTRES,
    RESERVED_CENTRES,
    STOCKS,
    UNASSIGNED,
    Line,
    LoanClass,
    measures,
)
from tests.support import reference

figures = st.dictionaries(st.sampled_from(Line), st.integers(-(10**15), 10**15))


def test_the_lines_are_those_of_the_rules_in_their_order() -> None:
    assert [line.value for line in Line] == list(reference.LINES)
    assert STOCKS == (Line.DEPOSIT_BALANCE, Line.LOAN_BALANCE)
    assert [one.value for one in LoanClass] == list(reference.PROVISION_RATES)


@pytest.mark.parametrize("line", Line)
def test_every_line_has_the_contra_centre_of_the_rules(line: Line) -> None:
    assert CONTRA[line] == reference.contra_of(line.value)


def test_the_special_centres_are_reserved() -> None:
    assert {"external", "treasury", "risk-reserve", "overhead"} == CONTRA_CENTRES
    assert CONTRA_CENTRES | {UNASSIGNED, "unallocated"} == RESERVED_CENTRES


@given(figures)
def test_the_measures_are_the_formulas_of_the_rules(lines: dict[Line, int]) -> None:
    of = {line.value: lines.get(line, 0) for line in Line}
    interest = of["interest_income"] + of["ftp_income"] + of["ftp_cost"] + of["deposit_cost"]
    assert measures(lines) == {
        "net_interest_income": interest,
        "virtual_profit": interest + of["fee_income"] + of["settlement_income"] + of["risk_charge"],
        "efficiency": interest
        + of["credit_risk_income"]
        + of["fee_income"]
        + of["settlement_income"]
        + of["direct_cost"]
        + of["allocated_cost"]
        + of["risk_charge"],
    }


@given(figures, figures)
def test_the_measures_of_a_sum_are_the_sum_of_the_measures(
    some: dict[Line, int], others: dict[Line, int]
) -> None:
    both = {line: some.get(line, 0) + others.get(line, 0) for line in Line}
    expected = {name: figure + measures(others)[name] for name, figure in measures(some).items()}
    assert measures(both) == expected


@given(figures, st.integers())
def test_balances_are_no_result(lines: dict[Line, int], balance: int) -> None:
    assert measures({**lines, **dict.fromkeys(STOCKS, balance)}) == measures(
        {line: figure for line, figure in lines.items() if line not in STOCKS}
    )


def test_the_worked_example_has_its_virtual_profits() -> None:
    m1 = {
        Line.INTEREST_INCOME: 150000,
        Line.FEE_INCOME: 80000,
        Line.FTP_INCOME: 132267,
        Line.DEPOSIT_COST: -124000,
        Line.RISK_CHARGE: -9000000,
    }
    assert measures(m1)["virtual_profit"] == -8761733
