"""Tables ``hand_over`` and ``acknowledgement``: hand-overs, and who knows of them = ``GET /v1/hand-overs``,
``/v1/hand-overs/{hand_over_id}``."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime
from typing import Any, NamedTuple

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.assignment.domain.hand_over import (
    Command,
    Complaint,
    CompleteHandOver,
    Consulted,
    HandOverAcknowledged,
    HandOverCancelled,
    HandOverPlanned,
    PlanHandOver,
    Status,
    SubmitHandOver,
    stream_of,
)
from services.assignment.domain.hand_over_plan import Known
from services.assignment.domain.placing import Room, rooms
from services.assignment.domain.policy import Policies
from services.assignment.domain.succession import Step, from_day
from services.assignment.domain.timeline import Timeline
from services.assignment.views import manager
from services.assignment.views.assignment import timelines
from services.assignment.views.claim import claims
from services.assignment.views.customer import tiers_of
from services.assignment.views.policy import policies
from services.assignment.views.portfolio import burdens
from services.assignment.views.proposal import waiting_for
from shared.contracts.assignment import HandOverCompleted
from shared.infrastructure.database import driver_of
from shared.infrastructure.fold import Fold, put, readers
from shared.kernel.event import StoredEvent

_ACKNOWLEDGE = """
    INSERT INTO acknowledgement (hand_over_id, manager_id, acknowledged_at) VALUES ($1, $2, $3)
    ON CONFLICT (hand_over_id, manager_id) DO NOTHING
