"""Scorecards: every line there, the measures of the accounting rules, both sides next to each other."""

from hypothesis import given
from hypothesis import strategies as st

from services.appraisal.domain.scorecard import Scorecard, score
from shared.kernel.books import Book, Line, measures

WORKED_EXAMPLE = [
    (Book.MANAGER, "m2", Line.INTEREST_INCOME, 100000),
    (Book.MANAGER, "m1", Line.INTEREST_INCOME, 150000),
    (Book.MANAGER, "m1", Line.FEE_INCOME, 80000),
    (Book.DEPARTMENT, "lending", Line.INTEREST_INCOME, 200000),
    (Book.DEPARTMENT, "lending", Line.INTEREST_INCOME, 50000),
    (Book.DEPARTMENT, "intermediary", Line.FEE_INCOME, 80000),
]


def test_a_scorecard_shows_every_line_and_every_measure() -> None:
    shown = Scorecard(
        "m1", dict.fromkeys(Line, 0) | {Line.INTEREST_INCOME: 150000, Line.RISK_CHARGE: -5}
    ).shown()
    assert shown["centre_id"] == "m1"
    assert list(shown["lines"]) == [line.value for line in Line]
    assert shown["lines"]["interest_income"] == "1500.00"
    assert shown["lines"]["ftp_cost"] == "0.00"
    assert shown["measures"] == {
        "net_interest_income": "1500.00",
        "virtual_profit": "1499.95",
        "efficiency": "1499.95",
    }


def test_both_sides_are_listed_in_order_of_centre_and_add_up_to_the_same() -> None:
    cards = score(WORKED_EXAMPLE)
    assert [card.centre_id for card in cards.managers] == ["m1", "m2"]
    assert [card.centre_id for card in cards.departments] == ["intermediary", "lending"]
    assert cards.balanced
    totals = cards.totals()
    assert totals["manager"] == totals["department"]
    assert totals["manager"]["measures"]["virtual_profit"] == "3300.00"
    assert totals["difference"] == dict.fromkeys(measures({}), "0.00")


def test_a_side_that_lacks_something_shows_as_a_difference() -> None:
    cards = score(WORKED_EXAMPLE[1:])
    assert not cards.balanced
    assert cards.totals()["difference"] == dict.fromkeys(measures({}), "-1000.00")


def test_a_difference_in_a_line_that_no_measure_knows_is_one_too() -> None:
    cards = score([(Book.MANAGER, "m1", Line.DEPOSIT_BALANCE, 1)])
    assert not cards.balanced
    assert cards.totals()["difference"]["efficiency"] == "0.00"


def test_where_there_are_no_results_there_are_no_scorecards() -> None:
    cards = score([])
    assert (cards.managers, cards.departments, cards.balanced) == ([], [], True)


@given(st.lists(st.tuples(st.sampled_from(Line), st.integers(-(10**15), 10**15), st.integers(1, 3))))
def test_amounts_split_over_either_side_leave_both_sides_equal(amounts: list[tuple[Line, int, int]]) -> None:
    sums = []
    for line, amount, parts in amounts:
        rest = amount
        for part in range(1, parts):
            sums.append((Book.MANAGER, f"m{part}", line, amount // parts))
            rest -= amount // parts
        sums += [(Book.MANAGER, "m0", line, rest), (Book.DEPARTMENT, "d", line, amount)]
    assert score(sums).balanced
