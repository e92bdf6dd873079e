"""The readings that every service has: its store, its relay, its consumer, its database and its disk."""

import asyncio
import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.infrastructure import dead_letters
from shared.infrastructure.consumer import Consumer
from shared.infrastructure.database import Database
from shared.infrastructure.metrics import gauge
from shared.infrastructure.operations import read_operations
from shared.infrastructure.reading import Reading
from shared.infrastructure.relay import backlog_on

_SERVICE = ("service",)
POSITION = gauge(
    "dualbook_event_store_position",
    "Position of the last event stored in a shard, that is the number of its events.",
    ("service", "shard"),
)
WAITING = gauge("dualbook_dead_letters_waiting", "Dead letters that nobody has replayed yet.", _SERVICE)
BACKLOG = gauge(
    "dualbook_relay_backlog_events", "Stored events that the relay has not passed to the log yet.", _SERVICE
)
OLDEST = gauge(
    "dualbook_relay_oldest_unpublished_seconds",
    "Age of the oldest stored event that the relay has not passed yet; 0 where there is none.",
    _SERVICE,
)
LAG = gauge(
    "dualbook_consumer_lag_messages",
    "Messages of a topic that lie in the log and were not worked yet.",
    ("service", "topic"),
)
DATABASE_SIZE = gauge("dualbook_database_size_bytes", "Size of the service's database.", _SERVICE)
CONNECTIONS = gauge(
    "dualbook_database_connections",
    "Connections of this process to its database, in use (the one that reads this among them) or idle.",
    ("service", "state"),
)
DISK_FREE = gauge(
    "dualbook_disk_free_bytes", "Free space of the file system in which the data folder lies.", _SERVICE
)
DISK_SIZE = gauge(
    "dualbook_disk_size_bytes", "Size of the file system in which the data folder lies.", _SERVICE
)


def store_readings(service: str, database: Database, consumer: Consumer, data: Path) -> Sequence[Reading]:
    """The readings of a service; that of the log, which may be slow to answer, comes last."""
    return (
        Reading("store", partial(_read_store, service)),
        Reading("relay", partial(_read_relay, service)),
        Reading("operations", partial(read_operations, service)),
        Reading("database", partial(_read_database, service, database)),
        Reading("disk", partial(_read_disk, service, data)),
        Reading("lag", partial(_read_lag, service, consumer)),
    )


async def _read_store(service: str, connection: AsyncConnection) -> None:
    for shard, position in await connection.execute(text("SELECT shard, position FROM shard")):
        POSITION.labels(service, str(shard)).set(position)
    WAITING.labels(service).set(await dead_letters.waiting(connection))


async def _read_relay(service: str, connection: AsyncConnection) -> None:
    behind = await backlog_on(connection)
    BACKLOG.labels(service).set(behind.events)
    OLDEST.labels(service).set(behind.oldest_seconds)


async def _read_database(service: str, database: Database, connection: AsyncConnection) -> None:
    size = await connection.execute(text("SELECT pg_database_size(current_database())"))
    DATABASE_SIZE.labels(service).set(size.scalar_one())
    in_use, idle = database.connections
    CONNECTIONS.labels(service, "in_use").set(in_use)
    CONNECTIONS.labels(service, "idle").set(idle)


async def _read_disk(service: str, data: Path, _: AsyncConnection) -> None:
    free, size = await asyncio.to_thread(_disk_of, data)
    DISK_FREE.labels(service).set(free)
    DISK_SIZE.labels(service).set(size)


def _disk_of(data: Path) -> tuple[int, int]:
    """Free space and size of the file system on which the folder lies, or will, as not every service makes it."""
    there = next(one for one in (data.absolute(), *data.absolute().parents) if one.exists())
    usage = shutil.disk_usage(there)
    return usage.free, usage.total


async def _read_lag(service: str, consumer: Consumer, connection: AsyncConnection) -> None:
    for topic, messages in (await consumer.lag_on(connection)).items():
        LAG.labels(service, topic).set(messages)
