"""Tenders (竞标): what a manager committed to when winning customers, a target for the appraisal."""

from typing import Annotated

from pydantic import Field

from shared.contracts.types import Amount, BusinessDate, CentreId, Contract, Id, Money

MOST_CUSTOMERS = 100


class TenderAwarded(Contract):
    """A manager won customers with the highest commitment (中标), approved by a second person.

    Both profits are for the twelve months from ``effective_from`` until before ``effective_to``; the baseline is what
    the customers brought before and what the commitment lies above.
    """

    tender_id: Id
    manager_id: CentreId
    committed_profit: Amount
    baseline_profit: Money
    customer_ids: Annotated[tuple[Id, ...], Field(min_length=1, max_length=MOST_CUSTOMERS)]
    effective_from: BusinessDate
    effective_to: BusinessDate
    business_date: BusinessDate

    @property
    def stream(self) -> str:
        return f"tender-{self.tender_id}"
