"""Copying a database into a folder, and out of it again: several tables at once, compressed, with progress."""

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from sqlalchemy import text

from deploy.operations.clients import JOBS, Client, run
from shared.infrastructure.database import Database

_FINISHED = re.compile(r"finished item \d+ (?:TABLE DATA|INDEX|CONSTRAINT) (.+)$")
_UNDER_WAY = text(
    "SELECT relid::regclass::text AS relation, bytes_processed FROM pg_stat_progress_copy "
    "WHERE datname = current_database()"
)
_LOOK_SECONDS = 0.5
_STATE_OF_THE_MACHINE = ("operation",)
"""Tables whose rows speak of this machine's own work; on another they would be untrue."""

Tell = Callable[[int, int], None]
"""Called with bytes done and bytes in all, as the relations take them in the server."""


class _Copied:
    """How many bytes are copied: relations that are finished, and parts of those under way."""

    def __init__(self, sizes: Mapping[str, int], tell: Tell) -> None:
        self._sizes = sizes
        self._tell = tell
        self._finished: set[str] = set()
        self._under_way: Mapping[str, int] = {}

    def hear(self, line: str) -> None:
        finished = _FINISHED.search(line)
        if finished is not None:
            self._finished.add(finished[1].split()[-1])  # a constraint is named behind its table
            self._say()

    async def look(self, database: Database) -> None:
        """Look at tables under way until cancelled. A look that fails is none: the copying is what matters."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            with suppress(Exception):
                async with database.read() as connection:
                    rows = await connection.execute(_UNDER_WAY)
                    self._under_way = {row.relation: row.bytes_processed for row in rows}
                self._say()

    def _say(self) -> None:
        done = sum(size for name, size in self._sizes.items() if name in self._finished)
        under_way = self._under_way.items()
        done += sum(
            min(part, self._sizes.get(name, 0)) for name, part in under_way if name not in self._finished
        )
        self._tell(done, sum(self._sizes.values()))


async def dump(
    client: Client, database: Database, snapshot: str, folder: Path, sizes: Mapping[str, int], tell: Tell
) -> None:
    """Write the database into a new folder, as the exported snapshot sees it. ``sizes``: its tables."""
    arguments = [f"--snapshot={snapshot}", f"--file={folder}"]
    arguments += [f"--exclude-table-data=public.{table}" for table in _STATE_OF_THE_MACHINE]
    await _copy(client, database, arguments, sizes, tell)


async def load(
    client: Client, database: Database, folder: Path, sizes: Mapping[str, int], tell: Tell
) -> None:
    """Read a folder into an empty database, ours from then on. ``sizes``: its tables and indexes."""
    await _copy(client, database, ["--no-owner", "--exit-on-error", str(folder)], sizes, tell)


async def _copy(
    client: Client, database: Database, arguments: Sequence[str], sizes: Mapping[str, int], tell: Tell
) -> None:
    copied = _Copied(sizes, tell)
    looking = asyncio.create_task(copied.look(database))
    try:
        common = ["--format=directory", f"--jobs={JOBS}", "--verbose", "--no-password"]
        await run(client, database.url, [*common, *arguments], copied.hear)
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
