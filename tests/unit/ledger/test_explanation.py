"""Explanations: their figures add up to every leg's amount, they say what a customer manager can check by hand, and
nobody learns from them what others have."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.ledger.domain.booking import Bank
from services.ledger.domain.calendar import Calendar
from services.ledger.domain.catalogue import Catalogue
from services.ledger.domain.closing import DEPOSITS, LOANS, Figures
from services.ledger.domain.entry import EntryBooked
from services.ledger.domain.explanation import concerns, data_seen, explain_entry, explain_leg
from services.ledger.domain.explanation.split import Viewer, about, exact_text
from services.ledger.domain.explanation.terms import Known, Word
from services.ledger.domain.ftp_curve import Curves
from services.ledger.domain.matched_pricing import DailyStocks, PricedStock
from services.ledger.domain.period import DECIDER as PERIOD
from services.ledger.domain.period import BeforeClose, ClosePeriod, Consulted, Position
from services.ledger.domain.policy import MatchedFtp, Policies, Policy, PolicyTerms
from shared.contracts.assignment import CustomerAssigned
from shared.contracts.ledger import Driver
from shared.kernel.books import Book
from shared.kernel.errors import Malformed, Refusal
from shared.kernel.money import parse_money
from shared.kernel.period import next_month, parse_month
from tests.support.reference import (
    BANK_PRODUCTS,
    WORKED_EXAMPLE,
    Assigned,
    BankFact,
    Closed,
    PolicySet,
    Posted,
    ProductMoved,
    core_event,
    random_bank_history,
)
from tests.unit.ledger.desk import (
    AUGUST,
    Balances,
    Desk,
    a_bank,
    a_pool,
    assigned,
    cells,
    some_balances,
    some_closings,
    standing,
)

EVERYTHING = Viewer()
JULY = 202607


class Diary(Desk):
    """A desk that remembers what was known when each entry was booked."""

    def __init__(self, bank: Bank | None = None) -> None:
        self.words: dict[str, list[Word]] = {}
        self.known: dict[str, Known] = {}
        super().__init__(bank or a_bank())

    def follow(self, word: CustomerAssigned) -> EntryBooked | None:
        known, event_id = self._known(word.stream), f"word-{self._messages + 1}"
        entry = super().follow(word)
        words = self.words.setdefault(word.stream, [])
        words.append(Word(event_id, f"assignment.events/0/{self._messages}", word))
        self.known[f"{event_id}~entry"] = replace(known, words=tuple(words))
        return entry

    def book(self, message: Mapping[str, Any]) -> EntryBooked:
        data = message["data"]
        known = self._known(f"customer-{data.get('customer_id')}")
        entry = super().book(message)
        self.known[entry.entry_id] = known
        return entry

    def _known(self, stream: str) -> Known:
        book = self.books.get(stream)
        return Known(
            words=tuple(self.words.get(stream, ())),
            policies=self.bank.policies,
            postings=(book.postings or ()) if book else (),
        )

    def why(
        self, entry_id: str, centre: str, line: str, viewer: Viewer = EVERYTHING, **more: Any
    ) -> dict[str, Any]:
        """The explanation of the one leg of a centre on a line."""
        entry = self.entries[entry_id]
        [number] = [
            number
            for number, leg in enumerate(entry.legs, 1)
            if (leg.centre_id, leg.line) == (centre, line)
            and all(getattr(leg, name) == value for name, value in more.items())
        ]
        return explain_leg(entry, number, self.known[entry_id], viewer)


def names(explained: Mapping[str, Any]) -> list[str]:
    return [rule["name"] for rule in explained["rules"]]


def terms(explained: Mapping[str, Any]) -> int:
    """What the terms add up to, in minor units."""
    return sum(parse_money(term["amount"]) for term in explained["terms"])


def assert_splits_add_up(explained: Mapping[str, Any]) -> None:
    """The exact parts add up to the whole of each split, and so do the rounded ones."""
    for split in explained["splits"]:
        whole = parse_money(split["amount"])
        assert sum(Fraction(part["exact"]) for part in split["parts"]) * 100 == whole
        assert sum(parse_money(part["amount"]) for part in split["parts"]) == whole


def assert_explained(entry: EntryBooked, known: Known) -> None:
    """Every leg of an entry is explained: in words, by terms that give its amount, and by splits that add up."""
    for number, leg in enumerate(entry.legs, 1):
        explained = explain_leg(entry, number, known, EVERYTHING)
        assert explained["sentences"]
        assert explained["rules"]
        assert terms(explained) == leg.amount
        assert_splits_add_up(explained)
        assert ("first-open-month" in names(explained)) == (leg.adjusts_period is not None)
        own = (
            leg.centre_id if leg.book == "manager" else "",
            leg.centre_id if leg.book == "department" else "",
        )
        if not leg.contra:
            hidden = orjson.dumps(explain_leg(entry, number, known, Viewer(*own))).decode()
            assert set(re.findall(r"\bm\d\b", hidden)) <= {leg.centre_id}
    stated = explain_entry(entry, known, EVERYTHING)
    assert {one["line"]: parse_money(one["amount"]) for one in stated["lines"]} == entry.lines


# --- every leg of every history ---


def told(history: Iterable[BankFact]) -> Diary:
    """The diary of a bank in which all this happened; what is refused leaves nothing."""
    diary = Diary(replace(a_bank(), catalogue=Catalogue.of(BANK_PRODUCTS)))
    products, policies, closed = list(BANK_PRODUCTS), list[tuple[int, PolicyTerms]](), 202605
    for fact in history:
        match fact:
            case Posted(events):
                for event in events:
                    try:
                        if event["id"] not in diary.entries:
                            diary.book(event)
                    except (Refusal, Malformed):
                        pass
            case Assigned(customer_id, since, shares):
                diary.follow(assigned(customer_id, shares, since))
            case PolicySet(month, terms_set) if parse_month(month) > closed:
                policies.append((parse_month(month), PolicyTerms.model_validate(terms_set)))
            case ProductMoved(code, since, department):
                products.append((code, since, department))
            case Closed(None):
                closed = next_month(closed)
        diary.bank = Bank(Catalogue.of(products), Policies.of(policies), "CNY", Calendar(closed))
    return diary


@settings(max_examples=40)
@given(random_bank_history())
def test_every_leg_of_a_history_is_explained_and_its_figures_add_up(history: list[BankFact]) -> None:
    diary = told(history)
    for entry_id, entry in diary.entries.items():
        assert_explained(entry, diary.known[entry_id])


def closing(before: BeforeClose) -> list[tuple[EntryBooked, Known]]:
    """The entries of a close of August, with what was known: entries of earlier closes, and of the same one."""
    month = before.figures.month
    facts = PERIOD.decide(ClosePeriod(month), PERIOD.initial, Consulted(Calendar(month - 1), {month: before}))
    entries = [fact for fact in facts if isinstance(fact, EntryBooked)]
    peers = [entry for entry in entries if entry.adjusts_period is None]
    return [(entry, Known(earlier=earlier_of(before, entry), peers=peers)) for entry in entries]


def earlier_of(before: BeforeClose, entry: EntryBooked) -> list[EntryBooked]:
    """One entry a line and department for what earlier closes computed of a true-up's month and manager."""
    [manager] = entry.shares
    return [
        entry._replace(department={line: {cell[1]: amount}})
        for (month, line, cell), amount in before.figures.computed.items()
        if (month, cell[0]) == (entry.adjusts_period, manager)
    ]


