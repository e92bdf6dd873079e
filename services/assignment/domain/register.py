"""The register (台账): what a customer has with the bank, as the ledger's results and loan classes tell.

From it come a customer's class, trend and contribution, and the tiers that contribution suggests.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from services.assignment.domain.policy import TierBand
from shared.contracts.ledger import CustomerResultStated, LoanAfter, PeriodClosed
from shared.contracts.types import BusinessDate, Contract, Id
from shared.kernel.books import STOCKS, Line, LoanClass
from shared.kernel.decider import Decider
from shared.kernel.event import Fact

# --- commands -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TakeResult:
    """Enter what a closed month brought from a customer, or that the month is closed."""

    stated: CustomerResultStated | PeriodClosed

    @property
    def stream(self) -> str:
        return self.stated.stream


@dataclass(frozen=True, slots=True)
class TakeLoan:
    """Enter what a loan has become."""

    customer_id: str
    loan: LoanAfter
    business_date: BusinessDate
    ledger_position: int
    """The entry's place in the ledger's shard: an entry that comes again, later than others, is known by it."""

    @property
    def stream(self) -> str:
        return f"customer-{self.customer_id}#loans"


Command = TakeResult | TakeLoan

# --- events -------------------------------------------------------------------------------------------------


class LoanClassNoted(Contract):
    """A customer's loan is of a class (五级分类), or closed, since a day."""

    customer_id: Id
    loan_id: Id
    loan_class: LoanClass
    closed: bool
    ledger_position: int = 0
    business_date: BusinessDate

    @property
    def stream(self) -> str:
        return f"customer-{self.customer_id}#loans"


# --- state --------------------------------------------------------------------------------------------------


class LoanState(NamedTuple):
    """A loan's class, whether it is closed, and the ledger's position of the entry that said so."""

    loan_class: LoanClass
    closed: bool
    ledger_position: int


@dataclass(frozen=True, slots=True)
class Consulted:
    """The loans of a batch as the register has them, by customer and loan."""

    loans: Mapping[tuple[str, str], LoanState] = field(default_factory=dict)


# --- decide -------------------------------------------------------------------------------------------------


def decide(command: Command, _: None, consulted: Consulted) -> Sequence[Fact]:
    """The result; the loan only where its class is another, since most events of a loan leave it as it was, and only
    where the ledger said so after what is known."""
    if isinstance(command, TakeResult):
        return [command.stated]
    loan = command.loan
    known = consulted.loans.get((command.customer_id, loan.loan_id))
    if known is not None and (
        command.ledger_position <= known.ledger_position
        or (known.loan_class, known.closed) == (loan.loan_class, loan.closed)
    ):
        return []
    noted = LoanClassNoted(
        customer_id=command.customer_id,
        loan_id=loan.loan_id,
        loan_class=loan.loan_class,
        closed=loan.closed,
        ledger_position=command.ledger_position,
        business_date=command.business_date,
    )
    return [noted]


def follow(consulted: Consulted, fact: Fact) -> Consulted:
    """The loans after a fact."""
    if not isinstance(fact, LoanClassNoted):
        return consulted
    state = LoanState(fact.loan_class, fact.closed, fact.ledger_position)
    return Consulted({**consulted.loans, (fact.customer_id, fact.loan_id): state})


DECIDER: Decider[Command, None, Consulted] = Decider(
    stream=lambda command: command.stream, initial=None, decide=decide, evolve=lambda _, __: None
)

# --- what the register says -----------------------------------------------------------------------------------


def contribution(lines: Mapping[Line, int]) -> int:
    """What a month brought from a customer (贡献度), in minor units: all flows, before costs that only centres bear."""
    return sum(amount for line, amount in lines.items() if line not in STOCKS)


class Trend(StrEnum):
    """Where something goes, compared with a year before or the earliest month since: more than a tenth is a move."""

    GROWING = "growing"
    STEADY = "steady"
    SHRINKING = "shrinking"


def trend(before: int, now: int) -> Trend:
    """How a stock has moved."""
    if abs(now - before) * 10 <= abs(before):
        return Trend.STEADY
    return Trend.GROWING if now > before else Trend.SHRINKING


def suggested_tiers(
    contributions: Iterable[tuple[str, int]], bands: Sequence[TierBand], others: str
) -> dict[str, str]:
    """The tier that each customer's contribution suggests (二八定律): in order of contribution (ties: the smaller id),
    those who together bring the first so many percent of all that is positive are of the first band, and so on; who
    brings nothing, or what is left over, is of tier ``others``."""
    ranked = sorted(contributions, key=lambda one: (-one[1], one[0]))
    total = sum(amount for _, amount in ranked if amount > 0)
    tiers: dict[str, str] = {}
    before = 0  # what those ranked higher bring
    for customer_id, amount in ranked:
        fits = (band.tier for band in bands if amount > 0 and before * 100 < band.up_to_percent * total)
        tiers[customer_id] = next(fits, others)
        before += max(amount, 0)
    return tiers
