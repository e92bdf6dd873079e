"""Entries: both books balanced, and the same after a round trip through their stored form."""

from collections.abc import Callable, Iterable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings

from services.ledger.domain.calendar import Calendar
from services.ledger.domain.entry import (
    EntryBooked,
    Move,
    Unbalanced,
    both_books,
    check_balance,
    check_moves,
    read_entry,
    summary_of_moves,
)
from services.ledger.domain.loan import Loan
from services.ledger.domain.period import DECIDER as PERIOD
from services.ledger.domain.period import BeforeClose, ClosePeriod, Consulted
from shared.contracts import ledger as contract
from shared.kernel.books import Book, Line, LoanClass
from shared.kernel.errors import Malformed, Refusal
from shared.kernel.period import format_month
from tests.support.reference import WORKED_EXAMPLE, BankFact, random_bank_history, random_history
from tests.unit.ledger.desk import AUGUST, Desk, Twins, a_bank, some_closings

GOLDEN = Path(__file__).parent / "golden" / "EntryBooked.json"


def assert_round_trip(entry: EntryBooked) -> None:
    """An entry reads back from its stored form, and both give the same bytes."""
    stored = entry.to_json()
    again = read_entry(stored.decode())
    assert again._replace(source_data=entry.source_data) == entry
    assert again.legs == entry.legs
    assert orjson.loads(again.source_data) == orjson.loads(entry.source_data)
    assert orjson.loads(again.to_json()) == orjson.loads(stored)


def assert_keeps_contract(entry: EntryBooked) -> None:
    """What is published is what the contract promises, totals and parts."""
    told = contract.EntryBooked.model_validate_json(entry.to_json())
    assert told.entry_id == entry.entry_id
    assert (told.cause.id, told.cause.type, told.cause.source) == (
        entry.cause_id,
        entry.cause_type,
        entry.cause_source,
    )
    assert told.business_date == entry.business_date
    assert told.period == format_month(entry.period)
    assert told.adjusts_period == (entry.adjusts_period and format_month(entry.adjusts_period))
    assert {line.value: amount for line, amount in told.lines.items()} == entry.lines
    for book, parts in ((Book.MANAGER, entry.manager), (Book.DEPARTMENT, entry.department)):
        assert {line.value: centres for line, centres in told.books[book].items()} == parts
        assert {line: sum(centres.values()) for line, centres in told.books[book].items()} == told.lines
    assert (told.customer_id, told.account_id) == (entry.customer_id, entry.account_id)
    assert (told.product_code, told.department_id) == (entry.product_code, entry.department_id)
    assert told.loan == loan_told(entry.loan, entry.provision_rate)
    assert told.policy == entry.policy


def loan_told(loan: Loan | None, rate: Decimal | None) -> contract.LoanAfter | None:
    """What is told of a loan and the provision rate of its class."""
    if loan is None:
        return None
    return contract.LoanAfter.model_construct(
        loan_id=loan.loan_id,
        loan_class=loan.loan_class,
        outstanding=loan.outstanding,
        held=loan.held,
        closed=loan.closed,
        provision_rate=rate,
    )


@pytest.mark.parametrize("number", range(len(WORKED_EXAMPLE)))
def test_an_entry_of_the_worked_example_survives_its_stored_form(desk: Desk, number: int) -> None:
    entries = [desk.book(message) for message in WORKED_EXAMPLE]
    assert_round_trip(entries[number])
    assert_keeps_contract(entries[number])


def summed(moves: Iterable[Move]) -> dict[tuple[str, str, str, str | None], int]:
    """What each centre gains by line and month."""
    sums: dict[tuple[str, str, str, str | None], int] = {}
    for move in moves:
        adjusts = None if move.adjusts_period is None else format_month(move.adjusts_period)
        key = move.line, move.centre_id, format_month(move.period), adjusts
        sums[key] = sums.get(key, 0) + move.amount
    return {key: amount for key, amount in sums.items() if amount}


@settings(max_examples=50)
@given(random_history(least=5, most=15))
def test_every_entry_survives_its_stored_form_and_keeps_the_contract(history: list[dict[str, Any]]) -> None:
    desk = Desk(a_bank())
    for message in history:
        try:
            entry = desk.book(message)
        except (Refusal, Malformed):
            continue
        assert_round_trip(entry)
        assert_keeps_contract(entry)


@settings(max_examples=50)
@given(random_bank_history())
def test_what_changes_hands_survives_its_stored_form_and_is_told_in_sums(history: list[BankFact]) -> None:
    twins = Twins()
    for entry in [entry for fact in history for entry in twins.hear(fact)]:
        assert_round_trip(entry)
        assert_keeps_contract(entry)
        if entry.moves:
            told = contract.EntryBooked.model_validate_json(summary_of_moves(entry.to_json().decode()))
            assert {
                (move.line.value, move.centre_id, move.period, move.adjusts_period): move.amount
                for move in told.moves
            } == summed(entry.moves)
            assert len(told.moves) == len(summed(entry.moves))