@settings(max_examples=60)
@given(some_closings())
def test_every_leg_of_a_close_is_explained_and_its_figures_add_up(before: BeforeClose) -> None:
    for entry, known in closing(before):
        assert_explained(entry, known)


# --- core events, by hand ---


@pytest.fixture
def diary() -> Diary:
    """The worked example, booked."""
    diary = Diary()
    for message in WORKED_EXAMPLE:
        diary.book(message)
    return diary


def test_a_shared_deposit_says_whose_it_is_and_who_got_the_odd_fen(diary: Diary) -> None:
    explained = diary.why("e2", "m1", "deposit_balance")
    assert explained["sentences"] == [
        "Customer c2 paid in 100000.01 on account a2 (product DEM) on 2026-07-05.",
        (
            "On 2026-07-05 customer c2 was looked after by m1 (0.6) and m2 (0.4), from 2026-07-01 on, "
            "says message word-2 (assignment.events/0/2)."
        ),
        "Line deposit_balance: the part of m1 is 0.6 of 100000.01, exactly 60000.006.",
        "Rounded down, the parts leave fen over; the fraction of m1 is one of the largest and gets one: 60000.01.",
    ]
    assert explained["terms"] == [
        {"what": "exact part, rounded towards zero", "amount": "60000.00"},
        {"what": "odd fen", "amount": "0.01"},
    ]
    assert explained["splits"][0]["parts"] == [
        {"centre_id": "m1", "department_id": None, "weight": "0.6", "exact": "60000.006", "amount": "60000.01",
         "odd_fen": True},
        {"centre_id": "m2", "department_id": None, "weight": "0.4", "exact": "40000.004", "amount": "40000.00",
         "odd_fen": False},
    ]  # fmt: skip


