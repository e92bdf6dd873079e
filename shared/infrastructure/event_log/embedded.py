"""The embedded log: tables in PostgreSQL with Kafka's semantics, for one machine with nothing but Python.

Offsets of a partition are given out under its row lock, so they have no gaps and become visible in order. A group
member owns a partition while it holds an advisory lock on it; when it dies the lock goes and another takes over.
"""

import asyncio
import contextlib
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from zlib import crc32

import asyncpg
import orjson
from sqlalchemy import URL, text

from shared.infrastructure.database import Database, copy, driver_of, is_unavailable
from shared.infrastructure.event_log.interface import (
    PARTITIONS,
    LogUnavailable,
    Message,
    Partition,
    Positions,
    Record,
    check_size,
    shard_of,
)
from shared.infrastructure.event_store import now
from shared.infrastructure.migrate import migrate

MIGRATIONS = Path(__file__).parent / "migrations"
_CHANNEL = "dualbook_log"
_LOOK_FOR_PARTITIONS_SECONDS = 1.0


class EmbeddedLog:
    """EventLog on a PostgreSQL database of its own."""

    def __init__(self, url: URL, partitions: int = PARTITIONS) -> None:
        self._url = url
        self._partitions = partitions
        self._database = Database(url, name="event-log", pool_size=4)

    async def identity(self) -> str:
        await self.start()
        try:
            async with self._database.read() as connection:
                found = await connection.execute(text("SELECT identity FROM log_identity"))
                return f"embedded log {found.scalar_one()}"
        except Exception as error:
            raise _translated(error) from error

    async def start(self) -> None:
        try:
            await migrate(self._database, [MIGRATIONS])
        except Exception as error:
            raise _translated(error) from error

    async def stop(self) -> None:
        await self._database.close()

    async def publish(self, topic: str, messages: Sequence[Message]) -> None:
        check_size(topic, messages)
        if not messages:
            return
        by_partition: dict[int, list[Message]] = {}
        for message in messages:
            number = message.partition
            if number is None:
                number = shard_of(message.key.decode("utf-8", "surrogateescape"), self._partitions)
            by_partition.setdefault(number % self._partitions, []).append(message)
        try:
            await self._append(topic, by_partition)
        except Exception as error:
            raise _translated(error) from error

    async def _append(self, topic: str, by_partition: Mapping[int, Sequence[Message]]) -> None:
        numbers = sorted(by_partition)
        async with self._database.begin() as connection:
            await self._begin(connection)
            driver = await driver_of(connection)
            ends = await driver.fetch(
                """
                INSERT INTO log_partition AS p (topic, partition, next_offset)
                SELECT $1, number, count FROM unnest($2::int[], $3::bigint[]) AS new(number, count)
                ORDER BY number
                ON CONFLICT (topic, partition) DO UPDATE SET next_offset = p.next_offset + excluded.next_offset
                RETURNING partition, next_offset
                """,
                topic,
                numbers,
                [len(by_partition[number]) for number in numbers],
            )
            moment = now()
            rows = []
            for number, end in ends:
                messages = by_partition[number]
                for offset, message in enumerate(messages, end - len(messages)):
                    headers = orjson.dumps(
                        {name: value.decode("latin-1") for name, value in message.headers}
                    ).decode()
                    rows.append((topic, number, offset, message.key, message.value, headers, moment))
            await copy(connection, "log_record", _COLUMNS, rows)
            await driver.execute("SELECT pg_notify($1, $2)", _CHANNEL, topic)

    async def _begin(self, connection: Any) -> None:
        await connection.exec_driver_sql(
            "SELECT 1"
        )  # the driver is used directly; this opens the transaction

    async def end_offsets(self, topics: Sequence[str]) -> Mapping[Partition, int]:
        try:
            async with self._database.read() as connection:
                driver = await driver_of(connection)
                rows = await driver.fetch(
                    "SELECT topic, partition, next_offset FROM log_partition WHERE topic = ANY($1)",
                    list(topics),
                )
        except Exception as error:
            raise _translated(error) from error
        return {Partition(topic, number): end for topic, number, end in rows}

    async def subscribe(self, group: str, topics: Sequence[str], positions: Positions) -> "EmbeddedConsumer":
        try:
            consumer = EmbeddedConsumer(self._database, group, topics, positions, self._partitions)
            await consumer.start(self._url)
        except Exception as error:
            raise _translated(error) from error
        return consumer


