"""Targets: what a year is to bring, unit by unit, and how it is split from the bank down."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import Field
from starlette.responses import Response

from services.appraisal.api.access import Approver
from services.appraisal.domain import target as domain
from services.appraisal.domain.indicator import Figure, Source
from services.appraisal.domain.quarters import Quarters, units_of
from services.appraisal.domain.target import MOST_PARTS, CascadeTarget, SetTarget
from services.appraisal.domain.target_event import (
    TargetCascaded,
    TargetChanged,
    TargetSet,
    Year,
    stream_of,
)
from services.appraisal.domain.unit import BANK, Unit, UnitKind
from services.appraisal.views import target as target_view
from services.appraisal.views.target import Row, Wanted
from shared.contracts.types import CentreId, Contract, Id, Text
from shared.infrastructure.auth import Principal
from shared.infrastructure.bank_time import today
from shared.infrastructure.command_handler import Accepted
from shared.infrastructure.event_store import versions
from shared.infrastructure.http import (
    Commands,
    Json,
    PageQuery,
    commands,
    encode_cursor,
    etag,
    malformed,
    page_of,
)
from shared.infrastructure.http.results import Reader, own_centre
from shared.kernel.books import Book
from shared.kernel.errors import Malformed

router = APIRouter(prefix="/v1/targets/{year}", tags=["targets"])

Desk = Annotated[Commands, Depends(commands)]
OfSource = Annotated[Source | None, Query(description="only targets of this source of indicators")]


class UnitNamed(Contract, extra="forbid"):
    """A unit; the bank's id may be left out."""

    kind: UnitKind
    id: CentreId = BANK

    def read(self, field: str) -> Unit:
        """The unit; a 422 naming the field for a bank of another id, or another unit without one."""
        if (self.kind is UnitKind.BANK) != (self.id == BANK):
            raise malformed(f"{field}.id", f'must be the unit\'s; the bank alone is "{BANK}"', "body")
        return Unit(self.kind, self.id)


class Part(UnitNamed):
    """A part of a target."""

    amount: Figure


class NewTarget(Contract, extra="forbid"):
    """A unit's annual target: in yuan for money, else percent, hours or a number, as the source says."""

    source: Source
    unit: UnitNamed
    amount: Figure
    quarters: tuple[Figure, Figure, Figure, Figure] | None = None
    reason: Text
    spread: bool = False


class NewCascade(Contract, extra="forbid"):
    """How a unit's target is split over units one level below."""

    source: Source
    unit: UnitNamed
    parts: Annotated[tuple[Part, ...], Field(min_length=1, max_length=MOST_PARTS)]
    reason: Text


@router.put("")
async def put_target(year: Year, body: NewTarget, caller: Approver, desk: Desk) -> Response:
    """Set or change a unit's annual target. Without `quarters` it is split evenly over those that are still open; a
    level (average, stock, percent) holds in each. Quarters that are over stay as they are. With `spread` the parts
    below, on all levels, are rescaled in proportion; without it they stay, and the difference shows as unallocated.

    Answers with the targets that are new; none when all was so already.
    """
    quarters: Quarters | None = None
    if body.quarters is not None:
        first, second, third, fourth = (
            _units(body.source, figure, f"quarters.{index}") for index, figure in enumerate(body.quarters)
        )
        quarters = first, second, third, fourth
    command = SetTarget(
        year=year,
        source=body.source,
        unit=body.unit.read("unit"),
        amount=_units(body.source, body.amount, "amount"),
        reason=body.reason,
        today=today(),
        quarters=quarters,
        spread=body.spread,
    )
    return await desk.submit(caller, domain.DECIDER, command, lambda done: _said(year, body.source, done))


