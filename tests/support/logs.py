"""Both kinds of event log behind one handle, small readers of what is in them, and ways to take them away."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from sqlalchemy import URL, make_url, text

from shared.infrastructure.database import ensure_database, url_of
from shared.infrastructure.event_log import (
    EventLog,
    LogConsumer,
    LogUnavailable,
    Message,
    Partition,
    Positions,
    Record,
)
from shared.infrastructure.event_log.embedded import EmbeddedLog
from shared.infrastructure.event_log.kafka import KafkaLog
from tests.support.databases import fresh_name

KINDS = ("embedded", "kafka")


@dataclass
class Places:
    """Where a consumer stands, as the service's database would remember it; counts how often it is asked."""

    known: dict[Partition, int] = field(default_factory=dict)
    asked: list[list[Partition]] = field(default_factory=list)

    async def __call__(self, partitions: Sequence[Partition]) -> Mapping[Partition, int]:
        self.asked.append(sorted(partitions))
        return {partition: self.known.get(partition, 0) for partition in partitions}


def another(log: EventLog) -> EventLog:
    """The same log as another process of the service would open it; not started."""
    if isinstance(log, KafkaLog):
        return KafkaLog(log._bootstrap, [topic for topic in log._topics if not topic.endswith("dead-letter")])
    assert isinstance(log, EmbeddedLog)
    return EmbeddedLog(log._url, log._partitions)


def of_description(kind: str, address: str, topic: str) -> EventLog:
    """The log that ``description`` describes, in another process."""
    return KafkaLog(address, [topic]) if kind == "kafka" else EmbeddedLog(make_url(address))


def description(log: EventLog) -> tuple[str, str]:
    """Kind and address."""
    if isinstance(log, KafkaLog):
        return "kafka", log._bootstrap
    assert isinstance(log, EmbeddedLog)
    return "embedded", log._url.render_as_string(hide_password=False)


_made: dict[str, str] = {}


@asynccontextmanager
async def empty_embedded_log(server: str) -> AsyncIterator[EmbeddedLog]:
    """An embedded log without topics: one for the whole run, since emptying is quicker than creating."""
    if server not in _made:
        _made[server] = fresh_name("log")
        await ensure_database(server, _made[server])
    log = EmbeddedLog(url_of(server, _made[server]))
    await log.start()
    async with log._database.begin() as connection:
        await connection.execute(text("SET LOCAL lock_timeout = '5s'"))
        await connection.execute(text("TRUNCATE log_partition, log_record"))
    try:
        yield log
    finally:
        await log.stop()


@asynccontextmanager
async def empty_log(
    kind: str, server: str, bootstrap: Callable[[], str], *topics: str
) -> AsyncIterator[EventLog]:
    """A log of the wanted kind with these topics, which must be new, empty."""
    if kind == "embedded":
        async with empty_embedded_log(server) as log:
            yield log
        return
    kafka = KafkaLog(bootstrap(), topics)
    await kafka.start()
    try:
        yield kafka
    finally:
        await kafka.stop()


@asynccontextmanager
async def member(
    log: EventLog, topics: Sequence[str], group: str | None = None, positions: Positions | None = None
) -> AsyncIterator[LogConsumer]:
    """A member of a group, of one of its own unless it is named."""
    consumer = await log.subscribe(group or fresh_name("group"), topics, positions or Places())
    try:
        yield consumer
    finally:
        await consumer.stop()


async def fetch_until(
    consumer: LogConsumer,
    enough: Callable[[list[Record]], bool],
    within_seconds: float = 20.0,
    most: int = 500,
) -> list[Record]:
    """Fetch until there is enough; the records of each partition in the order in which they came."""
    records: list[Record] = []
    deadline = time.monotonic() + within_seconds
    while not enough(records):
        assert time.monotonic() < deadline, f"only {len(records)} records came"
        for fetched in (await consumer.fetch(most, wait_seconds=0.5)).values():
            records.extend(fetched)
    return records


