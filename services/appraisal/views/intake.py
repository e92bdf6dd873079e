"""Tables ``intake`` and ``intake_run``: how far each ledger shard was taken in, and which entries of it.

What keeps an entry from being counted twice. A run of positions grows as long as they follow each other, so
there is a row for each gap (a dead letter, something else that the ledger stored), not for each batch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.appraisal.domain.results import Received, ReceiveResults, ResultsReceived, stream_of
from services.appraisal.views import loan_result
from shared.infrastructure.database import driver_of
from shared.kernel.event import StoredEvent

_ADD_RUN = """
    WITH grown AS (
        UPDATE intake_run SET last_position = $3
        WHERE ledger_shard = $1 AND last_position = $2 - 1
          AND first_position = (SELECT max(first_position) FROM intake_run
                                WHERE ledger_shard = $1 AND first_position < $2)
        RETURNING 1
    )
    INSERT INTO intake_run (ledger_shard, first_position, last_position)
    SELECT $1, $2, $3 WHERE NOT EXISTS (SELECT FROM grown)
"""
_ADD = """
    INSERT INTO intake AS present (ledger_shard, position, entries) VALUES ($1, $2, $3)
    ON CONFLICT (ledger_shard) DO UPDATE
        SET position = greatest(present.position, excluded.position),
            entries = present.entries + excluded.entries
"""


class IntakeView:
    """One row a ledger shard, and one for each run of its positions that were taken in."""

    tables = ("intake", "intake_run")
    takes = frozenset({ResultsReceived})

    async def project(self, connection: AsyncConnection, events: Sequence[StoredEvent]) -> None:
        received = [event.fact for event in events if isinstance(event.fact, ResultsReceived)]
        driver = await driver_of(connection)
        for fact in received:
            await driver.executemany(_ADD_RUN, [(fact.ledger_shard, *run) for run in fact.positions])
            await driver.execute(_ADD, fact.ledger_shard, fact.positions[-1][1], fact.entries)


_RUNS = """
    SELECT ledger_shard, first_position, last_position
    FROM unnest($1::smallint[], $2::bigint[], $3::bigint[]) AS asked(shard, least, most)
    JOIN intake_run ON ledger_shard = shard AND first_position <= most AND first_position >= coalesce(
        (SELECT max(first_position) FROM intake_run
         WHERE ledger_shard = shard AND first_position <= least), least)
    ORDER BY ledger_shard, first_position
"""


async def load(connection: AsyncConnection, commands: Sequence[ReceiveResults]) -> dict[str, Received]:
    """Of each ledger shard, the runs in which positions of these commands may lie: a stretch of an index; and the
    classes of the loans that they speak of."""
    positions: dict[int, list[int]] = {}
    for command in commands:
        positions.setdefault(command.ledger_shard, []).extend(entry.position for entry in command.entries)
    asked = [(shard, min(known), max(known)) for shard, known in positions.items()]
    driver = await driver_of(connection)
    rows = await driver.fetch(_RUNS, *zip(*asked, strict=True))
    runs: dict[int, list[tuple[int, int]]] = {}
    for shard, first, last in rows:
        runs.setdefault(shard, []).append((first, last))
    entries = [entry for command in commands for entry in command.entries]
    classes = await loan_result.classes(
        connection, [one.loan_class.loan_id for one in entries if one.loan_class]
    )
    return {stream_of(shard): Received(tuple(runs.get(shard, ())), classes) for shard in positions}


@dataclass(frozen=True, slots=True)
class AsOf:
    """Up to where the ledger was taken in: the highest position of each of its shards, and entries in all."""

    positions: dict[int, int]
    entries: int

    def shown(self) -> dict[str, Any]:
        """The wire form; keys of JSON objects are texts."""
        positions = {str(shard): position for shard, position in self.positions.items()}
        return {"entries": self.entries, "positions": positions}


async def as_of(connection: AsyncConnection) -> AsOf:
    """What the scorecards of this moment are made of."""
    found = await connection.execute(
        text("SELECT ledger_shard, position, entries FROM intake ORDER BY ledger_shard")
    )
    rows = found.all()
    return AsOf({row.ledger_shard: row.position for row in rows}, sum(row.entries for row in rows))
