"""Compliance (合规): what must have been done for a customer by a day, and how well customers are known."""

from datetime import date
from enum import StrEnum

from shared.contracts.types import Amount, BusinessDate, CentreId, Contract, Id, Text


class DutyKind(StrEnum):
    """large-value-report 大额交易报告, customer-review 客户尽职调查."""

    LARGE_VALUE_REPORT = "large-value-report"
    CUSTOMER_REVIEW = "customer-review"


class RiskRating(StrEnum):
    """How closely a customer must be known (客户洗钱风险等级)."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class DutyEvent(Contract):
    """What all events of duties carry."""

    duty_id: Id
    kind: DutyKind
    customer_id: Id

    @property
    def stream(self) -> str:
        return f"duty-{self.customer_id}#{self.duty_id}"


class DutyRaised(DutyEvent):
    """Something (合规任务) must be done by the end of ``due_on``, by whoever is responsible for the customer then.

    ``amount`` is that of the transactions to be reported, where it is about such.
    """

    raised_on: BusinessDate
    due_on: BusinessDate
    reason: Text
    amount: Amount | None = None

    @property
    def business_date(self) -> date:
        return self.raised_on


class DutyDone(DutyEvent):
    """The duty was done, in time or after its breach; ``manager_id`` was responsible for the customer on that day."""

    done_on: BusinessDate
    manager_id: CentreId | None = None
    in_time: bool

    @property
    def business_date(self) -> date:
        return self.done_on


class DutyBreached(DutyEvent):
    """The duty was not done by its day (逾期); ``manager_id`` was responsible for the customer on that day."""

    due_on: BusinessDate
    manager_id: CentreId | None = None
    serious: bool

    @property
    def business_date(self) -> date:
        return self.due_on


class CustomerReviewed(Contract):
    """A customer's circumstances were looked into (客户尽职调查), and are to be again by ``next_due_on``."""

    review_id: Id
    customer_id: Id
    risk_rating: RiskRating
    reviewed_on: BusinessDate
    next_due_on: BusinessDate

    @property
    def stream(self) -> str:
        return f"review-{self.customer_id}"

    @property
    def business_date(self) -> date:
        return self.reviewed_on
