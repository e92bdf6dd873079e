"""What the ledger's rules are tried with: a bank with three products, hands to book by, months to close."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import strategies as st

from services.ledger.domain.booking import (
    DECIDER,
    Bank,
    BookCoreEvent,
    CustomerBook,
    FollowAssignment,
    command_of,
)
from services.ledger.domain.calendar import Calendar
from services.ledger.domain.catalogue import EVER, Catalogue
from services.ledger.domain.closing import (
    DEPOSIT_COST,
    DEPOSITS,
    FTP_COST,
    FTP_INCOME,
    LOANS,
    Cell,
    Figures,
    StockHistory,
    StockMonth,
)
from services.ledger.domain.entry import EntryBooked
from services.ledger.domain.period import BeforeClose, CustomerMonth, Position
from services.ledger.domain.policy import Policies, PolicyTerms
from services.ledger.domain.statement import Statement, with_amounts
from shared.contracts.assignment import SOURCE, CustomerAssigned
from shared.contracts.envelope import from_mapping
from shared.contracts.ledger import CostPoolDeclared, Driver
from shared.kernel.books import Book, Line
from shared.kernel.errors import Malformed, Refusal
from shared.kernel.period import format_month
from tests.support.reference import (
    ASSIGNMENTS,
    BANK_PRODUCTS,
    PRODUCTS,
    Assigned,
    BankFact,
    Closed,
    PolicySet,
    Posted,
    ProductMoved,
    ReferenceLedger,
    outcome_of,
)

JULY = date(2026, 7, 1)


def assigned(customer_id: str, shares: Mapping[str, str], effective_from: date = JULY) -> CustomerAssigned:
    """The assignment service's word."""
    return CustomerAssigned.model_validate(
        {
            "customer_id": customer_id,
            "shares": [{"manager_id": manager, "share": share} for manager, share in shares.items()],
            "effective_from": effective_from.isoformat(),
        }
    )


def a_bank(currency: str = "CNY", policies: Policies | None = None) -> Bank:
    """A bank with the products of the worked example."""
    catalogue = Catalogue.of([(code, EVER, department) for code, department in PRODUCTS.items()])
    return Bank(catalogue, policies or Policies(), currency)


class Desk:
    """Books events one after the other, as the command handler does, but by values alone."""

    def __init__(self, bank: Bank) -> None:
        self.bank = bank
        self.books: dict[str, CustomerBook] = {}
        self.entries: dict[str, EntryBooked] = {}
        self._messages = 0
        for customer_id, shares in ASSIGNMENTS.items():
            self.follow(assigned(customer_id, shares))

    def follow(self, word: CustomerAssigned) -> EntryBooked | None:
        """Take note of an assignment; the entry for what it lets change hands, if anything."""
        self._messages += 1
        command = FollowAssignment(f"word-{self._messages}", SOURCE, word)
        noted, *entries = DECIDER.decide(command, self.book_of(word.stream), self.bank)
        assert noted == word
        for fact in (noted, *entries):
            self._evolve(word.stream, fact)
        for entry in entries:
            assert isinstance(entry, EntryBooked)
            self.entries[entry.entry_id] = entry
            return entry
        return None

    def close(self, month: int) -> None:
        """From now on the months up to this one are closed."""
        self.bank = replace(self.bank, calendar=Calendar(month))

    def book(self, message: Mapping[str, Any]) -> EntryBooked:
        """The entry for a core event; raises what the rules raise."""
        command = command_of(from_mapping(message))
        [entry] = DECIDER.decide(command, self._book_for(command), self.bank)
        assert isinstance(entry, EntryBooked)
        assert entry.stream == command.stream == DECIDER.stream(command)
        self._evolve(command.stream, entry)
        self.entries[entry.entry_id] = entry
        return entry

    def _book_for(self, command: BookCoreEvent) -> CustomerBook:
        """The customer's own book, with the loans of all customers, as they are looked up by loan id."""
        loans = {loan_id: loan for book in self.books.values() for loan_id, loan in book.loans.items()}
        return replace(self.book_of(command.stream), loans=loans)

    def book_of(self, stream: str) -> CustomerBook:
        """A customer's book that remembers all postings."""
        return self.books.get(stream, CustomerBook(postings=()))

    def _evolve(self, stream: str, fact: Any) -> None:
        self.books[stream] = DECIDER.evolve(self.book_of(stream), fact)


class Twins:
    """A desk and the reference, which hear the same."""

    def __init__(self) -> None:
        self.desk = Desk(a_bank())
        self.reference = ReferenceLedger(products=list(BANK_PRODUCTS))
        self.reference.assignments = [(customer, JULY, shares) for customer, shares in ASSIGNMENTS.items()]
        self._policies: list[tuple[int, PolicyTerms]] = []
        self._know_products()

    def hear(self, fact: BankFact) -> list[EntryBooked]:
        """The desk's entries; both accept the fact, or neither does."""
        if isinstance(fact, Posted):
            return [entry for event in fact.events for entry in self._book(event)]
        accepted = fact.tell(self.reference) == ["accepted"]
        match fact:
            case Assigned(customer_id, since, shares):
                entry = self.desk.follow(assigned(customer_id, shares, since))
                return [] if entry is None else [entry]
            case PolicySet(month, terms) if accepted:
                self._policies.append((_month(month), PolicyTerms.model_validate(terms)))
                self.desk.bank = replace(self.desk.bank, policies=Policies.of(self._policies))
            case ProductMoved():
                self._know_products()
            case Closed() if self.reference.closed_through is not None:
                self.desk.close(_month(self.reference.closed_through))
        return []

    def _book(self, event: Mapping[str, Any]) -> list[EntryBooked]:
        outcome = outcome_of(self.reference, event)
        if outcome == "accepted":
            return [self.desk.book(event)]
        if outcome == "rejected":
            with pytest.raises((Refusal, Malformed)):
                self.desk.book(event)
        return []

    def _know_products(self) -> None:
        self.desk.bank = replace(self.desk.bank, catalogue=Catalogue.of(self.reference.products))


