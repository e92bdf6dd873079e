"""PostgreSQL's own client programs: found, run and listened to. A password reaches them by their environment only."""

import asyncio
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sqlalchemy import URL

from shared.infrastructure.embedded_postgres import program_folders

Program = Literal["pg_dump", "pg_restore"]

JOBS = max(2, min(4, os.cpu_count() or 1))
"""Tables copied at once. Never fewer than two: only then do the programs say which table is done."""

_VERSION = re.compile(r"\(PostgreSQL\) (\d+)")
_MOST_REASONS = 5


class OperationFailed(Exception):
    """An operation cannot be done, or was not; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Client:
    """A program and its major version."""

    path: Path
    major: int


def find_client(program: Program, at_least: int) -> Client:
    """The oldest program of at least this major version: a newer one may say what an older server does not know.

    Looked for in PATH, and in what comes with the embedded PostgreSQL. Raises OperationFailed.
    """
    found = sorted(_installed(program), key=lambda client: client.major)
    for client in found:
        if client.major >= at_least:
            return client
    there = ", ".join(str(client.major) for client in found) or "none"
    raise OperationFailed(
        f"{program}: version {at_least} or newer is needed, as the server or the backup is of that version; "
        f"found: {there}. Install PostgreSQL's client programs and put them into PATH"
    )


def _installed(program: Program) -> Iterator[Client]:
    in_path = shutil.which(program)
    for path in ([Path(in_path)] if in_path else []) + [folder / program for folder in program_folders()]:
        if path.exists():
            said = subprocess.run(
                [path, "--version"], capture_output=True, text=True, timeout=30, check=False
            )
            version = _VERSION.search(said.stdout)
            if version is not None:
                yield Client(path, int(version[1]))


def connection_of(url: URL) -> tuple[str, dict[str, str]]:
    """How a program is told where to connect: an address without the password, and the environment that has it."""
    # `set` would keep the password, as it takes None for what is not to be changed
    address = URL.create("postgresql", url.username, None, url.host, url.port, url.database, url.query)
    secret = {"PGPASSWORD": str(url.password)} if url.password else {}
    return address.render_as_string(), {**os.environ, **secret, "LC_ALL": "C"}


async def run(client: Client, url: URL, arguments: Sequence[str], on_line: Callable[[str], None]) -> None:
    """Run the program on a database; ``on_line`` hears what it says. Raises OperationFailed with its reasons.

    It ends with us: cancelled, we stop it.
    """
    address, environment = connection_of(url)
    process = await asyncio.create_subprocess_exec(
        client.path,
        f"--dbname={address}",
        *arguments,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is for us; we stop it in order
    )
    reasons: list[str] = []
    try:
        assert process.stderr is not None
        async for line in process.stderr:
            said = line.decode(errors="replace").strip()
            on_line(said)
            if " error: " in said:  # the lines around it may show rows
                reasons.append(said)
        await process.wait()
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
    if process.returncode:
        raise OperationFailed(
            "; ".join(reasons[:_MOST_REASONS]) or f"{client.path.name} ended with {process.returncode}"
        )
