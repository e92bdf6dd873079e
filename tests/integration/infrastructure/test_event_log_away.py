"""The event log is away: whoever needs it is told so, waits, and goes on when it is back."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import make_url

from deploy.kafka.broker import Broker
from shared.infrastructure.database import ensure_database
from shared.infrastructure.event_log import EventLog, LogConsumer, LogUnavailable, Message
from shared.infrastructure.event_log import kafka as kafka_module
from shared.infrastructure.event_log.embedded import EmbeddedLog
from shared.infrastructure.event_log.kafka import KafkaLog
from tests.conftest import ROOT
from tests.support.databases import fresh_name
from tests.support.logs import KINDS, Gate, Places, complains, eventually, fetch_number, read_all

ONE = [Message(b"k", b"1")]


@dataclass
class Outage:
    """A log that can be taken away and brought back, with the way to open it once more."""

    open: Callable[[], EventLog]
    begin: Callable[[], Awaitable[None]]
    end: Callable[[], Awaitable[None]]


@pytest.fixture(scope="module")
def own_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A Kafka broker that may be killed without harm to the other tests."""
    broker = Broker(ROOT / ".cache")
    broker.start(tmp_path_factory.mktemp("own-kafka"))
    yield broker
    broker.kill()


@pytest.fixture(params=KINDS)
async def outage(
    request: pytest.FixtureRequest, postgres_url: str, gate: Gate, topic: str, monkeypatch: pytest.MonkeyPatch
) -> Outage:
    if request.param == "embedded":
        database = fresh_name("log")
        await ensure_database(postgres_url, database)
        return Outage(lambda: EmbeddedLog(gate.url_of(database)), gate.shut, gate.open)
    monkeypatch.setattr(kafka_module, "_PATIENCE_SECONDS", 2.0)
    monkeypatch.setattr(kafka_module, "_SILENCE_SECONDS", 0.5)
    broker: Broker = request.getfixturevalue("own_broker")

    async def begin() -> None:
        await asyncio.to_thread(broker.kill)

    async def end() -> None:
        await asyncio.to_thread(broker.start_again)

    return Outage(lambda: KafkaLog(broker.bootstrap, [topic]), begin, end)


async def test_services_may_start_at_once_on_a_log_without_topics(own_broker: Broker, topic: str) -> None:
    logs = [KafkaLog(own_broker.bootstrap, [topic, f"{topic}.other"]) for _ in range(3)]
    await asyncio.gather(*(log.start() for log in logs))
    await asyncio.gather(*(log.publish(topic, ONE) for log in logs))
    assert len(await read_all(logs[0], topic)) == 3
    await asyncio.gather(*(log.stop() for log in logs))


async def test_topics_that_cannot_be_made_are_a_reason_to_wait(own_broker: Broker) -> None:
    log = KafkaLog(own_broker.bootstrap, ["no/such name"])
    with pytest.raises(LogUnavailable, match="no/such name"):
        await log.start()


async def test_a_message_that_is_refused_does_not_hold_up_those_after_it(
    own_broker: Broker, topic: str
) -> None:
    log = KafkaLog(own_broker.bootstrap, [topic])
    await log.start()
    with pytest.raises(LogUnavailable, match="TooLarge"):
        await log.publish(topic, [Message(b"k", b"x" * 2_000_000)])
    for number in range(3):
        await log.publish(topic, [Message(b"k", b"%d" % number)])
    assert [record.value for record in await read_all(log, topic)] == [b"0", b"1", b"2"]
    await log.stop()


async def test_a_log_that_was_not_started_says_so(postgres_url: str, tmp_path: Path) -> None:
    kafka = KafkaLog("127.0.0.1:1", ["t"])
    for call in (lambda: kafka.publish("t", ONE), lambda: kafka.end_offsets(["t"])):
        await complains(call)
    nowhere = make_url("postgresql+asyncpg://nobody@127.0.0.1:1/none")
    await complains(lambda: EmbeddedLog(nowhere).publish("t", ONE))


async def test_an_outage_is_told_and_survived(outage: Outage, topic: str) -> None:
    log = outage.open()
    await log.start()
    consumer = await log.subscribe("readers", [topic], Places())
    await log.publish(topic, ONE)
    assert len(await fetch_number(consumer, 1)) == 1

    await outage.begin()
    await asyncio.gather(
        complains(lambda: log.publish(topic, ONE)),
        complains(lambda: log.end_offsets([topic])),
        complains(lambda: consumer.fetch(10, wait_seconds=0.3)),
    )
    await consumer.stop()
    await complains(lambda: log.subscribe("readers", [topic], Places()))
    await complains(outage.open().start)
    await complains(lambda: log.publish(topic, [Message(b"k", b"2")]))

    await outage.end()

    async def published() -> bool:
        try:
            await log.publish(topic, [Message(b"k", b"3")])
        except LogUnavailable:
            return False
        return True

    await eventually(published)
    seen = [record.value for record in await read_all(log, topic)]
    assert seen[0] == b"1"
    assert seen[-1] == b"3"
    assert seen == sorted(seen)  # what failed may have arrived, even twice, but in order
    await log.stop()


async def test_a_log_can_be_stopped_while_it_is_away(outage: Outage, topic: str) -> None:
    log = outage.open()
    await log.start()
    consumer: LogConsumer = await log.subscribe("stoppers", [topic], Places())
    await consumer.fetch(10, wait_seconds=0.1)
    await outage.begin()  # and nobody ends it: this test is the last one
    await complains(lambda: log.publish(topic, ONE))
    began = time.monotonic()
    await consumer.stop()
    await log.stop()
    assert time.monotonic() - began < 10
