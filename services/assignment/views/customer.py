"""Table ``customer``: customers on record = ``GET /v1/customers``, ``/v1/customers/{customer_id}``."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.assignment.domain.customer import (
    AssignCustomer,
    Command,
    Consulted,
    CustomerRegistered,
    RegisterCustomer,
)
from services.assignment.views import manager
from services.assignment.views.personal import seal_names
from services.assignment.views.portfolio import HELD
from shared.infrastructure.database import copy
from shared.kernel.event import StoredEvent

_COLUMNS = ("customer_id", "kind", "region", "industry", "tier", "branch_id", "sealed")


class CustomerView:
    """One row a customer."""

    tables = ("customer",)

    async def project(self, connection: AsyncConnection, events: Sequence[StoredEvent]) -> None:
        rows = [
            tuple(getattr(event.fact, column) for column in _COLUMNS)
            for event in events
            if isinstance(event.fact, CustomerRegistered)
        ]
        if rows:
            await copy(connection, "customer", _COLUMNS, rows)


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer on record; the name is ``sealed``."""

    customer_id: str
    kind: str
    region: str
    industry: str
    tier: str
    branch_id: str
    sealed: str

    @property
    def stream(self) -> str:
        return f"customer-{self.customer_id}"

    def shown(self, name: str | None) -> dict[str, object]:
        """As callers see the customer, under a name that is whole, masked, or None where it was erased."""
        values = asdict(self)
        del values["sealed"]
        return {"customer_id": values.pop("customer_id"), "name": name, **values}


_SELECT = "SELECT customer_id, kind, region, industry, tier, branch_id, sealed FROM customer"


async def consult(connection: AsyncConnection, commands: Sequence[Command]) -> Consulted:
    """The names of new customers, sealed, and the managers on record among those named."""
    registrations = [command for command in commands if isinstance(command, RegisterCustomer)]
    assignments = [command.assigned for command in commands if isinstance(command, AssignCustomer)]
    named = {share.manager_id for assigned in assignments for share in assigned.shares}
    return Consulted(
        await seal_names(connection, registrations) if registrations else {},
        await manager.known(connection, named) if named else frozenset(),
    )


async def find(connection: AsyncConnection, customer_id: str) -> Customer | None:
    """A customer on record."""
    rows = await connection.execute(text(_SELECT + " WHERE customer_id = :id"), {"id": customer_id})
    row = rows.first()
    return Customer(**row._mapping) if row else None


async def listed(
    connection: AsyncConnection, after: str, limit: int, manager_id: str | None, day: date
) -> list[Customer]:
    """Customers in order of id beyond a place; all, or those whom a manager looks after on a day."""
    statement, values = _SELECT, {"after": after, "limit": limit}
    if manager_id is not None:
        statement = HELD + _SELECT + " JOIN held USING (customer_id)"
        values |= {"manager_id": manager_id, "day": day}
    rows = await connection.execute(
        text(statement + " WHERE customer_id > :after ORDER BY customer_id LIMIT :limit"), values
    )
    return [Customer(**row._mapping) for row in rows]
