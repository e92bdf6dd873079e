"""``dualbook restore``: a backup onto a server that has no databases of ours yet.

Every database is read into one of another name, and renamed when all are whole: no service ever finds half of it. A
restore that was interrupted is run again, and does again what was not done.
"""

from pathlib import Path

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from deploy.operations.clients import Client, OperationFailed, find_client
from deploy.operations.copying import load
from deploy.operations.maintenance import databases_of, maintenance, migrations_of, version_of
from deploy.operations.manifest import DatabasePart, Manifest, Name, ShardHead, check_files, read_manifest
from deploy.operations.resuming import Resuming, ends_of_log, prepare_to_resume, resuming
from shared.infrastructure.chain import heads
from shared.infrastructure.database import Database, ensure_database, sqlstate, url_of
from shared.infrastructure.migrate import unknown
from shared.infrastructure.service_command import progress_bar
from shared.infrastructure.settings import SERVICES, Settings

_LOCK = 0x72657374  # "rest"
_NOT_ALLOWED = "42501"


async def restore(settings: Settings, server: str, folder: Path) -> Manifest:
    """Restore the backup in the folder, unless that is done already. Raises OperationFailed."""
    manifest = read_manifest(folder)
    _check_migrations(settings, manifest)
    async with maintenance(server) as connection:
        alone = await connection.execute(text("SELECT pg_try_advisory_lock(:lock)"), {"lock": _LOCK})
        if not alone.scalar_one():
            raise OperationFailed("another restore is at work on this server")
        whole, there = f"restored from backup {manifest.backup}", await databases_of(connection)
        waiting = [name for name in manifest.databases if there.get(name) != whole]
        if not waiting:
            return manifest
        for name in waiting:
            if name in there and not await _is_empty(server, name):
                raise OperationFailed(
                    f"database {name} holds data already: restore onto an empty server, or drop it first"
                )
        client = _client(manifest, await version_of(connection))
        kind = "embedded" if settings.kafka is None else "kafka"
        how = resuming(manifest, kind, await ends_of_log(settings, server))
        with progress_bar("checking files (MiB)") as bar:
            check_files(folder, manifest, lambda done, total: bar(done >> 20, total >> 20))
        for name in waiting:
            if there.get(_draft(name)) != whole:
                await _make_roles(connection, manifest.databases[name])
                await _read_in(connection, server, client, folder, name, manifest, how)
                await connection.execute(text(f"COMMENT ON DATABASE {_draft(name)} IS '{whole}'"))
        for name in waiting:
            if name in there:
                await connection.execute(text(f"DROP DATABASE {name}"))
            await connection.execute(text(f"ALTER DATABASE {_draft(name)} RENAME TO {name}"))
    return manifest


def _draft(name: str) -> str:
    return f"{name}_restoring"


def _check_migrations(settings: Settings, manifest: Manifest) -> None:
    for name, locations in migrations_of(settings).items():
        part = manifest.databases.get(name)  # type: ignore[call-overload]  # a name is just a string to it
        if part is not None and (newer := unknown(part.migrations, locations)):
            raise OperationFailed(
                f"{name}: the backup is of a newer version, which made {', '.join(newer)}: restore it with that version"
            )


def _client(manifest: Manifest, version: int) -> Client:
    oldest = max(part.server for part in manifest.databases.values())
    if version < oldest:
        raise OperationFailed(f"the backup is of PostgreSQL {oldest}, and the server is older ({version})")
    return find_client("pg_restore", max(version, manifest.client))


async def _is_empty(server: str, name: str) -> bool:
    """Whether an administrator made the database and nobody used it."""
    database = Database(url_of(server, name), name="dualbook-restore", pool_size=1)
    try:
        async with database.read() as connection:
            found = await connection.execute(
                text("SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace")
            )
            return int(found.scalar_one()) == 0
    finally:
        await database.close()


async def _make_roles(connection: AsyncConnection, part: DatabasePart) -> None:
    """Roles that were given privileges in the database; whoever may log in as what is the new server's affair."""
    present = set((await connection.execute(text("SELECT rolname FROM pg_roles"))).scalars())
    for role in part.roles:
        if role in present:
            continue
        quoted = (await connection.execute(text("SELECT quote_ident(:role)"), {"role": role})).scalar_one()
        try:
            await connection.execute(text(f"CREATE ROLE {quoted} NOLOGIN"))
        except Exception as error:
            if sqlstate(error) != _NOT_ALLOWED:
                raise
            raise OperationFailed(
                f"role {role} is missing: have it made (CREATE ROLE {quoted} NOLOGIN)"
            ) from None


async def _read_in(
    connection: AsyncConnection,
    server: str,
    client: Client,
    folder: Path,
    name: Name,
    manifest: Manifest,
    how: Resuming,
) -> None:
    """A database into one of another name, held to what the manifest says of it."""
    await connection.execute(text(f"DROP DATABASE IF EXISTS {_draft(name)}"))
    await ensure_database(server, _draft(name))
    database = Database(url_of(server, _draft(name)), name="dualbook-restore", pool_size=4)
    part = manifest.databases[name]
    try:
        with progress_bar(f"restoring {name} (MiB)") as bar:
            await load(
                client, database, folder / name, part.sizes, lambda done, total: bar(done >> 20, total >> 20)
            )
        await _hold_to(name, part, database)
        if name in SERVICES:
            await prepare_to_resume(database, how)
        async with database.read() as restored:
            await restored.execute(text("ANALYZE"))  # what the planner knows of the rows is in no backup
    finally:
        await database.close()


async def _hold_to(name: str, part: DatabasePart, database: Database) -> None:
    async with database.read() as connection:
        migrations = await connection.execute(text("SELECT version_num FROM alembic_version ORDER BY 1"))
        if list(migrations.scalars()) != part.migrations:
            raise OperationFailed(f"{name}: the restored migrations are not those of the manifest")
        places = await heads(connection) if part.shards else {}
    found = {shard: ShardHead(position=at.position, hash=at.hash.hex()) for shard, at in places.items()}
    for shard in sorted({*found, *part.shards}):
        if found.get(shard) != part.shards.get(shard):
            raise OperationFailed(f"{name}: shard {shard} does not end where the manifest says")
