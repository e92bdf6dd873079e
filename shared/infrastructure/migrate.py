"""Schema migrations (Alembic), run at start behind a lock so that several processes may start at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Connection, text

from shared.infrastructure.database import Database
from shared.infrastructure.reporting_schema import create_views, drop_views, grant_reading

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


class NewerSchema(Exception):
    """The database has migrations that this version does not know: a newer one made them."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a database's schema stands, as this version sees it."""

    behind: int = 0
    """Migrations that are still to be run."""
    unknown: tuple[str, ...] = ()
    """Newest migrations of the database that this version does not know."""

    def __str__(self) -> str:
        if self.unknown:
            return f"newer than this version, which does not know {', '.join(self.unknown)}"
        return f"{self.behind} migrations behind" if self.behind else "up to date"


def _standing(connection: Connection, script: ScriptDirectory) -> Standing:
    heads = MigrationContext.configure(connection).get_current_heads()
    unknown = tuple(sorted(head for head in heads if not _is_known(script, head)))
    if unknown:
        return Standing(unknown=unknown)
    return Standing(behind=len(script._upgrade_revs("heads", heads)))  # type: ignore[arg-type]


def _is_known(script: ScriptDirectory, revision: str) -> bool:
    try:
        return script.get_revision(revision) is not None
    except CommandError:
        return False


async def migrate(database: Database, locations: Sequence[Path]) -> None:
    """Bring the database to the newest schema; nothing happens when it is there already.

    Raises NewerSchema where a newer version has been at it: what that wrote, this one may not be able to read.
    """
    script = _script(locations)
    async with database.begin() as connection:
        await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        standing = await connection.run_sync(_standing, script)
        if standing.unknown:
            raise NewerSchema(
                f"database {database.url.database} is {standing}: start the version that made it, or restore the "
                "backup from before the upgrade"
            )
        if standing.behind:
            await drop_views(connection)
            await connection.run_sync(_upgrade, script)
            await create_views(connection, locations)
        await grant_reading(connection)


async def standing(database: Database, locations: Sequence[Path]) -> Standing:
    """Where the database's schema stands."""
    async with database.read() as connection:
        return await connection.run_sync(_standing, _script(locations))


async def missing(database: Database, locations: Sequence[Path]) -> str:
    """ "ok", or how many migrations are still to be run, for ``/readyz``.

    A newer version's migrations leave the version before at work, so a process that runs goes on being ready while
    its successor starts.
    """
    found = await standing(database, locations)
    return str(found) if found.behind else "ok"
