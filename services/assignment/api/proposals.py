"""Proposals: what waits for a second person, and that person's word (四眼原则)."""

from collections.abc import Mapping, Sequence
from datetime import date
from enum import StrEnum
from functools import partial
from typing import Annotated, Any

import orjson
import uuid_utils
from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from services.assignment.api.access import Approver, ProposalReader
from services.assignment.api.changes import CHANGES, Approval
from services.assignment.api.past import Past, PastDay, of_status, one_page, state_as_of
from services.assignment.domain import proposal as proposals
from services.assignment.domain.proposal import (
    AlreadyProposed,
    DecideProposal,
    Kind,
    ProposalApproved,
    ProposalRejected,
    Propose,
)
from services.assignment.views import proposal as proposal_view
from services.assignment.views.proposal import PROPOSALS, Proposal
from shared.contracts.types import Contract, Id, Text
from shared.infrastructure.auth import Principal
from shared.infrastructure.bank_time import today
from shared.infrastructure.command_desk import accepted
from shared.infrastructure.command_handler import AnyDecider, Outcome, Refused, Submission
from shared.infrastructure.database import Database
from shared.infrastructure.event_store import versions
from shared.infrastructure.http import Commands, Json, PageQuery, commands, etag, page_of
from shared.infrastructure.receipts import Answer
from shared.kernel.errors import Unknown
from shared.kernel.event import Origin

router = APIRouter(prefix="/v1/proposals", tags=["proposals"])


class Status(StrEnum):
    """What became of a proposal."""

    OPEN = "open"
    APPROVED = "approved"
    REJECTED = "rejected"


class Decision(Contract):
    """Why a proposal is approved or rejected, for those who care to say."""

    reason: Text | None = None


@router.get("")
async def list_proposals(
    request: Request,
    page: PageQuery,
    _: ProposalReader,
    as_of: PastDay = None,
    status: Annotated[Status | None, Query(description="only proposals of this status")] = None,
    kind: Annotated[Kind | None, Query(description="only proposals of this kind")] = None,
) -> Response:
    """Proposals in the order in which they were made, now or as of a day."""
    [after] = page.after(str) or ("",)
    async with request.app.state.database.snapshot() as connection:
        look, past = partial(proposal_view.listed, connection, status, kind), None
        if as_of is not None:
            look = partial(proposal_view.listed, connection, None, kind)
            past = Past(partial(PROPOSALS.as_of, connection, day=as_of), of_status(status))
        found = await one_page(look, _place, after, page.limit, past)
    return Json(page_of([one.shown() for one in found.rows], found.cursor))


def _place(proposal: Proposal) -> str:
    return proposal.proposal_id


@router.get("/{proposal_id}")
async def get_proposal(
    request: Request, proposal_id: Id, _: ProposalReader, as_of: PastDay = None
) -> Response:
    """One proposal, now or as of a day, with its `ETag`."""
    found, version = await _look(request.app.state.database, proposal_id, as_of)
    return Json(found.shown(), headers={"ETag": etag(version)})


@router.post("/{proposal_id}/approve")
async def approve_proposal(
    request: Request,
    proposal_id: Id,
    caller: Approver,
    desk: Annotated[Commands, Depends(commands)],
    body: Decision | None = None,
) -> Response:
    """Agree to what another person proposed: it is done when the answer arrives, or refused whole (409)."""
    found, _ = await _look(request.app.state.database, proposal_id)
    command = _decision(found, caller, body, approve=True)
    origin = desk.origin(caller)
    because = Origin(origin.actor, f"proposal/{proposal_id}", origin.metadata)
    approval = Approval(command.today, caller.subject, found.proposed_by)
    changes = CHANGES[Kind(found.kind)](orjson.loads(found.content), approval)
    return await _decide(desk, caller, found, command, [Submission(*change, because) for change in changes])


@router.post("/{proposal_id}/reject")
async def reject_proposal(
    request: Request,
    proposal_id: Id,
    caller: Approver,
    desk: Annotated[Commands, Depends(commands)],
    body: Decision | None = None,
) -> Response:
    """Refuse what another person proposed; nothing is changed."""
    found, _ = await _look(request.app.state.database, proposal_id)
    return await _decide(desk, caller, found, _decision(found, caller, body, approve=False), [])


async def propose(
    desk: Commands,
    caller: Principal,
    kind: Kind,
    key: str,
    content: Mapping[str, Any],
    managers: frozenset[str] = frozenset(),
) -> Response:
    """Have something proposed (202) instead of done; the same proposed again is the proposal that is there."""
    command = Propose(str(uuid_utils.uuid7()), kind, key, content, caller.subject, today(), managers)
    return await submit_proposal(desk, caller, proposals.DECIDER, command, command.proposal_id)


async def submit_proposal(
    desk: Commands,
    caller: Principal,
    decider: AnyDecider,
    command: object,
    proposal_id: str,
    expected_version: int | None = None,
) -> Response:
    """Submit what has something proposed under this id, or comes upon the same proposed already; 202. The version is
    that of the aggregate that the command is for."""

    def answer(outcomes: Sequence[Outcome]) -> Answer:
        found = proposal_id
        match outcomes:
            case [Refused(AlreadyProposed() as known)]:
                found = known.proposal_id
            case _:
                accepted(outcomes)
        return Answer(202, orjson.dumps({"proposal_id": found, "status": "open"}))

    submission = Submission(decider, command, desk.origin(caller), expected_version)
    return await desk.submit_all(caller, [submission], answer)


async def _look(database: Database, proposal_id: str, as_of: date | None = None) -> tuple[Proposal, int]:
    """A proposal, now or as of a day, and its version; raises Unknown."""
    missing = Unknown(f"there is no proposal {proposal_id}")
    async with database.snapshot() as connection:
        found = await proposal_view.find(connection, proposal_id)
        if found is None:
            raise missing
        if as_of is not None:
            found = await state_as_of(connection, PROPOSALS, found.stream, as_of, missing)
        return found, (await versions(connection, [found.stream]))[found.stream]


def _decision(found: Proposal, caller: Principal, body: Decision | None, *, approve: bool) -> DecideProposal:
    reason = body.reason if body else None
    return DecideProposal(found.proposal_id, found.key, approve, caller.subject, today(), reason)


async def _decide(
    desk: Commands, caller: Principal, found: Proposal, command: DecideProposal, changes: Sequence[Submission]
) -> Response:
    """The decision and what follows from it in one transaction: a refusal of either leaves both undone."""

    def answer(outcomes: Sequence[Outcome]) -> Answer:
        decided, *_ = [accepted([outcome]) for outcome in outcomes]  # the refusal of any is raised
        [event] = decided.events
        assert isinstance(event.fact, ProposalApproved | ProposalRejected)  # the only ways to decide
        shown = proposal_view.decided(found, event).shown()
        return Answer(200, orjson.dumps(shown), decided.version)

    submission = Submission(proposals.DECIDER, command, desk.origin(caller), desk.expected_version)
    return await desk.submit_all(caller, [submission, *changes], answer)
