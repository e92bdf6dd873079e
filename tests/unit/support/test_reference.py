"""The reference itself, by figures worked out by hand: the judge must know the rules before it judges."""

from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.reference import (
    ASSIGNMENTS,
    BANK_PRODUCTS,
    BOOKS,
    LINES,
    MONTHS,
    PRODUCTS,
    WORKED_EXAMPLE,
    BankFact,
    ReferenceLedger,
    RefLeg,
    Refused,
    months_of,
    random_bank_history,
    random_history,
    rounded,
    split,
)

EVER = date(1900, 1, 1)
JULY = date(2026, 7, 1)
Legs = list[tuple[str, str, str, str]]


def a_ledger() -> ReferenceLedger:
    """A ledger with the products of the worked example, and nobody assigned."""
    return ReferenceLedger(products=[(code, EVER, department) for code, department in PRODUCTS.items()])


def july() -> ReferenceLedger:
    """The worked example, before its close."""
    ledger = a_ledger()
    for customer_id, shares in ASSIGNMENTS.items():
        ledger.assign(customer_id, JULY, shares)
    for event in WORKED_EXAMPLE:
        assert ledger.book(event["id"], event["type"], event["data"]) == "accepted"
    return ledger


def pay(ledger: ReferenceLedger, event_id: str, day: str, amount: str, **data: str) -> list[RefLeg]:
    """c1 pays into a1; the legs that this books."""
    known = len(ledger.legs)
    paid = {"customer_id": "c1", "account_id": "a1", "product_code": "DEM", **data}
    ledger.book(event_id, "DepositPosted", {"business_date": day, "amount": amount, **paid})
    ledger.invariants()
    return ledger.legs[known:]


def charge(ledger: ReferenceLedger, event_id: str, day: str, amount: str, **data: str) -> None:
    """c1 pays a fee."""
    paid = {"customer_id": "c1", "product_code": "AGT", "kind": "settlement", **data}
    ledger.book(event_id, "FeeCharged", {"business_date": day, "amount": amount, **paid})
    ledger.invariants()


def assign(ledger: ReferenceLedger, since: str, customer_id: str = "c1", **shares: str) -> list[RefLeg]:
    """Somebody looks after a customer from a day on; the legs that this books."""
    known = len(ledger.legs)
    ledger.assign(customer_id, date.fromisoformat(since), shares)
    ledger.invariants()
    return ledger.legs[known:]


def close(ledger: ReferenceLedger, month: str) -> list[RefLeg]:
    """Close a month; the legs that this books."""
    known = len(ledger.legs)
    ledger.close(month)
    ledger.invariants()
    return ledger.legs[known:]


def of_managers(legs: list[RefLeg]) -> Legs:
    """The legs of the manager book without the contra centres."""
    return sorted(
        (leg.line, leg.centre, leg.day.isoformat(), str(leg.amount))
        for leg in legs
        if leg.book == "manager" and not leg.contra
    )


def lines_of(ledger: ReferenceLedger, book: str, centre: str, period: str = "2026-07") -> dict[str, str]:
    """A centre's lines that are not zero."""
    statement = ledger.statement(book, centre, months_of(period))
    return {line: str(amount) for line, amount in statement.lines.items() if amount}


# --- the worked example ---

FLOWS = ("interest_income", "fee_income", "ftp_income", "ftp_cost", "deposit_cost", "risk_charge")
TABLE = [
    ("manager", "m1", "1500.00 800.00 1322.67 0 -1240.00 -90000.00 -87617.33"),
    ("manager", "m2", "1000.00 0 0 -447.78 -51.67 -60000.00 -59499.45"),
    ("department", "deposits", "0 0 1322.67 0 -1291.67 0 31.00"),
    ("department", "lending", "2500.00 0 0 -447.78 0 -150000.00 -147947.78"),
    ("department", "intermediary", "0 800.00 0 0 0 0 800.00"),
]
BANK = "2500.00 800.00 1322.67 -447.78 -1291.67 -150000.00 -147116.78"


def figures(row: str) -> list[Decimal]:
    return [Decimal(figure) for figure in row.split()]


@pytest.mark.parametrize(("book", "centre", "row"), TABLE)
def test_after_the_close_of_july_every_centre_has_the_figures_of_the_example(
    book: str, centre: str, row: str
) -> None:
    ledger = july()
    close(ledger, "2026-07")
    statement = ledger.statements(book, ["2026-07"])[centre]
    stated = [statement.lines[line] for line in FLOWS] + [statement.measures["virtual_profit"]]
    assert stated == figures(row)


