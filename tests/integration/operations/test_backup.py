"""Backup and restore: taken from services at work, brought onto an empty server, and nothing lost or doubled."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import text

from deploy.local.simulator import simulate
from deploy.operations import backup as backing_up
from deploy.operations import clients, cut
from deploy.operations import restore as restoring
from deploy.operations.backup import UNFINISHED, backup
from deploy.operations.clients import Client, OperationFailed
from deploy.operations.copying import load
from deploy.operations.cut import Snapshot
from deploy.operations.maintenance import databases_of, maintenance
from deploy.operations.manifest import DATABASES, MANIFEST, Manifest
from deploy.operations.restore import restore
from shared.contracts.core_banking import CORE_EVENTS
from shared.infrastructure.database import Database, ensure_database
from shared.infrastructure.embedded_postgres import EmbeddedPostgres
from shared.infrastructure.settings import SERVICES
from tests.integration.operations.conftest import empty
from tests.integration.operations.installation import (
    SETTINGS,
    at_work,
    heads_on,
    nothing_lost_or_doubled,
    verified,
)
from tests.support.system import Figures

FACTS = list(simulate(3, managers=3, customers=8, start=date(2026, 7, 1), months=2))
PERIODS = ("2026-07", "2026-08")


@dataclass
class Taken:
    """A backup, what is known of the moment, and what the installation said in the end."""

    folder: Path
    manifest: Manifest
    figures: Figures


@pytest.fixture(scope="module")
async def taken(servers: list[object], tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Taken]:
    """A backup of an installation that is given its facts meanwhile, with time for everybody to move on."""
    server, folder = servers[0].url, tmp_path_factory.mktemp("backups") / "first"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cut, "_snapshot", _slowly(cut._snapshot))
        async with at_work(server) as bank:
            third = len(FACTS) // 3
            await bank.feed(FACTS[:third])
            writing = asyncio.create_task(bank.feed(FACTS[third:], rate=60))
            manifest = await backup(SETTINGS, server, folder)
            assert not writing.done(), "the backup must be done while it is worked"
            await writing
            await bank.settle()
            figures = await bank.figures(PERIODS)
    yield Taken(folder, manifest, figures)
    await empty(server)


def _slowly(take: object) -> object:
    @asynccontextmanager
    async def snapshot(name: str, database: Database) -> AsyncIterator[Snapshot]:
        async with take(name, database) as taken:  # type: ignore[operator]
            await asyncio.sleep(0.4)
            yield taken

    return snapshot


@dataclass
class Copy:
    """A copy of the backup that a test may spoil."""

    folder: Path

    def any_file(self) -> Path:
        return min((self.folder / "ledger").glob("*.dat*"))


@pytest.fixture
def copy(taken: Taken, tmp_path: Path) -> Copy:
    return Copy(Path(shutil.copytree(taken.folder, tmp_path / "copy")))


async def refused(server: str, folder: Path) -> str:
    """Why the restore does not begin; nothing is on the server then."""
    with pytest.raises(OperationFailed) as refusal:
        await restore(SETTINGS, server, folder)
    assert not set(DATABASES) & set(await names_on(server))
    return str(refusal.value)


async def names_on(server: str) -> list[str]:
    async with maintenance(server) as connection:
        return list(await databases_of(connection))


async def test_a_damaged_or_missing_file_is_named(copy: Copy, empty_machine: str) -> None:
    spoilt = copy.any_file()
    whole = spoilt.read_bytes()
    spoilt.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    said = await refused(empty_machine, copy.folder)
    assert said == f"{spoilt}: is not what was backed up; the backup cannot be used"
    spoilt.unlink()
    assert await refused(empty_machine, copy.folder) == f"{spoilt}: is missing; the backup cannot be used"
    spoilt.write_bytes(whole)
    (copy.folder / "ledger" / "stranger").touch()
    assert "stranger: is not what was backed up" in await refused(empty_machine, copy.folder)


async def test_a_manifest_that_was_touched_is_refused_naming_the_field(
    copy: Copy, empty_machine: str
) -> None:
    manifest = copy.folder / MANIFEST
    manifest.write_text(manifest.read_text().replace('"log":"embedded"', '"log":"paper"', 1))
    manifest.write_text(manifest.read_text().replace('"log": "embedded"', '"log": "paper"', 1))
    assert f"{manifest}: log: " in await refused(empty_machine, copy.folder)
    manifest.unlink()
    assert "is no backup, or half of one" in await refused(empty_machine, copy.folder)


async def test_versions_that_do_not_fit_are_refused(
    copy: Copy, empty_machine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = copy.folder / MANIFEST
    written = manifest.read_text()

    def change(**parts: object) -> None:
        changed = orjson.loads(written)
        changed["databases"]["ledger"].update(parts)
        manifest.write_bytes(orjson.dumps(changed))

    change(migrations=["ledger_2099_01_01"])
    said = await refused(empty_machine, copy.folder)
    assert said.startswith(
        "ledger: the backup is of a newer version, which made ledger_2099_01_01: restore it"
    )
    change(server=99)
    said = await refused(empty_machine, copy.folder)
    assert said.startswith("the backup is of PostgreSQL 99, and the server is older (")
    manifest.write_text(written)
    monkeypatch.setattr(clients, "_installed", lambda program: iter([]))
    said = await refused(empty_machine, copy.folder)
    assert "pg_restore: version" in said
    assert "found: none. Install PostgreSQL's client programs" in said


async def test_half_a_backup_is_begun_anew_and_a_whole_one_is_never_touched(
    taken: Taken,
    empty_machine: str,
    servers: list[EmbeddedPostgres],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(
        OperationFailed, match="there is no database assignment, ledger, appraisal, event_log"
    ):
        await backup(SETTINGS, empty_machine, tmp_path / "nothing")
    machine = servers[0].url  # with the databases that were backed up, at rest
    folder = tmp_path / "backup"

    async def breaks_off(*_: Any) -> None:
        raise OperationFailed("the disk is full")

    monkeypatch.setattr(backing_up, "dump", breaks_off)
    with pytest.raises(OperationFailed, match="the disk is full"):
        await backup(SETTINGS, machine, folder)
    assert (folder / UNFINISHED).exists()
    monkeypatch.undo()
    (folder / "ledger").mkdir()
    (folder / "ledger" / "left.dat").touch()
    manifest = await backup(SETTINGS, machine, folder)
    assert "ledger/left.dat" not in manifest.files
    assert not (folder / UNFINISHED).exists()
    with pytest.raises(OperationFailed, match="holds a whole backup already"):
        await backup(SETTINGS, machine, folder)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").touch()
    with pytest.raises(OperationFailed, match="must be empty, or hold half a backup"):
        await backup(SETTINGS, machine, tmp_path / "mine")
    assert oct(folder.stat().st_mode & 0o777) == "0o700"


@dataclass
class Restored:
    """A server with the restored backup, after a restore that broke off: what that had copied, and left behind."""

    server: str
    copied: list[str]
    left: list[str]


@pytest.fixture(scope="module")
async def restored(taken: Taken, servers: list[EmbeddedPostgres]) -> AsyncIterator[Restored]:
    server, copied = servers[1].url, list[str]()
    await ensure_database(server, "assignment")  # as an administrator makes it

    async def breaks_off(client: Client, database: Database, folder: Path, *more: Any) -> None:
        if len(copied) == 2:
            raise ConnectionResetError("the plug was pulled")
        copied.append(folder.name)
        await load(client, database, folder, *more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(restoring, "load", breaks_off)
        with pytest.raises(ConnectionResetError):
            await restore(SETTINGS, server, taken.folder)
    left = [name for name in await names_on(server) if name in DATABASES]
    assert await restore(SETTINGS, server, taken.folder) == taken.manifest
    yield Restored(server, copied, left)
    await empty(server)


async def test_a_restore_that_broke_off_leaves_nothing_to_work_with_and_is_run_again(
    taken: Taken, restored: Restored
) -> None:
    assert len(restored.copied) == 2
    assert restored.left == ["assignment"]
    assert not [name for name in await names_on(restored.server) if name.endswith("_restoring")]
    assert await heads_on(restored.server) == {
        name: {shard: (head.position, head.hash) for shard, head in part.shards.items()}
        for name, part in taken.manifest.databases.items()
        if name in SERVICES
    }
    assert await verified(restored.server) == dict.fromkeys(SERVICES)


async def test_data_on_the_server_is_never_overwritten(taken: Taken, restored: Restored) -> None:
    before = await heads_on(restored.server)
    assert await restore(SETTINGS, restored.server, taken.folder) == taken.manifest
    async with maintenance(restored.server) as connection:
        await connection.execute(text("COMMENT ON DATABASE ledger IS 'of another bank'"))
    with pytest.raises(OperationFailed, match="database ledger holds data already"):
        await restore(SETTINGS, restored.server, taken.folder)
    assert await heads_on(restored.server) == before


async def test_restored_services_go_on_with_nothing_lost_or_doubled(taken: Taken, restored: Restored) -> None:
    async with at_work(restored.server) as bank:
        await bank.settle()
        await nothing_lost_or_doubled(bank)
        booked = await bank.ids("ledger", "EntryBooked")
        assert len(booked) < sum(event.type in CORE_EVENTS for event in FACTS)
        await bank.feed(FACTS)  # all over again, as their producers would
        await bank.settle()
        assert await bank.figures(PERIODS) == taken.figures
        assert await bank.verify() == dict.fromkeys(SERVICES)
