"""The ledger's log door: one function per event, and the table of them. HTTP's core events come in here as well."""

from collections.abc import Mapping

import orjson

from services.ledger.domain.booking import DECIDER, BookCoreEvent, FollowAssignment
from shared.contracts import assignment, core_banking
from shared.contracts.assignment import CustomerAssigned
from shared.contracts.core_banking import CORE_EVENTS, CoreEvent
from shared.contracts.envelope import CloudEvent
from shared.contracts.types import parse
from shared.infrastructure.command_handler import Submission
from shared.infrastructure.consumer import Door
from shared.infrastructure.event_log import Record
from shared.kernel.errors import Malformed
from shared.kernel.event import Origin


def core_event(event: CloudEvent, cause: str, metadata: str, actor: str = "") -> Submission:
    """Book a core event; raises Malformed naming the field and its rule."""
    contract = CORE_EVENTS.get(event.type)
    if contract is None:
        raise Malformed(f"type: {event.type} is no core event")
    posted: CoreEvent = parse(contract, event.data)
    command = BookCoreEvent(event.id, event.source, posted, event.data.decode())
    origin = Origin(actor or event.source, cause, metadata, event.id)
    return Submission(DECIDER, command, origin, same=lambda stored: _same(stored, event.data))


def customer_assigned(event: CloudEvent, cause: str, metadata: str) -> Submission:
    """Follow the assignment service's word on who looks after a customer."""
    assigned = parse(CustomerAssigned, event.data)
    return Submission(DECIDER, FollowAssignment(assigned), Origin(event.source, cause, metadata, event.id))


def of_core_banking(event: CloudEvent, record: Record) -> Submission:
    """Every message of core banking is the ledger's affair; an unknown type is refused."""
    return core_event(event, cause_of(record), metadata_of(event, record))


def of_assignment(event: CloudEvent, record: Record) -> Submission | None:
    """Of the assignment service's messages, who looks after whom."""
    if event.type != CustomerAssigned.__name__:
        return None
    return customer_assigned(event, cause_of(record), metadata_of(event, record))


DOORS: Mapping[str, Door] = {core_banking.TOPIC: of_core_banking, assignment.TOPIC: of_assignment}
"""What the ledger does with each topic's messages."""


def cause_of(record: Record) -> str:
    """The place in the log that a booking goes back to."""
    return f"{record.topic}/{record.partition}/{record.offset}"


def metadata_of(event: CloudEvent, record: Record) -> str:
    """What else explains where an event came from."""
    trace = event.extensions.get("traceparent")
    known = {"source": event.source, "time": event.time, "traceparent": trace}
    return orjson.dumps({name: value for name, value in known.items() if value}).decode()


def _same(stored: str, data: bytes) -> bool:
    return bool(orjson.loads(stored)["source_data"] == orjson.loads(data))
