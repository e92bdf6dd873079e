"""Customers, and who looks after them."""

from datetime import date
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator

from shared.contracts.types import BusinessDate, CentreId, Contract, Id, Share, Text
from shared.kernel.errors import Malformed


class CustomerRegistered(Contract):
    """A customer (客户) came on record, without personal data."""

    customer_id: Id
    kind: Id
    region: Text
    industry: Text
    tier: Id
    branch_id: Id
    business_date: BusinessDate

    @property
    def stream(self) -> str:
        return f"customer-{self.customer_id}"


class CustomerMoved(Contract):
    """Where a customer belongs, or what it does, has changed: all of it, as it is from now on."""

    customer_id: Id
    kind: Id
    region: Text
    industry: Text
    branch_id: Id
    business_date: BusinessDate

    @property
    def stream(self) -> str:
        return f"customer-{self.customer_id}"


class CustomerTierChanged(Contract):
    """A customer's tier (客户分层) is another from a day on."""

    customer_id: Id
    tier: Id
    previous_tier: Id
    reason: Text
    business_date: BusinessDate

    @property
    def stream(self) -> str:
        return f"customer-{self.customer_id}"


class PersonalDataErased(Contract):
    """The personal data of a customer can be read no more, by nobody; everything else about it stays."""

    customer_id: Id
    reason: Text
    business_date: BusinessDate

    @property
    def stream(self) -> str:
        return f"customer-{self.customer_id}"


class ManagerShare(Contract):
    """One manager's part of a customer."""

    manager_id: CentreId
    share: Share


def check_shares(shares: tuple[ManagerShare, ...]) -> tuple[ManagerShare, ...]:
    """The shares; raises Malformed unless they are empty, or name distinct managers and add up to 1."""
    managers = [share.manager_id for share in shares]
    if len(set(managers)) != len(managers):
        raise Malformed("a manager is named twice")
    if shares and sum(share.share for share in shares) != Decimal(1):
        raise Malformed("must add up to exactly 1, or be empty for nobody")
    return shares


Shares = Annotated[tuple[ManagerShare, ...], AfterValidator(check_shares)]
"""All managers of a customer with their parts of it; empty for nobody."""


class CustomerAssigned(Contract):
    """Who looks after a customer from ``effective_from`` on, until the next effective date of its timeline.

    Shares add up to exactly 1; none at all means that nobody does (``unassigned``). A later event for the
    same effective date replaces the earlier one.
    """

    customer_id: Id
    shares: Shares
    effective_from: BusinessDate
    reason: Text = "unstated"

    @property
    def stream(self) -> str:
        return f"customer-{self.customer_id}"

    @property
    def business_date(self) -> date:
        return self.effective_from
