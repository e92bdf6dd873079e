"""Table ``complaint``: complaints and how far they have come = ``GET /v1/complaints``."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.assignment.domain.care.complaint import (
    UNANSWERED,
    AssignComplaint,
    Command,
    ComplaintAnswered,
    ComplaintConfirmed,
    ComplaintReceived,
    ConfirmComplaint,
    Consulted,
    ReceiveComplaint,
    Status,
    stream_of,
)
from services.assignment.domain.policy import Policies
from services.assignment.views import manager
from services.assignment.views.policy import policies
from services.assignment.views.portfolio import HELD
from services.assignment.views.record import seal_texts
from shared.contracts.assignment import ComplaintAssigned
from shared.infrastructure.fold import Fold, RowView, readers
from shared.kernel.event import StoredEvent


@dataclass(frozen=True, slots=True)
class Complaint:
    """A complaint as it stands; text and answer are ``sealed``."""

    complaint_id: str
    customer_id: str
    received_on: date
    channel: str
    due_on: date
    status: str
    sealed: str
    manager_id: str | None = None
    assigned_on: date | None = None
    answered_on: date | None = None
    answered_by: str | None = None
    in_time: bool | None = None
    confirmed_on: date | None = None
    confirmed_by: str | None = None
    satisfied: bool | None = None
    sealed_answer: str | None = None

    @property
    def unanswered(self) -> bool:
        """Whether somebody is still to answer it."""
        return self.status in UNANSWERED

    @property
    def stream(self) -> str:
        return stream_of(self.customer_id, self.complaint_id)

    @property
    def written(self) -> Sequence[str]:
        """What is sealed of it."""
        return (self.sealed,) if self.sealed_answer is None else (self.sealed, self.sealed_answer)

    def shown(self, texts: Mapping[str, str]) -> dict[str, object]:
        """As callers see it, with those texts that they may read."""
        values = asdict(self)
        del values["sealed"], values["sealed_answer"]
        return {**values, "text": texts.get("text"), "answer": texts.get("answer")}


def _begin(event: StoredEvent) -> Complaint:
    fact = event.fact
    assert isinstance(fact, ComplaintReceived)  # what the stream of a complaint begins with
    return Complaint(
        complaint_id=fact.complaint_id,
        customer_id=fact.customer_id,
        received_on=fact.received_on,
        channel=fact.channel,
        due_on=fact.due_on,
        status=Status.RECEIVED.value,
        sealed=fact.sealed,
    )


def _evolve(complaint: Complaint, event: StoredEvent) -> Complaint:
    match event.fact:
        case ComplaintAssigned() as fact:
            return replace(
                complaint,
                status=Status.ASSIGNED.value,
                manager_id=fact.manager_id,
                assigned_on=fact.assigned_on,
            )
        case ComplaintAnswered() as fact:
            return replace(
                complaint,
                status=Status.ANSWERED.value,
                manager_id=fact.manager_id,
                answered_on=fact.answered_on,
                answered_by=fact.answered_by,
                in_time=fact.in_time,
                sealed_answer=fact.sealed,
                confirmed_on=None,
                confirmed_by=None,
                satisfied=None,
            )
        case fact:
            assert isinstance(fact, ComplaintConfirmed)  # the only other event of a complaint
            return replace(
                complaint,
                status=Status.CONFIRMED.value if fact.satisfied else Status.ASSIGNED.value,
                due_on=fact.due_on or complaint.due_on,
                confirmed_on=fact.confirmed_on,
                confirmed_by=fact.confirmed_by,
                satisfied=fact.satisfied,
            )


COMPLAINTS = Fold(
    _begin, _evolve, readers(ComplaintReceived, ComplaintAssigned, ComplaintAnswered, ComplaintConfirmed)
)


class ComplaintView(RowView):
    """One row a complaint; of several answers the last."""

    tables = ("complaint",)
    takes = frozenset({ComplaintReceived, ComplaintAssigned, ComplaintAnswered, ComplaintConfirmed})
    fold = COMPLAINTS


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which complaints a caller asks for; None for any. ``day`` is the day by which one is overdue."""

    day: date
    status: str | None = None
    manager_id: str | None = None
    customer_id: str | None = None
    overdue: bool | None = None

    @property
    def lasting(self) -> "Wanted":
        """The part of it that a complaint fits for ever or never."""
        return Wanted(self.day, customer_id=self.customer_id)

    def fits(self, complaint: Complaint) -> bool:
        """Whether the rest of it fits."""
        overdue = complaint.unanswered and complaint.due_on < self.day
        return (
            self.status in (None, complaint.status)
            and self.manager_id in (None, complaint.manager_id)
            and self.overdue in (None, overdue)
        )


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
           OR :overdue = (status IN ('received', 'assigned') AND due_on < :by))
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
    connection: AsyncConnection, own: str | None, today: date, wanted: Wanted, after: str, limit: int
) -> list[Complaint]:
    """The complaints that are wanted, in the order in which they were recorded, beyond a place; all, or those that the
    manager ``own`` sees today."""
    values = {
        "manager_id": own,
        "day": today,
        "by": wanted.day,
        "after": after,
        "status": wanted.status,
        "assigned": wanted.manager_id,
        "customer_id": wanted.customer_id,
        "overdue": wanted.overdue,
        "limit": limit,
    }
    return [Complaint(**row._mapping) for row in await connection.execute(_LISTED, values)]


async def unanswered_on(
    connection: AsyncConnection, customer_ids: Collection[str], day: date
) -> list[Complaint]:
    """The complaints of these customers that somebody was still to answer at the end of a day."""
    rows = await connection.execute(
        text("SELECT customer_id, complaint_id FROM complaint WHERE customer_id = ANY(:ids)"),
        {"ids": list(customer_ids)},
    )
    states = await COMPLAINTS.as_of(connection, [stream_of(*row) for row in rows], day)
    return [one for one in states.values() if one.unanswered]
