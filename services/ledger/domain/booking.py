"""Booking: a core event becomes one entry in both books. The aggregate is the customer.

The core system keeps the order of one customer's events; all of them, and the customer's assignments, lie in the
one stream ``customer-<id>``, so each is decided on what was known on its arrival.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import NamedTuple

import orjson

from services.ledger.domain.catalogue import Catalogue
from services.ledger.domain.entry import EntryBooked, both_books
from services.ledger.domain.loan import Amounts, Loan, book_loan_event
from services.ledger.domain.policy import Policies, Policy
from services.ledger.domain.timeline import SHARE_UNITS, Timeline, Weights
from shared.contracts.assignment import CustomerAssigned
from shared.contracts.core_banking import (
    CORE_EVENTS,
    CoreEvent,
    CostIncurred,
    DepositPosted,
    FeeCharged,
    LoanEvent,
)
from shared.contracts.envelope import CloudEvent
from shared.contracts.types import parse
from shared.kernel.books import Line
from shared.kernel.decider import Decider
from shared.kernel.errors import Malformed, Refusal
from shared.kernel.event import Fact
from shared.kernel.period import month_of

# --- commands ---------------------------------------------------------------------------------------------------


class BookCoreEvent(NamedTuple):
    """Book one event of the core banking system. ``data`` is the event's own data as it arrived."""

    event_id: str
    source: str
    event: CoreEvent
    data: bytes
    stream: str


@dataclass(frozen=True, slots=True)
class FollowAssignment:
    """Take note of who looks after a customer."""

    assigned: CustomerAssigned

    @property
    def stream(self) -> str:
        return self.assigned.stream


Command = BookCoreEvent | FollowAssignment


def command_of(message: CloudEvent) -> BookCoreEvent:
    """The command that a core banking message means; raises Malformed naming the field and its rule."""
    contract = CORE_EVENTS.get(message.type)
    if contract is None:
        raise Malformed(f"type: {message.type} is no core event")
    event = parse(contract, message.data)
    return BookCoreEvent(message.id, message.source, event, message.data, stream_of_event(event))


def stream_of_event(event: CoreEvent) -> str:
    """The customer's stream, or the manager's where no customer is concerned."""
    if event.customer_id is None:
        assert isinstance(event, CostIncurred)  # the one event that need not concern a customer
        return f"manager-{event.manager_id}"
    return f"customer-{event.customer_id}"


# --- state ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CustomerBook:
    """What of a customer's history decides the next booking."""

    timeline: Timeline = field(default_factory=Timeline)
    loans: Mapping[str, Loan] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Bank:
    """What holds for the whole bank."""

    catalogue: Catalogue
    policies: Policies
    currency: str


# --- decide -----------------------------------------------------------------------------------------------------


def decide(command: Command, book: CustomerBook, bank: Bank) -> Sequence[Fact]:
    """The entry for a core event, or the assignment taken note of; raises Refusal naming field and rule."""
    if isinstance(command, FollowAssignment):
        return [command.assigned]
    event = command.event
    if event.currency is not None and event.currency != bank.currency:
        raise Refusal("one-base-currency", "currency", f"the books are kept in {bank.currency}")
    department_id = bank.catalogue.department_of(event.product_code, event.business_date)
    policy = bank.policies.in_force(month_of(event.business_date))
    lines, loan = amounts_of(event, book, policy)
    shares = shares_for(event, book)
    manager, department = both_books(lines, shares, department_id)
    return [
        EntryBooked(
            entry_id=command.event_id,
            cause_type=type(event).__name__,
            cause_source=command.source,
            business_date=event.business_date,
            period=month_of(event.business_date),
            customer_id=event.customer_id,
            account_id=event.account and getattr(event, event.account),
            product_code=event.product_code,
            department_id=department_id,
            shares=shares,
            lines=lines,
            manager=manager,
            department=department,
            policy=policy.version,
            loan=loan,
            source_data=command.data,
            stream=command.stream,
        )
    ]


def amounts_of(event: CoreEvent, book: CustomerBook, policy: Policy) -> tuple[Amounts, Loan | None]:
    """The signed totals by line that an event gives, and the loan after it where it concerns one."""
    plain = _PLAIN.get(type(event))
    if plain is not None:
        return plain(event), None
    assert isinstance(event, LoanEvent)  # as core events are plain or about a loan
    return book_loan_event(event, book.loans.get(event.loan_id), policy.provision_rates)


_FEE_LINES = {
    "intermediary": Line.FEE_INCOME.value,
    "settlement": Line.SETTLEMENT_INCOME.value,
    "credit_risk": Line.CREDIT_RISK_INCOME.value,
}


def _deposit(event: DepositPosted) -> Amounts:
    return {Line.DEPOSIT_BALANCE.value: event.amount}


def _fee(event: FeeCharged) -> Amounts:
    return {_FEE_LINES[event.kind]: event.amount}


def _cost(event: CostIncurred) -> Amounts:
    return {Line.DIRECT_COST.value: -event.amount}


_PLAIN: Mapping[type[CoreEvent], Callable[..., Amounts]] = {
    DepositPosted: _deposit,
    FeeCharged: _fee,
    CostIncurred: _cost,
}


def shares_for(event: CoreEvent, book: CustomerBook) -> Weights:
    """The customer's managers on the business date; a cost that names a manager is that manager's alone."""
    if type(event) is CostIncurred and event.manager_id is not None:
        return {event.manager_id: SHARE_UNITS}
    return book.timeline.on(event.business_date)


# --- evolve -----------------------------------------------------------------------------------------------------


def evolve(book: CustomerBook, fact: Fact) -> CustomerBook:
    """The customer's book after a fact."""
    if type(fact) is EntryBooked:
        if fact.loan is None:
            return book
        return CustomerBook(book.timeline, {**book.loans, fact.loan.loan_id: fact.loan})
    assert isinstance(fact, CustomerAssigned)  # the customer's stream has entries and assignments
    return CustomerBook(book.timeline.with_assignment(fact), book.loans)


def same(command: Command, stored: str) -> bool:
    """Whether a message that came again says what was stored for the first of its id."""
    if isinstance(command, FollowAssignment):
        return bool(orjson.loads(stored) == orjson.loads(command.assigned.to_json()))
    return bool(orjson.loads(stored).get("source_data") == orjson.loads(command.data))


DECIDER: Decider[Command, CustomerBook, Bank] = Decider(attrgetter("stream"), CustomerBook(), decide, evolve)
