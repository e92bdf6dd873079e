"""The Kafka that `make kafka` and the other tests start: a real broker that keeps what it was given."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from deploy.kafka import Broker, BrokerError

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache"
TOPIC = "core-banking.postings"


@asynccontextmanager
async def started_broker(data: Path) -> AsyncIterator[Broker]:
    broker = Broker(CACHE)
    try:
        yield await asyncio.to_thread(broker.start, data)
    finally:
        await asyncio.to_thread(broker.stop)


async def create_topics(broker: Broker, topics: list[NewTopic]) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
    await admin.start()
    try:
        answer = await admin.create_topics(topics)
        assert [error for _, code, error in answer.topic_errors if code != 0] == []
    finally:
        await admin.close()


async def produce(broker: Broker, value: bytes) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap, acks="all")
    await producer.start()
    try:
        await producer.send_and_wait(TOPIC, value, key=b"c1", headers=[("ce_id", b"core-000001")])
    finally:
        await producer.stop()


async def consume(broker: Broker, count: int) -> list[bytes]:
    consumer = AIOKafkaConsumer(TOPIC, bootstrap_servers=broker.bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        async with asyncio.timeout(30):
            return [(await consumer.getone()).value for _ in range(count)]
    finally:
        await consumer.stop()


async def test_a_record_is_still_there_after_a_stop_and_after_a_crash(tmp_path: Path) -> None:
    async with started_broker(tmp_path) as broker:
        bootstrap = broker.bootstrap
        await create_topics(broker, [NewTopic(TOPIC, num_partitions=1, replication_factor=1)])
        await produce(broker, b"first")
        assert await consume(broker, 1) == [b"first"]

        await asyncio.to_thread(broker.stop)
        assert not broker.running
        await asyncio.to_thread(broker.start_again)
        assert broker.bootstrap == bootstrap
        assert await consume(broker, 1) == [b"first"]

        await produce(broker, b"second")
        await asyncio.to_thread(broker.kill)
        assert not broker.running
        await asyncio.to_thread(broker.start_again)
        assert await consume(broker, 2) == [b"first", b"second"]


def test_a_taken_port_is_refused_by_name(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(BrokerError, match=f"port {port} of 127.0.0.1 is taken"):
            Broker(CACHE).start(tmp_path, port)


def test_a_broker_that_cannot_start_shows_the_end_of_its_log(tmp_path: Path) -> None:
    storage = tmp_path / "storage"
    storage.mkdir()
    (storage / "meta.properties").write_text("version=1\nnode.id=2\ncluster.id=of-another-broker\n")
    broker = Broker(CACHE)
    with pytest.raises(BrokerError, match=r"ended with exit code 1(?s:.*)Stored node id 2"):
        broker.start(tmp_path)
    assert not broker.running


def test_a_missing_program_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BrokerError, match="`mvn` was not found: install Apache Maven"):
        Broker(tmp_path / "cache").start(tmp_path / "data")
