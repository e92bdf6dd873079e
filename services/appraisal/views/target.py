"""Table ``target``: the targets of units = ``GET /v1/targets/{year}``, with what managers committed to beside them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.appraisal.domain.commitment import SOURCE as COMMITTED
from services.appraisal.domain.commitment import monthly
from services.appraisal.domain.quarters import figure_in, figure_of, units_of
from services.appraisal.domain.target import CascadeTarget, Command, Consulted
from services.appraisal.domain.target_event import (
    Target,
    TargetCascaded,
    TargetChanged,
    Targets,
    TargetSet,
    UnitTarget,
    stream_of,
)
from services.appraisal.domain.unit import Place, Places, Unit, UnitKind
from services.appraisal.views import conduct, staff
from shared.infrastructure.database import driver_of
from shared.kernel.books import Book
from shared.kernel.event import StoredEvent
from shared.kernel.period import Period

_PUT = """
    INSERT INTO target AS present (year, source, whole_kind, whole_id, kind, id, amount,
                                   quarter_1, quarter_2, quarter_3, quarter_4)
    SELECT $1, $2, $3, $4, * FROM unnest($5::text[], $6::text[], $7::numeric[],
                                         $8::numeric[], $9::numeric[], $10::numeric[], $11::numeric[])
    ON CONFLICT (year, source, kind, id) DO UPDATE
        SET amount = excluded.amount, quarter_1 = excluded.quarter_1, quarter_2 = excluded.quarter_2,
            quarter_3 = excluded.quarter_3, quarter_4 = excluded.quarter_4,
            whole_kind = coalesce(excluded.whole_kind, present.whole_kind),
            whole_id = coalesce(excluded.whole_id, present.whole_id)
"""
_RELEASE = """
    UPDATE target SET whole_kind = NULL, whole_id = NULL
    WHERE year = $1 AND source = $2 AND whole_kind = $3 AND whole_id = $4 AND (kind = 'department') = $5
"""


class TargetView:
    """One row a unit, source and year."""

    tables = ("target",)
    takes = frozenset({TargetCascaded, TargetSet, TargetChanged})

    async def project(self, connection: AsyncConnection, events: Sequence[StoredEvent]) -> None:
        driver = await driver_of(connection)
        for fact in (event.fact for event in events):
            told: Sequence[UnitTarget]
            if isinstance(fact, TargetCascaded):
                whole: tuple[str | None, str | None] = (fact.kind.value, fact.id)
                department = fact.side is Book.DEPARTMENT
                await driver.execute(_RELEASE, fact.year, fact.source, *whole, department)
                told = fact.parts
            elif isinstance(fact, TargetSet | TargetChanged):
                whole = (None, None)
                told = (fact.target, *(fact.below if isinstance(fact, TargetChanged) else ()))
            else:
                continue
            rows = [(one.kind.value, one.id, one.amount, *one.quarters) for one in told]
            await driver.execute(_PUT, fact.year, fact.source, *whole, *zip(*rows, strict=True))


_SELECT = """
    SELECT year, source, kind, id, amount, quarter_1, quarter_2, quarter_3, quarter_4, whole_kind, whole_id
    FROM target
"""


async def load(connection: AsyncConnection, commands: Sequence[Command]) -> dict[str, Targets]:
    """The targets that the commands are about. From the table, as it has each unit once, and the history has the
    whole cascade as often as it was told."""
    driver = await driver_of(connection)
    asked = sorted({(command.year, command.source) for command in commands})
    found: dict[str, dict[Unit, Target]] = {}
    rows = await driver.fetch(
        _SELECT + "JOIN unnest($1::int[], $2::text[]) AS asked(year, source) USING (year, source)",
        *zip(*asked, strict=True),
    )
    for row in rows:
        one = _read(row)
        found.setdefault(stream_of(one.source, one.year), {})[one.unit] = one.target
    return {stream: Targets(by_unit) for stream, by_unit in found.items()}


async def consult(connection: AsyncConnection, commands: Sequence[Command]) -> Consulted:
    """Where managers and teams belong, for those who split targets over them; today, as all do."""
    days = {command.today for command in commands if isinstance(command, CascadeTarget)}
    if not days:
        return Consulted()
    known = await staff.places(connection, max(days))
    return Consulted(Places.of({manager_id: Place(*place) for manager_id, place in known.items()}))


@dataclass(frozen=True, slots=True)
class Row:
    """A unit's target of a source in a year. ``allocated`` is what its parts add up to, by side, where it is split,
    and ``committed`` what the manager committed to for the year; in the source's smallest units."""

    year: int
    source: str
    unit: Unit
    target: Target
    allocated: Mapping[Book, int]
    committed: int | None = None

    def shown(self) -> dict[str, Any]:
        """The wire form."""
        whole = self.target.whole
        differences = {side: self.target.amount - parts for side, parts in self.allocated.items()}
        return {
            "year": self.year,
            "source": self.source,
            "kind": self.unit.kind,
            "id": self.unit.id,
            "amount": self.figure(self.target.amount),
            "quarters": [self.figure(quarter) for quarter in self.target.quarters],
            "whole": None if whole is None else {"kind": whole.kind, "id": whole.id},
            "unallocated": {side.value: self.figure(missing) for side, missing in differences.items()},
            "committed": None if self.committed is None else self.figure(self.committed),
        }

    def figure(self, units: int) -> str:
        """Units of the source as the decimal string that they are."""
        return f"{figure_of(self.source, units):f}"


