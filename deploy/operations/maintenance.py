"""The server as a whole: its version, and the databases on it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.infrastructure.database import Database, url_of


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
