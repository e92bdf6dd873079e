"""Jobs: work that a request begins and that goes on when the request is answered, in this process.

A job keeps its own record of how far it is; here it only lives. Stopping the service cancels what is still running
while the database is there, so that a job can leave word of its end.
"""

import asyncio
from collections.abc import Coroutine


class Jobs:
    """The running jobs of a process, at most one of each kind."""

    def __init__(self) -> None:
        self.starting = asyncio.Lock()
        """Held from looking whether a kind is running until it is, so that of two requests at once one waits."""
        self._running: dict[str, asyncio.Task[None]] = {}

    def is_running(self, kind: str) -> bool:
        """Whether a job of a kind is at work."""
        return kind in self._running

    def start(self, kind: str, work: Coroutine[None, None, None]) -> None:
        """Begin a job; it must answer for its own errors. None of the kind may be running."""
        assert kind not in self._running  # the caller holds ``starting`` and has looked
        task = asyncio.create_task(work, name=kind)
        self._running[kind] = task
        task.add_done_callback(lambda _: self._running.pop(kind))

    async def stop(self) -> None:
        """Cancel all jobs and wait until they have come to their end."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
