"""The consumer: messages of the log become submissions, a batch of them one transaction with the place reached.

Seen twice, booked once: the place in the log is locked, checked and moved in the transaction that works the
messages, so a crash, a rebalance or a second process can repeat nothing. A message that cannot be read or is
refused becomes a dead letter and those behind it go on. While database or log are away the consumer waits with
growing pauses and loses nothing.
"""

import asyncio
from collections import Counter as Counting
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import structlog
from prometheus_client import Counter, Histogram
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.envelope import CloudEvent, from_message
from shared.infrastructure import dead_letters, event_store
from shared.infrastructure.command_handler import (
    Accepted,
    CommandHandler,
    Duplicate,
    Letter,
    Outcome,
    Submission,
)
from shared.infrastructure.database import Database, is_conflict, is_unavailable
from shared.infrastructure.event_log import EventLog, LogConsumer, LogUnavailable, Partition, Record
from shared.infrastructure.pauses import growing_pauses
from shared.kernel.errors import Malformed, Refusal

logger = structlog.get_logger()

Door = Callable[[CloudEvent, Record], Submission | None]
"""From a message to a submission; None for a message that is not this service's affair; raises Malformed."""


@dataclass(frozen=True, slots=True)
class BatchDoor:
    """A door whose messages of one transaction become one command.

    ``read`` judges each message alone; ``combine`` makes one submission of several, in their order. Refused,
    a combined command breaks its batch, which is then halved until the one refused message is found.
    """

    read: Door
    combine: Callable[[Sequence[Submission]], Submission]

    def __call__(self, event: CloudEvent, record: Record) -> Submission | None:
        return self.read(event, record)


_TRIES_ALONE = 3

CONSUMED = Counter(
    "dualbook_consumer_messages_total", "Messages worked, by outcome", ["service", "topic", "outcome"]
)
BATCH = Histogram(
    "dualbook_consumer_batch_messages",
    "Messages a transaction",
    ["service"],
    buckets=(1, 10, 50, 100, 250, 500, 1000),
)
SECONDS = Histogram("dualbook_consumer_batch_seconds", "Duration of a batch's transaction", ["service"])


class Read(NamedTuple):
    """A record and what it asks for; the last of several ``messages`` where a batch door combined them."""

    record: Record
    submission: Submission | None
    messages: int = 1


