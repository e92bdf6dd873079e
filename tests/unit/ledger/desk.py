"""What the ledger's rules are tried with: a bank with three products, and hands to book by."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from services.ledger.domain.booking import (
    DECIDER,
    Bank,
    BookCoreEvent,
    CustomerBook,
    FollowAssignment,
    command_of,
)
from services.ledger.domain.catalogue import EVER, Catalogue
from services.ledger.domain.entry import EntryBooked
from services.ledger.domain.policy import Policies
from shared.contracts.assignment import SOURCE, CustomerAssigned
from shared.contracts.envelope import from_mapping
from tests.support.reference import ASSIGNMENTS, PRODUCTS

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

    def follow(self, word: CustomerAssigned) -> None:
        """Take note of an assignment, and let change hands what it changes."""
        self._messages += 1
        command = FollowAssignment(f"word-{self._messages}", SOURCE, word)
        for fact in DECIDER.decide(command, self.book_of(word.stream), self.bank):
            self._evolve(word.stream, fact)
            if isinstance(fact, EntryBooked):
                self.entries[fact.entry_id] = fact

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
