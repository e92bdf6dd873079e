"""Table ``proposal``: proposals and what became of them = ``GET /v1/proposals``."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.assignment.domain.proposal import (
    ChangeProposed,
    Command,
    Consulted,
    Kind,
    Open,
    ProposalApproved,
    ProposalRejected,
    Propose,
    read_assignment_proposed,
    stream_of,
)
from services.assignment.views import manager
from shared.infrastructure.fold import Fold, RowView, readers
from shared.kernel.event import StoredEvent


@dataclass(frozen=True, slots=True)
class Proposal:
    """A proposal as it stands; ``content`` is the JSON of what is to be done."""

    proposal_id: str
    key: str
    kind: str
    content: str
    status: str
    proposed_by: str
    proposed_at: datetime
    decided_by: str | None = None
    decided_at: datetime | None = None
    reason: str | None = None

    @property
    def stream(self) -> str:
        return stream_of(self.key, self.proposal_id)

    def shown(self) -> dict[str, object]:
        """As callers see it."""
        values = asdict(self)
        del values["key"]
        return {**values, "content": orjson.Fragment(self.content)}


def _begin(event: StoredEvent) -> Proposal:
    fact = event.fact
    assert isinstance(fact, ChangeProposed)  # what the stream of a proposal begins with
    return Proposal(
        proposal_id=fact.proposal_id,
        key=fact.key,
        kind=fact.kind.value,
        content=orjson.dumps(fact.content).decode(),
        status="open",
        proposed_by=fact.proposed_by,
        proposed_at=event.recorded_at,
    )


def decided(proposal: Proposal, event: StoredEvent) -> Proposal:
    """A proposal after the decision on it."""
    fact = event.fact
    assert isinstance(fact, ProposalApproved | ProposalRejected)  # the only ways to decide
    return replace(
        proposal,
        status="approved" if isinstance(fact, ProposalApproved) else "rejected",
        decided_by=fact.decided_by,
        decided_at=event.recorded_at,
        reason=fact.reason,
    )


PROPOSALS = Fold(
    _begin,
    decided,
    {
        **readers(ChangeProposed, ProposalApproved, ProposalRejected),
        "AssignmentProposed": read_assignment_proposed,
    },
)


class ProposalView(RowView):
    """One row a proposal."""

    tables = ("proposal",)
    takes = frozenset({ChangeProposed, ProposalApproved, ProposalRejected})
    fold = PROPOSALS


_SELECT = """
    SELECT proposal_id, key, kind, content::text AS content, status, proposed_by, proposed_at,
           decided_by, decided_at, reason
    FROM proposal
"""


async def consult(connection: AsyncConnection, commands: Sequence[Command]) -> Consulted:
    """The managers on record among those named, and what is proposed already for the same aggregates."""
    proposed = [command for command in commands if isinstance(command, Propose)]
    if not proposed:
        return Consulted()
    named = frozenset[str]().union(*(command.managers for command in proposed))
    waiting = await waiting_for(connection, [command.key for command in proposed])
    return Consulted(await manager.known(connection, named), waiting)


async def waiting_for(connection: AsyncConnection, keys: Sequence[str]) -> list[Open]:
    """What is proposed and not decided on for the aggregates of these keys."""
    rows = await connection.execute(
        text(_SELECT + " WHERE key = ANY(:keys) AND status = 'open' ORDER BY proposal_id"),
        {"keys": list(keys)},
    )
    return [Open(row.proposal_id, Kind(row.kind), row.key, orjson.loads(row.content)) for row in rows]


async def waiting_on(connection: AsyncConnection, key: str, day: date | None) -> str | None:
    """The id of what is proposed and not decided on for an aggregate, now or at the end of a day."""
    if day is None:
        return next((one.proposal_id for one in await waiting_for(connection, [key])), None)
    rows = await connection.execute(
        text("SELECT proposal_id FROM proposal WHERE key = :key ORDER BY proposal_id"), {"key": key}
    )
    streams = [stream_of(key, proposal_id) for proposal_id in rows.scalars()]
    then = await PROPOSALS.as_of(connection, streams, day)
    return next((one.proposal_id for one in then.values() if one.status == "open"), None)


async def find(connection: AsyncConnection, proposal_id: str) -> Proposal | None:
    """A proposal."""
    rows = await connection.execute(text(_SELECT + " WHERE proposal_id = :id"), {"id": proposal_id})
    row = rows.first()
    return Proposal(**row._mapping) if row else None


async def listed(
    connection: AsyncConnection, status: str | None, kind: str | None, after: str, limit: int
) -> list[Proposal]:
    """Proposals in the order in which they were made beyond a place; all, or those of a status or kind."""
    rows = await connection.execute(
        text(
            _SELECT + " WHERE proposal_id > :after AND (cast(:status AS text) IS NULL OR status = :status) "
            "AND (cast(:kind AS text) IS NULL OR kind = :kind) ORDER BY proposal_id LIMIT :limit"
        ),
        {"after": after, "limit": limit, "status": status, "kind": kind},
    )
    return [Proposal(**row._mapping) for row in rows]
