"""A task works again and again, says what went wrong, and never ends by itself."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from typing import cast

from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from shared.infrastructure.command_desk import CommandDesk
from shared.infrastructure.task import FINE, Task

DESK = cast("CommandDesk", object())


async def worked(troubles: Iterator[Exception | None]) -> tuple[Task, list[str], list[str]]:
    """A task after it has worked as often as there are troubles; what it said before each, and its log lines."""
    done, said = asyncio.Event(), []

    async def work(desk: CommandDesk) -> None:
        assert desk is DESK
        said.append(task.trouble)
        try:
            trouble = next(troubles)
        except StopIteration:
            done.set()
            await asyncio.Event().wait()
        else:
            if trouble is not None:
                raise trouble

    task = Task("trial", work, pause_seconds=0)
    with capture_logs() as logged:
        running = asyncio.create_task(task.run(DESK))
        await asyncio.wait_for(done.wait(), 5)
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
    return task, said, [f"{line['log_level']}: {line['event']}" for line in logged]


async def test_a_task_is_fine_until_it_fails_and_again_when_it_has_worked() -> None:
    task, said, logged = await worked(iter([None, OSError("away"), ValueError("odd"), None]))
    assert said == [FINE, FINE, "OSError: away", "ValueError: odd", FINE]
    assert (task.trouble, REGISTRY.get_sample_value("dualbook_task_failed", {"task": "trial"})) == (FINE, 0)
    assert logged == ["error: task failed"] * 2


async def test_a_task_that_fails_for_good_says_so_and_goes_on_trying() -> None:
    task, _, logged = await worked(iter([ValueError("odd")] * 3))
    assert task.trouble == "ValueError: odd"
    assert REGISTRY.get_sample_value("dualbook_task_failed", {"task": "trial"}) == 1
    assert len(logged) == 3
