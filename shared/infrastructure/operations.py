"""Operations: long work on a service's whole database, such as a replay, and how far it is.

Table ``operation`` keeps the last run of each: its beginning, how far it is, its end and what was found. It is written
on connections of its own, about once a second, so that others see it while the transaction of the work is open. An
operation that was killed falls silent, and counts as broken off after a minute.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog
from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.infrastructure.database import Database
from shared.infrastructure.metrics import gauge
from shared.kernel.errors import Refusal

logger = structlog.get_logger()

EVERYWHERE = ("replay", "verify", "backup")
"""Operations that every service has."""

BEAT_SECONDS = 1.0
SILENT_SECONDS = 60
"""So long after its last word an operation counts as broken off: a program may be busy for some seconds."""

_LONGEST_FINDING = 1000

_LABELS = ("service", "operation")
PROGRESS = gauge(
    "dualbook_operation_progress_ratio", "Part of an operation's last run that is done.", _LABELS
)
RUNNING = gauge("dualbook_operation_running", "1 while an operation is at work, 0 where not.", _LABELS)
FAILED = gauge(
    "dualbook_operation_failed",
    "1 where an operation's last end was a failure or it was broken off, 0 where not.",
    _LABELS,
)
SUCCEEDED = gauge(
    "dualbook_operation_last_success_timestamp_seconds",
    "When an operation came to a good end last; 0 where it never did.",
    _LABELS,
)

_BEGIN = text(
    "INSERT INTO operation (name, outcome) VALUES (:name, 'running') ON CONFLICT (name) DO UPDATE SET "
    "done = 0, total = 0, started_at = now(), updated_at = now(), outcome = 'running', finding = NULL"
)
_TELL = text("UPDATE operation SET done = :done, total = :total, updated_at = now() WHERE name = :name")
_END = text(
    "UPDATE operation SET done = :done, total = :total, updated_at = now(), ended_at = now(), finding = :finding, "
    "outcome = CASE WHEN cast(:finding AS text) IS NULL THEN 'ok' ELSE 'failed' END, "
    "succeeded_at = CASE WHEN cast(:finding AS text) IS NULL THEN now() ELSE succeeded_at END WHERE name = :name"
)
_READ = text(
    """
    SELECT name, coalesce(extract(epoch FROM succeeded_at), 0)::float AS succeeded,
           outcome = 'running' AND updated_at >= now() - make_interval(secs => :silent) AS running,
           outcome = 'running' AND updated_at < now() - make_interval(secs => :silent)
           OR ended_at IS NOT NULL AND succeeded_at IS DISTINCT FROM ended_at AS failed,
           CASE WHEN outcome = 'ok' THEN 1 WHEN total > 0 THEN least(1, done::float / total) ELSE 0 END AS progress
    FROM operation
    """
)


@dataclass
class Running:
    """An operation at work. ``progress`` only notes how far it is, so that it may be called often."""

    also: Callable[[int, int], None] | None = None
    done: int = 0
    total: int = 0
    finding: str | None = None

    def progress(self, done: int, total: int) -> None:
        """So much is done, of so much in all, in whatever unit."""
        self.done, self.total = done, total
        if self.also is not None:
            self.also(done, total)

    def failed(self, finding: str) -> None:
        """It ends as a failure, for this reason; what it names must be no person."""
        self.finding = finding[:_LONGEST_FINDING]


@asynccontextmanager
async def operation(
    database: Database, name: str, also: Callable[[int, int], None] | None = None
) -> AsyncIterator[Running]:
    """Keep an operation's record while the block works; ``also`` hears of its progress, for a progress bar.

    A block that raises, or is cancelled, has failed. Raises what the database raises where the beginning cannot be
    recorded; what cannot be recorded later is said in the log, as the work must not fail for it.
    """
    running = Running(also)
    async with database.begin() as connection:
        await connection.execute(_BEGIN, {"name": name})
    beat = asyncio.create_task(_beat(database, name, running), name=f"operation-{name}")
    try:
        yield running
    except Refusal as refusal:
        running.failed(str(refusal))
        raise
    except asyncio.CancelledError:
        running.failed("interrupted")
        raise
    except Exception as error:
        running.failed(type(error).__name__)  # its text may repeat what stands in the database
        raise
    finally:
        beat.cancel()
        await asyncio.gather(beat, return_exceptions=True)
        await _write(database, _END, name, running, finding=running.finding)


async def _beat(database: Database, name: str, running: Running) -> None:
    while True:
        await asyncio.sleep(BEAT_SECONDS)
        await _write(database, _TELL, name, running)


async def _write(
    database: Database, statement: TextClause, name: str, running: Running, **more: object
) -> None:
    values = {"name": name, "done": running.done, "total": running.total, **more}
    try:
        async with database.begin() as connection:
            await connection.execute(statement, values)
    except Exception as error:  # whatever it is, the work is what matters
        logger.warning("operation not recorded", operation=name, reason=type(error).__name__)


async def read_operations(service: str, connection: AsyncConnection) -> None:
    """Set the gauges of the service's operations."""
    found = {row.name: row for row in await connection.execute(_READ, {"silent": SILENT_SECONDS})}
    for name in {*EVERYWHERE, *found}:
        row = found.get(name)
        PROGRESS.labels(service, name).set(row.progress if row else 0)
        RUNNING.labels(service, name).set(row.running if row else 0)
        FAILED.labels(service, name).set(row.failed if row else 0)
        SUCCEEDED.labels(service, name).set(row.succeeded if row else 0)
