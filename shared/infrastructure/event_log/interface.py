"""The event log as the services see it; Kafka and the embedded log are its two implementations.

Topics have partitions; a record's key decides its partition (murmur2, as all Kafka clients do); offsets within a
partition grow by one; delivery is at least once and in order within a partition. Where a consumer stands is kept in
the consumer's own database, committed with the effects of what it read, never in the log.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple, Protocol

from aiokafka.partitioner import murmur2

from shared.contracts.envelope import CloudEvent

PARTITIONS = 8
"""Partitions of every topic but the dead letters, and shards of every store: a customer always falls into the
same one. ``deploy/topics.yaml`` states it for Kafka."""


LARGEST_MESSAGE_BYTES = 1_000_000
"""Of key, value and headers; a little less than what a Kafka topic takes unless told otherwise (1 MiB a batch)."""
DEAD_LETTER = ".dead-letter"
LARGEST_DEAD_LETTER_BYTES = 4_000_000
"""A dead letter is its message and the reason, so its topics (which end in ``DEAD_LETTER``) take more."""


class Partition(NamedTuple):
    """One partition of a topic."""

    topic: str
    number: int


class Message(NamedTuple):
    """What a producer hands over. ``partition`` overrides the key's own (used where order per shard matters)."""

    key: bytes
    value: bytes
    headers: Sequence[tuple[str, bytes]] = ()
    partition: int | None = None

    @property
    def bytes(self) -> int:
        """How large it is in the log."""
        return len(self.key) + len(self.value) + sum([len(name) + len(text) for name, text in self.headers])

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

        At most ``most`` of each partition, so that none holds up the others. Waits up to ``wait_seconds`` for the
        first. A partition that was just gained is read from where ``Positions`` says.
        """

    async def stop(self) -> None:
        """Leave the group."""


class EventLog(Protocol):
    """A log of topics. Implementations raise LogUnavailable while the log is away."""

    async def identity(self) -> str:
        """The log's own name, the same for as long as its offsets mean the same. Needs no start."""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def publish(self, topic: str, messages: Sequence[Message]) -> None:
        """Append in the order given; returns when all are durable. May repeat after a failure, never loses.

        Raises MessageTooLarge, with nothing appended.
        """

    async def subscribe(self, group: str, topics: Sequence[str], positions: Positions) -> LogConsumer:
        """Join ``group`` on ``topics``."""

    async def end_offsets(self, topics: Sequence[str]) -> Mapping[Partition, int]:
        """The offset that the next record of each partition will get."""


class LogUnavailable(Exception):
    """The log cannot be reached now; worth another try after a pause."""


class MessageTooLarge(ValueError):
    """The topic takes no message of this size; another try would not help."""


def check_size(topic: str, messages: Sequence[Message]) -> None:
    """Raises MessageTooLarge where one of the messages is larger than the topic takes."""
    most = LARGEST_DEAD_LETTER_BYTES if topic.endswith(DEAD_LETTER) else LARGEST_MESSAGE_BYTES
    size = max((message.bytes for message in messages), default=0)
    if size > most:
        raise MessageTooLarge(f"a message of {size:,} bytes is more than {topic} takes: at most {most:,}")


@lru_cache(maxsize=1 << 17)
def shard_of(key: str, shards: int = PARTITIONS) -> int:
    """The shard, and log partition, in which a key falls: murmur2 as the Java client has it."""
    return int((murmur2(key.encode("utf-8", "surrogateescape")) & 0x7FFFFFFF) % shards)