def _read(row: Mapping[str, Any], allocated: Mapping[Book, int] | None = None) -> Row:
    source = row["source"]
    first, second, third, fourth = (units_of(source, row[f"quarter_{number}"]) for number in range(1, 5))
    whole = Unit(UnitKind(row["whole_kind"]), row["whole_id"]) if row["whole_id"] is not None else None
    target = Target(units_of(source, row["amount"]), (first, second, third, fourth), whole)
    return Row(row["year"], source, Unit(UnitKind(row["kind"]), row["id"]), target, allocated or {})


async def committed(connection: AsyncConnection, period: Period) -> dict[str, int]:
    """What managers committed to in tenders for the months of a period, in minor units; absent is who committed to
    nothing."""
    found: dict[str, int] = {}
    for manager_id, own in (await conduct.commitments(connection, *conduct.days_of(period))).items():
        for one in own:
            for month, part in monthly(one.committed_profit, one.effective_from).items():
                if period.first <= month <= period.last:
                    found[manager_id] = found.get(manager_id, 0) + part
    return found


_LISTED = """
    SELECT target.*, parts.manager, parts.department
    FROM target, LATERAL (
        SELECT sum(amount) FILTER (WHERE part.kind <> 'department') AS manager,
               sum(amount) FILTER (WHERE part.kind = 'department') AS department
        FROM target AS part
        WHERE part.year = target.year AND part.source = target.source
          AND part.whole_kind = target.kind AND part.whole_id = target.id
    ) AS parts
    WHERE year = :year AND (source, kind, id) > (:after_source, :after_kind, :after_id)
      AND (cast(:source AS text) IS NULL OR source = :source)
      AND (cast(:kind AS text) IS NULL OR kind = :kind) AND (cast(:id AS text) IS NULL OR id = :id)
      AND (cast(:kinds AS text[]) IS NULL
           OR (kind, id) IN (SELECT * FROM unnest(cast(:kinds AS text[]), cast(:ids AS text[]))))
"""
_DIFFER = " AND (parts.manager <> amount OR parts.department <> amount)"
_ORDERED = " ORDER BY source, kind, id LIMIT :limit"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which targets of a year: of a source, a kind of unit or a unit's id, and only those of the units in ``own``."""

    year: int
    source: str | None = None
    kind: UnitKind | None = None
    id: str | None = None
    own: Sequence[Unit] | None = None


async def listed(
    connection: AsyncConnection,
    wanted: Wanted,
    after: tuple[str, str, str] = ("", "", ""),
    limit: int | None = None,
    *,
    gaps: bool = False,
) -> list[Row]:
    """Targets in order of source, kind and id beyond a place; with ``gaps`` those whose parts do not add up."""
    values = {
        "year": wanted.year,
        "source": wanted.source,
        "kind": wanted.kind,
        "id": wanted.id,
        "kinds": None if wanted.own is None else [unit.kind.value for unit in wanted.own],
        "ids": None if wanted.own is None else [unit.id for unit in wanted.own],
        "limit": limit,
    }
    places = dict(zip(("after_source", "after_kind", "after_id"), after, strict=True))
    found_rows = await connection.execute(
        text(_LISTED + (_DIFFER if gaps else "") + _ORDERED), {**values, **places}
    )
    rows = [row._asdict() for row in found_rows]
    bearing = any(_bears_commitments(row["source"], row["kind"]) for row in rows)
    promised = await committed(connection, Period.parse(f"{wanted.year}")) if bearing else {}
    found = []
    for row in rows:
        sums = {side: row[side.value] for side in Book if row[side.value] is not None}
        one = _read(row, {side: units_of(row["source"], figure) for side, figure in sums.items()})
        mine = promised.get(one.unit.id) if _bears_commitments(row["source"], row["kind"]) else None
        found.append(Row(one.year, one.source, one.unit, one.target, one.allocated, mine))
    return found


def _bears_commitments(source: str, kind: str) -> bool:
    return (source, kind) == (COMMITTED, UnitKind.MANAGER)


_OF_KIND = text(
    "SELECT id, source, quarter_1, quarter_2, quarter_3, quarter_4 FROM target WHERE year = :year AND kind = :kind"
)


async def targets(connection: AsyncConnection, side: Book, period: Period) -> dict[str, dict[str, Decimal]]:
    """By centre and source the target of a month, quarter, half or year: money in yuan, and of managers with what they
    committed to in tenders for these months. A centre or source without a target is absent."""
    kind = UnitKind.DEPARTMENT if side is Book.DEPARTMENT else UnitKind.MANAGER
    rows = await connection.execute(_OF_KIND, {"year": period.first // 100, "kind": kind})
    found: dict[str, dict[str, int]] = {}
    for centre_id, source, *quarters in rows:
        first, second, third, fourth = (units_of(source, quarter) for quarter in quarters)
        figure = figure_in(source, (first, second, third, fourth), period)
        found.setdefault(centre_id, {})[source] = figure
    if side is Book.MANAGER:
        for manager_id, amount in (await committed(connection, period)).items():
            own = found.setdefault(manager_id, {})
            own[COMMITTED] = own.get(COMMITTED, 0) + amount
    return {
        centre_id: {source: figure_of(source, units) for source, units in own.items()}
        for centre_id, own in found.items()
    }
