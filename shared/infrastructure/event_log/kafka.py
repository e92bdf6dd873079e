"""The event log on Apache Kafka (aiokafka).

The producer is idempotent and waits for all in-sync replicas. The consumer uses the group only to share out the
partitions: where to read from comes from the service's own database, on every assignment.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError

from shared.infrastructure.event_log.interface import (
    PARTITIONS,
    LogUnavailable,
    Message,
    Partition,
    Positions,
    Record,
    shard_of,
)

logger = structlog.get_logger()

_LARGEST_BATCH_BYTES = 512 * 1024
_LARGEST_MESSAGE_BYTES = 4 * 1024 * 1024
_DEAD_LETTER = ".dead-letter"


class KafkaLog:
    """EventLog on a Kafka cluster; ``topics`` are created when missing and permitted."""

    def __init__(self, bootstrap: str, topics: Sequence[str], partitions: int = PARTITIONS) -> None:
        self._bootstrap = bootstrap
        self._topics = [*topics, *(topic + _DEAD_LETTER for topic in topics)]
        self._partitions = partitions
        self._producer: AIOKafkaProducer | None = None
        self._reader: AIOKafkaConsumer | None = None

    async def start(self) -> None:
        try:
            await self._create_topics()
            self._producer = AIOKafkaProducer(
                bootstrap_servers=self._bootstrap,
                acks="all",
                enable_idempotence=True,
                max_batch_size=_LARGEST_BATCH_BYTES,
                max_request_size=_LARGEST_MESSAGE_BYTES,
            )
            await self._producer.start()
            self._reader = AIOKafkaConsumer(bootstrap_servers=self._bootstrap, enable_auto_commit=False)
            await self._reader.start()
        except (KafkaError, OSError) as error:
            await self.stop()
            raise LogUnavailable(f"{type(error).__name__}: {error}") from error

    async def stop(self) -> None:
        for client in (self._producer, self._reader):
            if client is not None:
                with suppress(KafkaError, OSError):
                    await client.stop()
        self._producer = self._reader = None

    async def _create_topics(self) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self._bootstrap)
        await admin.start()
        try:
            present = set(await admin.list_topics())
            missing = [
                NewTopic(
                    topic,
                    1 if topic.endswith(_DEAD_LETTER) else self._partitions,
                    replication_factor=-1,
                    topic_configs={"retention.ms": "-1"},
                )
                for topic in self._topics
                if topic not in present
            ]
            if missing:
                with suppress(TopicAlreadyExistsError):  # another service was quicker
                    await admin.create_topics(missing)
                logger.info("topics created", topics=[topic.name for topic in missing])
        finally:
            await admin.close()

    async def publish(self, topic: str, messages: Sequence[Message]) -> None:
        if not messages:
            return
        producer = self._producer
        if producer is None:
            raise LogUnavailable("the producer is not started")
        try:
            partitions = len(await producer.partitions_for(topic))
            by_partition: dict[int, list[Message]] = {}
            for message in messages:
                number = message.partition
                if number is None:
                    number = shard_of(message.key.decode("utf-8", "surrogateescape"), partitions)
                by_partition.setdefault(number % partitions, []).append(message)
            pending = [
                future
                for number, mine in by_partition.items()
                for future in await self._send(producer, topic, number, mine)
            ]
            for done in await asyncio.gather(*pending, return_exceptions=True):
                if isinstance(done, BaseException):
                    raise done
        except (KafkaError, OSError) as error:
            raise LogUnavailable(f"{type(error).__name__}: {error}") from error

    async def _send(
        self, producer: AIOKafkaProducer, topic: str, number: int, messages: Sequence[Message]
    ) -> list[asyncio.Future[object]]:
        """Whole batches for one partition, built here: five times as fast as message by message."""
        pending: list[asyncio.Future[object]] = []
        batch = producer.create_batch()
        for message in messages:
            headers = list(message.headers)
            if batch.append(key=message.key, value=message.value, timestamp=None, headers=headers) is None:
                pending.append(await producer.send_batch(batch, topic, partition=number))
                batch = producer.create_batch()
                batch.append(key=message.key, value=message.value, timestamp=None, headers=headers)
        pending.append(await producer.send_batch(batch, topic, partition=number))
        return pending

    async def end_offsets(self, topics: Sequence[str]) -> Mapping[Partition, int]:
        reader = self._reader
        if reader is None:
            raise LogUnavailable("the reader is not started")
        try:
            async with asyncio.timeout(10):
                wanted = []
                for topic in topics:
                    numbers = await reader._client._wait_on_metadata(topic)
                    wanted.extend(TopicPartition(topic, number) for number in numbers)
                ends = await reader.end_offsets(wanted)
        except (KafkaError, OSError, TimeoutError) as error:
            raise LogUnavailable(f"{type(error).__name__}: {error}") from error
        return {Partition(place.topic, place.partition): end for place, end in ends.items()}

    async def subscribe(self, group: str, topics: Sequence[str], positions: Positions) -> "KafkaConsumer":
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap,
            group_id=group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=_LARGEST_MESSAGE_BYTES,
            session_timeout_ms=10_000,
            heartbeat_interval_ms=3_000,
        )
        consumer.subscribe(topics=list(topics), listener=_SeekOnAssignment(consumer, positions))
        try:
            await consumer.start()
        except (KafkaError, OSError) as error:
            with suppress(KafkaError, OSError):
                await consumer.stop()
            raise LogUnavailable(f"{type(error).__name__}: {error}") from error
        return KafkaConsumer(consumer)


class _SeekOnAssignment(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is not typed
    """Reads a gained partition from where the service's database says, whatever the group remembers."""

    def __init__(self, consumer: AIOKafkaConsumer, positions: Positions) -> None:
        self._consumer = consumer
        self._positions = positions

    async def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:
        """Nothing to save: a batch still in work is fenced by the place locked in its own transaction."""

    async def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        partitions = [Partition(place.topic, place.partition) for place in assigned]
        for partition, offset in (await self._positions(partitions)).items():
            self._consumer.seek(TopicPartition(*partition), offset)


class KafkaConsumer:
    """A member of a Kafka consumer group."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer

    async def fetch(self, most: int, wait_seconds: float) -> Mapping[Partition, Sequence[Record]]:
        owned = max(1, len(self._consumer.assignment()))
        try:
            fetched = await self._consumer.getmany(
                timeout_ms=int(wait_seconds * 1000), max_records=most * owned
            )
        except (KafkaError, OSError) as error:
            raise LogUnavailable(f"{type(error).__name__}: {error}") from error
        return {
            Partition(place.topic, place.partition): [
                Record(
                    place.topic,
                    place.partition,
                    record.offset,
                    record.key or b"",
                    record.value or b"",
                    dict(record.headers),
                )
                for record in records
            ]
            for place, records in fetched.items()
        }

    async def stop(self) -> None:
        with suppress(KafkaError, OSError):
            await self._consumer.stop()
