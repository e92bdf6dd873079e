"""The drill: everything that an alert warns of is brought about in a real installation, a real Prometheus raises the
alarm, and the command of the alert's page ends it."""

import asyncio
import os
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from shared.contracts.core_banking import TOPIC
from shared.contracts.envelope import from_mapping
from shared.infrastructure.auth import Role, issue_token
from shared.infrastructure.database import url_of
from shared.infrastructure.event_log import Message
from tests.end_to_end.example import PERIOD, Example
from tests.support.alerts import alerts, command, quick_rules
from tests.support.prometheus import Prometheus, running_prometheus
from tests.support.reference import core_event
from tests.support.system import System, running_system

pytestmark = pytest.mark.timeout(900)

WITHIN_SECONDS = 180  # on a busy machine
MANY = 600
UNREADABLE = Message(
    b"d-c1", b"{", [("ce_specversion", b"1.0"), ("ce_id", b"torn"), ("ce_type", b"DepositPosted")]
)


@dataclass(frozen=True)
class Disk:
    """How much of this machine's disk is to be free, in bytes, and what others on it may use or give back meanwhile."""

    free_at_least: int
    margin: int
    total: int

    @classmethod
    def under(cls, folder: Path) -> "Disk":
        """So that there is enough free now, and some gigabytes take it away."""
        usage = shutil.disk_usage(folder)
        margin = min(usage.free // 8, 6 * 1024**3)
        return cls(usage.free - margin, margin, usage.total)


@dataclass
class Drill:
    """A bank at work, watched by Prometheus."""

    system: System
    example: Example
    prometheus: Prometheus
    folder: Path
    disk: Disk
    done: set[tuple[str, ...]] = field(default_factory=set)

    @property
    def backup(self) -> Path:
        return self.folder / "backup"

    @property
    def old_backup(self) -> Path:
        return self.folder / "old-backup"

    async def fire(self, expected: set[str]) -> None:
        """Wait until each of these alerts has been seen firing, with words that were filled in."""
        deadline, seen = time.monotonic() + WITHIN_SECONDS, set[str]()
        while missing := expected - seen:
            assert time.monotonic() < deadline, f"never fired: {missing}"
            await asyncio.sleep(0.5)
            for alert in await self.prometheus.alerts():
                if alert["state"] == "firing":
                    seen.add(alert["labels"]["alertname"])
                    words = " ".join(alert["annotations"].values())
                    assert "<no value>" not in words, words
                    assert "error" not in words.casefold().replace("errorrate", "").replace(
                        "errors of ours", ""
                    ), words

    async def rest(self) -> None:
        """Wait until no alert is left."""
        deadline = time.monotonic() + WITHIN_SECONDS
        while left := [alert["labels"] for alert in await self.prometheus.alerts()]:
            assert time.monotonic() < deadline, f"still there: {left}"
            await asyncio.sleep(0.5)

    async def end(self, alert: str, service: str, **given: str) -> None:
        """Do what the alert's page says, in the environment that the pages take for granted; not again what another's
        page has said already."""
        script = f"set -eu -o pipefail\n{command(alert, 'Look')}\n{command(alert, 'End it')}"
        if (what := (command(alert, "End it"), service, *given.values())) in self.done:
            return
        self.done.add(what)
        from deploy.operations.clients import find_client  # both warn where no server was started before
        from deploy.operations.manifest import read_manifest

        clients = find_client("pg_restore", read_manifest(self.backup).client).path.parent
        environment = {
            **self.system.environment,
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), str(clients), os.environ["PATH"]]),
            "DUALBOOK_DATABASE_URL": self.system.server.url,
            "SERVICE": service,
            "URL": self.system.services.urls[service],
            "TOKEN": issue_token(self.system.settings.data, [Role.ADMIN], "root"),
            **given,
        }
        done = await asyncio.to_thread(
            subprocess.run,
            ["bash", "-c", script],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{alert}: {done.stdout}{done.stderr}"

    async def forget(self, service: str, table: str) -> "asyncpg.Connection[Any]":
        """Somebody begins a transaction, locks a table and goes home."""
        address = url_of(self.system.server.url, service).set(drivername="postgresql")
        session = await asyncpg.connect(address.render_as_string(hide_password=False))
        await session.execute("BEGIN")
        await session.execute(f"LOCK TABLE {table} IN SHARE MODE")
        return session


@pytest.fixture
async def drill(tmp_path: Path) -> AsyncIterator[Drill]:
    disk = Disk.under(tmp_path)
    rules = quick_rules(tmp_path, disk.free_at_least / disk.total)
    async with (
        running_system(tmp_path / "system") as system,
        running_prometheus(tmp_path / "prometheus", system.services.urls, rules=[rules]) as prometheus,
    ):
        yield Drill(system, Example(system, "d"), prometheus, tmp_path, disk)


async def test_every_alert_fires_in_earnest_and_what_its_page_says_ends_it(drill: Drill) -> None:
    system = drill.system
    await drill.prometheus.until(
        'up == 1 and on (job) dualbook_reading_read_timestamp_seconds{reading="lag"} > 0', 3
    )
    await system.said("backup", str(drill.folder / "first-backup"))
    await drill.rest()  # of the start
    await work_is_left_undone(drill)
    await system.said("backup", str(drill.backup))
    await books_and_history_are_tampered_with(drill)
    async with hanging_sessions(drill), database_closed(drill, "appraisal"):
        async with disk_filling_up(drill):
            await drill.fire(set(alerts()) - {"ServiceDown"})
        await everything_is_mended(drill)
    await system.settle()
    system.services.kill("appraisal")
    await drill.fire({"ServiceDown"})
    system.services.start_one("appraisal")  # as the page says, but in the background
    assert "python -m services.$SERVICE serve" in command("ServiceDown", "End it")
    await drill.rest()


async def work_is_left_undone(drill: Drill) -> None:
    """A month long gone is open, its deposits were not reported in time, and a message cannot be read."""
    await drill.example.open()
    await drill.system.publish(
        TOPIC, *(Message.of(from_mapping(one), one["subject"]) for one in drill.example.events())
    )
    await drill.system.publish(TOPIC, UNREADABLE)
    await drill.system.settle()
    looked = await drill.system.client("assignment", Role.APPROVER, subject="bob").post("/v1/duties/look")
    assert looked.json()["breached"] > 0, looked.text


async def books_and_history_are_tampered_with(drill: Drill) -> None:
    """By somebody with the rights of an administrator: a sum, a byte of an event, and when the last backup was."""
    system = drill.system
    accountant = system.client("ledger", Role.ACCOUNTANT, subject="carl")
    await system.execute("ledger", "ALTER TABLE computed_result RENAME TO gone")
    assert (await accountant.post(f"/v1/periods/{PERIOD}/close")).status_code == 500
    await system.execute("ledger", "ALTER TABLE gone RENAME TO computed_result")
    await system.execute(
        "ledger",
        "UPDATE centre_month SET amount = amount + 1 WHERE ctid = "
        "(SELECT ctid FROM centre_month WHERE NOT contra AND line = 'fee_income' AND book = 'manager' LIMIT 1)",
    )
    assert (await system.dualbook("verify", "ledger")).returncode == 1
    await system.execute(
        "assignment",
        "ALTER TABLE event DISABLE TRIGGER event_is_append_only",
        "UPDATE event SET data = replace(data, 'agreed', 'agreeD') WHERE type = 'CustomerAssigned'",
        "ALTER TABLE event ENABLE TRIGGER event_is_append_only",
    )
    await system.execute(
        "ledger",
        "UPDATE operation SET ended_at = ended_at - interval '3 days', succeeded_at = succeeded_at - interval '3 days' "
        "WHERE name = 'backup'",
    )


@asynccontextmanager
async def disk_filling_up(drill: Drill) -> AsyncIterator[None]:
    """A backup that is forgotten takes what is free, and what others give back meanwhile."""
    drill.old_backup.mkdir()
    filling = asyncio.create_task(fill(drill.old_backup / "data", drill.disk))
    try:
        yield
    finally:
        filling.cancel()
        with suppress(asyncio.CancelledError):
            await filling


async def fill(path: Path, disk: Disk) -> None:
    with path.open("wb") as file:
        while True:
            size = os.fstat(file.fileno()).st_size
            spare = shutil.disk_usage(path.parent).free - (disk.free_at_least - disk.margin)
            if spare > 0:
                os.posix_fallocate(file.fileno(), size, spare)
            await asyncio.sleep(1)


@asynccontextmanager
async def hanging_sessions(drill: Drill) -> AsyncIterator[None]:
    """Forgotten transactions block the relay of the assignment service and the consumer of the ledger."""
    sessions = [
        await drill.forget("assignment", "relay_position"),
        await drill.forget("ledger", "consumer_position"),
    ]
    assigner = drill.system.client("assignment", Role.ASSIGNER, subject="ann")
    manager = {"manager_id": "d-m3", "name": "赵敏", "branch_id": "b1", "grade": "manager-2"}
    assert (await assigner.post("/v1/managers", json=manager)).status_code == 201
    data = {"customer_id": "d-c1", "account_id": "d-a1", "product_code": "d-DEM", "amount": "1.00"}
    today = date.today().isoformat()  # noqa: DTZ011  # any day of a month that is not over
    deposits = [core_event(f"d-many-{number}", "DepositPosted", today, **data) for number in range(MANY)]
    await drill.system.publish(TOPIC, *(Message.of(from_mapping(one), "d-c1") for one in deposits))
    try:
        yield
    finally:
        for session in sessions:
            session.terminate()


@asynccontextmanager
async def database_closed(drill: Drill, service: str) -> AsyncIterator[None]:
    """An administrator closes a database for maintenance, and people go on asking."""
    await drill.system.execute(
        "postgres",
        f"ALTER DATABASE {service} ALLOW_CONNECTIONS false",
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{service}'",
    )
    asking = asyncio.create_task(ask(drill.system.client(service, Role.AUDITOR, subject="otto")))
    try:
        yield
    finally:
        asking.cancel()
        with suppress(asyncio.CancelledError):
            await asking


async def ask(client: httpx.AsyncClient) -> None:
    while True:
        await client.get("/v1/dead-letters")
        await asyncio.sleep(0.5)


async def everything_is_mended(drill: Drill) -> None:
    """By the pages, and in the order in which an operator would: what is away, what is wrong, what is left to do."""
    for alert in ("ErrorRate", "FiguresStale", "TaskFailing", "WatchSilent"):
        await drill.end(alert, "appraisal")
    await drill.end("RelayStuck", "assignment")
    for alert in ("ConsumerStuck", "ConsumerLag"):
        await drill.end(alert, "ledger")
    await drill.end("HashChainBroken", "assignment", BACKUP=str(drill.backup))
    await drill.system.settle()
    for alert in ("WatchBroken", "BooksOutOfBalance", "ReplayMismatch"):
        await drill.end(alert, "ledger")
    for letter in await drill.system.dead_letters():
        await drill.end("DeadLetters", letter["service"], ID=letter["id"])
    breached = await drill.system.get("assignment", "/v1/duties", status="breached")
    for duty in breached["items"]:
        await drill.end("DutyBreached", "assignment", ID=duty["duty_id"])
    for alert in ("OperationFailed", "CloseOverdue"):
        await drill.end(alert, "ledger", MONTH=PERIOD)
    await drill.end("BackupOverdue", "ledger", NEW_BACKUP=str(drill.folder / "new-backup"))
    await drill.end("DiskFull", "ledger", OLD_BACKUP=str(drill.old_backup))
