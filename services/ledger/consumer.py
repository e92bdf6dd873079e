"""The ledger's log door: one function per topic, and the table of them."""

from collections.abc import Mapping

import orjson

from services.ledger.domain import organisation
from services.ledger.domain.booking import DECIDER, FollowAssignment, command_of
from services.ledger.domain.organisation import PlaceManager
from shared.contracts import assignment, core_banking
from shared.contracts.assignment import CustomerAssigned, ManagerRegistered, ManagerTransferred
from shared.contracts.envelope import CloudEvent
from shared.contracts.types import parse
from shared.infrastructure.command_handler import Submission
from shared.infrastructure.doors import Door
from shared.infrastructure.event_log import Record
from shared.kernel.event import Origin


def of_core_banking(event: CloudEvent, record: Record) -> Submission:
    """Every message of core banking is the ledger's affair; an unknown type is refused."""
    return Submission(DECIDER, command_of(event), origin_of(event, record))


def of_assignment(event: CloudEvent, record: Record) -> Submission | None:
    """Of the assignment service's messages, who looks after whom, and where managers belong."""
    if event.type == CustomerAssigned.__name__:
        followed = FollowAssignment(event.id, event.source, parse(CustomerAssigned, event.data))
        return Submission(DECIDER, followed, origin_of(event, record))
    about_managers = _ABOUT_MANAGERS.get(event.type)
    if about_managers is not None:
        placed = PlaceManager(parse(about_managers, event.data))
        return Submission(organisation.DECIDER, placed, origin_of(event, record))
    return None


_ABOUT_MANAGERS: Mapping[str, type[ManagerRegistered | ManagerTransferred]] = {
    kind.__name__: kind for kind in (ManagerRegistered, ManagerTransferred)
}


DOORS: Mapping[str, Door] = {core_banking.TOPIC: of_core_banking, assignment.TOPIC: of_assignment}
"""What the ledger does with each topic's messages."""


def origin_of(event: CloudEvent, record: Record) -> Origin:
    """The place in the log that a booking goes back to, with the producer's time and trace."""
    known = {"time": event.time}
    if "traceparent" in event.extensions:
        known["traceparent"] = event.extensions["traceparent"]
    cause = f"{record.topic}/{record.partition}/{record.offset}"
    return Origin(event.source, cause, orjson.dumps(known).decode(), event.id)
