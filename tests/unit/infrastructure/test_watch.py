"""A watch keeps what it found last, tells the metric, and outlasts a database that is away."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, cast

from prometheus_client import REGISTRY

from shared.infrastructure.database import Database
from shared.infrastructure.watch import FINE, Watch

NO_DATABASE = cast("Database", None)


def metric(name: str) -> float | None:
    return REGISTRY.get_sample_value("dualbook_watch_broken", {"service": "trial", "watch": name})


async def looked(name: str, findings: Iterator[str | Exception]) -> Watch:
    """A watch after it has looked as often as there are findings."""
    done = asyncio.Event()

    async def look(_: Any) -> str:
        found = next(findings, None)
        if found is None:
            done.set()
            await asyncio.Event().wait()
        if isinstance(found, Exception):
            raise found
        return cast("str", found)

    watch = Watch(name, look, pause_seconds=0)
    task = asyncio.create_task(watch.run("trial", NO_DATABASE))
    await asyncio.wait_for(done.wait(), 5)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    return watch


async def test_what_was_found_wrong_stands_and_the_metric_is_one() -> None:
    watch = await looked("a", iter([FINE, "broken at e5"]))
    assert (watch.finding, metric("a")) == ("broken at e5", 1.0)


async def test_what_was_mended_is_fine_again() -> None:
    watch = await looked("b", iter(["broken", FINE]))
    assert (watch.finding, metric("b")) == (FINE, 0.0)


async def test_while_nothing_can_be_looked_at_the_last_finding_stands() -> None:
    watch = await looked("c", iter(["broken", OSError("away"), OSError("away")]))
    assert (watch.finding, metric("c")) == ("broken", 1.0)
