"""PostgreSQL through SQLAlchemy: one database per service, one transaction per batch.

Rows are written through the driver's COPY inside SQLAlchemy's transaction, which costs about a fiftieth of row by
row inserts; everything else is ordinary SQLAlchemy Core.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import asyncpg
import structlog
from sqlalchemy import URL, AsyncAdaptedQueuePool, event, make_url, text
from sqlalchemy.exc import DBAPIError, DisconnectionError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

log = structlog.get_logger()

UNAVAILABLE: tuple[type[BaseException], ...] = (
    OSError,
    InterfaceError,
    OperationalError,
    PoolTimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.InterfaceError,
)
"""What is raised while the server is away: worth another try after a pause."""

_AWAY = ("08", "25006", "28", "3D000", "53", "55000", "57P", "58")
"""SQLSTATEs, or how they begin, that speak of the server and not of the statement: connection, read-only after
a failover, no access, no such database, no resources, not accepting connections, shutdown, its own I/O."""

_WHEN_COMMITTED = "when committed"

_COLLISIONS = {"40001", "40P01"}  # serialization failure, deadlock
_CONFLICTS = {*_COLLISIONS, "23505"}  # and unique violation, which may also be the writer's own fault


def url_of(server: str, database: str) -> URL:
    """The address of ``database`` on the server that ``server`` names (any PostgreSQL URL)."""
    return make_url(server).set(drivername="postgresql+asyncpg", database=database)


def sqlstate(error: BaseException) -> str | None:
    """The SQLSTATE behind an error of the driver or of SQLAlchemy."""
    origin = error.orig if isinstance(error, DBAPIError) else error
    return cast(str | None, getattr(origin, "sqlstate", None))


def is_unavailable(error: BaseException) -> bool:
    """Whether the server is away, rather than the statement wrong."""
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    state = sqlstate(error)
    if state is not None:
        return state.startswith(_AWAY)
    return isinstance(error, UNAVAILABLE)


def is_conflict(error: BaseException) -> bool:
    """Whether two writers met and one has to try again."""
    return sqlstate(error) in _CONFLICTS


def is_collision(error: BaseException) -> bool:
    """Whether two writers met, and nothing is wrong with what they wrote: never to be held against either."""
    return sqlstate(error) in _COLLISIONS


class Database:
    """The database of one service."""

    def __init__(
        self, url: URL, *, name: str, pool_size: int = 12, carried: Mapping[str, object] | None = None
    ) -> None:
        """``carried`` is found again in every connection's ``info``."""
        self.url = url
        self.engine: AsyncEngine = create_async_engine(
            url,
            pool_size=pool_size,
            max_overflow=4,
            pool_pre_ping=False,
            connect_args={
                "server_settings": {"application_name": name, "timezone": "UTC", "jit": "off"},
                "timeout": 10,
            },
        )
        event.listen(self.engine.sync_engine, "checkout", _refuse_the_dead)
        event.listen(self.engine.sync_engine, "connect", lambda _, record: record.info.update(carried or {}))

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """A transaction: committed when the block ends, rolled back when it raises."""
        acts: list[Callable[[], None]] = []
        try:
            async with self.engine.begin() as connection:
                connection.info[_WHEN_COMMITTED] = acts
                yield connection
            for act in acts:
                act()
        finally:
            acts.clear()  # the connection lives on, and what they hold need not

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A connection for queries, without a transaction around them."""
        async with self.engine.connect() as connection:
            yield await connection.execution_options(isolation_level="AUTOCOMMIT")

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[AsyncConnection]:
        """A read-only transaction in which all queries see the same moment."""
        async with self.engine.connect() as connection:
            await connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            yield connection

    @property
    def connections(self) -> tuple[int, int]:
        """How many connections are in use, and how many are open and idle."""
        pool = cast(AsyncAdaptedQueuePool, self.engine.pool)
        return pool.checkedout(), pool.checkedin()

    async def ping(self) -> str:
        """ "ok", or what is wrong, for ``/readyz``."""
        try:
            async with self.read() as connection:
                await connection.execute(text("SELECT 1"))
        except Exception as error:  # whatever it is, readiness reports it
            return f"unreachable ({type(error).__name__})"
        return "ok"

    async def close(self) -> None:
        await self.engine.dispose()


def when_committed(connection: AsyncConnection, act: Callable[[], None]) -> None:
    """Do something at the end of ``Database.begin``, once the transaction is committed; nothing if it is not."""
    connection.info[_WHEN_COMMITTED].append(act)


def _refuse_the_dead(connection: Any, *_: object) -> None:
    """Let the pool replace a connection that broke: under the driver's own calls SQLAlchemy does not notice."""
    if connection.driver_connection.is_closed():
        raise DisconnectionError


async def driver_of(connection: AsyncConnection) -> "asyncpg.Connection[Any]":
    """The asyncpg connection under a SQLAlchemy one; a statement must have begun the transaction already."""
    raw = await connection.get_raw_connection()
    return cast("asyncpg.Connection[Any]", raw.driver_connection)


async def copy(
    connection: AsyncConnection, table: str, columns: Sequence[str], rows: Iterable[Sequence[object]]
) -> None:
    """Append rows by COPY, the fastest way in that PostgreSQL has."""
    driver = await driver_of(connection)
    await driver.copy_records_to_table(table, records=rows, columns=columns)


async def ensure_database(server: str, database: str) -> None:
    """Create ``database`` on the server unless it is there; two callers at once are both content."""
    address = make_url(server)
    maintenance = address.set(drivername="postgresql", database=address.database or "postgres")
    connection = await asyncpg.connect(maintenance.render_as_string(hide_password=False), timeout=10)
    try:
        if await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", database):
            return
        quoted = await connection.fetchval("SELECT quote_ident($1)", database)
        await connection.execute(f"CREATE DATABASE {quoted} ENCODING 'UTF8' TEMPLATE template0")
        log.info("database created", database=database)
    except (asyncpg.DuplicateDatabaseError, asyncpg.UniqueViolationError):
        pass  # another service process was quicker
    finally:
        await connection.close()
