"""The relay: publishes the events of the store to the log, shard by shard in position order.

It remembers how far it came after the log has taken the events; a crash between the two repeats them, never loses
them, and consumers drop what they have seen. One process of a service relays at a time; the others stand by.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from time import perf_counter
from typing import NamedTuple

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.infrastructure import tracing
from shared.infrastructure.database import Database, driver_of
from shared.infrastructure.event_log import EventLog, LogUnavailable, Message
from shared.infrastructure.event_store import COLUMNS, EventRow, read_rows
from shared.infrastructure.meters import RelayMeter
from shared.infrastructure.pauses import growing_pauses
from shared.infrastructure.publication import Publication
from shared.kernel.event import StoredEvent

logger = structlog.get_logger()

_LOCK = 0x72656C61  # "rela"
_BATCH = 2000
_LOOK_SECONDS = 0.05
_MOST_AWAITED = 50_000
"""Events for which an answer waits: more do not get into the log in that time anyway."""

_MOST_AT_HAND = 2 * _BATCH
"""Events of a shard that are kept for the relay; the others it reads back."""

_REMEMBER = """
    UPDATE relay_position SET position = reached.position
    FROM unnest($1::smallint[], $2::bigint[]) AS reached (shard, position)
    WHERE relay_position.shard = reached.shard
"""


class Relay:
    """Publishes the types of event that ``publications`` names; the others are the service's own affair."""

    def __init__(
        self,
        service: str,
        database: Database,
        log: EventLog,
        publications: Mapping[str, Publication],
        *,
        idle_seconds: float = 0.2,
    ) -> None:
        self._database = database
        self._log = log
        self._publications = publications
        self._idle_seconds = idle_seconds
        self._meter = RelayMeter(service)
        self._woken = asyncio.Event()
        self._moved = asyncio.Condition()
        self._positions: dict[int, int] = {}
        self._at_hand: dict[int, deque[EventRow]] = {}
        self._leads = False
        self.trouble = "starting"

    def wake(self) -> None:
        """There is something new to publish."""
        self._woken.set()

    def committed(self, events: Sequence[StoredEvent]) -> None:
        """Keep what this process has just committed, so that it need not be read back to be published."""
        if not self._leads:
            return
        for event in events:
            rows = self._at_hand.get(event.shard)
            if rows is None or rows[-1].position + 1 != event.position:  # another process wrote in between
                rows = self._at_hand[event.shard] = deque(maxlen=_MOST_AT_HAND)
            rows.append(EventRow._make(event[:-1]))

    def _kept(self, shard: int, position: int) -> list[EventRow]:
        """The events that follow a position, where they are at hand without a gap."""
        rows = self._at_hand.pop(shard, ())
        if not rows or not rows[0].position <= position + 1 <= rows[-1].position:
            return []
        return list(rows)[position + 1 - rows[0].position :]

    async def published(self, events: Sequence[StoredEvent], within_seconds: float = 2.0) -> bool:
        """Wait until these events are in the log, so that a caller may rely on the other services' lag.

        False when it took too long (the log is away), or would (they are very many): nothing is lost, the events
        follow.
        """
        targets: dict[int, int] = {}
        for event in events:
            if event.type in self._publications:
                targets[event.shard] = max(event.position, targets.get(event.shard, 0))
        if not targets:
            return True
        self.wake()
        if len(events) > _MOST_AWAITED:
            return False
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_seconds):
                while not await self._reached(targets):
                    pass
                return True
        return False

    async def _reached(self, targets: Mapping[int, int]) -> bool:
        def here() -> bool:
            return all(self._positions.get(shard, 0) >= position for shard, position in targets.items())

        async with self._moved:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None if self._leads else _LOOK_SECONDS):
                    await self._moved.wait_for(here)
        if not self._leads:  # another process relays, only the database knows how far
            async with self._database.read() as connection:
                self._positions.update(await _positions(connection))
        return here()

    async def run(self) -> None:
        """Relay until cancelled, waiting with growing pauses while database or log are away."""
        pauses = growing_pauses()
        while True:
            try:
                async with self._database.read() as connection:
                    await self._stand_by(connection)
                    await self._relay(connection)
            except Exception as error:  # a relay that dies quietly would be worse than one that tries on
                if self.trouble == "ok":  # it worked in between
                    pauses = growing_pauses()
                away = isinstance(error, LogUnavailable)
                self.trouble = f"log away: {error}" if away else f"{type(error).__name__}: {error}"
            pause = next(pauses)
            logger.warning("relay waits", reason=self.trouble, pause_seconds=pause)
            await asyncio.sleep(pause)

    async def _stand_by(self, connection: AsyncConnection) -> None:
        driver = await driver_of(connection)
        while not await driver.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK):
            self.trouble = "ok"
            await asyncio.sleep(1.0)

    async def _relay(self, connection: AsyncConnection) -> None:
        try:
            self._positions.update(await _positions(connection))  # how far others have come before
            self._leads = True
            while True:
                self._woken.clear()
                passed = await self.publish_once(connection)
                self.trouble = "ok"
                if not passed:
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(self._idle_seconds):  # wait_for can swallow a cancellation
                            await self._woken.wait()
        finally:
            self._leads = False
            self._at_hand.clear()
            await connection.invalidate()  # closing the session is the one sure way to give up its lock

    async def publish_once(self, connection: AsyncConnection) -> int:
        """Publish one batch of each shard that has something new; returns how many events were passed.

        Shards that have little new go together: each publication and each place remembered waits for a disk.
        """
        driver = await driver_of(connection)
        behind = await driver.fetch(
            "SELECT shard, relay_position.position FROM relay_position JOIN shard USING (shard) "
            "WHERE shard.position > relay_position.position ORDER BY shard"
        )
        passed, rows = 0, list[EventRow]()
        for index, (shard, position) in enumerate(behind, 1):
            rows += self._kept(shard, position) or await _stored(connection, shard, position)
            if len(rows) >= _BATCH or index == len(behind):
                await self._pass(connection, rows)
                passed, rows = passed + len(rows), []
        return passed

    async def _pass(self, connection: AsyncConnection, rows: Sequence[EventRow]) -> None:
        """Publish rows, each shard's in order, and remember how far that is."""
        await self._publish(rows)
        reached = {row.shard: row.position for row in rows}
        driver = await driver_of(connection)
        await driver.execute(_REMEMBER, list(reached), list(reached.values()))
        async with self._moved:
            self._positions.update(reached)
            self._moved.notify_all()

    async def _publish(self, rows: Sequence[EventRow]) -> None:
        by_topic: dict[str, list[Message]] = {}
        for row in rows:
            publication = self._publications.get(row.type)
            if publication is not None:
                topic, message = publication(row)
                by_topic.setdefault(topic, []).append(message)
        for topic, messages in by_topic.items():
            began = perf_counter()
            async with tracing.batch(f"publish {topic}", len(messages), partial(_traces_of, rows)):
                await self._log.publish(topic, messages)
            self._meter.published(topic, len(messages), perf_counter() - began)


