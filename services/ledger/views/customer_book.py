"""What the booking rules need of the views: a batch's customers, their loans, and what holds for the bank."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from services.ledger.domain.booking import Bank, Command, CustomerBook, FollowAssignment, decide
from services.ledger.domain.loan import Loan
from services.ledger.domain.timeline import Timeline
from services.ledger.views.assignment import timelines
from services.ledger.views.loan import loans
from services.ledger.views.period import calendar
from services.ledger.views.policy import policies
from services.ledger.views.posting import Wanted, postings
from services.ledger.views.product import catalogue
from shared.contracts.core_banking import LoanDisbursed, LoanEvent
from shared.infrastructure.command_handler import Consultation, Loader
from shared.kernel.errors import Refusal

ONE_DAY = timedelta(days=1)


def load(consult: Consultation) -> Loader:
    """Loads the books of a batch's customers."""

    async def read(connection: AsyncConnection, commands: Sequence[Command]) -> dict[str, CustomerBook]:
        books, contested = await _books(connection, commands)
        if not contested:
            return books
        owners = _owners(contested, commands, await consult(connection, commands))
        return {name: _with_others_loans(book, owners, name) for name, book in books.items()}

    return read


async def _books(
    connection: AsyncConnection, commands: Sequence[Command]
) -> tuple[dict[str, CustomerBook], set[str]]:
    """The books with just the loans that the batch names (two queries a batch), and the ids of loans not yet
    known that several customers of the batch name."""
    customers: dict[str, str] = {}
    named_loans: dict[str, set[str]] = {}
    for command in commands:
        name = command.stream
        if isinstance(command, FollowAssignment):
            customers[name] = command.assigned.customer_id
        elif command.event.customer_id is not None:
            customers[name] = command.event.customer_id
            if isinstance(command.event, LoanEvent):
                named_loans.setdefault(name, set()).add(command.event.loan_id)
    known = await timelines(connection, customers.values())
    posted = await postings(connection, _retroactive(commands, known))
    named = [loan_id for loan_ids in named_loans.values() for loan_id in loan_ids]
    wanted = set(named)
    lent = await loans(connection, wanted)
    contested = wanted - lent.keys() if len(named) > len(wanted) else set()
    books = {
        name: CustomerBook(
            known.get(customer_id, Timeline()),
            {loan_id: lent[loan_id] for loan_id in named_loans.get(name, ()) if loan_id in lent},
            posted.get(customer_id),
        )
        for name, customer_id in customers.items()
    }
    return books, {loan_id for loan_id in contested if named.count(loan_id) > 1}


def _retroactive(commands: Sequence[Command], known: Mapping[str, Timeline]) -> list[Wanted]:
    """Which customers' postings the batch may let change hands, and from which day on: where there is a word on
    the assignment, or an event dated before an effective date."""
    assigned: dict[str, list[date]] = {}
    posted: dict[str, list[date]] = {}
    for command in commands:
        if isinstance(command, FollowAssignment):
            word = command.assigned
            assigned.setdefault(word.customer_id, []).append(word.effective_from)
        elif command.event.customer_id is not None:
            posted.setdefault(command.event.customer_id, []).append(command.event.business_date)
    wanted = []
    for customer_id in {*assigned, *(customer for customer in posted if customer in known)}:
        timeline, words = known.get(customer_id, Timeline()), assigned.get(customer_id, [])
        latest = max((*timeline.dates[-1:], *words))
        late = [day for day in posted.get(customer_id, ()) if day < latest]
        if not words and not late:
            continue
        since, until = min((*words, *late)), timeline.dates[-1] if timeline.dates else None
        if (
            words and len(timeline.on(since - ONE_DAY)) > 1
        ):  # what each then holds, the single roundings decide
            since = timeline.before(since) or since
        if any(timeline.next_after(day) is None for day in words):
            until = None
        wanted.append(Wanted(customer_id, since, until))
    return sorted(wanted)


def _owners(contested: Collection[str], commands: Sequence[Command], bank: Bank) -> dict[str, Loan]:
    """Whose the contested loans will be: the first customer's whose disbursement is in order."""
    owners: dict[str, Loan] = {}
    for command in commands:
        if isinstance(command, FollowAssignment) or not isinstance(command.event, LoanDisbursed):
            continue
        loan_id = command.event.loan_id
        if loan_id in contested and loan_id not in owners:
            try:
                decide(command, CustomerBook(), bank)
            except Refusal:
                continue
            owners[loan_id] = Loan(loan_id, command.event.customer_id)
    return owners


def _with_others_loans(book: CustomerBook, owners: Mapping[str, Loan], name: str) -> CustomerBook:
    """The book with the loans that other customers of the batch will have, so that they are refused to this one."""
    others = {loan_id: loan for loan_id, loan in owners.items() if f"customer-{loan.customer_id}" != name}
    return replace(book, loans={**book.loans, **others})


def consult(currency: str) -> Callable[[AsyncConnection, Sequence[Command]], Awaitable[Bank]]:
    """The catalogue and the policies as they are now, with the installation's base currency."""

    async def read(connection: AsyncConnection, _: Sequence[Command]) -> Bank:
        return Bank(
            await catalogue(connection),
            await policies(connection),
            currency,
            await calendar(connection),
        )

    return read
