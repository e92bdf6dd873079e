"""What every event log does, be it Kafka or the embedded one: each test runs on both."""

import asyncio
import json
import random
import sys
import time
from collections.abc import Mapping, Sequence

import pytest

from shared.infrastructure.event_log import (
    LARGEST_DEAD_LETTER_BYTES,
    LARGEST_MESSAGE_BYTES,
    PARTITIONS,
    EventLog,
    LogUnavailable,
    Message,
    MessageTooLarge,
    Partition,
    Record,
    kafka,
    shard_of,
)
from tests.support.databases import fresh_name
from tests.support.logs import (
    Places,
    another,
    complains,
    description,
    eventually,
    fetch_number,
    fetch_until,
    gap_free,
    member,
    offsets,
    read_all,
)


@pytest.fixture(autouse=True)
def quick_heartbeats(monkeypatch: pytest.MonkeyPatch) -> None:
    """Members hear of each other soon."""
    monkeypatch.setattr(kafka, "_HEARTBEAT_MILLISECONDS", 300)


def numbered(count: int, key: str = "", partition: int | None = None) -> list[Message]:
    return [Message((key or f"key{n}").encode(), str(n).encode(), (), partition) for n in range(count)]


def values(records: Sequence[Record]) -> list[bytes]:
    return [record.value for record in records]


# --- whose places are whose ---


async def test_a_log_has_a_name_of_its_own_that_every_process_finds(
    event_log: EventLog, embedded_log: EventLog, topic: str
) -> None:
    beside = another(event_log)
    assert await event_log.identity() == await event_log.identity() == await beside.identity()
    await beside.stop()
    if type(event_log) is not type(embedded_log):
        assert await event_log.identity() != await embedded_log.identity()


# --- how large a record may be ---


@pytest.mark.parametrize(
    ("ending", "most"), [("", LARGEST_MESSAGE_BYTES), (".dead-letter", LARGEST_DEAD_LETTER_BYTES)]
)
async def test_a_message_is_as_large_as_its_topic_takes_and_no_larger(
    event_log: EventLog, topic: str, ending: str, most: int
) -> None:
    headers = [("dl_reason", b"r" * 10_000)]
    fits = Message(b"k" * 256, b"x" * (most - 10_000 - 256 - len("dl_reason")), headers, 0)
    await event_log.publish(topic + ending, [fits])
    with pytest.raises(MessageTooLarge, match=f"at most {most:,}"):
        await event_log.publish(topic + ending, [fits, Message(fits.key, fits.value + b"x", headers, 0)])
    await event_log.publish(topic + ending, [Message(b"k", b"behind", (), 0)])
    assert values(await read_all(event_log, topic + ending)) == [fits.value, b"behind"]


# --- where a record lies ---


async def test_a_key_decides_the_partition_as_every_kafka_client_has_it(
    event_log: EventLog, topic: str
) -> None:
    keys = ["c1", "customer 42", "张伟", "", *(f"key{n}" for n in range(60))]
    await event_log.publish(topic, [Message(key.encode(), b"") for key in keys])
    records = await read_all(event_log, topic)
    assert {record.key.decode(): record.partition for record in records} == {
        key: shard_of(key) for key in keys
    }
    assert {record.partition for record in records} == set(range(PARTITIONS))


async def test_a_key_that_is_no_text_has_its_partition_too(event_log: EventLog, topic: str) -> None:
    await event_log.publish(topic, [Message(b"\xff\xfe\x00", b"1"), Message(b"\xff\xfe\x00", b"2")])
    records = await read_all(event_log, topic)
    assert [(record.key, record.value) for record in records] == [
        (b"\xff\xfe\x00", b"1"),
        (b"\xff\xfe\x00", b"2"),
    ]
    assert len({record.partition for record in records}) == 1


async def test_a_named_partition_goes_before_the_key(event_log: EventLog, topic: str) -> None:
    await event_log.publish(topic, [Message(b"one key", str(n).encode(), (), n) for n in range(PARTITIONS)])
    records = await read_all(event_log, topic)
    assert {record.partition: record.value for record in records} == {
        n: str(n).encode() for n in range(PARTITIONS)
    }


async def test_a_partition_beyond_the_last_one_is_counted_round(event_log: EventLog, topic: str) -> None:
    await event_log.publish(topic, [Message(b"k", b"", (), PARTITIONS + 3)])
    assert [record.partition for record in await read_all(event_log, topic)] == [3]


