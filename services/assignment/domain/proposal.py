"""A proposal (提议): what one person wants done and another one decides on (四眼原则).

A proposal holds all that is to be done, so that what is approved is what was proposed. The change itself is one or
more commands to the aggregates it concerns, in the transaction of the approval, under the rules of that moment.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any

import orjson

from shared.contracts.assignment import CustomerAssigned
from shared.contracts.types import BusinessDate, Contract, Id, Text
from shared.kernel.decider import Decider
from shared.kernel.errors import Refusal
from shared.kernel.event import Fact


class Kind(StrEnum):
    """What can be proposed: a change of the past's assignment 追溯调整, a grade although requirements are not met
    破格, another tier 分层调整, a disciplinary measure 处分, a tender's award 中标, a hand-over 移交."""

    ASSIGNMENT = "assignment"
    GRADE = "grade"
    TIER = "tier"
    DISCIPLINE = "discipline"
    AWARD = "award"
    HAND_OVER = "hand-over"


# --- commands -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Propose:
    """Ask for something to be done. ``key`` is the id of the aggregate it concerns, ``content`` what is to be done
    as JSON, and ``managers`` are those it names, who must be on record."""

    proposal_id: str
    kind: Kind
    key: str
    content: Mapping[str, Any] = field(hash=False)
    proposed_by: str
    today: date
    managers: frozenset[str] = frozenset()

    @property
    def stream(self) -> str:
        return stream_of(self.key, self.proposal_id)


@dataclass(frozen=True, slots=True)
class DecideProposal:
    """Approve or reject a proposal; ``key`` is that of the aggregate it concerns."""

    proposal_id: str
    key: str
    approve: bool
    decided_by: str
    today: date
    reason: str | None = None

    @property
    def stream(self) -> str:
        return stream_of(self.key, self.proposal_id)


Command = Propose | DecideProposal

# --- events -------------------------------------------------------------------------------------------------


class _ProposalEvent(Contract):
    """What all events of proposals carry; they lie in the shard of the aggregate that they concern."""

    proposal_id: Id
    key: Id
    business_date: BusinessDate

    @property
    def stream(self) -> str:
        return stream_of(self.key, self.proposal_id)


class ChangeProposed(_ProposalEvent):
    """Somebody wants something done."""

    kind: Kind
    proposed_by: str
    content: dict[str, Any]


class _AssignmentProposed(_ProposalEvent):
    """How the proposal of an assignment was written when there was no other kind."""

    proposed_by: str
    assignment: CustomerAssigned


def read_assignment_proposed(data: str) -> ChangeProposed:
    """An event of the first shape as one of today's."""
    old = _AssignmentProposed.model_validate_json(data)
    return ChangeProposed(
        proposal_id=old.proposal_id,
        key=old.key,
        business_date=old.business_date,
        kind=Kind.ASSIGNMENT,
        proposed_by=old.proposed_by,
        content=orjson.loads(old.assignment.to_json()),
    )


class ProposalApproved(_ProposalEvent):
    """Another person agreed; what was proposed is done."""

    decided_by: str
    reason: Text | None = None


class ProposalRejected(_ProposalEvent):
    """Another person disagreed; nothing is done."""

    decided_by: str
    reason: Text | None = None


def stream_of(key: str, proposal_id: str) -> str:
    """The stream of a proposal, in the shard of what it concerns."""
    return f"proposal-{key}#{proposal_id}"


# --- state --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Proposal:
    """A proposal as it stands; an empty ``proposed_by`` is that of no proposal."""

    proposed_by: str = ""
    open: bool = False


@dataclass(frozen=True, slots=True)
class Open:
    """A proposal that waits for a decision."""

    proposal_id: str
    kind: Kind
    key: str
    content: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Consulted:
    """The managers on record, and what is proposed and not decided on for the same aggregates."""

    managers: AbstractSet[str] = frozenset()
    waiting: Sequence[Open] = ()


# --- refusals -----------------------------------------------------------------------------------------------


class AlreadyProposed(Refusal):
    """The same is proposed already and not decided on; ``proposal_id`` is where."""

    def __init__(self, proposal_id: str) -> None:
        super().__init__("proposal-is-new", "", f"proposal {proposal_id} asks for the same")
        self.proposal_id = proposal_id


# --- decide -------------------------------------------------------------------------------------------------


def decide(command: Command, proposal: Proposal, consulted: Consulted) -> Sequence[Fact]:
    """The proposal, or the decision on it; raises Refusal, AlreadyProposed for a repetition."""
    if isinstance(command, Propose):
        return [_propose(command, consulted)]
    if not proposal.open:
        raise Refusal("proposal-is-open", "proposal_id", f"proposal {command.proposal_id} is not open")
    if proposal.proposed_by == command.decided_by:
        raise Refusal("four-eyes", "proposal_id", "nobody decides on what they proposed")
    decision = ProposalApproved if command.approve else ProposalRejected
    return [
        decision(
            proposal_id=command.proposal_id,
            key=command.key,
            business_date=command.today,
            decided_by=command.decided_by,
            reason=command.reason,
        )
    ]


def _propose(command: Propose, consulted: Consulted) -> Fact:
    for manager_id in sorted(command.managers - consulted.managers):
        raise Refusal("manager-is-known", "manager_id", f"there is no manager {manager_id}")
    for other in consulted.waiting:
        if (other.kind, other.key, asks_for(other.content)) == (
            command.kind,
            command.key,
            asks_for(command.content),
        ):
            raise AlreadyProposed(other.proposal_id)
    return ChangeProposed(
        proposal_id=command.proposal_id,
        key=command.key,
        business_date=command.today,
        kind=command.kind,
        proposed_by=command.proposed_by,
        content=dict(command.content),
    )


def asks_for(content: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a proposal comes to, whatever the reason given for it, and whoever was ranked behind."""
    return {name: value for name, value in content.items() if name not in ("reason", "ranking")}


# --- evolve -------------------------------------------------------------------------------------------------


def evolve(proposal: Proposal, fact: Fact) -> Proposal:
    """The proposal after a fact."""
    if isinstance(fact, ChangeProposed):
        return Proposal(fact.proposed_by, open=True)
    return Proposal(proposal.proposed_by, open=False)


def follow(consulted: Consulted, fact: Fact) -> Consulted:
    """What waits for a decision after a fact."""
    if not isinstance(fact, ChangeProposed):
        return consulted
    waiting = Open(fact.proposal_id, fact.kind, fact.key, fact.content)
    return Consulted(consulted.managers, (*consulted.waiting, waiting))


def stream(command: Command) -> str:
    """The proposal's stream."""
    return command.stream


DECIDER: Decider[Command, Proposal, Consulted] = Decider(stream, Proposal(), decide, evolve)
