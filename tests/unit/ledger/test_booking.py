"""Booking: a core event becomes one entry, balanced in both books, or is refused with the field named."""

import re
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.ledger.domain import booking
from services.ledger.domain.booking import DECIDER, FollowAssignment, command_of
from services.ledger.domain.entry import EntryBooked, Move
from services.ledger.domain.policy import Policies, PolicyTerms
from shared.contracts.envelope import CloudEvent, from_mapping
from shared.kernel.errors import Malformed, Refusal
from shared.kernel.money import format_money
from shared.kernel.period import format_month
from tests.support.reference import (
    PRODUCTS,
    WORKED_EXAMPLE,
    BankFact,
    ReferenceLedger,
    Refused,
    contra_of,
    core_event,
    random_bank_history,
    random_history,
)
from tests.unit.ledger.desk import JULY, Desk, Twins, a_bank, assigned

EVER = JULY.replace(year=1900)


def legs_of(entry: EntryBooked) -> set[tuple[str, str, str, bool, Decimal]]:
    """An entry's legs as the reference has them."""
    return {
        (leg.book, leg.line, leg.centre_id, leg.contra, Decimal(leg.amount).scaleb(-2)) for leg in entry.legs
    }


def totals_of(entry: EntryBooked) -> dict[str, str]:
    """An entry's totals by line, as on the wire."""
    return {line: format_money(amount) for line, amount in entry.lines.items()}


# --- the worked example ---


def test_the_worked_example_books_every_leg_to_the_fen(desk: Desk) -> None:
    booked = {message["id"]: desk.book(message) for message in WORKED_EXAMPLE}
    assert booked["e2"].manager == {"deposit_balance": {"m1": 6000001, "m2": 4000000}}
    assert booked["e2"].department == {"deposit_balance": {"deposits": 10000001}}
    assert booked["e3"].manager == {"loan_balance": {"m1": 36000000, "m2": 24000000}}
    assert booked["e4"].manager == {
        "loan_balance": {"m1": -6000000, "m2": -4000000},
        "interest_income": {"m1": 150000, "m2": 100000},
    }
    assert booked["e5"].manager == {"fee_income": {"m1": 80000}}
    assert booked["e6"].manager == {"risk_charge": {"m1": -9000000, "m2": -6000000}}
    assert booked["e6"].department == {"risk_charge": {"lending": -15000000}}


# --- what each event does ---


@pytest.mark.parametrize(
    ("kind", "data", "totals"),
    [
        ("DepositPosted", {"account_id": "a1", "amount": "5.00"}, {"deposit_balance": "5.00"}),
        ("DepositPosted", {"account_id": "a1", "amount": "-5.00"}, {"deposit_balance": "-5.00"}),
        ("LoanDisbursed", {"loan_id": "l9", "amount": "5.00"}, {"loan_balance": "5.00"}),
        ("FeeCharged", {"kind": "intermediary", "amount": "5.00"}, {"fee_income": "5.00"}),
        ("FeeCharged", {"kind": "settlement", "amount": "5.00"}, {"settlement_income": "5.00"}),
        ("FeeCharged", {"kind": "credit_risk", "amount": "5.00"}, {"credit_risk_income": "5.00"}),
        ("CostIncurred", {"amount": "5.00"}, {"direct_cost": "-5.00"}),
    ],
)
def test_an_event_moves_its_line(desk: Desk, kind: str, data: dict[str, Any], totals: dict[str, str]) -> None:
    entry = desk.book(core_event("x", kind, "2026-07-09", customer_id="c2", product_code="DEM", **data))
    assert totals_of(entry) == totals


def test_a_cost_that_names_a_manager_is_that_managers_alone(desk: Desk) -> None:
    cost = {"customer_id": "c2", "manager_id": "m9", "product_code": "AGT", "amount": "5.00"}
    entry = desk.book(core_event("x", "CostIncurred", "2026-07-09", **cost))
    assert entry.manager == {"direct_cost": {"m9": -500}}
    assert entry.department == {"direct_cost": {"intermediary": -500}}
    assert entry.stream == "customer-c2"