class Consumer:
    """Consumes the topics of one service."""

    def __init__(
        self,
        service: str,
        database: Database,
        log: EventLog,
        handler: CommandHandler,
        doors: Mapping[str, Door],
        *,
        batch: int = 1000,
        on_events: Callable[[], None] = lambda: None,
    ) -> None:
        self._service = service
        self._database = database
        self._log = log
        self._handler = handler
        self._doors = doors
        self._batch = batch
        self._on_events = on_events
        self.trouble = "starting"

    async def run(self) -> None:
        """Consume until cancelled."""
        if not self._doors:
            self.trouble = "ok"
            return
        pauses = growing_pauses()
        while True:
            consumer: LogConsumer | None = None
            try:
                consumer = await self._log.subscribe(
                    f"dualbook-{self._service}", list(self._doors), self.positions
                )
                while True:
                    fetched = await consumer.fetch(self._batch, wait_seconds=1.0)
                    self.trouble = "ok"
                    pauses = growing_pauses()
                    await self._work_all(fetched)
            except Exception as error:  # whatever went wrong outside a batch: join again after a pause
                self.trouble = f"{type(error).__name__}: {error}"
            finally:
                if consumer is not None:
                    await consumer.stop()
            pause = next(pauses)
            logger.warning("consumer waits", reason=self.trouble, pause_seconds=pause)
            await asyncio.sleep(pause)

    async def _work_all(self, fetched: Mapping[Partition, Sequence[Record]]) -> None:
        """Partitions side by side, since they share no shard; each one's records in order."""

        async def one(partition: Partition, records: Sequence[Record]) -> None:
            for start in range(0, len(records), self._batch):
                await self._persist(partition, self.read(records[start : start + self._batch]))

        async with asyncio.TaskGroup() as tasks:
            for partition, records in fetched.items():
                tasks.create_task(one(partition, records))

    def read(self, records: Sequence[Record]) -> list[Read]:
        """Turn records into submissions; what cannot be read into dead letters."""
        return [Read(record, self._submission(record)) for record in records]

    def submission_again(self, record: Record) -> Submission:
        """The submission for a dead letter's message, a refusal of which is the caller's; raises Malformed."""
        submission = self._doors[record.topic](from_message(record.headers, record.value), record)
        if submission is None:
            raise Malformed("this message is no longer any affair of this service")
        return submission

    def _submission(self, record: Record) -> Submission | None:
        event: CloudEvent | None = None
        try:
            event = from_message(record.headers, record.value)
            return self._doors[record.topic](event, record)
        except Malformed as error:
            return self._letter(record, str(error), event)
        except Exception as error:  # trying again would not help: reading looks at nothing but the message
            logger.error("message cannot be read", topic=record.topic, partition=record.partition,
                         offset=record.offset, exc_info=error)  # fmt: skip
            return self._letter(record, f"unexpected error: {type(error).__name__}", event)

    def _letter_for(self, read: Sequence[Read]) -> Letter:
        """The dead letter of a refused message: in the shard that its command was for."""

        def letter(index: int, refusal: Refusal) -> Submission:
            record, submission, messages = read[index]
            assert submission is not None  # only what was submitted can be refused
            if messages > 1:
                raise refusal  # which of them is meant, smaller batches will show
            stream = submission.decider.stream(submission.command)
            key = stream.partition("-")[2].partition("#")[0]
            event = from_message(record.headers, record.value)
            return self._letter(record, str(refusal), event, shard_key=key)

        return letter

    def _letter(
        self, record: Record, reason: str, event: CloudEvent | None, *, shard_key: str = "", attempts: int = 1
    ) -> Submission:
        return dead_letters.letter_of(
            record,
            reason,
            shard_key=shard_key or _key_of(record),
            now=event_store.now(),
            attempts=attempts,
            event_id=event.id if event else "",
            type=event.type if event else "",
        )

    async def _persist(self, partition: Partition, batch: Sequence[Read]) -> None:
        """Work a batch, come what may: wait while something is away, and find out the one message that breaks it."""
        pauses = growing_pauses()
        tries = 0
        while True:
            try:
                await self.work(partition, batch)
                return
            except Exception as error:
                if not (is_unavailable(error) or isinstance(error, LogUnavailable)):
                    tries += 1
                    if len(batch) > 1 and not (is_conflict(error) and tries < _TRIES_ALONE):
                        await self._one_by_one(partition, batch)
                        return
                    if tries >= _TRIES_ALONE and len(batch) == 1:
                        batch = [self._give_up(batch[0], error, tries)]
                        tries = 0
                self.trouble = f"{type(error).__name__}: {error}"
                pause = next(pauses)
                logger.warning("batch tried again", topic=partition.topic, partition=partition.number,
                               messages=len(batch), reason=self.trouble, pause_seconds=pause)  # fmt: skip
                await asyncio.sleep(pause)

    async def _one_by_one(self, partition: Partition, batch: Sequence[Read]) -> None:
        middle = len(batch) // 2
        await self._persist(partition, batch[:middle])
        await self._persist(partition, batch[middle:])

    def _give_up(self, read: Read, error: Exception, tries: int) -> Read:
        logger.error("message given up", topic=read.record.topic, partition=read.record.partition,
                     offset=read.record.offset, exc_info=error)  # fmt: skip
        reason = f"unexpected error: {type(error).__name__}"
        return Read(read.record, self._letter(read.record, reason, None, attempts=tries))

    async def work(self, partition: Partition, batch: Sequence[Read]) -> list[Outcome]:
        """One transaction: the messages not worked yet, and the place reached."""
        with SECONDS.labels(self._service).time():
            async with self._database.begin() as connection:
                place = await _lock_position(connection, partition)
                fresh = [
                    read for read in batch if read.record.offset >= place and read.submission is not None
                ]
                fresh = self._combined(partition.topic, fresh)
                submissions = [read.submission for read in fresh if read.submission is not None]
                outcomes = await self._handler.work(connection, submissions, self._letter_for(fresh))
                await _move_position(connection, partition, max(place, batch[-1].record.offset + 1))
        self.trouble = "ok"
        BATCH.labels(self._service).observe(len(batch))
        self._count(partition.topic, fresh, outcomes)
        self._on_events()
        return outcomes

    def _combined(self, topic: str, fresh: list[Read]) -> list[Read]:
        """What a batch door's messages ask for as one, behind the dead letters; any other door's as it is."""
        door = self._doors[topic]
        if not isinstance(door, BatchDoor):
            return fresh
        letters: list[Read] = []
        rest: list[Read] = []
        for read in fresh:
            refused = read.submission is not None and read.submission.decider is dead_letters.DECIDER
            (letters if refused else rest).append(read)
        if len(rest) < 2:
            return fresh
        combined = door.combine([read.submission for read in rest if read.submission is not None])
        return [*letters, Read(rest[-1].record, combined, len(rest))]

    def _count(self, topic: str, fresh: Sequence[Read], outcomes: Sequence[Outcome]) -> None:
        messages: Counting[str] = Counting()
        for read, outcome in zip(fresh, outcomes, strict=True):
            messages[_name_of(outcome)] += read.messages
        for name, number in messages.items():
            CONSUMED.labels(self._service, topic, name).inc(number)
        for outcome in outcomes:
            if isinstance(outcome, Duplicate) and outcome.differs:
                logger.warning(
                    "an id came again with other data; the first one stands", event_id=outcome.event_id
                )

    async def positions(self, partitions: Sequence[Partition]) -> dict[Partition, int]:
        """Where to read on, from the service's own database."""
        async with self._database.read() as connection:
            places = await stored_positions(connection)
        return {partition: places.get(partition, 0) for partition in partitions}

    async def lag(self) -> dict[str, int]:
        """Events behind, per consumed topic."""
        if not self._doors:
            return {}
        ends = await self._log.end_offsets(list(self._doors))
        async with self._database.read() as connection:
            places = await stored_positions(connection)
        behind = dict.fromkeys(self._doors, 0)
        for partition, end in ends.items():
            behind[partition.topic] += max(0, end - places.get(partition, 0))
        return behind


