"""Operations: others see how far they are while they work, how they ended, and when one was broken off."""

import asyncio
from typing import Any

import pytest
from prometheus_client import REGISTRY

from shared.infrastructure import operations
from shared.infrastructure.database import Database
from shared.infrastructure.operations import EVERYWHERE, operation, read_operations
from shared.infrastructure.replay import replay, verify
from shared.kernel.errors import Refusal
from tests.support.aggregate import HISTORY, VIEWS, Put, rows_of, wish, work
from tests.support.logs import eventually


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test waits for longer than it must."""
    monkeypatch.setattr(operations, "BEAT_SECONDS", 0.01)


async def record(jars: Database, name: str) -> tuple[Any, ...]:
    [row] = await rows_of(
        jars, "SELECT outcome, done, total, finding FROM operation WHERE name = :name", name=name
    )
    return row


async def shown(jars: Database, name: str) -> dict[str, float | None]:
    """What the metrics say of an operation."""
    async with jars.read() as connection:
        await read_operations("jars", connection)
    labels = {"service": "jars", "operation": name}
    figures = ("running", "failed", "progress_ratio")
    return {figure: REGISTRY.get_sample_value(f"dualbook_operation_{figure}", labels) for figure in figures}


def succeeded(name: str) -> float | None:
    labels = {"service": "jars", "operation": name}
    return REGISTRY.get_sample_value("dualbook_operation_last_success_timestamp_seconds", labels)


async def test_others_see_how_far_an_operation_is_while_its_transaction_is_open(jars: Database) -> None:
    heard = []
    async with operation(jars, "backup", lambda *said: heard.append(said)) as running, jars.begin():
        running.progress(3, 12)

        async def told() -> bool:
            return await record(jars, "backup") == ("running", 3, 12, None)

        await eventually(told)
        assert await shown(jars, "backup") == {"running": 1, "failed": 0, "progress_ratio": 0.25}
        assert succeeded("backup") == 0
    assert heard == [(3, 12)]
    assert await record(jars, "backup") == ("ok", 3, 12, None)
    assert await shown(jars, "backup") == {"running": 0, "failed": 0, "progress_ratio": 1}
    [(ended,)] = await rows_of(jars, "SELECT extract(epoch FROM ended_at)::float FROM operation")
    assert succeeded("backup") == ended


@pytest.mark.parametrize(
    ("error", "finding"),
    [
        (Refusal("months-close-in-order", "period", "2026-07 is next"), "period: 2026-07 is next"),
        (ValueError("Zhang San's account"), "ValueError"),
        (asyncio.CancelledError(), "interrupted"),
    ],
)
async def test_an_operation_that_raises_has_failed_and_when_it_succeeded_last_is_remembered(
    jars: Database, error: BaseException, finding: str
) -> None:
    async with operation(jars, "backup"):
        pass
    await shown(jars, "backup")
    before = succeeded("backup")

    async def work_and_raise() -> None:
        async with operation(jars, "backup") as running:
            running.progress(1, 2)
            raise error

    with pytest.raises(type(error)):
        await work_and_raise()
    outcome, done, total, found = await record(jars, "backup")
    assert (outcome, done, total) == ("failed", 1, 2)
    assert found.startswith(finding)
    assert "Zhang" not in found
    assert await shown(jars, "backup") == {"running": 0, "failed": 1, "progress_ratio": 0.5}
    assert succeeded("backup") == before


async def test_a_failure_stands_until_the_next_run_is_at_a_good_end(jars: Database) -> None:
    async with operation(jars, "backup") as running:
        running.failed("the disk is full")
    assert await record(jars, "backup") == ("failed", 0, 0, "the disk is full")
    async with operation(jars, "backup"):
        assert await shown(jars, "backup") == {"running": 1, "failed": 1, "progress_ratio": 0}
    assert await shown(jars, "backup") == {"running": 0, "failed": 0, "progress_ratio": 1}


async def test_an_operation_that_fell_silent_is_not_running_and_has_failed(jars: Database) -> None:
    async with jars.begin() as connection:
        await connection.exec_driver_sql(
            "INSERT INTO operation (name, done, total, outcome, updated_at) "
            f"VALUES ('backup', 1, 4, 'running', now() - interval '{operations.SILENT_SECONDS + 1} seconds')"
        )
    assert await shown(jars, "backup") == {"running": 0, "failed": 1, "progress_ratio": 0.25}


async def test_what_never_ran_is_shown_as_such(jars: Database) -> None:
    for name in EVERYWHERE:
        assert await shown(jars, name) == {"running": 0, "failed": 0, "progress_ratio": 0}
        assert succeeded(name) == 0


async def test_replay_and_verify_leave_their_record(jars: Database) -> None:
    await work(jars, [wish(Put("a", 1)), wish(Put("b", 2))])
    said: list[tuple[int, int]] = []
    assert await replay(jars, VIEWS, HISTORY, lambda *one: said.append(one)) == 2
    assert await record(jars, "replay") == ("ok", 2, 2, None)
    assert await verify(jars, VIEWS, HISTORY, lambda *one: said.append(one)) is None
    assert await record(jars, "verify") == ("ok", 4, 4, None)
    assert said[-1] == (4, 4)
    async with jars.begin() as connection:
        await connection.exec_driver_sql("UPDATE jar SET content = 7 WHERE jar = 'a'")
    found = await verify(jars, VIEWS, HISTORY, lambda *_: None)
    outcome, _, _, finding = await record(jars, "verify")
    assert (outcome, finding) == ("failed", str(found))


async def test_an_operation_goes_on_while_its_record_cannot_be_written(
    jars: Database, log_lines: list[Any]
) -> None:
    async with operation(jars, "backup"):
        async with jars.begin() as connection:
            await connection.exec_driver_sql("ALTER TABLE operation RENAME TO gone")
        try:
            await eventually(lambda: _said(log_lines))
        finally:
            async with jars.begin() as connection:
                await connection.exec_driver_sql("ALTER TABLE gone RENAME TO operation")
    assert (await record(jars, "backup"))[0] == "ok"


async def _said(log_lines: list[Any]) -> bool:
    return any(line["event"] == "operation not recorded" for line in log_lines)
