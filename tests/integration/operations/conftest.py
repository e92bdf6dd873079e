"""PostgreSQL servers for whole installations, since the names of their databases are fixed."""

from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest
from sqlalchemy import make_url

from shared.infrastructure.embedded_postgres import EmbeddedPostgres


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[EmbeddedPostgres]]:
    """Two machines: one that works, and one that takes over."""
    started = [EmbeddedPostgres(tmp_path_factory.mktemp("machine")) for _ in range(2)]
    yield started
    for server in started:
        server.stop()


@pytest.fixture
async def machine(servers: list[EmbeddedPostgres]) -> AsyncIterator[str]:
    """A server without databases."""
    yield servers[0].url
    await empty(servers[0].url)


@pytest.fixture
async def empty_machine(servers: list[EmbeddedPostgres]) -> AsyncIterator[str]:
    """Another server without databases."""
    yield servers[1].url
    await empty(servers[1].url)


async def empty(server: str) -> None:
    """Drop all databases that are not the server's own."""
    maintenance = make_url(server).set(drivername="postgresql").render_as_string(hide_password=False)
    connection = await asyncpg.connect(maintenance)
    try:
        names = await connection.fetch(
            "SELECT quote_ident(datname) FROM pg_database WHERE NOT datistemplate AND datname <> current_database()"
        )
        for (name,) in names:
            await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await connection.close()
