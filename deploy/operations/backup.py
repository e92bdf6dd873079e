"""``dualbook backup``: all databases of an installation into a folder, at moments that fit together."""

import shutil
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from deploy.operations.clients import OperationFailed, find_client
from deploy.operations.copying import dump
from deploy.operations.cut import Snapshot, consistent_cut
from deploy.operations.maintenance import databases_of, maintenance, version_of
from deploy.operations.manifest import (
    DATABASES,
    MANIFEST,
    DatabasePart,
    Manifest,
    ShardHead,
    parts_of,
    write_manifest,
)
from deploy.operations.resuming import ends_of_log
from shared.infrastructure.chain import heads
from shared.infrastructure.database import Database, url_of
from shared.infrastructure.operations import Running, operation
from shared.infrastructure.positions import stored_positions
from shared.infrastructure.runtime import EVENT_LOG_DATABASE
from shared.infrastructure.service_command import progress_bar
from shared.infrastructure.settings import SERVICES, Settings

UNFINISHED = "unfinished"
"""Lies in the folder until the manifest does: what is half done may be begun anew."""

_SIZES = text(
    """
    SELECT oid::regclass::text AS relation, relkind = 'r' AS is_table,
           CASE relkind WHEN 'r' THEN pg_table_size(oid) ELSE pg_relation_size(oid) END AS size
    FROM pg_class WHERE relkind IN ('r', 'i') AND relnamespace = 'public'::regnamespace ORDER BY 1
    """
)
_ROLES = text(
    """
    SELECT DISTINCT rolname FROM (
        SELECT relowner AS owner, relacl AS granted FROM pg_class
        UNION ALL SELECT nspowner, nspacl FROM pg_namespace
        UNION ALL SELECT proowner, proacl FROM pg_proc
        UNION ALL SELECT defaclrole, defaclacl FROM pg_default_acl
    ) AS object, aclexplode(granted) AS privilege JOIN pg_roles ON pg_roles.oid = grantee
    WHERE grantee <> owner AND NOT starts_with(rolname, 'pg_') ORDER BY 1
    """
)


async def backup(settings: Settings, server: str, folder: Path) -> Manifest:
    """Back up a running installation, or one at rest. Raises OperationFailed.

    ``folder`` must be new, empty, or have half a backup in it, which is begun anew.
    """
    log_kind = "embedded" if settings.kafka is None else "kafka"
    names = DATABASES if log_kind == "embedded" else SERVICES
    async with maintenance(server) as connection:
        version, there = await version_of(connection), await databases_of(connection)
    if missing := [name for name in names if name not in there]:
        raise OperationFailed(f"there is no database {', '.join(missing)} on the server: nothing to back up")
    client = find_client("pg_dump", version)
    _claim(folder)
    taken_at, ends = datetime.now(UTC), await ends_of_log(settings, server)
    databases = {name: Database(url_of(server, name), name="dualbook-backup", pool_size=4) for name in names}
    try:
        async with AsyncExitStack() as stack:
            records = [
                await stack.enter_async_context(operation(databases[name], "backup"))
                for name in SERVICES
                if await _keeps_operations(databases[name])
            ]
            services = {name: databases[name] for name in SERVICES}
            log = {name: databases[name] for name in names if name not in SERVICES}
            cut = await stack.enter_async_context(consistent_cut(services, log))
            parts = {name: await _described(name, snapshot, version) for name, snapshot in cut.items()}
            done, total = 0, sum(sum(part.table_sizes.values()) for part in parts.values())
            for name, part in parts.items():
                with progress_bar(f"backing up {name} (MiB)") as bar:

                    def tell(bytes_done: int, bytes_in_all: int, before: int = done) -> None:
                        bar(bytes_done >> 20, bytes_in_all >> 20)
                        _record(records, before + bytes_done, total)

                    await dump(client, databases[name], cut[name].name, folder / name, part.table_sizes, tell)
                done += sum(part.table_sizes.values())
            with progress_bar("checking files (MiB)") as bar:
                files = parts_of(folder, lambda done, total: bar(done >> 20, total >> 20))
            manifest = Manifest(
                backup=uuid4(),
                taken_at=taken_at,
                client=client.major,
                log=log_kind,
                ends=ends,
                databases=parts,
                files=files,
            )
            write_manifest(folder, manifest)
            (folder / UNFINISHED).unlink()
            return manifest
    finally:
        for database in databases.values():
            await database.close()


def _claim(folder: Path) -> None:
    """Make the folder ours alone: it will have the keys of personal data in it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if (folder / MANIFEST).exists():
        raise OperationFailed(f"{folder}: holds a whole backup already; name another folder")
    if not (folder / UNFINISHED).exists() and any(folder.iterdir()):
        raise OperationFailed(f"{folder}: must be empty, or hold half a backup")
    (folder / UNFINISHED).write_text(f"No backup as long as {MANIFEST} is not here.\n")
    for name in DATABASES:
        shutil.rmtree(folder / name, ignore_errors=True)


async def _keeps_operations(database: Database) -> bool:
    """Whether its schema is new enough to have a record of operations."""
    async with database.read() as connection:
        found = await connection.execute(text("SELECT to_regclass('public.operation') IS NOT NULL"))
        return bool(found.scalar_one())


def _record(records: list[Running], done: int, total: int) -> None:
    for record in records:
        record.progress(done, total)


async def _described(name: str, snapshot: Snapshot, version: int) -> DatabasePart:
    """What is in the database at the moment of the snapshot."""
    connection = snapshot.connection
    relations = (await connection.execute(_SIZES)).all()
    migrations = await connection.execute(text("SELECT version_num FROM alembic_version ORDER BY 1"))
    return DatabasePart(
        server=version,
        migrations=list(migrations.scalars()),
        roles=list((await connection.execute(_ROLES)).scalars()),
        sizes={row.relation: row.size for row in relations},
        tables=[row.relation for row in relations if row.is_table],
        **await _stands(name, connection),
    )


async def _stands(name: str, connection: AsyncConnection) -> Mapping[str, object]:
    """Of a service: where its own events end, and how far it has read those of others."""
    if name == EVENT_LOG_DATABASE:
        return {}
    read = await stored_positions(connection)
    return {
        "shards": {
            shard: ShardHead(position=head.position, hash=head.hash.hex())
            for shard, head in (await heads(connection)).items()
        },
        "read": {f"{partition.topic}/{partition.number}": offset for partition, offset in read.items()},
    }