async def test_offsets_begin_at_nought_and_grow_by_one(event_log: EventLog, topic: str) -> None:
    for size in (1, 7, 30, 2):
        await event_log.publish(topic, numbered(size))
    found = offsets(await read_all(event_log, topic))
    assert all(mine == list(range(len(mine))) for mine in found.values())
    assert sum(map(len, found.values())) == 40


async def test_records_of_a_partition_come_in_the_order_they_were_published(
    event_log: EventLog, topic: str
) -> None:
    for start in range(0, 300, 50):
        batch = [Message(f"k{n % 3}".encode(), str(n).encode()) for n in range(start, start + 50)]
        await event_log.publish(topic, batch)
    records = await read_all(event_log, topic)
    for key in (b"k0", b"k1", b"k2"):
        mine = [int(record.value) for record in records if record.key == key]
        assert mine == sorted(mine)
        assert len(mine) == 100


# --- what a record carries ---


async def test_headers_keys_and_values_survive_to_the_byte(event_log: EventLog, topic: str) -> None:
    headers = {
        "ce_type": b"DepositPosted",
        "ce_subject": "客户".encode(),
        "empty": b"",
        "binary": bytes(range(256)),
    }
    await event_log.publish(
        topic, [Message(b"k", b"", list(headers.items()), 0), Message(b"", b"\x00\xff", (), 0)]
    )
    full, bare = await read_all(event_log, topic)
    assert (full.key, full.value, dict(full.headers)) == (b"k", b"", headers)
    assert (bare.key, bare.value, dict(bare.headers)) == (b"", b"\x00\xff", {})


async def test_a_large_batch_arrives_whole(event_log: EventLog, topic: str) -> None:
    messages = [Message(f"key{n % 500}".encode(), b"%d " % n + b"x" * 100) for n in range(20_000)]
    messages += [Message(b"heavy", random.Random(n).randbytes(200_000)) for n in range(10)]
    await event_log.publish(topic, messages)
    records = await read_all(event_log, topic)
    assert sorted(values(records)) == sorted(message.value for message in messages)
    assert gap_free(records)


async def test_publishing_nothing_changes_nothing(event_log: EventLog, topic: str) -> None:
    await event_log.publish(topic, [])
    assert sum((await event_log.end_offsets([topic])).values()) == 0


async def test_end_offsets_are_those_that_the_next_records_get(event_log: EventLog, topic: str) -> None:
    assert all(end == 0 for end in (await event_log.end_offsets([topic])).values())
    await event_log.publish(topic, [*numbered(3, partition=1), *numbered(2, partition=4)])
    ends = await event_log.end_offsets([topic])
    assert {place.number: end for place, end in ends.items() if end} == {1: 3, 4: 2}
    await event_log.publish(topic, numbered(1, partition=1))
    assert (await event_log.end_offsets([topic]))[Partition(topic, 1)] == 4


async def test_publishers_at_once_lose_nothing_and_leave_no_gap(event_log: EventLog, topic: str) -> None:
    other = another(event_log)
    await other.start()

    async def publisher(name: int, log: EventLog) -> None:
        for step in range(15):
            await log.publish(
                topic, [Message(b"k%d" % name, b"%d/%d" % (name, 3 * step + n)) for n in range(3)]
            )
            await log.publish(topic, [Message(b"k%d" % name, b"shared", (), 5)])

    try:
        await asyncio.gather(*(publisher(name, (event_log, other)[name % 2]) for name in range(8)))
    finally:
        await other.stop()
    records = await read_all(event_log, topic)
    assert len(records) == 8 * 15 * 4
    assert all(mine == list(range(len(mine))) for mine in offsets(records).values())
    for name in range(8):
        mine = [int(value.partition(b"/")[2]) for value in values(records) if value.startswith(b"%d/" % name)]
        assert mine == list(range(45))


# --- groups and their members ---


async def test_each_group_reads_everything(event_log: EventLog, topic: str) -> None:
    await event_log.publish(topic, numbered(100))
    async with member(event_log, [topic]) as one, member(event_log, [topic]) as two:
        for consumer in (one, two):
            assert sorted(values(await fetch_number(consumer, 100))) == sorted(values_of(numbered(100)))
        await event_log.publish(topic, numbered(10))
        assert len(await fetch_number(one, 10)) == len(await fetch_number(two, 10)) == 10


