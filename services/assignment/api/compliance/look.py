"""The day's end: duties raised and breached and visits missed by the day itself, whether anybody asks or not."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Annotated

import orjson
from fastapi import APIRouter, Depends
from starlette.responses import Response

from services.assignment.api.access import Approver
from services.assignment.domain.compliance.look import DECIDER, LookAtDay
from services.assignment.views.compliance.duty import overdue_by_kind
from services.assignment.views.compliance.look import concerned
from shared.contracts.types import BusinessDate, Contract
from shared.infrastructure.bank_time import today
from shared.infrastructure.command_desk import CommandDesk, accepted
from shared.infrastructure.command_handler import Outcome, Submission
from shared.infrastructure.event_log import shard_of
from shared.infrastructure.http import Commands, commands, malformed
from shared.infrastructure.metrics import gauge
from shared.infrastructure.receipts import Answer
from shared.infrastructure.task import Task
from shared.kernel.event import Origin

router = APIRouter(prefix="/v1/duties", tags=["duties"])

MOST_TOGETHER = 1000
"""Customers a transaction."""

_BROUGHT_ABOUT = ("DutyRaised", "DutyBreached", "VisitMissed")

OVERDUE = gauge("dualbook_assignment_duties_overdue", "Duties not done by their day, nor since.", ("kind",))


class Day(Contract):
    """Which day to look at: today, unless an earlier one is named."""

    day: BusinessDate | None = None


@dataclass(frozen=True, slots=True)
class Looked:
    """How many duties a look raised and breached, and how many visits it told as missed."""

    raised: int = 0
    breached: int = 0
    missed: int = 0


async def look(desk: CommandDesk, day: date, origin: Origin) -> Looked:
    """Bring about what a day does, customer by customer; what several do at once is done once."""
    looked = Looked()
    after = ""
    while True:
        async with desk.database.snapshot() as connection:
            customers = await concerned(connection, day, after, MOST_TOGETHER)
        if not customers:
            return looked
        after = customers[-1]
        answer = await desk.execute(_submissions(customers, day, origin), _counted, wait=False)
        counts = orjson.loads(answer.body)
        looked = Looked(
            looked.raised + counts["DutyRaised"],
            looked.breached + counts["DutyBreached"],
            looked.missed + counts["VisitMissed"],
        )


def _submissions(customers: Sequence[str], day: date, origin: Origin) -> list[Submission]:
    shards: dict[int, list[str]] = {}
    for customer_id in customers:
        shards.setdefault(shard_of(customer_id), []).append(customer_id)
    return [
        Submission(DECIDER, LookAtDay(shard, day, tuple(found)), origin)
        for shard, found in sorted(shards.items())
    ]


def _counted(outcomes: Sequence[Outcome]) -> Answer:
    types = [event.type for outcome in outcomes for event in accepted([outcome]).events]
    return Answer(200, orjson.dumps({kind: types.count(kind) for kind in _BROUGHT_ABOUT}))


async def look_at_today(desk: CommandDesk) -> None:
    """What the service does by itself; leaves word of what is overdue in the metric."""
    day = today()
    await look(desk, day, Origin("assignment", f"day/{day}"))
    async with desk.database.read() as connection:
        for kind, number in (await overdue_by_kind(connection, day)).items():
            OVERDUE.labels(kind.value).set(number)


def look_task() -> Task:
    """The task of one running service."""
    return Task("duties", look_at_today)


@router.post("/look")
async def look_at_day(
    caller: Approver, desk: Annotated[Commands, Depends(commands)], body: Day | None = None
) -> Response:
    """Look at a day now: raise the duties to review customers whose review falls due within 30 days, note the breach
    of what was to be done before the day and is not, and tell the visits that were due before the day and missed. A
    second look at the same day finds nothing to do."""
    day = (body.day if body is not None else None) or today()
    if day > today():
        raise malformed("day", "must not lie in the future", "body")
    looked = await look(desk.desk, day, desk.origin(caller))
    shown = asdict(looked)
    return await desk.submit_all(caller, [], lambda _: Answer(200, orjson.dumps(shown)))
