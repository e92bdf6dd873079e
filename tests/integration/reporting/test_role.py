"""Who reads the views, and nothing else; and how the views come into a database."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import DBAPIError

from shared.infrastructure.database import Database, ensure_database, url_of
from shared.infrastructure.migrate import STORE_MIGRATIONS, migrate
from shared.infrastructure.reporting_schema import ROLE, grant_reading
from tests.integration.reporting.test_contract import MIGRATIONS
from tests.support.databases import fresh_database, fresh_name

RELATIONS = text(
    "SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace(:schema) AND relkind IN ('r', 'v', 'S')"
)


@asynccontextmanager
async def reader_of(database: Database) -> AsyncIterator[Any]:
    """Somebody who logs in and has the role, and nothing but the role."""
    name = fresh_name("reader")
    async with database.begin() as connection:
        await connection.execute(text(f"CREATE ROLE {name} LOGIN IN ROLE {ROLE}"))
    address = make_url(database.url).set(drivername="postgresql", username=name)
    reader = await asyncpg.connect(address.render_as_string(hide_password=False))
    try:
        yield reader
    finally:
        await reader.close()
        async with database.begin() as connection:
            await connection.execute(text(f"DROP ROLE {name}"))


async def names_in(database: Database, schema: str) -> list[str]:
    async with database.read() as connection:
        return list((await connection.execute(RELATIONS, {"schema": schema})).scalars())


@pytest.mark.parametrize("service", MIGRATIONS)
async def test_the_role_reads_every_view_and_is_denied_everything_else(
    postgres_url: str, service: str
) -> None:
    async with (
        fresh_database(postgres_url, [STORE_MIGRATIONS, MIGRATIONS[service]]) as database,
        reader_of(database) as reader,
    ):
        views, tables = await names_in(database, "reporting"), await names_in(database, "public")
        assert len(views) > 5
        assert {"event", "dead_letter", "operation"} <= set(tables)
        for view in views:
            await reader.fetch(f"SELECT * FROM reporting.{view}")
        denied = [
            *(f"SELECT FROM public.{table}" for table in tables),
            *(f"DELETE FROM public.{table}" for table in tables),
            *(f"DELETE FROM reporting.{view}" for view in views),
            "INSERT INTO reporting.operation (name) VALUES ('x')",
            "UPDATE reporting.operation SET name = 'x'",
            "CREATE TABLE public.mine (id integer)",
            "CREATE VIEW reporting.mine AS SELECT 1 AS one",
            "DROP VIEW reporting.operation",
            "CREATE SCHEMA mine",
            "CREATE ROLE mine",
        ]
        for statement in denied:
            with pytest.raises(
                (asyncpg.InsufficientPrivilegeError, asyncpg.ObjectNotInPrerequisiteStateError)
            ):
                await reader.execute(statement)


async def test_an_owner_who_may_not_make_roles_has_the_views_and_grants_once_the_role_is_there(
    postgres_url: str,
) -> None:
    owner, role, name = fresh_name("owner"), fresh_name("reading"), fresh_name("owned")
    await ensure_database(postgres_url, name)
    admin = Database(url_of(postgres_url, name), name="admin")
    owned = Database(admin.url.set(username=owner), name="owner")
    may_read = text(f"SELECT has_table_privilege('{role}', 'reporting.statement', 'SELECT')")
    try:
        async with admin.begin() as connection:
            await connection.execute(text(f"CREATE ROLE {owner} LOGIN"))
            await connection.execute(text(f"ALTER DATABASE {name} OWNER TO {owner}"))
        await migrate(owned, [STORE_MIGRATIONS, MIGRATIONS["ledger"]])
        async with owned.begin() as connection:
            await grant_reading(connection, role)
        async with admin.begin() as connection:
            await connection.execute(text(f"CREATE ROLE {role} NOLOGIN"))
            assert not (await connection.execute(may_read)).scalar_one()
        async with owned.begin() as connection:
            await grant_reading(connection, role)
        async with admin.begin() as connection:
            assert (await connection.execute(may_read)).scalar_one()
            await connection.execute(text(f"DROP OWNED BY {role}"))
            await connection.execute(text(f"DROP ROLE {role}"))
    finally:
        await owned.close()
        await admin.close()


_MIGRATION = """
from alembic import op

revision = "bowl_{number}"
down_revision = {before}
branch_labels = {labels}
depends_on = None


def upgrade() -> None:
    op.execute("{statement}")
"""


def add_migration(folder: Path, number: int, statement: str) -> None:
    (folder / "migrations").mkdir(exist_ok=True)
    before, labels = ("None", "('bowls',)") if number == 1 else (repr(f"bowl_{number - 1}"), "None")
    (folder / "migrations" / f"2026_11_{number:02}_bowl.py").write_text(
        _MIGRATION.format(number=number, before=before, labels=labels, statement=statement)
    )


def write_view(folder: Path, statement: str) -> None:
    (folder / "reporting").mkdir(exist_ok=True)
    (folder / "reporting" / "1_bowls.sql").write_text(statement)


async def test_a_migration_may_change_what_a_view_reads(postgres_url: str, tmp_path: Path) -> None:
    locations = [STORE_MIGRATIONS, tmp_path / "migrations"]
    add_migration(tmp_path, 1, "CREATE TABLE bowl (bowl_id text, size text)")
    write_view(tmp_path, "CREATE VIEW reporting.bowl AS SELECT bowl_id, size FROM public.bowl")
    async with fresh_database(postgres_url, locations) as database, reader_of(database) as reader:
        add_migration(tmp_path, 2, "ALTER TABLE bowl DROP COLUMN size, ADD COLUMN litres numeric")
        write_view(
            tmp_path, "CREATE VIEW reporting.bowl AS SELECT bowl_id, litres::text AS size FROM public.bowl"
        )
        await migrate(database, locations)
        async with database.begin() as connection:
            await connection.execute(text("INSERT INTO bowl VALUES ('b1', 1.5)"))
        assert [tuple(row) for row in await reader.fetch("SELECT * FROM reporting.bowl")] == [("b1", "1.5")]


async def test_what_somebody_else_built_on_a_view_is_not_dropped_with_it(
    postgres_url: str, tmp_path: Path
) -> None:
    locations = [STORE_MIGRATIONS, tmp_path / "migrations"]
    add_migration(tmp_path, 1, "CREATE TABLE bowl (bowl_id text)")
    write_view(tmp_path, "CREATE VIEW reporting.bowl AS SELECT bowl_id FROM public.bowl")
    async with fresh_database(postgres_url, locations) as database:
        async with database.begin() as connection:
            await connection.execute(text("CREATE VIEW public.theirs AS SELECT * FROM reporting.bowl"))
        add_migration(tmp_path, 2, "ALTER TABLE bowl ADD COLUMN size text")
        with pytest.raises(DBAPIError, match="other objects depend on them"):
            await migrate(database, locations)
        async with database.read() as connection:
            assert list((await connection.execute(text("SELECT * FROM theirs"))).all()) == []