@settings(max_examples=50)
@given(some_closings())
def test_every_entry_of_a_close_survives_its_stored_form_and_keeps_the_contract(before: BeforeClose) -> None:
    consulted = Consulted(Calendar(202607), {AUGUST: before})
    for fact in PERIOD.decide(ClosePeriod(AUGUST), PERIOD.initial, consulted):
        if isinstance(fact, EntryBooked):
            assert_round_trip(fact)
            assert_keeps_contract(fact)


def test_an_old_entry_still_reads() -> None:
    stored = GOLDEN.read_text()
    entry = read_entry(stored)
    assert entry._replace(source_data=b"") == EntryBooked(
        entry_id="core-000004",
        cause_id="core-000004",
        cause_type="LoanRepaid",
        cause_source="core-banking",
        business_date=date(2026, 7, 15),
        period=202607,
        adjusts_period=None,
        customer_id="c2",
        account_id="l1",
        product_code="TRM",
        department_id="lending",
        shares={"m1": 6000, "m2": 4000},
        lines={"loan_balance": -10000000, "interest_income": 250000, "risk_charge": 3000000},
        manager={
            "loan_balance": {"m1": -6000000, "m2": -4000000},
            "interest_income": {"m1": 150000, "m2": 100000},
            "risk_charge": {"m1": 1800000, "m2": 1200000},
        },
        department={
            "loan_balance": {"lending": -10000000},
            "interest_income": {"lending": 250000},
            "risk_charge": {"lending": 3000000},
        },
        policy="2026-07",
        loan=Loan("l1", "c2", 50000000, 15000000, LoanClass.SUBSTANDARD, closed=False),
        provision_rate=None,
        moves=(),
        source_data=b"",
        stream="customer-c2",
    )
    assert orjson.loads(entry.source_data)["principal"] == "100000.00"
    assert orjson.loads(entry.to_json()) == orjson.loads(stored)
    assert_keeps_contract(entry)


def test_a_customers_amount_reads_from_the_books_of_the_contract() -> None:
    told = contract.EntryBooked.model_validate_json(GOLDEN.read_bytes())
    assert told.books[Book.MANAGER][Line.INTEREST_INCOME] == {"m1": 150000, "m2": 100000}


def test_a_total_that_the_books_do_not_share_is_unbalanced() -> None:
    lines = {"fee_income": 500}
    check_balance(lines, {"fee_income": {"m1": 300, "m2": 200}}, {"fee_income": {"deposits": 500}})
    for manager, department in (
        ({"m1": 300, "m2": 201}, {"deposits": 500}),
        ({"m1": 500}, {"deposits": 499}),
        ({"m1": 499}, {"deposits": 499}),
    ):
        with pytest.raises(Unbalanced, match=r"fee_income: the books do not add up to 5\.00"):
            check_balance(lines, {"fee_income": manager}, {"fee_income": department})


def test_shares_that_are_no_shares_leave_the_amount_unallocated_but_balanced() -> None:
    manager, department = both_books({"fee_income": 500}, {"m1": 0, "m2": 0}, "deposits")
    assert manager == {"fee_income": {"unallocated": 500}}
    assert department == {"fee_income": {"deposits": 500}}


# --- what changes hands ---

DAY = date(2026, 7, 15)


def a_move(
    centre_id: str, amount: int, day: date = DAY, line: str = "deposit_balance", adjusts: int | None = None
) -> Move:
    period = day.year * 100 + day.month if adjusts is None else 202609
    return Move(line, centre_id, amount, day, period, adjusts, "a1", "DEM", "deposits")


def moving(*moves: Move) -> EntryBooked:
    """An entry of an assignment that lets these change hands."""
    return EntryBooked(
        entry_id="w1~entry",
        cause_id="w1",
        cause_type="CustomerAssigned",
        cause_source="assignment",
        business_date=DAY,
        period=202607,
        adjusts_period=None,
        customer_id="c1",
        account_id=None,
        product_code=None,
        department_id=None,
        shares={"m2": 10_000},
        lines={},
        manager={},
        department={},
        policy=None,
        loan=None,
        provision_rate=None,
        moves=moves,
        source_data=b'{"customer_id":"c1"}',
        stream="customer-c1",
    )


