"""How many events a second one ledger process books into both books, and how near that is to a bare COPY.

    python -m tests.benchmarks.ingest [--events 150000]

Everything is real: a Kafka broker, PostgreSQL as it comes (durable), the ledger as its own process with its relay
publishing what it books. The ceiling writes the very rows that the ledger wrote, in batches of the same size, on the
same server: COPY of the events, COPY of the legs, one upsert of the sums already added up; no reading, no rules, no
decoding, no checks.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import orjson
import psutil
from rich.console import Console
from rich.table import Table

from deploy.kafka.broker import Broker
from deploy.local.processes import Services
from deploy.local.simulator import simulate
from services.ledger.views.leg import COLUMNS as LEG_COLUMNS
from shared.contracts import assignment, core_banking
from shared.contracts.core_banking import CORE_EVENTS
from shared.contracts.envelope import CloudEvent
from shared.infrastructure.auth import Role, issue_token
from shared.infrastructure.database import Database, copy, driver_of, ensure_database, url_of
from shared.infrastructure.embedded_postgres import EmbeddedPostgres
from shared.infrastructure.event_log import EventLog, Message
from shared.infrastructure.event_store import COLUMNS
from shared.infrastructure.migrate import STORE_MIGRATIONS, migrate
from shared.infrastructure.runtime import event_log
from shared.infrastructure.settings import Settings

ROOT = Path(__file__).parent.parent.parent
EVENT_COLUMNS = ", ".join(COLUMNS)
console = Console()


def scenario(wanted: int) -> tuple[list[CloudEvent], list[CloudEvent], list[CloudEvent]]:
    """Products, assignments and at least ``wanted`` core events of the simulated bank (or all of a large one)."""
    products: list[CloudEvent] = []
    assigned: list[CloudEvent] = []
    core: list[CloudEvent] = []
    for event in simulate(
        7, managers=200, customers=max(200, wanted // 60), start=date(2026, 1, 1), months=12
    ):
        if event.type == "ProductDefined":
            products.append(event)
        elif event.type == "CustomerAssigned":
            assigned.append(event)
        elif event.type in CORE_EVENTS and len(core) < wanted:
            core.append(event)
    return products, assigned, core


def key_of(event: CloudEvent) -> str:
    """The key a producer gives: the customer's id, or the manager's where there is no customer."""
    data = orjson.loads(event.data)
    return str(data.get("customer_id") or data["manager_id"])


@contextmanager
def ledger_process(environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """One ledger process."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "services.ledger", "serve"],
            env={**os.environ, **environment}, stdout=output, stderr=output,
        )  # fmt: skip
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


async def until(check: Any, seconds: float = 600.0, pause_seconds: float = 0.05) -> None:
    """Poll until an async check holds."""
    deadline = time.monotonic() + seconds
    while not await check():
        if time.monotonic() > deadline:
            raise TimeoutError("the ledger does not come to an end")
        await asyncio.sleep(pause_seconds)


class Run:
    """One measured run of the ledger on one kind of log."""

    def __init__(self, name: str, server: str, data: Path, kafka: str | None, processes: int) -> None:
        self.name = name
        self.data = data
        self.server = server
        self.processes = processes
        self.kafka = kafka
        self.settings = Settings(data=data, kafka=kafka, base_port=Services.free_base_port())
        self.rate = self.seconds = self.relay_seconds = self.batch = 0.0
        self.ledger_cpu = self.postgres_cpu = 0.0

    def _environment(self, base_port: int) -> dict[str, str]:
        return {
            "DUALBOOK_DATA": str(self.data),
            "DUALBOOK_DATABASE_URL": self.server,
            "DUALBOOK_BASE_PORT": str(base_port),
            **({"DUALBOOK_KAFKA": self.kafka} if self.kafka else {}),
        }

    @contextmanager
    def _ledgers(self, processes: int) -> Iterator[list[psutil.Process]]:
        """So many ledger processes, the first at the port that we ask."""
        ports = [self.settings.base_port, *(Services.free_base_port() for _ in range(processes - 1))]
        with ExitStack() as stack:
            yield [
                psutil.Process(
                    stack.enter_context(ledger_process(self._environment(port), self.data / "ledger.log")).pid
                )
                for port in ports
            ]

    async def measure(self, scene: tuple[list[CloudEvent], list[CloudEvent], list[CloudEvent]]) -> None:
        products, assigned, core = scene
        token = issue_token(self.data, [Role.ADMIN], "bench")
        base = f"http://127.0.0.1:{self.settings.port_of('ledger')}"
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(base_url=base, headers=headers, timeout=60) as ledger:
            with self._ledgers(1):
                await until(lambda: _answers(ledger))
                log = event_log(self.settings, self.server)
                await log.start()
                await self._prepare(ledger, log, products, assigned)
            await _publish(log, core_banking.TOPIC, core)
            await log.stop()
            await self._book(ledger, len(core))

    async def _prepare(
        self,
        ledger: httpx.AsyncClient,
        log: EventLog,
        products: Sequence[CloudEvent],
        assigned: Sequence[CloudEvent],
    ) -> None:
        for product in products:
            data = orjson.loads(product.data)
            answer = await ledger.put(f"/v1/products/{data.pop('product_code')}", json=data)
            answer.raise_for_status()
        await _publish(log, assignment.TOPIC, assigned)
        await until(lambda: _settled(ledger))

    async def _book(self, ledger: httpx.AsyncClient, count: int) -> None:
        database = Database(url_of(self.server, "ledger"), name="bench", pool_size=2)
        before = await _positions(database)
        with self._ledgers(self.processes) as ledgers:
            await until(lambda: _reached(database, before + 1), pause_seconds=0.005)
            began, first = time.perf_counter(), await _positions(database)
            ledger_cpu, postgres_cpu = _cpu_seconds(ledgers), _cpu_seconds(_postgres(self.data))
            await until(lambda: _reached(database, before + count))
            booked = before + count - first
            self.seconds = time.perf_counter() - began
            self.rate = booked / self.seconds
            await until(lambda: _relayed(database))
            self.relay_seconds = time.perf_counter() - began
            self.ledger_cpu = (_cpu_seconds(ledgers) - ledger_cpu) / booked
            self.postgres_cpu = (_cpu_seconds(_postgres(self.data)) - postgres_cpu) / booked
            self.batch = await _mean_batch(ledger)
        await database.close()


