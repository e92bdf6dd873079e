"""A customer manager (客户经理): coming on record. The aggregate is the manager."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from shared.contracts import assignment as contract
from shared.kernel.decider import Decider
from shared.kernel.errors import Refusal
from shared.kernel.event import Fact


class Grade(StrEnum):
    """The grades of customer managers (客户经理等级), lowest first.

    trainee 见习客户经理, assistant 助理客户经理, manager-4 to manager-1 四级至一级客户经理,
    senior-2 and senior-1 二级、一级高级客户经理, principal 资深客户经理.
    """

    TRAINEE = "trainee"
    ASSISTANT = "assistant"
    MANAGER_4 = "manager-4"
    MANAGER_3 = "manager-3"
    MANAGER_2 = "manager-2"
    MANAGER_1 = "manager-1"
    SENIOR_2 = "senior-2"
    SENIOR_1 = "senior-1"
    PRINCIPAL = "principal"


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