def test_an_entry_tells_what_changes_hands_move_by_move() -> None:
    entry = moving(a_move("m1", -500), a_move("m2", 500, adjusts=202607))
    assert_round_trip(entry)
    stored = orjson.loads(entry.to_json())
    assert stored["moves"] == [
        {
            "line": "deposit_balance",
            "centre_id": "m1",
            "amount": "-5.00",
            "business_date": "2026-07-15",
            "period": "2026-07",
            "account_id": "a1",
            "product_code": "DEM",
            "department_id": "deposits",
        },
        {
            "line": "deposit_balance",
            "centre_id": "m2",
            "amount": "5.00",
            "business_date": "2026-07-15",
            "period": "2026-09",
            "adjusts_period": "2026-07",
            "account_id": "a1",
            "product_code": "DEM",
            "department_id": "deposits",
        },
    ]
    assert "adjusts_period" not in stored


def test_what_changes_hands_are_legs_of_the_manager_book_with_a_date_and_month_of_their_own() -> None:
    later = date(2026, 8, 3)
    assert moving(a_move("m1", -500), a_move("m2", 500, later, adjusts=202608)).legs == [
        ("manager", "deposit_balance", "m1", False, -500, DAY, 202607, None, "c1", "a1", "DEM", "deposits"),
        (
            "manager",
            "deposit_balance",
            "m2",
            False,
            500,
            later,
            202609,
            202608,
            "c1",
            "a1",
            "DEM",
            "deposits",
        ),
    ]


def told_of(data: bytes | str) -> contract.LoanAfter | None:
    """What others read of the loan of an entry."""
    return contract.EntryBooked.model_validate_json(data).loan


def test_a_loan_is_told_as_it_stands_after_each_event(lent: Callable[..., EntryBooked]) -> None:
    worse = told_of(lent("LoanReclassified", to_class="doubtful").to_json())
    assert worse == loan_told(Loan("l1", "c2", 100000, 50000, LoanClass.DOUBTFUL), Decimal(50))
    assert worse is not None
    assert told_of(lent("LoanRepaid", principal="600.00", interest="1.00").to_json()) == worse.model_copy(
        update={"outstanding": 40000, "held": 20000}
    )
    written_off = told_of(lent("LoanWrittenOff").to_json())
    assert written_off == worse.model_copy(
        update={"outstanding": 0, "held": 0, "closed": True, "provision_rate": Decimal(100)}
    )
    assert told_of(lent("LoanRecovered", amount="5.00").to_json()) == written_off


def test_an_entry_stored_long_ago_tells_its_loan_and_one_without_a_loan_tells_none(desk: Desk) -> None:
    told = told_of(GOLDEN.read_text())
    assert told is not None
    assert (told.loan_class, told.outstanding, told.held) == (LoanClass.SUBSTANDARD, 50000000, 15000000)
    assert told.provision_rate is None, "it is from before the rate was stored"
    assert told_of(desk.book(WORKED_EXAMPLE[0]).to_json()) is None
    moved = moving(a_move("m1", -500), a_move("m2", 500))._replace(loan=Loan("l1", "c1", 7))
    summary = told_of(summary_of_moves(moved.to_json().decode()))
    assert summary is not None
    assert summary.outstanding == 7, "a late entry has a loan and lets stocks change hands"


def test_an_entry_without_moves_does_not_speak_of_them(desk: Desk) -> None:
    assert "moves" not in orjson.loads(desk.book(WORKED_EXAMPLE[0]).to_json())


def test_stocks_that_change_hands_are_told_by_line_centre_and_month_whatever_the_account_and_day() -> None:
    later = date(2026, 8, 3)
    entry = moving(
        a_move("m1", -500),
        a_move("m2", 500),
        a_move("m1", -20, DAY.replace(day=16))._replace(account_id="a2"),
        a_move("m2", 20, DAY.replace(day=16))._replace(account_id="a2"),
        a_move("m1", -1, line="fee_income"),
        a_move("m2", 1, line="fee_income"),
        a_move("m1", -7, later),
        a_move("m2", 7, later),
        a_move("m1", -3, adjusts=202607),
        a_move("m2", 3, adjusts=202607),
        a_move("m1", -4, adjusts=202608),
        a_move("m2", 4, adjusts=202608),
    )
    stored = orjson.loads(entry.to_json())
    told = orjson.loads(summary_of_moves(entry.to_json().decode()))
    assert {name: told[name] for name in told if name != "moves"} == {
        name: stored[name] for name in stored if name != "moves"
    }
    assert told["moves"][:2] == [
        {"line": "deposit_balance", "centre_id": "m1", "period": "2026-07", "amount": "-5.20"},
        {"line": "deposit_balance", "centre_id": "m2", "period": "2026-07", "amount": "5.20"},
    ]
    assert [(one["period"], one.get("adjusts_period"), one["amount"]) for one in told["moves"][2:]] == [
        ("2026-07", None, "-0.01"),
        ("2026-07", None, "0.01"),
        ("2026-08", None, "-0.07"),
        ("2026-08", None, "0.07"),
        ("2026-09", "2026-07", "-0.03"),
        ("2026-09", "2026-07", "0.03"),
        ("2026-09", "2026-08", "-0.04"),
        ("2026-09", "2026-08", "0.04"),
    ]


