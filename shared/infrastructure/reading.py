"""Readings: gauges that show what stands in a database, read in the background and not when somebody asks.

So a scrape costs nothing, however many ask. Several processes of a service show the same: queries take the ``max``.
Labels take few values, and no person is named.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.infrastructure.database import Database
from shared.infrastructure.metrics import gauge

logger = structlog.get_logger()

PAUSE_SECONDS = 15.0

READ = gauge(
    "dualbook_reading_read_timestamp_seconds",
    "When a group of gauges was read from the database last; 0 where it never was.",
    ("service", "reading"),
)


@dataclass(frozen=True, slots=True)
class Reading:
    """``read`` looks at the database and sets all its gauges, those that are zero as well."""

    name: str
    read: Callable[[AsyncConnection], Awaitable[None]]


async def read_all(service: str, database: Database, readings: Sequence[Reading]) -> None:
    """Read every one, on one connection. What cannot be read is said in the log and keeps its last figures."""
    failed: dict[str, str] = {}
    try:
        async with database.read() as connection:
            for reading in readings:
                try:
                    await reading.read(connection)
                except Exception as error:  # the others are none the worse for it
                    failed[reading.name] = f"{type(error).__name__}: {error}"
                else:
                    READ.labels(service, reading.name).set_to_current_time()
    except Exception as error:  # the database may be away for any reason, of which /readyz speaks itself
        failed["database"] = f"{type(error).__name__}: {error}"
    if failed:
        logger.warning("figures could not be read", readings=failed)


async def keep_reading(service: str, database: Database, readings: Sequence[Reading]) -> None:
    """Read until cancelled."""
    for reading in readings:
        READ.labels(service, reading.name)
    while True:
        await read_all(service, database, readings)
        await asyncio.sleep(PAUSE_SECONDS)
