"""Care (客户维护): visits, complaints, surveys and referrals, without a word of what people wrote."""

from datetime import date
from typing import Annotated

from pydantic import Field

from shared.contracts.types import Amount, BusinessDate, CentreId, Contract, Id

Score = Annotated[int, Field(ge=1, le=5, strict=True)]
"""How content a customer is (满意度): 1 not at all, 5 entirely."""


class VisitMade(Contract):
    """A manager saw or called a customer (走访、回访), and may have promised to come back on ``revisit_on``."""

    visit_id: Id
    customer_id: Id
    manager_id: CentreId
    visited_on: BusinessDate
    kind: Id
    revisit_on: BusinessDate | None = None

    @property
    def stream(self) -> str:
        return f"visit-{self.customer_id}#{self.visit_id}"

    @property
    def business_date(self) -> date:
        return self.visited_on


class VisitMissed(Contract):
    """A visit that was due on ``due_on`` was not made by then (逾期未访); ``manager_id`` led the customer on that day.

    Told once for a customer and due day, and once for a visit, however long it stays overdue.
    """

    customer_id: Id
    manager_id: CentreId
    due_on: BusinessDate

    @property
    def stream(self) -> str:
        return f"visit-{self.customer_id}#missed"

    @property
    def business_date(self) -> date:
        return self.due_on


class _OfComplaint(Contract):
    """What all events of a complaint carry."""

    complaint_id: Id
    customer_id: Id

    @property
    def stream(self) -> str:
        return f"complaint-{self.customer_id}#{self.complaint_id}"


class ComplaintReceived(_OfComplaint):
    """A customer complained (投诉); an answer is due on ``due_on``."""

    received_on: BusinessDate
    channel: Id
    due_on: BusinessDate

    @property
    def business_date(self) -> date:
        return self.received_on


class ComplaintAssigned(_OfComplaint):
    """A manager is to answer the complaint, in the place of whoever was to before."""

    manager_id: CentreId
    assigned_on: BusinessDate

    @property
    def business_date(self) -> date:
        return self.assigned_on


class ComplaintAnswered(_OfComplaint):
    """The complaint to be answered by ``manager_id`` was; ``in_time`` says whether by its deadline."""

    manager_id: CentreId
    answered_on: BusinessDate
    in_time: bool

    @property
    def business_date(self) -> date:
        return self.answered_on


class ComplaintConfirmed(_OfComplaint):
    """Somebody else asked the customer: satisfied, or the complaint is open again with another ``due_on``."""

    manager_id: CentreId
    satisfied: bool
    confirmed_on: BusinessDate
    due_on: BusinessDate | None = None

    @property
    def business_date(self) -> date:
        return self.confirmed_on


class CustomerSurveyed(Contract):
    """A customer said how content they are; ``manager_id`` answered for the customer on that day, if anybody."""

    survey_id: Id
    customer_id: Id
    manager_id: CentreId | None = None
    score: Score
    surveyed_on: BusinessDate

    @property
    def stream(self) -> str:
        return f"survey-{self.customer_id}#{self.survey_id}"

    @property
    def business_date(self) -> date:
        return self.surveyed_on


class _OfReferral(Contract):
    """What all events of a referral carry."""

    referral_id: Id
    customer_id: Id
    manager_id: CentreId
    department_id: CentreId

    @property
    def stream(self) -> str:
        return f"referral-{self.customer_id}#{self.referral_id}"


class CustomerReferred(_OfReferral):
    """A manager sent a customer's need to a product department (转介绍)."""

    product_code: Id | None = None
    referred_on: BusinessDate

    @property
    def business_date(self) -> date:
        return self.referred_on


class ReferralClosed(_OfReferral):
    """What the department made of it: won, with the ``amount`` of the business if there is one, or lost."""

    outcome: Id
    closed_on: BusinessDate
    amount: Amount | None = None

    @property
    def business_date(self) -> date:
        return self.closed_on