@pytest.mark.parametrize("book", ["manager", "department"])
def test_after_the_close_of_july_both_books_state_the_bank_of_the_example(book: str) -> None:
    ledger = july()
    close(ledger, "2026-07")
    stated = ledger.statements(book, ["2026-07"])
    assert list(stated) == sorted(centre for its_book, centre, _ in TABLE if its_book == book)
    sums = [sum(one.lines[line] for one in stated.values()) for line in FLOWS]
    assert [*sums, sum(one.measures["virtual_profit"] for one in stated.values())] == figures(BANK)


def test_the_balances_and_averages_are_those_of_the_example() -> None:
    ledger = july()
    close(ledger, "2026-07")
    m1, m2 = [ledger.statements("manager", ["2026-07"])[manager] for manager in ("m1", "m2")]
    assert m1.stocks == {"deposit_balance": Decimal("960000.01"), "loan_balance": Decimal(300000)}
    assert m2.stocks == {"deposit_balance": Decimal(40000), "loan_balance": Decimal(200000)}
    assert m1.averages == {"deposit_balance": Decimal("960000.01"), "loan_balance": Decimal(320000)}
    assert m2.averages == {"deposit_balance": Decimal(40000), "loan_balance": Decimal("213333.33")}


def test_the_measures_are_their_formulas() -> None:
    ledger = july()
    charge(ledger, "x", "2026-07-20", "7.00", kind="credit_risk")
    ledger.declare_pool("2026-07", "it", "10.00", "entries")
    close(ledger, "2026-07")
    m1 = ledger.statements("manager", ["2026-07"])["m1"]
    net = Decimal("1500.00") + Decimal("1322.67") - Decimal("1240.00")
    assert m1.measures["net_interest_income"] == net
    assert m1.measures["virtual_profit"] == Decimal("-87617.33")
    assert m1.measures["efficiency"] == Decimal("-87617.33") + Decimal(7) + m1.lines["allocated_cost"]


def test_close_legs_lie_on_the_last_day_against_their_contra_centres() -> None:
    ledger = july()
    legs = close(ledger, "2026-07")
    assert {(leg.day, leg.period, leg.adjusts_period) for leg in legs} == {
        (date(2026, 7, 31), "2026-07", None)
    }
    assert {(leg.line, leg.centre) for leg in legs if leg.contra} == {
        ("deposit_cost", "external"),
        ("ftp_income", "treasury"),
        ("ftp_cost", "treasury"),
    }


# --- rounding and splitting ---


@pytest.mark.parametrize(
    ("exact", "expected"),
    [
        (Fraction(5, 1000), "0.00"),
        (Fraction(15, 1000), "0.02"),
        (Fraction(25, 1000), "0.02"),
        (Fraction(-5, 1000), "0.00"),
        (Fraction(-15, 1000), "-0.02"),
        (Fraction(1, 300), "0.00"),
        (Fraction(2, 300), "0.01"),
    ],
)
def test_a_half_goes_to_the_even_cent(exact: Fraction, expected: str) -> None:
    assert rounded(exact) == Decimal(expected)


@pytest.mark.parametrize(
    ("amount", "weights", "parts"),
    [
        ("0.01", {"b": "1", "a": "1"}, {"a": "0.01"}),
        ("-0.01", {"b": "1", "a": "1"}, {"a": "-0.01"}),
        ("0.05", {"a": "0.3", "b": "0.7"}, {"a": "0.02", "b": "0.03"}),
        ("0.10", {"a": "1", "b": "-1"}, {"a": "0.10"}),
        ("0.10", {"a": "0", "b": "-1"}, {"unallocated": "0.10"}),
        ("0.00", {"a": "1"}, {}),
    ],
)
def test_the_missing_cents_go_to_the_largest_fractions(
    amount: str, weights: dict[str, str], parts: dict[str, str]
) -> None:
    found = split(Decimal(amount), {centre: Decimal(weight) for centre, weight in weights.items()})
    assert found == {centre: Decimal(part) for centre, part in parts.items()}


@pytest.mark.parametrize(
    ("period", "first", "last", "count"),
    [
        ("2026-07", "2026-07", "2026-07", 1),
        ("2026-Q3", "2026-07", "2026-09", 3),
        ("2026-H2", "2026-07", "2026-12", 6),
        ("2026", "2026-01", "2026-12", 12),
    ],
)
def test_a_period_is_its_months(period: str, first: str, last: str, count: int) -> None:
    months = months_of(period)
    assert (months[0], months[-1], len(months)) == (first, last, count)


# --- assignment changes ---


