"""What the booking rules need of the views: a batch's customers, their loans, and what holds for the bank."""

from collections.abc import Awaitable, Callable, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from services.ledger.domain.booking import Bank, Command, CustomerBook, FollowAssignment
from services.ledger.domain.timeline import Timeline
from services.ledger.views.assignment import timelines
from services.ledger.views.loan import loans
from services.ledger.views.policy import policies
from services.ledger.views.product import catalogue
from shared.contracts.core_banking import LoanEvent


async def load(connection: AsyncConnection, commands: Sequence[Command]) -> dict[str, CustomerBook]:
    """The books of the customers concerned, with just the loans that the batch names: two queries a batch."""
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
    lent = await loans(connection, {loan_id for loan_ids in named_loans.values() for loan_id in loan_ids})
    return {
        name: CustomerBook(
            known.get(customer_id, Timeline()),
            {loan_id: lent[loan_id] for loan_id in named_loans.get(name, ()) if loan_id in lent},
        )
        for name, customer_id in customers.items()
    }


def consult(currency: str) -> Callable[[AsyncConnection, Sequence[Command]], Awaitable[Bank]]:
    """The catalogue and the policies as they are now, with the installation's base currency."""

    async def read(connection: AsyncConnection, _: Sequence[Command]) -> Bank:
        return Bank(await catalogue(connection), await policies(connection), currency)

    return read