def test_who_does_not_get_the_odd_fen_learns_that_another_does(diary: Diary) -> None:
    explained = diary.why("e2", "m2", "deposit_balance", Viewer("m2", ""))
    assert explained["sentences"][1].startswith(
        "On 2026-07-05 customer c2 was looked after by another manager and m2"
    )
    assert (
        explained["sentences"][-1] == "It is rounded down to 40000.00; the odd fen goes to another manager."
    )
    assert explained["shares"] == [
        {"manager_id": "another manager", "share": None},
        {"manager_id": "m2", "share": "0.4"},
    ]
    assert set(explained["splits"][0]["parts"][0].values()) == {"another manager", None}


def test_the_department_book_says_why_this_department(diary: Diary) -> None:
    explained = diary.why("e2", "deposits", "deposit_balance")
    assert names(explained) == ["deposit-as-posted", "department-of-product"]
    assert explained["sentences"][-1] == (
        "By the catalogue product DEM belonged to department deposits on 2026-07-05: "
        "it gets the whole amount, 100000.01."
    )
    assert (explained["shares"], explained["assignment"]) == ([], None)


def test_a_provision_says_what_is_required_and_what_was_held(diary: Diary) -> None:
    explained = diary.why("e6", "m1", "risk_charge")
    assert explained["sentences"][0] == (
        "After this event of 2026-07-25 loan l1 is substandard with 500000.00 outstanding. 30 % of that is "
        "150000.00, so 150000.00 is required (policy default); 0.00 was held before: 0.00 - 150000.00 = -150000.00."
    )
    assert explained["sentences"][-1] == (
        "Line risk_charge: the part of m1 is 0.6 of -150000.00, exactly -90000.00."
    )
    assert explained["policy"] == {"version": "default", "rates": {"provision_rate": "30"}}
    assert explained["figures"] == {
        "outstanding": "500000.00", "loan_class": "substandard", "exact": "150000.00",
        "required": "150000.00",
        "held_before": "0.00", "held_after": "150000.00",
    }  # fmt: skip


def test_the_provision_rate_is_that_of_the_policy_the_entry_was_booked_with() -> None:
    terms_set = PolicyTerms.model_validate({"provision_rates": {"substandard": "45"}})
    diary = Diary(a_bank(policies=Policies.of([(JULY, terms_set)])))
    for message in WORKED_EXAMPLE:
        diary.book(message)
    explained = diary.why("e6", "lending", "risk_charge")
    assert explained["policy"] == {"version": "2026-07", "rates": {"provision_rate": "45"}}
    assert "45 % of that is 225000.00, so 225000.00 is required (policy 2026-07)" in explained["sentences"][0]


LOAN = {"customer_id": "c2", "loan_id": "l1", "product_code": "TRM"}


def test_a_write_off_loses_what_was_outstanding_beyond_what_was_held(diary: Diary) -> None:
    diary.book(core_event("off", "LoanWrittenOff", "2026-07-28", **LOAN))
    explained = diary.why("off", "lending", "risk_charge")
    assert names(explained)[0] == "write-off"
    assert explained["sentences"][0] == (
        "Loan l1 of customer c2 was written off on 2026-07-28: 500000.00 was outstanding and 150000.00 held against "
        "it, so 350000.00 is lost. No provision remains."
    )
    assert explained["terms"] == [
        {"what": "provision held before", "amount": "150000.00"},
        {"what": "less what was outstanding", "amount": "-500000.00"},
    ]
    assert diary.why("off", "lending", "loan_balance")["sentences"][0] == (
        "Loan l1 of customer c2 was written off on 2026-07-28: its outstanding 500000.00 is given up."
    )


def test_a_recovery_says_what_came_in(diary: Diary) -> None:
    diary.book(core_event("off", "LoanWrittenOff", "2026-07-28", **LOAN))
    diary.book(core_event("back", "LoanRecovered", "2026-07-30", **LOAN, amount="10.01"))
    explained = diary.why("back", "lending", "risk_charge")
    assert names(explained)[0] == "recovery"
    assert explained["sentences"][0].startswith("10.01 was recovered on loan l1 of customer c2 on 2026-07-30")


