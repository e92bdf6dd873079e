"""A service stays with the log in which its places are; another one is refused before anything is read or told."""

import asyncio

import pytest

from shared.infrastructure.database import Database
from shared.infrastructure.positions import AnotherLog, hold_to
from tests.support.aggregate import TOPIC, Put, rows_of, wish, work


async def execute(jars: Database, statement: str) -> None:
    async with jars.begin() as connection:
        await connection.exec_driver_sql(statement)


READ = f"INSERT INTO consumer_position (topic, partition, next_offset) VALUES ('{TOPIC}', 3, 7)"
TOLD = "UPDATE relay_position SET position = 1 WHERE shard = 2"


@pytest.mark.parametrize("place", [READ, TOLD], ids=["read", "told"])
async def test_with_a_place_in_one_log_every_other_log_is_refused(jars: Database, place: str) -> None:
    await hold_to(jars, "log one")
    await execute(jars, place)
    await hold_to(jars, "log one")
    with pytest.raises(
        AnotherLog, match="goes with the log one, and this is the log two: set DUALBOOK_KAFKA"
    ):
        await hold_to(jars, "log two")
    await hold_to(jars, "log one")


async def test_a_service_that_has_read_and_told_nothing_may_go_to_another_log(jars: Database) -> None:
    await hold_to(jars, "log one")
    await work(jars, [wish(Put("a", 1))])
    await hold_to(jars, "log two")
    await execute(jars, TOLD)
    with pytest.raises(AnotherLog):
        await hold_to(jars, "log one")


async def test_places_from_before_the_log_was_remembered_belong_to_the_first_log_seen(jars: Database) -> None:
    await execute(jars, READ)
    await hold_to(jars, "log one")
    with pytest.raises(AnotherLog):
        await hold_to(jars, "log two")


async def test_processes_that_start_at_once_agree(jars: Database) -> None:
    await execute(jars, READ)
    outcomes = await asyncio.gather(
        *(hold_to(jars, f"log {number % 2}") for number in range(8)), return_exceptions=True
    )
    [(kept,)] = await rows_of(jars, "SELECT identity FROM known_log")
    assert [outcome is None for outcome in outcomes] == [f"log {number % 2}" == kept for number in range(8)]
