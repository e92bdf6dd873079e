"""Ranking in a cycle, and what the published cycles said of a manager."""

from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from services.appraisal.api.cycles import find_cycle
from services.appraisal.domain.cycle import Status
from services.appraisal.domain.ranking import LEAST_SHOWN, Quartiles, Ranking, rank
from services.appraisal.views import rated, staff
from shared.contracts.types import CentreId, Id
from shared.infrastructure.auth import Principal, Role, allow
from shared.infrastructure.http import Json, PageQuery
from shared.kernel.errors import Unknown

router = APIRouter(prefix="/v1", tags=["rankings"])

SEES_ALL = (Role.APPROVER, Role.ASSIGNER, Role.ACCOUNTANT, Role.AUDITOR)
Reader = Annotated[
    Principal,
    Depends(allow(Role.APPROVER, Role.ASSIGNER, Role.ACCOUNTANT, Role.MANAGER, reads=True)),
]
"""A caller who may see all managers' positions, or the own one."""


class By(StrEnum):
    """What makes a group."""

    GRADE = "grade"
    SCHEME = "scheme"


@router.get("/cycles/{cycle_id}/ranking")
async def get_ranking(
    request: Request,
    cycle_id: Id,
    caller: Reader,
    by: Annotated[By, Query(description="groups of the same grade, or of the same scheme")] = By.GRADE,
    group: Annotated[Id | None, Query(description="only this grade, or this scheme id")] = None,
) -> Response:
    """Positions by total, and the quartiles of each group, with ratings that count after appeals.

    The office sees all as soon as the cycle is scored. A manager sees, once it is published, the own position with the
    own group's size and quartiles, these only in groups of five or more: of fewer, they would be the others' totals.
    """
    sees_all = caller.has(*SEES_ALL)
    async with request.app.state.database.snapshot() as connection:
        cycle, _ = await find_cycle(connection, cycle_id)
        found = await rated.groups(connection, cycle_id, by, group)
    ranked = {name: rank(entrants) for name, entrants in sorted(found.items())}
    if sees_all:
        groups = [_whole(name, one) for name, one in ranked.items()]
    else:
        public = cycle.status in (Status.PUBLISHED, Status.CLOSED)
        groups = [
            _own(name, one, caller.subject)
            for name, one in ranked.items()
            if public and caller.subject in one.positions
        ]
    return Json({"cycle_id": cycle_id, "by": by, "groups": groups})


def _whole(group: str, ranking: Ranking) -> dict[str, Any]:
    return {
        "group": group,
        "size": len(ranking.entrants),
        "quartiles": _shown(ranking.quartiles),
        "items": [
            {
                "position": ranking.positions[one.manager_id],
                "manager_id": one.manager_id,
                "total": f"{one.total:f}",
                "rating": one.rating,
            }
            for one in ranking.entrants
        ],
    }


def _own(group: str, ranking: Ranking, manager_id: str) -> dict[str, Any]:
    whole = _whole(group, ranking)
    whole["items"] = [one for one in whole["items"] if one["manager_id"] == manager_id]
    if len(ranking.entrants) < LEAST_SHOWN:
        whole["quartiles"] = None
    return whole


def _shown(quartiles: Quartiles) -> dict[str, str]:
    return {name: f"{figure:f}" for name, figure in quartiles._asdict().items()}


@router.get("/managers/{manager_id}/appraisals")
async def list_appraisals(
    request: Request, manager_id: CentreId, page: PageQuery, caller: Reader
) -> Response:
    """A manager's published cycles, newest period first: total, rating after appeals, and the grade of then."""
    own = None if caller.has(*SEES_ALL) else caller.subject
    async with request.app.state.database.snapshot() as connection:
        known = await staff.is_known(connection, manager_id)
        found = await rated.appraisals(connection, manager_id)
    if own not in (None, manager_id) or not (known or found):
        raise Unknown(f"there is no manager {manager_id}")
    return Json(page.of([one.shown() for one in found], "cycle_id"))