@pytest.mark.parametrize(
    ("kind", "line", "data", "sentence"),
    [
        ("FeeCharged", "settlement_income", {"kind": "settlement"},
         "Customer c1 was charged a fee of 7.00 (kind settlement, product AGT) on 2026-07-09."),
        ("CostIncurred", "direct_cost", {}, "Customer c1 caused a direct cost of 7.00 (product AGT) on 2026-07-09."),
        ("DepositPosted", "deposit_balance", {"account_id": "a1", "amount": "-7.00"},
         "Customer c1 drew 7.00 on account a1 (product AGT) on 2026-07-09."),
    ],
)  # fmt: skip
def test_an_event_is_told_in_its_own_words(
    diary: Diary, kind: str, line: str, data: dict[str, str], sentence: str
) -> None:
    event = {"customer_id": "c1", "product_code": "AGT", "amount": "7.00", **data}
    diary.book(core_event("one", kind, "2026-07-09", **event))
    explained = diary.why("one", "m1", line)
    assert explained["sentences"][0] == sentence
    assert names(explained)[1] == "shares-of-the-day"
    assert len(explained["splits"][0]["parts"]) == 1


def test_a_cost_that_names_its_manager_is_that_managers_alone(diary: Diary) -> None:
    cost = {"customer_id": "c2", "product_code": "AGT", "amount": "7.00", "manager_id": "m9"}
    diary.book(core_event("cost", "CostIncurred", "2026-07-09", **cost))
    explained = diary.why("cost", "m9", "direct_cost")
    assert names(explained) == ["cost-as-incurred", "manager-named-by-cost"]
    assert explained["sentences"] == [
        "Manager m9 caused a direct cost of 7.00 (product AGT) on 2026-07-09.",
        "The event itself names the manager: m9 (1).",
    ]
    assert explained["assignment"] is None
    seen = diary.why("cost", "intermediary", "direct_cost", Viewer("", "intermediary"))
    assert seen["sentences"][0].startswith("Manager another manager caused")


def test_what_concerns_nobodys_customer_says_so(diary: Diary) -> None:
    fee = {"product_code": "AGT", "amount": "7.00", "kind": "intermediary"}
    diary.book(core_event("never", "FeeCharged", "2026-07-09", customer_id="c9", **fee))
    diary.follow(assigned("c1", {}, date(2026, 7, 20)))
    diary.book(core_event("left", "FeeCharged", "2026-07-21", customer_id="c1", **fee))
    never, left = (diary.why(entry_id, "unassigned", "fee_income") for entry_id in ("never", "left"))
    assert names(never) == names(left) == ["fee-by-kind", "nobody-looks-after"]
    assert never["sentences"][1] == "On 2026-07-09 nobody looked after customer c9, as far as was known."
    assert left["sentences"][1] == (
        "On 2026-07-21 nobody looked after customer c1, says message word-3 (assignment.events/0/3)."
    )
    assert left["assignment"]["effective_from"] == "2026-07-20"


def test_of_two_messages_for_one_day_the_later_is_named(diary: Diary) -> None:
    diary.follow(assigned("c1", {"m2": "1"}, date(2026, 7, 20)))
    diary.follow(assigned("c1", {"m3": "1"}, date(2026, 7, 20)))
    fee = {"customer_id": "c1", "product_code": "AGT", "amount": "7.00", "kind": "intermediary"}
    diary.book(core_event("fee", "FeeCharged", "2026-07-21", **fee))
    assert diary.why("fee", "m3", "fee_income")["assignment"] == {
        "event_id": "word-4", "effective_from": "2026-07-20", "position": "assignment.events/0/4",
    }  # fmt: skip


def test_a_contra_leg_takes_the_opposite_of_its_books_parts(diary: Diary) -> None:
    explained = diary.why("e2", "external", "deposit_balance", book="manager")
    assert explained["sentences"] == [
        (
            "In the manager book deposit_balance of department deposits gets 100000.01 by this entry (m1 60000.01, "
            "m2 40000.00): external takes the opposite, -100000.01."
        )
    ]
    assert [term["amount"] for term in explained["terms"]] == ["-60000.01", "-40000.00"]


def test_what_comes_late_says_in_which_month_it_stands_and_why(diary: Diary) -> None:
    diary.close(JULY)
    fee = {"customer_id": "c1", "product_code": "AGT", "amount": "7.00", "kind": "intermediary"}
    diary.book(core_event("late", "FeeCharged", "2026-07-09", **fee))
    explained = diary.why("late", "m1", "fee_income")
    assert names(explained)[-1] == "first-open-month"
    assert explained["sentences"][-1] == (
        "Booked late: 2026-07-09 lies in 2026-07, which was closed already, so this stands in 2026-08, the first "
        "month that was open, and adjusts 2026-07."
    )
    assert (
        explain_entry(diary.entries["late"], diary.known["late"], EVERYTHING)["sentences"][-1]
        == (explained["sentences"][-1])
    )


