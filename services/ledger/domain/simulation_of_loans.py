"""What-if for provisions (拨备): what loans would have charged at other provision rates.

Each loan's events are worked once more in booking order. H is the provision that was held, H' the one that would
have been: both are the same before the loan's first event, and from there on H' follows the proposed rates wherever
an event dated in the period requires a provision anew. An event charges H' before less H' after.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import NamedTuple

from services.ledger.domain.closing import CellAmounts
from services.ledger.domain.loan import LOAN_BALANCE, RISK_CHARGE, Amounts
from services.ledger.domain.policy import Policies
from services.ledger.domain.simulation import Proposal
from services.ledger.domain.timeline import Timeline
from shared.contracts.core_banking import LoanReclassified, LoanRecovered, LoanWrittenOff
from shared.kernel.books import LoanClass
from shared.kernel.money import percent_of
from shared.kernel.period import Period, month_of
from shared.kernel.split import split

_RECLASSIFIED, _RECOVERED = LoanReclassified.__name__, LoanRecovered.__name__
_WRITTEN_OFF = LoanWrittenOff.__name__


class LoanStep(NamedTuple):
    """A loan event as it was booked: ``outstanding``, ``held`` and ``loan_class`` stand after it, ``class_before``
    is told for a reclassification."""

    kind: str
    business_date: date
    period: int
    customer_id: str
    loan_id: str
    product_code: str
    department_id: str
    lines: Amounts
    outstanding: int
    held: int
    loan_class: LoanClass
    class_before: LoanClass | None

    @property
    def held_before(self) -> int:
        """The provision held before the event; it charged what it added to that, a write-off what was lacking."""
        charge = self.lines.get(RISK_CHARGE, 0)
        if self.kind == _WRITTEN_OFF:
            return charge - self.lines.get(LOAN_BALANCE, 0)
        return self.held + charge

    @property
    def requires_anew(self) -> bool:
        """Whether it changed the loan's outstanding balance or its class."""
        if self.kind == _RECLASSIFIED:
            return self.loan_class is not self.class_before
        return LOAN_BALANCE in self.lines


class Charge(NamedTuple):
    """What a step charged, and what it would have (signed amounts of ``risk_charge``)."""

    step: LoanStep
    booked: int
    proposed: int


def charges(
    steps: Iterable[LoanStep], period: Period, policies: Policies, proposal: Proposal
) -> Iterator[Charge]:
    """The steps booked in the period whose charge would be another one, in order.

    ``steps`` are in booking order and lack none of a loan's between its first and its last in the period, as H' runs
    through all of them. A recovery requires no provision.
    """
    held: dict[tuple[str, str], int] = {}
    for step in steps:
        if step.kind == _RECOVERED:
            continue
        loan = step.customer_id, step.loan_id
        before = held.get(loan, step.held_before)
        after = held[loan] = _required(step, before, period, policies, proposal)
        change = (before - after) - (step.held_before - step.held)
        if change and period.first <= step.period <= period.last:
            booked = step.lines.get(RISK_CHARGE, 0)
            yield Charge(step, booked, booked + change)


def _required(step: LoanStep, before: int, period: Period, policies: Policies, proposal: Proposal) -> int:
    """H' after a step: what was booked wherever the proposal does not change the rate of its date and class."""
    if step.kind == _WRITTEN_OFF:
        return 0
    if not step.requires_anew:
        return before
    month = month_of(step.business_date)
    if not period.first <= month <= period.last:
        return step.held
    present = policies.in_force(month).provision_rates[step.loan_class]
    proposed = proposal.policy_for(month, policies).provision_rates[step.loan_class]
    return step.held if proposed == present else percent_of(step.outstanding, proposed)


def charge_differences(
    charged: Iterable[Charge], timelines: Mapping[str, Timeline], proposal: Proposal
) -> CellAmounts:
    """Proposed less booked risk_charge by cell, event by event as booking splits it: over the managers who are known
    now to have looked after the customer on the business date."""
    differences: CellAmounts = {}
    for step, booked, proposed in charged:
        shares = timelines.get(step.customer_id, Timeline()).on(step.business_date)
        department = proposal.department_of(step.product_code, step.department_id)
        for amount, sign in ((proposed, 1), (booked, -1)):
            for manager, part in split(amount, shares).items():
                key = RISK_CHARGE, (manager, department)
                differences[key] = differences.get(key, 0) + sign * part
    return {key: amount for key, amount in differences.items() if amount}