def test_a_cost_without_a_customer_lies_in_the_managers_own_stream(desk: Desk) -> None:
    cost = {"manager_id": "m9", "product_code": "AGT", "amount": "5.00"}
    entry = desk.book(core_event("x", "CostIncurred", "2026-07-09", **cost))
    assert entry.stream == "manager-m9"
    assert entry.customer_id is None


def test_before_the_first_effective_date_a_customer_is_unassigned(desk: Desk) -> None:
    early = {"customer_id": "c1", "account_id": "a1", "product_code": "DEM", "amount": "5.00"}
    assert desk.book(core_event("x", "DepositPosted", "2026-06-30", **early)).manager == {
        "deposit_balance": {"unassigned": 500}
    }
    assert desk.book(core_event("y", "DepositPosted", "2026-07-01", **early)).manager == {
        "deposit_balance": {"m1": 500}
    }


def test_an_event_without_a_currency_is_in_the_banks_own() -> None:
    euros = Desk(a_bank("EUR"))
    deposit = {"customer_id": "c1", "account_id": "a1", "product_code": "DEM", "amount": "5.00"}
    assert euros.book(core_event("x", "DepositPosted", "2026-07-09", **deposit)).lines
    with pytest.raises(Refusal, match="currency: the books are kept in EUR"):
        euros.book(core_event("y", "DepositPosted", "2026-07-09", currency="CNY", **deposit))


def test_a_customer_and_a_manager_of_one_id_have_two_streams() -> None:
    of_customer = core_event("x", "CostIncurred", "2026-07-09", customer_id="7", product_code="P", amount="1")
    of_manager = core_event("y", "CostIncurred", "2026-07-09", manager_id="7", product_code="P", amount="1")
    assert command_of(from_mapping(of_customer)).stream == "customer-7"
    assert command_of(from_mapping(of_manager)).stream == "manager-7"


# --- refusals ---

REPAYMENT = {"principal": "1.00", "interest": "0.00"}
MALFORMED: list[tuple[str, str, dict[str, Any]]] = [
    ("amount", "DepositPosted", {"account_id": "a1", "amount": "0.00"}),
    ("amount", "DepositPosted", {"account_id": "a1", "amount": "1.234"}),
    ("amount", "DepositPosted", {"account_id": "a1", "amount": 1.5}),
    ("amount", "DepositPosted", {"account_id": "a1", "amount": 1}),
    ("amount", "DepositPosted", {"account_id": "a1", "amount": "1e5"}),
    ("amount", "DepositPosted", {"account_id": "a1"}),
    ("account_id", "DepositPosted", {"amount": "1.00"}),
    ("account_id", "DepositPosted", {"account_id": "", "amount": "1.00"}),
    ("amount", "LoanDisbursed", {"amount": "0.00"}),
    ("amount", "LoanDisbursed", {"amount": "-1.00"}),
    ("amount", "LoanRecovered", {"amount": "-1.00"}),
    ("loan_id", "LoanWrittenOff", {"loan_id": "l 1"}),
    ("principal", "LoanRepaid", {"principal": "-1.00", "interest": "1.00"}),
    ("interest", "LoanRepaid", {"principal": "1.00", "interest": "-1.00"}),
    ("interest", "LoanRepaid", {"principal": "1.00"}),
    ("principal and interest", "LoanRepaid", {"principal": "0.00", "interest": "0.00"}),
    ("to_class", "LoanReclassified", {"to_class": "rotten"}),
    ("kind", "FeeCharged", {"kind": "tip", "amount": "1.00"}),
    ("amount", "FeeCharged", {"kind": "settlement", "amount": "-1.00"}),
    ("amount", "CostIncurred", {"amount": "-1.00"}),
    ("customer_id", "CostIncurred", {"customer_id": None, "amount": "1.00"}),
    ("manager_id", "CostIncurred", {"manager_id": "external", "amount": "1.00"}),
    ("manager_id", "CostIncurred", {"manager_id": "unassigned", "amount": "1.00"}),
    ("customer_id", "FeeCharged", {"customer_id": None, "kind": "settlement", "amount": "1.00"}),
    ("product_code", "FeeCharged", {"product_code": None, "kind": "settlement", "amount": "1.00"}),
    ("business_date", "FeeCharged", {"business_date": "2026-02-30", "kind": "settlement", "amount": "1.00"}),
    ("business_date", "FeeCharged", {"business_date": "1899-12-31", "kind": "settlement", "amount": "1.00"}),
    ("business_date", "FeeCharged", {"business_date": "01.07.2026", "kind": "settlement", "amount": "1.00"}),
]


