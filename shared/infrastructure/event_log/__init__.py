"""The event log: Apache Kafka, or a table in PostgreSQL with the same semantics."""

from shared.infrastructure.event_log.interface import (
    DEAD_LETTER,
    LARGEST_DEAD_LETTER_BYTES,
    LARGEST_MESSAGE_BYTES,
    PARTITIONS,
    EventLog,
    LogConsumer,
    LogUnavailable,
    Message,
    MessageTooLarge,
    Partition,
    Positions,
    Record,
    check_size,
    shard_of,
)

__all__ = [
    "DEAD_LETTER",
    "LARGEST_DEAD_LETTER_BYTES",
    "LARGEST_MESSAGE_BYTES",
    "PARTITIONS",
    "EventLog",
    "LogConsumer",
    "LogUnavailable",
    "Message",
    "MessageTooLarge",
    "Partition",
    "Positions",
    "Record",
    "check_size",
    "shard_of",
]
