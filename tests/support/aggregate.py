"""A tiny service to try the foundation with: jars into which coins are put and from which they are taken.

One aggregate with its two commands, one view with its table, one door of the log: all that a service has, but small.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.envelope import CloudEvent
from shared.infrastructure import dead_letters
from shared.infrastructure.command_handler import (
    Aggregate,
    CommandHandler,
    Outcome,
    Submission,
    View,
    folded,
)
from shared.infrastructure.database import Database, ensure_database, url_of
from shared.infrastructure.dead_letters import DeadLetterView
from shared.infrastructure.event_log import Message, Partition, Record, shard_of
from shared.infrastructure.event_store import FactReader, History
from shared.infrastructure.migrate import STORE_MIGRATIONS, migrate
from shared.infrastructure.publication import Publication, publish_as, size_check
from shared.kernel.decider import Decider
from shared.kernel.errors import Malformed, Refusal
from shared.kernel.event import Origin, StoredEvent
from tests.support.databases import fresh_name

DAY = date(2026, 7, 1)
TOPIC = "jars.wishes"
"""Where the messages come from that ask for something."""
EVENTS_TOPIC = "jars.events"
"""Where the relay tells what happened."""
CURSED = 666
"""So many coins break the view, as an error in a program would."""


# --- commands ---


@dataclass(frozen=True, slots=True)
class Put:
    jar: str
    coins: int
    day: date = DAY


@dataclass(frozen=True, slots=True)
class Take:
    jar: str
    coins: int
    day: date = DAY


Command = Put | Take

# --- events ---


@dataclass(frozen=True, slots=True)
class _JarFact:
    jar: str
    coins: int
    business_date: date

    @property
    def stream(self) -> str:
        return f"jar-{self.jar}"

    def to_json(self) -> bytes:
        return orjson.dumps({"jar": self.jar, "coins": self.coins, "business_date": self.business_date})


@dataclass(frozen=True, slots=True)
class CoinsPut(_JarFact):
    """So many coins were put into the jar."""


@dataclass(frozen=True, slots=True)
class CoinsTaken(_JarFact):
    """So many coins were taken out of the jar."""


@dataclass(frozen=True, slots=True)
class JarEmptied(_JarFact):
    """The last coins went; follows a CoinsTaken, so that there is a command with two events."""


Fact = CoinsPut | CoinsTaken | JarEmptied


def _reader(kind: type[Any]) -> FactReader:
    def read(data: str) -> Any:
        fields = orjson.loads(data)
        return kind(fields["jar"], fields["coins"], date.fromisoformat(fields["business_date"]))

    return read


READERS: Mapping[str, FactReader] = {
    kind.__name__: _reader(kind) for kind in (CoinsPut, CoinsTaken, JarEmptied)
}
HISTORY = History({**READERS, **dead_letters.READERS})

# --- decide, evolve; the state is how many coins are in the jar ---


def _decide(command: Command, content: int, _: None) -> Sequence[Fact]:
    if command.coins == 0:
        return []
    if isinstance(command, Put):
        return [CoinsPut(command.jar, command.coins, command.day)]
    if command.coins > content:
        raise Refusal("jar-holds-enough", "coins", f"the jar holds {content}")
    taken = CoinsTaken(command.jar, command.coins, command.day)
    return [taken, JarEmptied(command.jar, 0, command.day)] if command.coins == content else [taken]


def _evolve(content: int, fact: Fact) -> int:
    return content + fact.coins if isinstance(fact, CoinsPut) else content - fact.coins


DECIDER: Decider[Command, int, None] = Decider(lambda command: f"jar-{command.jar}", 0, _decide, _evolve)


def _same(command: Command, stored: str) -> bool:
    fields = orjson.loads(stored)
    return bool(fields["jar"] == command.jar and fields["coins"] == command.coins)


AGGREGATE = Aggregate(DECIDER, folded(DECIDER, HISTORY), same=_same)

# --- view ---

_TABLE = """
    CREATE TABLE jar (
        jar     text    PRIMARY KEY,
        content bigint  NOT NULL,
        changes integer NOT NULL,
        emptied integer NOT NULL
    )
