"""A whole installation: a PostgreSQL server, a log and a data folder of its own, and the services as processes.

Each has its own server and broker, since databases and topics have fixed names.
"""

import asyncio
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import orjson

from deploy.kafka.broker import Broker
from deploy.local.processes import Services
from services.appraisal.main import define as define_appraisal
from services.assignment.main import define as define_assignment
from services.ledger.main import define as define_ledger
from shared.contracts.envelope import CloudEvent
from shared.infrastructure.auth import Role, issue_token
from shared.infrastructure.database import url_of
from shared.infrastructure.embedded_postgres import EmbeddedPostgres
from shared.infrastructure.event_log import EventLog, Message, Record
from shared.infrastructure.runtime import event_log
from shared.infrastructure.settings import PREFIX, SERVICES, Settings
from tests.support.logs import read_all

CACHE = Path(__file__).resolve().parents[2] / ".cache"
DUALBOOK = Path(sys.executable).with_name("dualbook")
BOOKS = ("manager", "department")
DEFINITIONS = {"assignment": define_assignment, "ledger": define_ledger, "appraisal": define_appraisal}

Figures = dict[str, Any]
"""What the system says of some periods, in a form that can be compared: by period, statements by book and centre,
their totals, the reconciliation and the scorecards."""


def environment_of(data: Path, base_port: int, **more: str) -> dict[str, str]:
    """The environment of a ``dualbook`` command; nothing of ours that would change what it does."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    told = {"data": str(data), "base_port": str(base_port), **more}
    return {**own, **{f"{PREFIX}{name.upper()}": value for name, value in told.items()}}


async def figures_of(
    ledger: httpx.AsyncClient, appraisal: httpx.AsyncClient, periods: Iterable[str]
) -> Figures:
    """All statements of both books, the reconciliation and the scorecards of these periods."""
    figures: Figures = {}
    for period in periods:
        asked = {"period": period}
        books = {book: await _json(ledger, f"/v1/books/{book}/statements", asked) for book in BOOKS}
        cards = await _json(appraisal, "/v1/scorecards", asked)
        figures[period] = {
            **{book: {item["centre_id"]: item for item in stated["items"]} for book, stated in books.items()},
            "totals": {book: stated["total"] for book, stated in books.items()},
            "reconciliation": await _json(ledger, "/v1/reconciliation", asked),
            "scorecards": {name: part for name, part in cards.items() if name != "as_of"},
        }
    return figures


def figures_of_bank(figures: Figures, bank: str) -> Figures:
    """The statements of one of several banks in a system, whose centres begin with ``bank``, under plain names."""

    def plain(statements: Mapping[str, Any]) -> dict[str, Any]:
        return {
            centre.removeprefix(bank): {**stated, "centre_id": centre.removeprefix(bank)}
            for centre, stated in statements.items()
            if centre.startswith(bank)
        }

    return {period: {book: plain(found[book]) for book in BOOKS} for period, found in figures.items()}


async def _json(client: httpx.AsyncClient, path: str, params: Mapping[str, str] | None = None) -> Any:
    answer = await client.get(path, params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


@dataclass
class System:
    """An installation at work."""

    settings: Settings
    server: EmbeddedPostgres
    broker: Broker | None
    services: Services
    log: EventLog
    _open: AsyncExitStack = field(default_factory=AsyncExitStack)
    _clients: dict[tuple[object, ...], httpx.AsyncClient] = field(default_factory=dict)

    # --- callers ---

    def client(
        self,
        service: str,
        *roles: Role | str,
        subject: str = "tester",
        department: str | None = None,
        base_url: str | None = None,
    ) -> httpx.AsyncClient:
        """A caller with a token of these roles; without roles, one without a token."""
        caller = (service, frozenset(roles), subject, department, base_url)
        if caller not in self._clients:
            headers = {}
            if roles:
                token = issue_token(self.settings.data, map(Role, roles), subject, department=department)
                headers["Authorization"] = f"Bearer {token}"
            url = base_url or self.services.urls[service]
            client = httpx.AsyncClient(base_url=url, headers=headers, timeout=60)
            self._clients[caller] = client
            self._open.push_async_callback(client.aclose)
        return self._clients[caller]

    def admin(self, service: str) -> httpx.AsyncClient:
        """A caller who may do everything."""
        return self.client(service, Role.ADMIN, subject="root")

    async def get(self, service: str, path: str, **params: str) -> Any:
        """What an auditor, who sees everything, reads."""
        return await _json(self.client(service, Role.AUDITOR, subject="otto"), path, params)

    async def readiness(self, service: str) -> tuple[int, dict[str, str]]:
        """Status and checks of ``/readyz``."""
        answer = await self.client(service).get("/readyz")
        return answer.status_code, answer.json()["checks"]

    async def dead_letters(self) -> list[dict[str, Any]]:
        """All dead letters of all services, each with the service's name."""
        found: list[dict[str, Any]] = []
        for service in SERVICES:
            cursor: str | None = ""
            while cursor is not None:
                page = await self.get(
                    service, "/v1/dead-letters", limit="100", **({"cursor": cursor} if cursor else {})
                )
                found.extend({"service": service, **letter} for letter in page["items"])
                cursor = page["next"]
        return found

    # --- the log ---

    async def publish(self, topic: str, *messages: CloudEvent | Message) -> None:
        """Append to the log as a producer does; an event is keyed by its subject."""
        made = [one if isinstance(one, Message) else Message.of(one, one.subject) for one in messages]
        await self.log.publish(topic, made)

    async def records(self, topic: str) -> list[Record]:
        """Everything that is in a topic of the log, by partition and offset."""
        return await read_all(self.log, topic)

    # --- the command line ---

    @property
    def environment(self) -> dict[str, str]:
        """The environment that leads a ``dualbook`` command to this system, as a person would set it."""
        kafka = {"kafka": self.settings.kafka} if self.settings.kafka else {}
        return environment_of(self.settings.data, self.settings.base_port, **kafka)

    async def dualbook(
        self, *arguments: str, seconds: float = 900, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run the command to its end, in the environment of this system with these changes."""
        return await asyncio.to_thread(
            subprocess.run,
            [DUALBOOK, *arguments],
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    async def said(self, *arguments: str) -> str:
        """What the command says when it does its work."""
        done = await self.dualbook(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    # --- what is in the databases ---

    async def rows(self, service: str, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """What a query finds in a service's database (asyncpg's ``$1`` placeholders)."""
        async with self._database(service) as connection:
            return [tuple(row) for row in await connection.fetch(statement, *values)]

    async def execute(self, service: str, *statements: str) -> None:
        """Run statements by hand in one transaction, past the service."""
        async with self._database(service) as connection, connection.transaction():
            for statement in statements:
                await connection.execute(statement)

    @asynccontextmanager
    async def _database(self, service: str) -> AsyncIterator["asyncpg.Connection[Any]"]:
        address = url_of(self.server.url, service).set(drivername="postgresql")
        connection = await asyncpg.connect(address.render_as_string(hide_password=False))
        try:
            yield connection
        finally:
            await connection.close()

    @asynccontextmanager
    async def unwritable(self, service: str, table: str) -> AsyncIterator[None]:
        """While the block runs, whoever writes to the table waits."""
        async with self._database(service) as connection, connection.transaction():
            await connection.execute(f"LOCK TABLE {table} IN SHARE MODE")
            yield

    async def has_waiting(self, service: str, table: str) -> bool:
        """Whether somebody waits for being allowed to write to the table."""
        waiting = "SELECT count(*) FROM pg_locks WHERE relation = $1::text::regclass AND NOT granted"
        return bool((await self.rows(service, waiting, table))[0][0])

    async def events(self, service: str) -> int:
        """The number of events that a service has stored: the sum of its shards' positions."""
        return int((await self.rows(service, "SELECT sum(position)::bigint FROM shard"))[0][0])

    async def heads(self, service: str) -> list[tuple[Any, ...]]:
        """Each shard's last position and hash: the same ones, the same events."""
        return await self.rows(service, "SELECT shard, position, hash FROM shard ORDER BY shard")

    async def digests(self, service: str) -> dict[str, str]:
        """For each table of a service's views, a digest of all rows as text."""
        digest = "count(*) || ' rows ' || md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), ''))"
        tables = [table for view in DEFINITIONS[service](self.settings).all_views for table in view.tables]
        return {
            table: (await self.rows(service, f"SELECT {digest} FROM {table} AS t"))[0][0] for table in tables
        }

    # --- rest and result ---

    async def settle(self, within_seconds: float = 240) -> None:
        """Wait until every service has worked what the log has for it, and published what it has to say.

        The services follow each other in a circle, so they are at rest when a whole round finds all of them so.
        """
        deadline = time.monotonic() + within_seconds
        while busy := {service: behind for service in SERVICES if (behind := await self._behind(service))}:
            assert time.monotonic() < deadline, f"not at rest: {busy}"
            await asyncio.sleep(0.1)

    async def _behind(self, service: str) -> str:
        """What a service still has to do, in words."""
        try:
            answer = await self.client(service, Role.AUDITOR, subject="otto").get("/v1/lag")
        except httpx.TransportError as error:
            return f"no answer ({type(error).__name__})"
        if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE:
            return "not in touch with the log"  # it was started a moment ago
        assert answer.status_code == httpx.codes.OK, answer.text
        lag = answer.json()
        if lag["total"]:
            return f"events behind: {lag['topics']}"
        [(backlog,)] = await self.rows(
            service,
            "SELECT sum(shard.position - relay_position.position)::bigint "
            "FROM shard JOIN relay_position USING (shard)",
        )
        return f"{backlog} events to publish" if backlog else ""

    async def figures(self, periods: Iterable[str]) -> Figures:
        """What the system says of these periods."""
        return await figures_of(self.admin("ledger"), self.admin("appraisal"), periods)

    # --- harm ---

    def stop_server(self) -> None:
        """Stop PostgreSQL as an administrator does: connections are cut."""
        self.server.stop()

    def start_server_again(self) -> None:
        """On the same data and the same address."""
        address = self.server.url
        self.server = EmbeddedPostgres(self.settings.data)
        assert self.server.url == address

    def logged(self, service: str) -> list[dict[str, Any]]:
        """The lines of a service's log."""
        lines = self.services.log_of(service).read_bytes().splitlines()
        return [orjson.loads(line) for line in lines if line.startswith(b"{")]