def test_on_an_effective_date_the_balance_changes_hands_to_the_cent() -> None:
    ledger = a_ledger()
    assign(ledger, "2026-07-01", m1="0.6", m2="0.4")
    pay(ledger, "p", "2026-07-05", "100.01")  # m1 60.01, m2 40.00
    legs = assign(ledger, "2026-07-20", m2="0.5", m3="0.5")  # m2 50.01, m3 50.00
    assert of_managers(legs) == [
        ("deposit_balance", "m1", "2026-07-20", "-60.01"),
        ("deposit_balance", "m2", "2026-07-20", "10.01"),
        ("deposit_balance", "m3", "2026-07-20", "50.00"),
    ]
    assert {leg.book for leg in legs} == {"manager"}
    assert not any(leg.contra for leg in legs)


def test_what_came_after_the_effective_date_moves_on_its_own_day() -> None:
    ledger = a_ledger()
    assign(ledger, "2026-07-01", m1="1")
    pay(ledger, "p", "2026-07-05", "100.00")
    pay(ledger, "q", "2026-07-20", "10.00")
    charge(ledger, "f", "2026-07-19", "1.00")
    charge(ledger, "g", "2026-07-20", "2.00")
    assert of_managers(assign(ledger, "2026-07-20", m2="1")) == [
        ("deposit_balance", "m1", "2026-07-20", "-110.00"),
        ("deposit_balance", "m2", "2026-07-20", "110.00"),
        ("settlement_income", "m1", "2026-07-20", "-2.00"),
        ("settlement_income", "m2", "2026-07-20", "2.00"),
    ]


def test_a_late_event_moves_the_later_hand_overs_too() -> None:
    ledger = a_ledger()
    assign(ledger, "2026-07-01", m1="1")
    assign(ledger, "2026-07-10", m2="0.5", m3="0.5")
    assign(ledger, "2026-07-20")
    assert of_managers(pay(ledger, "late", "2026-06-30", "0.03")) == [
        ("deposit_balance", "m1", "2026-07-01", "0.03"),
        ("deposit_balance", "m1", "2026-07-10", "-0.03"),
        ("deposit_balance", "m2", "2026-07-10", "0.02"),
        ("deposit_balance", "m2", "2026-07-20", "-0.02"),
        ("deposit_balance", "m3", "2026-07-10", "0.01"),
        ("deposit_balance", "m3", "2026-07-20", "-0.01"),
        ("deposit_balance", "unassigned", "2026-06-30", "0.03"),
        ("deposit_balance", "unassigned", "2026-07-01", "-0.03"),
        ("deposit_balance", "unassigned", "2026-07-20", "0.03"),
    ]


def test_a_later_word_for_the_same_day_replaces_the_earlier() -> None:
    ledger = a_ledger()
    assign(ledger, "2026-07-01", m1="1")
    pay(ledger, "p", "2026-07-01", "100.00")
    assert of_managers(assign(ledger, "2026-07-01", m2="1")) == [
        ("deposit_balance", "m1", "2026-07-01", "-100.00"),
        ("deposit_balance", "m2", "2026-07-01", "100.00"),
    ]
    assert assign(ledger, "2026-07-01", m2="1") == []


def test_an_effective_date_that_repeats_the_shares_splits_the_whole_balance_anew() -> None:
    ledger = a_ledger()
    assign(ledger, "2026-07-01", m1="0.5", m2="0.5")
    for number in (1, 2):
        pay(ledger, f"p{number}", "2026-07-05", "0.01")  # each cent is m1's
    assert of_managers(assign(ledger, "2026-07-20", m1="0.5", m2="0.5")) == [
        ("deposit_balance", "m1", "2026-07-20", "-0.01"),
        ("deposit_balance", "m2", "2026-07-20", "0.01"),
    ]


def test_every_account_is_split_on_its_own() -> None:
    ledger = a_ledger()
    for account in ("a1", "a2"):
        pay(ledger, account, "2026-07-05", "0.01", account_id=account)
    assert of_managers(assign(ledger, "2026-07-20", m1="0.5", m2="0.5")) == [
        ("deposit_balance", "m1", "2026-07-20", "0.01"),
        ("deposit_balance", "m1", "2026-07-20", "0.01"),
        ("deposit_balance", "unassigned", "2026-07-20", "-0.01"),
        ("deposit_balance", "unassigned", "2026-07-20", "-0.01"),
    ]