@pytest.mark.parametrize(("field", "kind", "data"), MALFORMED)
def test_data_that_breaks_the_contract_is_malformed_with_the_field_named(
    field: str, kind: str, data: dict[str, Any]
) -> None:
    message = core_event("x", kind, "2026-07-09", customer_id="c2", product_code="TRM", loan_id="l1")
    message["data"].update(data)
    with pytest.raises(Malformed, match=rf"^{re.escape(field)}\b"):
        command_of(from_mapping(message))


@pytest.mark.parametrize(
    ("field", "rule", "kind", "data"),
    [
        ("currency", "one-base-currency", "LoanRepaid", {**REPAYMENT, "currency": "USD"}),
        ("product_code", "product-is-in-catalogue", "LoanRepaid", {**REPAYMENT, "product_code": "XXX"}),
        (
            "principal",
            "repayment-within-outstanding",
            "LoanRepaid",
            {"principal": "1000.01", "interest": "0.00"},
        ),
        ("loan_id", "loan-is-known", "LoanRepaid", {**REPAYMENT, "loan_id": "l2"}),
        ("loan_id", "loan-is-known", "LoanReclassified", {"to_class": "loss", "loan_id": "l2"}),
        ("loan_id", "loan-is-known", "LoanWrittenOff", {"loan_id": "l2"}),
        ("loan_id", "loan-is-known", "LoanRecovered", {"amount": "1.00", "loan_id": "l2"}),
        ("customer_id", "loan-belongs-to-customer", "LoanRepaid", {**REPAYMENT, "customer_id": "c1"}),
        ("customer_id", "loan-belongs-to-customer", "LoanDisbursed", {"amount": "1.00", "customer_id": "c1"}),
        ("amount", "loan-within-bounds", "LoanDisbursed", {"amount": "9999999999001.00"}),
    ],
)
def test_a_rule_refuses_and_names_the_field(
    lent: Any, desk: Desk, field: str, rule: str, kind: str, data: dict[str, Any]
) -> None:
    before = dict(desk.books)
    with pytest.raises(Refusal) as refused:
        lent(kind, **data)
    assert (refused.value.field, refused.value.rule) == (field, rule)
    assert str(refused.value).startswith(f"{field}: ")
    assert desk.books == before


def test_what_is_no_core_event_is_malformed_and_says_so() -> None:
    with pytest.raises(Malformed, match=r"^type: CustomerAssigned is no core event"):
        command_of(CloudEvent("x", "CustomerAssigned", "assignment", b"{}"))


@pytest.mark.parametrize("poison", [b"NaN", b"Infinity", b"-Infinity", b"1e999"])
def test_data_that_not_every_reader_takes_for_json_is_malformed(poison: bytes) -> None:
    data = orjson.dumps(WORKED_EXAMPLE[0]["data"])[:-1] + b',"note":' + poison + b"}"
    with pytest.raises(Malformed, match=r"^data: is not JSON"):
        command_of(CloudEvent("x", "DepositPosted", "core-banking", data))


# --- twice ---


