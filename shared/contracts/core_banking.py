"""What the core banking system says (topic ``core-banking.postings``, keyed by customer id).

Producer: core banking. Amounts are positive decimal strings unless a field says otherwise. What each event does to
the books is in ``services/ledger/domain/booking.py``.
"""

from typing import ClassVar, Literal

from pydantic import model_validator

from shared.contracts.types import Amount, AmountOrZero, BusinessDate, CentreId, Contract, Id, SignedAmount
from shared.kernel.books import LoanClass
from shared.kernel.errors import Malformed

TOPIC = "core-banking.postings"


class CoreEvent(Contract):
    """What all core events carry. ``currency``, where given, must be the installation's base currency."""

    business_date: BusinessDate
    customer_id: Id | None = None
    product_code: Id
    currency: str | None = None

    account: ClassVar[str | None] = None
    """Name of the field that identifies the account or loan the event is about."""


class CustomerEvent(CoreEvent):
    """What happens to a customer: all core events but a manager's own cost."""

    customer_id: Id


class DepositPosted(CustomerEvent):
    """Money paid into (+) or drawn from (−) a deposit account."""

    account_id: Id
    amount: SignedAmount
    account: ClassVar[str | None] = "account_id"


class LoanEvent(CustomerEvent):
    """What events about a loan share."""

    loan_id: Id
    account: ClassVar[str | None] = "loan_id"


class LoanDisbursed(LoanEvent):
    """A loan, or a further tranche of it, paid out. A new loan is of class ``normal``."""

    amount: Amount


class LoanRepaid(LoanEvent):
    """Principal and interest paid by the borrower; either may be zero, not both."""

    principal: AmountOrZero
    interest: AmountOrZero

    @model_validator(mode="after")
    def _something_was_paid(self) -> "LoanRepaid":
        if self.principal == 0 and self.interest == 0:
            raise Malformed("principal and interest must not both be zero")
        return self


class LoanReclassified(LoanEvent):
    """The loan's class in the five-category classification changed."""

    to_class: LoanClass


class LoanWrittenOff(LoanEvent):
    """What is outstanding is given up; the loan is closed."""


class LoanRecovered(LoanEvent):
    """Collateral sold above what was owed, or money after a write-off."""

    amount: Amount


class FeeCharged(CustomerEvent):
    """A fee, by kind: intermediary (中间业务), settlement (国际结算) or credit_risk (授信风险费)."""

    kind: Literal["intermediary", "settlement", "credit_risk"]
    amount: Amount


class CostIncurred(CoreEvent):
    """A direct cost of a customer, or, with ``manager_id``, of that manager alone."""

    manager_id: CentreId | None = None
    amount: Amount

    @model_validator(mode="after")
    def _somebody_caused_it(self) -> "CostIncurred":
        if self.customer_id is None and self.manager_id is None:
            raise Malformed("customer_id is required unless manager_id is given")
        return self


CORE_EVENTS: dict[str, type[CoreEvent]] = {
    event.__name__: event
    for event in (
        DepositPosted,
        LoanDisbursed,
        LoanRepaid,
        LoanReclassified,
        LoanWrittenOff,
        LoanRecovered,
        FeeCharged,
        CostIncurred,
    )
}
"""Every core event by its CloudEvents type."""
