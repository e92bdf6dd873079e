"""Readings show what stands in the database and in the log; what cannot be read keeps nobody else from it."""

from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.infrastructure.consumer import Consumer
from shared.infrastructure.database import Database, url_of, when_committed
from shared.infrastructure.event_log import PARTITIONS
from shared.infrastructure.event_log.embedded import EmbeddedLog
from shared.infrastructure.reading import Reading, read_all
from shared.infrastructure.store_readings import store_readings
from tests.support.aggregate import (
    CURSED,
    DOORS,
    TOPIC,
    Put,
    handler_of,
    jars_in_shard,
    message_of,
    wish,
    work,
)


def figure(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(f"dualbook_{name}", {"service": "jars", **labels})


async def test_what_every_service_has_is_read_from_its_database_its_log_and_its_disk(
    jars: Database, embedded_log: EmbeddedLog, tmp_path: Path
) -> None:
    consumer = Consumer("jars", jars, embedded_log, handler_of(), DOORS)
    readings = store_readings("jars", jars, consumer, tmp_path / "not" / "there" / "yet")
    await read_all("jars", jars, readings)
    assert [figure("event_store_position", shard=str(shard)) for shard in range(PARTITIONS)] == [
        0
    ] * PARTITIONS
    assert (figure("relay_backlog_events"), figure("relay_oldest_unpublished_seconds")) == (0, 0)
    assert figure("consumer_lag_messages", topic=TOPIC) == 0

    [[one], [other]] = [jars_in_shard(shard, 1) for shard in (3, 5)]
    await work(jars, [wish(Put(one, 1)), wish(Put(one, 2)), wish(Put(other, 1))])
    await embedded_log.publish(TOPIC, [message_of(Put("a", 1), f"m{number}") for number in range(4)])
    async with jars.begin() as connection:
        await connection.exec_driver_sql(
            "INSERT INTO dead_letter VALUES ('d1', 'e', 't', 'x', 0, 0, 'r', 1, now(), NULL, 0, 1), "
            "('d2', 'e', 't', 'x', 0, 1, 'r', 1, now(), now(), 0, 1)"
        )
    await read_all("jars", jars, readings)
    assert figure("event_store_position", shard="3") == 2
    assert figure("event_store_position", shard="5") == 1
    assert figure("relay_backlog_events") == 3
    oldest = figure("relay_oldest_unpublished_seconds")
    assert oldest is not None
    assert 0 < oldest < 60
    assert figure("consumer_lag_messages", topic=TOPIC) == 4
    assert figure("dead_letters_waiting") == 1
    assert figure("database_size_bytes") == await _size(jars)
    assert (figure("database_connections", state="in_use"), figure("database_connections", state="idle")) == (
        1,
        0,
    )
    free, size = figure("disk_free_bytes"), figure("disk_size_bytes")
    assert free is not None
    assert size is not None
    assert 0 < free < size


async def _size(jars: Database) -> int:
    async with jars.read() as connection:
        rows = await connection.exec_driver_sql("SELECT pg_database_size(current_database())")
        return int(rows.scalar_one())


async def test_a_reading_that_fails_is_said_in_the_log_and_the_others_are_read(
    jars: Database, log_lines: list[Any]
) -> None:
    async def fail(_: AsyncConnection) -> None:
        raise ArithmeticError("it does not add up")

    async def succeed(_: AsyncConnection) -> None:
        pass

    await read_all("jars", jars, [Reading("sums", fail), Reading("rest", succeed)])
    assert log_lines[-1]["readings"] == {"sums": "ArithmeticError: it does not add up"}
    assert figure("reading_read_timestamp_seconds", reading="sums") is None
    assert figure("reading_read_timestamp_seconds", reading="rest") is not None


async def test_a_database_that_is_away_is_said_in_the_log(log_lines: list[Any]) -> None:
    nowhere = Database(url_of("postgresql://nobody@127.0.0.1:1", "none"), name="away")
    await read_all("jars", nowhere, [])
    assert list(log_lines[-1]["readings"]) == ["database"]
    await nowhere.close()


async def test_only_what_was_committed_is_counted_as_stored(jars: Database) -> None:
    before = figure("events_stored_total", type="CoinsPut") or 0
    with pytest.raises(ZeroDivisionError):
        await work(jars, [wish(Put("a", 1)), wish(Put("a", CURSED))])

    async def work_and_raise() -> None:
        async with jars.begin() as connection:
            await handler_of().work(connection, [wish(Put("a", 1))])
            raise ArithmeticError

    with pytest.raises(ArithmeticError):
        await work_and_raise()
    assert (figure("events_stored_total", type="CoinsPut") or 0) == before
    await work(jars, [wish(Put("a", 1)), wish(Put("a", 2))])
    assert figure("events_stored_total", type="CoinsPut") == before + 2


async def test_what_waits_for_the_commit_is_done_once(jars: Database) -> None:
    done: list[int] = []
    async with jars.begin() as connection:
        when_committed(connection, lambda: done.append(1))
        when_committed(connection, lambda: done.append(2))
        assert done == []
    async with jars.begin():
        pass
    assert done == [1, 2]
