"""The command line against running services, on either log: a file written, brought in, and brought in again."""

import subprocess
from pathlib import Path

import pytest

from deploy.local.events_file import read_events
from shared.contracts.core_banking import CORE_EVENTS
from shared.infrastructure.settings import SERVICES
from tests.end_to_end.simulated import by_hand, check_lines
from tests.support.system import System, months

pytestmark = pytest.mark.timeout(600)

MONTHS = months("2031-01", "2031-03")
"""Later than what other tests book in the systems that they share."""


def said(done: "subprocess.CompletedProcess[str]") -> str:
    """What a command that went well has said."""
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


async def test_a_file_of_events_is_booked_as_by_hand_and_changes_nothing_the_second_time(
    system: System, tmp_path: Path
) -> None:
    file = tmp_path / "facts.ndjson.gz"
    bank = ("--managers", "4", "--customers", "25", "--start", "2031-01-01", "--months", "3")
    written = said(await system.dualbook("simulate", "--to", "file", "--file", str(file), *bank))
    events = list(read_events(file))
    core = sum(event.type in CORE_EVENTS for event in events)
    assert written.startswith(f"{len(events):,} events written to ")

    first = said(await system.dualbook("import", "events", str(file)))
    assert f"{len(events) - core:,} registrations and {core:,} core events delivered." in first
    assert "The books balance to the fen in every month." in first
    await system.settle()
    found = await system.figures(MONTHS)
    check_lines(found, by_hand(events), MONTHS)

    heads = {service: await system.heads(service) for service in SERVICES}
    again = said(await system.dualbook("import", "events", str(file), "--via", "http"))
    assert f"Accepted 0, duplicate {core:,}, rejected 0." in again
    await system.settle()
    assert {service: await system.heads(service) for service in SERVICES} == heads
    assert await system.figures(MONTHS) == found


async def test_a_token_of_the_command_opens_what_its_role_may_see_and_nothing_else(
    embedded_system: System,
) -> None:
    system = embedded_system
    token = said(await system.dualbook("token", "--role", "auditor", "--sub", "otto")).strip()
    client = system.client("ledger")
    headers = {"Authorization": f"Bearer {token}"}
    read = await client.get("/v1/reconciliation?period=2031-01", headers=headers)
    assert (read.status_code, read.json()["balanced"]) == (200, True)
    assert (await client.put("/v1/policies/2031-01", json={}, headers=headers)).status_code == 403
    assert (await client.get("/v1/reconciliation?period=2031-01")).status_code == 401


async def test_a_command_that_cannot_do_its_work_says_why_in_a_line(
    embedded_system: System, tmp_path: Path
) -> None:
    missing, empty = tmp_path / "missing.ndjson", tmp_path / "empty.ndjson"
    empty.touch()
    no_services = {"DUALBOOK_BASE_PORT": "1"}
    no_database = {"DUALBOOK_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/postgres"}
    for arguments, environment, words in (
        (("import", "events", str(missing)), {}, str(missing)),
        (("import", "events", str(empty)), no_services, "start the services first (dualbook run)"),
        (("import", "berka", str(tmp_path)), {}, "district.asc: cannot be read in"),
        (("verify", "ledgers"), {}, "ledgers is none of assignment, ledger, appraisal"),
        (("verify",), no_database, "Connect call failed"),
    ):
        done = await embedded_system.dualbook(*arguments, **environment)
        assert done.returncode == 2, done.stdout + done.stderr
        assert done.stderr.startswith("dualbook: ")
        assert words in done.stderr
        assert "Traceback" not in done.stderr
