"""The event store: one append-only table, sharded like the log, with a hash chain per shard.

A shard's head row is locked by whoever writes to it, until commit. So a shard has one writer at a time, its
positions have no gaps, and no position becomes visible before a lower one: a reader that remembers one position
per shard can never skip an event. Writers on different shards do not wait for each other.
"""

from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection
from uuid_utils import uuid7

from shared.infrastructure.database import copy, driver_of
from shared.infrastructure.event_log import shard_of
from shared.kernel.event import Fact, Origin, StoredEvent

FactReader = Callable[[str], Fact]
"""Reads the stored data of one event type, whatever its age: old shapes are lifted here, never in the table."""


class EventRow(NamedTuple):
    """One row of the event table, as it is stored: a StoredEvent without its fact."""

    shard: int
    position: int
    stream: str
    version: int
    event_id: str
    type: str
    data: str
    business_date: date
    recorded_at: datetime
    cause: str
    actor: str
    metadata: str
    hash: bytes


COLUMNS = EventRow._fields


@dataclass(slots=True)
class Head:
    """The end of a shard while its lock is held."""

    position: int
    hash: bytes


@lru_cache(maxsize=1 << 17)
def shard_of_stream(stream: str) -> int:
    """``customer-c1`` lies in the shard of the key ``c1``, which is also its partition of the log.

    What follows a ``#`` tells streams of one key apart and has no part in the choice.
    """
    return shard_of(stream.partition("-")[2].partition("#")[0])


def new_id() -> str:
    """A fresh event id: UUID version 7, so that ids and their index grow at one end."""
    return str(uuid7())


def chain(previous: bytes, fields: Sequence[object], data: str) -> bytes:
    """The hash of an event: SHA-256 over the previous one's and all its columns.

    ``fields`` are the columns in table order without ``data`` and ``hash``; as a JSON array they end where they
    end, so that no byte can move from one column to another unnoticed.
    """
    return sha256(previous + orjson.dumps(fields) + data.encode()).digest()


async def lock(connection: AsyncConnection, shards: Collection[int]) -> dict[int, Head]:
    """Become the one writer of these shards until the transaction ends; in ascending order, so nobody deadlocks."""
    rows = await connection.execute(
        text("SELECT shard, position, hash FROM shard WHERE shard = ANY(:shards) ORDER BY shard FOR UPDATE"),
        {"shards": list(shards)},
    )
    return {row.shard: Head(row.position, row.hash) for row in rows}


async def known(connection: AsyncConnection, event_ids: Sequence[str]) -> dict[str, str]:
    """The data of those of the ids that the store has already."""
    if not event_ids:
        return {}
    driver = await driver_of(connection)
    rows = await driver.fetch("SELECT event_id, data FROM event WHERE event_id = ANY($1)", event_ids)
    return dict(rows)


async def versions(connection: AsyncConnection, streams: Collection[str]) -> dict[str, int]:
    """The version of each stream that exists: one index look-up a stream, whatever the length of its history."""
    driver = await driver_of(connection)
    rows = await driver.fetch(
        """
        SELECT stream, last.version
        FROM unnest($1::text[]) AS stream,
             LATERAL (SELECT version FROM event WHERE event.stream = stream.stream
                      ORDER BY version DESC LIMIT 1) AS last
        """,
        list(streams),
    )
    return dict(rows)


