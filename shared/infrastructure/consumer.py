"""The consumer: messages of the log become submissions, a batch of them one transaction with the place reached.

Seen twice, booked once: the place in the log is locked, checked and moved in the transaction that works the
messages, so a crash, a rebalance or a second process can repeat nothing. A message that cannot be read or is
refused becomes a dead letter and those behind it go on. While database or log are away the consumer waits with
growing pauses and loses nothing.
"""

import asyncio
from collections import Counter as Counting
from collections.abc import Callable, Iterator, Mapping, Sequence
from time import perf_counter

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.infrastructure import tracing
from shared.infrastructure.command_handler import Accepted, CommandHandler, Duplicate, Outcome
from shared.infrastructure.database import Database, is_collision, is_conflict, is_unavailable
from shared.infrastructure.doors import Door, Read, Reader, event_of, letter_of
from shared.infrastructure.event_log import EventLog, LogConsumer, LogUnavailable, Partition, Record
from shared.infrastructure.meters import ConsumerMeter
from shared.infrastructure.pauses import growing_pauses
from shared.infrastructure.positions import AnotherLog, lock_position, move_position, stored_positions

logger = structlog.get_logger()

_TRIES_ALONE = 3


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
        batch: int = 2000,
        on_events: Callable[[], None] = lambda: None,
    ) -> None:
        self._service = service
        self._database = database
        self._log = log
        self._handler = handler
        self._doors = doors
        self.reader = Reader(doors)
        self._meter = ConsumerMeter(service)
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
                await self._consume(consumer)
            except Exception as error:  # whatever went wrong outside a batch: join again after a pause
                if self.trouble == "ok":  # it worked in between
                    pauses = growing_pauses()
                self.trouble = f"{type(error).__name__}: {error}"
            finally:
                if consumer is not None:
                    await consumer.stop()
            pause = next(pauses)
            logger.warning("consumer waits", reason=self.trouble, pause_seconds=pause)
            await asyncio.sleep(pause)

    async def _consume(self, consumer: LogConsumer) -> None:
        """Fetch on while what was fetched is worked: partitions side by side, since they share no shard, and the
        batches of each one after the other. One batch a partition is in work at most, and one is at hand."""
        working: dict[Partition, asyncio.Task[None]] = {}
        try:
            while True:
                fetched = await consumer.fetch(self._batch, wait_seconds=1.0)
                for partition in [partition for partition, task in working.items() if task.done()]:
                    working.pop(partition).result()  # what went wrong outside a batch is raised, and at once
                if not working:
                    self.trouble = "ok"
                for partition, records in fetched.items():
                    if partition in working:
                        await working[partition]
                    working[partition] = asyncio.create_task(self._read_and_work(partition, records))
        finally:
            for task in working.values():
                task.cancel()
            await asyncio.gather(*working.values(), return_exceptions=True)

    async def _read_and_work(self, partition: Partition, records: Sequence[Record]) -> None:
        await self._persist(partition, self.reader.read(records))

    async def _persist(self, partition: Partition, batch: Sequence[Read]) -> None:
        """Work a batch, come what may: wait while something is away, and find out the one message that breaks it.

        A message is given up for its own faults alone; where writers collide it is tried again for ever.
        """
        pauses = growing_pauses()
        tries = 0
        while True:
            try:
                await self.work(partition, batch)
                return
            except Exception as error:
                if not (is_unavailable(error) or isinstance(error, LogUnavailable)):
                    alone = len(batch) == 1
                    tries += not (alone and is_collision(error))
                    if not alone and not (is_conflict(error) and tries < _TRIES_ALONE):
                        await self._one_by_one(partition, batch)
                        return
                    if alone and tries >= _TRIES_ALONE:
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
        letter = letter_of(read.record, reason, event_of(read.record), attempts=tries)
        return Read(read.record, letter, type=read.type)

    async def work(self, partition: Partition, batch: Sequence[Read]) -> list[Outcome]:
        """One transaction: the messages not worked yet, and the place reached."""
        began = perf_counter()
        trace = tracing.batch(f"consume {partition.topic}", len(batch), lambda: _traces_of(batch))
        async with trace, self._database.begin() as connection:
            place = await lock_position(connection, partition)
            fresh = [read for read in batch if read.record.offset >= place and read.submission is not None]
            fresh = self.reader.combined(partition.topic, fresh)
            submissions = [read.submission for read in fresh if read.submission is not None]
            outcomes = await self._handler.work(connection, submissions, self.reader.letter_for(fresh))
            await move_position(connection, partition, max(place, batch[-1].record.offset + 1))
        self.trouble = "ok"
        seconds = perf_counter() - began
        self._meter.worked(partition.topic, len(batch), seconds, self._counted(fresh, outcomes))
        self._on_events()
        return outcomes

    def _counted(self, fresh: Sequence[Read], outcomes: Sequence[Outcome]) -> Counting[tuple[str, str]]:
        """The messages by type and outcome."""
        messages: Counting[tuple[str, str]] = Counting()
        for read, outcome in zip(fresh, outcomes, strict=True):
            messages[read.type, _name_of(outcome)] += read.messages
            if isinstance(outcome, Duplicate) and outcome.differs:
                logger.warning(
                    "an id came again with other data; the first one stands", event_id=outcome.event_id
                )
        return messages

    async def positions(self, partitions: Sequence[Partition]) -> dict[Partition, int]:
        """Where to read on, from the service's own database; raises AnotherLog where the log does not reach so far."""
        async with self._database.read() as connection:
            places = await stored_positions(connection)
        ends = await self._log.end_offsets(sorted({partition.topic for partition in partitions}))
        for partition in partitions:
            if places.get(partition, 0) > ends.get(partition, 0):
                raise AnotherLog(
                    f"{partition.topic}/{partition.number} ends at {ends.get(partition, 0)}, "
                    f"but was read up to {places[partition]}: this is not the log that was read before"
                )
        return {partition: places.get(partition, 0) for partition in partitions}

    async def lag(self) -> dict[str, int]:
        """Events behind, per consumed topic."""
        async with self._database.read() as connection:
            return await self.lag_on(connection)

    async def lag_on(self, connection: AsyncConnection) -> dict[str, int]:
        """``lag``, on a connection that the caller has."""
        if not self._doors:
            return {}
        ends = await self._log.end_offsets(list(self._doors))
        places = await stored_positions(connection)
        behind = dict.fromkeys(self._doors, 0)
        for partition, end in ends.items():
            behind[partition.topic] += max(0, end - places.get(partition, 0))
        return behind


def _traces_of(batch: Sequence[Read]) -> Iterator[str]:
    return (read.record.headers.get("traceparent", b"").decode("latin-1") for read in batch)


def _name_of(outcome: Outcome) -> str:
    """The outcome's name in the metrics; a message kept as a dead letter counts as refused, however it came to."""
    if isinstance(outcome, Accepted) and outcome.events and outcome.events[0].type == "MessageRefused":
        return "refused"
    return type(outcome).__name__.lower()