def test_an_account_of_two_products_is_split_as_a_whole_and_each_product_keeps_its_sum() -> None:
    ledger = a_ledger()
    for product in ("AGT", "DEM", "TRM"):
        pay(ledger, product, "2026-07-05", "0.01", product_code=product)
    legs = assign(ledger, "2026-07-20", m1="0.5", m2="0.5")  # the runs 0.01, 0.02, 0.03 give m2 0, 0.01, 0.01
    assert {
        (leg.product_code, leg.department, leg.centre, str(leg.amount)) for leg in legs if leg.amount > 0
    } == {
        ("AGT", "intermediary", "m1", "0.01"),
        ("DEM", "deposits", "m2", "0.01"),
        ("TRM", "lending", "m1", "0.01"),
    }
    assert [ledger.stock("manager", m, "deposit_balance", JULY.replace(day=31)) for m in ("m1", "m2")] == [
        Decimal("0.02"),
        Decimal("0.01"),
    ]


def test_a_product_that_moved_keeps_its_earlier_balance_in_the_old_department() -> None:
    ledger = a_ledger()
    ledger.products.append(("DEM", date(2026, 7, 10), "retail"))
    pay(ledger, "p", "2026-07-09", "1.00")
    pay(ledger, "q", "2026-07-10", "2.00")
    legs = assign(ledger, "2026-07-20", m1="1")
    assert {(leg.department, leg.centre, str(leg.amount)) for leg in legs} == {
        ("deposits", "unassigned", "-1.00"),
        ("deposits", "m1", "1.00"),
        ("retail", "unassigned", "-2.00"),
        ("retail", "m1", "2.00"),
    }


def test_a_cost_that_names_its_manager_never_moves() -> None:
    ledger = a_ledger()
    cost = {"customer_id": "c1", "product_code": "AGT", "amount": "5.00", "business_date": "2026-07-09"}
    ledger.book("x", "CostIncurred", {**cost, "manager_id": "m9"})
    ledger.book("y", "CostIncurred", cost)
    assert of_managers(assign(ledger, "2026-07-01", m1="1")) == [
        ("direct_cost", "m1", "2026-07-09", "-5.00"),
        ("direct_cost", "unassigned", "2026-07-09", "5.00"),
    ]


words = st.lists(
    st.tuples(
        st.sampled_from(["c1", "c2", "c3"]),
        st.dates(date(2026, 6, 20), date(2026, 9, 10)),
        st.sampled_from([{}, {"m1": "1"}, {"m1": "0.6", "m2": "0.4"}, {"m3": "0.3333", "m2": "0.6667"}]),
    ),
    max_size=6,
    unique_by=lambda word: word[:2],
)


@settings(max_examples=40)
@given(random_history(least=5, most=20), words, st.data())
def test_in_whatever_order_the_words_come_the_manager_book_ends_the_same(
    history: list[dict[str, Any]], told: list[tuple[str, date, dict[str, str]]], data: st.DataObject
) -> None:
    from_the_start, as_it_comes = a_ledger(), a_ledger()
    for word in told:
        from_the_start.assign(*word)
    _book(from_the_start, history)
    places = data.draw(st.lists(st.integers(0, len(history)), min_size=len(told), max_size=len(told)))
    for number, event in enumerate([*history, None]):
        for word, place in zip(told, places, strict=True):
            if place == number:
                as_it_comes.assign(*word)
        _book(as_it_comes, [event] if event else [])
    as_it_comes.invariants()
    assert _by_place(as_it_comes) == _by_place(from_the_start)
    assert as_it_comes.totals("department") == from_the_start.totals("department")


def _book(ledger: ReferenceLedger, history: list[dict[str, Any]]) -> None:
    for event in history:
        try:
            ledger.book(event["id"], event["type"], event["data"])
        except Refused:
            continue


def _by_place(ledger: ReferenceLedger) -> dict[object, Decimal]:
    sums: dict[object, Decimal] = {}
    for leg in ledger.legs:
        if leg.book == "manager":
            place = (leg.centre, leg.line, leg.day, leg.customer_id, leg.account, leg.product_code)
            sums[place] = sums.get(place, Decimal(0)) + leg.amount
    return {place: amount for place, amount in sums.items() if amount}


# --- closed months ---


def test_a_first_close_must_take_the_earliest_month() -> None:
    ledger = a_ledger()
    pay(ledger, "p", "2026-06-30", "1.00")
    with pytest.raises(Refused, match="period"):
        ledger.close("2026-07")
    ledger.close("2026-06")
    assert (ledger.is_closed("2026-06"), ledger.is_closed("2026-07")) == (True, False)


def test_a_first_close_closes_all_months_before() -> None:
    ledger = a_ledger()
    ledger.close("2026-07")
    assert ledger.is_closed("1999-12")


