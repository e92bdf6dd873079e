"""The HTTP door behind a real server, in a process of its own: what only sockets and signals can show."""

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared.infrastructure.auth import Role, issue_token

PROGRAM = """
import asyncio, sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated
from fastapi import APIRouter, Depends, Request
from shared.infrastructure.auth import Authenticator, Principal, allow
from shared.infrastructure.http import create_app, serve
from shared.infrastructure.logging import configure_logging
from shared.infrastructure.settings import Settings

router = APIRouter(prefix="/v1")

@router.get("/slow")
async def slow(who: Annotated[Principal, Depends(allow())]) -> str:
    await asyncio.sleep(1.0)
    return "done"

@router.post("/body")
async def body(request: Request) -> int:
    return len(await request.body())

@router.get("/bug")
async def bug() -> None:
    raise RuntimeError("a bug")

@asynccontextmanager
async def lifespan(app):
    yield
    print("stopped in order", flush=True)

async def readiness(): return {}
async def lag(): return {}

settings = Settings(data=Path(sys.argv[1]), log_level="info")
configure_logging("ledger", settings.log_level)
app = create_app(service="ledger", title="Ledger", description="", version="1", settings=settings,
                 authenticator=Authenticator(settings), routers=[router], lifespan=lifespan,
                 readiness=readiness, lag=lag, largest_body=4096)
serve(app, settings.host, int(sys.argv[2]))
"""


class Server:
    def __init__(self, data: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(data), str(self.port)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + 30
        while True:
            try:
                assert httpx.get(f"{self.url}/readyz").status_code == 200
            except httpx.TransportError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
            else:
                return

    def stop(self) -> tuple[str, list[dict[str, Any]]]:
        """Standard output, and the lines logged."""
        self.process.send_signal(signal.SIGTERM)
        output, errors = self.process.communicate(timeout=20)
        return output, [json.loads(line) for line in errors.splitlines()]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path)
    try:
        server.wait_until_ready()
        yield server
    finally:
        server.process.kill()
        server.process.communicate()


def raw(server: Server, request: bytes) -> bytes:
    """What comes back before the server closes the connection."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(request)
        received = b""
        while part := connection.recv(65536):
            received += part
        return received


def test_on_a_stop_signal_running_requests_end_and_no_secret_was_logged(
    server: Server, tmp_path: Path
) -> None:
    token = issue_token(tmp_path, [Role.CORE], "core-1")
    headers = {"Authorization": f"Bearer {token}"}
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(httpx.get, f"{server.url}/v1/slow", headers=headers, timeout=10)
        time.sleep(0.4)
        output, lines = server.stop()
        response = slow.result()
    assert response.json() == "done"
    assert "server" not in response.headers
    assert output == "stopped in order\n"
    [line] = [line for line in lines if line.get("route") == "/v1/slow"]
    assert line["actor"] == "core-1"
    assert line["request_id"] == response.headers["x-request-id"]
    assert {line["service"] for line in lines} == {"ledger"}
    assert token not in str(lines)
    assert not any("access" in str(line.get("logger")) for line in lines)


def test_a_body_too_large_ends_the_connection_instead_of_being_read(server: Server) -> None:
    announced = raw(server, b"POST /v1/body HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\nabc")
    assert announced.startswith(b"HTTP/1.1 413 ")
    assert b"application/problem+json" in announced

    chunk = b"1000\r\n" + b"x" * 0x1000 + b"\r\n"
    counted = raw(
        server, b"POST /v1/body HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk * 3
    )
    assert counted.startswith(b"HTTP/1.1 413 ")


def test_an_unexpected_error_is_logged_once_and_the_connection_lives_on(server: Server) -> None:
    with httpx.Client(base_url=server.url) as client:
        response = client.get("/v1/bug")
        assert response.status_code == 500
        assert client.get("/healthz").status_code == 200
    _, lines = server.stop()
    [line] = [line for line in lines if line["level"] == "error"]
    assert "RuntimeError: a bug" in line["exception"]
    assert line["request_id"] == response.headers["x-request-id"]


def test_a_port_in_use_ends_the_process_with_an_error(server: Server, tmp_path: Path) -> None:
    second = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path), str(server.port)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert second.returncode != 0
    assert "address already in use" in second.stderr
