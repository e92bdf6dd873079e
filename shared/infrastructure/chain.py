"""The hash chain of the stored events: followed as a whole by ``verify``, and slice by slice by the permanent watch.

Events are looked at in one snapshot with the heads of their shards, so that what is written meanwhile is no break. The
watch remembers where it stopped in memory only: a process that starts anew begins at the beginning.
"""

import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.infrastructure.database import Database
from shared.infrastructure.event_store import first_break, read_rows
from shared.infrastructure.watch import FINE, Watch

SLICE = 20_000
"""Events that the watch follows each time it looks."""

_BATCH = 2000


@dataclass(frozen=True, slots=True)
class Place:
    """How far a shard's chain was followed: the last position, and the hash of its event."""

    position: int = 0
    hash: bytes = b""


class Step(NamedTuple):
    """Where a batch led, whether that is the end of the way, and in words the break that is there."""

    place: Place
    at_end: bool = False
    broken: str | None = None


async def heads(connection: AsyncConnection) -> dict[int, Place]:
    """Where the chain of each shard ends, in order of shard."""
    rows = await connection.execute(text("SELECT shard, position, hash FROM shard ORDER BY shard"))
    return {row.shard: Place(row.position, row.hash) for row in rows}


async def follow(
    connection: AsyncConnection, shard: int, place: Place, head: Place, most: int = sys.maxsize
) -> AsyncIterator[Step]:
    """Follow a shard's chain on from a place, batch by batch: to its end, to the first break, or for ``most`` events.

    ``connection`` must see the events in one snapshot with the ``head``.
    """
    while most > 0:
        limit = min(_BATCH, most)
        rows = await read_rows(connection, shard, place.position, limit)
        broken = first_break(place.hash, place.position + 1, rows)
        if broken is not None:
            yield Step(place, True, f"shard {shard}, position {broken[0]}, event {broken[1]}")
            return
        if rows:
            place = Place(rows[-1]["position"], rows[-1]["hash"])
        if len(rows) < limit:
            wrong = f"shard {shard} should end at position {head.position}, not {place.position}"
            yield Step(place, True, None if place == head else wrong)
            return
        yield Step(place)
        most -= limit


@dataclass
class ChainWatch:
    """Follows one shard after the other, again and again, ``most`` events a look, and looks at known breaks anew."""

    most: int = SLICE
    broken: dict[int, tuple[Place, str]] = field(default_factory=dict)
    """By shard: the break, and a place before it that was fine."""
    _shard: int = 0
    _place: Place = Place()

    async def __call__(self, database: Database) -> str:
        async with database.snapshot() as connection:
            ends = await heads(connection)
            await self._look_again(connection, ends)
            left = self.most
            for _ in ends:
                left = await self._follow_on(connection, ends, left)
        return f"hash chain broken: {self.broken[min(self.broken)][1]}" if self.broken else FINE

    async def _look_again(self, connection: AsyncConnection, ends: dict[int, Place]) -> None:
        """Forget the breaks that were mended."""
        for shard, (fine, _) in list(self.broken.items()):
            async for step in follow(connection, shard, fine, ends[shard], _BATCH):
                if step.broken is None:
                    del self.broken[shard]

    async def _follow_on(self, connection: AsyncConnection, ends: dict[int, Place], left: int) -> int:
        """Follow the present shard, and turn to the next at its end; how many of the ``left`` events are left."""
        shard = self._shard if self._shard in ends else min(ends)
        async for step in follow(connection, shard, self._place, ends[shard], left):
            left -= step.place.position - self._place.position
            if step.broken is not None:
                self.broken[shard] = self._place, step.broken
            self._place = step.place
            if step.at_end:
                shard = min((other for other in ends if other > shard), default=min(ends))
                self._place = Place()
        self._shard = shard
        return left


def chain_watch() -> Watch:
    """The watch of one running service."""
    return Watch("chain", ChainWatch())