def test_a_message_that_comes_again_is_the_same_whatever_the_order_of_its_fields(desk: Desk) -> None:
    entry = desk.book(WORKED_EXAMPLE[1])
    stored = entry.to_json().decode()
    turned = {**WORKED_EXAMPLE[1], "data": dict(reversed(WORKED_EXAMPLE[1]["data"].items()))}
    assert booking.same(command_of(from_mapping(turned)), stored)


def test_a_message_that_comes_again_with_other_data_is_not_the_same(desk: Desk) -> None:
    stored = desk.book(WORKED_EXAMPLE[1]).to_json().decode()
    other = {**WORKED_EXAMPLE[1], "data": {**WORKED_EXAMPLE[1]["data"], "amount": "100000.02"}}
    assert not booking.same(command_of(from_mapping(other)), stored)


def test_a_message_under_the_id_of_another_kind_of_event_is_not_the_same() -> None:
    word = assigned("c1", {"m1": "1"})
    assert not booking.same(command_of(from_mapping(WORKED_EXAMPLE[0])), word.to_json().decode())


def test_an_assignment_that_comes_again_is_compared_as_well() -> None:
    word = FollowAssignment("w1", "assignment", assigned("c1", {"m1": "0.6", "m2": "0.4"}))
    stored = word.assigned.to_json().decode()
    assert booking.same(word, stored)
    assert not booking.same(FollowAssignment("w1", "assignment", assigned("c1", {"m1": "1"})), stored)


@settings(max_examples=40)
@given(random_history(least=5, most=15))
def test_folding_the_same_entry_twice_changes_nothing(history: list[dict[str, Any]]) -> None:
    desk = Desk(a_bank())
    for message in history:
        try:
            entry = desk.book(message)
        except (Refusal, Malformed):
            continue
        once = replace(desk.books[entry.stream], postings=None)
        assert DECIDER.evolve(once, entry) == once


@settings(max_examples=40)
@given(random_history(least=5, most=15))
def test_deciding_is_pure(history: list[dict[str, Any]]) -> None:
    first, second = Desk(a_bank()), Desk(a_bank())
    for message in history:
        assert _outcome(first, message) == _outcome(second, message)
    assert first.books == second.books


def _outcome(desk: Desk, message: dict[str, Any]) -> object:
    try:
        return desk.book(message)
    except (Refusal, Malformed) as refusal:
        return str(refusal)


def test_an_assignment_is_taken_note_of_as_it_came(desk: Desk) -> None:
    word = assigned("c1", {"m2": "1"}, JULY.replace(day=20))
    command = FollowAssignment("w1", "assignment", word)
    assert command.stream == "customer-c1"
    assert DECIDER.decide(command, desk.books["customer-c1"], desk.bank) == [word]
    desk.follow(word)
    assert desk.books["customer-c1"].timeline.on(JULY.replace(day=19)) == {"m1": 10_000}
    assert desk.books["customer-c1"].timeline.on(JULY.replace(day=20)) == {"m2": 10_000}


def test_an_assignment_between_two_events_of_a_loan_leaves_the_loan(lent: Any, desk: Desk) -> None:
    before = desk.books["customer-c2"].loans
    desk.follow(assigned("c2", {"m2": "1"}, JULY.replace(day=20)))
    assert desk.books["customer-c2"].loans == before
    assert lent("LoanRepaid", "2026-07-20", **REPAYMENT).manager == {"loan_balance": {"m2": -100}}


# --- what changes hands ---

JUL = 202607
DEPOSIT_OF_C1 = {"customer_id": "c1", "account_id": "a1", "product_code": "DEM", "amount": "5.00"}


def on(day: int) -> date:
    return JULY.replace(day=day)