# --- what changes hands, by hand ---


@pytest.fixture
def handed_over(diary: Diary) -> Diary:
    """The worked example, July closed, and then c2 given to m2 alone from the 10th on."""
    diary.close(JULY)
    diary.follow(assigned("c2", {"m2": "1"}, date(2026, 7, 10)))
    return diary


def test_a_flow_is_split_anew_by_the_shares_that_are_known_now(handed_over: Diary) -> None:
    explained = handed_over.why("word-3~entry", "m1", "interest_income")
    assert names(explained) == ["re-split", "first-open-month"]
    assert explained["sentences"][:3] == [
        "Message word-3 says that from 2026-07-10 on customer c2 is looked after by m2 (1).",
        "Of 2500.00 posted to interest_income of account l1 on 2026-07-15, m1 had 1500.00 and now has 0.00.",
        (
            "In this place (line, business date, account, product and department) m1 held 1500.00 before this entry "
            "and holds 0.00 by it: the difference, -1500.00, changes hands."
        ),
    ]
    assert explained["terms"] == [
        {"what": "less what stood in this place before this entry", "amount": "-1500.00"}
    ]


def test_a_stock_is_handed_over_on_the_effective_date(handed_over: Diary) -> None:
    explained = handed_over.why("word-3~entry", "m1", "deposit_balance")
    assert names(explained) == ["stock-handed-over", "first-open-month"]
    assert explained["sentences"][1] == (
        "On 2026-07-10, an effective date, account a2 changes hands with a deposit_balance of 100000.01: "
        "m1 held 60000.01 of it the day before and holds 0.00 from then on."
    )
    assert explained["figures"]["held_the_day_before"] == "60000.01"
    assert [split["amount"] for split in explained["splits"]] == ["100000.01"]
    assert explained["assignment"]["event_id"] == "word-3"


def test_what_follows_on_a_later_effective_date_names_both_messages(diary: Diary) -> None:
    diary.follow(assigned("c1", {"m3": "1"}, date(2026, 8, 1)))
    diary.follow(assigned("c1", {"m2": "1"}, date(2026, 7, 10)))
    explained = diary.why("word-4~entry", "m2", "deposit_balance", business_date=date(2026, 8, 1))
    assert explained["sentences"][:2] == [
        "Message word-4 says that from 2026-07-10 on customer c1 is looked after by m2 (1).",
        "On 2026-08-01 customer c1 is looked after by m3 (1), says message word-3.",
    ]
    assert explained["assignment"]["event_id"] == "word-3"


def test_a_late_event_moves_on_with_the_stock(diary: Diary) -> None:
    diary.follow(assigned("c1", {"m3": "1"}, date(2026, 8, 1)))
    late = {"customer_id": "c1", "account_id": "a1", "product_code": "DEM", "amount": "5.00"}
    diary.book(core_event("late", "DepositPosted", "2026-07-20", **late))
    explained = diary.why("late", "m3", "deposit_balance")
    assert explained["sentences"][0] == (
        "DepositPosted late of 2026-07-20 came after a later change of hands of customer c1 was known: "
        "it moves on with the stock."
    )
    assert explained["figures"]["held_in_place_before"] == "900000.00"
    assert explained["figures"]["held_in_place_now"] == "900005.00"
    stated = explain_entry(diary.entries["late"], diary.known["late"], EVERYTHING)
    assert stated["sentences"][-1] == "2 legs change hands; each is explained by itself."


def test_fees_of_a_customer_without_an_account_are_told_by_customer(diary: Diary) -> None:
    diary.follow(assigned("c1", {"m2": "1"}, date(2026, 7, 10)))
    explained = diary.why("word-3~entry", "m2", "fee_income")
    assert explained["sentences"][1] == (
        "Of 800.00 posted to fee_income of customer c1 on 2026-07-18, m2 had 0.00 and now has 800.00."
    )
    assert explained["splits"][0]["what"] == "Posted to customer c1 on 2026-07-18"


# --- a month close, by hand ---

priced_stocks = st.builds(
    lambda line, cell: PricedStock(line, *cell, "TRM"), st.sampled_from([DEPOSITS, LOANS]), cells
)


def august(stocks: Balances, month: int = AUGUST, **more: Any) -> BeforeClose:
    """What the close of August looks at where only ``month`` has stocks."""
    figures = Figures(AUGUST, month, standing(month, stocks), more.pop("computed", {}), Policies(), **more)
    return BeforeClose(figures, {book: [] for book in Book}, {}, Position({}, ""), 0)


