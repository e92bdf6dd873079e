"""Table ``complaint``: complaints and how far they have come = ``GET /v1/complaints``."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.assignment.domain.care.complaint import (
    AssignComplaint,
    Command,
    ComplaintAnswered,
    ComplaintConfirmed,
    ComplaintReceived,
    ConfirmComplaint,
    Consulted,
    ReceiveComplaint,
)
from services.assignment.domain.policy import Policies
from services.assignment.views import manager
from services.assignment.views.policy import policies
from services.assignment.views.portfolio import HELD
from services.assignment.views.record import seal_texts
from shared.contracts.assignment import ComplaintAssigned
from shared.kernel.event import Fact, StoredEvent

_RECEIVE = text(
    "INSERT INTO complaint (complaint_id, customer_id, received_on, channel, due_on, status, sealed) "
    "VALUES (:complaint_id, :customer_id, :received_on, :channel, :due_on, 'received', :sealed)"
)
_ASSIGN = text(
    "UPDATE complaint SET status = 'assigned', manager_id = :manager_id, assigned_on = :assigned_on "
    "WHERE complaint_id = :complaint_id"
)
_ANSWER = text(
    "UPDATE complaint SET status = 'answered', answered_on = :answered_on, answered_by = :answered_by, "
    "in_time = :in_time, sealed_answer = :sealed, confirmed_on = NULL, confirmed_by = NULL, satisfied = NULL "
    "WHERE complaint_id = :complaint_id"
)
_CONFIRM = text(
    "UPDATE complaint SET status = CASE WHEN :satisfied THEN 'confirmed' ELSE 'assigned' END, "
    "due_on = coalesce(cast(:due_on AS date), due_on), "
    "confirmed_on = :confirmed_on, confirmed_by = :confirmed_by, satisfied = :satisfied "
    "WHERE complaint_id = :complaint_id"
)


def _statement(fact: Fact) -> TextClause | None:
    """What a fact does to its complaint's row; None for the facts of others."""
    match fact:
        case ComplaintReceived():
            return _RECEIVE
        case ComplaintAssigned():
            return _ASSIGN
        case ComplaintAnswered():
            return _ANSWER
        case ComplaintConfirmed():
            return _CONFIRM
        case _:
            return None


class ComplaintView:
    """One row a complaint; of several answers the last."""

    tables = ("complaint",)

    async def project(self, connection: AsyncConnection, events: Sequence[StoredEvent]) -> None:
        for event in events:
            statement = _statement(event.fact)
            if statement is not None:
                wanted = statement.compile().params
                await connection.execute(statement, {name: getattr(event.fact, name) for name in wanted})


@dataclass(frozen=True, slots=True)
class Complaint:
    """A complaint as it stands; text and answer are ``sealed``."""

    complaint_id: str
    customer_id: str
    received_on: date
    channel: str
    due_on: date
    status: str
    manager_id: str | None
    assigned_on: date | None
    answered_on: date | None
    answered_by: str | None
    in_time: bool | None
    confirmed_on: date | None
    confirmed_by: str | None
    satisfied: bool | None
    sealed: str
    sealed_answer: str | None

    @property
    def stream(self) -> str:
        return f"complaint-{self.customer_id}#{self.complaint_id}"

    @property
    def written(self) -> Sequence[str]:
        """What is sealed of it."""
        return (self.sealed,) if self.sealed_answer is None else (self.sealed, self.sealed_answer)

    def shown(self, texts: Mapping[str, str]) -> dict[str, object]:
        """As callers see it, with those texts that they may read."""
        values = asdict(self)
        del values["sealed"], values["sealed_answer"]
        return {**values, "text": texts.get("text"), "answer": texts.get("answer")}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which complaints a caller asks for; None for any. ``today`` is the day by which one is overdue."""

    today: date
    status: str | None = None
    manager_id: str | None = None
    customer_id: str | None = None
    overdue: bool | None = None


async def consult(connection: AsyncConnection, commands: Sequence[Command]) -> Consulted:
    """The texts, sealed, the managers on record among those named, and all policies where a deadline is set."""
    named = {command.manager_id for command in commands if isinstance(command, AssignComplaint)}
    timed = any(isinstance(command, ReceiveComplaint | ConfirmComplaint) for command in commands)
    return Consulted(
        await seal_texts(connection, commands),
        await manager.known(connection, named) if named else frozenset(),
        await policies(connection) if timed else Policies(),
    )


_SELECT = (
    HELD  # noqa: S608  # constants
    + """
    SELECT complaint_id, customer_id, received_on, channel, due_on, status, manager_id, assigned_on, answered_on,
           answered_by, in_time, confirmed_on, confirmed_by, satisfied, sealed, sealed_answer
    FROM complaint
    WHERE (cast(:manager_id AS text) IS NULL OR manager_id = :manager_id
           OR customer_id IN (SELECT customer_id FROM held))
    """
)
"""The complaints that a manager sees: those assigned to them, and those of customers looked after on ``:day``."""

_FIND = text(_SELECT + " AND complaint_id = :complaint_id")
_LISTED = text(
    _SELECT
    + """
      AND complaint_id > :after
      AND (cast(:status AS text) IS NULL OR status = :status)
      AND (cast(:assigned AS text) IS NULL OR manager_id = :assigned)
      AND (cast(:customer_id AS text) IS NULL OR customer_id = :customer_id)
      AND (cast(:overdue AS boolean) IS NULL
           OR :overdue = (status IN ('received', 'assigned') AND due_on < :day))
    ORDER BY complaint_id LIMIT :limit
    """
)


async def find(
    connection: AsyncConnection, complaint_id: str, own: str | None, day: date
) -> Complaint | None:
    """A complaint; only one that the manager ``own`` sees, if there is one named."""
    values = {"complaint_id": complaint_id, "manager_id": own, "day": day}
    row = (await connection.execute(_FIND, values)).first()
    return Complaint(**row._mapping) if row else None


async def listed(
    connection: AsyncConnection, own: str | None, wanted: Wanted, after: str, limit: int
) -> list[Complaint]:
    """The complaints that are wanted, in the order in which they were recorded, beyond a place."""
    values = {
        "manager_id": own,
        "day": wanted.today,
        "after": after,
        "status": wanted.status,
        "assigned": wanted.manager_id,
        "customer_id": wanted.customer_id,
        "overdue": wanted.overdue,
        "limit": limit,
    }
    return [Complaint(**row._mapping) for row in await connection.execute(_LISTED, values)]
