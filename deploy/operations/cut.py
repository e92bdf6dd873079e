"""A consistent cut through all databases, while the services go on working.

A service's database may speak of nothing that the log of the same backup does not have, and the log of nothing that
the service which said it does not know. So the places in the log, of reading and of publishing, are held still in all
services for the moment in which the snapshots are taken, that of the log before those of the services. Commands go on.

* What a service has read was in the log before, so the log's later snapshot has it.
* What a service counts as published was in the log before, so the log's snapshot has it: nothing is left out. What is
  published without being counted yet is published again, and known to its readers.
* What is in the log's snapshot was stored by its service before, so that service's later snapshot has it.
* Where the log is outside (Kafka), what a service has read was stored by another before, and is in its snapshot too.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from deploy.operations.clients import OperationFailed
from shared.infrastructure.database import Database, sqlstate

_PATIENCE_SECONDS = 60
_LOCK_NOT_AVAILABLE = "55P03"


class Snapshot(NamedTuple):
    """A connection that sees the database at one moment, and the name by which others may see the same."""

    connection: AsyncConnection
    name: str


@asynccontextmanager
async def consistent_cut(
    services: Mapping[str, Database], log: Mapping[str, Database]
) -> AsyncIterator[dict[str, Snapshot]]:
    """Snapshots of all databases that fit together; they last as long as the block. Raises OperationFailed."""
    async with AsyncExitStack() as snapshots:
        taken = {}
        async with AsyncExitStack() as held:
            for name, database in services.items():
                await held.enter_async_context(_places_held(name, database))
            for name, database in {**log, **services}.items():
                taken[name] = await snapshots.enter_async_context(_snapshot(name, database))
        yield taken


@asynccontextmanager
async def _places_held(name: str, database: Database) -> AsyncIterator[None]:
    """Batches under way come to their end, and no other can move the service's places in the log, read or told."""
    async with database.begin() as connection:
        await connection.execute(text(f"SET LOCAL lock_timeout = '{_PATIENCE_SECONDS}s'"))
        await _lock(
            connection,
            "LOCK TABLE consumer_position, relay_position IN SHARE MODE",
            f"{name} works on one batch for {_PATIENCE_SECONDS} seconds now: try again when it has come to its end",
        )
        yield


@asynccontextmanager
async def _snapshot(name: str, database: Database) -> AsyncIterator[Snapshot]:
    """Its tables are locked first, as a table that is emptied (by a replay) looks so in older snapshots too."""
    async with database.read() as connection:
        rows = await connection.execute(
            text(
                "SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
            )
        )
        tables = ", ".join(rows.scalars())
    async with database.snapshot() as connection:
        await _lock(
            connection,
            f"LOCK TABLE {tables} IN ACCESS SHARE MODE NOWAIT",
            f"the tables of {name} are being replayed or migrated: try again when that is done",
        )
        exported = await connection.execute(text("SELECT pg_export_snapshot()"))
        yield Snapshot(connection, exported.scalar_one())


async def _lock(connection: AsyncConnection, statement: str, otherwise: str) -> None:
    try:
        await connection.execute(text(statement))
    except DBAPIError as error:
        if sqlstate(error) != _LOCK_NOT_AVAILABLE:
            raise
        raise OperationFailed(otherwise) from None
