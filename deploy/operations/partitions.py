"""``dualbook partitions``: more partitions for core banking's topic, without a customer's events changing places.

A key lies in partition murmur2(key) mod partitions, and a customer's shard is murmur2(key) mod 8. So a multiple of 8
partitions keeps together what shares a shard, and only that. Keys move to other partitions when the number changes; a
reader could then meet a customer's later events before the earlier ones. So the topic must be worked to its end, and
at rest, at the moment of the change.
"""

import asyncio
from collections.abc import Mapping

from aiokafka.admin import NewPartitions

from deploy.operations.clients import OperationFailed
from deploy.operations.topics import administrator
from shared.contracts.core_banking import TOPIC
from shared.infrastructure.database import Database, url_of
from shared.infrastructure.event_log import PARTITIONS, EventLog, LogUnavailable, Partition
from shared.infrastructure.positions import stored_positions
from shared.infrastructure.runtime import event_log
from shared.infrastructure.settings import Settings

READERS = ("ledger", "assignment")
"""Services that read core banking's topic."""

QUIET_SECONDS = 5.0
"""So long nothing may arrive: a producer that is at work sends more often."""


async def add_partitions(settings: Settings, server: str, number: int, quiet: float = QUIET_SECONDS) -> int:
    """Give core banking's topic ``number`` partitions; returns how many it had. Raises OperationFailed.

    Nothing is changed where it has so many already.
    """
    if number % PARTITIONS:
        raise OperationFailed(
            f"{number} partitions: must be a multiple of {PARTITIONS}; else customers of several shards would share one"
        )
    async with administrator(settings) as admin:
        log = event_log(settings, server)
        try:
            await log.start()
            before = await log.end_offsets([TOPIC])
            if len(before) == number:
                return number
            if len(before) > number:
                raise OperationFailed(f"{TOPIC} has {len(before)} partitions: Kafka takes none away")
            await _check_worked(server, before)
            await _check_at_rest(log, before, quiet)
        except LogUnavailable as error:
            raise OperationFailed(f"DUALBOOK_KAFKA: the log cannot be reached ({error})") from None
        finally:
            await log.stop()
        await admin.create_partitions({TOPIC: NewPartitions(number)})
        return len(before)


async def _check_worked(server: str, ends: Mapping[Partition, int]) -> None:
    for name in READERS:
        database = Database(url_of(server, name), name="dualbook-partitions", pool_size=1)
        try:
            async with database.read() as connection:
                read = await stored_positions(connection)
        finally:
            await database.close()
        behind = sum(max(0, end - read.get(partition, 0)) for partition, end in ends.items())
        if behind:
            raise OperationFailed(
                f"{name} is {behind:,} messages behind on {TOPIC}: stop core banking's producers, and wait until "
                "GET /v1/lag says 0"
            )


async def _check_at_rest(log: EventLog, before: Mapping[Partition, int], quiet: float) -> None:
    await asyncio.sleep(quiet)
    if await log.end_offsets([TOPIC]) != before:
        raise OperationFailed(f"{TOPIC}: messages are still arriving; stop core banking's producers first")
