"""Rows that are folds: what a read model says of an aggregate is a pure function of the aggregate's events.

One function makes both the row of today, kept in a table as events come, and the row of a day gone by, folded anew when
somebody asks: of the events whose business date is not after the day, in the order in which they were recorded. So the
two cannot tell different stories. What was recorded late counts from its business date on, and an aggregate whose
first event has a later business date did not exist on the day.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from typing import Any, Generic, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.infrastructure.database import driver_of
from shared.infrastructure.event_store import FactReader, History
from shared.kernel.event import StoredEvent

StateT = TypeVar("StateT")


def readers(*kinds: Any) -> dict[str, FactReader]:
    """How the events of these contracts are read, by type."""
    return {kind.__name__: kind.model_validate_json for kind in kinds}


@dataclass(frozen=True)
class Fold(Generic[StateT]):
    """What one kind of aggregate is after its events.

    ``begin`` makes the state of the first event of a stream, ``evolve`` what a later one makes of it; both are pure.
    ``readers`` name the events of these streams by type.
    """

    begin: Callable[[StoredEvent], StateT]
    evolve: Callable[[StateT, StoredEvent], StateT]
    readers: Mapping[str, FactReader]

    def of(self, events: Iterable[StoredEvent]) -> dict[str, StateT]:
        """The states by stream, of each stream's events in order; none of a stream whose first event is missing."""
        states: dict[str, StateT] = {}
        for event in events:
            if event.version == 1:
                states[event.stream] = self.begin(event)
            elif event.stream in states:
                states[event.stream] = self.evolve(states[event.stream], event)
        return states

    async def as_of(
        self, connection: AsyncConnection, streams: Collection[str], day: date
    ) -> dict[str, StateT]:
        """The states of these streams at the end of a day; absent is what did not exist yet."""
        return self.of(await History(self.readers).of_streams(connection, streams, day))

    async def after(self, connection: AsyncConnection, events: Sequence[StoredEvent]) -> dict[str, StateT]:
        """The states, after events that are stored already, of the aggregates that they belong to.

        Only streams that do not begin among the events are read back.
        """
        own = [event for event in events if event.type in self.readers]
        begun = {event.stream for event in own if event.version == 1}
        older = {event.stream for event in own} - begun
        known = await History(self.readers).of_streams(connection, older) if older else []
        return self.of([*known, *(event for event in own if event.stream in begun)])


async def put(
    connection: AsyncConnection, table: str, rows: Collection[Any], columns: Sequence[str] | None = None
) -> None:
    """Write rows, each anew or in the place of the one with its key: the first of the ``columns``, by default the
    fields of the rows' dataclass."""
    if not rows:
        return
    names = columns or [field.name for field in fields(next(iter(rows)))]
    key, *others = names
    places = ", ".join(f"${number}" for number in range(1, len(names) + 1))
    changes = ", ".join(f"{name} = excluded.{name}" for name in others)
    driver = await driver_of(connection)
    await driver.executemany(
        f"INSERT INTO {table} ({', '.join(names)}) VALUES ({places}) "  # noqa: S608  # names of columns
        f"ON CONFLICT ({key}) DO UPDATE SET {changes}",
        [tuple(getattr(row, name) for name in names) for row in rows],
    )


class RowView:
    """A view of one table in which each stream has one row: its fold's state, written anew as the stream grows."""

    tables: tuple[str]
    fold: Fold[Any]

    async def project(self, connection: AsyncConnection, events: Sequence[StoredEvent]) -> None:
        [table] = self.tables
        await put(connection, table, (await self.fold.after(connection, events)).values())