"""


class HandOverView:
    """One row a hand-over, and one for each party that acknowledged it."""

    tables = ("hand_over", "acknowledgement")
    takes = frozenset({HandOverPlanned, HandOverAcknowledged, HandOverCompleted, HandOverCancelled})

    async def project(self, connection: AsyncConnection, events: Sequence[StoredEvent]) -> None:
        states = (await HAND_OVERS.after(connection, events)).values()
        await put(connection, "hand_over", [one.hand_over for one in states])
        acknowledged = [
            (one.hand_over.hand_over_id, manager_id, moment)
            for one in states
            for manager_id, moment in one.acknowledged.items()
        ]
        if acknowledged:
            driver = await driver_of(connection)
            await driver.executemany(_ACKNOWLEDGE, acknowledged)


def shown_plan(fact: HandOverPlanned) -> dict[str, object]:
    """As callers see a plan that was just made; ``steps`` of an item are its shares from each day on."""
    return {
        **fact.model_dump(mode="json", exclude={"items", "business_date"}),
        "status": Status.PLANNED,
        "items": _items([item.model_dump(mode="json") for item in fact.items]),
    }


def _items(planned: Sequence[Mapping[str, Any]]) -> list[dict[str, object]]:
    return [
        {**{name: item[name] for name in ("customer_id", "successor_id", "tail")}, "steps": item["after"]}
        for item in planned
    ]


@dataclass(frozen=True, slots=True)
class HandOver:
    """A hand-over as it stands; ``items`` is the JSON of them."""

    hand_over_id: str
    manager_id: str
    ground: str
    effective_from: date
    team_id: str | None
    items: str
    successor_ids: list[str]
    planned_by: str
    planned_at: datetime
    status: str = Status.PLANNED.value
    ended_at: datetime | None = None
    ended_by: str | None = None
    reason: str | None = None
    complaint_ids: list[str] = field(default_factory=list)

    @property
    def stream(self) -> str:
        return stream_of(self.manager_id, self.hand_over_id)

    @property
    def customer_ids(self) -> list[str]:
        """The customers that go over."""
        return [item["customer_id"] for item in orjson.loads(self.items)]

    def summary(self) -> dict[str, object]:
        """As callers see it in a list."""
        values = asdict(self)
        del values["items"], values["complaint_ids"]
        return {**values, "customers": len(self.customer_ids)}

    def shown(self, acknowledged: Mapping[str, datetime]) -> dict[str, object]:
        """As callers see it, with who acknowledged it when; ``steps`` of an item are its shares from each day on."""
        parties = sorted({self.manager_id, *self.successor_ids})
        return {
            **self.summary(),
            "items": _items(orjson.loads(self.items)),
            "acknowledgements": [
                {"manager_id": one, "acknowledged_at": acknowledged.get(one)} for one in parties
            ],
            "complaints_moved": self.complaint_ids,
        }


class HandingOver(NamedTuple):
    """A hand-over, and who acknowledged it when."""

    hand_over: HandOver
    acknowledged: Mapping[str, datetime]


def _begin(event: StoredEvent) -> HandingOver:
    fact = event.fact
    assert isinstance(fact, HandOverPlanned)  # what the stream of a hand-over begins with
    items = [item.model_dump(mode="json", exclude={"before"}) for item in fact.items]
    hand_over = HandOver(
        hand_over_id=fact.hand_over_id,
        manager_id=fact.manager_id,
        ground=fact.ground.value,
        effective_from=fact.effective_from,
        team_id=fact.team_id,
        items=orjson.dumps(items).decode(),
        successor_ids=sorted({item.successor_id for item in fact.items}),
        planned_by=fact.planned_by,
        planned_at=event.recorded_at,
    )
    return HandingOver(hand_over, {})


def _evolve(state: HandingOver, event: StoredEvent) -> HandingOver:
    hand_over, acknowledged = state
    fact = event.fact
    if isinstance(fact, HandOverAcknowledged):
        return HandingOver(hand_over, {**acknowledged, fact.acknowledged_by: event.recorded_at})
    ended = replace(hand_over, ended_at=event.recorded_at, ended_by=event.actor)
    if isinstance(fact, HandOverCompleted):
        ended = replace(ended, status=Status.COMPLETED.value, complaint_ids=list(fact.complaint_ids))
    else:
        assert isinstance(fact, HandOverCancelled)  # the other way to end one
        ended = replace(ended, status=Status.CANCELLED.value, reason=fact.reason)
    return HandingOver(ended, acknowledged)


HAND_OVERS = Fold(
    _begin,
    _evolve,
    readers(HandOverPlanned, HandOverAcknowledged, HandOverCompleted, HandOverCancelled),
)

_HAND_OVERS = """
    SELECT hand_over_id, manager_id, ground, effective_from, team_id, items::text AS items, successor_ids, planned_by,
           planned_at, status, ended_at, ended_by, reason, complaint_ids
    FROM hand_over
    WHERE (cast(:party AS text) IS NULL OR manager_id = :party OR successor_ids @> ARRAY[cast(:party AS text)])
