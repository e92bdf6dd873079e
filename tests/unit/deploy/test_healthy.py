"""The probe inside a container: it believes the service alone."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from deploy.local.healthy import is_well


class _Service(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(503 if self.path == "/readyz" else 200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Quietly."""


@pytest.fixture
def ledger(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with HTTPServer(("127.0.0.1", 0), _Service) as server:
        monkeypatch.setenv("DUALBOOK_BASE_PORT", str(server.server_port - 2))
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield
        server.shutdown()
        thread.join()


def test_a_service_is_well_when_it_says_so(ledger: None) -> None:
    assert is_well("ledger")
    assert not is_well("ledger", "readyz")
    assert not is_well("assignment"), "the neighbour's port says nothing of it"