def _month(text: str) -> int:
    return int(text.replace("-", ""))


# --- months to close ---

Balances = dict[tuple[str, Cell], tuple[int, int, int]]
"""What each cell has of a stock on the 10th, on the 20th and on the last day."""

cells = st.tuples(
    st.sampled_from(["m1", "m2", "unassigned"]), st.sampled_from(["deposits", "lending", "retail"])
)
some_sum = st.one_of(
    st.integers(-9, 9), st.integers(-(10**5), 10**9), st.integers(10**7, 10**9), st.integers(10**7, 10**12)
)
some_balances = st.dictionaries(
    st.tuples(st.sampled_from([DEPOSITS, LOANS]), cells), st.tuples(some_sum, some_sum, some_sum), max_size=9
)
some_weights = st.dictionaries(cells, st.integers(-(10**6), 10**9), max_size=6)
_rates = st.decimals(min_value=0, max_value=100, places=2).map(str)
some_policies = st.lists(
    st.tuples(
        st.sampled_from([202606, 202607, 202608]),
        st.fixed_dictionaries(
            {},
            optional={
                "deposit_rate": _rates,
                "lend_out_rate": _rates,
                "borrow_in_rate": _rates,
                "day_basis": st.integers(360, 366),
            },
        ).map(PolicyTerms.model_validate),
    ),
    max_size=3,
).map(Policies.of)


def standing(month: int, balances: Balances) -> StockHistory:
    """A history by which a month has these balances."""
    return StockHistory(months={month: {key: StockMonth(*sums) for key, sums in balances.items()}})


def a_pool(month: int, amount: int, driver: Driver = Driver.BALANCES, name: str = "rent") -> CostPoolDeclared:
    """A cost pool as it stands declared."""
    return CostPoolDeclared.model_construct(
        period=format_month(month), pool=name, amount=amount, driver=driver
    )


AUGUST = 202608
_positions = st.builds(
    Position,
    st.dictionaries(st.integers(0, 7), st.integers(0, 10**6)),
    st.text("0123456789abcdef", min_size=4),
)
_flows = st.dictionaries(st.sampled_from([Line.INTEREST_INCOME, Line.FEE_INCOME, Line.RISK_CHARGE]), some_sum)
_customer_months = st.builds(
    CustomerMonth,
    st.dictionaries(st.sampled_from(Line), some_sum, max_size=3),
    st.fixed_dictionaries({Line.DEPOSIT_BALANCE: some_sum, Line.LOAN_BALANCE: some_sum}),
    st.sets(st.sampled_from(["DEM", "TRM", "AGT"])).map(lambda codes: tuple(sorted(codes))),
)


@st.composite
def some_closings(draw: st.DrawFn) -> BeforeClose:
    """What the close of August looks at; it recomputes June and July, or only July, or none of them."""
    movements = st.tuples(some_sum, some_sum, some_sum).map(lambda sums: StockMonth(*sums))
    added = st.dictionaries(st.tuples(st.sampled_from([DEPOSITS, LOANS]), cells), movements, max_size=5)
    figures = Figures(
        month=AUGUST,
        first_to_recompute=draw(st.sampled_from([202606, 202607, AUGUST])),
        stocks=StockHistory({}, draw(st.fixed_dictionaries(dict.fromkeys((202606, 202607, AUGUST), added)))),
        computed=draw(
            st.dictionaries(
                st.tuples(
                    st.sampled_from([202606, 202607]),
                    st.sampled_from([DEPOSIT_COST, FTP_INCOME, FTP_COST]),
                    cells,
                ),
                some_sum,
                max_size=5,
            )
        ),
        policies=draw(some_policies),
        pools=[
            a_pool(AUGUST, draw(st.integers(1, 10**9)), driver, f"pool-{driver}")
            for driver in draw(st.sets(st.sampled_from(Driver)))
        ],
        revenue=draw(some_weights),
        activity=draw(some_weights),
    )
    statements = {
        book: [a_statement(book, centre, AUGUST, draw(_flows)) for centre in sorted(draw(st.sets(centres)))]
        for book, centres in (
            (Book.MANAGER, st.sampled_from(["m1", "m3", "unassigned"])),
            (Book.DEPARTMENT, st.sampled_from(["deposits", "lending", "intermediary"])),
        )
    }
    customers = draw(st.dictionaries(st.sampled_from(["c1", "c2", "c3"]), _customer_months))
    return BeforeClose(figures, statements, customers, draw(_positions), draw(st.integers(0, 10**6)))


def a_statement(book: Book, centre_id: str, month: int, flows: Mapping[Line, int]) -> Statement:
    """That of a centre with nothing but these flows."""
    return with_amounts(Statement.empty(book.value, centre_id, format_month(month)), flows)
