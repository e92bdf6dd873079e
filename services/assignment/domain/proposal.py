"""A proposal (提议): what one person wants done and another one decides on (四眼原则).

A kind of proposal is an event of its own with all that is to be done in it, so that what is approved is what
was proposed. The change itself is a command to the aggregate it concerns, in the transaction of the approval.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import date

from services.assignment.domain.customer import check_managers, same_shares
from shared.contracts.assignment import CustomerAssigned
from shared.contracts.types import BusinessDate, Contract, Id, Text
from shared.kernel.decider import Decider
from shared.kernel.errors import Refusal
from shared.kernel.event import Fact

# --- commands -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ProposeAssignment:
    """Ask for a change of who looks after a customer."""

    proposal_id: str
    assigned: CustomerAssigned
    proposed_by: str
    today: date

    @property
    def stream(self) -> str:
        return _stream(self.assigned.customer_id, self.proposal_id)


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
        return _stream(self.key, self.proposal_id)


Command = ProposeAssignment | DecideProposal

# --- events -------------------------------------------------------------------------------------------------


class _ProposalEvent(Contract):
    """What all events of proposals carry; they lie in the shard of the aggregate that they concern."""

    proposal_id: Id
    key: Id
    business_date: BusinessDate

    @property
    def stream(self) -> str:
        return _stream(self.key, self.proposal_id)


class AssignmentProposed(_ProposalEvent):
    """Somebody wants a customer assigned."""

    proposed_by: str
    assignment: CustomerAssigned


class ProposalApproved(_ProposalEvent):
    """Another person agreed; what was proposed is done."""

    decided_by: str
    reason: Text | None = None


class ProposalRejected(_ProposalEvent):
    """Another person disagreed; nothing is done."""

    decided_by: str
    reason: Text | None = None


def _stream(key: str, proposal_id: str) -> str:
    return f"proposal-{key}#{proposal_id}"


# --- state --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Proposal:
    """A proposal as it stands; an empty ``proposed_by`` is that of no proposal."""

    proposed_by: str = ""
    open: bool = False


@dataclass(frozen=True, slots=True)
class Consulted:
    """The managers on record, and the assignments that are proposed and not decided on, by proposal id."""

    managers: AbstractSet[str] = frozenset()
    open_assignments: Mapping[str, CustomerAssigned] = field(default_factory=dict)


# --- refusals -----------------------------------------------------------------------------------------------


class AlreadyProposed(Refusal):
    """The same is proposed already and not decided on; ``proposal_id`` is where."""

    def __init__(self, proposal_id: str) -> None:
        super().__init__("proposal-is-new", "", f"proposal {proposal_id} asks for the same")
        self.proposal_id = proposal_id


# --- decide -------------------------------------------------------------------------------------------------


def decide(command: Command, proposal: Proposal, consulted: Consulted) -> Sequence[Fact]:
    """The proposal, or the decision on it; raises Refusal, AlreadyProposed for a repetition."""
    if isinstance(command, ProposeAssignment):
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


def _propose(command: ProposeAssignment, consulted: Consulted) -> Fact:
    assigned = command.assigned
    check_managers(assigned, consulted.managers)
    for proposal_id, other in consulted.open_assignments.items():
        if _asks_for_the_same(other, assigned):
            raise AlreadyProposed(proposal_id)
    return AssignmentProposed(
        proposal_id=command.proposal_id,
        key=assigned.customer_id,
        business_date=command.today,
        proposed_by=command.proposed_by,
        assignment=assigned,
    )


def _asks_for_the_same(one: CustomerAssigned, other: CustomerAssigned) -> bool:
    return (one.customer_id, one.effective_from) == (other.customer_id, other.effective_from) and same_shares(
        one.shares, other.shares
    )


# --- evolve -------------------------------------------------------------------------------------------------


def evolve(proposal: Proposal, fact: Fact) -> Proposal:
    """The proposal after a fact."""
    if isinstance(fact, AssignmentProposed):
        return Proposal(fact.proposed_by, open=True)
    return Proposal(proposal.proposed_by, open=False)


def stream(command: Command) -> str:
    """The proposal's stream."""
    return command.stream


DECIDER: Decider[Command, Proposal, Consulted] = Decider(stream, Proposal(), decide, evolve)