def test_an_assignment_moves_balances_on_its_date_and_flows_on_theirs(desk: Desk) -> None:
    for message in WORKED_EXAMPLE:
        desk.book(message)
    entry = desk.follow(assigned("c1", {"m2": "1"}, on(15)))
    assert entry is not None
    assert (entry.entry_id, entry.cause_id, entry.cause_type, entry.cause_source) == (
        "word-3~entry",
        "word-3",
        "CustomerAssigned",
        "assignment",
    )
    assert (entry.business_date, entry.period, entry.adjusts_period) == (on(15), JUL, None)
    assert (entry.customer_id, entry.stream, entry.shares) == ("c1", "customer-c1", {"m2": 10_000})
    assert (entry.lines, entry.manager, entry.department, entry.loan) == ({}, {}, {}, None)
    assert orjson.loads(entry.source_data)["effective_from"] == "2026-07-15"
    deposit, fee = ("a1", "DEM", "deposits"), (None, "AGT", "intermediary")
    assert entry.moves == (
        Move("deposit_balance", "m1", -90000000, on(15), JUL, None, *deposit),
        Move("deposit_balance", "m2", 90000000, on(15), JUL, None, *deposit),
        Move("fee_income", "m1", -80000, on(18), JUL, None, *fee),
        Move("fee_income", "m2", 80000, on(18), JUL, None, *fee),
    )


def test_what_changes_hands_in_a_closed_month_is_booked_in_the_first_open_one_and_keeps_its_date(
    desk: Desk,
) -> None:
    desk.book(core_event("x", "DepositPosted", "2026-07-05", **DEPOSIT_OF_C1))
    desk.book(core_event("y", "DepositPosted", "2026-09-01", **DEPOSIT_OF_C1))
    desk.close(JUL)
    entry = desk.follow(assigned("c1", {"m2": "1"}, on(15)))
    assert entry is not None
    assert (entry.business_date, entry.period, entry.adjusts_period) == (on(15), 202608, JUL)
    assert [(move.centre_id, move.amount, *move[3:6]) for move in entry.moves] == [
        ("m1", -500, on(15), 202608, JUL),
        ("m2", 500, on(15), 202608, JUL),
        ("m1", -500, date(2026, 9, 1), 202609, None),
        ("m2", 500, date(2026, 9, 1), 202609, None),
    ]


def test_a_late_event_is_split_by_the_shares_of_its_date_and_changes_hands_behind_it(desk: Desk) -> None:
    desk.follow(assigned("c1", {"m2": "1"}, on(20)))
    desk.close(JUL)
    entry = desk.book(core_event("x", "DepositPosted", "2026-07-05", **DEPOSIT_OF_C1))
    assert entry.manager == {"deposit_balance": {"m1": 500}}
    assert (entry.business_date, entry.period, entry.adjusts_period) == (on(5), 202608, JUL)
    assert {(move.centre_id, move.amount, *move[3:6]) for move in entry.moves} == {
        ("m1", -500, on(20), 202608, JUL),
        ("m2", 500, on(20), 202608, JUL),
    }
    assert len(entry.moves) == 2


def test_a_late_flow_stays_with_the_managers_of_its_date(desk: Desk) -> None:
    desk.follow(assigned("c1", {"m2": "1"}, on(20)))
    fee = {"customer_id": "c1", "product_code": "AGT", "kind": "settlement", "amount": "5.00"}
    entry = desk.book(core_event("x", "FeeCharged", "2026-07-05", **fee))
    assert (entry.manager, entry.moves) == ({"settlement_income": {"m1": 500}}, ())


def test_a_cost_that_names_a_manager_does_not_change_hands_and_any_other_does(desk: Desk) -> None:
    cost = {"customer_id": "c1", "product_code": "AGT", "amount": "5.00"}
    named = desk.book(core_event("x", "CostIncurred", "2026-07-09", **cost, manager_id="m9"))
    plain = desk.book(core_event("y", "CostIncurred", "2026-07-09", **cost))
    assert booking.postings_of(named) == []
    assert [posting.amount for posting in booking.postings_of(plain)] == [-500]
    entry = desk.follow(assigned("c1", {"m2": "1"}))
    assert entry is not None
    assert {(move.line, move.centre_id): move.amount for move in entry.moves} == {
        ("direct_cost", "m1"): 500,
        ("direct_cost", "m2"): -500,
    }


