"""The two hierarchies, level by level: manager → team → branch → bank, and product → department → bank."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Query, Request

from services.ledger.api.access import KnownAtQuery
from services.ledger.api.comparison import statements_for
from services.ledger.domain.organisation import (
    DEPARTMENTS,
    MANAGERS,
    NONE,
    NOWHERE,
    Hierarchy,
    Path,
    Unit,
    add_up,
    lies_in,
)
from services.ledger.domain.statement import Statement, total
from services.ledger.views import organisation, statement
from shared.infrastructure.auth import Principal
from shared.infrastructure.http.results import PeriodQuery, Reader, own_centre
from shared.kernel.books import Book
from shared.kernel.period import Period, last_day

router = APIRouter(prefix="/v1/books", tags=["hierarchy"])


class ManagerLevel(StrEnum):
    """The levels of the manager book below the bank."""

    BRANCH = "branch"
    TEAM = "team"
    MANAGER = "manager"


class DepartmentLevel(StrEnum):
    """The levels of the department book below the bank."""

    DEPARTMENT = "department"
    PRODUCT = "product"


UnitQuery = Annotated[
    str | None,
    Query(
        pattern=r"^([\w.:@+-]{1,64}|\(none\))$", description="only what is below it; `(none)`: what has none"
    ),
]


@router.get("/manager/hierarchy")
async def get_manager_hierarchy(
    request: Request,
    period: PeriodQuery,
    caller: Reader,
    known_at: KnownAtQuery,
    level: ManagerLevel = ManagerLevel.BRANCH,
    branch_id: UnitQuery = None,
    team_id: UnitQuery = None,
) -> dict[str, Any]:
    """Branches, teams or managers with the sums of the managers below them (for a manager: their own figures only).

    A manager counts, with the whole period, where they stand on its last day: a transfer counts from its effective
    date on, and with `known_at` only words recorded by then do. Who has no branch or team stands under null, as
    `unassigned` does.
    """
    async with request.app.state.database.snapshot() as connection:
        stated = await statements_for(connection, caller, Book.MANAGER, period, known_at)
        places = await organisation.places(connection, last_day(period.last), known_at)
    cells: list[tuple[Path, Statement]] = [
        ((*places.get(one.centre_id, NOWHERE), one.centre_id), one) for one in stated
    ]
    return _shown(MANAGERS, level, cells, (branch_id, team_id), period, known_at)


@router.get("/department/hierarchy")
async def get_department_hierarchy(
    request: Request,
    period: PeriodQuery,
    caller: Reader,
    known_at: KnownAtQuery,
    level: DepartmentLevel = DepartmentLevel.DEPARTMENT,
    department_id: UnitQuery = None,
) -> dict[str, Any]:
    """Departments, or products with what each adds to its department (for a department head: their own only).

    What the month close gives to a department as a whole stands under the product null, so that products add up to
    their department; they have no averages. A product that moved stands under each department it was booked for.
    """
    cells: list[tuple[Path, Statement]]
    async with request.app.state.database.snapshot() as connection:
        if level is DepartmentLevel.PRODUCT:
            products = await statement.products(connection, period, known_at)
            cells = [(path, one) for path, one in products if _may_see(caller, path)]
        else:
            stated = await statements_for(connection, caller, Book.DEPARTMENT, period, known_at)
            cells = [((one.centre_id,), one) for one in stated]
    return _shown(DEPARTMENTS, level, cells, (department_id,), period, known_at)


def _may_see(caller: Principal, path: Path) -> bool:
    return own_centre(caller, Book.DEPARTMENT) in (None, path[0])


def _shown(
    hierarchy: Hierarchy,
    level: str,
    cells: Sequence[tuple[Path, Statement]],
    wanted: Sequence[str | None],
    period: Period,
    known_at: datetime | None,
) -> dict[str, Any]:
    """The answer: the units of a level as far as they are wanted, and their total."""
    cells = [cell for cell in cells if lies_in(cell[0], wanted)]
    depth = hierarchy.levels.index(level) + 1
    moment = {} if known_at is None else {"known_at": known_at.isoformat()}
    query = {"period": period.name, **moment}
    return {
        "book": hierarchy.book,
        "period": period.name,
        "level": level,
        "items": [
            {
                "id": unit.path[-1],
                "parent": dict(zip(_names(hierarchy), unit.path[:-1], strict=False)),
                **_figures(level, unit.figures),
                "links": _links(hierarchy, unit, query),
            }
            for unit in add_up(hierarchy.book, period, cells, depth)
        ],
        "total": _figures(level, total(hierarchy.book, period, [one for _, one in cells])),
    }


def _names(hierarchy: Hierarchy) -> list[str]:
    """What the ids of each level are called in queries."""
    return [f"{level}_id" for level in hierarchy.levels]


def _figures(level: str, statement: Statement) -> dict[str, Any]:
    names = ["lines", "stocks", "averages", "measures"]
    if level == DepartmentLevel.PRODUCT:
        names.remove("averages")  # they are rounded for a department as a whole, and would not add up
    shown = statement.shown()
    return {name: shown[name] for name in names}


def _links(hierarchy: Hierarchy, unit: Unit, query: dict[str, str]) -> dict[str, str | None]:
    """Where to go on from a unit: to what is below it, and to the statement of a profit centre."""
    book, depth, own = f"/v1/books/{hierarchy.book}", len(unit.path), unit.path[-1]
    below = stated = None
    if depth < len(hierarchy.levels):
        path = {name: part or NONE for name, part in zip(_names(hierarchy), unit.path, strict=False)}
        further = urlencode({**query, "level": hierarchy.levels[depth], **path}, safe="()")
        below = f"{book}/hierarchy?{further}"
    if hierarchy.levels[depth - 1] == hierarchy.centres and own is not None:
        stated = f"{book}/centres/{quote(own, safe='')}/statement?{urlencode(query)}"
    return {"below": below, "statement": stated}