@router.post("/cascade")
async def cascade_target(year: Year, body: NewCascade, caller: Approver, desk: Desk) -> Response:
    """Split a unit's target over units one level below (bank → branches, or departments; branch → teams, and managers
    without one; team → managers). The parts must add up to it exactly. The split takes the place of the one before: who
    is not named any more keeps the own target, and stands by itself."""
    parts: dict[Unit, int] = {}
    for index, part in enumerate(body.parts):
        unit = part.read(f"parts.{index}")
        if unit in parts:
            raise malformed(f"parts.{index}", f"{unit} is named twice", "body")
        parts[unit] = _units(body.source, part.amount, f"parts.{index}.amount")
    command = CascadeTarget(
        year=year,
        source=body.source,
        unit=body.unit.read("unit"),
        parts=parts,
        reason=body.reason,
        today=today(),
    )
    return await desk.submit(caller, domain.DECIDER, command, lambda done: _said(year, body.source, done))


@router.get("")
async def list_targets(
    request: Request,
    year: Year,
    page: PageQuery,
    caller: Reader,
    kind: Annotated[UnitKind | None, Query(description="only targets of units of this kind")] = None,
    id: Annotated[Id | None, Query(description="only targets of units with this id")] = None,
    source: OfSource = None,
) -> Response:
    """Targets in order of source, kind and id. `unallocated` is what the parts of a split target lack, by side;
    `committed` what a manager committed to in tenders for the year, which comes on top of `amount`.

    A manager sees the own, a department head those of the own department.
    """
    wanted = Wanted(year, source, kind, id, _own(caller))
    return await _page(request, wanted, page)


@router.get("/gaps")
async def list_gaps(
    request: Request, year: Year, page: PageQuery, caller: Reader, source: OfSource = None
) -> Response:
    """The targets whose parts do not add up to them any more, in order of source, kind and id."""
    return await _page(request, Wanted(year, source, own=_own(caller)), page, gaps=True)


@router.get("/tree")
async def get_tree(
    request: Request,
    year: Year,
    caller: Reader,
    source: Annotated[Source, Query(description="the source of indicators")],
) -> Response:
    """The targets of a source from the bank down, each with its parts; `roots` are those that are parts of nothing.
    The `ETag` is that of all of them."""
    stream = stream_of(source, year)
    async with request.app.state.database.snapshot() as connection:
        found = await target_view.listed(connection, Wanted(year, source, own=_own(caller)))
        version = (await versions(connection, [stream])).get(stream, 0)
    shown = {"year": year, "source": source, "roots": _tree(found)}
    return Json(shown, headers={"ETag": etag(version)})


def _tree(rows: Sequence[Row]) -> list[dict[str, Any]]:
    nodes = {row.unit: {**row.shown(), "parts": []} for row in rows}
    roots: list[dict[str, Any]] = []
    for row in rows:
        node = nodes[row.unit]
        del node["year"], node["source"], node["whole"]
        above = nodes.get(row.target.whole) if row.target.whole else None
        (roots if above is None else above["parts"]).append(node)
    return roots


async def _page(request: Request, wanted: Wanted, page: PageQuery, *, gaps: bool = False) -> Response:
    after = page.after(str, str, str) or ("", "", "")
    async with request.app.state.database.snapshot() as connection:
        found = await target_view.listed(connection, wanted, after, page.limit, gaps=gaps)
    following = encode_cursor(found[-1].source, *found[-1].unit) if len(found) == page.limit else None
    return Json(page_of([row.shown() for row in found], following))


def _own(caller: Principal) -> list[Unit] | None:
    """The units whose targets the caller may see; None where they may see all."""
    manager, department = own_centre(caller, Book.MANAGER), own_centre(caller, Book.DEPARTMENT)
    if manager is None or department is None:
        return None
    return [Unit(UnitKind.MANAGER, manager), Unit(UnitKind.DEPARTMENT, department)]


def _units(source: str, figure: Figure, field: str) -> int:
    try:
        return units_of(source, figure)
    except Malformed as error:
        raise malformed(field, str(error), "body") from None


def _said(year: int, source: str, done: Accepted) -> Mapping[str, Any]:
    """What became of a command: the targets that are new."""
    new: list[Any] = []
    for event in done.events:
        fact = event.fact
        if isinstance(fact, TargetCascaded):
            new += fact.parts
        elif isinstance(fact, TargetChanged):
            new += (fact.target, *fact.below)
        elif isinstance(fact, TargetSet):
            new.append(fact.target)
    return {"year": year, "source": source, "targets": [one.model_dump(mode="json") for one in new]}