"""
_FIND = text(_HAND_OVERS + " AND hand_over_id = :hand_over_id")
_LISTED = text(
    _HAND_OVERS + " AND hand_over_id > :after AND (cast(:status AS text) IS NULL OR status = :status) "
    "AND (cast(:manager_id AS text) IS NULL OR manager_id = :manager_id) ORDER BY hand_over_id LIMIT :limit"
)


async def find(connection: AsyncConnection, hand_over_id: str, party: str | None) -> HandOver | None:
    """A hand-over; only one that the manager ``party`` is concerned with, if there is one named."""
    row = (await connection.execute(_FIND, {"hand_over_id": hand_over_id, "party": party})).first()
    return HandOver(**row._mapping) if row else None


async def listed(
    connection: AsyncConnection,
    party: str | None,
    status: str | None,
    manager_id: str | None,
    after: str,
    limit: int,
) -> list[HandOver]:
    """Hand-overs in the order in which they were planned beyond a place; all, or of a status, or of a manager."""
    values = {"party": party, "after": after, "limit": limit, "status": status, "manager_id": manager_id}
    return [HandOver(**row._mapping) for row in await connection.execute(_LISTED, values)]


async def as_of(connection: AsyncConnection, day: date, streams: Collection[str]) -> dict[str, HandOver]:
    """The hand-overs of these streams as they were at the end of a day."""
    states = await HAND_OVERS.as_of(connection, streams, day)
    return {stream: state.hand_over for stream, state in states.items()}


async def acknowledgements(connection: AsyncConnection, hand_over_id: str) -> dict[str, datetime]:
    """Who acknowledged a hand-over, and when."""
    rows = await connection.execute(
        text("SELECT manager_id, acknowledged_at FROM acknowledgement WHERE hand_over_id = :id"),
        {"id": hand_over_id},
    )
    return {row.manager_id: row.acknowledged_at for row in rows}


# --- what the rules consult -----------------------------------------------------------------------------------


async def consult(connection: AsyncConnection, commands: Sequence[Command]) -> Consulted:
    """What the one command wants to know."""
    [command] = commands
    match command:
        case PlanHandOver():
            return await _for_plan(connection, command)
        case SubmitHandOver() | CompleteHandOver():
            return await _for_plan_made(connection, command)
        case _:
            return Consulted()


async def _for_plan(connection: AsyncConnection, command: PlanHandOver) -> Consulted:
    terms = command.terms
    customers = [one.customer_id for one in terms.wanted]
    if terms.team_id is not None:
        customers = await _held_from(connection, terms.manager_id, terms.effective_from)
    tiers = await tiers_of(connection, customers)
    known_policies = await policies(connection)
    day = max(terms.effective_from, command.today)
    team: Sequence[Room] = ()
    if terms.team_id is not None:
        team = await _team(connection, terms.team_id, day, known_policies)
    named = {
        terms.manager_id,
        *(one.successor_id for one in terms.wanted),
        *(room.manager_id for room in team),
    }
    known = Known(
        policy=known_policies.in_force(day),
        careers=await manager.careers(connection, named),
        shares=await _shares(connection, tiers, terms.effective_from),
        tiers=tiers,
        team=team,
    )
    return Consulted(known, await claims(connection, customers))


async def _for_plan_made(
    connection: AsyncConnection, command: SubmitHandOver | CompleteHandOver
) -> Consulted:
    found = await find(connection, command.hand_over_id, None)
    assert found is not None  # the doors look for it first
    customers = found.customer_ids
    known = Known(
        careers=await manager.careers(connection, [found.manager_id]),
        shares=await _shares(connection, customers, found.effective_from),
    )
    rows = await connection.execute(
        text(
            "SELECT complaint_id, customer_id FROM complaint WHERE customer_id = ANY(:ids) "
            "AND status = 'assigned' AND manager_id = :manager_id ORDER BY complaint_id"
        ),
        {"ids": customers, "manager_id": found.manager_id},
    )
    complaints = [Complaint(row.complaint_id, row.customer_id) for row in rows]
    return Consulted(
        known, complaints=complaints, waiting=await waiting_for(connection, [command.hand_over_id])
    )


async def _shares(
    connection: AsyncConnection, customer_ids: Collection[str], day: date
) -> dict[str, tuple[Step, ...]]:
    held = await timelines(connection, customer_ids)
    return {one: from_day(held.get(one, Timeline()), day) for one in customer_ids}


async def _held_from(connection: AsyncConnection, manager_id: str, day: date) -> list[str]:
    """The customers that a manager looks after on a day or later."""
    rows = await connection.execute(
        text(
            "SELECT DISTINCT customer_id FROM portfolio "
            "WHERE manager_id = :manager_id AND (effective_to IS NULL OR effective_to > :day) ORDER BY customer_id"
        ),
        {"manager_id": manager_id, "day": day},
    )
    return list(rows.scalars())


async def _team(
    connection: AsyncConnection, team_id: str, day: date, known_policies: Policies
) -> Sequence[Room]:
    """Who belongs to a team on a day, today or later, and how much room each has."""
    careers = {
        manager_id: career
        for manager_id, career in (await manager.careers(connection)).items()
        for standing in [career.on(day)]
        if standing is not None and standing.team_id == team_id
    }
    carried = await burdens(connection, careers, [], known_policies.in_force(day), day)
    return list(rooms(day, known_policies, careers, carried).values())