class Appender:
    """Numbers, chains and writes the events of one transaction."""

    def __init__(self, heads: Mapping[int, Head], known_versions: Mapping[str, int], now: datetime) -> None:
        self._heads = heads
        self._began = {shard: (head.position, head.hash) for shard, head in heads.items()}
        self._versions = dict(known_versions)
        self._now = now
        self.events: list[StoredEvent] = []

    def know(self, versions: Mapping[str, int]) -> None:
        """Take in the stored versions of further streams, before anything is added to them."""
        self._versions = {**versions, **self._versions}

    def version_of(self, stream: str) -> int:
        """The stream's version with the events added so far; 0 when it has none."""
        return self._versions.get(stream, 0)

    def add(self, event_id: str, fact: Fact, origin: Origin) -> StoredEvent:
        """Give the fact its place in its stream and in its shard's chain."""
        stream = fact.stream
        shard = shard_of_stream(stream)
        head = self._heads[shard]
        version = self._versions.get(stream, 0) + 1
        data, kind, day = fact.to_json().decode(), type(fact).__name__, fact.business_date
        position = head.position + 1
        before = (shard, position, stream, version, event_id, kind)
        behind = (day, self._now, origin.cause, origin.actor, origin.metadata)
        head.hash = chain(head.hash, before + behind, data)
        head.position = position
        self._versions[stream] = version
        event = StoredEvent(*before, data, *behind, head.hash, fact)
        self.events.append(event)
        return event

    def take_back(self, number: int) -> None:
        """Undo the last so many adds."""
        for _ in range(number):
            event = self.events.pop()
            self._versions[event.stream] = event.version - 1
            before = next((one for one in reversed(self.events) if one.shard == event.shard), None)
            head = self._heads[event.shard]
            head.position, head.hash = (before.position, before.hash) if before else self._began[event.shard]

    async def write(self, connection: AsyncConnection) -> None:
        """Append everything added with one COPY, and move the heads."""
        if not self.events:
            return
        await copy(connection, "event", COLUMNS, [event[:-1] for event in self.events])
        touched = {event.shard for event in self.events}
        await connection.execute(
            text(
                "UPDATE shard SET position = head.position, hash = head.hash "
                "FROM unnest(:shards ::smallint[], :positions ::bigint[], :hashes ::bytea[]) "
                "     AS head(shard, position, hash) WHERE shard.shard = head.shard"
            ),
            {
                "shards": sorted(touched),
                "positions": [self._heads[shard].position for shard in sorted(touched)],
                "hashes": [self._heads[shard].hash for shard in sorted(touched)],
            },
        )


def now() -> datetime:
    """The recorded time of what is written now."""
    return datetime.now(UTC)


class History:
    """Reads stored events back as facts."""

    def __init__(self, readers: Mapping[str, FactReader]) -> None:
        self._readers = readers

    def to_event(self, row: Row[Any] | Mapping[str, Any]) -> StoredEvent:
        values = row._mapping if isinstance(row, Row) else row
        fact = self._readers[values["type"]](values["data"])
        return StoredEvent._make((*(values[column] for column in COLUMNS), fact))

    async def of_streams(
        self, connection: AsyncConnection, streams: Collection[str], day: date | None = None
    ) -> list[StoredEvent]:
        """All events of these streams, each stream's in order; with a ``day`` those of no later business date."""
        driver = await driver_of(connection)
        rows = await driver.fetch(
            f"SELECT {', '.join(COLUMNS)} FROM event "
            "WHERE stream = ANY($1) AND ($2::date IS NULL OR business_date <= $2) ORDER BY stream, version",
            list(streams),
            day,
        )
        return [self.to_event(row) for row in rows]

    async def of_shard(
        self, connection: AsyncConnection, shard: int, after: int = 0, batch: int = 1000
    ) -> AsyncIterator[list[StoredEvent]]:
        """All events of a shard beyond a position, in order, in batches."""
        while rows := await read_rows(connection, shard, after, batch):
            yield [self.to_event(row) for row in rows]
            after = rows[-1]["position"]


async def read_rows(
    connection: AsyncConnection, shard: int, after: int, limit: int
) -> Sequence[Mapping[str, Any]]:
    """Up to ``limit`` rows of a shard beyond a position, in order, as stored."""
    driver = await driver_of(connection)
    rows: Sequence[Mapping[str, Any]] = await driver.fetch(
        f"SELECT {', '.join(COLUMNS)} FROM event WHERE shard = $1 AND position > $2 ORDER BY position LIMIT $3",
        shard,
        after,
        limit,
    )
    return rows


def first_break(
    previous: bytes, expected_position: int, rows: Iterable[Mapping[str, Any]]
) -> tuple[int, str] | None:
    """Position and id of the first event that does not continue the chain, or None.

    ``previous`` is the hash of the event before the first row.
    """
    for row in rows:
        fields = tuple(row[column] for column in COLUMNS if column not in ("data", "hash"))
        if row["position"] != expected_position or chain(previous, fields, row["data"]) != row["hash"]:
            return expected_position, row["event_id"]
        previous, expected_position = row["hash"], expected_position + 1
    return None