def values_of(messages: Sequence[Message]) -> list[bytes]:
    return [message.value for message in messages]


async def test_a_member_may_read_several_topics(event_log: EventLog, topic: str) -> None:
    letters = f"{topic}.dead-letter"
    await event_log.publish(topic, numbered(5))
    await event_log.publish(letters, [Message(b"k", b"letter", (), 0)])
    async with member(event_log, [topic, letters]) as consumer:
        records = await fetch_number(consumer, 6)
    assert sorted(record.topic for record in records) == [topic] * 5 + [letters]


async def test_one_fetch_brings_no_more_than_was_asked_for(event_log: EventLog, topic: str) -> None:
    await event_log.publish(topic, numbered(400))
    async with member(event_log, [topic]) as consumer:
        seen = 0
        while seen < 400:
            fetched = await consumer.fetch(10, wait_seconds=1.0)
            assert sum(map(len, fetched.values())) <= 10 * PARTITIONS
            seen += sum(map(len, fetched.values()))


async def test_reading_begins_where_positions_says(event_log: EventLog, topic: str) -> None:
    await event_log.publish(topic, [*numbered(10, partition=0), *numbered(10, partition=1)])
    places = Places({Partition(topic, 0): 7, Partition(topic, 1): 10})
    async with member(event_log, [topic], positions=places) as consumer:
        assert offsets(await fetch_number(consumer, 3)) == {0: [7, 8, 9]}
        await event_log.publish(topic, numbered(1, partition=1))
        assert offsets(await fetch_number(consumer, 1)) == {1: [10]}
    assert sorted(place for asked in places.asked for place in asked) == [
        Partition(topic, number) for number in range(PARTITIONS)
    ]


async def test_positions_go_before_what_the_group_has_read_already(event_log: EventLog, topic: str) -> None:
    await event_log.publish(topic, numbered(10, partition=2))
    group = fresh_name("group")
    for place in (0, 0, 4, 9, 0):
        places = Places({Partition(topic, 2): place})
        async with member(event_log, [topic], group, places) as consumer:
            assert offsets(await fetch_number(consumer, 10 - place)) == {2: list(range(place, 10))}
        assert places.asked


async def test_nothing_is_read_before_slow_positions_are_known(event_log: EventLog, topic: str) -> None:
    await event_log.publish(topic, numbered(10, partition=0))

    async def slow(partitions: Sequence[Partition]) -> Mapping[Partition, int]:
        await asyncio.sleep(1.0)
        return {partition: 8 if partition.number == 0 else 0 for partition in partitions}

    async with member(event_log, [topic], positions=slow) as consumer:
        assert offsets(await fetch_number(consumer, 2)) == {0: [8, 9]}


async def test_positions_that_cannot_be_told_stop_the_reading_loudly(event_log: EventLog, topic: str) -> None:
    await event_log.publish(topic, numbered(3, partition=0))

    async def away(_: Sequence[Partition]) -> Mapping[Partition, int]:
        raise LogUnavailable("or rather the database")

    group = fresh_name("group")
    async with member(event_log, [topic], group, away) as consumer:
        await complains(lambda: consumer.fetch(10, wait_seconds=0.2))
    async with member(event_log, [topic], group) as consumer:
        assert len(await fetch_number(consumer, 3)) == 3


async def test_a_waiting_fetch_wakes_up_when_something_comes(event_log: EventLog, topic: str) -> None:
    async with member(event_log, [topic]) as consumer:
        await consumer.fetch(10, wait_seconds=0.1)
        waiting = asyncio.create_task(consumer.fetch(10, wait_seconds=20.0))
        await asyncio.sleep(0.3)
        assert not waiting.done()
        published_at = time.monotonic()
        await event_log.publish(topic, numbered(1, partition=3))
        assert offsets([record for records in (await waiting).values() for record in records]) == {3: [0]}
        assert time.monotonic() - published_at < 5


