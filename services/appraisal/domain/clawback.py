"""Clawback (追索扣回): what of an award is taken back when a loan behind it turns bad.

Pure arithmetic of one award, and the mark that a change of class was followed up. The vault (``vault.py``) takes and
gives back accordingly. The rate is the ledger's, at the change of class: a policy that is set later changes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from services.appraisal.domain import results
from services.appraisal.domain.loan_result import Reclassified
from shared.contracts.appraisal import AwardClawedBack, AwardGranted, AwardReleased
from shared.contracts.types import BusinessDate, Contract
from shared.kernel.books import LoanClass
from shared.kernel.decider import Decider
from shared.kernel.event import Fact
from shared.kernel.money import percent_of, round_half_even

SOURED = (LoanClass.SUBSTANDARD, LoanClass.DOUBTFUL, LoanClass.LOSS)
"""The classes in which a loan is bad (不良); in any other nothing is clawed back for it."""


def part_of_loan(amount: int, efficiency: int, loan_efficiency: int) -> int:
    """The part of an award that came from a loan: award × max(0, Y of the loan) ÷ Y, half-even, at most the award.

    ``amount`` is the award, ``efficiency`` the Y that it was granted on, above zero; all in minor units.
    """
    if efficiency <= 0:
        return 0
    return min(amount, round_half_even(Fraction(amount) * max(0, loan_efficiency) / efficiency))


def rate_of(change: Reclassified | AwardClawedBack | AwardReleased, award: AwardGranted) -> Decimal:
    """The provision rate of a loan's new class in percent, as the ledger stated it with the change. Where the change is
    from before the ledger did, the rates hold that the award was granted with."""
    if change.provision_rate is not None:
        return change.provision_rate
    return award.clawback_rates.get(change.loan_class, Decimal(0))


def target_of(part: int, loan_class: LoanClass, rate: Decimal) -> int:
    """What is to be clawed back for a loan in a bad class: the class's provision rate of the award's part from it."""
    return percent_of(part, rate) if loan_class in SOURED else 0


# --- commands -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WorkReclassifications:
    """Mark changes of class of one ledger shard as followed up."""

    ledger_shard: int
    positions: tuple[int, ...]
    today: date

    @property
    def stream(self) -> str:
        return stream_of(self.ledger_shard)


# --- events -------------------------------------------------------------------------------------------------


class ReclassificationsWorked(Contract):
    """Changes of class, by their positions in a ledger shard, were followed up in all vaults they concern."""

    ledger_shard: int
    positions: tuple[int, ...]
    business_date: BusinessDate

    @property
    def stream(self) -> str:
        return stream_of(self.ledger_shard)


def stream_of(ledger_shard: int) -> str:
    """A stream in the shard in which the results of this ledger shard lie."""
    return f"clawback-{results.stream_of(ledger_shard).partition('-')[2]}"


# --- decide -------------------------------------------------------------------------------------------------


def decide(command: WorkReclassifications, _: None, unworked: frozenset[tuple[int, int]]) -> Sequence[Fact]:
    """Those that were not marked before; ``unworked`` has them by ledger shard and position."""
    new = tuple(one for one in command.positions if (command.ledger_shard, one) in unworked)
    if not new:
        return []
    return [
        ReclassificationsWorked(ledger_shard=command.ledger_shard, positions=new, business_date=command.today)
    ]


def follow(unworked: frozenset[tuple[int, int]], fact: Fact) -> frozenset[tuple[int, int]]:
    """What is not marked after a fact."""
    if not isinstance(fact, ReclassificationsWorked):
        return unworked
    return unworked - {(fact.ledger_shard, one) for one in fact.positions}


DECIDER: Decider[WorkReclassifications, None, frozenset[tuple[int, int]]] = Decider(
    stream=lambda command: command.stream, initial=None, decide=decide, evolve=lambda _, __: None
)
