"""Tables ``conduct``, ``department_conduct``, ``breach``, ``done_late`` and ``tender_commitment``: what managers and
departments did, left undone and promised.

A month of theirs has a row in each shard, so that parallel consumers never wait for each other.
"""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.appraisal.domain.source import GRACE, Breach, Commitment, Count, counted, counted_of_department
from shared.contracts.assignment import DutyBreached, DutyDone, DutyKind, TenderAwarded
from shared.infrastructure.database import copy, driver_of
from shared.kernel.event import StoredEvent
from shared.kernel.period import Period, last_day, month_of

_ADD = """
    INSERT INTO conduct AS present (shard, month, manager_id, counted, amount)
    SELECT * FROM unnest($1::smallint[], $2::int[], $3::text[], $4::text[], $5::numeric[])
    ON CONFLICT (shard, month, manager_id, counted) DO UPDATE SET amount = present.amount + excluded.amount
"""
_ADD_OF_DEPARTMENT = """
    INSERT INTO department_conduct AS present (shard, month, department_id, counted, amount)
    SELECT * FROM unnest($1::smallint[], $2::int[], $3::text[], $4::text[], $5::numeric[])
    ON CONFLICT (shard, month, department_id, counted) DO UPDATE SET amount = present.amount + excluded.amount
"""
_BREACH = ("duty_id", "event_id", "kind", "due_on", "manager_id", "serious")
_COMMITMENT = ("tender_id", "manager_id", "committed_profit", "effective_from", "effective_to")


class ConductView:
    """Sums by shard, month and manager; and one row each for a breach, a breached duty done, a tender won."""

    tables = ("conduct", "department_conduct", "breach", "done_late", "tender_commitment")
    takes = None  # the rules of what is counted say which

    async def project(self, connection: AsyncConnection, events: Sequence[StoredEvent]) -> None:
        for add, counting in ((_ADD, counted), (_ADD_OF_DEPARTMENT, counted_of_department)):
            sums: dict[tuple[int, int, str, str], Decimal] = {}
            for event in events:
                centre_id, counts = counting(event.fact)
                if centre_id is not None:
                    for count, amount in counts.items():
                        key = (event.shard, month_of(event.business_date), centre_id, count.value)
                        sums[key] = sums.get(key, Decimal(0)) + amount
            if sums:
                keys = sorted(sums)
                driver = await driver_of(connection)
                await driver.execute(add, *zip(*keys, strict=True), [sums[key] for key in keys])
        await self._project_single(connection, events)

    async def _project_single(self, connection: AsyncConnection, events: Sequence[StoredEvent]) -> None:
        breaches, done, won = [], [], []
        for event in events:
            fact = event.fact
            if isinstance(fact, DutyBreached) and fact.manager_id is not None:
                breaches.append(
                    (
                        fact.duty_id,
                        event.event_id,
                        fact.kind.value,
                        fact.due_on,
                        fact.manager_id,
                        fact.serious,
                    )
                )
            elif isinstance(fact, DutyDone) and not fact.in_time:
                done.append((fact.duty_id, fact.done_on))
            elif isinstance(fact, TenderAwarded):
                won.append(tuple(getattr(fact, column) for column in _COMMITMENT))
        for table, columns, rows in (
            ("breach", _BREACH, breaches),
            ("done_late", ("duty_id", "done_on"), done),
            ("tender_commitment", _COMMITMENT, won),
        ):
            if rows:
                await copy(connection, table, columns, rows)


_ONLY = "(cast(:only AS text) IS NULL OR manager_id = :only)"
_COUNTS = text(
    "SELECT manager_id, counted, sum(amount) AS amount FROM conduct "  # noqa: S608  # constants
    f"WHERE month BETWEEN :first AND :last AND {_ONLY} GROUP BY manager_id, counted"
)
_COUNTS_OF_DEPARTMENTS = text(
    "SELECT department_id, counted, sum(amount) AS amount FROM department_conduct "
    "WHERE month BETWEEN :first AND :last AND (cast(:only AS text) IS NULL OR department_id = :only) "
    "GROUP BY department_id, counted"
)
_COMMITMENTS = text(
    "SELECT manager_id, committed_profit, effective_from, effective_to FROM tender_commitment "  # noqa: S608  # constants
    f"WHERE effective_from <= :last AND effective_to > :first AND {_ONLY} ORDER BY tender_id"
)
_BREACHES = text(
    "SELECT manager_id, event_id, kind, due_on, serious, done_on FROM breach LEFT JOIN done_late USING (duty_id) "  # noqa: S608  # constants
    f"WHERE due_on BETWEEN :first AND :last AND {_ONLY} ORDER BY manager_id, due_on, event_id"
)


async def counts(
    connection: AsyncConnection, period: Period, only: str | None = None
) -> dict[str, dict[Count, Decimal]]:
    """What is counted of each manager, or of that one, in a period; zeros are absent."""
    return await _counts(connection, _COUNTS, period, only)


async def counts_of_departments(
    connection: AsyncConnection, period: Period, only: str | None = None
) -> dict[str, dict[Count, Decimal]]:
    """What is counted of each department, or of that one, in a period; zeros are absent."""
    return await _counts(connection, _COUNTS_OF_DEPARTMENTS, period, only)


async def _counts(
    connection: AsyncConnection, asked: TextClause, period: Period, only: str | None
) -> dict[str, dict[Count, Decimal]]:
    rows = await connection.execute(asked, {"first": period.first, "last": period.last, "only": only})
    found: dict[str, dict[Count, Decimal]] = {}
    for centre_id, count, amount in rows:
        found.setdefault(centre_id, {})[Count(count)] = amount
    return found


async def commitments(
    connection: AsyncConnection, first: date, last: date, only: str | None = None
) -> dict[str, list[Commitment]]:
    """The commitments of each manager, or of that one, that hold on one of these days at least."""
    rows = await connection.execute(_COMMITMENTS, {"first": first, "last": last, "only": only})
    found: dict[str, list[Commitment]] = {}
    for manager_id, *rest in rows:
        found.setdefault(manager_id, []).append(Commitment(*rest))
    return found


async def breaches(
    connection: AsyncConnection, first: date, last: date, only: str | None = None
) -> dict[str, list[Breach]]:
    """The breaches that each manager, or that one, answers for and that may veto something in these days."""
    rows = await connection.execute(_BREACHES, {"first": first - GRACE, "last": last, "only": only})
    found: dict[str, list[Breach]] = {}
    for row in rows:
        breach = Breach(row.event_id, DutyKind(row.kind), row.due_on, row.serious, row.done_on)
        found.setdefault(row.manager_id, []).append(breach)
    return found


def days_of(period: Period) -> tuple[date, date]:
    """The first and the last day of a period."""
    return date(period.first // 100, period.first % 100, 1), last_day(period.last)