async def complains(call: Callable[[], Awaitable[object]], within_seconds: float = 10.0) -> None:
    """The call raises LogUnavailable, though maybe not the first time."""
    deadline = time.monotonic() + within_seconds
    while time.monotonic() < deadline:
        try:
            await call()
        except LogUnavailable:
            return
    raise AssertionError("nobody said that the log is away")


async def fetch_number(consumer: LogConsumer, number: int, within_seconds: float = 20.0) -> list[Record]:
    return await fetch_until(consumer, lambda records: len(records) >= number, within_seconds)


async def read_all(log: EventLog, topic: str) -> list[Record]:
    """Everything that is in the topic now, by partition and offset."""
    total = sum((await log.end_offsets([topic])).values())
    if total == 0:
        return []
    async with member(log, [topic]) as consumer:
        records = await fetch_number(consumer, total)
    return sorted(records, key=lambda record: (record.partition, record.offset))


def offsets(records: Sequence[Record]) -> dict[int, list[int]]:
    """The offsets of each partition, in the order in which they came."""
    found: dict[int, list[int]] = {}
    for record in records:
        found.setdefault(record.partition, []).append(record.offset)
    return found


def gap_free(records: Sequence[Record]) -> bool:
    return all(mine == list(range(mine[0], mine[0] + len(mine))) for mine in offsets(records).values())


async def eventually(
    condition: Callable[[], Awaitable[bool]], within_seconds: float = 15.0, every_seconds: float = 0.02
) -> None:
    """Wait for something that must come true."""
    deadline = time.monotonic() + within_seconds
    while not await condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        await asyncio.sleep(every_seconds)


class WatchedLog:
    """A log that keeps count and can be told to fail, before or after it has taken the messages."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self.published: list[tuple[str, Message]] = []
        self.calls = 0
        self.fail_before = 0
        self.fail_after = 0

    async def identity(self) -> str:
        return await self._log.identity()

    async def start(self) -> None:
        await self._log.start()

    async def stop(self) -> None:
        await self._log.stop()

    async def publish(self, topic: str, messages: Sequence[Message]) -> None:
        self.calls += 1
        if self.fail_before:
            self.fail_before -= 1
            raise LogUnavailable("told to fail before")
        await self._log.publish(topic, messages)
        self.published.extend((topic, message) for message in messages)
        if self.fail_after:
            self.fail_after -= 1
            raise LogUnavailable("told to fail after")

    async def subscribe(self, group: str, topics: Sequence[str], positions: Positions) -> LogConsumer:
        return await self._log.subscribe(group, topics, positions)

    async def end_offsets(self, topics: Sequence[str]) -> Mapping[Partition, int]:
        return await self._log.end_offsets(topics)


class Gate:
    """A way to the PostgreSQL server that can be shut: then connections break and new ones are refused."""

    def __init__(self, server: str) -> None:
        self._server = make_url(server)
        self._listener: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = 0

    def url_of(self, database: str | None) -> URL:
        address = self._server.set(drivername="postgresql+asyncpg", database=database)
        return address.set(host="127.0.0.1", port=self.port, query={})

    async def open(self) -> None:
        self._listener = await asyncio.start_server(self._forward, "127.0.0.1", self.port)
        self.port = self._listener.sockets[0].getsockname()[1]

    async def shut(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        for writer in list(self._writers):
            writer.transport.abort()
        await asyncio.sleep(0)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        folder = self._server.query.get("host")
        if folder is not None:
            port = self._server.port or 5432
            there, back = await asyncio.open_unix_connection(f"{folder}/.s.PGSQL.{port}")
        else:
            there, back = await asyncio.open_connection(self._server.host, self._server.port or 5432)
        ends = {writer, back}
        self._writers |= ends
        try:
            await asyncio.gather(_pour(reader, back), _pour(there, writer))
        finally:
            self._writers -= ends
            for end in ends:
                end.transport.abort()


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    writer.transport.abort()