def _postgres(data: Path) -> list[psutil.Process]:
    """The server of a data folder, its backends among its children."""
    [pid_file] = data.rglob("postmaster.pid")
    server = psutil.Process(int(pid_file.read_text().split()[0]))
    return [server, *server.children(recursive=True)]


def _cpu_seconds(processes: Sequence[psutil.Process]) -> float:
    """Processor time that the processes have used, those of children that ended included."""
    return sum(sum(process.cpu_times()[:4]) for process in processes)


async def _answers(ledger: httpx.AsyncClient) -> bool:
    try:
        return (await ledger.get("/readyz")).status_code == 200
    except httpx.HTTPError:
        return False


async def _settled(ledger: httpx.AsyncClient) -> bool:
    return bool((await ledger.get("/v1/lag")).json()["total"] == 0)


async def _positions(database: Database) -> int:
    async with database.read() as connection:
        driver = await driver_of(connection)
        return int(await driver.fetchval("SELECT sum(position)::bigint FROM shard"))


async def _reached(database: Database, target: int) -> bool:
    return await _positions(database) >= target


async def _relayed(database: Database) -> bool:
    async with database.read() as connection:
        driver = await driver_of(connection)
        behind = await driver.fetchval(
            "SELECT sum(shard.position - relay_position.position)::bigint FROM shard JOIN relay_position USING (shard)"
        )
    return bool(behind == 0)


async def _mean_batch(ledger: httpx.AsyncClient) -> float:
    figures: Counter[str] = Counter()
    for line in (await ledger.get("/metrics")).text.splitlines():
        for name in ("sum", "count"):
            if line.startswith(f"dualbook_consumer_batch_size_{name}"):
                figures[name] += float(line.split()[-1])  # type: ignore[assignment]
    return figures["sum"] / max(1, figures["count"])


async def _publish(log: EventLog, topic: str, events: Sequence[CloudEvent]) -> None:
    for start in range(0, len(events), 2000):
        await log.publish(topic, [Message.of(event, key_of(event)) for event in events[start : start + 2000]])


async def ceiling(server: str, batch: int) -> float:
    """Events a second of the bare writes: the ledger's own rows, batches of ``batch``, one connection."""
    source = Database(url_of(server, "ledger"), name="bench", pool_size=1)
    batches = [rows async for rows in _batches(source, batch)]
    await source.close()
    await ensure_database(server, "ceiling")
    target = Database(url_of(server, "ceiling"), name="bench", pool_size=1)
    await migrate(target, [STORE_MIGRATIONS, ROOT / "services/ledger/migrations"])
    async with target.begin() as connection:
        await connection.exec_driver_sql("ALTER TABLE leg DISABLE TRIGGER USER")
    began = time.perf_counter()
    for events, legs, sums in batches:
        async with target.begin() as connection:
            await connection.exec_driver_sql("SELECT 1")
            await copy(connection, "event", EVENT_COLUMNS.split(", "), events)
            await copy(connection, "leg", LEG_COLUMNS, legs)
            driver = await driver_of(connection)
            await driver.execute(_UPSERT, *zip(*sums, strict=True))
    seconds = time.perf_counter() - began
    await target.close()
    return sum(len(events) for events, _, _ in batches) / seconds