@pytest.mark.parametrize("month", ["2026-09", "2027-08"])
def test_months_close_in_order(month: str) -> None:
    ledger = a_ledger()
    ledger.close("2026-07")
    with pytest.raises(Refused, match="period"):
        ledger.close(month)


def test_a_year_ends_with_december() -> None:
    ledger = a_ledger()
    ledger.close("2026-12")
    ledger.close("2027-01")
    assert ledger.closed_through == "2027-01"


def test_closing_a_closed_month_again_changes_nothing() -> None:
    ledger = july()
    close(ledger, "2026-07")
    facts = ledger.facts
    assert close(ledger, "2026-07") == close(ledger, "2026-06") == []
    assert (ledger.facts, ledger.closed_through) == (facts, "2026-07")


def test_a_late_event_is_booked_in_the_first_open_month_and_keeps_its_day() -> None:
    ledger = july()
    close(ledger, "2026-07")
    legs = pay(ledger, "late", "2026-06-30", "0.50")
    assert {(leg.day.isoformat(), leg.period, leg.adjusts_period) for leg in legs} == {
        ("2026-06-30", "2026-08", "2026-06"),  # nobody's, and the department's
        ("2026-07-01", "2026-08", "2026-07"),  # handed over to m1
    }
    assert lines_of(ledger, "department", "deposits")["deposit_balance"] == "1000000.01"
    assert lines_of(ledger, "department", "deposits", "2026-08") == {"deposit_balance": "0.50"}
    assert lines_of(ledger, "manager", "unassigned", "2026-08") == {}


def test_an_assignment_of_the_past_leaves_closed_months_as_they_are() -> None:
    ledger = july()
    close(ledger, "2026-07")
    before = ledger.statements("manager", ["2026-07"])
    legs = assign(ledger, "2026-07-10", m3="1")
    assert {(leg.period, leg.adjusts_period) for leg in legs} == {("2026-08", "2026-07")}
    assert of_managers(legs) == [
        ("deposit_balance", "m1", "2026-07-10", "-900000.00"),
        ("deposit_balance", "m3", "2026-07-10", "900000.00"),
        ("fee_income", "m1", "2026-07-18", "-800.00"),
        ("fee_income", "m3", "2026-07-18", "800.00"),
    ]
    assert ledger.statements("manager", ["2026-07"]) == before


def test_an_adjusting_leg_counts_in_full_on_the_tenth_of_the_month_it_is_booked_in() -> None:
    ledger = a_ledger()
    ledger.close("2026-07")
    pay(ledger, "late", "2026-07-31", "3.00")
    pay(ledger, "now", "2026-08-11", "3.00")
    statement = ledger.statement("manager", "unassigned", ["2026-08"])
    assert statement.averages["deposit_balance"] == Decimal(5)  # (3 + 6 + 6) / 3
    assert ledger.statement("manager", "unassigned", ["2026-07"]).averages["deposit_balance"] == 0


def test_what_was_known_can_be_stated_again() -> None:
    ledger = july()
    close(ledger, "2026-07")
    noted, stated = ledger.facts, ledger.statements("manager", months_of("2026-Q3"))
    assign(ledger, "2026-07-10", m3="1")
    assert ledger.statements("manager", months_of("2026-Q3")) != stated
    assert ledger.known(noted).statements("manager", months_of("2026-Q3")) == stated
    assert ledger.known(0).statements("manager", ["2026-07"]) == {}


# --- true-up ---


def adjusting(legs: list[RefLeg]) -> Legs:
    """The legs of the manager book that adjust another month, with that month."""
    return sorted(
        (leg.line, leg.centre, leg.adjusts_period, str(leg.amount))
        for leg in legs
        if leg.book == "manager" and not leg.contra and leg.adjusts_period
    )


def test_a_late_deposit_trues_up_the_interest_of_its_month() -> None:
    ledger = a_ledger()
    assign(ledger, "2026-07-01", m1="1")
    pay(ledger, "p", "2026-07-01", "360000.00")
    close(ledger, "2026-07")  # 360000 at 1.5 % and 2.4 % for 31/360: 465.00 and 744.00
    pay(ledger, "late", "2026-07-15", "36000.00")  # an average of 24000 more: 31.00 and 49.60
    legs = close(ledger, "2026-08")
    assert adjusting(legs) == [
        ("deposit_cost", "m1", "2026-07", "-31.00"),
        ("ftp_income", "m1", "2026-07", "49.60"),
    ]
    assert {leg.day.isoformat() for leg in legs if leg.adjusts_period} == {"2026-07-31"}
    assert {leg.period for leg in legs} == {"2026-08"}
    assert lines_of(ledger, "department", "deposits") == {
        "deposit_balance": "360000.00",
        "deposit_cost": "-465.00",
        "ftp_income": "744.00",
    }
    assert lines_of(ledger, "department", "deposits", "2026-08") == {
        "deposit_balance": "36000.00",
        "deposit_cost": "-542.50",  # 396000 for August: 511.50, and 31.00
        "ftp_income": "868.00",  # 818.40 and 49.60
    }


