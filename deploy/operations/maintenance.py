"""The server as a whole: its version, and the databases on it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import AsyncConnection

from deploy.local.definitions import DEFINITIONS
from shared.infrastructure.database import Database, url_of
from shared.infrastructure.event_log.embedded import MIGRATIONS
from shared.infrastructure.runtime import EVENT_LOG_DATABASE
from shared.infrastructure.settings import Settings


@asynccontextmanager
async def maintenance(server: str) -> AsyncIterator[AsyncConnection]:
    """A connection to the server's maintenance database; every statement is a transaction of its own."""
    database = Database(url_of(server, make_url(server).database or "postgres"), name="dualbook-operations")
    try:
        async with database.read() as connection:
            yield connection
    finally:
        await database.close()


async def version_of(connection: AsyncConnection) -> int:
    """The server's major version."""
    found = await connection.execute(text("SELECT current_setting('server_version_num')::int / 10000"))
    return int(found.scalar_one())


async def databases_of(connection: AsyncConnection) -> dict[str, str]:
    """The comment of each database on the server."""
    rows = await connection.execute(
        text(
            "SELECT datname, coalesce(shobj_description(oid, 'pg_database'), '') AS comment FROM pg_database"
        )
    )
    return {row.datname: row.comment for row in rows}


def migrations_of(settings: Settings) -> dict[str, Sequence[Path]]:
    """Where the migrations of each database of the installation lie, the embedded log's included where there is one."""
    found: dict[str, Sequence[Path]] = {
        name: define(settings).locations for name, define in DEFINITIONS.items()
    }
    if settings.kafka is None:
        found[EVENT_LOG_DATABASE] = [MIGRATIONS]
    return found
