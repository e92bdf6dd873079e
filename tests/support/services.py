"""Services in this process: each on databases of its own, its HTTP door without a socket."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import asyncpg
import httpx
from fastapi import FastAPI
from sqlalchemy import make_url

from shared.contracts.envelope import CloudEvent
from shared.infrastructure import replay as replaying
from shared.infrastructure.auth import Role, issue_token
from shared.infrastructure.database import Database, ensure_database, url_of
from shared.infrastructure.event_log import Message, Record
from shared.infrastructure.event_log.embedded import EmbeddedLog
from shared.infrastructure.positions import stored_positions
from shared.infrastructure.relay import backlog
from shared.infrastructure.runtime import RunningService, ServiceDefinition, database_of, prepare
from shared.infrastructure.settings import Settings
from tests.support.databases import fresh_name

Define = Callable[[Settings], ServiceDefinition]


@cache
def _data_folder() -> TemporaryDirectory[str]:
    """One data folder, and so one signing key, for all services of a run; it goes when the process does."""
    return TemporaryDirectory(prefix="dualbook-tests-", ignore_cleanup_errors=True)


def data_folder() -> Path:
    """The data folder of ``running_service``: tokens made from it are good for all services of a run."""
    return Path(_data_folder().name)


@dataclass
class ServiceUnderTest:
    """A running service with what a test wants of it."""

    service: RunningService
    app: FastAPI
    log_database: str
    clients: AsyncExitStack
    _by_caller: dict[tuple[object, ...], httpx.AsyncClient] = field(default_factory=dict)

    @property
    def database(self) -> Database:
        """The service's own database."""
        return self.service.database

    def client(
        self, *roles: Role | str, subject: str = "tester", department: str | None = None
    ) -> httpx.AsyncClient:
        """A caller with a token of these roles; without roles, one without any token.

        Clients are made once a caller and closed with the service.
        """
        caller = (frozenset(roles), subject, department)
        if caller not in self._by_caller:
            headers = {}
            if roles:
                token = issue_token(
                    self.service.settings.data, map(Role, roles), subject, department=department
                )
                headers["Authorization"] = f"Bearer {token}"
            self._by_caller[caller] = httpx.AsyncClient(
                transport=httpx.ASGITransport(self.app),
                base_url="http://service",
                headers=headers,
                timeout=60,
            )
            self.clients.push_async_callback(self._by_caller[caller].aclose)
        return self._by_caller[caller]

    @property
    def admin(self) -> httpx.AsyncClient:
        """A caller who may do everything."""
        return self.client(Role.ADMIN, subject="root")

    async def publish(self, topic: str, *messages: CloudEvent | Message) -> None:
        """Append to the log as a producer does, events keyed by their subject."""
        made = [one if isinstance(one, Message) else Message.of(one, one.subject) for one in messages]
        await self.service.log.publish(topic, made)

    async def caught_up(self, within_seconds: float = 30.0) -> None:
        """Wait until the service has worked all that the log has for it, and published what it has to say."""
        deadline = time.monotonic() + within_seconds
        while sum((await self.service.consumer.lag()).values()) or await backlog(self.database):
            assert time.monotonic() < deadline, f"still behind: {await self.service.readiness()}"
            self.service.relay.wake()
            await asyncio.sleep(0.02)

    async def published(self, topic: str) -> list[Record]:
        """Everything that is in a topic of the log, partition by partition, in order."""

        async def from_the_start(partitions: Sequence[Any]) -> dict[Any, int]:
            return dict.fromkeys(partitions, 0)

        reader = await self.service.log.subscribe(fresh_name("reader"), [topic], from_the_start)
        try:
            records: list[Record] = []
            while fetched := await reader.fetch(1000, wait_seconds=0.0):
                for partition in sorted(fetched):
                    records += fetched[partition]
            return sorted(records, key=lambda record: (record.partition, record.offset))
        finally:
            await reader.stop()

    async def positions(self) -> dict[Any, int]:
        """How far the service has read in the log, by partition."""
        async with self.database.read() as connection:
            return await stored_positions(connection)

    async def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """What a query finds in the service's database (asyncpg's ``$1`` placeholders)."""
        async with self.database.begin() as connection:
            driver = await _driver(connection)
            return [tuple(row) for row in await driver.fetch(statement, *values)]

    async def execute(self, *statements: str) -> None:
        """Run statements by hand in one transaction, past the service."""
        async with self.database.begin() as connection:
            driver = await _driver(connection)
            for statement in statements:
                await driver.execute(statement)

    async def digests(self) -> dict[str, str]:
        """For each table of the views, a digest of all its bytes."""
        tables = [table for view in self.service.definition.all_views for table in view.tables]
        digest = "count(*) || ' rows ' || md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), ''))"
        return {table: (await self.rows(f"SELECT {digest} FROM {table} AS t"))[0][0] for table in tables}

    async def verify(self) -> replaying.Finding | None:
        """What ``dualbook verify`` finds."""
        definition = self.service.definition
        return await replaying.verify(self.database, definition.all_views, definition.history, _quietly)

    async def replay(self) -> int:
        """What ``dualbook replay`` does; the number of events."""
        definition = self.service.definition
        return await replaying.replay(self.database, definition.all_views, definition.history, _quietly)


