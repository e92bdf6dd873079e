"""The event store: positions without gaps, whoever writes when, and readers that skip nothing."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.infrastructure import event_store
from shared.infrastructure.database import Database
from shared.infrastructure.event_log import PARTITIONS, shard_of
from shared.infrastructure.event_store import first_break, read_rows, shard_of_stream
from tests.support.aggregate import (
    HISTORY,
    CoinsPut,
    Put,
    contents,
    handler_of,
    jars_in_shard,
    rows_of,
    wish,
    work,
)


@asynccontextmanager
async def unfinished(jars: Database, command: Put) -> AsyncIterator[AsyncConnection]:
    """A transaction that has worked the command and holds its shard until the block ends."""
    async with jars.begin() as connection:
        await handler_of().work(connection, [wish(command)])
        yield connection


async def positions(jars: Database, shard: int) -> list[int]:
    rows = await rows_of(
        jars, "SELECT position FROM event WHERE shard = :shard ORDER BY position", shard=shard
    )
    return [position for (position,) in rows]


async def waits(task: asyncio.Task[object], seconds: float = 0.3) -> bool:
    done, _ = await asyncio.wait({task}, timeout=seconds)
    return not done


# --- positions and versions ---


async def test_writers_on_one_shard_leave_no_gap_and_give_each_stream_its_versions(jars: Database) -> None:
    names = jars_in_shard(3, 4)
    await asyncio.gather(*(work(jars, [wish(Put(names[n % 4], n + 1))] * 2) for n in range(24)))
    assert await positions(jars, 3) == list(range(1, 49))
    for name in names:
        rows = await rows_of(
            jars, "SELECT version FROM event WHERE stream = :stream ORDER BY position", stream=f"jar-{name}"
        )
        assert [version for (version,) in rows] == list(range(1, 13))


async def test_writers_on_all_shards_at_once_keep_each_shard_whole(jars: Database) -> None:
    async def writer(seed: int) -> None:
        dice = random.Random(seed)
        for _ in range(5):
            batch = [
                wish(Put(f"jar{dice.randrange(30)}", dice.randrange(1, 9)))
                for _ in range(dice.randrange(1, 8))
            ]
            await work(jars, batch)

    await asyncio.gather(*(writer(seed) for seed in range(10)))
    async with jars.read() as connection:
        for shard in range(PARTITIONS):
            rows = await read_rows(connection, shard, 0, 10_000)
            assert [row["position"] for row in rows] == list(range(1, len(rows) + 1))
            assert all(shard_of_stream(row["stream"]) == shard for row in rows)
            assert first_break(b"", 1, rows) is None
            [(position, head)] = await rows_of(
                jars, "SELECT position, hash FROM shard WHERE shard = :shard", shard=shard
            )
            assert (position, head) == ((rows[-1]["position"], rows[-1]["hash"]) if rows else (0, b""))
    repeated = "SELECT stream FROM event GROUP BY stream HAVING max(version) <> count(*)"
    assert not await rows_of(jars, repeated)


async def test_a_writer_waits_for_the_one_before_it_on_the_same_shard(jars: Database) -> None:
    first, second = jars_in_shard(5, 2)
    async with unfinished(jars, Put(first, 1)):
        later = asyncio.create_task(work(jars, [wish(Put(second, 2))]))
        assert await waits(later)
        assert await positions(jars, 5) == []  # nothing of either is to be seen
    await later
    rows = await rows_of(jars, "SELECT position, stream FROM event ORDER BY position")
    assert rows == [(1, f"jar-{first}"), (2, f"jar-{second}")]


async def test_writers_on_different_shards_do_not_wait_for_each_other(jars: Database) -> None:
    async with unfinished(jars, Put(jars_in_shard(0, 1)[0], 1)):
        for shard in range(1, PARTITIONS):
            await asyncio.wait_for(work(jars, [wish(Put(jars_in_shard(shard, 1)[0], 1))]), 10)
            assert await positions(jars, shard) == [1]
        assert await positions(jars, 0) == []
    assert await positions(jars, 0) == [1]


async def test_a_transaction_that_is_given_up_leaves_no_gap(jars: Database) -> None:
    name = jars_in_shard(2, 1)[0]
    async with unfinished(jars, Put(name, 1)) as connection:
        later = asyncio.create_task(work(jars, [wish(Put(name, 2))]))
        assert await waits(later)
        await connection.rollback()
    await later
    assert await positions(jars, 2) == [1]
    assert await contents(jars) == {name: 2}


async def test_batches_over_many_shards_do_not_block_each_other_for_ever(jars: Database) -> None:
    names = [jars_in_shard(shard, 1)[0] for shard in range(PARTITIONS)]

    async def writer(seed: int) -> None:
        dice = random.Random(seed)
        for _ in range(6):
            await work(jars, [wish(Put(name, 1)) for name in dice.sample(names, 5)])

    await asyncio.wait_for(asyncio.gather(*(writer(seed) for seed in range(8))), 60)
    assert sum((await contents(jars)).values()) == 8 * 6 * 5


# --- readers ---


async def test_a_reader_that_remembers_its_position_skips_no_event_that_was_committed_late(
    jars: Database,
) -> None:
    names = jars_in_shard(6, 3)
    writers_done = asyncio.Event()
    seen: list[int] = []

    async def writer(seed: int) -> None:
        dice = random.Random(seed)
        for number in range(6):
            async with unfinished(jars, Put(names[seed % 3], seed * 100 + number + 1)):
                await asyncio.sleep(dice.choice((0, 0, 0.002, 0.02)))

    async def reader() -> None:
        last_look = False
        async with jars.read() as connection:
            while not last_look:
                last_look = writers_done.is_set()
                rows = await read_rows(connection, 6, seen[-1] if seen else 0, 3)
                seen.extend(row["position"] for row in rows)
                last_look = last_look and not rows

    reading = asyncio.create_task(reader())
    await asyncio.gather(*(writer(seed) for seed in range(6)))
    writers_done.set()
    await reading
    assert seen == list(range(1, 37)) == await positions(jars, 6)


async def test_history_gives_back_the_facts_of_streams_and_shards_in_order(jars: Database) -> None:
    first, second = jars_in_shard(1, 2)
    await work(jars, [wish(Put(name, n + 1)) for n, name in enumerate([first, second] * 3)])
    async with jars.read() as connection:
        events = await HISTORY.of_streams(connection, [f"jar-{second}", f"jar-{first}", "jar-unknown"])
        assert [(event.fact.coins, event.version) for event in events if event.stream == f"jar-{second}"] == [
            (2, 1),
            (4, 2),
            (6, 3),
        ]
        assert len(events) == 6
        batches = [batch async for batch in HISTORY.of_shard(connection, 1, after=1, batch=2)]
    assert [[event.position for event in batch] for batch in batches] == [[2, 3], [4, 5], [6]]
    assert all(isinstance(event.fact, CoinsPut) for batch in batches for event in batch)


async def test_versions_and_known_ids_tell_only_what_exists(jars: Database) -> None:
    await work(jars, [wish(Put("a", 1), "m1"), wish(Put("a", 2), "m2"), wish(Put("b", 1))])
    async with jars.begin() as connection:
        await connection.execute(text("SELECT 1"))
        assert await event_store.versions(connection, ["jar-a", "jar-b", "jar-c"]) == {"jar-a": 2, "jar-b": 1}
        known = await event_store.known(connection, ["m1", "m2", "m3"])
        assert set(known) == {"m1", "m2"}
        assert not await event_store.known(connection, [])


# --- history is never edited ---


@pytest.mark.parametrize("change", ["UPDATE event SET data = '{}'", "DELETE FROM event", "TRUNCATE event"])
async def test_the_database_itself_refuses_to_edit_history(jars: Database, change: str) -> None:
    await work(jars, [wish(Put("a", 1))])
    with pytest.raises(DBAPIError, match="append-only"):
        async with jars.begin() as connection:
            await connection.execute(text(change))
    assert await positions(jars, shard_of("a")) == [1]


async def test_an_event_that_was_changed_all_the_same_is_found(jars: Database) -> None:
    names = jars_in_shard(4, 1)
    await work(jars, [wish(Put(names[0], n)) for n in range(1, 6)])
    async with jars.begin() as connection:
        await connection.execute(text("ALTER TABLE event DISABLE TRIGGER event_is_append_only"))
        await connection.execute(text("UPDATE event SET actor = 'thief' WHERE shard = 4 AND position = 3"))
    async with jars.read() as connection:
        rows = await read_rows(connection, 4, 0, 10)
    assert first_break(b"", 1, rows) == (3, rows[2]["event_id"])
    assert first_break(b"", 1, rows[:2]) is None
    assert first_break(rows[2]["hash"], 4, rows[3:]) is None
    assert first_break(b"", 1, [rows[0], rows[3]]) == (2, rows[3]["event_id"])