"""


class JarView:
    """Table ``jar``: what is in each, added up per batch first, as the big views do it."""

    tables = ("jar",)
    takes = None

    async def project(self, connection: AsyncConnection, events: Sequence[StoredEvent]) -> None:
        sums: dict[str, list[int]] = {}
        for event in events:
            fact = event.fact
            if isinstance(fact, _JarFact):
                if fact.coins == CURSED:
                    raise ZeroDivisionError("this view cannot count so far")
                total = sums.setdefault(fact.jar, [0, 0, 0])
                total[0] += fact.coins if isinstance(fact, CoinsPut) else -fact.coins
                total[1] += 1
                total[2] += isinstance(fact, JarEmptied)
        if not sums:
            return
        await connection.execute(
            text(
                "INSERT INTO jar AS j SELECT * FROM unnest("
                "CAST(:jars AS text[]), CAST(:content AS bigint[]), CAST(:changes AS int[]), "
                "CAST(:emptied AS int[])) ON CONFLICT (jar) DO UPDATE SET content = j.content + excluded.content, "
                "changes = j.changes + excluded.changes, emptied = j.emptied + excluded.emptied"
            ),
            {
                "jars": list(sums),
                "content": [total[0] for total in sums.values()],
                "changes": [total[1] for total in sums.values()],
                "emptied": [total[2] for total in sums.values()],
            },
        )


VIEWS: Sequence[View] = (JarView(), DeadLetterView())

# --- door of the log ---


def of_wishes(event: CloudEvent, record: Record) -> Submission | None:
    """``Put`` and ``Take`` are ours, ``Riddle`` breaks the door, anything else is none of our business."""
    if event.type == "Riddle":
        raise KeyError("what walks on four legs in the morning?")
    kind = {"Put": Put, "Take": Take}.get(event.type)
    if kind is None:
        return None
    try:
        fields = orjson.loads(event.data)
        command = kind(str(fields["jar"]), int(fields["coins"]))
    except (ValueError, LookupError, TypeError):
        raise Malformed("coins: must be a number") from None
    cause = f"{record.topic}/{record.partition}/{record.offset}"
    return Submission(DECIDER, command, Origin(event.source, cause, "{}", event.id))


DOORS = {TOPIC: of_wishes}
PUBLICATIONS: Mapping[str, Publication] = {
    **dict.fromkeys(READERS, partial(publish_as, EVENTS_TOPIC, "jars")),
    "MessageRefused": partial(dead_letters.to_message, "jars"),
}

# --- for the tests ---

Told = Callable[[Sequence[StoredEvent]], None]
"""Is told of events once they are committed."""


def handler_of(*more: View, told: Told = lambda _: None) -> CommandHandler:
    return CommandHandler(
        "jars", [AGGREGATE, dead_letters.AGGREGATE], [*VIEWS, *more], told, fits=size_check(PUBLICATIONS)
    )


def wish(command: Command, message_id: str | None = None, expected_version: int | None = None) -> Submission:
    """A command as a person or, with a message id, a message would bring it."""
    return Submission(DECIDER, command, Origin("tester", "test", "{}", message_id), expected_version)


def message_of(command: Command, message_id: str) -> Message:
    """A command on its way through the log."""
    data = orjson.dumps({"jar": command.jar, "coins": command.coins})
    return Message.of(CloudEvent(message_id, type(command).__name__, "shop", data), command.jar)


def message_named(kind: str, message_id: str, data: bytes = b"{}", key: str = "k") -> Message:
    return Message.of(CloudEvent(message_id, kind, "shop", data), key)


def records_of(messages: Iterable[Message], partition: int = 0, start: int = 0) -> list[Record]:
    """The messages as they would lie in a partition of the log."""
    return [
        Record(TOPIC, partition, offset, message.key, message.value, dict(message.headers))
        for offset, message in enumerate(messages, start)
    ]


def place_of(records: Sequence[Record]) -> Partition:
    return Partition(records[0].topic, records[0].partition)


def jars_in_shard(shard: int, number: int, prefix: str = "jar") -> list[str]:
    """So many names of jars that lie in one shard."""
    names = (f"{prefix}{index}" for index in range(10_000))
    return [name for name, _ in zip((n for n in names if shard_of(n) == shard), range(number), strict=False)]


_made: dict[str, str] = {}


@asynccontextmanager
async def fresh_jars(server: str) -> AsyncIterator[Database]:
    """The tiny service's database, empty: one for the whole run, since emptying is quicker than creating."""
    if server not in _made:
        name = fresh_name("jars")
        await ensure_database(server, name)
        made = Database(url_of(server, name), name=name)
        await migrate(made, [STORE_MIGRATIONS])
        async with made.begin() as connection:
            await connection.execute(text(_TABLE))
        await made.close()
        _made[server] = name
    database = Database(url_of(server, _made[server]), name="jars")
    await empty(database)
    yield database
    await database.close()


async def empty(database: Database) -> None:
    """As new; fails where a test before left a transaction open."""
    async with database.begin() as connection:
        await connection.execute(text("SET LOCAL lock_timeout = '5s'"))
        await connection.execute(text("ALTER TABLE event DISABLE TRIGGER event_is_append_only"))
        await connection.execute(
            text("TRUNCATE event, consumer_position, known_log, receipt, dead_letter, operation, jar")
        )
        await connection.execute(text("ALTER TABLE event ENABLE TRIGGER event_is_append_only"))
        await connection.execute(text("UPDATE shard SET position = 0, hash = ''"))
        await connection.execute(text("UPDATE relay_position SET position = 0"))


async def work(
    database: Database, batch: Sequence[Submission], *more: View, told: Told = lambda _: None
) -> list[Outcome]:
    """One batch in one transaction, as a request does it."""
    async with database.begin() as connection:
        return await handler_of(*more, told=told).work(connection, batch)


async def rows_of(database: Database, query: str, **values: object) -> list[tuple[Any, ...]]:
    async with database.read() as connection:
        return [tuple(row) for row in await connection.execute(text(query), values)]


async def contents(database: Database) -> dict[str, int]:
    """What is in each jar, as the view has it."""
    return dict(await rows_of(database, "SELECT jar, content FROM jar"))


async def everything(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """All that is in the database and must not depend on when and in how many batches it came there."""
    queries = {
        "event": "SELECT shard, position, stream, version, type, business_date, cause, actor, metadata,"
        " CASE WHEN type = 'MessageRefused' THEN '' ELSE data END,"  # a dead letter knows when it was first seen
        " CASE WHEN cause = 'test' AND event_id LIKE '________-____-7%' THEN '' ELSE event_id END"
        " FROM event ORDER BY shard, position",
        "jar": "SELECT * FROM jar ORDER BY jar",
        "dead_letter": "SELECT dead_letter_id, event_id, type, topic, partition, log_offset, reason, shard, position"
        " FROM dead_letter ORDER BY dead_letter_id",
        "place": "SELECT * FROM consumer_position ORDER BY topic, partition",
        "head": "SELECT shard, position FROM shard ORDER BY shard",
    }
    return {name: await rows_of(database, query) for name, query in queries.items()}
