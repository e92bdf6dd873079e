"""The watch of the hash chain: finds one changed byte, wherever it lies, and nothing where nobody changed anything."""

import asyncio

import pytest

from shared.infrastructure.chain import ChainWatch
from shared.infrastructure.database import Database
from shared.infrastructure.event_log import PARTITIONS
from shared.infrastructure.event_store import chain, read_rows
from shared.infrastructure.watch import FINE
from tests.support.aggregate import Put, jars_in_shard, rows_of, wish, work

EVENTS = 12
"""In each shard."""
SLICE = 25
"""So that a look ends in the middle of a shard."""
LOOKS = PARTITIONS * EVENTS // SLICE + 2
"""So many looks go once through all shards, wherever they begin."""


@pytest.fixture
async def filled(jars: Database) -> Database:
    """Some events in every shard."""
    names = [name for shard in range(PARTITIONS) for name in jars_in_shard(shard, 3)]
    for _ in range(EVENTS // 3):
        await work(jars, [wish(Put(name, 1)) for name in names])
    return jars


async def change(jars: Database, *statements: str) -> None:
    """What nobody may do: touch the stored events."""
    async with jars.begin() as connection:
        for statement in (
            "ALTER TABLE event DISABLE TRIGGER event_is_append_only",
            *statements,
            "ALTER TABLE event ENABLE TRIGGER event_is_append_only",
        ):
            await connection.exec_driver_sql(statement)


async def looks(watch: ChainWatch, jars: Database, number: int = LOOKS) -> list[str]:
    return [await watch(jars) for _ in range(number)]


@pytest.mark.parametrize("most", [1, SLICE, PARTITIONS * EVENTS, 20_000])
async def test_a_chain_that_nobody_touched_is_fine_however_it_is_sliced(filled: Database, most: int) -> None:
    rounds = 2 * PARTITIONS * (EVENTS + 1) if most == 1 else LOOKS
    watch = ChainWatch(most)
    assert set(await looks(watch, filled, rounds)) == {FINE}


async def test_an_empty_store_is_fine(jars: Database) -> None:
    assert await looks(ChainWatch(), jars, 2) == [FINE, FINE]


@pytest.mark.parametrize("shard", [0, 3, PARTITIONS - 1])
async def test_a_changed_byte_is_found_and_named_and_fine_again_once_it_is_put_back(
    filled: Database, shard: int
) -> None:
    watch = ChainWatch(SLICE)
    assert await watch(filled) == FINE
    [(data, event_id)] = await rows_of(
        filled, "SELECT data, event_id FROM event WHERE shard = :shard AND position = 7", shard=shard
    )
    where = f"WHERE shard = {shard} AND position = 7"
    await change(filled, f"UPDATE event SET data = '{data.replace('1', '2', 1)}' {where}")
    found = await looks(watch, filled)
    assert found[-1] == f"hash chain broken: shard {shard}, position 7, event {event_id}"
    assert set(found) <= {FINE, found[-1]}
    await change(filled, f"UPDATE event SET data = '{data}' {where}")
    assert set(await looks(watch, filled)) == {FINE}


async def test_an_end_that_was_cut_off_is_found_by_the_head(filled: Database) -> None:
    await change(filled, f"DELETE FROM event WHERE shard = 5 AND position = {EVENTS}")
    found = (await looks(ChainWatch(SLICE), filled))[-1]
    assert found == f"hash chain broken: shard 5 should end at position {EVENTS}, not {EVENTS - 1}"


async def test_of_several_breaks_the_one_of_the_first_shard_is_told_and_the_others_are_kept(
    filled: Database,
) -> None:
    await change(filled, "UPDATE event SET actor = 'somebody' WHERE shard IN (2, 6) AND position = 1")
    watch = ChainWatch()
    assert (await watch(filled)).startswith("hash chain broken: shard 2, position 1, event ")
    await change(filled, "UPDATE event SET actor = 'tester' WHERE shard = 2 AND position = 1")
    assert (await watch(filled)).startswith("hash chain broken: shard 6, position 1, event ")


async def test_a_history_that_was_rewritten_with_all_its_hashes_is_noticed_by_who_was_further_before(
    filled: Database,
) -> None:
    watch = ChainWatch(EVENTS - 2)  # stops within the first shard
    assert await watch(filled) == FINE
    await rewrite(filled, "UPDATE event SET actor = 'somebody' WHERE shard = 0 AND position = 3")
    assert await ChainWatch()(filled) == FINE
    assert (await watch(filled)).startswith(f"hash chain broken: shard 0, position {EVENTS - 1}, event ")


async def rewrite(jars: Database, statement: str) -> None:
    """Change the first shard, and give its events and its head the hashes that belong to the change."""
    await change(jars, statement)
    async with jars.read() as connection:
        rows = [dict(row) for row in await read_rows(connection, 0, 0, EVENTS)]
    hash, statements = b"", []
    for row in rows:
        fields = [value for column, value in row.items() if column not in ("data", "hash")]
        hash = chain(hash, fields, row["data"])
        literal = f"'\\x{hash.hex()}'"
        statements.append(
            f"UPDATE event SET hash = {literal} WHERE shard = 0 AND position = {row['position']}"
        )
    await change(jars, *statements, f"UPDATE shard SET hash = {literal} WHERE shard = 0")


async def test_writers_at_work_raise_no_alarm(filled: Database) -> None:
    names = [name for shard in range(PARTITIONS) for name in jars_in_shard(shard, 2)]
    done = asyncio.Event()

    async def write() -> None:
        for _ in range(15):
            await work(filled, [wish(Put(name, 1)) for name in names])
        done.set()

    writer = asyncio.create_task(write())
    watch, found = ChainWatch(SLICE), []
    while not done.is_set():
        found.append(await watch(filled))
    await writer
    found += await looks(watch, filled, LOOKS * 4)
    assert set(found) == {FINE}
