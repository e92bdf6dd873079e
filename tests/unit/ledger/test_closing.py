"""What a close computes: ten-day averages, what stocks cost and earn inside the bank, pools and true-ups."""

from calendar import monthrange
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ledger.domain.closing import (
    ALLOCATED_COST,
    DEPOSIT_COST,
    DEPOSITS,
    FTP_COST,
    FTP_INCOME,
    LOANS,
    NO_CELL,
    Averages,
    Cell,
    CellAmounts,
    Figures,
    LateStock,
    MonthResult,
    StockHistory,
    StockMonth,
    interest_results,
    month_results,
    spread,
)
from services.ledger.domain.policy import DEFAULT, Policies, Policy, PolicyTerms
from services.ledger.domain.statement import ten_day_average
from shared.contracts.ledger import Driver
from shared.kernel.period import month_of, months_between
from tests.support import reference
from tests.unit.ledger.desk import (
    Balances,
    a_pool,
    cells,
    some_balances,
    some_policies,
    some_weights,
    standing,
)

FIRST, LAST = 202606, 202610
JULY = 202607
M1: Cell = ("m1", "deposits")
months = st.sampled_from([202602, 202802, JULY, 202609])


def results_of(balances: Balances, month: int = JULY, policy: Policy = DEFAULT) -> CellAmounts:
    return interest_results(Averages.of(balances), month, policy)


def steady(line: str, cell: Cell, balance: int) -> Balances:
    """The same balance on all three days."""
    return {(line, cell): (balance, balance, balance)}


# --- the worked example ---


def test_the_worked_example_costs_and_earns_what_its_table_says() -> None:
    month = {
        (DEPOSITS, ("m1", "deposits")): StockMonth(96000001, 96000001, 96000001),
        (DEPOSITS, ("m2", "deposits")): StockMonth(4000000, 4000000, 4000000),
        (LOANS, ("m1", "lending")): StockMonth(36000000, 30000000, 30000000),
        (LOANS, ("m2", "lending")): StockMonth(24000000, 20000000, 20000000),
    }
    averages = Averages.of(StockHistory(months={JULY: month}).balances(JULY))
    assert averages.managers == {
        DEPOSITS: {"m1": 96000001, "m2": 4000000},
        LOANS: {"m1": 32000000, "m2": 21333333},
    }
    assert interest_results(averages, JULY, DEFAULT) == {
        (DEPOSIT_COST, ("m1", "deposits")): -124000,
        (FTP_INCOME, ("m1", "deposits")): 132267,
        (DEPOSIT_COST, ("m2", "deposits")): -5167,
        (FTP_COST, ("m2", "lending")): -44778,
    }


# --- what a manager's stocks cost and earn ---


