"""The database: which errors speak of the server, and connections that broke are not used again."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.infrastructure.database import Database, copy, driver_of, is_conflict, is_unavailable, url_of
from tests.support.databases import fresh_name
from tests.support.logs import Gate

Act = Callable[[AsyncConnection], Awaitable[object]]


async def error_of(database: Database, act: Act) -> Exception:
    try:
        async with database.begin() as connection:
            await connection.execute(text("SELECT 1"))
            await act(connection)
    except Exception as error:
        return error
    raise AssertionError("there was no error")


async def _terminated(connection: AsyncConnection) -> None:
    await connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))


async def _terminated_under_the_driver(connection: AsyncConnection) -> None:
    await (await driver_of(connection)).execute("SELECT pg_terminate_backend(pg_backend_pid())")


async def _read_only(connection: AsyncConnection) -> None:
    await connection.execute(text("SET TRANSACTION READ ONLY"))
    await connection.execute(text("UPDATE shard SET position = 0"))


async def _nothing(_: AsyncConnection) -> None:
    """The transaction cannot even begin."""


async def _wrong_type(connection: AsyncConnection) -> None:
    await (await driver_of(connection)).fetch("SELECT $1::int", "no number")


async def _too_large(connection: AsyncConnection) -> None:
    await connection.execute(text("SELECT CAST(:number AS integer)"), {"number": 2**40})


async def _nul(connection: AsyncConnection) -> None:
    await copy(connection, "consumer_position", ("topic", "partition", "next_offset"), [("a\0b", 1, 1)])


async def _no_such_table(connection: AsyncConnection) -> None:
    await connection.execute(text("SELECT * FROM nowhere"))


async def _divided_by_nought(connection: AsyncConnection) -> None:
    await connection.execute(text("SELECT 1 / 0"))


async def _twice_the_same(connection: AsyncConnection) -> None:
    await copy(connection, "consumer_position", ("topic", "partition", "next_offset"), [("t", 1, 1)] * 2)


@pytest.mark.parametrize("act", [_terminated, _terminated_under_the_driver, _read_only])
async def test_errors_that_speak_of_the_server_are_worth_waiting_for(jars: Database, act: Act) -> None:
    error = await error_of(jars, act)
    assert is_unavailable(error)
    assert not is_conflict(error)


@pytest.mark.parametrize("act", [_wrong_type, _too_large, _nul, _no_such_table, _divided_by_nought])
async def test_errors_that_speak_of_the_statement_are_not(jars: Database, act: Act) -> None:
    error = await error_of(jars, act)
    assert not is_unavailable(error)
    assert not is_conflict(error)


async def test_two_writers_that_meet_are_a_conflict_and_no_outage(jars: Database) -> None:
    error = await error_of(jars, _twice_the_same)
    assert is_conflict(error)
    assert not is_unavailable(error)


async def test_a_database_or_server_that_is_not_there_is_worth_waiting_for(postgres_url: str) -> None:
    for url in (
        url_of(postgres_url, fresh_name("nowhere")),
        url_of("postgresql://nobody@127.0.0.1:1/none", "none"),
    ):
        database = Database(url, name="nowhere")
        assert is_unavailable(await error_of(database, _nothing))
        await database.close()


@pytest.fixture
async def through_the_gate(jars: Database, gate: Gate) -> AsyncIterator[Database]:
    database = Database(gate.url_of(jars.url.database), name="jars")
    yield database
    await database.close()


async def test_connections_that_broke_are_not_handed_out_again(
    gate: Gate, through_the_gate: Database
) -> None:
    async def ask_the_driver() -> int:
        async with through_the_gate.read() as connection:
            return int(await (await driver_of(connection)).fetchval("SELECT 42"))

    async with through_the_gate.read() as one, through_the_gate.read() as two:  # so that the pool holds two
        for connection in (one, two):
            await connection.execute(text("SELECT 1"))
    await gate.shut()
    with suppress(Exception):
        await ask_the_driver()
    await gate.open()
    assert [await ask_the_driver() for _ in range(3)] == [42, 42, 42]