def booked(before: BeforeClose, entry_id: str) -> tuple[EntryBooked, Known]:
    [found] = [(entry, known) for entry, known in closing(before) if entry.entry_id == entry_id]
    return found


def leg_told(
    before: BeforeClose, entry_id: str, book: str, line: str, department: str, viewer: Viewer = EVERYTHING
) -> dict[str, Any]:
    """The explanation of a close's leg in a department."""
    entry, known = booked(before, entry_id)
    place = book, line, department, False
    [number] = [
        n
        for n, leg in enumerate(entry.legs, 1)
        if (leg.book, leg.line, leg.department_id, leg.contra) == place
    ]
    return explain_leg(entry, number, known, viewer)


M1: Balances = {
    (DEPOSITS, ("m1", "deposits")): (96000001,) * 3,
    (LOANS, ("m1", "lending")): (36000000, 30000000, 30000000),
}
TWO_DEPARTMENTS: Balances = {
    (DEPOSITS, ("m1", "deposits")): (10000000,) * 3,
    (DEPOSITS, ("m1", "retail")): (20000000,) * 3,
}


@pytest.mark.parametrize(
    ("line", "sentences"),
    [
        (
            "deposit_cost",
            [
                "On ten-day average (of the 10th, the 20th and the last day) m1 had deposits of 960000.01 in 2026-08.",
                "-960000.01 × 1.50 % × 31 / 360 = -1240.000012…, rounded -1240.00.",
            ],
        ),
        (
            "ftp_income",
            [
                (
                    "On ten-day average (of the 10th, the 20th and the last day) m1 had deposits of 960000.01 and "
                    "loans of 320000.00 in 2026-08: 640000.01 was lent out inside the bank."
                ),
                "640000.01 × 2.40 % × 31 / 360 = 1322.666687…, rounded 1322.67.",
            ],
        ),
    ],
)
@pytest.mark.parametrize("book", ["manager", "department"])
def test_interest_says_its_average_its_rate_and_its_days(book: str, line: str, sentences: list[str]) -> None:
    explained = leg_told(august(M1), "close-2026-08~m1", book, line, "deposits")
    assert explained["sentences"] == sentences
    assert explained["policy"]["rates"]["day_basis"] == "360"


def test_interest_is_split_over_departments_by_the_averages_in_each() -> None:
    explained = leg_told(august(TWO_DEPARTMENTS), "close-2026-08~m1", "manager", "deposit_cost", "retail")
    assert explained["sentences"][1:] == [
        "-300000.00 × 1.50 % × 31 / 360 = -387.50, rounded -387.50.",
        "Line deposit_cost: the part of m1 in retail is 200000.00/300000.00 of -387.50, exactly -258.333333….",
        "It is rounded down to -258.33; the odd fen goes to larger fractions.",
    ]
    other = leg_told(august(TWO_DEPARTMENTS), "close-2026-08~m1", "department", "deposit_cost", "deposits")
    assert other["terms"][-1] == {"what": "odd fen", "amount": "-0.01"}


def test_a_department_head_learns_neither_the_manager_nor_what_other_departments_get() -> None:
    viewer = Viewer("", "retail")
    explained = leg_told(
        august(TWO_DEPARTMENTS), "close-2026-08~m1", "department", "deposit_cost", "retail", viewer
    )
    others, own = explained["splits"][0]["parts"]
    assert set(others.values()) == {"another manager", None}
    assert (own["centre_id"], own["department_id"], own["amount"]) == ("another manager", "retail", "-258.33")


def test_a_true_up_is_the_difference_to_what_was_computed_before() -> None:
    before = {(JULY, "deposit_cost", ("m1", "deposits")): -124000}
    closes = august({(DEPOSITS, ("m1", "deposits")): (96200001,) * 3}, JULY, computed=before)
    explained = leg_told(closes, "close-2026-08~m1~2026-07", "manager", "deposit_cost", "deposits")
    assert names(explained) == ["deposit-cost", "true-up", "first-open-month"]
    assert explained["sentences"][2] == (
        "With all that is known now, 2026-07 computes to -1242.58 for m1 in deposits; earlier closes had computed "
        "-1240.00: the difference is -2.58."
    )
    assert explained["terms"] == [
        {"what": "computed on averages", "amount": "-1242.58"},
        {"what": "less what closes computed before", "amount": "1240.00"},
    ]


def test_what_was_computed_for_a_department_without_stocks_now_is_taken_back() -> None:
    before = {(JULY, "ftp_cost", ("m1", "retail")): -700}
    explained = leg_told(
        august(M1, JULY, computed=before), "close-2026-08~m1~2026-07", "manager", "ftp_cost", "retail"
    )
    assert explained["terms"] == [{"what": "less what closes computed before", "amount": "7.00"}]