@pytest.mark.parametrize("again", [{"m1": "0.6", "m2": "0.4"}, {"m2": "0.4", "m1": "0.6"}])
def test_an_assignment_that_says_what_holds_already_books_nothing(desk: Desk, again: dict[str, str]) -> None:
    for message in WORKED_EXAMPLE:
        desk.book(message)
    assert desk.follow(assigned("c2", again)) is None
    assert desk.follow(assigned("c2", again, JULY.replace(month=6))) is None


def test_to_and_fro_leaves_every_manager_with_what_there_was_before(desk: Desk) -> None:
    booked = [desk.book(message) for message in WORKED_EXAMPLE]
    moved = [desk.follow(assigned("c2", shares)) for shares in ({}, {"m1": "0.6", "m2": "0.4"})]
    assert [entry.cause_type for entry in moved if entry] == ["CustomerAssigned", "CustomerAssigned"]
    net: dict[tuple[Any, ...], int] = {}
    for entry in moved:
        assert entry is not None
        for move in entry.moves:
            net[move._replace(amount=0)] = net.get(move._replace(amount=0), 0) + move.amount
    assert net
    assert not any(net.values())
    assert {entry.entry_id for entry in booked} <= set(desk.entries)


@settings(max_examples=60)
@given(random_bank_history())
def test_histories_with_words_on_assignments_book_what_the_reference_books(history: list[BankFact]) -> None:
    twins = Twins()
    for fact in history:
        known = len(twins.reference.legs)
        booked = [whole(leg) for entry in twins.hear(fact) for leg in entry.legs]
        expected = [
            (
                leg.book, leg.line, leg.centre, leg.contra, int(leg.amount * 100), leg.day, leg.period,
                leg.adjusts_period, leg.customer_id, leg.account, leg.product_code, leg.department,
            )
            for leg in twins.reference.legs[known:]
            if not leg.event_id.startswith("close-")
        ]  # fmt: skip
        assert sorted(booked, key=repr) == sorted(expected, key=repr)


def whole(leg: Any) -> tuple[Any, ...]:
    """All that a leg says, months as they are written."""
    adjusts = leg.adjusts_period and format_month(leg.adjusts_period)
    return (*leg[:6], format_month(leg.period), adjusts, *leg[8:])


@settings(max_examples=40)
@given(random_bank_history())
def test_both_invariants_hold_for_what_changes_hands(history: list[BankFact]) -> None:
    twins = Twins()
    for entry in [entry for fact in history for entry in twins.hear(fact)]:
        for line in {leg.line for leg in entry.legs}:
            sums = {
                (book, contra): sum(
                    leg.amount
                    for leg in entry.legs
                    if (leg.book, leg.line, leg.contra) == (book, line, contra)
                )
                for book in ("manager", "department")
                for contra in (False, True)
            }
            total = entry.lines.get(line, 0)
            assert sums == {
                ("manager", False): total,
                ("manager", True): -total,
                ("department", False): total,
                ("department", True): -total,
            }


# --- random histories against the reference ---

RATES = {"2026-08": {"substandard": Decimal(45), "special_mention": Decimal("2.5")}}


def a_desk_and_its_reference() -> tuple[Desk, ReferenceLedger]:
    """Both with the same products, assignments and a policy that changes in August."""
    terms = {"provision_rates": {name: str(rate) for name, rate in RATES["2026-08"].items()}}
    desk = Desk(a_bank(policies=Policies.of([(202608, PolicyTerms.model_validate(terms))])))
    reference = ReferenceLedger(provision_rates=dict(RATES))
    reference.products = [(code, EVER, department) for code, department in PRODUCTS.items()]
    reference.assignments = [("c1", JULY, {"m1": "1"}), ("c2", JULY, {"m1": "0.6", "m2": "0.4"})]
    return desk, reference


