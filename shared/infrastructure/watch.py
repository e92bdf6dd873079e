"""A watch looks at a service's own data again and again, in the background, and says what it found.

What it says last stands in ``/readyz``; the metric tells the alarm. A watch never mends anything.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from shared.infrastructure.database import Database
from shared.infrastructure.metrics import gauge

logger = structlog.get_logger()

FINE = "ok"

BROKEN = gauge(
    "dualbook_watch_broken", "1 where a watch has found something wrong, 0 where not.", ("service", "watch")
)
LOOKED = gauge(
    "dualbook_watch_looked_timestamp_seconds", "When a watch came to an end last.", ("service", "watch")
)


@dataclass
class Watch:
    """``look`` answers "ok", or what is wrong in words; it is called anew ``pause_seconds`` after each answer."""

    name: str
    look: Callable[[Database], Awaitable[str]]
    pause_seconds: float = 30.0
    finding: str = FINE

    async def run(self, service: str, database: Database) -> None:
        """Look until cancelled. While the database is away the last finding stands, and the time of the metric."""
        broken, looked = BROKEN.labels(service, self.name), LOOKED.labels(service, self.name)
        while True:
            try:
                found = await self.look(database)
            except (
                Exception
            ) as error:  # the database may be away for any reason, of which /readyz speaks itself
                logger.warning("watch could not look", watch=self.name, reason=str(error))
            else:
                if found not in (FINE, self.finding):
                    logger.error("watch found something wrong", watch=self.name, finding=found)
                self.finding = found
                broken.set(found != FINE)
                looked.set_to_current_time()
            await asyncio.sleep(self.pause_seconds)
