"""``dualbook status``: where each database stands, as this version of the program sees it."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import text

from deploy.local.definitions import DEFINITIONS
from deploy.operations.maintenance import databases_of, maintenance
from shared.infrastructure.database import Database, url_of
from shared.infrastructure.event_log.embedded import MIGRATIONS
from shared.infrastructure.migrate import standing
from shared.infrastructure.runtime import EVENT_LOG_DATABASE
from shared.infrastructure.settings import Settings


class State(NamedTuple):
    """One database: whether its schema is just this version's, that in words, and what it takes."""

    name: str
    fine: bool
    schema: str
    size_bytes: int = 0


async def states(settings: Settings, server: str) -> list[State]:
    """Of every database of the installation. Nothing is created or migrated."""
    locations = {name: define(settings).locations for name, define in DEFINITIONS.items()}
    if settings.kafka is None:
        locations[EVENT_LOG_DATABASE] = [MIGRATIONS]
    async with maintenance(server) as connection:
        there = await databases_of(connection)
    return [
        await _state(name, server, where) if name in there else State(name, False, "not there")
        for name, where in locations.items()
    ]


async def _state(name: str, server: str, locations: Sequence[Path]) -> State:
    database = Database(url_of(server, name), name="dualbook-status", pool_size=1)
    try:
        found = await standing(database, locations)
        async with database.read() as connection:
            size = await connection.execute(text("SELECT pg_database_size(current_database())"))
            return State(name, not (found.behind or found.unknown), str(found), size.scalar_one())
    finally:
        await database.close()