def rate_of(entry: EntryBooked, reference: ReferenceLedger) -> Decimal | None:
    """By the reference, the provision rate of the class in which an entry leaves its loan, if it has one."""
    if entry.loan is None:
        return None
    return reference.rate_of("loss" if entry.loan.closed else entry.loan.loan_class, entry.business_date)


@given(random_history(least=10))
def test_random_histories_book_what_the_reference_books(history: list[dict[str, Any]]) -> None:
    desk, reference = a_desk_and_its_reference()
    for message in history:
        event_id, known = message["id"], len(reference.legs)
        try:
            expected = reference.book(event_id, message["type"], message["data"])
        except Refused:
            with pytest.raises((Refusal, Malformed)):
                desk.book(message)
            continue
        if expected == "accepted":
            entry = desk.book(message)
            assert legs_of(entry) == {
                (leg.book, leg.line, leg.centre, leg.contra, leg.amount) for leg in reference.legs[known:]
            }
            assert len(entry.legs) == len(reference.legs) - known
            assert entry.provision_rate == rate_of(entry, reference)
    loans = {loan.loan_id: loan for book in desk.books.values() for loan in book.loans.values()}
    assert {
        loan_id: (loan.customer_id, loan.outstanding, loan.held, loan.loan_class.value, loan.closed)
        for loan_id, loan in loans.items()
    } == {
        loan_id: (
            loan.customer_id,
            int(loan.outstanding * 100),
            int(loan.held * 100),
            loan.loan_class,
            loan.written_off,
        )
        for loan_id, loan in reference.loans.items()
    }


shares = st.lists(st.integers(1, 9999), max_size=5, unique=True).map(
    lambda cuts: [b - a for a, b in zip([0, *sorted(cuts)], [*sorted(cuts), 10_000], strict=True)]
)


@settings(max_examples=60)
@given(random_history(least=5, most=20), shares)
def test_both_invariants_hold_for_every_entry_and_line(
    history: list[dict[str, Any]], parts: list[int]
) -> None:
    desk = Desk(a_bank())
    by_manager = {f"m{number}": str(Decimal(part) / 10_000) for number, part in enumerate(parts)}
    desk.follow(assigned("c3", by_manager, EVER))
    for message in history:
        try:
            entry = desk.book(message)
        except (Refusal, Malformed):
            continue
        for line, total in entry.lines.items():
            legs = [leg for leg in entry.legs if leg.line == line]
            for book in ("manager", "department"):
                own = [leg for leg in legs if leg.book == book]
                assert sum(leg.amount for leg in own) == 0, "I1"
                assert sum(leg.amount for leg in own if not leg.contra) == total, "I2"
                assert [leg.centre_id for leg in own if leg.contra] == [contra_of(line)]
        assert 0 not in {leg.amount for leg in entry.legs}
        assert {leg.line for leg in entry.legs} == set(entry.lines)


@pytest.mark.parametrize(
    "own", ["close-2026-07", "close-2026-07~m1", "result-2026-07~customer~c1", "word~entry"]
)
def test_an_id_that_the_ledger_gives_itself_is_no_core_events(own: str) -> None:
    with pytest.raises(Malformed, match="id: is one that the ledger gives"):
        command_of(from_mapping({**WORKED_EXAMPLE[0], "id": own}))


@pytest.mark.parametrize("like", ["close-2026-07x", "my-close-2026-07", "result", "a~entry-1"])
def test_an_id_that_only_looks_like_one_is_taken(like: str) -> None:
    assert command_of(from_mapping({**WORKED_EXAMPLE[0], "id": like})).event_id == like


def test_a_core_event_that_would_not_fit_into_a_message_again_is_refused() -> None:
    event = WORKED_EXAMPLE[0]
    padded = {**event, "data": {**event["data"], "note": "x" * 2**16}}
    with pytest.raises(Malformed, match="data: must not be larger than 65536 bytes"):
        command_of(from_mapping(padded))
