"""The three services as child processes: started together, watched, stopped cleanly."""

import asyncio
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import httpx

from shared.infrastructure.settings import PREFIX, SERVICES, Settings

READY_SECONDS = 60.0
STOP_SECONDS = 15.0


class ServiceFailed(Exception):
    """A service did not start, or ended by itself. The message has the end of its log."""


class Services:
    """The processes of one installation. Their logs are ``logs/<service>.log`` in the data folder."""

    def __init__(self, settings: Settings, server: str) -> None:
        self._settings = settings
        self._environment = _environment(settings, server)
        self._logs = settings.data / "logs"
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    @staticmethod
    def free_base_port() -> int:
        """A base port whose services' ports are all free now, below those that outgoing connections take."""
        while True:
            base = random.randrange(10_000, 20_000, 10)
            if all(_is_free(base + offset) for offset in range(1, len(SERVICES) + 1)):
                return base

    def start(self) -> None:
        """Start all three; they migrate their databases by themselves."""
        for service in SERVICES:
            self.start_one(service)

    def start_one(self, service: str) -> None:
        """Start one that is not running, as after ``kill``."""
        self._logs.mkdir(parents=True, exist_ok=True)
        with self.log_of(service).open("ab") as log:
            self._processes[service] = subprocess.Popen(
                [sys.executable, "-m", f"services.{service}", "serve"],
                env=self._environment,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for us; we stop them in order
            )

    @property
    def urls(self) -> Mapping[str, str]:
        """Where each service answers."""
        host = f"[{self._settings.host}]" if ":" in self._settings.host else self._settings.host
        return {service: f"http://{host}:{self._settings.port_of(service)}" for service in SERVICES}

    def log_of(self, service: str) -> Path:
        """The file that a service logs to."""
        return self._logs / f"{service}.log"

    def check(self) -> None:
        """Raises ServiceFailed when one has ended."""
        for service, process in self._processes.items():
            if process.poll() is not None:
                tail = self.log_of(service).read_text(errors="replace").splitlines()[-15:]
                raise ServiceFailed(
                    f"{service} ended with {process.returncode}; {self.log_of(service)} ends:\n"
                    + "\n".join(tail)
                )

    async def wait_until_ready(self) -> None:
        """Return when all that were started answer that they are ready; raises ServiceFailed after a minute."""
        deadline = time.monotonic() + READY_SECONDS
        waiting = {service: self.urls[service] for service in self._processes}
        async with httpx.AsyncClient(timeout=10) as client:
            while waiting:
                self.check()
                for service, url in list(waiting.items()):
                    if await _is_ready(client, url):
                        del waiting[service]
                if waiting and time.monotonic() > deadline:
                    raise ServiceFailed(f"not ready after {READY_SECONDS:.0f} seconds: {', '.join(waiting)}")
                await asyncio.sleep(0.1)

    def kill(self, service: str) -> None:
        """End one at once (SIGKILL), as a crash would."""
        self._processes[service].kill()
        self._processes[service].wait()

    def stop(self) -> None:
        """Ask all to end (SIGTERM), and make those that do not."""
        for process in self._processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        for process in self._processes.values():
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._processes.clear()


def _environment(settings: Settings, server: str) -> dict[str, str]:
    """What a process has to be told to have these settings, whatever our own environment says."""
    told = {**settings.model_dump(), "database_url": server}
    named = {f"{PREFIX}{name.upper()}": "" if value is None else str(value) for name, value in told.items()}
    return {**os.environ, **named}


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


async def _is_ready(client: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await client.get(f"{url}/readyz")).status_code == 200
    except httpx.HTTPError:
        return False
