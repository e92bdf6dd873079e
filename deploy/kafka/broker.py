"""One Apache Kafka broker as a child process: broker and controller in one (KRaft), on loopback."""

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from deploy.kafka.jars import install
from deploy.kafka.java import BrokerError, ClassArchive, java_command
from deploy.kafka.readiness import cluster_served_at
from deploy.kafka.storage import format_storage, formatted_cluster, last_lines, new_log_file, write_properties

__all__ = ["Broker", "BrokerError", "install"]

# Below the range from which the operating system takes the ports of outgoing connections. A broker that is
# down could otherwise lose its port to a client, even to the one that is trying to reach it.
BROKER_PORTS: Final = range(20_000, 25_000)
CONTROLLER_PORTS: Final = range(25_000, 30_000)

# How a JVM ends after SIGTERM, once everything it does at its end is done.
_ENDED_IN_ORDER: Final = 128 + signal.SIGTERM

# Linux ends a child with the *thread* that started it. Brokers are therefore started by a thread that lives
# as long as this process, not by the caller's, which may belong to an event loop that is closed earlier.
_starter: Final = ThreadPoolExecutor(max_workers=1, thread_name_prefix="kafka-starter")


class Broker:
    """A broker that can be stopped, killed and started again on the same data and the same port.

    Every call blocks until it is done; a coroutine calls it through `asyncio.to_thread`.
    """

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._data: Path | None = None
        self._port = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._archive: ClassArchive | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        if self._process is None or not self.running:
            raise BrokerError("the broker is not running")
        return self._process.pid

    @property
    def port(self) -> int:
        if self._port == 0:
            raise BrokerError("the broker has not been started yet")
        return self._port

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(
        self, data: Path, port: int = 0, controller_port: int = 0, timeout_seconds: float = 60.0
    ) -> Self:
        """Start on `data`, formatted when new, and return once the broker serves. Port 0 is any free one."""
        if self.running:
            raise BrokerError(f"the broker is running already, as process {self.pid}")
        jars = install(self._cache)
        data = data.resolve()
        data.mkdir(parents=True, exist_ok=True)
        self._data, self._port = data, _free_port(port, BROKER_PORTS)
        properties = write_properties(data, self._port, _free_port(controller_port, CONTROLLER_PORTS))
        cluster = formatted_cluster(data) or format_storage(jars, properties)
        self._archive = ClassArchive(jars)
        command = java_command(jars, self._archive.reading_or_writing(), "kafka.Kafka", os.fspath(properties))
        try:
            log_file = new_log_file(data)
            with log_file.open("wb") as output:
                self._process = _spawn(command, output.fileno())
            self._wait_until_it_serves(self._process, cluster, log_file, timeout_seconds)
        except BaseException:
            self.kill()
            raise
        return self

    def start_again(self) -> Self:
        """After `stop` or `kill`: the same data, the same port."""
        if self._data is None:
            raise BrokerError("the broker has not been started yet")
        return self.start(self._data, self._port)

    def stop(self, timeout_seconds: float = 30.0) -> None:
        """End in good order, or by force when that takes too long; nothing to do when no broker runs."""
        if self._process is None or self._archive is None:
            return
        self._process.terminate()
        try:
            self._process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            return
        if self._process.returncode == _ENDED_IN_ORDER:
            self._archive.keep()
        else:
            self._archive.discard()
        self._process = None

    def kill(self) -> None:
        """End at once (SIGKILL), as a crash would; nothing to do when no broker runs."""
        if self._process is None or self._archive is None:
            return
        self._process.kill()
        self._process.wait()
        self._process = None
        self._archive.discard()

    def _wait_until_it_serves(
        self, process: subprocess.Popen[bytes], cluster: str, log_file: Path, timeout_seconds: float
    ) -> None:
        deadline = time.monotonic() + timeout_seconds
        while cluster_served_at(self._port) != cluster:
            if process.poll() is not None:
                problem = f"ended with exit code {process.returncode} before it served"
            elif time.monotonic() > deadline:
                problem = f"did not serve within {timeout_seconds:g} s"
            else:
                time.sleep(0.05)
                continue
            raise BrokerError(f"the broker {problem}; the end of {log_file}:\n{last_lines(log_file)}")


def _spawn(command: list[str], output: int) -> subprocess.Popen[bytes]:
    """Start the broker in a session of its own: Ctrl-C reaches only this process, which then stops it.

    On Linux the broker ends by itself when this process dies first; `setpriv` (util-linux) asks for that.
    """
    setpriv = shutil.which("setpriv") if sys.platform == "linux" else None
    if setpriv is not None:
        command = [setpriv, "--pdeathsig", "TERM", *command]

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )

    return _starter.submit(start).result()


def _free_port(wanted: int, choice: range) -> int:
    """The wanted port, or for 0 a free one, at random, since nobody holds it until the broker listens."""
    if wanted != 0:
        if not _is_free(wanted):
            raise BrokerError(
                f"port {wanted} of 127.0.0.1 is taken: end what listens there, or use another port"
            )
        return wanted
    for port in random.SystemRandom().sample(choice, 100):
        if _is_free(port):
            return port
    raise BrokerError(f"no free port was found from {choice.start} to {choice.stop}")


def _is_free(port: int) -> bool:
    """Whether one can listen on the port; like the broker, look past connections that are still closing."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
