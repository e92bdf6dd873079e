"""Requests that come at once share a transaction, and none of them notices."""

import asyncio
from collections.abc import Sequence

import orjson
import pytest

from shared.infrastructure.command_desk import CommandDesk, accepted
from shared.infrastructure.command_handler import Outcome
from shared.infrastructure.database import Database
from shared.infrastructure.event_log.embedded import EmbeddedLog
from shared.infrastructure.receipts import Answer, ReceiptKey
from shared.infrastructure.relay import Relay
from shared.kernel.errors import Refusal, StaleVersion
from tests.support.aggregate import PUBLICATIONS, Put, Take, contents, handler_of, rows_of, wish


def answer_of(outcomes: Sequence[Outcome]) -> Answer:
    done = accepted(outcomes)
    return Answer(201, orjson.dumps([event.event_id for event in done.events]), done.version)


def all_or_nothing(outcomes: Sequence[Outcome]) -> Answer:
    for outcome in outcomes:
        accepted([outcome])
    return Answer(200, b"{}")


@pytest.fixture
def desk(jars: Database, embedded_log: EmbeddedLog) -> CommandDesk:
    return CommandDesk(jars, handler_of(), Relay("jars", jars, embedded_log, PUBLICATIONS))


async def test_many_requests_at_once_take_few_transactions(desk: CommandDesk, jars: Database) -> None:
    await asyncio.gather(*(desk.execute([wish(Put(f"j{n}", 1))], answer_of, wait=False) for n in range(100)))
    [(moments, events)] = await rows_of(jars, "SELECT count(DISTINCT recorded_at), count(*) FROM event")
    assert events == 100
    assert moments < 10


async def test_one_refused_request_does_not_touch_the_others(desk: CommandDesk, jars: Database) -> None:
    wishes = [wish(Put("a", 1)), wish(Take("empty", 5)), wish(Put("b", 2))]
    first, refused, last = await asyncio.gather(
        *(desk.execute([one], answer_of, wait=False) for one in wishes), return_exceptions=True
    )
    assert isinstance(first, Answer)
    assert isinstance(refused, Refusal)
    assert isinstance(last, Answer)
    assert await contents(jars) == {"a": 1, "b": 2}


async def test_a_request_that_fails_in_part_leaves_nothing_of_itself_behind(
    desk: CommandDesk, jars: Database
) -> None:
    failing = [wish(Put("half", 1)), wish(Take("empty", 5))]
    outcomes = await asyncio.gather(
        desk.execute([wish(Put("a", 1))], answer_of, wait=False),
        desk.execute([wish(Put("b", 1))], answer_of, wait=False),
        desk.execute(failing, all_or_nothing, wait=False),
        desk.execute([wish(Put("c", 1))], answer_of, wait=False),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes] == [Answer, Answer, Refusal, Answer]
    assert await contents(jars) == {"a": 1, "b": 1, "c": 1}


async def test_a_stale_version_is_the_affair_of_its_own_request(desk: CommandDesk, jars: Database) -> None:
    stale = wish(Put("a", 1))._replace(expected_version=7)
    outcomes = await asyncio.gather(
        desk.execute([wish(Put("b", 1))], answer_of, wait=False),
        desk.execute([stale], answer_of, wait=False),
        desk.execute([wish(Put("c", 1))], answer_of, wait=False),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes] == [Answer, StaleVersion, Answer]
    assert await contents(jars) == {"b": 1, "c": 1}


async def test_one_key_many_times_at_once_has_one_effect_and_one_answer(
    desk: CommandDesk, jars: Database
) -> None:
    key = ReceiptKey("ann", "POST /jars", "k1", b"{}")
    answers = await asyncio.gather(
        *(desk.execute([wish(Put("a", 1))], answer_of, key, wait=False) for _ in range(20))
    )
    assert len(set(answers)) == 1
    assert await contents(jars) == {"a": 1}


async def test_a_desk_whose_database_is_away_says_so_and_works_again(
    desk: CommandDesk, jars: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as away:
        away.setattr(desk, "database", _Away())
        failed = await asyncio.gather(
            *(desk.execute([wish(Put("a", 1))], answer_of, wait=False) for _ in range(3)),
            return_exceptions=True,
        )
    assert all(isinstance(error, ConnectionError) for error in failed)
    await desk.execute([wish(Put("a", 1))], answer_of, wait=False)
    assert await contents(jars) == {"a": 1}


class _Away:
    def begin(self) -> None:
        raise ConnectionError("the server is away")
