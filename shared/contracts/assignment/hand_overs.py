"""Hand-overs (移交): what went from one manager to others, all at once."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from shared.contracts.types import BusinessDate, CentreId, Contract, Id

MOST_HANDED_OVER = 500


class HandOverGround(StrEnum):
    """Why customers go to others: departure 离职, leave 休假, transfer 调动, request 申请, emergency 紧急."""

    DEPARTURE = "departure"
    LEAVE = "leave"
    TRANSFER = "transfer"
    REQUEST = "request"
    EMERGENCY = "emergency"


class HandedOver(Contract):
    """A customer and who looks after it in the old manager's place."""

    customer_id: Id
    successor_id: CentreId


class HandOverCompleted(Contract):
    """Customers went over from a manager to successors, both sides knowing and a third person approving.

    The assignments that this came to are events of their own (CustomerAssigned), and so are those of the complaints
    that the old manager was to answer; ``complaint_ids`` names them.
    """

    hand_over_id: Id
    manager_id: CentreId
    ground: HandOverGround
    effective_from: BusinessDate
    items: Annotated[tuple[HandedOver, ...], Field(min_length=1)]
    complaint_ids: tuple[Id, ...] = ()
    business_date: BusinessDate

    @property
    def stream(self) -> str:
        return f"handover-{self.manager_id}#{self.hand_over_id}"