def _traces_of(rows: Sequence[EventRow]) -> Iterator[str]:
    return (row.metadata for row in rows)


async def _stored(connection: AsyncConnection, shard: int, position: int) -> list[EventRow]:
    rows = await read_rows(connection, shard, position, _BATCH)
    return [EventRow._make(row[column] for column in COLUMNS) for row in rows]


async def _positions(connection: AsyncConnection) -> dict[int, int]:
    rows = await connection.execute(text("SELECT shard, position FROM relay_position"))
    return {row.shard: row.position for row in rows}


class Backlog(NamedTuple):
    """Stored events that the relay has not passed yet, and how many seconds ago the oldest was recorded (0: none)."""

    events: int
    oldest_seconds: float


async def backlog_on(connection: AsyncConnection) -> Backlog:
    """How far the relay is behind."""
    rows = await connection.execute(
        text(
            """
            SELECT coalesce(sum(shard.position - relay_position.position), 0)::bigint AS events,
                   coalesce(greatest(extract(epoch FROM now() - min(event.recorded_at)), 0), 0)::float AS oldest
            FROM shard JOIN relay_position USING (shard)
            LEFT JOIN event ON event.shard = shard.shard AND event.position = relay_position.position + 1
            """
        )
    )
    return Backlog(*rows.one())


async def backlog(database: Database) -> int:
    """Stored events that the relay has not passed yet."""
    async with database.read() as connection:
        return (await backlog_on(connection)).events