async def test_a_fetch_ends_when_it_is_told_to_even_in_the_moment_in_which_something_comes(
    event_log: EventLog, topic: str
) -> None:
    async with member(event_log, [topic]) as consumer:
        await consumer.fetch(10, wait_seconds=0.1)
        for _ in range(5):
            fetching = asyncio.create_task(consumer.fetch(10, wait_seconds=30.0))
            await asyncio.sleep(0.05)
            getattr(consumer, "_woken", asyncio.Event()).set()
            fetching.cancel()
            await asyncio.wait({fetching}, timeout=5)
            assert fetching.cancelled()


async def test_a_fetch_without_news_comes_back_empty_in_time(event_log: EventLog, topic: str) -> None:
    async with member(event_log, [topic]) as consumer:
        await consumer.fetch(10, wait_seconds=0.1)
        began = time.monotonic()
        assert not await consumer.fetch(10, wait_seconds=0.4)
        assert 0.3 < time.monotonic() - began < 2.0


async def test_another_member_reads_on_when_one_stops(event_log: EventLog, topic: str) -> None:
    await event_log.publish(topic, numbered(20, partition=0) + numbered(20, partition=1))
    group, places = fresh_name("group"), Places()
    first = await event_log.subscribe(group, [topic], places)
    await fetch_number(first, 40)
    places.known.update({Partition(topic, 0): 15, Partition(topic, 1): 20})
    async with member(event_log, [topic], group, places) as second:
        await first.stop()
        places.asked.clear()
        seen = await fetch_until(
            second, lambda _: len({p for asked in places.asked for p in asked}) == PARTITIONS
        )
        seen += await fetch_until(second, lambda more: offsets([*seen, *more]).get(0, [])[-1:] == [19])
        assert offsets(seen) in ({0: [15, 16, 17, 18, 19]}, {0: [15, 16, 17, 18, 19] * 2})
        await event_log.publish(topic, numbered(PARTITIONS * 5))
        assert gap_free(await fetch_number(second, PARTITIONS * 5))


_MEMBER = """
import asyncio, sys
from shared.infrastructure.event_log import kafka
from tests.support.logs import Places, fetch_number, of_description

kafka._SESSION_MILLISECONDS = 6_000  # the shortest that brokers allow

async def main(kind, address, topic, group):
    log = of_description(kind, address, topic)
    await log.start()
    consumer = await log.subscribe(group, [topic], Places())
    print(len(await fetch_number(consumer, 8)), flush=True)
    while True:
        await consumer.fetch(10, 1.0)

asyncio.run(main(*sys.argv[1:]))
"""


async def test_another_member_reads_on_when_the_process_of_one_is_killed(
    event_log: EventLog, topic: str
) -> None:
    await event_log.publish(topic, [Message(b"", b"", (), number) for number in range(PARTITIONS)])
    group = fresh_name("group")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _MEMBER, *description(event_log), topic, group, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        while (line := (await asyncio.wait_for(process.stdout.readline(), 30)).strip()) != b"8":
            assert line, "the other process ended"
    finally:
        process.kill()
        await process.wait()
    places = Places({Partition(topic, number): 1 for number in range(PARTITIONS)})
    async with member(event_log, [topic], group, places) as heir:
        await event_log.publish(topic, [Message(b"", b"", (), number) for number in range(PARTITIONS)])
        records = await fetch_number(heir, PARTITIONS, within_seconds=25)
    assert offsets(records) == {number: [1] for number in range(PARTITIONS)}


async def test_members_of_a_group_do_not_share_a_partition(event_log: EventLog, topic: str) -> None:
    group, places = fresh_name("group"), Places()
    owners: dict[int, set[str]] = {}

    async def read(name: str, stop: asyncio.Event) -> None:
        async with member(event_log, [topic], group, places) as consumer:
            while not stop.is_set():
                for partition, records in (await consumer.fetch(50, wait_seconds=0.2)).items():
                    if json.loads(records[-1].value) == "settled":
                        owners.setdefault(partition.number, set()).add(name)

    stop = asyncio.Event()
    readers = [asyncio.create_task(read(name, stop)) for name in ("one", "two")]
    await asyncio.sleep(2.0)  # the time to join and to share out
    await event_log.publish(topic, [Message(b"", b'"settled"', (), number) for number in range(PARTITIONS)])

    async def all_have_come() -> bool:
        return len(owners) == PARTITIONS

    await eventually(all_have_come)
    shared_out = [len(names) for names in owners.values()]  # who leaves last reads on for the other
    stop.set()
    await asyncio.gather(*readers)
    assert shared_out == [1] * PARTITIONS
