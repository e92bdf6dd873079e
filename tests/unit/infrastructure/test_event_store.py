"""The event store without a database: shards, numbers and the chain of hashes."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as some

from shared.infrastructure.event_log import PARTITIONS, shard_of
from shared.infrastructure.event_store import Appender, Head, chain, first_break, new_id, shard_of_stream
from shared.kernel.event import Origin, StoredEvent
from tests.support.aggregate import DAY, HISTORY, CoinsPut

NOW = datetime(2026, 7, 1, 12, 30, 15, 123456, UTC)
ORIGIN = Origin("ann", "request-1", "{}")


def appender() -> Appender:
    return Appender({shard: Head(0, b"") for shard in range(PARTITIONS)}, {}, NOW)


def put(jar: str = "a", coins: int = 1) -> CoinsPut:
    return CoinsPut(jar, coins, DAY)


def rows_of(events: list[StoredEvent]) -> list[dict[str, object]]:
    return [event._asdict() for event in events]


@pytest.mark.parametrize(
    ("key", "murmur2"),
    [
        ("21", -973932308),
        ("foobar", -790332482),
        ("a-little-bit-long-string", -985981536),
        ("a-little-bit-longer-string", -1486304829),
        ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        ("abc", 479470107),
    ],
)
def test_keys_fall_where_the_java_client_puts_them(key: str, murmur2: int) -> None:
    """The numbers are those of Kafka's own test of its murmur2."""
    assert shard_of(key, 1 << 31) == murmur2 & 0x7FFFFFFF
    assert shard_of(key) == (murmur2 & 0x7FFFFFFF) % 8


@pytest.mark.parametrize(
    ("stream", "key"),
    [
        ("customer-c1", "c1"),
        ("customer-c1#2026-07", "c1"),
        ("letter-c1#topic.0.7", "c1"),
        ("loan-a-b-c", "a-b-c"),
        ("period", ""),
        ("jar-张伟", "张伟"),
    ],
)
def test_a_stream_lies_in_the_shard_of_its_key(stream: str, key: str) -> None:
    assert shard_of_stream(stream) == shard_of(key)


def test_new_ids_are_unique_and_grow() -> None:
    ids = [new_id() for _ in range(1000)]
    assert len(set(ids)) == 1000
    assert ids == sorted(ids)


def test_positions_and_versions_are_counted_on_from_what_is_there() -> None:
    shard = shard_of("a")
    counting = Appender({shard: Head(41, b"before")}, {"jar-a": 6}, NOW)
    first, second = (counting.add(f"e{n}", put(), ORIGIN) for n in range(2))
    assert [(event.shard, event.position, event.version) for event in (first, second)] == [
        (shard, 42, 7),
        (shard, 43, 8),
    ]
    assert counting.version_of("jar-a") == 8
    assert counting.version_of("jar-b") == 0
    assert counting.events == [first, second]


def test_an_event_carries_its_fact_and_where_it_comes_from() -> None:
    event = appender().add("e1", put(coins=7), Origin("bob", "wishes/0/1", '{"time": "now"}', "m1"))
    assert (event.stream, event.type, event.data) == ("jar-a", "CoinsPut", put(coins=7).to_json().decode())
    assert (event.event_id, event.business_date, event.recorded_at) == ("e1", DAY, NOW)
    assert (event.cause, event.actor, event.metadata) == ("wishes/0/1", "bob", '{"time": "now"}')
    assert HISTORY.to_event(event._asdict()) == event


@given(some.lists(some.integers(0, 9), max_size=12), some.integers(0, 12))
def test_what_is_taken_back_has_never_been_added(jars: list[int], number: int) -> None:
    number = min(number, len(jars))
    undone, never = appender(), appender()
    for n, jar in enumerate(jars):
        undone.add(f"e{n}", put(f"jar{jar}"), ORIGIN)
    undone.take_back(number)
    for n, jar in enumerate(jars[: len(jars) - number]):
        never.add(f"e{n}", put(f"jar{jar}"), ORIGIN)
    assert undone.events == never.events
    for one in (undone, never):
        for jar in range(10):
            one.add(f"last{jar}", put(f"jar{jar}"), ORIGIN)
    assert undone.events == never.events


def test_shards_have_chains_of_their_own() -> None:
    counting = appender()
    jars = [f"jar{n}" for n in range(40)]
    for jar in jars:
        counting.add(f"e-{jar}", put(jar), ORIGIN)
    for shard in range(PARTITIONS):
        mine = [event for event in counting.events if event.shard == shard]
        assert [event.position for event in mine] == list(range(1, len(mine) + 1))
        assert first_break(b"", 1, rows_of(mine)) is None


def test_the_chain_covers_every_field_and_the_event_before() -> None:
    counting = appender()
    events = [counting.add(f"e{n}", put(coins=n + 1), ORIGIN) for n in range(3)]
    whole = rows_of(events)
    assert first_break(b"", 1, whole) is None
    changes = {
        "stream": "jar-b",
        "version": 9,
        "event_id": "e9",
        "type": "CoinsTaken",
        "data": "{}",
        "business_date": DAY.replace(day=2),
        "recorded_at": NOW.replace(microsecond=0),
        "cause": "",
        "actor": "thief",
        "metadata": "{ }",
        "hash": b"x" * 32,
    }
    for field, value in changes.items():
        forged = [whole[0], {**whole[1], field: value}, whole[2]]
        expected_id = "e9" if field == "event_id" else "e1"
        assert first_break(b"", 1, forged) == (2, expected_id), field


def test_an_event_left_out_moved_or_put_in_between_breaks_the_chain() -> None:
    counting = appender()
    one, two, three = rows_of([counting.add(f"e{n}", put(coins=n + 1), ORIGIN) for n in range(3)])
    assert first_break(b"", 1, [one, three]) == (2, "e2")
    assert first_break(b"", 1, [two, one]) == (1, "e1")
    assert first_break(b"", 1, [one, one]) == (2, "e0")
    assert first_break(b"other", 1, [one]) == (1, "e0")


def test_fields_cannot_be_shifted_into_each_other() -> None:
    assert chain(b"", ["ab", "c"], "{}") != chain(b"", ["a", "bc"], "{}")
    assert chain(b"", ["1"], "{}") != chain(b"", [1], "{}")
    assert chain(b"", ["a", "b"], "c") != chain(b"", ["a"], "bc")
    assert chain(b"", ["a"], "") != chain(b"", [], "a")
    assert chain(b"a", ["b"], "{}") != chain(b"b", ["a"], "{}")