def _quietly(done: int, total: int) -> None:
    """No progress bar."""


async def _driver(connection: Any) -> Any:
    await connection.exec_driver_sql("SELECT 1")  # the driver is used directly; this opens the transaction
    return (await connection.get_raw_connection()).driver_connection


@asynccontextmanager
async def running_service(
    define: Define,
    postgres_url: str,
    *,
    log_database: str | None = None,
    database: str | None = None,
    **settings: Any,
) -> AsyncIterator[ServiceUnderTest]:
    """The service that ``define`` says, at work until the block ends.

    Its database and its log are fresh ones, unless named: two services meet in one log by the same
    ``log_database``, and a service comes back to what it had by the same ``database``. ``settings`` are those
    of the environment, in lower case (``base_currency="EUR"``).
    """
    wanted = Settings(
        **{"data": data_folder(), "kafka": None, "oidc_issuer": None, "host": "127.0.0.1", **settings}
    )
    definition = define(wanted)
    own, log_name = database or fresh_name(definition.name), log_database or fresh_name("log")
    await _copy(postgres_url, await _template(definition, wanted, postgres_url), own)
    await _copy(postgres_url, await _log_template(postgres_url), log_name)
    log = EmbeddedLog(url_of(postgres_url, log_name))
    await log.start()  # so that a test need not wait for it
    service = RunningService(
        definition, wanted, database_of(replace(definition, name=own), wanted, postgres_url), log
    )
    app = service.app()
    async with app.router.lifespan_context(app), AsyncExitStack() as clients:
        yield ServiceUnderTest(service, app, log_name, clients)


_templates: dict[tuple[str, str], str] = {}
"""Databases with all migrations run and nobody connected, by server and service; a copy is made quickly."""


async def _template(definition: ServiceDefinition, settings: Settings, server: str) -> str:
    if (server, definition.name) not in _templates:
        empty = replace(definition, name=fresh_name("template"))
        await (await prepare(empty, settings, server)).close()
        _templates[server, definition.name] = empty.name
    return _templates[server, definition.name]


async def _log_template(server: str) -> str:
    if (server, "") not in _templates:
        name = fresh_name("template")
        await ensure_database(server, name)
        log = EmbeddedLog(url_of(server, name))
        await log.start()
        await log.stop()
        _templates[server, ""] = name
    return _templates[server, ""]


async def _copy(server: str, template: str, database: str) -> None:
    """A copy of a template, unless the database is there already."""
    maintenance = make_url(server).set(drivername="postgresql")
    connection = await asyncpg.connect(maintenance.render_as_string(hide_password=False))
    try:
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", database):
            await connection.execute(f'CREATE DATABASE "{database}" TEMPLATE "{template}"')
    finally:
        await connection.close()
