"""Table ``duty``: duties and what became of them = ``GET /v1/duties``, ``/v1/duties/{duty_id}``."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.assignment.domain.compliance.duty import Consulted, DoDuty, DutyDone, Outstanding, stream_of
from services.assignment.views import portfolio
from services.assignment.views.compliance.responsible import leads_on
from services.assignment.views.portfolio import HELD, IN_FORCE
from services.assignment.views.record import seal_texts
from shared.contracts.assignment.compliance import DutyBreached, DutyKind, DutyRaised
from shared.infrastructure.fold import Fold, RowView, readers
from shared.kernel.event import StoredEvent
from shared.kernel.money import format_money


@dataclass(frozen=True, slots=True)
class Duty:
    """A duty as it stands; the amount in minor units, the note ``sealed``."""

    duty_id: str
    customer_id: str
    kind: str
    raised_on: date
    due_on: date
    reason: str
    amount: int | None
    status: str = "open"
    breached_by: str | None = None
    serious: bool | None = None
    done_on: date | None = None
    done_by: str | None = None
    in_time: bool | None = None
    sealed: str | None = None

    @property
    def stream(self) -> str:
        return stream_of(self.customer_id, self.duty_id)

    @property
    def written(self) -> tuple[str, ...]:
        """The sealed words."""
        return () if self.sealed is None else (self.sealed,)

    def shown(self, responsible: str | None, texts: Mapping[str, str]) -> dict[str, object]:
        """As callers see it, with those of its words that they may read.

        ``manager_id`` is who is ``responsible`` on the day, or was when it was done.
        """
        breach = {"manager_id": self.breached_by, "serious": self.serious}
        return {
            "duty_id": self.duty_id,
            "kind": self.kind,
            "customer_id": self.customer_id,
            "raised_on": self.raised_on,
            "due_on": self.due_on,
            "reason": self.reason,
            "amount": None if self.amount is None else format_money(self.amount),
            "status": self.status,
            "manager_id": responsible if self.done_on is None else self.done_by,
            "breach": breach if self.status == "breached" else None,
            "done_on": self.done_on,
            "in_time": self.in_time,
            "note": texts.get("note"),
        }


def _begin(event: StoredEvent) -> Duty:
    fact = event.fact
    assert isinstance(fact, DutyRaised)  # what the stream of a duty begins with
    return Duty(
        duty_id=fact.duty_id,
        customer_id=fact.customer_id,
        kind=fact.kind.value,
        raised_on=fact.raised_on,
        due_on=fact.due_on,
        reason=fact.reason,
        amount=fact.amount,
    )


def _evolve(duty: Duty, event: StoredEvent) -> Duty:
    fact = event.fact
    if isinstance(fact, DutyBreached):
        return replace(duty, status="breached", breached_by=fact.manager_id, serious=fact.serious)
    assert isinstance(fact, DutyDone)  # the only other event of a duty
    return replace(
        duty,
        status="done" if duty.status == "open" else duty.status,
        done_on=fact.done_on,
        done_by=fact.manager_id,
        in_time=fact.in_time,
        sealed=fact.sealed,
    )


DUTIES = Fold(_begin, _evolve, readers(DutyRaised, DutyBreached, DutyDone))


class DutyView(RowView):
    """One row a duty."""

    tables = ("duty",)
    takes = frozenset({DutyRaised, DutyBreached, DutyDone})
    fold = DUTIES


_COLUMNS = """
    duty.duty_id, duty.customer_id, duty.kind, duty.raised_on, duty.due_on, duty.reason, duty.amount, duty.status,
    duty.breached_by, duty.serious, duty.done_on, duty.done_by, duty.in_time, duty.sealed
"""
_SELECT = f"SELECT {_COLUMNS} FROM duty"  # noqa: S608  # constants
_LED = f"""
    AND duty.customer_id IN (SELECT customer_id FROM portfolio WHERE manager_id = :responsible)
    AND :responsible = (
        SELECT portfolio.manager_id FROM portfolio
        WHERE portfolio.customer_id = duty.customer_id AND {IN_FORCE}
        ORDER BY portfolio.share DESC, portfolio.manager_id LIMIT 1
    )
"""  # noqa: S608  # constants


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which duties to list: of a status, a kind, a customer, due by a day, and for which manager on the day asked
    about."""

    status: str | None = None
    kind: str | None = None
    manager_id: str | None = None
    customer_id: str | None = None
    due_by: date | None = None

    @property
    def lasting(self) -> "Wanted":
        """The part of it that a duty fits for ever or never."""
        return replace(self, status=None, manager_id=None)


async def find(connection: AsyncConnection, duty_id: str) -> Duty | None:
    """A duty."""
    rows = await connection.execute(text(_SELECT + " WHERE duty_id = :id"), {"id": duty_id})
    row = rows.first()
    return Duty(**row._mapping) if row else None


