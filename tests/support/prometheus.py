"""A real Prometheus, Debian's package ``prometheus``, that scrapes given services and judges given rules."""

import asyncio
import os
import random
import shutil
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import yaml

PACKAGE = "prometheus"
READY_SECONDS = 30
STOP_SECONDS = 10
PORTS = range(30_000, 32_000)  # below those that outgoing connections take


def program(name: str) -> str:
    """The path of ``prometheus`` or ``promtool``. Where it is missing, the test is skipped, but fails under CI."""
    found = shutil.which(name)
    if found is None:
        says = f"there is no {name} here (Debian: apt-get install {PACKAGE})"
        if os.environ.get("CI") == "true":
            pytest.fail(says)
        pytest.skip(says)
    return found


@dataclass(frozen=True)
class Prometheus:
    """A server at work."""

    url: str
    client: httpx.AsyncClient

    async def query(self, expression: str) -> list[dict[str, Any]]:
        """The samples of an instant query, each with its ``metric`` (its labels) and ``value``."""
        found = await self._get("query", query=expression)
        samples: list[dict[str, Any]] = found["result"]
        return samples

    async def until(
        self, expression: str, samples: int = 1, within_seconds: float = 30
    ) -> list[dict[str, Any]]:
        """Wait until a query finds so many samples; they are answered."""
        deadline = time.monotonic() + within_seconds
        while len(found := await self.query(expression)) != samples:
            assert time.monotonic() < deadline, f"{expression} finds {found}"
            await asyncio.sleep(0.1)
        return found

    async def alerts(self) -> list[dict[str, Any]]:
        """The alerts that are pending or firing."""
        found: list[dict[str, Any]] = (await self._get("alerts"))["alerts"]
        return found

    async def firing(self) -> set[str]:
        """The names of the alerts that fire."""
        return {alert["labels"]["alertname"] for alert in await self.alerts() if alert["state"] == "firing"}

    async def _get(self, path: str, **params: str) -> Any:
        answer = await self.client.get(f"/api/v1/{path}", params=params)
        body = answer.json()
        assert body["status"] == "success", body
        return body["data"]


@asynccontextmanager
async def running_prometheus(
    folder: Path,
    targets: Mapping[str, str],
    *,
    rules: Sequence[Path] = (),
    interval_seconds: float = 1,
) -> AsyncIterator[Prometheus]:
    """A server that scrapes each job of ``targets`` (job → address) every ``interval_seconds``, with all that it
    keeps and its log in ``folder``, until the block ends."""
    address = f"127.0.0.1:{_free_port()}"
    process, log = _start(folder, address, _configuration(targets, rules, interval_seconds))
    try:
        async with httpx.AsyncClient(base_url=f"http://{address}", timeout=30) as client:
            await _wait_until_ready(process, client, log)
            yield Prometheus(f"http://{address}", client)
    finally:
        process.terminate()
        try:
            await asyncio.to_thread(process.wait, STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _configuration(
    targets: Mapping[str, str], rules: Sequence[Path], interval_seconds: float
) -> dict[str, Any]:
    interval = f"{round(interval_seconds * 1000)}ms"
    return {
        "global": {
            "scrape_interval": interval,
            "scrape_timeout": interval,
            "evaluation_interval": interval,
        },
        "rule_files": [str(path) for path in rules],
        "scrape_configs": [
            {"job_name": job, "static_configs": [{"targets": [urlsplit(url).netloc]}]}
            for job, url in targets.items()
        ],
    }


def _start(
    folder: Path, address: str, configuration: Mapping[str, Any]
) -> tuple[subprocess.Popen[bytes], Path]:
    """The process and its log."""
    binary = program("prometheus")
    folder.mkdir(parents=True, exist_ok=True)
    file, log = folder / "prometheus.yml", folder / "prometheus.log"
    file.write_text(yaml.safe_dump(configuration))
    arguments = (
        f"--config.file={file}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={address}",
    )
    with log.open("ab") as said:
        return subprocess.Popen([binary, *arguments], stdout=said, stderr=said), log


async def _wait_until_ready(process: subprocess.Popen[bytes], client: httpx.AsyncClient, log: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not await _is_ready(client):
        if process.poll() is not None or time.monotonic() > deadline:
            pytest.fail(f"Prometheus is not ready; its log is {log}")
        await asyncio.sleep(0.05)


async def _is_ready(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/-/ready")).status_code == 200
    except httpx.TransportError:
        return False


def _free_port() -> int:
    while True:
        port = random.choice(PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
