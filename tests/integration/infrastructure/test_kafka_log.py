"""What is Kafka's own: topics that must be made, messages of other producers, and those that a broker refuses."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import MessageSizeTooLargeError

from deploy.kafka.broker import Broker
from shared.infrastructure.event_log import LogUnavailable, Message
from shared.infrastructure.event_log.kafka import KafkaLog
from tests.support.logs import complains, read_all


@pytest.fixture
async def log(kafka_broker: Broker, topic: str) -> AsyncIterator[KafkaLog]:
    opened = KafkaLog(kafka_broker.bootstrap, [topic])
    await opened.start()
    yield opened
    await opened.stop()


async def test_services_may_start_at_once_on_a_log_without_topics(kafka_broker: Broker, topic: str) -> None:
    logs = [KafkaLog(kafka_broker.bootstrap, [topic, f"{topic}.other"]) for _ in range(3)]
    await asyncio.gather(*(log.start() for log in logs))
    await asyncio.gather(*(log.publish(topic, [Message(b"k", b"1")]) for log in logs))
    assert len(await read_all(logs[0], topic)) == 3
    await asyncio.gather(*(log.stop() for log in logs))


async def test_dead_letters_have_one_partition_and_the_others_eight(log: KafkaLog, topic: str) -> None:
    ends = await log.end_offsets([topic, f"{topic}.dead-letter"])
    assert sorted(place.number for place in ends if place.topic == topic) == list(range(8))
    assert [place.number for place in ends if place.topic != topic] == [0]


async def test_topics_that_cannot_be_made_are_a_reason_to_wait(kafka_broker: Broker) -> None:
    log = KafkaLog(kafka_broker.bootstrap, ["no/such name"])
    with pytest.raises(LogUnavailable, match="no/such name"):
        await log.start()


async def test_a_message_that_is_refused_does_not_hold_up_those_after_it(log: KafkaLog, topic: str) -> None:
    producer = log._producer
    assert producer is not None
    with pytest.raises(MessageSizeTooLargeError):
        await log._deliver(producer, topic, [Message(b"k", b"x" * 8_000_000)])
    for number in range(3):
        await log.publish(topic, [Message(b"k", b"%d" % number)])
    assert [record.value for record in await read_all(log, topic)] == [b"0", b"1", b"2"]


async def test_what_other_producers_leave_out_is_read_as_empty(
    kafka_broker: Broker, log: KafkaLog, topic: str
) -> None:
    async with AIOKafkaProducer(bootstrap_servers=kafka_broker.bootstrap) as producer:
        await producer.send_and_wait(topic, value=None, key=b"k", partition=0, headers=[("ce_type", None)])
        await producer.send_and_wait(topic, value=b"v", key=None, partition=0)
    deletion, keyless = await read_all(log, topic)
    assert (deletion.key, deletion.value, dict(deletion.headers)) == (b"k", b"", {"ce_type": b""})
    assert (keyless.key, keyless.value, dict(keyless.headers)) == (b"", b"v", {})


async def test_a_log_that_was_not_started_says_so(topic: str) -> None:
    log = KafkaLog("127.0.0.1:1", [topic])
    await complains(lambda: log.publish(topic, [Message(b"k", b"1")]))
    await complains(lambda: log.end_offsets([topic]))
    await complains(log.start)
