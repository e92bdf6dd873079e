"""Tables ``manager`` and ``standing``: managers and what they are from which day on = ``GET /v1/managers``,
``/v1/managers/{manager_id}``."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.assignment.domain.grade import Grade
from services.assignment.domain.manager import (
    DECIDER,
    Command,
    Consulted,
    ManagerRegistered,
    RegisterManager,
    TellOfManager,
)
from services.assignment.domain.standing import Career, Standing, Status
from services.assignment.domain.tenure import Manager as Tenure
from services.assignment.views.personal import seal_names
from services.assignment.views.policy import policies
from services.assignment.views.portfolio import left_behind
from shared.contracts.assignment import ManagerDeparted
from shared.infrastructure.database import copy, driver_of
from shared.infrastructure.event_store import History
from shared.kernel.event import StoredEvent

_COLUMNS = ("manager_id", "hired_on", "confirmed_on", "confidentiality_signed_on", "departed_on", "sealed")
_STANDING = ("manager_id", "effective_from", "status", "grade", "branch_id", "team_id", "sworn")
_PUT = """
    INSERT INTO manager (manager_id, hired_on, confirmed_on, confidentiality_signed_on, departed_on, sealed)
    SELECT * FROM unnest($1::text[], $2::date[], $3::date[], $4::date[], $5::date[], $6::text[])
    ON CONFLICT (manager_id) DO UPDATE
        SET confirmed_on = excluded.confirmed_on, departed_on = excluded.departed_on,
            confidentiality_signed_on = excluded.confidentiality_signed_on
"""


class ManagerView:
    """One row a manager, and one for each day on which a standing begins.

    Written anew from the manager's whole history whenever it grows: a late word may change any of them.
    """

    tables = ("manager", "standing")
    takes = None  # whatever is said of a manager

    def __init__(self, history: History) -> None:
        self._history = history

    async def project(self, connection: AsyncConnection, events: Sequence[StoredEvent]) -> None:
        prefix = "manager-"
        streams = {event.stream for event in events if event.stream.startswith(prefix)}
        if not streams:
            return
        tenures: dict[str, Tenure] = {}
        for event in await self._history.of_streams(connection, streams):
            tenures[event.stream] = DECIDER.evolve(tenures.get(event.stream, Tenure()), event.fact)
        known = sorted((stream.removeprefix(prefix), tenure) for stream, tenure in tenures.items())
        driver = await driver_of(connection)
        await driver.execute(_PUT, *zip(*(_row(tenure) for _, tenure in known), strict=True))
        await driver.execute("DELETE FROM standing WHERE manager_id = ANY($1)", [one for one, _ in known])
        rows = [
            (manager_id, *(getattr(one, column) for column in _STANDING[1:]))
            for manager_id, tenure in known
            for one in tenure.career().standings
        ]
        await copy(connection, "standing", _STANDING, rows)


def _row(tenure: Tenure) -> tuple[object, ...]:
    registered = tenure.registered
    assert isinstance(registered, ManagerRegistered)  # a history begins with it
    return (
        registered.manager_id,
        registered.hired_on,
        tenure.confirmed_on,
        tenure.sworn_on,
        tenure.departed_on,
        registered.sealed,
    )


@dataclass(frozen=True, slots=True)
class Manager:
    """A manager as of a day; the name is ``sealed``. Without ``status``: not with the bank on that day."""

    manager_id: str
    branch_id: str | None
    team_id: str | None
    grade: str | None
    status: str | None
    hired_on: date | None
    confirmed_on: date | None
    confidentiality_signed_on: date | None
    departed_on: date | None
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
    SELECT manager_id, branch_id, team_id, grade, status,
           hired_on, confirmed_on, confidentiality_signed_on, departed_on, sealed
    FROM manager LEFT JOIN LATERAL (
        SELECT branch_id, team_id, grade, status FROM standing
        WHERE standing.manager_id = manager.manager_id AND standing.effective_from <= :day
        ORDER BY standing.effective_from DESC LIMIT 1
    ) AS present ON true
"""


async def consult(connection: AsyncConnection, commands: Sequence[Command]) -> Consulted:
    """The names of new managers, sealed, the policies, and what a departing manager would leave behind.

    Managers are locked as those who assign customers lock them, so that nobody gains a customer while leaving.
    """
    registrations = [command for command in commands if isinstance(command, RegisterManager)]
    leaving = {
        command: command.told
        for command in commands
        if isinstance(command, TellOfManager) and isinstance(command.told, ManagerDeparted)
    }
    await lock(connection, {told.manager_id for told in leaving.values()})
    return Consulted(
        await seal_names(connection, registrations) if registrations else {},
        await policies(connection),
        {
            command: await left_behind(connection, told.manager_id, told.departed_on)
            for command, told in leaving.items()
        },
    )


async def lock(connection: AsyncConnection, manager_ids: Collection[str]) -> None:
    """Let nobody else give customers to these managers until the transaction ends; in order, so nobody deadlocks."""
    if manager_ids:
        driver = await driver_of(connection)
        await driver.execute(
            "SELECT FROM manager WHERE manager_id = ANY($1) ORDER BY manager_id FOR NO KEY UPDATE",
            list(manager_ids),
        )


async def known(connection: AsyncConnection, manager_ids: Collection[str]) -> frozenset[str]:
    """Those of these managers who are on record."""
    rows = await connection.execute(
        text("SELECT manager_id FROM manager WHERE manager_id = ANY(:ids)"), {"ids": list(manager_ids)}
    )
    return frozenset(rows.scalars())


async def careers(
    connection: AsyncConnection, manager_ids: Collection[str] | None = None
) -> Mapping[str, Career]:
    """The standings of these managers, or of all, as the rules want them; absent is who is not on record."""
    driver = await driver_of(connection)
    rows = await driver.fetch(
        f"SELECT {', '.join(_STANDING)} FROM standing "  # noqa: S608  # constants
        "WHERE $1::text[] IS NULL OR manager_id = ANY($1) ORDER BY manager_id, effective_from",
        None if manager_ids is None else list(manager_ids),
    )
    standings: dict[str, list[Standing]] = {}
    for manager_id, day, status, grade, branch_id, team_id, sworn in rows:
        one = Standing(day, Status(status), Grade(grade), branch_id, team_id, sworn)
        standings.setdefault(manager_id, []).append(one)
    return {manager_id: Career(tuple(own)) for manager_id, own in standings.items()}


async def find(connection: AsyncConnection, manager_id: str, day: date) -> Manager | None:
    """A manager on record, as of a day."""
    rows = await connection.execute(text(_SELECT + " WHERE manager_id = :id"), {"id": manager_id, "day": day})
    row = rows.first()
    return Manager(**row._mapping) if row else None


async def listed(
    connection: AsyncConnection,
    after: str,
    limit: int,
    only: str | None,
    day: date,
    status: str | None = None,
) -> list[Manager]:
    """Managers in order of id beyond a place, as of a day; all, those of a status, or the only one that the caller
    may see."""
    rows = await connection.execute(
        text(
            _SELECT + " WHERE manager_id > :after AND (cast(:only AS text) IS NULL OR manager_id = :only) "
            "AND (cast(:status AS text) IS NULL OR status = :status) "
            "ORDER BY manager_id LIMIT :limit"
        ),
        {"after": after, "limit": limit, "only": only, "day": day, "status": status},
    )
    return [Manager(**row._mapping) for row in rows]
