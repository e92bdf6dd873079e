"""Table ``manager``: managers on record = ``GET /v1/managers``, ``/v1/managers/{manager_id}``."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import date

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.assignment.domain.manager import ManagerRegistered, RegisterManager
from services.assignment.views.personal import seal_names
from shared.infrastructure.database import copy
from shared.kernel.event import StoredEvent

_COLUMNS = (
    "manager_id",
    "branch_id",
    "team_id",
    "grade",
    "hired_on",
    "confirmed_on",
    "confidentiality_signed_on",
    "sealed",
)


class ManagerView:
    """One row a manager."""

    tables = ("manager",)

    async def project(self, connection: AsyncConnection, events: Sequence[StoredEvent]) -> None:
        rows = [
            tuple(getattr(event.fact, column) for column in _COLUMNS)
            for event in events
            if isinstance(event.fact, ManagerRegistered)
        ]
        if rows:
            await copy(connection, "manager", _COLUMNS, rows)


@dataclass(frozen=True, slots=True)
class Manager:
    """A manager on record; the name is ``sealed``."""

    manager_id: str
    branch_id: str
    team_id: str | None
    grade: str
    hired_on: date | None
    confirmed_on: date | None
    confidentiality_signed_on: date | None
    sealed: str

    @property
    def stream(self) -> str:
        return f"manager-{self.manager_id}"

    def shown(self, name: str | None) -> dict[str, object]:
        """As callers see the manager, under a name that is whole, masked, or None where it was erased."""
        values = asdict(self)
        del values["sealed"]
        return {"manager_id": values.pop("manager_id"), "name": name, **values}


_SELECT = """
    SELECT manager_id, branch_id, team_id, grade, hired_on, confirmed_on, confidentiality_signed_on, sealed
    FROM manager
"""


async def consult(
    connection: AsyncConnection, commands: Sequence[RegisterManager]
) -> dict[RegisterManager, str]:
    """The names of new managers, sealed."""
    return await seal_names(connection, commands)


async def known(connection: AsyncConnection, manager_ids: Collection[str]) -> frozenset[str]:
    """Those of these managers who are on record."""
    rows = await connection.execute(
        text("SELECT manager_id FROM manager WHERE manager_id = ANY(:ids)"), {"ids": list(manager_ids)}
    )
    return frozenset(rows.scalars())


async def find(connection: AsyncConnection, manager_id: str) -> Manager | None:
    """A manager on record."""
    rows = await connection.execute(text(_SELECT + " WHERE manager_id = :id"), {"id": manager_id})
    row = rows.first()
    return Manager(**row._mapping) if row else None


async def listed(connection: AsyncConnection, after: str, limit: int, only: str | None) -> list[Manager]:
    """Managers in order of id beyond a place; all, or the only one that the caller may see."""
    rows = await connection.execute(
        text(
            _SELECT + " WHERE manager_id > :after AND (cast(:only AS text) IS NULL OR manager_id = :only) "
            "ORDER BY manager_id LIMIT :limit"
        ),
        {"after": after, "limit": limit, "only": only},
    )
    return [Manager(**row._mapping) for row in rows]