async def listed(
    connection: AsyncConnection,
    wanted: Wanted,
    own: str | None,
    day: date,
    after: tuple[date, str],
    limit: int,
) -> list[Duty]:
    """Duties by due day beyond a place; all, or those of customers whom the manager ``own`` looks after on ``day``."""
    values: dict[str, Any] = {"due": after[0], "id": after[1], "limit": limit, "day": day}
    statement = _SELECT
    if own is not None:
        statement = HELD + _SELECT + " JOIN held ON held.customer_id = duty.customer_id"
        values["manager_id"] = own
    statement += " WHERE (due_on, duty_id) > (cast(:due AS date), cast(:id AS text))"
    for column, value in (("status", wanted.status), ("kind", wanted.kind)):
        if value is not None:
            statement += f" AND duty.{column} = :{column}"
            values[column] = value
    if wanted.customer_id is not None:
        statement += " AND duty.customer_id = :customer_id"
        values["customer_id"] = wanted.customer_id
    if wanted.due_by is not None:
        statement += " AND duty.due_on <= :due_by"
        values["due_by"] = wanted.due_by
    if wanted.manager_id is not None:
        statement += _LED
        values["responsible"] = wanted.manager_id
    rows = await connection.execute(text(statement + " ORDER BY due_on, duty_id LIMIT :limit"), values)
    return [Duty(**row._mapping) for row in rows]


async def as_of(
    connection: AsyncConnection, wanted: Wanted, day: date, streams: Collection[str]
) -> dict[str, Duty]:
    """The duties of these streams as they were at the end of a day, for whomever is wanted to have answered for them
    on that day."""
    states = await DUTIES.as_of(connection, streams, day)
    if wanted.manager_id is None:
        return states
    leads = await portfolio.leads(connection, {one.customer_id for one in states.values()}, day)
    return {stream: one for stream, one in states.items() if leads.get(one.customer_id) == wanted.manager_id}


async def consult(connection: AsyncConnection, commands: Sequence[DoDuty]) -> Consulted:
    """The notes, sealed, and who was responsible today, when the duties were done, and when they were due."""
    rows = await connection.execute(
        text("SELECT customer_id, due_on FROM duty WHERE duty_id = ANY(:ids)"),
        {"ids": [command.duty_id for command in commands]},
    )
    days = {(row.customer_id, row.due_on) for row in rows}
    for command in commands:
        days |= {(command.customer_id, command.today), (command.customer_id, command.done_on)}
    return Consulted(await seal_texts(connection, commands), await leads_on(connection, days))


async def outstanding(connection: AsyncConnection, customer_ids: Collection[str]) -> list[Outstanding]:
    """The duties of these customers that are not done yet, breached or not."""
    rows = await connection.execute(
        text(
            "SELECT duty_id, kind, customer_id, raised_on, due_on, status = 'breached' AS breached FROM duty "
            "WHERE customer_id = ANY(:ids) AND done_on IS NULL ORDER BY customer_id, due_on, duty_id"
        ),
        {"ids": list(customer_ids)},
    )
    return [Outstanding(**{**row._mapping, "kind": DutyKind(row.kind)}) for row in rows]


@dataclass(frozen=True, slots=True)
class OpenDuty:
    """What is still to be done for a customer, in time or no longer; for those who take the customer over."""

    kind: str
    item_id: str
    customer_id: str
    due_on: date


async def open_duties(connection: AsyncConnection, customer_ids: Collection[str]) -> list[OpenDuty]:
    """The duties of these customers that are not done yet, by customer and due day."""
    return [
        OpenDuty(one.kind, one.duty_id, one.customer_id, one.due_on)
        for one in await outstanding(connection, customer_ids)
    ]


async def open_duties_as_of(
    connection: AsyncConnection, customer_ids: Collection[str], day: date
) -> list[OpenDuty]:
    """The same as it was at the end of a day."""
    rows = await connection.execute(
        text(
            "SELECT customer_id, duty_id FROM duty WHERE customer_id = ANY(:ids) "
            "ORDER BY customer_id, due_on, duty_id"
        ),
        {"ids": list(customer_ids)},
    )
    streams = [stream_of(*row) for row in rows]
    states = await DUTIES.as_of(connection, streams, day)
    return [
        OpenDuty(one.kind, one.duty_id, one.customer_id, one.due_on)
        for one in (states[stream] for stream in streams if stream in states)
        if one.done_on is None
    ]


async def overdue_by_kind(connection: AsyncConnection, day: date) -> dict[DutyKind, int]:
    """How many duties were to be done before a day and are not, of every kind."""
    rows = await connection.execute(
        text(
            "SELECT kind, count(*) AS number FROM duty WHERE done_on IS NULL AND due_on < :day GROUP BY kind"
        ),
        {"day": day},
    )
    return dict.fromkeys(DutyKind, 0) | {DutyKind(row.kind): row.number for row in rows}