_UPSERT = """
    INSERT INTO centre_month AS present
           (shard, period, book, centre_id, department_id, product_code, line, contra, legs, amount, by_10, by_20)
    SELECT * FROM unnest($1::smallint[], $2::int[], $3::book_name[], $4::text[], $5::text[], $6::text[],
                         $7::line_name[], $8::bool[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[])
    ON CONFLICT (shard, period, book, centre_id, department_id, product_code, line) DO UPDATE
        SET legs = present.legs + excluded.legs, amount = present.amount + excluded.amount,
            by_10 = present.by_10 + excluded.by_10, by_20 = present.by_20 + excluded.by_20
"""

Batch = tuple[list[tuple[Any, ...]], list[tuple[Any, ...]], list[tuple[Any, ...]]]


async def _batches(source: Database, size: int) -> Any:
    """The entries of the ledger with their legs and sums, shard by shard, ready to be written again."""
    async with source.read() as connection:
        driver = await driver_of(connection)
        last = await driver.fetch("SELECT shard, position FROM shard ORDER BY shard")
        for shard, end in last:
            for start in range(0, end, size):
                place = (shard, start, start + size)
                rows = await driver.fetch(
                    f"SELECT {EVENT_COLUMNS} FROM event WHERE shard = $1 AND position > $2 AND position <= $3 "
                    "AND type = 'EntryBooked'", *place)  # fmt: skip
                legs = await driver.fetch(
                    f"SELECT {', '.join(LEG_COLUMNS)} FROM leg WHERE shard = $1 AND position > $2 AND position <= $3",
                    *place)  # fmt: skip
                sums = await driver.fetch(
                    "SELECT shard, period, book, centre_id, department_id, product_code, line, contra, count(*), "
                    "sum(amount)::bigint, 0, 0 FROM leg "
                    "WHERE shard = $1 AND position > $2 AND position <= $3 GROUP BY 1, 2, 3, 4, 5, 6, 7, 8",
                    *place)  # fmt: skip
                if rows and legs:
                    yield [tuple(r) for r in rows], [tuple(r) for r in legs], [tuple(r) for r in sums]


async def main(wanted: int) -> None:
    """Measure Kafka with one and two processes, then the embedded log, each beside the ceiling of its run."""
    scene = scenario(wanted)
    console.print(
        f"{len(scene[2]):,} core events: {dict(Counter(event.type for event in scene[2]).most_common())}"
    )
    heads = (
        "",
        "events/s",
        "seconds",
        "relayed after",
        "mean batch",
        "µs ledger",
        "µs PostgreSQL",
        "ratio to ceiling",
    )
    table = Table(*heads, title="From the log into both books")
    with tempfile.TemporaryDirectory() as folder:
        for name, on_kafka, processes in (
            ("from Kafka, one process", True, 1),
            ("from Kafka, two processes", True, 2),
            ("from the embedded log", False, 1),
        ):
            home = Path(folder) / f"{'kafka' if on_kafka else 'embedded'}-{processes}"
            home.mkdir()
            run, bare = await _measured(name, home, scene, on_kafka, processes)
            table.add_row(name, f"{run.rate:,.0f}", f"{run.seconds:.1f}", f"{run.relay_seconds:.1f}",
                          f"{run.batch:.0f}", f"{run.ledger_cpu * 1e6:.0f}", f"{run.postgres_cpu * 1e6:.0f}",
                          f"{run.rate / bare:.2f}")  # fmt: skip
            table.add_row(
                "  bare COPY + COPY + upsert", f"{bare:,.0f}", "", "", f"{run.batch:.0f}", "", "", "1.00"
            )
    console.print(table)
    console.print("µs: processor time an event, of all ledger processes and of the whole PostgreSQL server")


async def _measured(
    name: str,
    home: Path,
    scene: tuple[list[CloudEvent], list[CloudEvent], list[CloudEvent]],
    on_kafka: bool,
    processes: int,
) -> tuple[Run, float]:
    """A run with broker and server of its own, and the ceiling on that server."""
    with ExitStack() as stack:
        broker = stack.enter_context(Broker(ROOT / ".cache")) if on_kafka else None
        if broker is not None:
            broker.start(home / "kafka")
        server = EmbeddedPostgres(home)
        stack.callback(server.stop)
        run = Run(name, server.url, home, broker and broker.bootstrap, processes)
        await run.measure(scene)
        return run, await ceiling(server.url, round(run.batch))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=150_000)
    asyncio.run(main(parser.parse_args().events))