def test_flows_that_change_hands_are_told_by_account_so_that_a_loans_results_can_be_followed() -> None:
    of_loan = {"line": "interest_income", "account_id": "l1"}
    entry = moving(
        a_move("m1", -500, line="interest_income"),
        a_move("m2", 500, line="interest_income"),
        a_move("m1", -20, DAY.replace(day=16))._replace(**of_loan),
        a_move("m2", 20, DAY.replace(day=16))._replace(**of_loan),
        a_move("m1", -5)._replace(**of_loan),
        a_move("m2", 5)._replace(**of_loan),
        a_move("m1", -1)._replace(line="fee_income", account_id=None),
        a_move("m2", 1)._replace(line="fee_income", account_id=None),
    )
    told = contract.EntryBooked.model_validate_json(summary_of_moves(entry.to_json().decode())).moves
    assert [(one.line, one.centre_id, one.account_id, one.amount) for one in told] == [
        ("interest_income", "m1", "a1", -500),
        ("interest_income", "m2", "a1", 500),
        ("interest_income", "m1", "l1", -25),
        ("interest_income", "m2", "l1", 25),
        ("fee_income", "m1", None, -1),
        ("fee_income", "m2", None, 1),
    ]


def test_what_comes_and_goes_within_a_month_is_not_told() -> None:
    to_and_fro = [a_move("m1", -5), a_move("m2", 5), a_move("m1", 5, DAY.replace(day=16))]
    entry = moving(*to_and_fro, a_move("m2", -5, DAY.replace(day=16)))
    assert orjson.loads(summary_of_moves(entry.to_json().decode()))["moves"] == []


def test_what_one_gains_another_gives_up_on_the_same_line_and_day() -> None:
    gained = a_move("m2", 500)
    check_moves([a_move("m1", -300), gained, a_move("m3", -200)])
    check_moves([])
    for given_up in (
        a_move("m1", -499),
        a_move("m1", -500, line="loan_balance"),
        a_move("m1", -500, DAY.replace(day=16)),
    ):
        with pytest.raises(Unbalanced, match=r"what changes hands on 2026-07-1[56] does not add up to zero"):
            check_moves([gained, given_up])


# --- the entry of a close ---


def test_the_entry_of_a_close_has_each_department_with_the_manager_in_both_books() -> None:
    parts = {"deposit_cost": {"deposits": -30, "retail": -20}, "allocated_cost": {"lending": -7}}
    totals = {line: sum(by_department.values()) for line, by_department in parts.items()}
    entry = moving()._replace(
        entry_id="close-2026-09~m1~2026-07",
        business_date=date(2026, 7, 31),
        period=202609,
        adjusts_period=202607,
        customer_id=None,
        shares={"m1": 10_000},
        lines=totals,
        manager={line: {"m1": total} for line, total in totals.items()},
        department=parts,
        stream="manager-m1",
    )
    assert_round_trip(entry)
    assert_keeps_contract(entry)
    assert [
        (leg.book, leg.line, leg.centre_id, leg.contra, leg.amount, leg.department_id) for leg in entry.legs
    ] == [
        ("manager", "deposit_cost", "m1", False, -30, "deposits"),
        ("manager", "deposit_cost", "external", True, 30, "deposits"),
        ("department", "deposit_cost", "deposits", False, -30, "deposits"),
        ("department", "deposit_cost", "external", True, 30, "deposits"),
        ("manager", "deposit_cost", "m1", False, -20, "retail"),
        ("manager", "deposit_cost", "external", True, 20, "retail"),
        ("department", "deposit_cost", "retail", False, -20, "retail"),
        ("department", "deposit_cost", "external", True, 20, "retail"),
        ("manager", "allocated_cost", "m1", False, -7, "lending"),
        ("manager", "allocated_cost", "overhead", True, 7, "lending"),
        ("department", "allocated_cost", "lending", False, -7, "lending"),
        ("department", "allocated_cost", "overhead", True, 7, "lending"),
    ]
    assert {(leg.business_date, leg.period, leg.adjusts_period) for leg in entry.legs} == {
        (date(2026, 7, 31), 202609, 202607)
    }
    assert {(leg.customer_id, leg.account_id, leg.product_code) for leg in entry.legs} == {(None, None, None)}