def test_a_month_is_trued_up_once_for_each_late_leg() -> None:
    ledger = july()
    close(ledger, "2026-07")
    pay(ledger, "late", "2026-07-15", "36000.00")
    assert adjusting(close(ledger, "2026-08")) != []
    assert adjusting(close(ledger, "2026-09")) == []


def test_a_late_leg_trues_up_every_closed_month_after_it() -> None:
    ledger = a_ledger()
    for month in ("2026-06", "2026-07"):
        ledger.close(month)
    pay(ledger, "late", "2026-05-31", "36000.00")  # before the first close: its figures count as zero
    assert adjusting(close(ledger, "2026-08")) == [
        ("deposit_cost", "unassigned", "2026-05", "-15.50"),  # a third of the balance
        ("deposit_cost", "unassigned", "2026-06", "-45.00"),
        ("deposit_cost", "unassigned", "2026-07", "-46.50"),
        ("ftp_income", "unassigned", "2026-05", "24.80"),
        ("ftp_income", "unassigned", "2026-06", "72.00"),
        ("ftp_income", "unassigned", "2026-07", "74.40"),
    ]


def test_a_late_fee_trues_nothing_up() -> None:
    ledger = july()
    close(ledger, "2026-07")
    charge(ledger, "late", "2026-07-15", "36000.00")
    assert adjusting(close(ledger, "2026-08")) == []


def test_a_late_loan_turns_what_was_lent_out_into_what_is_borrowed_in() -> None:
    ledger = a_ledger()
    assign(ledger, "2026-07-01", m1="1")
    pay(ledger, "p", "2026-07-01", "360000.00")
    close(ledger, "2026-07")
    loan = {"customer_id": "c1", "loan_id": "l1", "product_code": "TRM", "amount": "396000.00"}
    ledger.book("late", "LoanDisbursed", {"business_date": "2026-07-01", **loan})
    assert adjusting(close(ledger, "2026-08")) == [
        ("ftp_cost", "m1", "2026-07", "-93.00"),
        ("ftp_income", "m1", "2026-07", "-744.00"),
    ]
    assert lines_of(ledger, "department", "lending", "2026-08")["ftp_cost"] == "-186.00"


def test_an_assignment_of_the_past_moves_the_interest_between_managers() -> None:
    ledger = a_ledger()
    assign(ledger, "2026-07-01", m1="1")
    pay(ledger, "p", "2026-07-01", "360000.00")
    close(ledger, "2026-07")
    assign(ledger, "2026-07-01", m2="1")
    legs = close(ledger, "2026-08")
    assert adjusting(legs) == [
        ("deposit_cost", "m1", "2026-07", "465.00"),
        ("deposit_cost", "m2", "2026-07", "-465.00"),
        ("ftp_income", "m1", "2026-07", "-744.00"),
        ("ftp_income", "m2", "2026-07", "744.00"),
    ]
    assert lines_of(ledger, "department", "deposits", "2026-08") == {
        "deposit_cost": "-465.00",
        "ftp_income": "744.00",
    }


def test_a_month_is_recomputed_with_its_own_policy() -> None:
    ledger = a_ledger()
    pay(ledger, "p", "2026-07-01", "360000.00")
    close(ledger, "2026-07")
    ledger.set_policy("2026-08", deposit_rate="3.00", lend_out_rate="3.00", day_basis=365)
    pay(ledger, "late", "2026-07-15", "36000.00")
    legs = close(ledger, "2026-08")
    assert ("deposit_cost", "unassigned", "2026-07", "-31.00") in adjusting(legs)
    of_august = {leg.line: leg.amount for leg in legs if leg.centre == "deposits" and not leg.adjusts_period}
    assert of_august == {"deposit_cost": Decimal("-1008.99"), "ftp_income": Decimal("1008.99")}


# --- policy ---


