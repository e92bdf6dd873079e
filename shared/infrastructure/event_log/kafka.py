"""The event log on Apache Kafka (aiokafka).

The producer is idempotent and waits for all in-sync replicas. The consumer uses the group only to share out the
partitions: where to read from comes from the service's own database, on every assignment.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, NoError, TopicAlreadyExistsError, for_code

from shared.infrastructure.event_log.interface import (
    DEAD_LETTER,
    PARTITIONS,
    LogUnavailable,
    Message,
    Partition,
    Positions,
    Record,
    check_size,
    shard_of,
)

logger = structlog.get_logger()

_LARGEST_BATCH_BYTES = 512 * 1024
_LARGEST_MESSAGE_BYTES = 4 * 1024 * 1024
_MOST_COPIES = 3
_PATIENCE_SECONDS = 10.0
"""How long the log may be silent before it counts as away. aiokafka itself would wait, often without end."""
_SILENCE_SECONDS = 3.0
_SESSION_MILLISECONDS = 10_000
_HEARTBEAT_MILLISECONDS = 3_000


class KafkaLog:
    """EventLog on a Kafka cluster; ``topics`` are created when missing and permitted."""

    def __init__(self, bootstrap: str, topics: Sequence[str], partitions: int = PARTITIONS) -> None:
        self._bootstrap = bootstrap
        self._topics = [*topics, *(topic + DEAD_LETTER for topic in topics)]
        self._partitions = partitions
        self._producer: AIOKafkaProducer | None = None
        self._reader: AIOKafkaConsumer | None = None
        self._replacing = asyncio.Lock()

    async def identity(self) -> str:
        admin = AIOKafkaAdminClient(bootstrap_servers=self._bootstrap)
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await admin.start()
                return f"Kafka cluster {(await admin.describe_cluster())['cluster_id']}"
        except (KafkaError, OSError) as error:
            raise LogUnavailable(f"{type(error).__name__}: {error}") from error
        finally:
            await admin.close()

    async def start(self) -> None:
        try:
            await self._create_topics()
            self._producer = await self._started_producer()
            self._reader = AIOKafkaConsumer(bootstrap_servers=self._bootstrap, enable_auto_commit=False)
            await self._reader.start()
        except (KafkaError, OSError) as error:
            await self.stop()
            raise LogUnavailable(f"{type(error).__name__}: {error}") from error

    async def stop(self) -> None:
        for client in (self._producer, self._reader):
            if client is not None:
                await _end(client)
        self._producer = self._reader = None

    async def _started_producer(self) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap,
            acks="all",
            enable_idempotence=True,
            max_batch_size=_LARGEST_BATCH_BYTES,
            max_request_size=_LARGEST_MESSAGE_BYTES,
        )
        try:
            await producer.start()
        except BaseException:
            await _end(producer)
            raise
        return producer

    async def _create_topics(self) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self._bootstrap)
        try:
            await admin.start()
            present = set(await admin.list_topics())
            copies = min(_MOST_COPIES, len((await admin.describe_cluster())["brokers"]))
            missing = [self._topic(name, copies) for name in self._topics if name not in present]
            if missing:
                answer = await admin.create_topics(missing)
                for topic, code, reason in answer.topic_errors:
                    if for_code(code) not in (
                        NoError,
                        TopicAlreadyExistsError,
                    ):  # another service was quicker
                        raise KafkaError(f"topic {topic} cannot be created: {reason}")
                logger.info("topics created", topics=[topic.name for topic in missing])
        finally:
            await admin.close()

    def _topic(self, name: str, copies: int) -> NewTopic:
        config = {"retention.ms": "-1"}
        if not name.endswith(DEAD_LETTER):
            return NewTopic(name, self._partitions, copies, topic_configs=config)
        config["max.message.bytes"] = str(_LARGEST_MESSAGE_BYTES)  # and a reason beside it
        return NewTopic(name, 1, copies, topic_configs=config)

    async def publish(self, topic: str, messages: Sequence[Message]) -> None:
        check_size(topic, messages)
        if not messages:
            return
        producer = self._producer
        if producer is None:
            raise LogUnavailable("the producer is not started")
        try:
            async with asyncio.timeout(
                _PATIENCE_SECONDS
            ):  # what is under way then may still arrive, in order
                await self._deliver(producer, topic, messages)
        except TimeoutError as error:
            raise LogUnavailable(f"nothing was confirmed for {_PATIENCE_SECONDS:g} s") from error
        except (KafkaError, OSError) as error:
            await self._replace(producer)
            raise LogUnavailable(f"{type(error).__name__}: {error}") from error

    async def _deliver(self, producer: AIOKafkaProducer, topic: str, messages: Sequence[Message]) -> None:
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

    async def _replace(self, failed: AIOKafkaProducer) -> None:
        """A batch given up leaves a gap in a producer's numbering, and the broker takes nothing more from it."""
        async with self._replacing:
            if self._producer is not failed:
                return
            await _end(failed)
            with suppress(
                KafkaError, OSError
            ):  # the ended one then fails the next call, which comes here again
                self._producer = await self._started_producer()

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
            async with asyncio.timeout(_PATIENCE_SECONDS):
                wanted: list[TopicPartition] = []
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
            session_timeout_ms=_SESSION_MILLISECONDS,
            heartbeat_interval_ms=_HEARTBEAT_MILLISECONDS,
        )
        seeks = _SeekOnAssignment(consumer, positions)
        consumer.subscribe(topics=list(topics), listener=seeks)
        try:
            await consumer.start()
        except BaseException as error:
            await _end(consumer)
            if isinstance(error, KafkaError | OSError):
                raise LogUnavailable(f"{type(error).__name__}: {error}") from error
            raise
        return KafkaConsumer(consumer, seeks)