LENT = PricedStock(LOANS, "m1", "lending", "TRM")
ON_CURVE = {
    "policies": Policies((AUGUST,), (Policy(matched={"TRM": MatchedFtp("cny", "1Y")}, version="2026-08"),)),
    "curves": Curves.of(
        [
            ("cny", date(2026, 1, 1), {"1Y": Decimal("2.60")}),
            ("cny", date(2026, 8, 16), {"1Y": Decimal("2.40")}),
        ]
    ),
}
"""Loans are priced on a curve whose rate changes in the middle of August."""


def on_curve(balances: Balances, daily: DailyStocks) -> BeforeClose:
    """A close with loans on the curve."""
    closes = august(balances)
    return replace(closes, figures=replace(closes.figures, daily=daily, **ON_CURVE))


def test_a_product_on_a_curve_says_curve_rates_and_days() -> None:
    closes = on_curve(
        M1, DailyStocks(posted={LENT: {date(2026, 8, 8): 36000000, date(2026, 8, 15): -6000000}})
    )
    explained = leg_told(closes, "close-2026-08~m1", "department", "ftp_cost", "lending")
    assert names(explained) == ["ftp-cost", "matched-ftp"]
    assert explained["sentences"][-1] == (
        "Product TRM in lending is priced on curve cny 1Y (2.60 % from 2026-08-08 on, 2.40 % from 2026-08-16 on). "
        "Its balances at the end of each day add up to 7620000.00; each × rate / 360 / 100, added up, rounded: -523.67."
    )
    assert explained["terms"] == [{"what": "product TRM on its curve", "amount": "-523.67"}]
    assert explained["policy"]["rates"]["cny 1Y from 2026-08-16"] == "2.40"
    # what is on the curve is no longer taken off the deposits that are lent out
    pooled = leg_told(closes, "close-2026-08~m1", "manager", "ftp_income", "deposits")
    assert pooled["figures"]["base"] == "960000.01"


@settings(max_examples=30)
@given(some_balances, st.dictionaries(priced_stocks, st.integers(-(10**9), 10**9)))
def test_every_leg_of_a_close_with_products_on_a_curve_is_explained(
    balances: Balances, stocks: dict[PricedStock, int]
) -> None:
    whole = {**balances}
    for stock, amount in stocks.items():  # what is on a curve is part of all that there is
        key = stock.line, (stock.manager, stock.department)
        on_10, on_20, on_last = whole.get(key, (0, 0, 0))
        whole[key] = on_10 + amount, on_20 + amount, on_last + amount
    for entry, known in closing(on_curve(whole, DailyStocks(opening=stocks))):
        assert_explained(entry, known)


def test_of_what_is_on_a_curve_a_department_head_sees_the_own_department() -> None:
    entry, _ = booked(on_curve(M1, DailyStocks(opening={LENT: 100})), "close-2026-08~m1")
    assert data_seen(entry, Viewer("", "deposits"))["matched"] == []
    seen = data_seen(entry, Viewer("", "lending"))
    assert [one["product_code"] for one in seen["matched"]] == ["TRM"]
    assert list(seen["pooled"][DEPOSITS]["departments"]) == []


THIRDS = {("m1", "lending"): 10000, ("m1", "deposits"): 10000, ("m2", "lending"): 10000}


def pools(activity: Mapping[tuple[str, str], int], *amounts: int) -> BeforeClose:
    """A close with cost pools p0, p1, … over these core events, in ten-thousandths."""
    declared = [a_pool(AUGUST, amount, Driver.ENTRIES, f"p{n}") for n, amount in enumerate(amounts)]
    return august({}, pools=declared, activity=activity)


def test_a_cost_pool_says_its_driver_its_weights_and_who_got_the_odd_fen() -> None:
    explained = leg_told(pools(THIRDS, 1000), "close-2026-08~m1", "manager", "allocated_cost", "deposits")
    assert explained["sentences"] == [
        "Cost pool p0 of 10.00 is spread by entries: core events of the month, a shared customer's by the shares.",
        "Cost pool p0: the part of m1 in deposits is 1/3 of -10.00, exactly -3.333333….",
        (
            "Rounded down, the parts leave fen over; the fraction of m1 in deposits is one of the largest and gets "
            "one: -3.34."
        ),
    ]
    assert [part["centre_id"] for part in explained["splits"][0]["parts"]] == ["m1", "m1", "all others"]


