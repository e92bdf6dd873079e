"""Where a service stands in the log, kept in its own database and committed with the effects of what it read."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.infrastructure.database import Database
from shared.infrastructure.event_log import Partition


class AnotherLog(Exception):
    """The log is not the one in which places were reached: to go on would skip or repeat what is in it."""


async def hold_to(database: Database, identity: str) -> None:
    """Keep a service to the log of this identity, once it has reached places in it; raises AnotherLog for others.

    Places count whether they are of reading or of publishing: the other services know what was published there.
    """
    async with database.begin() as connection:
        await connection.execute(
            text("INSERT INTO known_log (identity) VALUES (:identity) ON CONFLICT DO NOTHING"),
            {"identity": identity},
        )
        rows = await connection.execute(
            text(
                "SELECT identity, EXISTS (SELECT FROM consumer_position WHERE next_offset > 0) "
                "OR EXISTS (SELECT FROM relay_position WHERE position > 0) FROM known_log"
            )
        )
        known, places = rows.one()
        if known == identity:
            return
        if places:
            raise AnotherLog(
                f"database {database.url.database} goes with the {known}, and this is the {identity}: set "
                "DUALBOOK_KAFKA as before (unset for the embedded log), or begin with empty databases"
            )
        await connection.execute(text("UPDATE known_log SET identity = :identity"), {"identity": identity})


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
