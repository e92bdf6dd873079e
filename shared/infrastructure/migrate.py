"""Schema migrations (Alembic), run at start behind a lock so that several processes may start at once."""

from collections.abc import Sequence
from pathlib import Path

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from shared.infrastructure.database import Database

_LOCK = 0x6475616C  # "dual": one number for all installations, the lock is per database
STORE_MIGRATIONS = Path(__file__).parent / "migrations"
"""Tables that every service has: the event store and what surrounds it."""


def _script(locations: Sequence[Path]) -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", str(STORE_MIGRATIONS))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", "\n".join(str(location) for location in locations))
    return ScriptDirectory.from_config(config)


def _upgrade(connection: Connection, script: ScriptDirectory) -> None:
    def steps(revision: object, _: object) -> list[object]:
        return script._upgrade_revs("heads", revision)  # type: ignore[arg-type, return-value]

    with EnvironmentContext(Config(), script) as environment:
        environment.configure(connection=connection, fn=steps, transactional_ddl=True)
        environment.run_migrations()


async def migrate(database: Database, locations: Sequence[Path]) -> None:
    """Bring the database to the newest schema; nothing happens when it is there already."""
    script = _script(locations)
    async with database.begin() as connection:
        await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        await connection.run_sync(_upgrade, script)


async def missing(database: Database, locations: Sequence[Path]) -> str:
    """ "ok", or how many migrations are still to be run, for ``/readyz``."""

    def steps(connection: Connection) -> int:
        heads = MigrationContext.configure(connection).get_current_heads()
        return len(_script(locations)._upgrade_revs("heads", heads))  # type: ignore[arg-type]

    async with database.read() as connection:
        behind = await connection.run_sync(steps)
    return "ok" if behind == 0 else f"{behind} migrations behind"
