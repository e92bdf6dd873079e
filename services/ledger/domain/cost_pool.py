"""Cost pools (间接成本池): indirect costs of a month, spread over managers and departments when it closes."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.ledger.domain.calendar import Calendar
from shared.contracts.ledger import CostPoolDeclared, Driver
from shared.kernel.decider import Decider
from shared.kernel.errors import Refusal
from shared.kernel.event import Fact
from shared.kernel.period import format_month


@dataclass(frozen=True, slots=True)
class DeclareCostPool:
    """Command: this amount (minor units) is to be spread in this month. The last word on a month's pool counts."""

    month: int
    pool: str
    amount: int
    driver: Driver

    @property
    def stream(self) -> str:
        return f"pool-{format_month(self.month)}:{self.pool}"


def _decide(command: DeclareCostPool, present: CostPoolDeclared | None, calendar: Calendar) -> Sequence[Fact]:
    if command.month <= calendar.closed_through:
        raise Refusal(
            "pool-before-close",
            "period",
            f"{format_month(command.month)} is closed; what was spread in it stays",
        )
    declared = CostPoolDeclared.model_construct(
        period=format_month(command.month), pool=command.pool, amount=command.amount, driver=command.driver
    )
    return [] if declared == present else [declared]


def _evolve(_: CostPoolDeclared | None, fact: Fact) -> CostPoolDeclared:
    assert isinstance(fact, CostPoolDeclared)  # the stream has no other
    return fact


DECIDER: Decider[DeclareCostPool, CostPoolDeclared | None, Calendar] = Decider(
    stream=lambda command: command.stream, initial=None, decide=_decide, evolve=_evolve
)
