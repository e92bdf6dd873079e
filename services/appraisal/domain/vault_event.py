"""What can be asked of a vault (绩效薪酬金库), and what happens in it and is nobody else's affair; its rules are in
``vault.py``."""

from dataclasses import dataclass
from datetime import date

from services.appraisal.domain.loan_result import Reclassified
from shared.contracts.appraisal import AwardId
from shared.contracts.types import BusinessDate, CentreId, Contract, Id, Money, Text
from shared.kernel.books import LoanClass

# --- commands -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OfVault:
    """What all commands to a vault say."""

    manager_id: str

    @property
    def stream(self) -> str:
        return stream_of(self.manager_id)


@dataclass(frozen=True, slots=True)
class PayInstalments(OfVault):
    """Pay what is due by a day (included) and still open."""

    day: date


@dataclass(frozen=True, slots=True)
class Reassess(OfVault):
    """A loan that contributed to an award changed its class, by an entry of a ledger shard. ``loan_efficiency`` is what
    it brought the manager in the award's cycle, in minor units."""

    award_id: str
    ledger_shard: int
    change: Reclassified
    loan_efficiency: int


@dataclass(frozen=True, slots=True)
class SettleClaim(OfVault):
    """The manager paid back some of what is claimed of an award; ``reference`` says by which payment."""

    award_id: str
    amount: int
    reference: str
    today: date


Command = PayInstalments | Reassess | SettleClaim


# --- events -------------------------------------------------------------------------------------------------


class _OfVault(Contract):
    award_id: AwardId
    manager_id: CentreId
    business_date: BusinessDate

    @property
    def stream(self) -> str:
        return stream_of(self.manager_id)


class ClawbackTargetSet(_OfVault):
    """What is to be clawed back of an award for a loan in its class, by an entry at this position of its shard."""

    loan_id: Id
    loan_class: LoanClass
    position: int
    target: Money


class ClaimSettled(_OfVault):
    """Some of what was claimed was paid back."""

    amount: Money
    reference: Text


def stream_of(manager_id: str) -> str:
    """The stream of a manager's vault."""
    return f"vault-{manager_id}"
