"""The relay: everything is published, in order, at least once, by one process at a time."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from sqlalchemy import text

from shared.infrastructure.database import Database
from shared.infrastructure.event_log import EventLog, Message
from shared.infrastructure.event_log.embedded import EmbeddedLog
from shared.infrastructure.event_store import read_rows, shard_of_stream
from shared.infrastructure.relay import Relay, backlog
from tests.support.aggregate import (
    EVENTS_TOPIC,
    PUBLICATIONS,
    Put,
    Take,
    handler_of,
    jars_in_shard,
    rows_of,
    wish,
    work,
)
from tests.support.logs import WatchedLog, eventually, read_all


@asynccontextmanager
async def running(relay: Relay) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(relay.run())
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.fixture
def log(embedded_log: EmbeddedLog) -> WatchedLog:
    return WatchedLog(embedded_log)


def relay_of(jars: Database, log: EventLog) -> Relay:
    return Relay("jars", jars, log, PUBLICATIONS, idle_seconds=0.05)


async def caught_up(jars: Database) -> None:
    async def nothing_left() -> bool:
        return await backlog(jars) == 0

    await eventually(nothing_left)


def ids(messages: list[tuple[str, Message]]) -> list[str]:
    return [dict(message.headers)["ce_id"].decode() for _, message in messages]


def first_appearances(found: list[str]) -> list[str]:
    return list(dict.fromkeys(found))


async def stored(jars: Database, *shards: int) -> list[str]:
    query = "SELECT event_id FROM event WHERE shard = ANY(:shards) ORDER BY shard, position"
    return [event_id for (event_id,) in await rows_of(jars, query, shards=list(shards or range(8)))]


async def test_every_event_is_published_in_the_order_of_its_shard(
    jars: Database, event_log: EventLog
) -> None:
    log = WatchedLog(event_log)
    relay = Relay("jars", jars, log, _to_topic_of(event_log), idle_seconds=0.05)
    async with running(relay):
        for start in range(0, 60, 20):
            await work(jars, [wish(Put(f"jar{n % 7}", n + 1)) for n in range(start, start + 20)])
            relay.wake()
        await caught_up(jars)
        assert relay.trouble == "ok"
    by_shard: dict[int, list[str]] = {}
    for topic, message in log.published:
        by_shard.setdefault(shard_of_stream(f"jar-{message.key.decode()}"), []).extend(
            ids([(topic, message)])
        )
    assert {shard: await stored(jars, shard) for shard in by_shard} == by_shard
    for record in await read_all(event_log, log.published[0][0]):
        assert record.partition == shard_of_stream(f"jar-{record.key.decode()}")
        assert record.headers["ce_businessdate"] == b"2026-07-01"


def _to_topic_of(log: EventLog) -> dict[str, object]:
    """The publications, to the topic that the log of this test has."""
    topic = getattr(log, "_topics", [EVENTS_TOPIC])[0]

    def to_own_topic(row: object, kind: str) -> tuple[str, Message]:
        return topic, PUBLICATIONS[kind](row)[1]  # type: ignore[arg-type]

    return {kind: lambda row, kind=kind: to_own_topic(row, kind) for kind in PUBLICATIONS}


async def test_an_event_committed_late_is_not_skipped(jars: Database, log: WatchedLog) -> None:
    slow, quick, elsewhere = *jars_in_shard(1, 2), jars_in_shard(2, 1)[0]
    async with running(relay_of(jars, log)):
        async with jars.begin() as connection:
            await handler_of().work(connection, [wish(Put(slow, 1))])
            behind = asyncio.create_task(work(jars, [wish(Put(quick, 2))]))
            await work(jars, [wish(Put(elsewhere, 3))])

            async def other_shard_is_through() -> bool:
                return len(log.published) == 1

            await eventually(other_shard_is_through)
            await asyncio.sleep(0.2)
            assert not behind.done()
        await behind
        await caught_up(jars)
    assert [message.key.decode() for _, message in log.published] == [elsewhere, slow, quick]


async def test_a_crash_between_publishing_and_remembering_repeats_and_loses_nothing(
    jars: Database, log: WatchedLog
) -> None:
    name = jars_in_shard(0, 1)[0]
    await work(jars, [wish(Put(name, n)) for n in range(1, 6)])
    log.fail_after = 2
    async with running(relay_of(jars, log)) as task:
        await caught_up(jars)
        await work(jars, [wish(Put(name, n)) for n in range(6, 9)])
        await caught_up(jars)
        assert not task.done()
    expected = await stored(jars, 0)
    assert ids(log.published) == [*expected[:5] * 3, *expected[5:]]


async def test_a_relay_that_dies_at_any_point_repeats_and_loses_nothing(
    jars: Database, log: WatchedLog
) -> None:
    name = jars_in_shard(0, 1)[0]
    for round_number in range(12):
        await work(jars, [wish(Put(name, n)) for n in range(1, 4)])
        async with running(relay_of(jars, log)):
            await asyncio.sleep(round_number * 0.004)
    async with running(relay_of(jars, log)):
        await caught_up(jars)
    assert first_appearances(ids(log.published)) == await stored(jars, 0)


async def test_while_the_log_is_away_the_relay_waits_longer_and_longer_and_says_so(
    jars: Database, log: WatchedLog
) -> None:
    log.fail_before = 1_000
    await work(jars, [wish(Put("a", 1))])
    relay = relay_of(jars, log)
    async with running(relay):
        await asyncio.sleep(1.6)
        assert 2 <= log.calls <= 6  # not some fifteen, as with a pause that does not grow
        assert relay.trouble.startswith("log away")
        assert await backlog(jars) == 1
        log.fail_before = 0
        await caught_up(jars)
        assert relay.trouble == "ok"
    assert len(log.published) == 1


async def test_while_the_database_is_away_the_relay_waits_and_goes_on(
    jars: Database, log: WatchedLog
) -> None:
    relay = relay_of(jars, log)
    async with running(relay) as task:
        for number in range(3):
            await work(jars, [wish(Put("a", number + 1))])
            await caught_up(jars)
            await terminate_others(jars)
        await work(jars, [wish(Put("a", 9))])
        await caught_up(jars)
        assert not task.done()
    assert first_appearances(ids(log.published)) == await stored(jars)


async def terminate_others(jars: Database) -> None:
    """As a restart of the server does it to every session."""
    async with jars.read() as connection:
        await connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    await jars.engine.dispose()  # what is left in the pool is dead


async def test_of_two_relays_one_stands_by_and_takes_over_when_the_first_ends(
    jars: Database, embedded_log: EmbeddedLog
) -> None:
    logs = [WatchedLog(embedded_log), WatchedLog(embedded_log)]
    first, second = (relay_of(jars, log) for log in logs)
    async with running(second):
        async with running(first):
            for number in range(10):
                await work(jars, [wish(Put("a", number + 1))])
            await caught_up(jars)
            assert sorted(len(log.published) for log in logs) == [0, 10]
            assert (first.trouble, second.trouble) == ("ok", "ok")
        await work(jars, [wish(Put("a", 1))])
        await caught_up(jars)
    assert sum(len(log.published) for log in logs) == 11
    assert len(logs[1].published) >= 1


async def test_another_relay_takes_over_when_the_session_of_the_first_is_lost(
    jars: Database, embedded_log: EmbeddedLog
) -> None:
    logs = [WatchedLog(embedded_log), WatchedLog(embedded_log)]
    relays = [relay_of(jars, log) for log in logs]
    async with running(relays[0]), running(relays[1]):
        for number in range(4):
            await work(jars, [wish(Put("a", number + 1))])
            await caught_up(jars)
            await rows_of(
                jars,
                "SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_database ON oid = database "
                "WHERE locktype = 'advisory' AND granted AND datname = current_database()",
            )
        await work(jars, [wish(Put("a", 9))])
        await caught_up(jars)
        await asyncio.sleep(0)
    expected = await stored(jars)
    published = [message for log in logs for message in ids(log.published)]
    assert sorted(first_appearances(published)) == sorted(expected)
    in_the_log = [record.headers["ce_id"].decode() for record in await read_all(embedded_log, EVENTS_TOPIC)]
    assert first_appearances(in_the_log) == expected


async def test_a_caller_learns_when_its_events_are_in_the_log(jars: Database, log: WatchedLog) -> None:
    async with jars.begin() as connection:
        [outcome] = await handler_of().work(connection, [wish(Put("a", 1))])
    relay = relay_of(jars, log)
    assert not await relay.published(outcome.events, within_seconds=0.2)
    async with running(relay):
        assert await relay.published(outcome.events, within_seconds=10)
        assert len(log.published) == 1
    assert await relay_of(jars, log).published(outcome.events)  # one that never ran looks into the database
    assert await relay.published([])


async def test_a_relay_ends_when_it_is_told_to_even_in_the_moment_in_which_it_is_woken(
    jars: Database, log: WatchedLog
) -> None:
    relay = relay_of(jars, log)
    for _ in range(5):
        task = asyncio.create_task(relay.run())
        await asyncio.sleep(0.1)
        relay.wake()
        task.cancel()
        await asyncio.wait({task}, timeout=5)
        assert task.cancelled()


async def test_a_relay_that_takes_over_knows_what_was_published_before(
    jars: Database, log: WatchedLog
) -> None:
    async with jars.begin() as connection:
        [outcome] = await handler_of().work(connection, [wish(Put("a", 1))])
    async with running(relay_of(jars, log)):
        await caught_up(jars)
    heir = relay_of(jars, log)
    async with running(heir):
        await work(jars, [wish(Put(jars_in_shard(0, 1)[0], 1))])
        await caught_up(jars)
        assert await heir.published(outcome.events, within_seconds=1.0)


async def test_events_that_concern_nobody_else_are_passed_over(jars: Database, log: WatchedLog) -> None:
    await work(jars, [wish(Put("a", 5)), wish(Take("a", 5))])
    relay = Relay("jars", jars, log, {"CoinsTaken": PUBLICATIONS["CoinsTaken"]}, idle_seconds=0.05)
    async with running(relay):
        await caught_up(jars)
    assert [dict(message.headers)["ce_type"] for _, message in log.published] == [b"CoinsTaken"]


def _nobody(_: object) -> None:
    """Whom the handler of another process tells is not this relay."""


async def _leading(relay: Relay) -> None:
    async def leads() -> bool:
        return relay.trouble == "ok"

    await eventually(leads)


async def test_what_this_process_committed_is_published_without_being_read_back(
    jars: Database, log: WatchedLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_back: list[int] = []

    async def counted(connection: Any, shard: int, after: int, limit: int) -> Any:
        read_back.append(shard)
        return await read_rows(connection, shard, after, limit)

    monkeypatch.setattr("shared.infrastructure.relay.read_rows", counted)
    relay = relay_of(jars, log)
    [here], [elsewhere] = jars_in_shard(3, 1), jars_in_shard(4, 1)
    relay._leads = True  # by hand, as one that runs may look between the commit and the word of it
    async with jars.read() as connection:
        for _ in range(3):
            await work(jars, [wish(Put(here, 1)), wish(Put(here, 2))], told=relay.committed)
            assert await relay.publish_once(connection) == 2
        await work(jars, [wish(Put(elsewhere, 1))])
        assert await relay.publish_once(connection) == 1
    assert ids(log.published) == await stored(jars, 3, 4)
    assert read_back == [4]


async def test_what_other_processes_committed_in_between_is_published_in_its_place(
    jars: Database, log: WatchedLog
) -> None:
    dice = random.Random(11)
    relay = relay_of(jars, log)
    [name] = jars_in_shard(3, 1)
    async with running(relay):
        await _leading(relay)
        for n in range(60):
            told = relay.committed if dice.random() < 0.6 else _nobody
            await work(jars, [wish(Put(name, 1 + n % 3))] * dice.randrange(1, 4), told=told)
            log.fail_after += n == 30
            if dice.random() < 0.5:
                relay.wake()
                await asyncio.sleep(dice.random() * 0.02)
        await caught_up(jars)
    assert first_appearances(ids(log.published)) == await stored(jars, 3)


async def test_more_than_is_kept_at_hand_is_read_back(
    jars: Database, log: WatchedLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.infrastructure.relay._MOST_AT_HAND", 5)
    relay = relay_of(jars, log)
    [name] = jars_in_shard(3, 1)
    async with running(relay):
        await _leading(relay)
        await work(jars, [wish(Put(name, 1)) for _ in range(12)], told=relay.committed)
        await caught_up(jars)
    assert ids(log.published) == await stored(jars, 3)
