"""Idempotency keys: one key, one request, one effect, one answer, however many ask at once."""

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
from tests.support.aggregate import (
    PUBLICATIONS,
    Put,
    Take,
    contents,
    everything,
    handler_of,
    jars_in_shard,
    rows_of,
    wish,
)


def answer_of(outcomes: Sequence[Outcome]) -> Answer:
    done = accepted(outcomes)
    return Answer(201, orjson.dumps([event.event_id for event in done.events]), done.version)


def key_of(
    body: bytes = b"{}", key: str = "k1", subject: str = "ann", route: str = "POST /jars"
) -> ReceiptKey:
    return ReceiptKey(subject, route, key, body)


@pytest.fixture
def desks(jars: Database, embedded_log: EmbeddedLog) -> list[CommandDesk]:
    """As many processes of the service."""
    return [
        CommandDesk(jars, handler_of(), Relay("jars", jars, embedded_log, PUBLICATIONS)) for _ in range(4)
    ]


@pytest.fixture
def desk(desks: list[CommandDesk]) -> CommandDesk:
    return desks[0]


async def test_the_same_key_with_the_same_body_gets_the_same_answer_and_no_second_effect(
    desk: CommandDesk, jars: Database
) -> None:
    first = await desk.execute([wish(Put("a", 1))], answer_of, key_of(), wait=False)
    before = await everything(jars)
    assert await desk.execute([wish(Put("a", 1))], answer_of, key_of(), wait=False) == first
    assert (first.status, first.version) == (201, 1)
    assert await everything(jars) == before


async def test_the_same_key_with_another_body_is_refused(desk: CommandDesk, jars: Database) -> None:
    await desk.execute([wish(Put("a", 1))], answer_of, key_of(b"one"), wait=False)
    with pytest.raises(Refusal) as refused:
        await desk.execute([wish(Put("a", 2))], answer_of, key_of(b"two"), wait=False)
    assert refused.value.rule == "idempotency-key-names-one-request"
    assert await contents(jars) == {"a": 1}


async def test_a_key_belongs_to_its_subject_and_its_route(desk: CommandDesk, jars: Database) -> None:
    for key in (key_of(), key_of(subject="bob"), key_of(route="POST /bowls"), key_of(key="k2")):
        await desk.execute([wish(Put("a", 1))], answer_of, key, wait=False)
    assert await contents(jars) == {"a": 4}


async def test_without_a_key_every_request_counts(desk: CommandDesk, jars: Database) -> None:
    for _ in range(2):
        await desk.execute([wish(Put("a", 1))], answer_of, wait=False)
    assert await contents(jars) == {"a": 2}


async def test_a_refusal_leaves_no_receipt_and_may_be_tried_again(desk: CommandDesk, jars: Database) -> None:
    with pytest.raises(Refusal):
        await desk.execute([wish(Take("a", 1))], answer_of, key_of(), wait=False)
    assert not await rows_of(jars, "SELECT * FROM receipt")
    await desk.execute([wish(Put("a", 1))], answer_of, wait=False)
    assert (await desk.execute([wish(Take("a", 1))], answer_of, key_of(), wait=False)).status == 201


async def test_callers_at_once_with_one_key_have_one_effect_and_one_answer(
    desks: list[CommandDesk], jars: Database
) -> None:
    requests = (desk.execute([wish(Put("a", 1))], answer_of, key_of(), wait=False) for desk in desks * 3)
    answers = await asyncio.gather(*requests)
    assert len(set(answers)) == 1
    assert await contents(jars) == {"a": 1}


async def test_the_second_of_two_callers_at_once_is_not_refused_for_what_the_first_has_done(
    desks: list[CommandDesk], jars: Database
) -> None:
    await desks[0].execute([wish(Put("a", 5))], answer_of, wait=False)
    takes = (desk.execute([wish(Take("a", 5))], answer_of, key_of(), wait=False) for desk in desks * 2)
    assert len(set(await asyncio.gather(*takes))) == 1
    new = wish(Put("b", 1), expected_version=0)
    puts = (desk.execute([new], answer_of, key_of(key="k2"), wait=False) for desk in desks * 2)
    assert len(set(await asyncio.gather(*puts))) == 1
    assert await contents(jars) == {"a": 0, "b": 1}


async def test_callers_at_once_with_one_key_and_different_bodies_have_one_effect(
    desks: list[CommandDesk], jars: Database
) -> None:
    names = [jars_in_shard(shard, 1)[0] for shard in range(4)]
    results = await asyncio.gather(
        *(
            desk.execute([wish(Put(name, 1))], answer_of, key_of(name.encode()), wait=False)
            for desk, name in zip(desks, names, strict=True)
        ),
        return_exceptions=True,
    )
    assert sorted(type(result).__name__ for result in results) == ["Answer", "Refusal", "Refusal", "Refusal"]
    assert sum((await contents(jars)).values()) == 1


async def test_callers_with_many_keys_at_once_in_any_order_are_all_answered(
    desks: list[CommandDesk], jars: Database
) -> None:
    keys = [f"k{n}" for n in range(10)]
    orders = [keys, keys[::-1], keys[5:] + keys[:5], keys]
    answers = await asyncio.gather(
        *(
            desk.execute([wish(Put(key, 1))], answer_of, key_of(key.encode(), key), wait=False)
            for desk, order in zip(desks, orders, strict=True)
            for key in order
        )
    )
    assert len(answers) == 40
    assert await contents(jars) == dict.fromkeys(keys, 1)


async def test_a_stale_version_leaves_no_receipt(desk: CommandDesk, jars: Database) -> None:
    with pytest.raises(StaleVersion):
        await desk.execute([wish(Put("a", 1), expected_version=3)], answer_of, key_of(), wait=False)
    assert not await rows_of(jars, "SELECT * FROM receipt")


async def test_an_answer_can_wait_until_the_events_are_in_the_log(desk: CommandDesk, jars: Database) -> None:
    relaying = asyncio.create_task(desk.relay.run())
    await desk.execute([wish(Put("a", 1))], answer_of)
    assert await rows_of(jars, "SELECT sum(position) FROM relay_position") == [(1,)]
    relaying.cancel()
    await asyncio.wait({relaying})
