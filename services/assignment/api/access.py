"""Who may see whom, and by what name: managers their own record and customers, the others all."""

from collections.abc import Collection, Mapping
from typing import Annotated

from fastapi import Depends, Query
from sqlalchemy.ext.asyncio import AsyncConnection

from services.assignment.domain.personal import mask
from services.assignment.views import manager, portfolio
from services.assignment.views.customer import Customer
from services.assignment.views.personal import names
from services.assignment.views.portfolio import Holding
from shared.contracts.types import BusinessDate
from shared.infrastructure.auth import Principal, Role, allow
from shared.infrastructure.bank_time import today
from shared.infrastructure.database import Database
from shared.kernel.errors import Unknown

OVERSEES = (Role.ASSIGNER, Role.APPROVER, Role.AUDITOR)
"""Who oversees all managers, by name, and what they do for customers."""

SEES_ALL = (*OVERSEES, Role.ACCOUNTANT, Role.DEPARTMENT_HEAD)
SEES_CUSTOMER_NAMES = (Role.AUDITOR,)
"""Beside an admin, and the managers of the customer."""

Assigner = Annotated[Principal, Depends(allow(Role.ASSIGNER, Role.APPROVER))]
"""A caller who may put people on record and assign customers."""

Approver = Annotated[Principal, Depends(allow(Role.APPROVER))]
"""A caller who may decide on proposals."""

ProposalReader = Annotated[Principal, Depends(allow(Role.ASSIGNER, Role.APPROVER, reads=True))]

ProfileWriter = Annotated[Principal, Depends(allow(Role.MANAGER))]
"""A caller who may keep the personal data of customers: their managers."""

Reader = Annotated[
    Principal,
    Depends(
        allow(Role.ASSIGNER, Role.APPROVER, Role.ACCOUNTANT, Role.DEPARTMENT_HEAD, Role.MANAGER, reads=True)
    ),
]
"""A caller who may see managers and customers, or their own of them."""

CareerReader = Annotated[Principal, Depends(allow(Role.ASSIGNER, Role.APPROVER, Role.MANAGER, reads=True))]
"""A caller who may see what happened to managers, or to themselves: measures and their grounds are nobody else's."""

Appellant = Annotated[Principal, Depends(allow(Role.ASSIGNER, Role.APPROVER, Role.MANAGER))]
"""A manager who objects to a measure, or somebody of the office for them."""

AsOf = Annotated[BusinessDate | None, Query(description="YYYY-MM-DD, today if left out")]


def only_manager(caller: Principal) -> str | None:
    """The manager to whose own records the caller is confined; None for those who see all."""
    return None if caller.has(*SEES_ALL) else caller.subject


def no_manager(manager_id: str) -> Unknown:
    """To be raised for a manager who does not exist, or not for this caller: nobody can tell which."""
    return Unknown(f"there is no manager {manager_id}")


def no_customer(customer_id: str) -> Unknown:
    """To be raised for a customer that does not exist, or not for this caller: nobody can tell which."""
    return Unknown(f"there is no customer {customer_id}")


def check_manager(caller: Principal, manager_id: str) -> None:
    """Raises Unknown for a manager who is not the caller's to see."""
    if only_manager(caller) not in (None, manager_id):
        raise no_manager(manager_id)


def check_own(caller: Principal, manager_id: str, *office: Role) -> None:
    """Raises Unknown for a manager who is not the caller, unless the caller has a role of ``office``."""
    if not caller.has(*office) and caller.manager != manager_id:
        raise no_manager(manager_id)


async def check_on_record(database: Database, manager_id: str) -> None:
    """Raises Unknown for a manager who is not on record."""
    async with database.read() as connection:
        if not await manager.known(connection, [manager_id]):
            raise no_manager(manager_id)


async def check_customer(connection: AsyncConnection, caller: Principal, customer_id: str) -> None:
    """Raises Unknown for a customer that the caller may see none of, looking after it not today."""
    own = only_manager(caller)
    if own is not None and not await portfolio.held(connection, own, [customer_id], today()):
        raise no_customer(customer_id)


async def customer_names(
    connection: AsyncConnection, caller: Principal, customers: Collection[Customer | Holding]
) -> Mapping[str, str]:
    """The names of customers by id as the caller may see them: whole for those who look after them today.

    Absent is who was erased.
    """
    own = await known_customers(connection, caller, [one.customer_id for one in customers])
    known = await names(connection, {one.stream: one.sealed for one in customers})
    return {
        one.customer_id: _shown(known[one.stream], one.customer_id in own)
        for one in customers
        if one.stream in known
    }


async def known_customers(
    connection: AsyncConnection, caller: Principal, customer_ids: Collection[str]
) -> Collection[str]:
    """Those of these customers whose personal data the caller may read."""
    if caller.has(*SEES_CUSTOMER_NAMES):
        return customer_ids
    if caller.manager is None:
        return ()
    return await portfolio.held(connection, caller.manager, customer_ids, today())


def manager_name(caller: Principal, manager_id: str, name: str | None) -> str | None:
    """A manager's name as the caller may see it; None where it was erased."""
    whole = caller.has(*OVERSEES) or caller.manager == manager_id
    return None if name is None else _shown(name, whole)


def _shown(name: str, whole: bool) -> str:
    return name if whole else mask(name)
