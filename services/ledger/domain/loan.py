"""Loans: what each event does to the outstanding balance, and the provision it then requires (拨备).

After each event that changes a loan's outstanding balance or class: required = round(outstanding × rate of the
class); risk_charge gets held − required; held becomes required. No difference, no leg.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from shared.contracts.core_banking import (
    LoanDisbursed,
    LoanEvent,
    LoanReclassified,
    LoanRecovered,
    LoanRepaid,
    LoanWrittenOff,
)
from shared.contracts.types import LARGEST_POSTING
from shared.kernel.books import Line, LoanClass
from shared.kernel.errors import Refusal
from shared.kernel.money import format_money, percent_of

ProvisionRates = Mapping[LoanClass, Decimal]
Amounts = dict[str, int]
"""Signed totals of an entry by line, in minor units; lines that come to zero are left out."""

LOAN_BALANCE = Line.LOAN_BALANCE.value
INTEREST_INCOME = Line.INTEREST_INCOME.value
RISK_CHARGE = Line.RISK_CHARGE.value


@dataclass(frozen=True, slots=True)
class Loan:
    """A loan as the ledger has it: ``outstanding`` and the provision ``held`` in minor units."""

    loan_id: str
    customer_id: str
    outstanding: int = 0
    held: int = 0
    loan_class: LoanClass = LoanClass.NORMAL
    closed: bool = False


def book_loan_event(event: LoanEvent, loan: Loan | None, rates: ProvisionRates) -> tuple[Amounts, Loan]:
    """The totals by line that a loan event gives, and the loan after it.

    Raises Refusal for an unknown or closed loan, another customer's loan, and a repayment above what is outstanding.
    """
    if loan is not None and loan.customer_id != event.customer_id:
        raise Refusal(
            "loan-belongs-to-customer", "customer_id", f"loan {event.loan_id} is another customer's"
        )
    if type(event) is LoanDisbursed:
        present = loan or Loan(event.loan_id, event.customer_id)
        _must_be_open(present)
        _must_be_sayable(present.outstanding + event.amount)
        return _provide({LOAN_BALANCE: event.amount}, present, event.amount, present.loan_class, rates)
    if loan is None:
        raise Refusal("loan-is-known", "loan_id", f"there is no loan {event.loan_id}")
    if type(event) is LoanRecovered:
        return {RISK_CHARGE: event.amount}, loan
    _must_be_open(loan)
    if type(event) is LoanRepaid:
        return _repay(event, loan, rates)
    if type(event) is LoanReclassified:
        return _provide({}, loan, 0, event.to_class, rates)
    assert type(event) is LoanWrittenOff  # the last of the loan events
    written_off = {LOAN_BALANCE: -loan.outstanding, RISK_CHARGE: loan.held - loan.outstanding}
    return _without_zeros(written_off), replace(loan, outstanding=0, held=0, closed=True)


def provision_rate(loan: Loan, rates: ProvisionRates) -> Decimal:
    """The rate of a loan's class, in percent; one that is written off is a loss."""
    return rates[LoanClass.LOSS if loan.closed else loan.loan_class]


def _must_be_open(loan: Loan) -> None:
    if loan.closed:
        raise Refusal("loan-is-open", "loan_id", f"loan {loan.loan_id} was written off and is closed")


def _must_be_sayable(outstanding: int) -> None:
    if outstanding > LARGEST_POSTING:  # no one event could repay it
        raise Refusal("loan-within-bounds", "amount", f"makes {format_money(outstanding)} outstanding")


def _repay(event: LoanRepaid, loan: Loan, rates: ProvisionRates) -> tuple[Amounts, Loan]:
    if event.principal > loan.outstanding:
        raise Refusal(
            "repayment-within-outstanding",
            "principal",
            f"{format_money(event.principal)} is above the outstanding {format_money(loan.outstanding)}",
        )
    amounts = {LOAN_BALANCE: -event.principal, INTEREST_INCOME: event.interest}
    return _provide(amounts, loan, -event.principal, loan.loan_class, rates)


def _provide(
    amounts: Amounts, loan: Loan, change: int, loan_class: LoanClass, rates: ProvisionRates
) -> tuple[Amounts, Loan]:
    outstanding = loan.outstanding + change
    changed = change != 0 or loan_class is not loan.loan_class
    required = percent_of(outstanding, rates[loan_class]) if changed else loan.held
    amounts[RISK_CHARGE] = loan.held - required
    after = Loan(loan.loan_id, loan.customer_id, outstanding, required, loan_class)
    return _without_zeros(amounts), after


def _without_zeros(amounts: Amounts) -> Amounts:
    return {line: amount for line, amount in amounts.items() if amount}
