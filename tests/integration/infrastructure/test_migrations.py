"""Migrations: run by whoever comes first, once, and readiness tells when some are still to come."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text

from shared.infrastructure.database import Database, ensure_database, url_of
from shared.infrastructure.migrate import STORE_MIGRATIONS, migrate, missing
from tests.support.databases import fresh_name

STORE = list(STORE_MIGRATIONS.glob("2*.py"))
_MIGRATION = """
from alembic import op

revision = "bowl_{number}"
down_revision = {before}
branch_labels = {labels}
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE bowl_{number} (id integer)")
    {then}
"""

SCHEMA = text(
    "SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns "
    "WHERE table_schema = 'public' ORDER BY table_name, ordinal_position"
)


@pytest.fixture
async def bare(postgres_url: str) -> AsyncIterator[Database]:
    """A database without any table."""
    name = fresh_name("bare")
    await ensure_database(postgres_url, name)
    database = Database(url_of(postgres_url, name), name=name)
    yield database
    await database.close()


@pytest.fixture
def bowls(tmp_path: Path) -> Path:
    """Where the migrations of another service lie; one of them."""
    add_migration(tmp_path, 1)
    return tmp_path


def add_migration(folder: Path, number: int, then: str = "") -> None:
    before = "None" if number == 1 else repr(f"bowl_{number - 1}")
    labels = '("bowls",)' if number == 1 else "None"
    (folder / f"2026_11_{number:02}_bowl.py").write_text(
        _MIGRATION.format(number=number, before=before, labels=labels, then=then)
    )


async def schema(database: Database) -> list[tuple[object, ...]]:
    async with database.read() as connection:
        return [tuple(row) for row in await connection.execute(SCHEMA)]


async def test_processes_that_migrate_at_once_do_it_once(bare: Database, bowls: Path) -> None:
    others = [Database(bare.url, name="other") for _ in range(3)]
    await asyncio.gather(*(migrate(database, [STORE_MIGRATIONS, bowls]) for database in [bare, *others]))
    await asyncio.gather(*(database.close() for database in others))
    assert await missing(bare, [STORE_MIGRATIONS, bowls]) == "ok"
    async with bare.read() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM shard"))).scalar_one() == 8
        heads = (await connection.execute(text("SELECT version_num FROM alembic_version"))).scalars()
        assert sorted(heads) == ["bowl_1", "store_2026_11_29_rebuild"]


async def test_migrating_again_changes_nothing(bare: Database, bowls: Path) -> None:
    await migrate(bare, [STORE_MIGRATIONS, bowls])
    before = await schema(bare)
    async with bare.begin() as connection:
        await connection.execute(text("UPDATE shard SET position = 7 WHERE shard = 3"))
    await migrate(bare, [STORE_MIGRATIONS, bowls])
    assert await schema(bare) == before
    async with bare.read() as connection:
        assert (await connection.execute(text("SELECT sum(position) FROM shard"))).scalar_one() == 7


async def test_missing_tells_how_many_migrations_are_still_to_come(bare: Database, bowls: Path) -> None:
    locations = [STORE_MIGRATIONS, bowls]
    assert await missing(bare, locations) == f"{len(STORE) + 1} migrations behind"
    await migrate(bare, locations)
    assert await missing(bare, locations) == "ok"
    add_migration(bowls, 2)
    add_migration(bowls, 3)
    assert await missing(bare, locations) == "2 migrations behind"
    await migrate(bare, locations)
    assert await missing(bare, locations) == "ok"


async def test_a_migration_that_fails_leaves_nothing_of_any(bare: Database, bowls: Path) -> None:
    add_migration(bowls, 2, then="raise ArithmeticError('half way')")
    with pytest.raises(ArithmeticError):
        await migrate(bare, [STORE_MIGRATIONS, bowls])
    assert await schema(bare) == []
    assert await missing(bare, [STORE_MIGRATIONS, bowls]) == f"{len(STORE) + 2} migrations behind"


async def test_processes_that_make_a_database_at_once_are_all_content(postgres_url: str) -> None:
    name = fresh_name("made")
    await asyncio.gather(*(ensure_database(postgres_url, name) for _ in range(4)))
    await ensure_database(postgres_url, name)
    database = Database(url_of(postgres_url, name), name=name)
    assert await database.ping() == "ok"
    await database.close()


async def test_readiness_tells_of_a_database_that_cannot_be_reached(postgres_url: str) -> None:
    database = Database(url_of(postgres_url, fresh_name("nowhere")), name="nowhere")
    assert (await database.ping()).startswith("unreachable")
    await database.close()
