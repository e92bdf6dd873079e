"""Where a service stands in the log, kept in its own database and committed with the effects of what it read."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.infrastructure.event_log import Partition


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


async def lock_position(connection: AsyncConnection, partition: Partition) -> int:
    """The next offset to work of a partition, ours alone until the transaction ends."""
    rows = await connection.execute(_LOCK_POSITION, {"topic": partition.topic, "number": partition.number})
    return int(rows.scalar_one())


async def move_position(connection: AsyncConnection, partition: Partition, place: int) -> None:
    """Everything before ``place`` is worked, if the transaction commits."""
    await connection.execute(
        _MOVE_POSITION, {"topic": partition.topic, "number": partition.number, "place": place}
    )
