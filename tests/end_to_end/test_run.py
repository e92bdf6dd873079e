"""``dualbook run`` as a person starts it: the sample is there, everything is said, and Ctrl-C leaves nothing behind."""

import asyncio
import os
import re
import signal
import socket
import subprocess
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from deploy.local.processes import Services
from deploy.local.running import SAMPLE_MONTHS, SAMPLE_SEED, SAMPLE_START
from deploy.local.simulator import simulate
from shared.contracts.core_banking import CORE_EVENTS
from shared.infrastructure.settings import SERVICES
from tests.end_to_end.simulated import by_hand, check_lines
from tests.support.system import DUALBOOK, Figures, environment_of, figures_of, months

pytestmark = pytest.mark.timeout(900)

MONTHS = months("2026-01", "2026-09")
PERIODS = ["2026", *MONTHS]
READY = "Ctrl-C stops everything."


@dataclass
class Installation:
    """A data folder and ports for ``dualbook run``."""

    data: Path
    base_port: int

    @property
    def environment(self) -> dict[str, str]:
        return environment_of(self.data, self.base_port)

    def start(self, *options: str) -> "Run":
        """Run it in a session of its own, as a terminal would."""
        process = subprocess.Popen(
            [DUALBOOK, "run", *options],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        return Run(self, process)

    def postgres(self) -> int | None:
        """The process id of its PostgreSQL server, while there is one."""
        try:
            return int((self.data / "postgres" / "postmaster.pid").read_text().split()[0])
        except FileNotFoundError:
            return None


@dataclass
class Run:
    """A running ``dualbook run``, and what it has said."""

    installation: Installation
    process: "subprocess.Popen[str]"
    said: str = ""

    def lines(self) -> Iterator[str]:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said += line
            yield line

    async def until_ready(self) -> None:
        """Read until it says that it waits to be stopped."""

        def read() -> None:
            for line in self.lines():
                if READY in line:
                    return
            raise AssertionError(f"it ended with {self.process.wait()}:\n{self.said}")

        await asyncio.to_thread(read)

    def descendants(self) -> list[psutil.Process]:
        """All processes that it has started and the database server, with those of its own."""
        own = psutil.Process(self.process.pid).children(recursive=True)
        server = self.installation.postgres()
        return own if server is None else [*own, psutil.Process(server)]

    async def interrupt(self) -> None:
        """Ctrl-C: the signal reaches all processes of the terminal's foreground group."""
        os.killpg(self.process.pid, signal.SIGINT)
        for _ in self.lines():
            pass
        await asyncio.to_thread(self.process.wait, 60)

    async def stopped(self) -> None:
        """Ctrl-C ends it in good order, and nothing is left: no process, no port taken, no database server."""
        processes = self.descendants()
        assert len(processes) >= len(SERVICES) + 1
        await self.interrupt()
        assert self.process.returncode == 0, self.said
        assert self.said.rstrip().endswith("Stopped."), self.said
        assert "Traceback" not in self.said
        _, alive = psutil.wait_procs(processes, timeout=5)
        assert alive == []
        assert self.installation.postgres() is None
        for offset in range(1, len(SERVICES) + 1):
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(("127.0.0.1", self.installation.base_port + offset))

    def callers(self) -> dict[str, httpx.AsyncClient]:
        """Clients of the addresses that it has printed, with the token that it has printed."""
        [token] = re.findall(r"^export TOKEN=(\S+)$", self.said, re.MULTILINE)
        urls = dict(re.findall(r"^(\w+) +(http://\S+)/docs$", self.said, re.MULTILINE))
        assert list(urls) == list(SERVICES)
        headers = {"Authorization": f"Bearer {token}"}
        return {
            service: httpx.AsyncClient(base_url=url, headers=headers, timeout=60)
            for service, url in urls.items()
        }


@asynccontextmanager
async def running(installation: Installation, *options: str) -> AsyncIterator[Run]:
    """It runs, ready; what the block does not stop is ended."""
    async with started(installation, *options) as run:
        await run.until_ready()
        yield run


@asynccontextmanager
async def started(installation: Installation, *options: str) -> AsyncIterator[Run]:
    """It was started a moment ago; what the block does not stop is ended."""
    run = installation.start(*options)
    try:
        yield run
    finally:
        if run.process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(run.process.pid, signal.SIGTERM)
            try:
                run.process.wait(30)
            except subprocess.TimeoutExpired:
                run.process.kill()
                run.process.wait()
        if run.process.stdout is not None:
            run.process.stdout.close()


async def figures(run: Run) -> Figures:
    """What the running system says of the sample's months."""
    callers = run.callers()
    try:
        return await figures_of(callers["ledger"], callers["appraisal"], PERIODS)
    finally:
        for caller in callers.values():
            await caller.aclose()


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """Where the sample is loaded, once."""
    return Installation(tmp_path_factory.mktemp("run"), Services.free_base_port())


async def test_the_first_run_loads_the_sample_though_it_is_interrupted_and_says_where_everything_is(
    installation: Installation,
) -> None:
    async with started(installation) as run:
        deadline = time.monotonic() + 120
        while not (installation.data / "sample.begun").exists():
            assert run.process.poll() is None
            assert time.monotonic() < deadline
            await asyncio.sleep(0.1)
        await asyncio.sleep(2)  # in the middle of the registrations, or of the core events
        await run.stopped()
    assert not (installation.data / "sample.loaded").exists()

    async with running(installation) as run:
        assert "The books balance to the fen" in run.said
        callers = run.callers()
        for service, caller in callers.items():
            answer = await caller.get("/docs")
            assert (answer.status_code, "swagger" in answer.text) == (200, True), service
            assert (await caller.get("/readyz")).json()["status"] == "ready"
            assert (await caller.get("/v1/lag")).json()["total"] == 0
            assert (await caller.get("/v1/dead-letters")).json()["items"] == []
        reconciliation = (await callers["ledger"].get("/v1/reconciliation?period=2026")).json()
        sample = Counter(
            "core" if event.type in CORE_EVENTS else event.type
            for event in simulate(SAMPLE_SEED, start=SAMPLE_START, months=SAMPLE_MONTHS)
        )
        assert reconciliation["balanced"] is True
        moved = reconciliation["entries"] - sample["core"]  # hand-overs of customers who have something
        assert 0 < moved < sample["CustomerAssigned"]
        for caller in callers.values():
            await caller.aclose()
        await run.stopped()


async def test_the_second_run_finds_its_data_again_booked_as_by_hand(installation: Installation) -> None:
    async with running(installation) as run:
        assert "Found its data again." in run.said
        assert "loading the sample" not in run.said
        found = await figures(run)
        expected = by_hand(simulate(SAMPLE_SEED, start=SAMPLE_START, months=SAMPLE_MONTHS))
        check_lines(found, expected, MONTHS)
        assert found["2026"]["reconciliation"]["balanced"] is True
        assert found["2026"]["scorecards"]["balanced"] is True
        assert "unassigned" in found["2026"]["manager"]  # some customers have nobody, some from a day on

        # the same facts again, from another terminal, find everything known
        again = await asyncio.to_thread(
            subprocess.run,
            [DUALBOOK, "simulate", "--seed", str(SAMPLE_SEED), "--to", "http"],
            env=installation.environment,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert again.returncode == 0, again.stdout + again.stderr
        assert f"Accepted 0, duplicate {len(expected.booked):,}, rejected 0." in again.stdout
        assert await figures(run) == found
        await run.stopped()


async def test_an_empty_run_loads_nothing_and_ends_with_the_name_of_a_service_that_dies(
    tmp_path: Path,
) -> None:
    installation = Installation(tmp_path, Services.free_base_port())
    async with running(installation, "--empty") as run:
        callers = run.callers()
        assert (await callers["ledger"].get("/v1/products")).json()["items"] == []
        assert (await callers["assignment"].get("/v1/managers")).json()["items"] == []
        found = (await callers["ledger"].get("/v1/reconciliation?period=2026")).json()
        assert (found["balanced"], found["entries"]) == (True, 0)
        for caller in callers.values():
            await caller.aclose()

        processes = run.descendants()
        [ledger] = [one for one in processes if "services.ledger" in one.cmdline()]
        ledger.kill()
        for _ in run.lines():
            pass
        assert await asyncio.to_thread(run.process.wait, 60) == 2
        assert "dualbook: ledger ended with -9" in run.said
        _, alive = psutil.wait_procs(processes, timeout=5)
        assert alive == []
