"""What the assignment service says (topic ``assignment.events``, keyed by customer or manager id).

Personal data stays in the assignment service: names and contacts are not in these events.
"""

from shared.contracts.assignment.customers import (
    CustomerAssigned,
    CustomerRegistered,
    ManagerShare,
    Shares,
    check_shares,
)
from shared.contracts.assignment.managers import ManagerRegistered

TOPIC = "assignment.events"
SOURCE = "assignment"

__all__ = [
    "SOURCE",
    "TOPIC",
    "CustomerAssigned",
    "CustomerRegistered",
    "ManagerRegistered",
    "ManagerShare",
    "Shares",
    "check_shares",
]
