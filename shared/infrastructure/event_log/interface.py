"""The event log as the services see it; Kafka and the embedded log are its two implementations.

Topics have partitions; a record's key decides its partition (murmur2, as all Kafka clients do); offsets within a
partition grow by one; delivery is at least once and in order within a partition. Where a consumer stands is kept in
the consumer's own database, committed with the effects of what it read, never in the log.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple, Protocol

from aiokafka.partitioner import murmur2

from shared.contracts.envelope import CloudEvent

PARTITIONS = 8
"""Partitions of every topic but the dead letters, and shards of every store: a customer always falls into the
same one. ``deploy/topics.yaml`` states it for Kafka."""


class Partition(NamedTuple):
    """One partition of a topic."""

    topic: str
    number: int


@dataclass(frozen=True, slots=True)
class Message:
    """What a producer hands over. ``partition`` overrides the key's own (used where order per shard matters)."""

    key: bytes
    value: bytes
    headers: Sequence[tuple[str, bytes]] = field(default_factory=tuple)
    partition: int | None = None

    @classmethod
    def of(cls, event: CloudEvent, key: str) -> "Message":
        """A CloudEvent in binary content mode."""
        return cls(key.encode(), event.data, event.headers())


class Record(NamedTuple):
    """What a consumer reads."""

    topic: str
    partition: int
    offset: int
    key: bytes
    value: bytes
    headers: Mapping[str, bytes]


Positions = Callable[[Sequence[Partition]], Awaitable[Mapping[Partition, int]]]
"""Tells the next offset to read of each partition, from the consumer's database."""


class LogConsumer(Protocol):
    """One member of a consumer group."""

    async def fetch(self, most: int, wait_seconds: float) -> Mapping[Partition, Sequence[Record]]:
        """Records of the partitions this member owns now, each list in offset order.

        At most ``most`` a partition, counted over all partitions it owns.
        Waits up to ``wait_seconds`` for the first. A partition that was just gained is read from where
        ``Positions`` says.
        """

    async def stop(self) -> None:
        """Leave the group."""


class EventLog(Protocol):
    """A log of topics. Implementations raise LogUnavailable while the log is away."""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def publish(self, topic: str, messages: Sequence[Message]) -> None:
        """Append in the order given; returns when all are durable. May repeat after a failure, never loses."""

    async def subscribe(self, group: str, topics: Sequence[str], positions: Positions) -> LogConsumer:
        """Join ``group`` on ``topics``."""

    async def end_offsets(self, topics: Sequence[str]) -> Mapping[Partition, int]:
        """The offset that the next record of each partition will get."""


class LogUnavailable(Exception):
    """The log cannot be reached now; worth another try after a pause."""


@lru_cache(maxsize=1 << 17)
def shard_of(key: str, shards: int = PARTITIONS) -> int:
    """The shard, and log partition, in which a key falls: murmur2 as the Java client has it."""
    return int((murmur2(key.encode("utf-8", "surrogateescape")) & 0x7FFFFFFF) % shards)
