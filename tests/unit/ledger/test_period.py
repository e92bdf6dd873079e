"""Closing a month: one balanced entry a manager and month, everybody's results, and nothing after that."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import orjson
import pytest
from hypothesis import given, settings

from services.ledger.domain.calendar import Calendar
from services.ledger.domain.closing import DEPOSITS, LOANS, Figures, StockHistory, month_results
from services.ledger.domain.entry import EntryBooked
from services.ledger.domain.period import (
    DECIDER,
    STREAM,
    BeforeClose,
    ClosePeriod,
    Consulted,
    CustomerMonth,
    Position,
)
from services.ledger.domain.policy import Policies, PolicyTerms
from shared.contracts.ledger import (
    CustomerResultStated,
    DepartmentResultStated,
    Driver,
    ManagerResultStated,
    PeriodClosed,
)
from shared.contracts.types import Contract, parse
from shared.kernel.books import STOCKS, Book, Line, measures
from shared.kernel.errors import Refusal
from shared.kernel.event import Fact
from shared.kernel.period import last_day, months_between
from tests.support.reference import contra_of
from tests.unit.ledger.desk import AUGUST, a_pool, a_statement, some_closings, standing

JULY = 202607
BOOKS = (Book.MANAGER, Book.DEPARTMENT)


def close(before: BeforeClose, month: int = AUGUST) -> list[Fact]:
    """What the close of a month that is due gives."""
    consulted = Consulted(Calendar(month - 1), {month: before})
    return list(DECIDER.decide(ClosePeriod(month), DECIDER.initial, consulted))


def entries_of(facts: Sequence[Fact]) -> list[EntryBooked]:
    return [fact for fact in facts if isinstance(fact, EntryBooked)]


def closed_of(facts: Sequence[Fact]) -> PeriodClosed:
    assert isinstance(facts[-1], PeriodClosed)
    return facts[-1]


def centres_of(facts: Sequence[Fact]) -> list[ManagerResultStated | DepartmentResultStated]:
    return [fact for fact in facts if isinstance(fact, ManagerResultStated | DepartmentResultStated)]


def ids_of(facts: Sequence[Fact]) -> list[str]:
    return [fact.own_event_id for fact in facts]  # type: ignore[attr-defined]  # all of them have one


# --- the worked example ---

POSITION = Position({0: 12, 5: 3}, "c0ffee")


@pytest.fixture
def july() -> BeforeClose:
    """July of the worked example, all of it booked."""
    balances = {
        (DEPOSITS, ("m1", "deposits")): (96000001, 96000001, 96000001),
        (DEPOSITS, ("m2", "deposits")): (4000000, 4000000, 4000000),
        (LOANS, ("m1", "lending")): (36000000, 30000000, 30000000),
        (LOANS, ("m2", "lending")): (24000000, 20000000, 20000000),
    }
    interest, fee, risk = Line.INTEREST_INCOME, Line.FEE_INCOME, Line.RISK_CHARGE
    flows: dict[Book, dict[str, dict[Line, int]]] = {
        Book.MANAGER: {
            "m1": {interest: 150000, fee: 80000, risk: -9000000},
            "m2": {interest: 100000, risk: -6000000},
        },
        Book.DEPARTMENT: {
            "lending": {interest: 250000, risk: -15000000},
            "intermediary": {fee: 80000},
            "deposits": {},
        },
    }
    deposit, loan = STOCKS
    return BeforeClose(
        figures=Figures(JULY, JULY, standing(JULY, balances), {}, Policies()),
        statements={
            book: [a_statement(book, centre, JULY, own) for centre, own in by_centre.items()]
            for book, by_centre in flows.items()
        },
        customers={
            "c2": CustomerMonth(
                {deposit: 10000001, interest: 250000}, {deposit: 10000001, loan: 50000000}, ("DEM", "TRM")
            ),
            "c1": CustomerMonth(
                {deposit: 90000000, fee: 80000}, {deposit: 90000000, loan: 0}, ("AGT", "DEM")
            ),
        },
        position=POSITION,
        entries=6,
    )


TABLE = {
    "m1": (150000, 80000, 132267, 0, -124000, -9000000, -8761733),
    "m2": (100000, 0, 0, -44778, -5167, -6000000, -5949945),
    "deposits": (0, 0, 132267, 0, -129167, 0, 3100),
    "lending": (250000, 0, 0, -44778, 0, -15000000, -14794778),
    "intermediary": (0, 80000, 0, 0, 0, 0, 80000),
}
"""By centre: the amounts of the columns, and the virtual profit."""

COLUMNS = (
    Line.INTEREST_INCOME,
    Line.FEE_INCOME,
    Line.FTP_INCOME,
    Line.FTP_COST,
    Line.DEPOSIT_COST,
    Line.RISK_CHARGE,
)


@pytest.mark.parametrize("centre_id", TABLE)
def test_the_worked_example_closes_to_the_fen(july: BeforeClose, centre_id: str) -> None:
    *amounts, profit = TABLE[centre_id]
    [stated] = [fact for fact in centres_of(close(july, JULY)) if fact.centre_id == centre_id]
    assert stated.lines == {**dict.fromkeys(Line, 0), **dict(zip(COLUMNS, amounts, strict=True))}
    assert stated.measures["virtual_profit"] == profit
    assert stated.measures == measures(stated.lines)


def test_the_worked_example_closes_with_the_same_total_on_either_side(july: BeforeClose) -> None:
    facts = close(july, JULY)
    of_managers = [fact.measures for fact in facts if isinstance(fact, ManagerResultStated)]
    of_departments = [fact.measures for fact in facts if isinstance(fact, DepartmentResultStated)]
    for name in ("net_interest_income", "virtual_profit", "efficiency"):
        assert sum(one[name] for one in of_managers) == sum(one[name] for one in of_departments)
    assert measures(closed_of(facts).lines)["virtual_profit"] == -14711678
    assert sum(one["virtual_profit"] for one in of_managers) == -14711678


def test_the_worked_example_is_one_entry_a_manager(july: BeforeClose) -> None:
    of_m1, of_m2 = entries_of(close(july, JULY))
    assert of_m1.lines == {"deposit_cost": -124000, "ftp_income": 132267}
    assert of_m1.manager == {"deposit_cost": {"m1": -124000}, "ftp_income": {"m1": 132267}}
    assert of_m1.department == {"deposit_cost": {"deposits": -124000}, "ftp_income": {"deposits": 132267}}
    assert of_m2.department == {"deposit_cost": {"deposits": -5167}, "ftp_cost": {"lending": -44778}}
    for manager, entry in (("m1", of_m1), ("m2", of_m2)):
        assert entry.own_event_id == entry.entry_id == f"close-2026-07~{manager}"
        assert (entry.cause_id, entry.cause_type, entry.cause_source) == (
            "close-2026-07",
            "PeriodClosed",
            "ledger",
        )
        assert (entry.business_date, entry.period, entry.adjusts_period) == (date(2026, 7, 31), JULY, None)
        assert (entry.stream, entry.shares, entry.policy) == (
            f"manager-{manager}",
            {manager: 10_000},
            "default",
        )


def test_an_entry_tells_what_it_was_computed_from(july: BeforeClose) -> None:
    figures = replace(
        july.figures,
        pools=[a_pool(JULY, 1000, Driver.REVENUE)],
        revenue={("m2", "lending"): 3, ("m1", "lending"): 1, ("m1", "deposits"): -1},
    )
    of_m1, of_m2 = entries_of(close(replace(july, figures=figures), JULY))
    expected = {
        "month": "2026-07",
        "days": 31,
        "deposit_rate": "1.50",
        "lend_out_rate": "2.40",
        "borrow_in_rate": "3.00",
        "day_basis": 360,
        "averages": {
            "deposit_balance": {"manager": "40000.00", "departments": {"deposits": "40000.00"}},
            "loan_balance": {"manager": "213333.33", "departments": {"lending": "213333.33"}},
        },
        "pools": [
            {
                "pool": "rent",
                "amount": "10.00",
                "driver": "revenue",
                "weight_of_all": 4,
                "weights": {"lending": 3},
            }
        ],
    }
    told = orjson.loads(of_m2.source_data)
    assert {name: told[name] for name in expected} == expected
    assert orjson.loads(of_m1.source_data)["pools"][0]["weights"] == {"deposits": -1, "lending": 1}
    assert of_m1.department["allocated_cost"] == {"lending": -250}
    assert of_m2.department["allocated_cost"] == {"lending": -750}


def test_the_closed_month_counts_what_was_booked_and_stated(july: BeforeClose) -> None:
    closed = closed_of(close(july, JULY))
    assert (closed.period, closed.business_date, closed.stream) == ("2026-07", date(2026, 7, 31), STREAM)
    assert (closed.entries, closed.managers, closed.departments, closed.customers) == (6 + 2, 2, 3, 2)
    assert closed.trued_up == []
    assert (closed.computed_from.positions, closed.computed_from.hash) == ({0: 12, 5: 3}, "c0ffee")
    assert closed.lines == {
        **dict.fromkeys(Line, 0),
        Line.INTEREST_INCOME: 250000,
        Line.FEE_INCOME: 80000,
        Line.FTP_INCOME: 132267,
        Line.FTP_COST: -44778,
        Line.DEPOSIT_COST: -129167,
        Line.RISK_CHARGE: -15000000,
    }


def test_each_fact_lies_in_the_history_of_whom_it_is_about(july: BeforeClose) -> None:
    assert [fact.stream for fact in close(july, JULY)] == [
        "manager-m1",
        "manager-m2",
        "manager-m1#results",
        "manager-m2#results",
        "department-deposits#results",
        "department-intermediary#results",
        "department-lending#results",
        "customer-c1#results",
        "customer-c2#results",
        "period-bank",
    ]


def test_each_fact_names_its_own_event(july: BeforeClose) -> None:
    assert ids_of(close(july, JULY)) == [
        "close-2026-07~m1",
        "close-2026-07~m2",
        "result-2026-07~manager~m1",
        "result-2026-07~manager~m2",
        "result-2026-07~department~deposits",
        "result-2026-07~department~intermediary",
        "result-2026-07~department~lending",
        "result-2026-07~customer~c1",
        "result-2026-07~customer~c2",
        "close-2026-07",
    ]


def test_stocks_and_averages_of_a_centre_are_stated_as_they_stand(july: BeforeClose) -> None:
    [m1, m2] = july.statements[Book.MANAGER]
    stocks, averages = dict(zip(STOCKS, (7, 8), strict=True)), dict(zip(STOCKS, (5, 6), strict=True))
    stated = {Book.MANAGER: [replace(m1, stocks=stocks, averages=averages), m2], Book.DEPARTMENT: []}
    facts = close(replace(july, statements=stated), JULY)
    [of_m1, _] = [fact for fact in facts if isinstance(fact, ManagerResultStated)]
    assert (of_m1.stocks, of_m1.averages) == (stocks, averages)


def test_a_customers_month_is_stated_with_the_stocks_at_its_end(july: BeforeClose) -> None:
    _, of_c2 = [fact for fact in close(july, JULY) if isinstance(fact, CustomerResultStated)]
    assert of_c2.lines == {Line.DEPOSIT_BALANCE: 10000001, Line.INTEREST_INCOME: 250000}
    assert of_c2.stocks == {Line.DEPOSIT_BALANCE: 10000001, Line.LOAN_BALANCE: 50000000}


def test_a_customers_month_names_its_products_in_order_and_an_old_one_names_none(july: BeforeClose) -> None:
    of_c1, of_c2 = [fact for fact in close(july, JULY) if isinstance(fact, CustomerResultStated)]
    assert (of_c1.products, of_c2.products) == (("AGT", "DEM"), ("DEM", "TRM"))
    stored = orjson.loads(of_c2.to_json())
    assert CustomerResultStated.model_validate_json(of_c2.to_json()) == of_c2
    assert stored.pop("products") == ["DEM", "TRM"]
    assert CustomerResultStated.model_validate(stored).products == ()


# --- in order, and once ---


@pytest.mark.parametrize("month", [202601, 202606, JULY])
def test_a_month_that_is_closed_already_gives_nothing(month: int) -> None:
    assert DECIDER.decide(ClosePeriod(month), DECIDER.initial, Consulted(Calendar(JULY))) == []


@pytest.mark.parametrize(
    ("calendar", "month"),
    [(Calendar(JULY), 202609), (Calendar(202612), 202702), (Calendar(0, JULY), AUGUST)],
)
def test_a_month_out_of_order_is_refused(calendar: Calendar, month: int) -> None:
    with pytest.raises(Refusal, match="is the month to close next") as refused:
        DECIDER.decide(ClosePeriod(month), DECIDER.initial, Consulted(calendar))
    assert (refused.value.rule, refused.value.field) == ("months-close-in-order", "period")


def test_a_month_of_nothing_closes_with_nothing() -> None:
    figures = Figures(AUGUST, AUGUST, StockHistory(), {}, Policies())
    before = BeforeClose(figures, dict.fromkeys(BOOKS, ()), {}, POSITION, 0)
    facts = close(before)
    assert len(facts) == 1
    assert (closed_of(facts).entries, closed_of(facts).lines) == (0, dict.fromkeys(Line, 0))


def test_all_months_lie_in_the_history_of_one_calendar(july: BeforeClose) -> None:
    assert {DECIDER.stream(ClosePeriod(month)) for month in (JULY, AUGUST)} == {STREAM}
    facts = close(july, JULY)
    assert DECIDER.evolve(DECIDER.initial, facts[-1]) == DECIDER.initial


# --- true-ups and pools ---


def test_a_true_up_is_an_entry_of_its_own_dated_in_the_month_that_it_adjusts() -> None:
    cell = "m1", "deposits"
    policies = Policies.of([(AUGUST, PolicyTerms(day_basis=365))])
    stocks = standing(JULY, {(DEPOSITS, cell): (36000 * 100,) * 3})
    before = BeforeClose(
        Figures(AUGUST, JULY, stocks, {(JULY, "deposit_cost", cell): -4000}, policies),
        dict.fromkeys(BOOKS, ()),
        {},
        POSITION,
        3,
    )
    facts = close(before)
    late, present = entries_of(facts)
    assert late.lines == {"deposit_cost": -150 * 31 + 4000, "ftp_income": 240 * 31}
    assert (late.entry_id, late.cause_id) == ("close-2026-08~m1~2026-07", "close-2026-08")
    assert (late.business_date, late.period, late.adjusts_period) == (date(2026, 7, 31), AUGUST, JULY)
    assert (late.policy, present.policy) == ("default", "2026-08")
    assert orjson.loads(late.source_data)["month"] == "2026-07"
    assert (present.entry_id, present.adjusts_period) == ("close-2026-08~m1", None)
    assert (closed_of(facts).trued_up, closed_of(facts).entries) == (["2026-07"], 3 + 2)


def test_a_cost_that_only_changes_department_is_booked_with_a_total_of_nothing() -> None:
    cell, other = ("m1", "deposits"), ("m1", "retail")
    computed = {(JULY, "deposit_cost", other): -150 * 31, (JULY, "ftp_income", other): 240 * 31}
    stocks = standing(JULY, {(DEPOSITS, cell): (36000 * 100,) * 3})
    figures = Figures(AUGUST, JULY, stocks, computed, Policies())
    late, _ = entries_of(close(BeforeClose(figures, dict.fromkeys(BOOKS, ()), {}, POSITION, 0)))
    assert late.lines == {"deposit_cost": 0, "ftp_income": 0}
    assert late.manager == {"deposit_cost": {"m1": 0}, "ftp_income": {"m1": 0}}
    assert late.department["deposit_cost"] == {"deposits": -150 * 31, "retail": 150 * 31}


def test_a_pool_without_weights_is_stated_for_unallocated_in_both_books() -> None:
    figures = Figures(AUGUST, AUGUST, StockHistory(), {}, Policies(), [a_pool(AUGUST, 12345)])
    facts = close(BeforeClose(figures, dict.fromkeys(BOOKS, ()), {}, POSITION, 0))
    entry, manager, department, _ = facts
    assert isinstance(entry, EntryBooked)
    assert isinstance(manager, ManagerResultStated)
    assert isinstance(department, DepartmentResultStated)
    assert entry.manager == entry.department == {"allocated_cost": {"unallocated": -12345}}
    assert manager.centre_id == department.centre_id == "unallocated"
    assert manager.measures == department.measures == measures({Line.ALLOCATED_COST: -12345})
    assert manager.stocks == manager.averages == dict.fromkeys(STOCKS, 0)
    assert manager.period == department.period == "2026-08"


# --- of any figures ---


@settings(max_examples=40)
@given(some_closings())
def test_every_entry_is_balanced_in_both_books_and_their_cells_are_the_same(before: BeforeClose) -> None:
    for entry in entries_of(close(before)):
        legs = entry.legs
        assert {leg.line for leg in legs} == set(entry.lines)
        for line, total in entry.lines.items():
            cells: dict[str, dict[str, int]] = {}
            for book in BOOKS:
                own = [leg for leg in legs if (leg.book, leg.line) == (book.value, line)]
                assert sum(leg.amount for leg in own) == 0, "I1"
                assert sum(leg.amount for leg in own if not leg.contra) == total, "I2"
                assert {leg.centre_id for leg in own if leg.contra} == {contra_of(line)}
                cells[book] = {leg.department_id: leg.amount for leg in own if not leg.contra}
            assert cells[Book.MANAGER] == cells[Book.DEPARTMENT] == entry.department[line]
        assert 0 not in {leg.amount for leg in legs}


@settings(max_examples=40)
@given(some_closings())
def test_entries_book_every_cell_of_the_months_results_and_nothing_else(before: BeforeClose) -> None:
    figures = before.figures
    results = {
        one.month: one for one in month_results(figures, months_between(figures.first_to_recompute, AUGUST))
    }
    booked: dict[int, dict[tuple[str, tuple[str, str]], int]] = defaultdict(dict)
    for entry in entries_of(close(before)):
        [manager] = entry.shares
        about = entry.adjusts_period or entry.period
        assert (entry.period, entry.business_date) == (AUGUST, last_day(about))
        assert entry.policy == results[about].policy.version
        for line, parts in entry.department.items():
            booked[about].update({(line, (manager, department)): part for department, part in parts.items()})
    assert booked == {month: one.amounts for month, one in results.items() if one.amounts}


@settings(max_examples=40)
@given(some_closings())
def test_every_centre_of_either_book_is_stated_with_what_the_close_gave_it(before: BeforeClose) -> None:
    facts = close(before)
    for book, kind in ((Book.MANAGER, ManagerResultStated), (Book.DEPARTMENT, DepartmentResultStated)):
        expected = {one.centre_id: dict(one.lines) for one in before.statements[book]}
        for leg in (leg for entry in entries_of(facts) for leg in entry.legs):
            if leg.book == book and not leg.contra:
                lines = expected.setdefault(leg.centre_id, dict.fromkeys(Line, 0))
                lines[Line(leg.line)] += leg.amount
        stated = [fact for fact in facts if isinstance(fact, kind)]
        assert [one.centre_id for one in stated] == sorted(expected)
        for one in stated:
            assert one.lines == expected[one.centre_id]
            assert one.measures == measures(one.lines)


@settings(max_examples=40)
@given(some_closings())
def test_the_last_fact_counts_all_others(before: BeforeClose) -> None:
    facts = close(before)
    closed, entries, kinds = closed_of(facts), entries_of(facts), [type(fact) for fact in facts]
    assert kinds.count(PeriodClosed) == 1
    assert closed.entries == before.entries + len(entries)
    assert closed.managers == kinds.count(ManagerResultStated)
    assert closed.departments == kinds.count(DepartmentResultStated)
    assert closed.customers == kinds.count(CustomerResultStated) == len(before.customers)
    assert closed.managers + closed.departments + closed.customers + len(entries) + 1 == len(facts)
    adjusted = {entry.adjusts_period for entry in entries} - {None}
    assert closed.trued_up == [
        month for month in ("2026-06", "2026-07") if int(month.replace("-", "")) in adjusted
    ]
    stated = [fact.lines for fact in facts if isinstance(fact, ManagerResultStated)]
    assert closed.lines == {line: sum(lines[line] for lines in stated) for line in Line}
    assert closed.computed_from.positions == before.position.positions
    assert closed.computed_from.hash == before.position.hash


@settings(max_examples=40)
@given(some_closings())
def test_closing_is_pure_and_every_fact_has_an_id_of_its_own(before: BeforeClose) -> None:
    first, second = close(before), close(before)
    assert ids_of(first) == ids_of(second)
    assert [fact.to_json() for fact in first] == [fact.to_json() for fact in second]
    assert len(set(ids_of(first))) == len(first)


@settings(max_examples=40)
@given(some_closings())
def test_every_result_reads_back_as_it_was_stated(before: BeforeClose) -> None:
    for fact in close(before):
        if isinstance(fact, Contract):
            assert parse(type(fact), fact.to_json()) == fact
            assert fact.business_date == date(2026, 8, 31)


def test_amounts_are_stated_as_decimal_strings(july: BeforeClose) -> None:
    stated = [orjson.loads(fact.to_json()) for fact in close(july, JULY)]
    of_m1 = next(one for one in stated if one.get("centre_id") == "m1")
    assert of_m1["lines"]["risk_charge"] == "-90000.00"
    assert of_m1["measures"]["virtual_profit"] == "-87617.33"
    assert of_m1["computed_from"] == {"positions": {"0": 12, "5": 3}, "hash": "c0ffee"}