def test_terms_hold_from_their_month_on_and_those_left_out_stay() -> None:
    ledger = a_ledger()
    ledger.set_policy("2026-09", borrow_in_rate="4")
    ledger.set_policy("2026-08", deposit_rate="1.6", provision_rates={"loss": "90"})
    ledger.set_policy("2026-08", provision_rates={"doubtful": "60"})
    assert ledger.policy_of("2026-07")["deposit_rate"] == Decimal("1.50")
    assert ledger.policy_of("2026-10") == {
        "deposit_rate": Decimal("1.6"),
        "lend_out_rate": Decimal("2.40"),
        "borrow_in_rate": Decimal(4),
        "day_basis": Decimal(360),
    }
    september = date(2026, 9, 30)
    rates = [ledger.rate_of(name, september) for name in ("substandard", "doubtful", "loss")]
    assert rates == [Decimal(30), Decimal(60), Decimal(90)]
    assert ledger.rate_of("loss", date(2026, 7, 31)) == 100


# --- cost pools ---


def allocated(ledger: ReferenceLedger, book: str, month: str = "2026-07") -> dict[str, str]:
    """The allocated cost of each centre."""
    totals = ledger.totals(book, [month])
    return {centre: str(amount) for (centre, line), amount in totals.items() if line == "allocated_cost"}


def test_a_pool_by_revenue_follows_the_income_of_each_manager_and_department() -> None:
    ledger = july()  # m1: interest 1500 and fee 800; m2: interest 1000
    ledger.declare_pool("2026-07", "it", "330.00", "revenue")
    close(ledger, "2026-07")
    assert allocated(ledger, "manager") == {"m1": "-230.00", "m2": "-100.00"}
    assert allocated(ledger, "department") == {"intermediary": "-80.00", "lending": "-250.00"}


def test_a_pool_by_balances_follows_the_averages_of_deposits_and_loans() -> None:
    ledger = july()  # m1: 960000.01 and 320000.00; m2: 40000.00 and 213333.33
    ledger.declare_pool("2026-07", "it", "1533333.34", "balances")
    close(ledger, "2026-07")
    assert allocated(ledger, "manager") == {"m1": "-1280000.01", "m2": "-253333.33"}
    assert allocated(ledger, "department") == {"deposits": "-1000000.01", "lending": "-533333.33"}


def test_a_pool_by_entries_follows_the_events_by_the_shares_known_at_the_close() -> None:
    ledger = july()  # c1: two events; c2: four, three of them on the loan
    cost = {"customer_id": "c2", "manager_id": "m9", "product_code": "AGT", "amount": "5.00"}
    ledger.book("x", "CostIncurred", {**cost, "business_date": "2026-07-31"})
    pay(ledger, "y", "2026-08-01", "1.00")
    ledger.declare_pool("2026-07", "it", "70.00", "entries")
    assign(ledger, "2026-07-05", "c2", m2="1")
    close(ledger, "2026-07")
    assert allocated(ledger, "manager") == {"m1": "-20.00", "m2": "-40.00", "m9": "-10.00"}
    assert allocated(ledger, "department") == {
        "deposits": "-20.00",
        "intermediary": "-20.00",
        "lending": "-30.00",
    }


def test_an_event_without_legs_counts_as_an_entry() -> None:
    ledger = a_ledger()
    loan = {"customer_id": "c1", "loan_id": "l1", "product_code": "TRM"}
    ledger.book("x", "LoanDisbursed", {**loan, "business_date": "2026-07-01", "amount": "1.00"})
    pay(ledger, "y", "2026-07-01", "1.00")
    again = {**loan, "business_date": "2026-07-02", "to_class": "special_mention"}
    ledger.book("z", "LoanReclassified", again)
    ledger.declare_pool("2026-07", "it", "3.00", "entries")
    close(ledger, "2026-07")
    assert allocated(ledger, "department") == {"deposits": "-1.00", "lending": "-2.00"}


def test_a_late_event_counts_as_an_entry_of_the_month_it_is_booked_in() -> None:
    ledger = a_ledger()
    ledger.close("2026-07")
    pay(ledger, "late", "2026-07-01", "1.00")
    charge(ledger, "late-too", "2026-07-01", "1.00")
    charge(ledger, "now", "2026-08-01", "5.00")
    ledger.declare_pool("2026-08", "by entries", "3.00", "entries")
    close(ledger, "2026-08")
    assert allocated(ledger, "department", "2026-08") == {"deposits": "-1.00", "intermediary": "-2.00"}


def test_the_odd_cent_of_a_pool_goes_to_the_first_manager_and_department() -> None:
    ledger = a_ledger()
    for number, product in enumerate(("TRM", "DEM", "AGT")):
        charge(ledger, f"f{number}", "2026-07-01", "1.00", product_code=product)
    ledger.declare_pool("2026-07", "it", "0.02", "revenue")
    close(ledger, "2026-07")
    assert allocated(ledger, "department") == {"deposits": "-0.01", "intermediary": "-0.01"}


