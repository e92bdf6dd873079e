"""Schema ``reporting``: the views by which others read a service's database, and the role that may read them.

The views are plain SQL in folder ``reporting`` beside each folder of migrations. They are made anew at the end of every
upgrade that had something to do, from what the tables are then: a migration may change any table and need not know who
reads it. So that every change of a view reaches the databases that are there, it comes with a migration, and that names
the ``digest`` of the folder.

What others build on is the columns. A column may be added behind the others; what would break a reader gets a view of
its own beside the old one, with ``_v2`` behind the name.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.infrastructure.database import driver_of

logger = structlog.get_logger()

ROLE = "dualbook_reporting"
"""May read the views and nothing else. Nobody logs in with it: it is granted to those who do."""

_VIEWS = "SELECT quote_ident(relname) FROM pg_class WHERE relnamespace = to_regnamespace('reporting') AND relkind = 'v'"
_CREATE_ROLE = """
    DO $$ BEGIN
        IF to_regrole('{role}') IS NULL THEN
            CREATE ROLE {role} NOLOGIN;
        END IF;
    EXCEPTION
        WHEN insufficient_privilege OR duplicate_object OR unique_violation THEN NULL;
    END $$
"""
_GRANT = "GRANT USAGE ON SCHEMA reporting TO {role}; GRANT SELECT ON ALL TABLES IN SCHEMA reporting TO {role}"
_GRANTED = """
    SELECT has_schema_privilege(oid, 'reporting', 'USAGE')
       AND NOT EXISTS (SELECT FROM pg_class WHERE relnamespace = 'reporting'::regnamespace AND relkind = 'v'
                                              AND NOT has_table_privilege(pg_roles.oid, pg_class.oid, 'SELECT'))
    FROM pg_roles WHERE rolname = $1
"""


def files_of(location: Path) -> list[Path]:
    """The files of views that belong to a folder of migrations, in the order in which they build on each other."""
    return sorted((location.parent / "reporting").glob("*.sql"))


def digest(location: Path) -> str:
    """Changes whenever a view that belongs to a folder of migrations does."""
    content = b"\0".join(file.read_bytes() for file in files_of(location))
    return hashlib.sha256(content).hexdigest()


async def drop_views(connection: AsyncConnection) -> None:
    """Take the views away. Refused where somebody else's objects build on them."""
    names = list((await connection.execute(text(_VIEWS))).scalars())
    if names:
        await connection.execute(text(f"DROP VIEW {', '.join(f'reporting.{name}' for name in names)}"))


async def create_views(connection: AsyncConnection, locations: Sequence[Path]) -> None:
    """Make the views of all these folders of migrations."""
    files = [file for location in locations for file in files_of(location)]
    if not files:
        return
    await connection.execute(text("CREATE SCHEMA IF NOT EXISTS reporting"))
    driver = await driver_of(connection)
    for file in files:
        await driver.execute(file.read_text())


async def grant_reading(connection: AsyncConnection, role: str = ROLE) -> None:
    """Let the role read the views, and make it where we may. Where we may not, the log says so, and the next start
    after an administrator made it grants."""
    has_schema = await connection.execute(text("SELECT to_regnamespace('reporting') IS NOT NULL"))
    driver = await driver_of(connection)
    if not has_schema.scalar_one() or await driver.fetchval(_GRANTED, role):
        return
    await driver.execute(_CREATE_ROLE.format(role=role))
    if await driver.fetchval("SELECT to_regrole($1) IS NULL", role):
        logger.warning("role is missing, and we may not create it", role=role)
        return
    await driver.execute(_GRANT.format(role=role))
