"""Table ``customer``: customers on record = ``GET /v1/customers``, ``/v1/customers/{customer_id}``."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.assignment.domain.assignment import Staff
from services.assignment.domain.customer import (
    AssignCustomer,
    ChangeProfile,
    Command,
    Consulted,
    CustomerRegistered,
    ErasePersonalData,
    ProfileChanged,
    RegisterCustomer,
)
from services.assignment.domain.load import Loads, Looked
from services.assignment.domain.timeline import Timeline
from services.assignment.views import manager
from services.assignment.views.assignment import timelines
from services.assignment.views.personal import seal_names, seal_profiles
from services.assignment.views.policy import policies
from services.assignment.views.portfolio import HELD, burdens
from shared.contracts.assignment import CustomerMoved, CustomerTierChanged
from shared.infrastructure.database import copy, driver_of
from shared.infrastructure.sealed import erase
from shared.kernel.event import StoredEvent

_COLUMNS = ("customer_id", "kind", "region", "industry", "tier", "branch_id", "sealed", "registered_on")
_PARTICULARS = {
    "CustomerRegistered": ("kind", "region", "industry", "tier", "branch_id"),
    "CustomerMoved": ("kind", "region", "industry", "branch_id"),
    "CustomerTierChanged": ("tier",),
}
"""What each event says of a customer."""

_MOVED = """
    UPDATE customer SET kind = moved.kind, region = moved.region, industry = moved.industry,
                        branch_id = moved.branch_id
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
         AS moved (customer_id, kind, region, industry, branch_id)
    WHERE customer.customer_id = moved.customer_id
"""
_TIER = """
    UPDATE customer SET tier = changed.tier FROM unnest($1::text[], $2::text[]) AS changed (customer_id, tier)
    WHERE customer.customer_id = changed.customer_id
"""
_SEALED = """
    UPDATE customer SET sealed = changed.sealed FROM unnest($1::text[], $2::text[]) AS changed (customer_id, sealed)
    WHERE customer.customer_id = changed.customer_id
"""


class CustomerView:
    """One row a customer, as it is now."""

    tables = ("customer",)
    takes = frozenset({CustomerRegistered, CustomerMoved, CustomerTierChanged, ProfileChanged})

    async def project(self, connection: AsyncConnection, events: Sequence[StoredEvent]) -> None:
        registered: list[tuple[object, ...]] = []
        moved: dict[str, tuple[object, ...]] = {}
        tiers: dict[str, tuple[object, ...]] = {}
        sealed: dict[str, tuple[object, ...]] = {}
        for event in events:
            match event.fact:
                case CustomerRegistered() as one:
                    registered.append(
                        (*(getattr(one, column) for column in _COLUMNS[:-1]), one.business_date)
                    )
                case CustomerMoved() as one:
                    moved[one.customer_id] = (one.kind, one.region, one.industry, one.branch_id)
                case CustomerTierChanged() as one:
                    tiers[one.customer_id] = (one.tier,)
                case ProfileChanged() as one:
                    sealed[one.customer_id] = (one.sealed,)
        if registered:
            await copy(connection, "customer", _COLUMNS, registered)
        driver = await driver_of(connection)
        for statement, changes in ((_MOVED, moved), (_TIER, tiers), (_SEALED, sealed)):
            if changes:
                rows = [(customer_id, *values) for customer_id, values in sorted(changes.items())]
                await driver.execute(statement, *(list(column) for column in zip(*rows, strict=True)))


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer on record; the name is ``sealed``."""

    customer_id: str
    kind: str
    region: str
    industry: str
    tier: str
    branch_id: str
    registered_on: date
    sealed: str

    @property
    def stream(self) -> str:
        return f"customer-{self.customer_id}"

    def shown(self, name: str | None) -> dict[str, object]:
        """As callers see the customer, under a name that is whole, masked, or None where it was erased."""
        values = asdict(self)
        del values["sealed"]
        return {"customer_id": values.pop("customer_id"), "name": name, **values}


_SELECT = "SELECT customer_id, kind, region, industry, tier, branch_id, registered_on, sealed FROM customer"


async def consult(connection: AsyncConnection, commands: Sequence[Command]) -> Consulted:
    """Personal data sealed, keys of the erased thrown away, and the staff that assignments name."""
    registrations = [command for command in commands if isinstance(command, RegisterCustomer)]
    profiles = [command for command in commands if isinstance(command, ChangeProfile)]
    assignments = [command for command in commands if isinstance(command, AssignCustomer)]
    sealed: dict[Command, str] = {}
    if registrations:
        sealed |= dict((await seal_names(connection, registrations)).items())
    if profiles:
        sealed |= dict((await seal_profiles(connection, profiles)).items())
    for command in commands:
        if isinstance(command, ErasePersonalData):
            # in the transaction of the event that tells of it; a customer not on record has no key
            await erase(connection, command.stream)
    return Consulted(sealed, await staff(connection, assignments) if assignments else Staff())


async def staff(connection: AsyncConnection, assignments: Sequence[AssignCustomer]) -> Staff:
    """All that these assignments are judged by; their managers are locked, so that nobody else loads them."""
    today = min(command.today for command in assignments)
    customers = sorted({command.assigned.customer_id for command in assignments})
    named = {share.manager_id for command in assignments for share in command.assigned.shares}
    await manager.lock(connection, named)
    known = await policies(connection)
    policy = known.in_force(today)
    tiers = await tiers_of(connection, customers)
    held = await timelines(connection, customers)
    looked = {
        customer_id: Looked(policy.tier(tier).weight, held.get(customer_id, Timeline()))
        for customer_id, tier in tiers.items()
    }
    others = await burdens(connection, named, customers, policy, today)
    return Staff(await manager.careers(connection, named), known, Loads(others, looked))


async def tiers_of(connection: AsyncConnection, customer_ids: Sequence[str]) -> dict[str, str]:
    """The tiers of those of these customers who are on record."""
    rows = await connection.execute(
        text("SELECT customer_id, tier FROM customer WHERE customer_id = ANY(:ids)"),
        {"ids": list(customer_ids)},
    )
    return {row.customer_id: row.tier for row in rows}


async def as_of(connection: AsyncConnection, customers: Sequence[Customer], day: date) -> list[Customer]:
    """The customers as they were at the end of a day by what was recorded since; names are the present ones."""
    rows = await connection.execute(
        text(
            "SELECT stream, type, data, business_date FROM event "
            "WHERE stream = ANY(:streams) AND type = ANY(:types) ORDER BY stream, version"
        ),
        {"streams": [one.stream for one in customers], "types": list(_PARTICULARS)},
    )
    known = {one.stream: one for one in customers}
    for row in rows:
        if row.type == "CustomerRegistered" or row.business_date <= day:
            said = orjson.loads(row.data)
            values = {name: said[name] for name in _PARTICULARS[row.type]}
            known[row.stream] = replace(known[row.stream], **values)
    return list(known.values())


async def found(connection: AsyncConnection, customer_ids: Collection[str]) -> list[Customer]:
    """Those of these customers who are on record."""
    rows = await connection.execute(
        text(_SELECT + " WHERE customer_id = ANY(:ids)"), {"ids": list(customer_ids)}
    )
    return [Customer(**row._mapping) for row in rows]


async def find(connection: AsyncConnection, customer_id: str) -> Customer | None:
    """A customer on record."""
    return next(iter(await found(connection, [customer_id])), None)


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