@pytest.mark.parametrize("driver", ["revenue", "balances", "entries"])
def test_a_pool_that_nothing_drives_is_nobodys_in_both_books(driver: str) -> None:
    ledger = a_ledger()
    ledger.declare_pool("2026-07", "it", "7.00", driver)
    close(ledger, "2026-07")
    assert allocated(ledger, "manager") == allocated(ledger, "department") == {"unallocated": "-7.00"}


def test_a_pool_declared_again_replaces_the_earlier_and_other_pools_stay() -> None:
    ledger = july()
    for pool, amount, driver in [("it", "5.00", "balances"), ("hr", "33.00", "revenue")] * 2:
        ledger.declare_pool("2026-07", pool, amount, driver)
    ledger.declare_pool("2026-07", "it", "330.00", "revenue")
    ledger.declare_pool("2026-08", "it", "1.00", "revenue")
    close(ledger, "2026-07")
    assert allocated(ledger, "manager") == {"m1": "-253.00", "m2": "-110.00"}


def test_a_pool_for_a_closed_month_is_refused() -> None:
    ledger = a_ledger()
    ledger.close("2026-07")
    with pytest.raises(Refused, match="period"):
        ledger.declare_pool("2026-07", "it", "7.00", "revenue")


def test_allocated_costs_are_not_recomputed() -> None:
    ledger = july()
    ledger.declare_pool("2026-07", "it", "330.00", "balances")
    close(ledger, "2026-07")
    before = allocated(ledger, "manager")
    pay(ledger, "late", "2026-07-02", "36000.00", customer_id="c9")
    assert "allocated_cost" not in {leg.line for leg in close(ledger, "2026-08")}
    assert allocated(ledger, "manager") == before


# --- what a close cannot place ---


def test_interest_on_nothing_but_negative_deposits_has_no_department() -> None:
    ledger = a_ledger()
    assign(ledger, "2026-07-01", m1="1")
    pay(ledger, "p", "2026-07-01", "-360000.00")
    pay(ledger, "q", "2026-07-01", "1.00", product_code="AGT")
    loan = {"customer_id": "c1", "loan_id": "l1", "product_code": "TRM"}
    ledger.book("r", "LoanDisbursed", {**loan, "business_date": "2026-08-01", "amount": "720000.00"})
    back = {**loan, "business_date": "2026-07-01", "principal": "720000.00", "interest": "0"}
    ledger.book("s", "LoanRepaid", back)
    close(ledger, "2026-07")  # D = -359999.00 and L = -720000.00: what is lent out has the agency's weight
    assert lines_of(ledger, "department", "intermediary")["ftp_income"] == "744.00"
    pay(ledger, "t", "2026-08-01", "-2.00", product_code="AGT")
    pay(ledger, "u", "2026-08-01", "-360000.00")
    legs = close(ledger, "2026-08")
    assert {(leg.book, leg.centre) for leg in legs if leg.line == "ftp_cost" and not leg.contra} == {
        ("manager", "m1"),
        ("department", "unallocated"),
    }


def test_all_lines_stand_in_every_statement() -> None:
    assert tuple(july().statement("manager", "nobody", ["2026-07"]).lines) == LINES


# --- whole histories ---


@settings(max_examples=60)
@given(random_bank_history())
def test_whatever_happens_the_invariants_hold_and_closed_months_stand_still(history: list[BankFact]) -> None:
    ledger = ReferenceLedger(products=list(BANK_PRODUCTS))
    closed: dict[tuple[str, str], object] = {}
    noted: list[tuple[int, object]] = []
    for fact in history:
        fact.tell(ledger)
        ledger.invariants()
        for month in filter(ledger.is_closed, MONTHS):
            for book in BOOKS:
                stated = ledger.statements(book, [month])
                assert closed.setdefault((book, month), stated) == stated
        noted.append((ledger.facts, ledger.statements("manager", months_of("2026"))))
    for facts, then in noted:
        assert ledger.known(facts).statements("manager", months_of("2026")) == then


@settings(max_examples=40)
@given(random_bank_history())
def test_both_books_state_the_same_bank_month_by_month(history: list[BankFact]) -> None:
    ledger = ReferenceLedger(products=list(BANK_PRODUCTS))
    for fact in history:
        fact.tell(ledger)
    for month in MONTHS:
        manager, department = [_bank_total(ledger, book, month) for book in BOOKS]
        assert manager == department


def _bank_total(ledger: ReferenceLedger, book: str, month: str) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = {line: Decimal(0) for line in LINES}
    for (_, line), amount in ledger.totals(book, [month]).items():
        sums[line] += amount
    return sums