def test_a_manager_learns_of_a_cost_pool_the_own_cells_only() -> None:
    closes = pools(THIRDS, 1000)
    explained = leg_told(closes, "close-2026-08~m2", "manager", "allocated_cost", "lending", Viewer("m2", ""))
    own, rest = explained["splits"][0]["parts"]
    assert (own["centre_id"], own["weight"], own["exact"], own["amount"]) == ("m2", "1", "-10/3", "-3.33")
    assert set(rest.values()) == {"another manager", None}


def test_of_several_pools_each_says_its_own_part() -> None:
    explained = leg_told(
        pools(THIRDS, 1000, 100), "close-2026-08~m1", "department", "allocated_cost", "lending"
    )
    assert [term["amount"] for term in explained["terms"]] == ["-3.33", "-0.33"]


def test_a_pool_without_any_weight_is_unallocated_whole() -> None:
    closes = pools({("m1", "lending"): 0}, 1000)
    explained = leg_told(closes, "close-2026-08~unallocated", "manager", "allocated_cost", "unallocated")
    assert [term["amount"] for term in explained["terms"]] == ["-10.00"]


# --- what is not yours ---


def test_all_of_a_cause_is_shown_to_those_who_see_all(diary: Diary) -> None:
    assert data_seen(diary.entries["e2"], EVERYTHING) == WORKED_EXAMPLE[1]["data"]
    assert data_seen(diary.entries["e2"], Viewer("m2", "")) == WORKED_EXAMPLE[1]["data"]


def test_the_shares_of_others_are_left_out_of_an_assignment(diary: Diary) -> None:
    diary.follow(assigned("c1", {"m2": "0.5", "m3": "0.5"}, date(2026, 7, 10)))
    seen = data_seen(diary.entries["word-3~entry"], Viewer("m3", ""))
    assert seen["shares"] == [{"manager_id": "another manager"}, {"manager_id": "m3", "share": "0.5"}]


def test_the_manager_whom_a_cost_names_is_left_out_for_others(diary: Diary) -> None:
    cost = {"product_code": "AGT", "amount": "7.00", "manager_id": "m9"}
    entry = diary.book(core_event("cost", "CostIncurred", "2026-07-09", **cost))
    assert data_seen(entry, Viewer("m9", ""))["manager_id"] == "m9"
    assert data_seen(entry, Viewer("", "intermediary"))["manager_id"] == "another manager"


def test_of_a_close_a_department_head_sees_the_own_department_and_a_manager_all_of_theirs() -> None:
    entry, _ = booked(august(TWO_DEPARTMENTS), "close-2026-08~m1")
    by_head, by_manager = data_seen(entry, Viewer("", "retail")), data_seen(entry, Viewer("m1", ""))
    assert by_head["averages"][DEPOSITS]["departments"] == {"retail": "200000.00"}
    assert by_manager == orjson.loads(entry.source_data)
    entry, _ = booked(pools(THIRDS, 1000), "close-2026-08~m1")
    assert data_seen(entry, Viewer("", "lending"))["pools"][0]["weights"] == {"lending": 10000}


def test_an_entry_concerns_those_who_have_a_part_in_it(handed_over: Diary) -> None:
    moved = handed_over.entries["word-3~entry"]
    closed, _ = booked(august(TWO_DEPARTMENTS), "close-2026-08~m1")

    def who(entry: EntryBooked, callers: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
        return [caller for caller in callers if concerns(entry, Viewer(*caller))]

    callers = [
        ("m1", ""),
        ("m2", ""),
        ("m3", ""),
        ("", "deposits"),
        ("", "lending"),
        ("external", "external"),
    ]
    assert who(handed_over.entries["e2"], callers) == [("m1", ""), ("m2", ""), ("", "deposits")]
    assert who(moved, callers) == [("m1", ""), ("m2", "")]
    assert who(closed, callers) == [("m1", ""), ("", "deposits")]
    assert concerns(closed, EVERYTHING)


# --- how figures are written ---


@pytest.mark.parametrize(
    ("exact", "written", "said"),
    [
        (Fraction(6000000600, 1000), "60000.006", "60000.006"),
        (Fraction(-5), "-0.05", "-0.05"),
        (Fraction(0), "0.00", "0.00"),
        (Fraction(1000, 3), "10/3", "3.333333…"),
        (Fraction(-2000, 3), "-20/3", "-6.666666…"),
    ],
)
def test_an_exact_amount_is_a_decimal_where_it_ends_and_else_a_fraction(
    exact: Fraction, written: str, said: str
) -> None:
    assert (exact_text(exact), about(exact)) == (written, said)
    assert Fraction(written) * 100 == exact
