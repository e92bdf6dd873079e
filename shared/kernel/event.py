"""Events as facts: what a decider yields, and what the store keeps for ever.

Every fact has a business date and a recorded time, and knows its cause and its actor.
"""

from datetime import date, datetime
from typing import NamedTuple, Protocol


class Fact(Protocol):
    """What an event says. Contracts and domain events satisfy it; the type name is the class name.

    A fact with an attribute ``own_event_id`` names its own event; the others are named by whoever writes them.
    """

    @property
    def stream(self) -> str:
        """The aggregate whose history this is, such as ``customer-c1``."""

    @property
    def business_date(self) -> date:
        """The day on which it counts for the bank."""

    def to_json(self) -> bytes:
        """The data, byte for byte as it is stored, hashed and published."""


class Origin(NamedTuple):
    """Where a command comes from, kept with each event it gives rise to.

    ``message_id`` is the id of the consumed message, if it came from the log or as a core event: it becomes the id
    of the resulting event, so that the same message is the same event for ever.
    """

    actor: str
    cause: str
    metadata: str = "{}"
    message_id: str | None = None


class StoredEvent(NamedTuple):
    """One row of the event store, in the order of its columns, and the fact that its data tells."""

    shard: int
    position: int
    stream: str
    version: int
    event_id: str
    type: str
    data: str
    business_date: date
    recorded_at: datetime
    cause: str
    actor: str
    metadata: str
    hash: bytes
    fact: Fact