async def stored_positions(connection: AsyncConnection) -> dict[Partition, int]:
    """The next offset of every partition that was ever read."""
    rows = await connection.execute(text("SELECT topic, partition, next_offset FROM consumer_position"))
    return {Partition(row.topic, row.partition): row.next_offset for row in rows}


_LOCK_POSITION = text(
    "INSERT INTO consumer_position (topic, partition, next_offset) VALUES (:topic, :number, 0) "
    "ON CONFLICT (topic, partition) DO UPDATE SET next_offset = consumer_position.next_offset RETURNING next_offset"
)
_MOVE_POSITION = text(
    "UPDATE consumer_position SET next_offset = :place WHERE topic = :topic AND partition = :number"
)


async def _lock_position(connection: AsyncConnection, partition: Partition) -> int:
    rows = await connection.execute(_LOCK_POSITION, {"topic": partition.topic, "number": partition.number})
    return int(rows.scalar_one())


async def _move_position(connection: AsyncConnection, partition: Partition, place: int) -> None:
    await connection.execute(
        _MOVE_POSITION, {"topic": partition.topic, "number": partition.number, "place": place}
    )


def _name_of(outcome: Outcome) -> str:
    """The outcome's name in the metrics; a message kept as a dead letter counts as refused, however it came to."""
    if isinstance(outcome, Accepted) and outcome.events and outcome.events[0].type == "MessageRefused":
        return "refused"
    return type(outcome).__name__.lower()


def _key_of(record: Record) -> str:
    """The key of a message that could not be read further, or its place where even the key is no text."""
    try:
        key = record.key.decode()
    except UnicodeDecodeError:
        key = ""
    return key if key and "#" not in key and "\0" not in key else f"{record.topic}/{record.partition}"
