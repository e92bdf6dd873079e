"""A task is work that a service does by itself, again and again, in the background.

Each process of the service has its own; what several do at once must be the same as what one does. A task that
fails says so in the log and in ``/readyz``, and tries again.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from shared.infrastructure.command_desk import CommandDesk
from shared.infrastructure.pauses import growing_pauses

logger = structlog.get_logger()

FINE = "ok"


@dataclass
class Task:
    """``work`` is called at start, and anew ``pause_seconds`` after each end; sooner after a failure."""

    name: str
    work: Callable[[CommandDesk], Awaitable[None]]
    pause_seconds: float = 300.0
    trouble: str = FINE

    async def run(self, desk: CommandDesk) -> None:
        """Work until cancelled."""
        pauses = growing_pauses()
        while True:
            try:
                await self.work(desk)
            except Exception as error:  # whatever it was: say so, and try again after a pause
                self.trouble = f"{type(error).__name__}: {error}"
                pause = min(next(pauses), self.pause_seconds)
                logger.error("task failed", task=self.name, pause_seconds=pause, exc_info=error)
            else:
                self.trouble = FINE
                pauses, pause = growing_pauses(), self.pause_seconds
            await asyncio.sleep(pause)
