"""The event log is away: whoever needs it is told so, waits, and goes on when it is back."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

import pytest
from sqlalchemy import make_url

from deploy.kafka.broker import Broker
from shared.infrastructure import consumer as consumer_module
from shared.infrastructure import relay as relay_module
from shared.infrastructure.consumer import Consumer
from shared.infrastructure.database import Database, ensure_database
from shared.infrastructure.event_log import EventLog, LogUnavailable, Message
from shared.infrastructure.event_log import kafka as kafka_module
from shared.infrastructure.event_log.embedded import EmbeddedLog
from shared.infrastructure.event_log.kafka import KafkaLog
from shared.infrastructure.relay import Relay, backlog
from tests.conftest import ROOT
from tests.support.aggregate import (
    PUBLICATIONS,
    Put,
    handler_of,
    message_of,
    of_wishes,
    rows_of,
    wish,
    work,
)
from tests.support.databases import fresh_name
from tests.support.logs import KINDS, Gate, Places, complains, eventually, fetch_number, read_all


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
    monkeypatch.setattr(kafka_module, "_SESSION_MILLISECONDS", 6_000)  # the shortest that brokers allow
    broker: Broker = request.getfixturevalue("own_broker")

    async def begin() -> None:
        await asyncio.to_thread(broker.kill)

    async def end() -> None:
        await asyncio.to_thread(broker.start_again)

    return Outage(lambda: KafkaLog(broker.bootstrap, [topic, f"{topic}.told"]), begin, end)


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test waits for longer than it must."""
    for module in (consumer_module, relay_module):
        monkeypatch.setattr(module, "growing_pauses", lambda: iter(lambda: 0.2, None))


def wish_number(number: int) -> list[Message]:
    return [message_of(Put("jar", 1), f"m{number}")]


async def test_an_outage_is_told_and_survived(outage: Outage, topic: str, jars: Database) -> None:
    log = outage.open()
    await log.start()
    reader = await log.subscribe("readers", [topic], Places())
    await log.publish(topic, wish_number(0))
    assert len(await fetch_number(reader, 1)) == 1

    consumer = Consumer("jars", jars, log, handler_of(), {topic: of_wishes})
    relay = Relay(
        "jars", jars, log, {"CoinsPut": lambda row: (f"{topic}.told", PUBLICATIONS["CoinsPut"](row)[1])}
    )
    service = [asyncio.create_task(consumer.run()), asyncio.create_task(relay.run())]

    async def all_is_well() -> bool:
        return consumer.trouble == relay.trouble == "ok" and await backlog(jars) == 0

    await eventually(all_is_well)
    await outage.begin()
    await work(jars, [wish(Put("own jar", 1), "own")])
    await asyncio.gather(
        complains(lambda: log.publish(topic, wish_number(1))),
        complains(lambda: log.end_offsets([topic])),
        complains(lambda: reader.fetch(10, wait_seconds=0.3)),
    )
    await reader.stop()
    await complains(lambda: log.subscribe("readers", [topic], Places()))
    await complains(outage.open().start)
    await complains(lambda: log.publish(topic, wish_number(1)))

    async def the_service_says_so() -> bool:
        return "LogUnavailable" in consumer.trouble and relay.trouble.startswith("log away")

    await eventually(the_service_says_so)

    await outage.end()

    async def published() -> bool:
        try:
            await log.publish(topic, wish_number(2))
        except LogUnavailable:
            return False
        return True

    await eventually(published)
    await eventually(all_is_well, within_seconds=30)
    seen = [record.headers["ce_id"] for record in await read_all(log, topic)]
    assert seen[0] == b"m0"
    assert seen[-1] == b"m2"
    assert seen == sorted(seen)  # what failed may have arrived, even twice, but in order

    async def everything_is_worked_and_told() -> bool:
        rows = await rows_of(jars, "SELECT event_id FROM event ORDER BY event_id")
        told = {record.headers["ce_id"] for record in await read_all(log, f"{topic}.told")}
        return {event_id.encode() for (event_id,) in rows} == {*seen, b"own"} == told

    await eventually(everything_is_worked_and_told, within_seconds=30)
    for task in service:
        assert not task.done()
        task.cancel()
    await asyncio.wait(service)
    await log.stop()


async def test_a_log_can_be_stopped_while_it_is_away(outage: Outage, topic: str) -> None:
    log = outage.open()
    await log.start()
    consumer = await log.subscribe("stoppers", [topic], Places())
    await consumer.fetch(10, wait_seconds=0.1)
    await outage.begin()  # and nobody ends it: this test is the last one
    await complains(lambda: log.publish(topic, wish_number(1)))
    began = time.monotonic()
    await consumer.stop()
    await log.stop()
    assert time.monotonic() - began < 10


async def test_an_embedded_log_whose_server_is_not_there_says_so() -> None:
    log = EmbeddedLog(make_url("postgresql+asyncpg://nobody@127.0.0.1:1/none"))
    await complains(log.start)
    await complains(lambda: log.publish("t", wish_number(1)))
    await complains(lambda: log.end_offsets(["t"]))
    await complains(lambda: log.subscribe("g", ["t"], Places()))
    await log.stop()
