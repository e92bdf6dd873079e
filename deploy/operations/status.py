"""``dualbook status``: where each database stands, as this version of the program sees it."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import text

from deploy.operations.maintenance import databases_of, maintenance, migrations_of
from shared.infrastructure.database import Database, url_of
from shared.infrastructure.migrate import standing
from shared.infrastructure.settings import Settings


class State(NamedTuple):
    """One database: whether its schema is just this version's, that in words, what it takes, and if it is newer."""

    name: str
    fine: bool
    schema: str
    size_bytes: int = 0
    newer: bool = False


async def states(settings: Settings, server: str) -> list[State]:
    """Of every database of the installation. Nothing is created or migrated."""
    async with maintenance(server) as connection:
        there = await databases_of(connection)
    return [
        await _state(name, server, where) if name in there else State(name, False, "not there")
        for name, where in migrations_of(settings).items()
    ]


async def _state(name: str, server: str, locations: Sequence[Path]) -> State:
    database = Database(url_of(server, name), name="dualbook-status", pool_size=1)
    try:
        found = await standing(database, locations)
        async with database.read() as connection:
            size = await connection.execute(text("SELECT pg_database_size(current_database())"))
            fine, newer = not (found.behind or found.unknown), bool(found.unknown)
            return State(name, fine, str(found), size.scalar_one(), newer)
    finally:
        await database.close()
