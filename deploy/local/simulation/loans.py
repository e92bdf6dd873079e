"""What loans do: monthly instalments, and the way down and sometimes up again through the five classes.

Amounts are minor units, rates basis points a year. Every step keeps the core system's rules: no repayment
above the outstanding balance, nothing on a loan that is repaid or written off but a recovery.
"""

from dataclasses import dataclass
from itertools import count

from deploy.local.simulation.accounts import usual
from deploy.local.simulation.desk import Desk, Routine
from deploy.local.simulation.people import Customer
from shared.kernel.books import LoanClass
from shared.kernel.money import MINOR_UNITS, format_money

_STUMBLES_PERCENT = 2
"""Instalments in a hundred that do not come."""

_HEALS_PERCENT = 40
_WAY_DOWN = (LoanClass.SPECIAL_MENTION, LoanClass.SUBSTANDARD, LoanClass.DOUBTFUL, LoanClass.LOSS)


@dataclass(slots=True)
class Loan:
    """A loan as the core system keeps it."""

    desk: Desk
    customer: Customer
    id: str
    product_code: str
    rate: int
    term_months: int
    outstanding: int = 0
    instalment: int = 0
    loan_class: LoanClass = LoanClass.NORMAL
    written_off: bool = False

    def disburse(self, amount: int) -> None:
        """Pay out the loan or a further tranche; equal principal each month until the end."""
        self.outstanding += amount
        self.instalment += -(-amount // self.term_months)
        self._post("LoanDisbursed", {"amount": format_money(amount)})

    def repay(self, principal: int, interest: int) -> None:
        """Pay principal, at most what is outstanding, and interest."""
        principal = min(principal, self.outstanding)
        self.outstanding -= principal
        paid = {"principal": format_money(principal), "interest": format_money(interest)}
        self._post("LoanRepaid", paid)

    def reclassify(self, to_class: LoanClass) -> None:
        """Change the class; the caller sees to it that it does change."""
        self.loan_class = to_class
        self._post("LoanReclassified", {"to_class": to_class.value})

    def write_off(self) -> int:
        """Give up what is outstanding and return it."""
        lost, self.outstanding, self.written_off = self.outstanding, 0, True
        self._post("LoanWrittenOff", {})
        return lost

    def recover(self, amount: int) -> None:
        """Money beyond what was owed, or after the write-off."""
        self._post("LoanRecovered", {"amount": format_money(max(amount, 1))})

    def interest(self, months: int = 1) -> int:
        """Interest on the outstanding balance."""
        return self.outstanding * self.rate * months // (12 * 10_000)

    def _post(self, kind: str, fields: dict[str, str]) -> None:
        self.desk.post(kind, self.customer.id, self.product_code, {"loan_id": self.id, **fields})


def mortgage(desk: Desk, customer: Customer) -> Routine:
    """A house: a large loan over many years."""
    rate, months = desk.between(320, 480), desk.between(120, 360)
    loan = Loan(desk, customer, f"l{customer.id[1:]}-m1", "MTG", rate, months)
    yield desk.later(1, 50)
    loan.disburse(_rounded(usual(desk, customer, 200_000, 900_000)))
    yield from _life(loan)


def consumer_loans(desk: Desk, customer: Customer) -> Routine:
    """Private loans over a few years, one after the other while they are repaid."""
    for number in count(1):
        rate, months = desk.between(500, 1100), desk.between(6, 36)
        loan = Loan(desk, customer, f"l{customer.id[1:]}-p{number}", "TRM", rate, months)
        yield desk.later(1, 50)
        loan.disburse(_rounded(usual(desk, customer, 10_000, 120_000)))
        yield from _life(loan)
        if loan.written_off:
            return
        yield desk.later(30, 300)


def business_loans(desk: Desk, customer: Customer) -> Routine:
    """A company's term loans, with a credit-risk fee on what is paid out; some get a second tranche."""
    for number in count(1):
        rate, months = desk.between(380, 720), desk.between(6, 48)
        loan = Loan(desk, customer, f"l{customer.id[1:]}-b{number}", "TRM", rate, months)
        yield desk.later(1, 50)
        _disburse_with_fee(loan, _rounded(usual(desk, customer, 80_000, 900_000)))
        if desk.chance(20):
            yield desk.later(10, 25)
            _disburse_with_fee(loan, _rounded(usual(desk, customer, 30_000, 300_000)))
        yield from _life(loan)
        if loan.written_off:
            return
        yield desk.later(10, 120)


def _disburse_with_fee(loan: Loan, amount: int) -> None:
    loan.disburse(amount)
    fee = amount * loan.desk.between(10, 50) // 10_000
    fields = {"kind": "credit_risk", "amount": format_money(max(fee, 1))}
    loan.desk.post("FeeCharged", loan.customer.id, loan.product_code, fields)


def _rounded(amount: int) -> int:
    """Whole thousands, as loans are granted."""
    return max(amount // (1_000 * MINOR_UNITS), 1) * 1_000 * MINOR_UNITS


def _life(loan: Loan) -> Routine:
    """Instalments from the next month on until nothing is outstanding."""
    due_day = loan.desk.between(1, 28)
    while loan.outstanding:
        yield loan.desk.next_month(due_day)
        if loan.desk.chance(_STUMBLES_PERCENT):
            yield from _decline(loan)
        else:
            loan.repay(loan.instalment, loan.interest())
            if loan.outstanding and loan.loan_class is not LoanClass.NORMAL:
                loan.reclassify(LoanClass.NORMAL)


def _decline(loan: Loan) -> Routine:
    """Class by class down from where the loan stands, to a bad end, unless it heals on the way."""
    desk = loan.desk
    for months_missed, worse in enumerate(_WAY_DOWN, start=1):
        if worse == loan.loan_class:
            continue
        loan.reclassify(worse)
        yield desk.later(18, 32)
        if desk.chance(_HEALS_PERCENT):
            _heal(loan, months_missed)
            return
    if desk.chance(25):
        loan.recover(loan.outstanding * desk.between(1, 8) // 100)
        loan.repay(loan.outstanding, loan.interest(len(_WAY_DOWN)))
    else:
        yield from _end_badly(loan)


def _heal(loan: Loan, months_missed: int) -> None:
    """Arrears are paid; from ``doubtful`` or worse the loan stays under watch until its next instalment."""
    under_watch = loan.loan_class in (LoanClass.DOUBTFUL, LoanClass.LOSS)
    loan.repay(loan.instalment * months_missed, loan.interest(months_missed))
    if loan.outstanding:
        loan.reclassify(LoanClass.SPECIAL_MENTION if under_watch else LoanClass.NORMAL)


def _end_badly(loan: Loan) -> Routine:
    """Written off; in three cases of five some of it is recovered later."""
    desk = loan.desk
    lost = loan.write_off()
    if desk.chance(60):
        for _ in range(desk.between(1, 2)):
            yield desk.later(15, 60)
            loan.recover(lost * desk.between(5, 25) // 100)
