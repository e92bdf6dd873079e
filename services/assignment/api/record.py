"""Who may write and read records about customers: managers for their customers, the office for all, departments own."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Protocol, TypeVar

from fastapi import Depends
from sqlalchemy.ext.asyncio import AsyncConnection

from services.assignment.api.access import no_customer
from services.assignment.domain.record import customer_stream
from services.assignment.views import customer, portfolio
from services.assignment.views.record import open_texts
from shared.infrastructure.auth import Forbidden, Principal, Role, allow
from shared.infrastructure.bank_time import today
from shared.infrastructure.database import Database
from shared.infrastructure.http.problems import malformed

OFFICE = (Role.ASSIGNER, Role.APPROVER)
"""Who may record what concerns any customer."""

SEES_ALL = (*OFFICE, Role.AUDITOR)
"""Who sees what was recorded of any customer; not what people wrote, but for auditors."""

Carer = Annotated[Principal, Depends(allow(Role.MANAGER, *OFFICE))]
"""A caller who may record what concerns a customer: a manager of theirs, or the office."""

CareReader = Annotated[Principal, Depends(allow(Role.MANAGER, *OFFICE, reads=True))]
"""A caller who may see what was recorded of customers, or of their own."""

ManyReader = Annotated[
    Principal,
    Depends(allow(Role.MANAGER, Role.DEPARTMENT_HEAD, *OFFICE, reads=True)),
]
"""The same, with the heads of departments for what was sent to theirs."""


def reading_manager(caller: Principal) -> str | None:
    """The manager to whose customers a caller who reads is confined; None for those who see all."""
    return None if caller.has(*SEES_ALL) else caller.manager


def writing_manager(caller: Principal, *office: Role) -> str | None:
    """The manager to whose customers a caller who records is confined; None for ``office`` and admins."""
    return None if caller.has(*office) else caller.manager


def acting_manager(caller: Principal, own: str | None, manager_id: str | None) -> str:
    """Whose doing is recorded: a manager's ``own``, or that of the one whom the office names.

    Raises Forbidden for a manager who names another one, and a 422 where nobody is named.
    """
    if own is not None and manager_id not in (None, own):
        raise Forbidden("A manager records their own work only.")
    acting = manager_id or caller.manager
    if acting is None:
        raise malformed("manager_id", "is required", "body")
    return acting


async def check_care(database: Database, own: str | None, customer_id: str) -> None:
    """Raises Unknown for a customer who is not on record, or not looked after today by the manager ``own``."""
    async with database.snapshot() as connection:
        await check_cared_for(connection, own, customer_id)


async def check_cared_for(connection: AsyncConnection, own: str | None, customer_id: str) -> None:
    """The same, in a snapshot that is there already."""
    if own is None:
        found = await customer.find(connection, customer_id) is not None
    else:
        found = bool(await portfolio.held(connection, own, [customer_id], today()))
    if not found:
        raise no_customer(customer_id)


class Written(Protocol):
    """A row of a view with sealed texts."""

    @property
    def customer_id(self) -> str | None: ...

    @property
    def written(self) -> Sequence[str]: ...

    def shown(self, texts: Mapping[str, str]) -> dict[str, object]: ...


WrittenT = TypeVar("WrittenT", bound=Written)


def _nobody(_: object) -> bool:
    return False


async def shown(
    connection: AsyncConnection,
    caller: Principal,
    rows: Sequence[WrittenT],
    concerns: Callable[[WrittenT], bool] = _nobody,
) -> list[dict[str, object]]:
    """Rows as the caller sees them, a text being null where it is not theirs to read, or was erased.

    Auditors and admins read all, managers what concerns the customers looked after today; beside them those whom
    a row itself ``concerns``: who is to answer it, or wrote it.
    """
    held: frozenset[str] = frozenset()
    if caller.manager is not None and rows:
        named = {row.customer_id for row in rows if row.customer_id is not None}
        held = await portfolio.held(connection, caller.manager, named, today())
    reads_all = caller.has(Role.AUDITOR)
    readable = [
        row.customer_id is not None and (reads_all or row.customer_id in held or concerns(row))
        for row in rows
    ]
    texts = await open_texts(
        connection,
        [
            (customer_stream(row.customer_id or ""), row.written if may else ())
            for row, may in zip(rows, readable, strict=True)
        ],
    )
    return [row.shown(found) for row, found in zip(rows, texts, strict=True)]
