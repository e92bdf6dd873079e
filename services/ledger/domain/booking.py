"""Booking: a core event becomes one entry in both books. The aggregate is the customer.

The core system keeps the order of one customer's events; all of them, and the customer's assignments, lie in the
one stream ``customer-<id>``, so each is decided on what was known on its arrival.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import NamedTuple

import orjson

from services.ledger.domain.attribution import (
    STOCK_LINES,
    Attribution,
    Posting,
    attribute,
    difference,
    later_moves,
)
from services.ledger.domain.calendar import Calendar
from services.ledger.domain.catalogue import Catalogue
from services.ledger.domain.entry import EntryBooked, Move, both_books, check_moves
from services.ledger.domain.loan import Amounts, Loan, book_loan_event, provision_rate
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
    """Take note of who looks after a customer, and let change hands what that changes."""

    event_id: str
    source: str
    assigned: CustomerAssigned

    @property
    def stream(self) -> str:
        return self.assigned.stream


Command = BookCoreEvent | FollowAssignment


OWN_IDS = re.compile(r"^(close|result)-\d{4}-\d{2}($|~)|~entry$")
"""Ids that the ledger gives itself: closes and what they book and state, and entries of assignments."""


LARGEST_DATA = 64 * 1024
"""Bytes of a core event's data. An entry keeps them, and must fit into one message of the log with all it adds."""


def command_of(message: CloudEvent) -> BookCoreEvent:
    """The command that a core banking message means; raises Malformed naming the field and its rule."""
    contract = CORE_EVENTS.get(message.type)
    if contract is None:
        raise Malformed(f"type: {message.type} is no core event")
    if OWN_IDS.search(message.id):
        raise Malformed("id: is one that the ledger gives to entries of its own (close-…, result-…, …~entry)")
    if len(message.data) > LARGEST_DATA:
        raise Malformed(f"data: must not be larger than {LARGEST_DATA} bytes")
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
    postings: tuple[Posting, ...] | None = None
    """What was posted before, as far as it can change hands by what is decided now; None where nothing can."""


@dataclass(frozen=True, slots=True)
class Bank:
    """What holds for the whole bank."""

    catalogue: Catalogue
    policies: Policies
    currency: str
    calendar: Calendar = field(default_factory=Calendar)


# --- decide -----------------------------------------------------------------------------------------------------


def decide(command: Command, book: CustomerBook, bank: Bank) -> Sequence[Fact]:
    """The entry for a core event, or the assignment taken note of; raises Refusal naming field and rule."""
    if isinstance(command, FollowAssignment):
        return follow(command, book, bank)
    event = command.event
    if event.currency is not None and event.currency != bank.currency:
        raise Refusal("one-base-currency", "currency", f"the books are kept in {bank.currency}")
    department_id = bank.catalogue.department_of(event.product_code, event.business_date)
    policy = bank.policies.in_force(month_of(event.business_date))
    lines, loan = amounts_of(event, book, policy)
    shares = shares_for(event, book)
    manager, department = both_books(lines, shares, department_id)
    period, adjusts_period = bank.calendar.period_of(event.business_date)
    entry = EntryBooked(
        entry_id=command.event_id,
        cause_id=command.event_id,
        cause_type=type(event).__name__,
        cause_source=command.source,
        business_date=event.business_date,
        period=period,
        adjusts_period=adjusts_period,
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
        provision_rate=None if loan is None else provision_rate(loan, policy.provision_rates),
        moves=(),
        source_data=command.data,
        stream=command.stream,
    )
    if book.timeline.next_after(event.business_date) is None:
        return [entry]
    return [entry._replace(moves=moves_behind(entry, book, bank))]


def moves_behind(entry: EntryBooked, book: CustomerBook, bank: Bank) -> tuple[Move, ...]:
    """What a late entry changes on the effective dates that the customer's timeline has behind its date."""
    moves: Attribution = {}
    for posting in postings_of(entry):
        if posting.line in STOCK_LINES:
            assert book.postings is not None  # loaded for every customer with a late event
            moves.update(later_moves(posting, book.postings, book.timeline))
    return _moves(moves, bank)


def follow(command: FollowAssignment, book: CustomerBook, bank: Bank) -> Sequence[Fact]:
    """The assignment, and an entry with the net difference that it makes to the manager book, if any."""
    assigned = command.assigned
    timeline = book.timeline.with_assignment(assigned)
    if timeline == book.timeline:
        return [assigned]
    until = timeline.next_after(
        assigned.effective_from
    )  # from there on the managers are whom they were before
    postings = book.postings or ()
    changes = difference(attribute(postings, book.timeline, until), attribute(postings, timeline, until))
    if not changes:
        return [assigned]
    period, adjusts_period = bank.calendar.period_of(assigned.effective_from)
    entry = EntryBooked(
        entry_id=f"{command.event_id}~entry",
        cause_id=command.event_id,
        cause_type=CustomerAssigned.__name__,
        cause_source=command.source,
        business_date=assigned.effective_from,
        period=period,
        adjusts_period=adjusts_period,
        customer_id=assigned.customer_id,
        account_id=None,
        product_code=None,
        department_id=None,
        shares=timeline.on(assigned.effective_from),
        lines={},
        manager={},
        department={},
        policy=None,
        loan=None,
        provision_rate=None,
        moves=_moves(changes, bank),
        source_data=assigned.to_json(),
        stream=assigned.stream,
    )
    return [assigned, entry]


def _moves(changes: Attribution, bank: Bank) -> tuple[Move, ...]:
    """Differences as moves, each booked in the month of its date or, where that is closed, in the first open one."""
    moves = tuple(
        Move(
            slot.line,
            slot.centre_id,
            amount,
            slot.business_date,
            *bank.calendar.period_of(slot.business_date),
            slot.account_id,
            slot.product_code,
            slot.department_id,
        )
        for slot, amount in changes.items()
    )
    check_moves(moves)
    return moves


def postings_of(entry: EntryBooked) -> list[Posting]:
    """What an entry posted to its customer; a cost that named a manager can never change hands, so it is none."""
    if entry.cause_type == CostIncurred.__name__ and orjson.loads(entry.source_data).get("manager_id"):
        return []
    return [
        Posting(entry.business_date, line, entry.account_id, entry.product_code, entry.department_id, amount)
        for line, amount in entry.lines.items()
        if entry.product_code is not None and entry.department_id is not None
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
        if fact.loan is None and book.postings is None:
            return book
        loans = book.loans if fact.loan is None else {**book.loans, fact.loan.loan_id: fact.loan}
        postings = None if book.postings is None else (*book.postings, *postings_of(fact))
        return CustomerBook(book.timeline, loans, postings)
    assert isinstance(fact, CustomerAssigned)  # the customer's stream has entries and assignments
    return CustomerBook(book.timeline.with_assignment(fact), book.loans, book.postings)


def same(command: Command, stored: str) -> bool:
    """Whether a message that came again says what was stored for the first of its id."""
    if isinstance(command, FollowAssignment):
        return bool(orjson.loads(stored) == orjson.loads(command.assigned.to_json()))
    return bool(orjson.loads(stored).get("source_data") == orjson.loads(command.data))


DECIDER: Decider[Command, CustomerBook, Bank] = Decider(attrgetter("stream"), CustomerBook(), decide, evolve)
