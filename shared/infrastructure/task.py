"""A task is work that a service does by itself, again and again, in the background.

Each process of the service has its own; what several do at once must be the same as what one does. A task that
fails says so in the log, in ``/readyz`` and in its metric, and tries again.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from shared.infrastructure.command_desk import CommandDesk
from shared.infrastructure.metrics import gauge
from shared.infrastructure.pauses import growing_pauses

logger = structlog.get_logger()

FINE = "ok"

FAILED = gauge(
    "dualbook_task_failed", "1 where a task failed the last time it was tried, 0 where not.", ("task",)
)


@dataclass
class Task:
    """``work`` is called at start, and anew ``pause_seconds`` after each end; sooner after a failure."""

    name: str
    work: Callable[[CommandDesk], Awaitable[None]]
    pause_seconds: float = 300.0
    trouble: str = FINE

    async def run(self, desk: CommandDesk) -> None:
        """Work until cancelled."""
        pauses, failed = growing_pauses(), FAILED.labels(self.name)
        while True:
            try:
                await self.work(desk)
            except Exception as error:  # whatever it was: say so, and try again after a pause
                self.trouble = f"{type(error).__name__}: {error}"
                failed.set(1)
                pause = min(next(pauses), self.pause_seconds)
                logger.error("task failed", task=self.name, pause_seconds=pause, exc_info=error)
            else:
                self.trouble = FINE
                failed.set(0)
                pauses, pause = growing_pauses(), self.pause_seconds
            await asyncio.sleep(pause)
