"""Entries: both books balanced, and the same after a round trip through their stored form."""

from datetime import date
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings

from services.ledger.domain.entry import (
    EntryBooked,
    Unbalanced,
    both_books,
    check_balance,
    read_entry,
)
from services.ledger.domain.loan import Loan
from shared.contracts import ledger as contract
from shared.kernel.books import Book, Line, LoanClass
from shared.kernel.errors import Malformed, Refusal
from tests.support.reference import WORKED_EXAMPLE, random_history
from tests.unit.ledger.desk import Desk, a_bank

GOLDEN = Path(__file__).parent / "golden" / "EntryBooked.json"


def assert_round_trip(entry: EntryBooked) -> None:
    """An entry reads back from its stored form, and both give the same bytes."""
    stored = entry.to_json()
    again = read_entry(stored.decode())
    assert again._replace(source_data=entry.source_data) == entry
    assert orjson.loads(again.source_data) == orjson.loads(entry.source_data)
    assert orjson.loads(again.to_json()) == orjson.loads(stored)


def assert_keeps_contract(entry: EntryBooked) -> None:
    """What is published is what the contract promises, totals and parts."""
    told = contract.EntryBooked.model_validate_json(entry.to_json())
    assert told.entry_id == told.cause.id == entry.entry_id
    assert (told.cause.type, told.cause.source) == (entry.cause_type, entry.cause_source)
    assert told.business_date == entry.business_date
    assert told.period == entry.business_date.isoformat()[:7]
    assert told.adjusts_period is None
    assert {line.value: amount for line, amount in told.lines.items()} == entry.lines
    for book, parts in ((Book.MANAGER, entry.manager), (Book.DEPARTMENT, entry.department)):
        assert {line.value: centres for line, centres in told.books[book].items()} == parts
        assert {line: sum(centres.values()) for line, centres in told.books[book].items()} == told.lines
    assert (told.customer_id, told.account_id) == (entry.customer_id, entry.account_id)
    assert (told.product_code, told.department_id) == (entry.product_code, entry.department_id)


@pytest.mark.parametrize("number", range(len(WORKED_EXAMPLE)))
def test_an_entry_of_the_worked_example_survives_its_stored_form(desk: Desk, number: int) -> None:
    entries = [desk.book(message) for message in WORKED_EXAMPLE]
    assert_round_trip(entries[number])
    assert_keeps_contract(entries[number])


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
