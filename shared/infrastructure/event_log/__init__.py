"""The event log: Apache Kafka, or a table in PostgreSQL with the same semantics."""

from shared.infrastructure.event_log.interface import (
    PARTITIONS,
    EventLog,
    LogConsumer,
    LogUnavailable,
    Message,
    Partition,
    Positions,
    Record,
    shard_of,
)

__all__ = [
    "PARTITIONS",
    "EventLog",
    "LogConsumer",
    "LogUnavailable",
    "Message",
    "Partition",
    "Positions",
    "Record",
    "shard_of",
]
