"""PostgreSQL's own programs: chosen by version, told a password by their environment alone, and listened to."""

from pathlib import Path

import pytest
from sqlalchemy import make_url

from deploy.operations import clients
from deploy.operations.clients import Client, OperationFailed, find_client, run

SERVER = make_url("postgresql+asyncpg://anna:open%20sesame@db.bank.example:5433/ledger")


def program(folder: Path, script: str) -> Client:
    path = folder / "pg_dump"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o700)
    return Client(path, 18)


async def test_a_password_is_never_on_a_command_line(tmp_path: Path) -> None:
    heard: list[str] = []
    told = program(tmp_path, 'printf "%s\\n" "$@" "password: $PGPASSWORD" >&2')
    await run(told, SERVER, ["--verbose"], heard.append)
    assert heard == [
        "--dbname=postgresql://anna@db.bank.example:5433/ledger",
        "--verbose",
        "password: open sesame",
    ]


async def test_a_program_that_fails_is_quoted_without_the_rows_around_it(tmp_path: Path) -> None:
    failing = program(
        tmp_path, 'echo "pg_dump: error: the disk is full" >&2; echo "CONTEXT: row 王小明" >&2; exit 1'
    )
    with pytest.raises(OperationFailed) as failure:
        await run(failing, SERVER, [], lambda _: None)
    assert str(failure.value) == "pg_dump: error: the disk is full"
    with pytest.raises(OperationFailed, match="pg_dump ended with 3"):
        await run(program(tmp_path, "exit 3"), SERVER, [], lambda _: None)


def test_the_oldest_program_that_is_new_enough_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    there = [Client(Path(f"/{major}/pg_dump"), major) for major in (18, 15, 16)]
    monkeypatch.setattr(clients, "_installed", lambda _: iter(there))
    assert find_client("pg_dump", 16).major == 16
    with pytest.raises(OperationFailed, match=r"pg_dump: version 19 or newer is needed.*found: 15, 16, 18"):
        find_client("pg_dump", 19)
