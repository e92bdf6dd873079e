"""Schema migrations (Alembic), run at start behind a lock so that several processes may start at once."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection

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
    tables_change: bool = False
    """Whether one of those to be run is not of the reporting views alone (these say so by their digest ``VIEWS``)."""

    def __str__(self) -> str:
        if self.unknown:
            return f"newer than this version, which does not know {', '.join(self.unknown)}"
        return f"{self.behind} migrations behind" if self.behind else "up to date"


def _standing(connection: Connection, script: ScriptDirectory) -> Standing:
    heads = MigrationContext.configure(connection).get_current_heads()
    if unknown := _unknown(script, heads):
        return Standing(unknown=unknown)
    steps = script._upgrade_revs("heads", heads)  # type: ignore[arg-type]
    tables_change = any(not hasattr(step.revision.module, "VIEWS") for step in steps)
    return Standing(len(steps), tables_change=tables_change)


def _unknown(script: ScriptDirectory, revisions: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(one for one in revisions if not _is_known(script, one)))


def _is_known(script: ScriptDirectory, revision: str) -> bool:
    try:
        return script.get_revision(revision) is not None
    except CommandError:
        return False


async def _no_more(_: AsyncConnection) -> None:
    """Nothing follows from a migration but its own changes."""


async def migrate(
    database: Database,
    locations: Sequence[Path],
    then: Callable[[AsyncConnection], Awaitable[None]] = _no_more,
) -> None:
    """Bring the database to the newest schema, and where tables change do what is to be done ``then``, all or nothing.

    Nothing happens when it is there already. Raises NewerSchema where a newer version has been at it: what that wrote,
    this one may not be able to read.
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
        if standing.tables_change:
            await then(connection)
        await grant_reading(connection)


def unknown(revisions: Iterable[str], locations: Sequence[Path]) -> tuple[str, ...]:
    """Those of the migrations that this version does not know."""
    return _unknown(_script(locations), revisions)


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
