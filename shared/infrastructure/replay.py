"""Replay and verify: the views are nothing but a function of the events, and the events are what they were.

``replay`` rebuilds every view beside the live one and swaps, in one transaction: interrupted, it leaves nothing
behind. A service whose schema has changed under its events rebuilds its views before it relies on them. ``verify``
recomputes the hash chain and the views in one snapshot, changes neither, and names the first difference. Both keep
their record in table ``operation``.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.infrastructure import event_store
from shared.infrastructure.chain import Place, follow, heads
from shared.infrastructure.command_handler import Batch, View
from shared.infrastructure.database import Database
from shared.infrastructure.event_log import PARTITIONS
from shared.infrastructure.event_store import History
from shared.infrastructure.operations import operation

Progress = Callable[[int, int], None]
"""Called with events done and events in all."""

_BATCH = 2000


@dataclass(frozen=True, slots=True)
class Finding:
    """What ``verify`` found wrong first."""

    what: str
    where: str

    def __str__(self) -> str:
        return f"{self.what}: {self.where}"


async def replay(database: Database, views: Sequence[View], history: History, progress: Progress) -> int:
    """Rebuild all tables of ``views`` from the events; returns the number of events."""
    async with operation(database, "replay", progress) as running, database.begin() as connection:
        rebuild = _Rebuild(connection, views, history, running.progress)
        await rebuild.create_tables()
        await rebuild.project_all()
        await event_store.lock(connection, range(PARTITIONS))
        await rebuild.project_all()  # what came in meanwhile; from here on writers wait
        for table in rebuild.tables:
            await _swap(connection, table)
        await connection.execute(text("DELETE FROM rebuild"))
        return rebuild.done


async def call_for_replay(connection: AsyncConnection) -> None:
    """Let nobody rely on the views before they are rebuilt, as the schema has changed; no matter without events."""
    await connection.execute(
        text("INSERT INTO rebuild (due_since) SELECT now() WHERE EXISTS (SELECT FROM event)")
    )


async def needs_replay(database: Database) -> bool:
    """Whether the schema has changed since the views were built."""
    async with database.read() as connection:
        return await _is_due(connection)


async def _is_due(connection: AsyncConnection) -> bool:
    found = await connection.execute(text("SELECT EXISTS (SELECT FROM rebuild)"))
    return bool(found.scalar_one())


async def verify(
    database: Database, views: Sequence[View], history: History, progress: Progress
) -> Finding | None:
    """Recompute chain and views; the first difference, or None when every byte is as it should be."""
    async with operation(database, "verify", progress) as running:
        finding = await _verify(database, views, history, running.progress)
        if finding is not None:
            running.failed(str(finding))
        return finding


async def _verify(
    database: Database, views: Sequence[View], history: History, progress: Progress
) -> Finding | None:
    async with database.engine.connect() as connection:
        await connection.execution_options(isolation_level="REPEATABLE READ")
        try:
            total = await _count(connection)
            broken = await _first_broken_event(connection, lambda done: progress(done, 2 * total))
            if broken is not None:
                return broken
            if await _is_due(connection):
                return Finding("views are older than the schema", "run dualbook upgrade")
            rebuild = _Rebuild(connection, views, history, lambda done, _: progress(total + done, 2 * total))
            await rebuild.create_tables()
            await rebuild.project_all()
            for table in rebuild.tables:
                difference = await _difference(connection, table)
                if difference is not None:
                    return difference
            return None
        finally:
            await connection.rollback()  # the rebuilt tables were for comparison only


async def _first_broken_event(connection: AsyncConnection, progress: Callable[[int], None]) -> Finding | None:
    done = 0
    for shard, head in (await heads(connection)).items():
        broken = None
        async for step in follow(connection, shard, Place(), head):
            broken = step.broken
            progress(done + step.place.position)
        if broken is not None:
            return Finding("hash chain broken", broken)
        done += head.position
    return None


class _Rebuild:
    """Temporary tables of the views' names and shapes; within the session they hide the live ones."""

    def __init__(
        self, connection: AsyncConnection, views: Sequence[View], history: History, progress: Progress
    ) -> None:
        self._connection = connection
        self._views = views
        self._history = history
        self._progress = progress
        self._reached = dict.fromkeys(range(PARTITIONS), 0)
        self.tables = [table for view in views for table in view.tables]
        self.done = 0

    async def create_tables(self) -> None:
        for table in self.tables:
            await self._connection.execute(
                text(f"CREATE TEMPORARY TABLE {table} (LIKE public.{table} INCLUDING ALL) ON COMMIT DROP")
            )
        # a session that has worked before holds plans that name the live tables
        await self._connection.execute(text("DISCARD PLANS"))

    async def project_all(self) -> None:
        """Project every event that is there and was not projected yet."""
        total = await _count(self._connection)
        for shard, reached in self._reached.items():
            async for events in self._history.of_shard(self._connection, shard, reached, _BATCH):
                batch = Batch(events)
                for view in self._views:
                    if taken := batch.taken_by(view):
                        await view.project(self._connection, taken)
                self._reached[shard] = events[-1].position
                self.done += len(events)
                self._progress(self.done, total)


async def _count(connection: AsyncConnection) -> int:
    rows = await connection.execute(text("SELECT coalesce(sum(position), 0)::bigint FROM shard"))
    return int(rows.scalar_one())


async def _swap(connection: AsyncConnection, table: str) -> None:
    """Put the rebuilt rows in place of the live ones; names, privileges and dependants of the table stay."""
    guards = await connection.execute(
        text(
            "SELECT quote_ident(tgname) FROM pg_trigger "
            "WHERE tgrelid = to_regclass(:table) AND tgfoid = 'public.refuse_change'::regproc"
        ),
        {"table": f"public.{table}"},
    )
    names = list(guards.scalars())
    for name in names:
        await connection.execute(text(f"ALTER TABLE public.{table} DISABLE TRIGGER {name}"))
    await connection.execute(text(f"TRUNCATE public.{table}"))
    await connection.execute(text(f"INSERT INTO public.{table} SELECT * FROM pg_temp.{table}"))
    for name in names:
        await connection.execute(text(f"ALTER TABLE public.{table} ENABLE TRIGGER {name}"))


async def _difference(connection: AsyncConnection, table: str) -> Finding | None:
    """The first row, as text, that is on one side only."""
    for what, left, right in (
        (f"view {table} has a row that the events do not give", "public", "pg_temp"),
        (f"view {table} lacks a row that the events give", "pg_temp", "public"),
    ):
        rows = await connection.execute(
            text(
                f"SELECT l::text AS row FROM {left}.{table} AS l EXCEPT ALL "
                f"SELECT r::text FROM {right}.{table} AS r ORDER BY row LIMIT 1"
            )
        )
        row = rows.first()
        if row is not None:
            return Finding(what, row.row)
    return None
