"""Table ``duty``: duties and what became of them = ``GET /v1/duties``, ``/v1/duties/{duty_id}``."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.assignment.domain.compliance.duty import Consulted, DoDuty, DutyDone, Outstanding
from services.assignment.views.compliance.responsible import leads_on
from services.assignment.views.portfolio import HELD, IN_FORCE
from services.assignment.views.record import seal_texts
from shared.contracts.assignment.compliance import DutyBreached, DutyKind, DutyRaised
from shared.infrastructure.database import copy, driver_of
from shared.kernel.event import StoredEvent
from shared.kernel.money import format_money

_RAISED = ("duty_id", "customer_id", "kind", "raised_on", "due_on", "reason", "amount")
_BREACH = """
    UPDATE duty SET status = 'breached', breached_by = breach.manager_id, serious = breach.serious
    FROM unnest($1::text[], $2::text[], $3::boolean[]) AS breach (duty_id, manager_id, serious)
    WHERE duty.duty_id = breach.duty_id
"""
_DONE = """
    UPDATE duty SET status = CASE duty.status WHEN 'open' THEN 'done' ELSE duty.status END,
                    done_on = done.done_on, done_by = done.manager_id, in_time = done.in_time,
                    sealed = done.sealed
    FROM unnest($1::text[], $2::date[], $3::text[], $4::boolean[], $5::text[])
         AS done (duty_id, done_on, manager_id, in_time, sealed)
    WHERE duty.duty_id = done.duty_id
"""


class DutyView:
    """One row a duty. Of a batch, what was raised goes first and what was done last, as with every duty."""

    tables = ("duty",)

    async def project(self, connection: AsyncConnection, events: Sequence[StoredEvent]) -> None:
        facts = [event.fact for event in events]
        raised = [
            tuple(getattr(fact, column) for column in _RAISED)
            for fact in facts
            if isinstance(fact, DutyRaised)
        ]
        breached = [
            (fact.duty_id, fact.manager_id, fact.serious) for fact in facts if isinstance(fact, DutyBreached)
        ]
        done = [
            (fact.duty_id, fact.done_on, fact.manager_id, fact.in_time, fact.sealed)
            for fact in facts
            if isinstance(fact, DutyDone)
        ]
        driver = await driver_of(connection)
        if raised:
            await copy(connection, "duty", _RAISED, raised)
        if breached:
            await driver.execute(_BREACH, *zip(*breached, strict=True))
        if done:
            await driver.execute(_DONE, *zip(*done, strict=True))


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
    status: str
    breached_by: str | None
    serious: bool | None
    done_on: date | None
    done_by: str | None
    in_time: bool | None
    sealed: str | None

    @property
    def stream(self) -> str:
        return f"duty-{self.customer_id}#{self.duty_id}"

    @property
    def written(self) -> tuple[str, ...]:
        """The sealed words."""
        return () if self.sealed is None else (self.sealed,)

    def shown(self, responsible: str | None, texts: Mapping[str, str]) -> dict[str, object]:
        """As callers see it, with those of its words that they may read.

        ``manager_id`` is who is ``responsible`` today, or was when it was done.
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
    """Which duties to list: of a status, a kind, a customer, due by a day, and for which manager today."""

    status: str | None = None
    kind: str | None = None
    manager_id: str | None = None
    customer_id: str | None = None
    due_by: date | None = None


async def find(connection: AsyncConnection, duty_id: str) -> Duty | None:
    """A duty."""
    rows = await connection.execute(text(_SELECT + " WHERE duty_id = :id"), {"id": duty_id})
    row = rows.first()
    return Duty(**row._mapping) if row else None


async def listed(
    connection: AsyncConnection,
    after: tuple[date, str],
    limit: int,
    wanted: Wanted,
    own: str | None,
    day: date,
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


async def overdue_by_kind(connection: AsyncConnection, day: date) -> dict[DutyKind, int]:
    """How many duties were to be done before a day and are not, of every kind."""
    rows = await connection.execute(
        text(
            "SELECT kind, count(*) AS number FROM duty WHERE done_on IS NULL AND due_on < :day GROUP BY kind"
        ),
        {"day": day},
    )
    return dict.fromkeys(DutyKind, 0) | {DutyKind(row.kind): row.number for row in rows}