class _SeekOnAssignment(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is not typed
    """Reads a gained partition from where the service's database says, whatever the group remembers."""

    def __init__(self, consumer: AIOKafkaConsumer, positions: Positions) -> None:
        self._consumer = consumer
        self._positions = positions
        self.failure: Exception | None = None

    async def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:
        """Nothing to save: a batch still in work is fenced by the place locked in its own transaction."""

    async def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        self._consumer.pause(*assigned)  # else it would begin to read before it knows where
        try:
            partitions = [Partition(place.topic, place.partition) for place in assigned]
            for partition, offset in (await self._positions(partitions)).items():
                self._consumer.seek(TopicPartition(*partition), offset)
            self._consumer.resume(*assigned)
            self.failure = None
        except Exception as error:  # aiokafka would only log it; the next fetch raises it
            self.failure = error


class KafkaConsumer:
    """A member of a Kafka consumer group."""

    def __init__(self, consumer: AIOKafkaConsumer, seeks: _SeekOnAssignment) -> None:
        self._consumer = consumer
        self._seeks = seeks
        self._heard_at = time.monotonic()

    async def fetch(self, most: int, wait_seconds: float) -> Mapping[Partition, Sequence[Record]]:
        if self._seeks.failure is not None:
            raise self._seeks.failure
        try:
            async with asyncio.timeout(wait_seconds + 3 * _PATIENCE_SECONDS):  # a rebalance takes its time
                fetched = await self._at_hand(most) or await self._consumer.getmany(
                    timeout_ms=int(wait_seconds * 1000), max_records=most
                )
                await self._listen(bool(fetched))
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
                    {name: value or b"" for name, value in record.headers},
                )
                for record in records
            ]
            for place, records in fetched.items()
        }

    async def _at_hand(self, most: int) -> dict[TopicPartition, list[Any]]:
        """What lies ready, partition by partition: asked for all at once, the first would take the whole measure."""
        fetched: dict[TopicPartition, list[Any]] = {}
        for place in self._consumer.assignment():
            fetched.update(await self._consumer.getmany(place, max_records=most))
        return fetched

    async def _listen(self, heard: bool) -> None:
        """Where nothing comes, see whether a broker is there at all: aiokafka does not tell the two apart."""
        moment = time.monotonic()
        if not heard and moment - self._heard_at > _SILENCE_SECONDS:
            await self._consumer.topics()
            heard = True
        if heard:
            self._heard_at = moment

    async def stop(self) -> None:
        await _end(self._consumer)


async def _end(client: AIOKafkaProducer | AIOKafkaConsumer) -> None:
    """Stop a client, though not at any price.

    With no broker there, a producer would wait for one to take what it still holds, and a consumer's stop can end
    in the cancellation of one of its own tasks, which must not be taken for ours.
    """
    stopping = asyncio.create_task(client.stop())
    await asyncio.wait({stopping}, timeout=_PATIENCE_SECONDS)
    stopping.cancel()
    await asyncio.wait({stopping})
    with suppress(KafkaError, OSError):
        await (client.client if isinstance(client, AIOKafkaProducer) else client._client).close()
