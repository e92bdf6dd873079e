"""A customer manager (客户经理): coming on record. The aggregate is the manager."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from shared.contracts import assignment as contract
from shared.kernel.decider import Decider
from shared.kernel.errors import Refusal
from shared.kernel.event import Fact

# --- commands -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RegisterManager:
    """Put a manager on record. The name is personal data and never leaves the service."""

    particulars: contract.ManagerRegistered
    name: str = field(repr=False)

    @property
    def stream(self) -> str:
        return self.particulars.stream


# --- events -------------------------------------------------------------------------------------------------


class ManagerRegistered(contract.ManagerRegistered):
    """The contract's event with the personal data beside it: sealed, and left out of what is published."""

    sealed: str


# --- state --------------------------------------------------------------------------------------------------

Sealed = Mapping[RegisterManager, str]
"""What the rules consult: the personal data of each command, sealed with the person's key."""

# --- decide -------------------------------------------------------------------------------------------------


def decide(command: RegisterManager, registered: bool, sealed: Sealed) -> Sequence[Fact]:
    """The registration; raises Refusal for an id that is taken."""
    particulars = command.particulars
    if registered:
        raise Refusal("manager-is-new", "manager_id", f"there is a manager {particulars.manager_id} already")
    return [ManagerRegistered(**particulars.model_dump(), sealed=sealed[command])]


# --- evolve -------------------------------------------------------------------------------------------------


def evolve(_: bool, __: Fact) -> bool:
    """Whether the manager is on record, which any of the events says."""
    return True


def stream(command: RegisterManager) -> str:
    """The manager's stream."""
    return command.stream


DECIDER: Decider[RegisterManager, bool, Sealed] = Decider(stream, False, decide, evolve)
