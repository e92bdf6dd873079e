"""Fresh databases on the test server."""

import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from shared.infrastructure.database import Database, ensure_database, url_of
from shared.infrastructure.event_log import PARTITIONS
from shared.infrastructure.event_log.embedded import EmbeddedLog
from shared.infrastructure.migrate import migrate


def fresh_name(prefix: str) -> str:
    """A database name that nobody else uses."""
    return f"{prefix}_{uuid.uuid4().hex[:12]}"


@asynccontextmanager
async def fresh_database(server: str, locations: Sequence[Path]) -> AsyncIterator[Database]:
    """An empty database with these migrations run."""
    name = fresh_name("test")
    await ensure_database(server, name)
    database = Database(url_of(server, name), name=name)
    try:
        await migrate(database, locations)
        yield database
    finally:
        await database.close()


@asynccontextmanager
async def fresh_embedded_log(server: str, partitions: int = PARTITIONS) -> AsyncIterator[EmbeddedLog]:
    """An empty embedded log."""
    name = fresh_name("log")
    await ensure_database(server, name)
    log = EmbeddedLog(url_of(server, name), partitions)
    await log.start()
    try:
        yield log
    finally:
        await log.stop()