@asynccontextmanager
async def running_system(folder: Path, log: str = "embedded", **more: str) -> AsyncIterator[System]:
    """An installation on ``log`` (``embedded`` or ``kafka``), empty, all services ready, until the block ends.

    Only the logs are left in the folder then. ``more`` are further settings, in lower case.
    """
    async with AsyncExitStack() as stack:
        for part in ("kafka", "postgres"):
            stack.callback(shutil.rmtree, folder / part, ignore_errors=True)
        broker = None
        if log == "kafka":
            broker = stack.enter_context(Broker(CACHE))
            await asyncio.to_thread(broker.start, folder / "kafka")
        server = await asyncio.to_thread(EmbeddedPostgres, folder)
        settings = Settings(
            data=folder,
            kafka=broker.bootstrap if broker else None,
            base_port=Services.free_base_port(),
            host="127.0.0.1",
            oidc_issuer=None,
            oidc_audience=None,
            base_currency="CNY",
            log_level="info",
            **more,
        )
        services = Services(settings, server.url)
        system = System(settings, server, broker, services, event_log(settings, server.url))
        stack.callback(lambda: system.server.stop())
        stack.callback(services.stop)
        await stack.enter_async_context(system._open)
        services.start()
        await services.wait_until_ready()
        await system.log.start()
        stack.push_async_callback(system.log.stop)
        yield system


_METRIC = re.compile(r"^(?P<name>\w+)(?:\{(?P<labels>[^}]*)\})? (?P<value>\S+)$", re.MULTILINE)


async def metric(client: httpx.AsyncClient, name: str, **labels: str) -> float:
    """The sum of a service's samples of this name that bear these labels."""
    answer = await client.get("/metrics")
    wanted = [f'{label}="{value}"' for label, value in labels.items()]
    return sum(
        float(sample["value"])
        for sample in _METRIC.finditer(answer.text)
        if sample["name"] == name and all(one in (sample["labels"] or "") for one in wanted)
    )


def months(first: str, last: str) -> Sequence[str]:
    """The names of all months from one to another."""
    start, end = (int(month[:4]) * 12 + int(month[5:]) - 1 for month in (first, last))
    return [f"{number // 12:04d}-{number % 12 + 1:02d}" for number in range(start, end + 1)]
