"""The consumer: every message has its effect exactly once, whatever dies, repeats or is away meanwhile."""

import asyncio
import random
import types
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as some
from sqlalchemy import text

from shared.infrastructure import consumer as consumer_module
from shared.infrastructure import publication
from shared.infrastructure.command_handler import Duplicate
from shared.infrastructure.consumer import Consumer
from shared.infrastructure.database import Database, url_of
from shared.infrastructure.dead_letters import original
from shared.infrastructure.event_log import (
    LARGEST_DEAD_LETTER_BYTES,
    EventLog,
    Message,
    Partition,
    Record,
    interface,
)
from shared.infrastructure.event_log.embedded import EmbeddedLog
from shared.infrastructure.relay import Relay, backlog
from shared.kernel.event import StoredEvent
from tests.support.aggregate import (
    CURSED,
    DOORS,
    EVENTS_TOPIC,
    PUBLICATIONS,
    TOPIC,
    Put,
    Take,
    contents,
    empty,
    everything,
    handler_of,
    message_named,
    message_of,
    of_wishes,
    place_of,
    records_of,
    rows_of,
    wish,
    work,
)
from tests.support.logs import Gate, eventually, read_all

ZERO = Partition(TOPIC, 0)


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test waits for longer than it must."""
    monkeypatch.setattr(consumer_module, "growing_pauses", lambda: iter(lambda: 0.01, None))


def consumer_of(
    jars: Database, log: EventLog, *, batch: int = 500, doors: dict[str, Any] | None = None
) -> Consumer:
    return Consumer("jars", jars, log, handler_of(), DOORS if doors is None else doors, batch=batch)


@asynccontextmanager
async def running(consumer: Consumer) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(consumer.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()


def puts(number: int, start: int = 0, jars: int = 7) -> list[Message]:
    return [message_of(Put(f"jar{n % jars}", 1 + n % 5), f"m{n}") for n in range(start, start + number)]


async def deliver(consumer: Consumer, records: Sequence[Record]) -> None:
    await consumer.work(place_of(records), consumer.reader.read(records))


async def read_up(consumer: Consumer, within_seconds: float = 30.0) -> None:
    async def nothing_left() -> bool:
        try:
            return not any((await consumer.lag()).values())
        except Exception:  # it is asked while things are away
            return False

    await eventually(nothing_left, within_seconds)


async def dead_letters(jars: Database) -> list[tuple[Any, ...]]:
    return await rows_of(
        jars, "SELECT event_id, reason, attempts FROM dead_letter ORDER BY log_offset, partition"
    )


# --- exactly once ---


async def test_a_batch_that_is_delivered_twice_counts_once(jars: Database, embedded_log: EmbeddedLog) -> None:
    records = records_of([*puts(40), message_of(Take("empty", 1), "t1"), message_named("Riddle", "r1")])
    await deliver(consumer_of(jars, embedded_log), records)
    before = await everything(jars)
    await deliver(consumer_of(jars, embedded_log), records)
    assert await everything(jars) == before
    assert sum((await contents(jars)).values()) == sum(1 + n % 5 for n in range(40))


async def test_batches_that_overlap_or_come_too_late_count_once(
    jars: Database, embedded_log: EmbeddedLog
) -> None:
    records = records_of(puts(30))
    consumer = consumer_of(jars, embedded_log)
    for start, end in ((0, 10), (5, 20), (0, 10), (18, 30), (0, 30), (29, 30)):
        await deliver(consumer, records[start:end])
    assert await rows_of(jars, "SELECT count(*), count(DISTINCT event_id) FROM event") == [(30, 30)]
    assert await rows_of(jars, "SELECT next_offset FROM consumer_position") == [(30,)]


async def test_a_message_that_lies_in_the_log_twice_counts_once(
    jars: Database, embedded_log: EmbeddedLog
) -> None:
    messages = puts(5)
    outcomes = []
    consumer = consumer_of(jars, embedded_log)
    for start in (0, 5, 10):
        records = records_of(messages, start=start)
        outcomes += await consumer.work(ZERO, consumer.reader.read(records))
    assert [type(outcome) for outcome in outcomes[5:]] == [Duplicate] * 10
    assert await rows_of(jars, "SELECT count(*) FROM event") == [(5,)]


async def test_two_consumers_at_the_same_place_work_each_message_once(
    jars: Database, embedded_log: EmbeddedLog
) -> None:
    records = records_of([*puts(60), message_of(Take("empty", 1), "t1")])
    consumers = [consumer_of(jars, embedded_log) for _ in range(3)]

    async def in_parts(consumer: Consumer, size: int) -> None:
        for start in range(0, len(records), size):
            await deliver(consumer, records[start : start + size])

    await asyncio.gather(*map(in_parts, consumers, (20, 61, 7)))
    assert await rows_of(jars, "SELECT count(*), count(DISTINCT event_id) FROM event") == [(61, 61)]
    assert sum((await contents(jars)).values()) == sum(1 + n % 5 for n in range(60))


async def test_a_place_that_lies_ahead_is_not_moved_back(jars: Database, embedded_log: EmbeddedLog) -> None:
    consumer = consumer_of(jars, embedded_log)
    await deliver(consumer, records_of(puts(10)))
    await deliver(consumer, records_of(puts(3)))
    await embedded_log.publish(TOPIC, [Message(b"jar0", b"", [], 0) for _ in range(10)])
    assert await consumer.positions([ZERO, Partition(TOPIC, 1)]) == {ZERO: 10, Partition(TOPIC, 1): 0}


@types.coroutine
def cancelled_at(step: int, coroutine: Coroutine[Any, Any, None]) -> Generator[Any, Any, bool]:
    """Run the coroutine, cancelled at its so-and-so-manieth wait; False when it ended before."""
    value: Any = None
    thrown: BaseException | None = None
    count = 0
    while True:
        try:
            waiting = coroutine.send(value) if thrown is None else coroutine.throw(thrown)
        except StopIteration:
            return False
        count += 1
        if count == step:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
        value, thrown = None, None
        try:
            value = yield waiting
        except BaseException as error:
            thrown = error


async def test_a_batch_that_is_killed_at_any_of_its_waits_is_worked_whole_or_not_at_all(
    jars: Database, embedded_log: EmbeddedLog
) -> None:
    async def attempt(step: int, records: Sequence[Record]) -> bool:
        return await cancelled_at(step, deliver(consumer_of(jars, embedded_log), records))

    step, killed, started = 0, True, 0
    while killed:
        step += 1
        batch = [
            *puts(4, start=4 * step),
            message_of(Take("empty", 1), f"t{step}"),
            message_named("Odd", "o"),
        ]
        records = records_of(batch, start=started)
        [(events_before, place)] = await rows_of(jars, _EVENTS_AND_PLACE)
        task = asyncio.create_task(attempt(step, records))
        await asyncio.wait({task})
        killed = task.cancelled()
        assert killed or not task.exception()
        [(events, place_now)] = await rows_of(jars, _EVENTS_AND_PLACE)
        assert (events - events_before, place_now - place) in ((0, 0), (5, 6))
        await deliver(consumer_of(jars, embedded_log), records)
        started += 6
    assert step > 10  # there are that many waits, and each was tried
    assert await rows_of(jars, _EVENTS_AND_PLACE) == [(5 * step, 6 * step)]
    assert sum((await contents(jars)).values()) == sum(1 + n % 5 for n in range(4, 4 * step + 4))


_EVENTS_AND_PLACE = (
    "SELECT (SELECT count(*) FROM event), coalesce((SELECT next_offset FROM consumer_position), 0)"
)


async def test_a_consumer_that_is_killed_again_and_again_ends_where_an_undisturbed_one_does(
    jars: Database, event_log: EventLog, topic: str
) -> None:
    dice = random.Random(7)
    messages = [
        message_of(dice.choice((Put, Put, Take))(f"jar{dice.randrange(9)}", dice.randrange(1, 6)), f"m{n}")
        for n in range(400)
    ]
    doors = {topic: of_wishes}
    kills = 3 if type(event_log).__name__ == "KafkaLog" else 12
    for n in range(kills):
        part = messages[n * len(messages) // kills : (n + 1) * len(messages) // kills]
        await event_log.publish(topic, part)
        consumer = consumer_of(jars, event_log, batch=10, doors=doors)
        async with running(consumer):
            await asyncio.sleep(dice.random() * 0.15)
    last = consumer_of(jars, event_log, doors=doors)
    async with running(last):
        await read_up(last)
    survived = await everything(jars)
    await empty(jars)
    undisturbed = consumer_of(jars, event_log, doors=doors)
    async with running(undisturbed):
        await read_up(undisturbed)
    assert await everything(jars) == survived
    assert len(survived["event"]) >= 400


# --- messages that cannot be worked ---


async def test_malformed_and_refused_messages_become_dead_letters_and_the_others_are_worked(
    jars: Database, embedded_log: EmbeddedLog
) -> None:
    messages = [
        message_of(Put("a", 5), "m1"),
        message_of(Take("a", 9), "m2"),  # refused
        message_named("Put", "m3", b'{"jar": "a", "coins": "many"}'),  # malformed
        Message(b"a", b"no JSON", ()),  # neither binary nor structured
        Message(b"a", b"{}", [("ce_id", b"m"), ("ce_type", b"\xff")]),  # headers that are no text
        message_named("Sneeze", "m4"),  # nobody's business
        message_of(Take("a", 5), "m5"),
    ]
    await deliver(consumer_of(jars, embedded_log), records_of(messages))
    assert await contents(jars) == {"a": 0}
    letters = await dead_letters(jars)
    assert [(event_id, reason.partition(":")[0]) for event_id, reason, _ in letters] == [
        ("m2", "coins"),
        ("m3", "coins"),
        (None, "message"),
        (None, "headers"),
    ]
    assert {attempts for _, _, attempts in letters} == {1}


async def test_a_message_that_breaks_the_door_is_given_up_and_the_others_are_worked(
    jars: Database, embedded_log: EmbeddedLog
) -> None:
    await embedded_log.publish(
        TOPIC, [*puts(10), message_named("Riddle", "r1", key="jar0"), *puts(10, start=10)]
    )
    consumer = consumer_of(jars, embedded_log)
    async with running(consumer):
        await read_up(consumer)
    assert await dead_letters(jars) == [("r1", "unexpected error: KeyError", 1)]
    assert sum((await contents(jars)).values()) == sum(1 + n % 5 for n in range(20))


async def test_a_message_that_breaks_the_handler_is_found_tried_and_given_up_and_the_others_are_worked(
    jars: Database, embedded_log: EmbeddedLog
) -> None:
    messages = puts(60)
    for place in (0, 17, 18, 59):
        messages[place] = message_of(Put(f"jar{place % 7}", CURSED), f"cursed{place}")
    messages[30] = message_of(Take("empty", 1), "t1")
    await embedded_log.publish(TOPIC, [Message(m.key, m.value, m.headers, 0) for m in messages])
    consumer = consumer_of(jars, embedded_log)
    async with running(consumer):
        await read_up(consumer)
        assert consumer.trouble == "ok"
    given_up = [row for row in await dead_letters(jars) if row[0] != "t1"]
    assert given_up == [(f"cursed{n}", "unexpected error: ZeroDivisionError", 3) for n in (0, 17, 18, 59)]
    worked = [n for n in range(60) if n not in (0, 17, 18, 30, 59)]
    assert sum((await contents(jars)).values()) == sum(1 + n % 5 for n in worked)
    assert len(await dead_letters(jars)) == 5


@pytest.mark.parametrize(
    "poison",
    [
        Message(b"\xff\xfe", b"\x00\xff", [("ce_type", b"Put"), ("odd", b"\xff")]),
        message_named("Put", "nul\0id", b'{"jar": "a", "coins": 1}'),
        message_named("Put", "m", b'{"jar": "a\\u0000b", "coins": 1}'),
        message_named("Put", "m", b'{"jar": "a", "coins": 99999999999999999999}'),
        message_named("Nul\0Type", "m", b"{}"),
        message_named("Put", "m", b"[" * 100_000),
        Message(b"a#b\0c", b"", ()),
        Message(b"", b"", ()),
        Message(random.Random(1).randbytes(20_000).hex().encode(), b"?", ()),
        message_named(
            "Put", "m", b'{"jar": "' + random.Random(2).randbytes(20_000).hex().encode() + b'", "coins": 1}'
        ),
        Message(b"k", b'{"specversion": "1.0", "id": "\\ud800", "type": "Put", "source": "s"}', ()),
        Message(b"k", random.Random(3).randbytes(600_000), ()),
    ],
    ids=[
        "bytes",
        "nul in id",
        "nul in data",
        "huge number",
        "nul in type",
        "deep",
        "odd key",
        "empty",
        "long key",
        "long name",
        "half a character",
        "large",
    ],
)
async def test_no_message_however_odd_holds_up_the_next_one(
    jars: Database, embedded_log: EmbeddedLog, poison: Message
) -> None:
    good = message_of(Put("good", 1), "good")
    await embedded_log.publish(TOPIC, [Message(m.key, m.value, m.headers, 0) for m in (poison, good)])
    consumer = consumer_of(jars, embedded_log)
    async with running(consumer):
        await read_up(consumer)
    assert (await contents(jars))["good"] == 1


class CollidingView:
    """A view whose writers meet others so many times before they get through."""

    tables = ()
    takes = None

    def __init__(self, errors: Sequence[Exception]) -> None:
        self.errors = list(errors)

    async def project(self, connection: object, events: Sequence[StoredEvent]) -> None:
        if self.errors and any(event.type == "CoinsPut" for event in events):
            raise self.errors.pop()


@pytest.mark.parametrize("error", [asyncpg.DeadlockDetectedError, asyncpg.SerializationError])
async def test_however_often_writers_collide_their_messages_are_not_given_up(
    jars: Database, embedded_log: EmbeddedLog, error: type[Exception]
) -> None:
    view = CollidingView([error("others were there") for _ in range(40)])
    await embedded_log.publish(TOPIC, puts(3))
    consumer = Consumer("jars", jars, embedded_log, handler_of(view), DOORS)
    async with running(consumer):
        await read_up(consumer)
    assert view.errors == []
    assert await rows_of(jars, "SELECT count(*) FROM event") == [(3,)]
    assert await dead_letters(jars) == []


async def test_a_message_with_a_fault_of_its_own_is_given_up_after_three_tries_collisions_not_counted(
    jars: Database, embedded_log: EmbeddedLog
) -> None:
    own, others = ZeroDivisionError("its own"), asyncpg.DeadlockDetectedError("others were there")
    await embedded_log.publish(TOPIC, puts(1))
    view = CollidingView([own, own, others, others, others, others, own])
    consumer = Consumer("jars", jars, embedded_log, handler_of(view), DOORS)
    async with running(consumer):
        await read_up(consumer)
    assert await dead_letters(jars) == [("m0", "unexpected error: ZeroDivisionError", 3)]


async def test_a_message_whose_event_the_log_would_not_take_is_refused_and_stops_nobody(
    jars: Database, embedded_log: EmbeddedLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interface, "LARGEST_MESSAGE_BYTES", 500)
    monkeypatch.setattr(publication, "_SURELY_FITS", 100)
    messages = [
        message_of(Put("a", 1), "m1"),
        message_of(Put("v" * 400, 1), "m2"),
        message_of(Put("a", 2), "m3"),
    ]
    await deliver(consumer_of(jars, embedded_log), records_of(messages))
    async with jars.read() as connection:
        await Relay("jars", jars, embedded_log, PUBLICATIONS).publish_once(connection)
    assert await backlog(jars) == 0
    [(event_id, reason, _)] = await dead_letters(jars)
    assert event_id == "m2"
    assert reason.startswith("data: CoinsPut would be too large to publish: ")
    assert reason.endswith(" (event-fits-the-log)")
    told = [record.headers["ce_type"] for record in await read_all(embedded_log, EVENTS_TOPIC)]
    assert told == [b"CoinsPut", b"CoinsPut"]
    assert await contents(jars) == {"a": 3}


async def test_a_dead_letter_that_no_topic_takes_is_told_by_its_reason_and_kept_whole(
    jars: Database, embedded_log: EmbeddedLog
) -> None:
    consumer = consumer_of(jars, embedded_log)
    vast = Message(b"k", b"no JSON" + b"x" * LARGEST_DEAD_LETTER_BYTES)
    await deliver(consumer, records_of([vast]))
    relay = Relay("jars", jars, embedded_log, PUBLICATIONS)
    async with jars.read() as connection:
        await relay.publish_once(connection)
        kept = await original(connection, f"{TOPIC}.0.0")
    assert kept.value == vast.value
    [record] = await read_all(embedded_log, f"{TOPIC}.dead-letter")
    assert record.value == b""
    assert record.headers["dl_reason"].startswith(b"message: is not JSON")
    assert record.headers["dl_left_out"].endswith(f": {TOPIC}.0.0".encode())


async def test_a_dead_letter_is_published_with_the_original_message_and_the_reason(
    jars: Database, event_log: EventLog, topic: str
) -> None:
    messages = [
        message_of(Take("a", 9), "m1"),
        Message(b"k\xff", b"\x00no JSON", [("binary", b"\xff"), ("note", b"as it was")]),
        message_of(Put("a", 1), "m2"),
    ]
    await event_log.publish(topic, messages)
    consumer = consumer_of(jars, event_log, doors={topic: of_wishes})
    relay = Relay(
        "jars", jars, event_log, {"MessageRefused": PUBLICATIONS["MessageRefused"]}, idle_seconds=0.05
    )
    relaying = asyncio.create_task(relay.run())

    async def both_are_there() -> bool:
        return sum((await event_log.end_offsets([f"{topic}.dead-letter"])).values()) == 2

    async with running(consumer):
        await eventually(both_are_there)
    relaying.cancel()
    await asyncio.wait({relaying})
    letters = {record.key: record for record in await read_all(event_log, f"{topic}.dead-letter")}
    refused, unreadable = letters[b"a"], letters[b"k\xff"]
    assert refused.value == messages[0].value
    assert unreadable.value == b"\x00no JSON"
    assert {**refused.headers, **dict(messages[0].headers)} == refused.headers
    assert (unreadable.headers["binary"], unreadable.headers["note"]) == (b"\xff", b"as it was")
    assert refused.headers["dl_reason"] == b"coins: the jar holds 0 (jar-holds-enough)"
    assert unreadable.headers["dl_reason"].startswith(b"message: ")
    for record in (refused, unreadable):
        assert record.partition == 0
        assert record.headers["dl_service"] == b"jars"
        assert record.headers["dl_attempts"] == b"1"
        assert record.headers["dl_first_seen"].startswith(b"20")


async def test_messages_with_one_id_on_two_partitions_at_once_count_once(
    jars: Database, embedded_log: EmbeddedLog
) -> None:
    await embedded_log.publish(TOPIC, [message_of(Put(f"jar{n}", 1), f"m{n % 5}") for n in range(40)])
    consumer = consumer_of(jars, embedded_log)
    async with running(consumer):
        await read_up(consumer)
    assert await rows_of(jars, "SELECT count(*) FROM event") == [(5,)]
    assert await dead_letters(jars) == []


# --- outages ---


async def terminate_all(jars: Database) -> None:
    async with jars.read() as connection:
        await connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )


async def test_connections_that_break_during_the_work_lose_and_repeat_nothing(
    jars: Database, embedded_log: EmbeddedLog
) -> None:
    own = Database(jars.url, name="killer")
    await embedded_log.publish(TOPIC, puts(600))
    consumer = consumer_of(jars, embedded_log, batch=15)
    async with running(consumer) as task:
        for _ in range(12):
            await asyncio.sleep(0.02)
            await terminate_all(own)
        await read_up(consumer)
        assert not task.done()
    await own.close()
    assert await rows_of(jars, "SELECT count(*), count(DISTINCT event_id) FROM event") == [(600, 600)]
    assert sum((await contents(jars)).values()) == sum(1 + n % 5 for n in range(600))


Switch = Callable[[bool], Coroutine[Any, Any, None]]


async def survives_an_outage(jars: Database, consumer: Consumer, log: EventLog, away: Switch) -> None:
    """Messages before, during and after an outage of the database are worked, and none is given up."""
    async with running(consumer) as task:
        await log.publish(TOPIC, puts(50))
        await read_up(consumer)
        await away(True)
        await log.publish(TOPIC, puts(50, start=50))

        async def says_so() -> bool:
            return consumer.trouble != "ok"

        await eventually(says_so)
        await asyncio.sleep(0.3)
        assert not task.done()
        await away(False)
        await log.publish(TOPIC, puts(50, start=100))
        await read_up(consumer)
        assert consumer.trouble == "ok"
    assert await dead_letters(jars) == []
    assert await rows_of(jars, "SELECT count(*), count(DISTINCT event_id) FROM event") == [(150, 150)]


async def test_while_the_server_refuses_connections_the_consumer_waits_and_then_goes_on(
    jars: Database, embedded_log: EmbeddedLog, gate: Gate, log_lines: list[dict[str, Any]]
) -> None:
    through_the_gate = Database(gate.url_of(jars.url.database), name="jars")

    async def away(begins: bool) -> None:
        await (gate.shut() if begins else gate.open())

    await survives_an_outage(jars, consumer_of(through_the_gate, embedded_log), embedded_log, away)
    await through_the_gate.close()
    assert {(line["event"], line["log_level"]) for line in log_lines} >= {("batch tried again", "warning")}


@pytest.mark.parametrize(
    ("begin", "end"),
    [
        ("ALLOW_CONNECTIONS false", "ALLOW_CONNECTIONS true"),
        ("SET default_transaction_read_only = on", "RESET default_transaction_read_only"),
    ],
    ids=["not accepting connections", "read only"],
)
async def test_a_database_that_cannot_be_used_is_no_fault_of_the_message(
    postgres_url: str, jars: Database, embedded_log: EmbeddedLog, begin: str, end: str
) -> None:
    maintenance = Database(url_of(postgres_url, "postgres"), name="maintenance")

    async def away(begins: bool) -> None:
        name = jars.url.database
        async with maintenance.read() as connection:
            await connection.execute(text(f"ALTER DATABASE {name} {begin if begins else end}"))
            await connection.execute(
                text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"),
                {"name": name},
            )

    await jars.close()  # whatever is in the pool would be terminated
    try:
        await survives_an_outage(jars, consumer_of(jars, embedded_log), embedded_log, away)
    finally:
        await away(False)
        await jars.close()
        await maintenance.close()


async def test_while_the_log_is_away_the_consumer_waits_and_then_goes_on(
    jars: Database, embedded_log: EmbeddedLog, gate: Gate
) -> None:
    through_the_gate = EmbeddedLog(gate.url_of(embedded_log._url.database))
    consumer = consumer_of(jars, through_the_gate)
    async with running(consumer) as task:
        for start in (0, 50, 100):
            await embedded_log.publish(TOPIC, puts(50, start=start))
            await read_up(consumer)
            await gate.shut()

            async def says_so() -> bool:
                return "LogUnavailable" in consumer.trouble

            await eventually(says_so)
            assert not task.done()
            await gate.open()

        async def is_well() -> bool:
            return consumer.trouble == "ok"

        await eventually(is_well)
    await through_the_gate.stop()
    assert await rows_of(jars, "SELECT count(*) FROM event") == [(150,)]


# --- figures ---


async def test_the_lag_is_what_has_not_been_worked_yet(jars: Database, embedded_log: EmbeddedLog) -> None:
    doors = {TOPIC: of_wishes, "other": of_wishes}
    consumer = consumer_of(jars, embedded_log, doors=doors)
    assert await consumer.lag() == {TOPIC: 0, "other": 0}
    await embedded_log.publish(TOPIC, puts(30))
    await embedded_log.publish("other", [Message(b"k", b"", (), 3)] * 4)
    await embedded_log.publish("nobody's", puts(5))
    assert await consumer.lag() == {TOPIC: 30, "other": 4}
    [some_records, *_] = [
        [record for record in await read_all(embedded_log, TOPIC) if record.partition == number]
        for number in {record.partition for record in await read_all(embedded_log, TOPIC)}
    ]
    await deliver(consumer, some_records)
    assert await consumer.lag() == {TOPIC: 30 - len(some_records), "other": 4}
    async with running(consumer):
        await read_up(consumer)
    assert await consumer.lag() == {TOPIC: 0, "other": 0}


async def test_a_log_that_ends_before_the_place_reached_is_refused_and_nothing_in_it_skipped(
    jars: Database, embedded_log: EmbeddedLog
) -> None:
    await embedded_log.publish(TOPIC, puts(5))
    async with jars.begin() as connection:
        await connection.execute(
            text(
                "INSERT INTO consumer_position SELECT :topic, number, 1000 FROM generate_series(0, 7) AS number"
            ),
            {"topic": TOPIC},
        )
    consumer = consumer_of(jars, embedded_log)

    async def refused() -> bool:
        return "this is not the log that was read before" in consumer.trouble

    async with running(consumer):
        await eventually(refused)
    assert await contents(jars) == {}


async def test_a_service_that_reads_no_topic_has_no_lag_and_no_trouble(
    jars: Database, embedded_log: EmbeddedLog
) -> None:
    consumer = consumer_of(jars, embedded_log, doors={})
    await consumer.run()
    assert consumer.trouble == "ok"
    assert await consumer.lag() == {}


# --- properties ---

some_messages = some.lists(
    some.one_of(
        some.builds(
            lambda kind, jar, coins, number: message_of(kind(jar, coins), f"m{number}"),
            some.sampled_from((Put, Put, Take)),
            some.sampled_from(("a", "b", "c")),
            some.sampled_from((0, 1, 2, 5, CURSED)),
            some.integers(0, 25),
        ),
        some.sampled_from([message_named("Sneeze", "s"), message_named("Riddle", "r"), Message(b"", b"?")]),
    ),
    min_size=1,
    max_size=20,
)


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    database=None,
)
@given(
    messages=some_messages,
    repeats=some.lists(some.tuples(some.integers(0, 19), some.integers(1, 20)), max_size=6),
)
async def test_handling_anything_twice_changes_nothing(
    jars: Database, embedded_log: EmbeddedLog, messages: list[Message], repeats: list[tuple[int, int]]
) -> None:
    records = records_of(messages)
    await empty(jars)
    consumer = consumer_of(jars, embedded_log)
    await consumer._persist(ZERO, consumer.reader.read(records))
    once = await everything(jars)
    await empty(jars)
    reached = 0
    for start, length in [*repeats, (0, len(records))]:
        start = min(start, reached)  # a log never skips
        part = records[start : start + length]
        if part:
            reached = max(reached, start + len(part))
            await consumer._persist(ZERO, consumer.reader.read(part))
    assert await everything(jars) == once


async def test_reading_a_topic_again_from_its_beginning_changes_nothing(
    jars: Database, embedded_log: EmbeddedLog
) -> None:
    messages = puts(30)
    messages[3] = message_of(Take("empty", 1), "t1")
    messages[8] = message_of(Put("jar1", CURSED), "cursed")
    messages[9] = Message(b"k", b"?")
    records = records_of(messages)
    consumer = consumer_of(jars, embedded_log)
    await consumer._persist(ZERO, consumer.reader.read(records))
    before = await everything(jars)
    async with jars.begin() as connection:
        await connection.execute(text("DELETE FROM consumer_position"))
    await consumer._persist(ZERO, consumer.reader.read(records))
    assert await everything(jars) == before


async def test_a_message_and_a_person_at_once_are_put_in_order(
    jars: Database, embedded_log: EmbeddedLog
) -> None:
    consumer = consumer_of(jars, embedded_log)

    async def messages() -> None:
        for n in range(10):
            await deliver(consumer, records_of([message_of(Put("a", 1), f"m{n}")], start=n))

    await asyncio.gather(messages(), *(work(jars, [wish(Put("a", 1))]) for _ in range(10)))
    assert await rows_of(jars, "SELECT count(*), max(version) FROM event") == [(20, 20)]
    assert await contents(jars) == {"a": 20}
