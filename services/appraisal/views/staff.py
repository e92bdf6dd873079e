"""Table ``staff``: managers' grades and places from days on, and their comings and goings.

Who is with the bank: those on record from the day on which they were hired, those without such a day ever since,
until the day on which they are managers no more.
"""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.appraisal.domain.told import (
    ManagerDeparted,
    ManagerGraded,
    ManagerRegistered,
    ManagerTransferred,
)
from shared.infrastructure.database import driver_of
from shared.kernel.event import Fact, StoredEvent
from shared.kernel.period import FIRST_YEAR

EVER = date(FIRST_YEAR, 1, 1)
"""Since when somebody is with the bank of whom nobody says since when."""

_PUT = """
    INSERT INTO staff (manager_id, kind, effective_from, branch_id, team_id, grade)
    SELECT * FROM unnest($1::text[], $2::text[], $3::date[], $4::text[], $5::text[], $6::text[])
    ON CONFLICT (manager_id, kind, effective_from) DO UPDATE
        SET branch_id = excluded.branch_id, team_id = excluded.team_id, grade = excluded.grade
"""

Word = tuple[str, str, date, str | None, str | None, str | None]


def _word(fact: Fact) -> Word | None:
    match fact:
        case ManagerRegistered():
            day = fact.hired_on or EVER
            return fact.manager_id, "registered", day, fact.branch_id, fact.team_id, fact.grade
        case ManagerGraded():
            return fact.manager_id, "graded", fact.effective_from, None, None, fact.grade
        case ManagerTransferred():
            day = fact.effective_from
            return fact.manager_id, "transferred", day, fact.branch_id, fact.team_id, None
        case ManagerDeparted():
            return fact.manager_id, "departed", fact.departed_on, None, None, None
        case _:
            return None


class StaffView:
    """One row a manager, kind of word and day; of several, the last."""

    tables = ("staff",)
    takes = frozenset({ManagerRegistered, ManagerGraded, ManagerTransferred, ManagerDeparted})

    async def project(self, connection: AsyncConnection, events: Sequence[StoredEvent]) -> None:
        words = [word for event in events if (word := _word(event.fact)) is not None]
        if words:
            latest = {word[:3]: word for word in words}
            driver = await driver_of(connection)
            await driver.execute(_PUT, *zip(*(latest[key] for key in sorted(latest)), strict=True))


_PRESENT = """
    came.kind = 'registered' AND came.effective_from <= :last
    AND NOT EXISTS (SELECT FROM staff AS went WHERE went.manager_id = came.manager_id
                    AND went.kind = 'departed' AND went.effective_from <= :first)
"""
_WITH_THE_BANK = text(f"SELECT manager_id FROM staff AS came WHERE {_PRESENT} ORDER BY manager_id")  # noqa: S608  # constants
_GRADES = text(
    f"""
    SELECT manager_id, coalesce(
        (SELECT grade FROM staff AS later
         WHERE later.manager_id = came.manager_id AND kind = 'graded' AND effective_from <= :last
         ORDER BY effective_from DESC LIMIT 1),
        grade
    ) AS grade
    FROM staff AS came WHERE {_PRESENT} ORDER BY manager_id
    """  # noqa: S608  # constants
)
_PLACES = text(
    f"""
    SELECT came.manager_id, place.branch_id, place.team_id
    FROM staff AS came CROSS JOIN LATERAL (
        SELECT branch_id, team_id FROM staff AS later
        WHERE later.manager_id = came.manager_id
          AND (kind = 'registered' OR (kind = 'transferred' AND effective_from <= :last))
        ORDER BY kind = 'transferred' DESC, effective_from DESC LIMIT 1
    ) AS place
    WHERE {_PRESENT} ORDER BY came.manager_id
    """  # noqa: S608  # constants
)


class Place(NamedTuple):
    """Where a manager belongs (机构归属)."""

    branch_id: str
    team_id: str | None


async def grades(connection: AsyncConnection, day: date) -> dict[str, str]:
    """The grade (等级) of every manager who is with the bank on a day, in order of id."""
    rows = await connection.execute(_GRADES, {"first": day, "last": day})
    return {row.manager_id: row.grade for row in rows}


async def places(connection: AsyncConnection, day: date) -> dict[str, Place]:
    """Where every manager belongs who is with the bank on a day, in order of id."""
    rows = await connection.execute(_PLACES, {"first": day, "last": day})
    return {row.manager_id: Place(row.branch_id, row.team_id) for row in rows}


async def present(connection: AsyncConnection, first: date, last: date, only: str | None = None) -> list[str]:
    """The managers who are with the bank on one of these days at least, in order of id; or of them that one."""
    rows = await connection.execute(_WITH_THE_BANK, {"first": first, "last": last})
    return [manager_id for manager_id in rows.scalars() if only in (None, manager_id)]


async def departed(connection: AsyncConnection, day: date) -> dict[str, date]:
    """Those who have left (离职) by a day, each with the first day on which they were a manager no more."""
    rows = await connection.execute(
        text(
            "SELECT manager_id, min(effective_from) AS day FROM staff "
            "WHERE kind = 'departed' AND effective_from <= :day GROUP BY manager_id ORDER BY manager_id"
        ),
        {"day": day},
    )
    return {row.manager_id: row.day for row in rows}


async def is_known(connection: AsyncConnection, manager_id: str) -> bool:
    """Whether a manager is on record."""
    rows = await connection.execute(
        text("SELECT 1 FROM staff WHERE manager_id = :id AND kind = 'registered'"), {"id": manager_id}
    )
    return rows.first() is not None