_COLUMNS = ("topic", "partition", "log_offset", "key", "value", "headers", "appended_at")


class EmbeddedConsumer:
    """A member of a group; owns the partitions whose advisory locks its session holds."""

    def __init__(
        self, database: Database, group: str, topics: Sequence[str], positions: Positions, partitions: int
    ) -> None:
        self._database = database
        self._wanted = {
            crc32(f"{group}/{topic}/{number}".encode()): Partition(topic, number)
            for topic in topics
            for number in range(partitions)
        }
        self._positions = positions
        self._places: dict[Partition, int] = {}
        self._session: asyncpg.Connection[Any] | None = None
        self._woken = asyncio.Event()
        self._looked_at = 0.0

    async def start(self, url: URL) -> None:
        address = url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._session = await asyncpg.connect(address, timeout=10)
        try:
            await self._session.add_listener(_CHANNEL, lambda *_: self._woken.set())
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            with contextlib.suppress(Exception):  # a broken session has nothing left to close
                await session.close(timeout=5)

    async def fetch(self, most: int, wait_seconds: float) -> Mapping[Partition, Sequence[Record]]:
        deadline = time.monotonic() + wait_seconds
        try:
            while True:
                self._woken.clear()
                await self._gain_partitions()
                fetched = await self._read(most)
                remaining = deadline - time.monotonic()
                if fetched or remaining <= 0:
                    return fetched
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(remaining):  # wait_for can swallow a cancellation
                        await self._woken.wait()
        except Exception as error:
            raise _translated(error) from error

    async def _gain_partitions(self) -> None:
        if self._session is None or self._session.is_closed():
            raise LogUnavailable("the session that owns the partitions is gone")
        missing = [key for key, partition in self._wanted.items() if partition not in self._places]
        if not missing or time.monotonic() - self._looked_at < _LOOK_FOR_PARTITIONS_SECONDS:
            return
        rows = await self._session.fetch(
            "SELECT key FROM unnest($1::bigint[]) AS key WHERE pg_try_advisory_lock(key)", missing
        )
        gained = [self._wanted[row["key"]] for row in rows]
        self._looked_at = time.monotonic()
        if gained:
            self._places.update(await self._positions(gained))

    async def _read(self, most: int) -> dict[Partition, list[Record]]:
        async with self._database.read() as connection:
            driver = await driver_of(connection)
            rows = await driver.fetch(
                """
                SELECT p.topic, p.partition, next_offset FROM log_partition AS p
                JOIN unnest($1::text[], $2::int[], $3::bigint[]) AS mine(topic, partition, place)
                  ON p.topic = mine.topic AND p.partition = mine.partition AND p.next_offset > mine.place
                """,
                [partition.topic for partition in self._places],
                [partition.number for partition in self._places],
                list(self._places.values()),
            )
            fetched = {}
            for topic, number, _ in rows:
                partition = Partition(topic, number)
                fetched[partition] = await self._records(driver, partition, most)
                self._places[partition] = fetched[partition][-1].offset + 1
        return fetched

    async def _records(
        self, driver: "asyncpg.Connection[Any]", partition: Partition, most: int
    ) -> list[Record]:
        rows = await driver.fetch(
            "SELECT log_offset, key, value, headers FROM log_record "
            "WHERE topic = $1 AND partition = $2 AND log_offset >= $3 ORDER BY log_offset LIMIT $4",
            partition.topic,
            partition.number,
            self._places[partition],
            most,
        )
        return [
            Record(
                partition.topic,
                partition.number,
                offset,
                key,
                value,
                {name: text.encode("latin-1") for name, text in orjson.loads(headers).items()},
            )
            for offset, key, value, headers in rows
        ]


def _translated(error: Exception) -> Exception:
    """The log's own name for a server that is away; other errors stay what they are."""
    if isinstance(error, LogUnavailable) or not is_unavailable(error):
        return error
    return LogUnavailable(f"{type(error).__name__}: {error}")
