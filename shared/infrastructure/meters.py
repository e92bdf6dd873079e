"""What is measured on the path of an event: once a batch, never once an event.

A meter belongs to one service and keeps its series at hand.
"""

from collections import Counter as Counting
from collections.abc import Mapping, Sequence

from shared.contracts.asyncapi import taken_up_by
from shared.infrastructure.metrics import Series, counter, histogram
from shared.kernel.event import StoredEvent

OTHER = "other"
"""Stands for every type of message that a service does not take up: whoever sends must not fill the metrics."""

_SIZES = (1, 10, 50, 100, 250, 500, 1000)
_BATCH_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)

CONSUMED = counter(
    "dualbook_consumer_messages_total",
    "Messages of the log that were worked, by topic, type and outcome (accepted, duplicate, refused).",
    ("service", "topic", "type", "outcome"),
)
CONSUMER_BATCH = histogram(
    "dualbook_consumer_batch_size", "Messages of the log in a transaction.", ("service",), _SIZES
)
CONSUMER_SECONDS = histogram(
    "dualbook_consumer_batch_seconds",
    "Duration of a transaction that worked a batch of messages.",
    ("service",),
    _BATCH_SECONDS,
)
EVENT_SECONDS = histogram(
    "dualbook_consumer_event_seconds",
    "Duration of a transaction that worked messages of a type, once for each type of its batch.",
    ("service", "type"),
    _BATCH_SECONDS,
)
PUBLISHED = counter(
    "dualbook_relay_published_total",
    "Events that the log has taken from the relay; after a crash some of them twice.",
    ("service", "topic"),
)
PUBLISH_SECONDS = histogram(
    "dualbook_relay_publish_seconds", "Time that the log took to take a batch of events.", ("service",)
)
STORED = counter("dualbook_events_stored_total", "Events that were committed, by type.", ("service", "type"))
COMMAND_BATCH = histogram(
    "dualbook_command_batch_size", "Commands that were worked in a transaction.", ("service",), _SIZES
)
COMMAND_SECONDS = histogram(
    "dualbook_command_seconds",
    "Time from the locks of a batch of commands to its last view, without the commit.",
    ("service",),
    _BATCH_SECONDS,
)
PROJECTION_SECONDS = histogram(
    "dualbook_projection_seconds", "Time that a view took to take in a batch of events.", ("service", "view")
)


class ConsumerMeter:
    """Measures the batches of a consumer."""

    def __init__(self, service: str) -> None:
        self._types = taken_up_by(service)
        self._messages = Series(CONSUMED, service)
        self._sizes = CONSUMER_BATCH.labels(service)
        self._seconds = CONSUMER_SECONDS.labels(service)
        self._by_type = Series(EVENT_SECONDS, service)

    def worked(self, topic: str, size: int, seconds: float, messages: Mapping[tuple[str, str], int]) -> None:
        """A batch was committed; ``messages`` are the fresh ones of it by type and outcome."""
        self._sizes.observe(size)
        self._seconds.observe(seconds)
        for (kind, outcome), number in messages.items():
            self._messages[topic, self._known(kind), outcome].inc(number)
        for kind in {self._known(kind) for kind, _ in messages}:
            self._by_type[kind,].observe(seconds)

    def _known(self, kind: str) -> str:
        return kind if kind in self._types else OTHER


class RelayMeter:
    """Measures what a relay publishes."""

    def __init__(self, service: str) -> None:
        self._published = Series(PUBLISHED, service)
        self._seconds = PUBLISH_SECONDS.labels(service)

    def published(self, topic: str, number: int, seconds: float) -> None:
        """The log has taken so many events."""
        self._published[topic,].inc(number)
        self._seconds.observe(seconds)


class HandlerMeter:
    """Measures the batches of a command handler."""

    def __init__(self, service: str) -> None:
        self._stored = Series(STORED, service)
        self._sizes = COMMAND_BATCH.labels(service)
        self._seconds = COMMAND_SECONDS.labels(service)
        self.projection = Series(PROJECTION_SECONDS, service)

    def worked(self, size: int, seconds: float) -> None:
        """A batch of commands was worked; whether it will be committed is not known yet."""
        self._sizes.observe(size)
        self._seconds.observe(seconds)

    def stored(self, events: Sequence[StoredEvent]) -> None:
        """These events were committed."""
        for kind, number in Counting(event.type for event in events).items():
            self._stored[kind,].inc(number)
