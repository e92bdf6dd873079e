"""From the first version to this one, with data that the first version wrote; and back, by the backup before it.

``golden/first`` holds all rows of an installation of the version whose newest migrations are ``FIRST``, as that version
wrote them for the facts beside them.
"""

import asyncio
import shutil
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import text

from deploy.local.definitions import DEFINITIONS
from deploy.local.events_file import read_events
from deploy.operations.backup import backup
from deploy.operations.clients import OperationFailed
from deploy.operations.maintenance import migrations_of
from deploy.operations.restore import restore
from deploy.operations.status import states
from deploy.operations.upgrade import Upgraded, upgrade
from shared.infrastructure import service_command
from shared.infrastructure.database import Database, driver_of, ensure_database, url_of
from shared.infrastructure.migrate import NewerSchema, migrate
from shared.infrastructure.settings import SERVICES
from tests.integration.operations.installation import SETTINGS, Installation, at_work, heads_on, verified
from tests.support.system import BOOKS

GOLDEN = Path(__file__).parent / "golden" / "first"
FACTS = list(read_events(GOLDEN / "facts.ndjson"))
STATED = orjson.loads((GOLDEN / "statements.json").read_bytes())
"""What the first version said."""
FIRST = {
    "assignment": ("2026_11_23_event_store.py", "2026_11_23_portfolios.py"),
    "ledger": ("2026_11_23_event_store.py", "2026_11_23_books.py"),
    "appraisal": ("2026_11_23_event_store.py", "2026_11_23_results.py"),
    "event_log": ("2026_11_23_embedded_log.py",),
}


@pytest.fixture
async def first_version(machine: str, tmp_path: Path) -> str:
    """A server as the first version left it."""
    for name, locations in migrations_of(SETTINGS).items():
        (tmp_path / name).mkdir()
        for location in locations:
            for file in {path.name for path in location.iterdir()} & set(FIRST[name]):
                shutil.copy(location / file, tmp_path / name / file)
        await ensure_database(machine, name)
        database = Database(url_of(machine, name), name="first-version", pool_size=1)
        await migrate(database, [tmp_path / name])
        await _fill(database, (GOLDEN / f"{name}.sql").read_text())
        await database.close()
    return machine


async def _fill(database: Database, rows: str) -> None:
    async with database.begin() as connection:
        if "INSERT INTO shard " in rows:  # which the migration has filled with places at the beginning
            await connection.execute(text("DELETE FROM shard"))
            await connection.execute(text("DELETE FROM relay_position"))
        await (await driver_of(connection)).execute(rows)


async def stated(bank: Installation) -> dict[str, Any]:
    """The lines of every centre that are not zero, by month and book; the ledger says that both books agree."""
    found = await bank.figures(STATED)
    assert all(found[month]["reconciliation"]["balanced"] for month in STATED)
    return {
        month: {
            book: {
                centre: {line: amount for line, amount in one["lines"].items() if amount != "0.00"}
                for centre, one in found[month][book].items()
            }
            for book in BOOKS
        }
        for month in STATED
    }


async def test_data_of_the_first_version_is_upgraded_worked_on_and_restored_for_a_rollback(
    first_version: str, empty_machine: str, tmp_path: Path
) -> None:
    before = await heads_on(first_version)
    behind = {state.name: state.schema for state in await states(SETTINGS, first_version)}
    assert behind["ledger"].endswith("migrations behind")
    await backup(SETTINGS, first_version, tmp_path / "before")

    done = await upgraded(first_version)
    events = {name: sum(position for position, _ in places.values()) for name, places in before.items()}
    assert done == [
        *(Upgraded(name, behind[name], events[name]) for name in SERVICES),
        Upgraded("event_log", behind["event_log"]),
    ]
    assert all(state.fine for state in await states(SETTINGS, first_version))
    assert await heads_on(first_version) == before
    async with at_work(first_version) as bank:
        await bank.settle()
        assert await stated(bank) == STATED
        await bank.feed(FACTS)  # which it knows
        await bank.settle()
        assert await stated(bank) == STATED
        closed = await bank.services["ledger"].admin.post("/v1/periods/2026-07/close")
        assert closed.status_code == 200, closed.text
        await bank.settle()
        assert await bank.verify() == dict.fromkeys(SERVICES)
        await _mark(first_version, "ledger_2026_11_23_close")
        with pytest.raises(
            OperationFailed, match="dualbook-appraisal, dualbook-assignment, dualbook-ledger is at"
        ):
            await upgraded(first_version)

    await restore(SETTINGS, empty_machine, tmp_path / "before")
    assert await heads_on(empty_machine) == before
    assert {state.name: state.schema for state in await states(SETTINGS, empty_machine)} == behind


async def upgraded(server: str) -> list[Upgraded]:
    return [one async for one in upgrade(SETTINGS, server)]


async def _mark(server: str, revision: str) -> None:
    """Make the ledger's schema look like that of another version."""
    database = Database(url_of(server, "ledger"), name="administrator", pool_size=1)
    async with database.begin() as connection:
        await connection.execute(
            text("UPDATE alembic_version SET version_num = :revision WHERE version_num LIKE 'ledger_%'"),
            {"revision": revision},
        )
    await database.close()


async def test_a_service_that_starts_on_older_data_rebuilds_its_views_before_it_works(
    first_version: str,
) -> None:
    for name, finding in (await verified(first_version)).items():  # which only migrates before it looks
        assert str(finding) == "views are older than the schema: run dualbook upgrade", name
    for define in DEFINITIONS.values():
        await asyncio.to_thread(service_command.migrate, define, SETTINGS, first_version)
    assert await verified(first_version) == dict.fromkeys(SERVICES)


async def test_the_version_before_does_not_start_on_a_newer_schema(machine: str) -> None:
    await upgraded(machine)
    await _mark(machine, "ledger_2099_01_01")
    message = "database ledger is newer than this version, which does not know ledger_2099_01_01"
    with pytest.raises(NewerSchema, match=message):
        await asyncio.to_thread(service_command.migrate, DEFINITIONS["ledger"], SETTINGS, machine)
    with pytest.raises(NewerSchema, match=message):
        await upgraded(machine)
    [ledger] = [state for state in await states(SETTINGS, machine) if state.name == "ledger"]
    assert (ledger.fine, ledger.newer) == (False, True)