def at_rate(balance: int, rate: Decimal, month: int, policy: Policy) -> int:
    """round(balance × rate × N / K / 100), by Decimal arithmetic."""
    days = monthrange(month // 100, month % 100)[1]
    exact = Fraction(balance, 100) * Fraction(rate) / 100 * days / policy.day_basis
    return int(reference.rounded(exact).scaleb(2))


def averages_of(balances: Balances, manager: str) -> tuple[int, int]:
    """A manager's deposits and loans, each the rounded third of what the manager has on the three days."""
    sums = {DEPOSITS: 0, LOANS: 0}
    for (line, (whose, _)), on in balances.items():
        sums[line] += sum(on) * (whose == manager)
    deposits, loans = (int(reference.rounded(Fraction(sums[line], 300)).scaleb(2)) for line in sums)
    return deposits, loans


@given(some_balances, months, some_policies)
def test_each_manager_bears_and_earns_the_rates_on_the_ten_day_averages(
    balances: Balances, month: int, policies: Policies
) -> None:
    policy = policies.in_force(month)
    sums: dict[tuple[str, str], int] = defaultdict(int)
    for (line, (manager, _)), amount in results_of(balances, month, policy).items():
        sums[manager, line] += amount
    expected: dict[tuple[str, str], int] = {}
    for manager in {manager for _, (manager, _) in balances}:
        deposits, loans = averages_of(balances, manager)
        expected[manager, DEPOSIT_COST] = -at_rate(max(deposits, 0), policy.deposit_rate, month, policy)
        if deposits > loans:
            expected[manager, FTP_INCOME] = at_rate(deposits - loans, policy.lend_out_rate, month, policy)
        elif loans > deposits:
            expected[manager, FTP_COST] = -at_rate(loans - deposits, policy.borrow_in_rate, month, policy)
    assert dict(sums) == {key: amount for key, amount in expected.items() if amount}


@given(some_balances, some_policies)
def test_departments_bear_and_earn_by_the_averages_of_the_stock_that_brought_it(
    balances: Balances, policies: Policies
) -> None:
    results = results_of(balances, JULY, policies.in_force(JULY))
    for line, stock in ((DEPOSIT_COST, DEPOSITS), (FTP_INCOME, DEPOSITS), (FTP_COST, LOANS)):
        for manager in {manager for of, (manager, _) in results if of == line}:
            parts = {
                cell[1]: part for (of, cell), part in results.items() if (of, cell[0]) == (line, manager)
            }
            weights = {
                cell[1]: Decimal(ten_day_average(*on))
                for (of, cell), on in balances.items()
                if (of, cell[0]) == (stock, manager)
            }
            exact = reference.split(Decimal(sum(parts.values())).scaleb(-2), weights)
            assert {centre: int(part.scaleb(2)) for centre, part in exact.items()} == parts


@given(some_balances, months)
def test_a_manager_either_lends_out_or_borrows_and_what_comes_to_nothing_is_left_out(
    balances: Balances, month: int
) -> None:
    results = results_of(balances, month)
    assert 0 not in results.values()
    lending = {manager for line, (manager, _) in results if line == FTP_INCOME}
    borrowing = {manager for line, (manager, _) in results if line == FTP_COST}
    assert not lending & borrowing


def test_as_much_lent_as_deposited_is_neither_lent_out_nor_borrowed() -> None:
    balances = {**steady(DEPOSITS, M1, 10**9), **steady(LOANS, ("m1", "lending"), 10**9)}
    assert set(results_of(balances)) == {(DEPOSIT_COST, M1)}


def test_overdrawn_deposits_cost_nothing_and_have_to_be_borrowed_for() -> None:
    balances = {**steady(DEPOSITS, M1, -(10**8)), **steady(LOANS, ("m1", "lending"), 10**8)}
    assert results_of(balances) == {
        (FTP_COST, ("m1", "lending")): -at_rate(2 * 10**8, Decimal(3), JULY, DEFAULT)
    }


def test_what_no_department_has_a_stock_for_is_unallocated_in_the_department_book() -> None:
    assert results_of(steady(DEPOSITS, M1, -(10**8))) == {
        (FTP_COST, ("m1", "unallocated")): -at_rate(10**8, Decimal(3), JULY, DEFAULT)
    }
    assert results_of(steady(LOANS, M1, -(10**8))) == {
        (FTP_INCOME, ("m1", "unallocated")): at_rate(10**8, Decimal("2.4"), JULY, DEFAULT)
    }


def test_a_managers_average_is_that_of_the_whole_stock_and_not_the_sum_of_the_departments_averages() -> None:
    averages = Averages.of({(DEPOSITS, M1): (0, 0, 1), (DEPOSITS, ("m1", "retail")): (0, 0, 1)})
    assert averages.cells[DEPOSITS] == {M1: 0, ("m1", "retail"): 0}
    assert averages.departments[DEPOSITS] == {"m1": {"deposits": 0, "retail": 0}}
    assert averages.managers[DEPOSITS] == {"m1": 1}


@pytest.mark.parametrize(("month", "days"), [(202602, 28), (202802, 29), (202604, 30), (202607, 31)])
def test_a_month_counts_its_calendar_days_of_360(month: int, days: int) -> None:
    results = results_of(steady(DEPOSITS, M1, 36000 * 100), month)
    assert results == {(DEPOSIT_COST, M1): -150 * days, (FTP_INCOME, M1): 240 * days}


def test_a_year_may_have_another_number_of_days() -> None:
    terms = PolicyTerms(day_basis=365, deposit_rate=Decimal(1), lend_out_rate=Decimal(2))
    results = results_of(steady(DEPOSITS, M1, 36500 * 100), JULY, DEFAULT.amended(terms, "2026-07"))
    assert results == {(DEPOSIT_COST, M1): -100 * 31, (FTP_INCOME, M1): 200 * 31}


# --- balances by business date ---


class StockLeg(NamedTuple):
    """A leg of the manager book on a stock."""

    period: int
    business_date: date
    line: str
    cell: Cell
    amount: int


@st.composite
def a_leg(draw: st.DrawFn) -> StockLeg:
    """Booked in the month of its date, or up to two months later."""
    day = draw(
        st.one_of(
            st.dates(date(2026, 6, 1), date(2026, 8, 31)),
            st.builds(date, st.just(2026), st.integers(6, 8), st.sampled_from([10, 11, 20, 21, 30])),
        )
    )
    amount = draw(st.one_of(st.integers(-9, 9), st.integers(10**7, 10**9)))
    line = draw(st.sampled_from([DEPOSITS, DEPOSITS, LOANS]))
    return StockLeg(month_of(day) + draw(st.integers(0, 2)), day, line, draw(cells), amount)


legs = st.lists(a_leg(), max_size=12)


def history_of(legs: Iterable[StockLeg], first: int, last: int) -> StockHistory:
    """What the ledger keeps of legs: sums by month as booked, and by themselves those booked late."""
    opening: dict[tuple[str, Cell], int] = defaultdict(int)
    months: dict[int, dict[tuple[str, Cell], StockMonth]] = defaultdict(dict)
    late = []
    for leg in legs:
        key, adjusts = (leg.line, leg.cell), leg.period > month_of(leg.business_date)
        if leg.period < first:
            opening[key] += leg.amount
            continue
        if leg.period > last:
            continue
        before = months[leg.period].get(key, StockMonth(0, 0, 0))
        months[leg.period][key] = StockMonth(
            before.by_10 + leg.amount * (adjusts or leg.business_date.day <= 10),
            before.by_20 + leg.amount * (adjusts or leg.business_date.day <= 20),
            before.amount + leg.amount,
        )
        if adjusts:
            late.append(LateStock(*leg))
    return StockHistory(opening, months, late)


def balances_by_date(legs: Sequence[StockLeg], month: int) -> Balances:
    """Every leg's date, one after the other."""
    year, number = divmod(month, 100)
    days = [date(year, number, day) for day in (10, 20, monthrange(year, number)[1])]
    found: Balances = {}
    for key in {(leg.line, leg.cell) for leg in legs}:
        own = [leg for leg in legs if (leg.line, leg.cell) == key]
        on_10, on_20, on_last = (sum(leg.amount for leg in own if leg.business_date <= day) for day in days)
        found[key] = on_10, on_20, on_last
    return found


def without_zeros(balances: Balances) -> Balances:
    return {key: on for key, on in balances.items() if any(on)}


@given(legs, st.integers(FIRST, LAST))
def test_balances_are_those_by_business_date_whenever_it_was_booked(legs: list[StockLeg], first: int) -> None:
    history = history_of(legs, first, LAST)
    for month in months_between(first, LAST):
        assert without_zeros(history.balances(month)) == without_zeros(balances_by_date(legs, month))


@pytest.mark.parametrize(
    ("day", "balances"),
    [
        (date(2026, 7, 10), (5, 5, 5)),
        (date(2026, 7, 11), (0, 5, 5)),
        (date(2026, 7, 20), (0, 5, 5)),
        (date(2026, 7, 21), (0, 0, 5)),
        (date(2026, 7, 31), (0, 0, 5)),
    ],
)
def test_a_stock_that_was_booked_a_month_late_stands_in_its_month_from_its_day_on(
    day: date, balances: tuple[int, int, int]
) -> None:
    history = history_of([StockLeg(202608, day, DEPOSITS, M1, 5)], JULY, 202608)
    assert history.balances(JULY) == {(DEPOSITS, M1): balances}
    assert history.balances(202608) == {(DEPOSITS, M1): (5, 5, 5)}


def test_what_is_dated_on_the_first_of_the_next_month_stands_in_no_earlier_one() -> None:
    history = history_of([StockLeg(202609, date(2026, 8, 1), DEPOSITS, M1, 5)], JULY, 202609)
    assert without_zeros(history.balances(JULY)) == {}
    assert history.balances(202608) == {(DEPOSITS, M1): (5, 5, 5)}


def test_a_month_without_a_movement_carries_its_opening_on() -> None:
    assert StockHistory({(LOANS, M1): 7}).balances(JULY) == {(LOANS, M1): (7, 7, 7)}


# --- cost pools ---


@given(st.integers(1, 10**12), some_weights)
def test_a_pool_is_borne_to_the_fen_by_the_cells_with_weight(
    amount: int, weights: Mapping[Cell, int]
) -> None:
    borne = spread(a_pool(JULY, amount), weights)
    assert sum(borne.amounts.values()) == -amount
    exact = reference.split_over(
        Decimal(amount).scaleb(-2), {cell: Decimal(weight) for cell, weight in weights.items()}, NO_CELL
    )
    assert borne.amounts == {cell: -int(part.scaleb(2)) for cell, part in exact.items()}


def test_a_spread_tells_every_managers_weights_and_the_sum_of_those_that_count() -> None:
    pool = a_pool(JULY, 5)
    borne = spread(pool, {("m2", "retail"): -1, ("m2", "deposits"): 3, M1: 4})
    assert (borne.pool, borne.weight_of_all) == (pool, 7)
    assert borne.weights == {"m1": {"deposits": 4}, "m2": {"deposits": 3, "retail": -1}}


def test_of_equal_cells_the_smaller_manager_and_then_department_bears_the_missing_fen() -> None:
    equals: list[Cell] = [("m2", "deposits"), ("m10", "retail"), ("m10", "lending")]
    assert spread(a_pool(JULY, 5), dict.fromkeys(equals, 1)).amounts == {
        ("m10", "lending"): -2,
        ("m10", "retail"): -2,
        ("m2", "deposits"): -1,
    }


@pytest.mark.parametrize("weights", [{}, {M1: 0}, {M1: -1, ("m2", "deposits"): 0}])
def test_a_pool_that_no_cell_has_weight_for_is_unallocated(weights: dict[Cell, int]) -> None:
    assert spread(a_pool(JULY, 5), weights).amounts == {("unallocated", "unallocated"): -5}


def test_each_driver_has_its_own_weights() -> None:
    averages = Averages.of(
        {
            **steady(DEPOSITS, M1, 30),
            **steady(LOANS, M1, 12),
            **steady(LOANS, ("m2", "lending"), 9),
            (DEPOSITS, ("m2", "deposits")): (3, 3, 6),
        }
    )
    figures = Figures(
        JULY, JULY, StockHistory(), {}, Policies(), revenue={M1: 500}, activity={M1: 12345, ("m2", "x"): 7}
    )
    assert figures.weights(Driver.REVENUE, averages) == {M1: 500}
    assert figures.weights(Driver.ENTRIES, averages) == {M1: 12345, ("m2", "x"): 7}
    assert figures.weights(Driver.BALANCES, averages) == {
        M1: 42,
        ("m2", "lending"): 9,
        ("m2", "deposits"): 4,
    }


# --- a month's result, and what is left of earlier ones ---


def test_a_month_bears_its_pools_on_top_of_its_interest_and_two_on_one_cell_add_up() -> None:
    figures = Figures(
        JULY,
        JULY,
        standing(JULY, steady(DEPOSITS, M1, 36000 * 100)),
        {},
        Policies(),
        pools=[a_pool(JULY, 70), a_pool(JULY, 50, Driver.REVENUE, "energy")],
        revenue={M1: 3, ("m2", "lending"): 2},
    )
    [result] = month_results(figures, [JULY])
    assert (result.month, result.policy) == (JULY, DEFAULT)
    assert [one.pool for one in result.spreads] == figures.pools
    assert result.amounts == {
        (DEPOSIT_COST, M1): -150 * 31,
        (FTP_INCOME, M1): 240 * 31,
        (ALLOCATED_COST, M1): -70 - 30,
        (ALLOCATED_COST, ("m2", "lending")): -20,
    }


def test_a_closed_month_that_comes_out_as_it_was_computed_leaves_nothing_to_book() -> None:
    stocks = standing(JULY, steady(DEPOSITS, M1, 36000 * 100))
    computed = {(JULY, DEPOSIT_COST, M1): -150 * 31, (JULY, FTP_INCOME, M1): 240 * 31}
    later, _ = month_results(Figures(202608, JULY, stocks, computed, Policies()), [JULY, 202608])
    assert (later.month, later.amounts) == (JULY, {})


def test_what_was_computed_and_is_no_more_is_taken_back_and_pools_stay_as_they_were_spread() -> None:
    computed = {(JULY, DEPOSIT_COST, M1): -150, (JULY, FTP_INCOME, M1): 240, (202606, FTP_INCOME, M1): 9}
    figures = Figures(
        202608, JULY, StockHistory(), computed, Policies(), [a_pool(202608, 50)], revenue={M1: 1}
    )
    late, present = month_results(figures, [JULY, 202608])
    assert late.amounts == {(DEPOSIT_COST, M1): 150, (FTP_INCOME, M1): -240}
    assert late.spreads == ()
    assert present.amounts == {(ALLOCATED_COST, NO_CELL): -50}


def test_a_month_is_recomputed_with_the_policy_in_force_for_it() -> None:
    policies = Policies.of([(202608, PolicyTerms(deposit_rate=Decimal(0), lend_out_rate=Decimal("4.80")))])
    stocks = standing(JULY, steady(DEPOSITS, M1, 36000 * 100))
    late, present = month_results(Figures(202608, JULY, stocks, {}, policies), [JULY, 202608])
    assert (late.policy.version, present.policy.version) == ("default", "2026-08")
    assert late.amounts == {(DEPOSIT_COST, M1): -150 * 31, (FTP_INCOME, M1): 240 * 31}
    assert present.amounts == {(FTP_INCOME, M1): 480 * 31}


def close_in_turn(legs: Sequence[StockLeg], policies: Policies) -> Iterable[tuple[int, list[MonthResult]]]:
    """Closes month after month; each knows what was booked by then and what the closes before it computed."""
    computed: dict[tuple[int, str, Cell], int] = defaultdict(int)
    for month in months_between(FIRST, LAST):
        known = [leg for leg in legs if leg.period <= month]
        first = min((month_of(leg.business_date) for leg in known if leg.period == month), default=month)
        figures = Figures(month, first, history_of(known, first, month), dict(computed), policies)
        results = list(month_results(figures, months_between(first, month)))
        for result in results:
            for (line, cell), amount in result.amounts.items():
                computed[result.month, line, cell] += amount
        yield month, results


@given(legs, some_policies)
def test_after_every_close_each_closed_month_has_what_a_fresh_computation_gives(
    legs: list[StockLeg], policies: Policies
) -> None:
    booked: dict[int, CellAmounts] = defaultdict(dict)
    for month, results in close_in_turn(legs, policies):
        known = [leg for leg in legs if leg.period <= month]
        for result in results:
            assert 0 not in result.amounts.values()
            own = booked[result.month]
            for key, amount in result.amounts.items():
                own[key] = own.get(key, 0) + amount
        for closed in months_between(FIRST, month):
            fresh = results_of(balances_by_date(known, closed), closed, policies.in_force(closed))
            assert {key: amount for key, amount in booked[closed].items() if amount} == fresh


def test_a_deposit_that_comes_a_day_late_for_the_close_is_trued_up_by_the_next_one() -> None:
    balance, last = 36000 * 100, date(2026, 7, 31)
    known = history_of([StockLeg(202608, last, DEPOSITS, M1, balance)], JULY, 202608)
    late, present = month_results(Figures(202608, JULY, known, {}, Policies()), [JULY, 202608])
    assert late.averages.managers[DEPOSITS] == {"m1": balance // 3}
    assert late.amounts == {(DEPOSIT_COST, M1): -50 * 31, (FTP_INCOME, M1): 80 * 31}
    assert present.amounts == {(DEPOSIT_COST, M1): -150 * 31, (FTP_INCOME, M1): 240 * 31}


def test_a_late_posting_that_changes_department_only_moves_the_cost_between_departments() -> None:
    retail: Cell = ("m1", "retail")
    stocks = standing(JULY, steady(DEPOSITS, retail, 36000 * 100))
    computed = {(JULY, DEPOSIT_COST, M1): -150 * 31, (JULY, FTP_INCOME, M1): 240 * 31}
    [result] = month_results(Figures(202608, JULY, stocks, computed, Policies()), [JULY])
    assert result.amounts == {
        (DEPOSIT_COST, M1): 150 * 31,
        (DEPOSIT_COST, retail): -150 * 31,
        (FTP_INCOME, M1): -240 * 31,
        (FTP_INCOME, retail): 240 * 31,
    }
