"""The manifest of a backup: what is in it, and what a restore is held to. Written last: without it, it is none."""

import hashlib
import os
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from deploy.operations.clients import OperationFailed
from shared.contracts.types import describe
from shared.infrastructure.runtime import EVENT_LOG_DATABASE
from shared.infrastructure.settings import SERVICES

MANIFEST = "manifest.json"
DATABASES = (*SERVICES, EVENT_LOG_DATABASE)

Name = Literal["assignment", "ledger", "appraisal", "event_log"]
Hex = Annotated[str, Field(pattern=r"^([0-9a-f]{2})*$")]
Count = Annotated[int, Field(ge=0)]
Place = Annotated[str, Field(pattern=r"^[\w.-]+/\d+$")]
"""A partition of the log, as ``topic/number``."""
File = Annotated[str, Field(pattern=rf"^({'|'.join(DATABASES)})/[\w.-]+$")]

_CHUNK_BYTES = 1 << 20


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ShardHead(_Part):
    """Where a shard's hash chain ends."""

    position: Count
    hash: Hex


class DatabasePart(_Part):
    """One database as the backup has it."""

    server: Annotated[int, Field(ge=15)]
    """Major version of the server it comes from."""
    migrations: list[str]
    """Newest migration of each branch."""
    roles: list[str]
    """Roles that may use something in it."""
    sizes: dict[str, Count]
    """Bytes that its tables and indexes take."""
    tables: list[str]
    shards: dict[Count, ShardHead] = {}
    read: dict[Place, Count] = {}
    """Up to where the service has read the log."""

    @property
    def table_sizes(self) -> dict[str, int]:
        """Of the tables alone."""
        return {table: self.sizes[table] for table in self.tables}


class FilePart(_Part):
    """A file's length and digest."""

    bytes: Count
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Manifest(_Part):
    """All of a backup."""

    format: Literal[1] = 1
    backup: UUID
    taken_at: datetime
    client: Annotated[int, Field(ge=15)]
    """Major version of the program that wrote the files."""
    log: Literal["embedded", "kafka"]
    ends: dict[Place, Count]
    """Where the partitions of a log outside ended, before anything was copied."""
    databases: dict[Name, DatabasePart]
    files: dict[File, FilePart]


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write it as a whole or not at all."""
    draft = folder / f"{MANIFEST}.draft"
    with draft.open("w") as file:
        file.write(manifest.model_dump_json(indent=1) + "\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(folder / MANIFEST)


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a whole backup; raises OperationFailed."""
    try:
        return Manifest.model_validate_json((folder / MANIFEST).read_bytes())
    except FileNotFoundError:
        raise OperationFailed(f"{folder}: is no backup, or half of one: there is no {MANIFEST}") from None
    except ValidationError as error:
        path, rule = describe(dict(error.errors(include_url=False, include_input=False)[0]))
        raise OperationFailed(f"{folder / MANIFEST}: {path}: {rule}") from None


def parts_of(folder: Path, tell: Callable[[int, int], None]) -> dict[str, FilePart]:
    """Length and digest of every file of the databases in the folder."""
    paths = [path for name in DATABASES for path in sorted((folder / name).glob("*")) if path.is_file()]
    total, done, found = sum(path.stat().st_size for path in paths), 0, {}
    for path in paths:
        digest, size = hashlib.sha256(), 0
        for chunk in _chunks(path):
            digest.update(chunk)
            size += len(chunk)
            tell(done + size, total)
        done += size
        found[f"{path.parent.name}/{path.name}"] = FilePart(bytes=size, sha256=digest.hexdigest())
    return found


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk


def check_files(folder: Path, manifest: Manifest, tell: Callable[[int, int], None]) -> None:
    """Raises OperationFailed naming the first file that is missing, too many, or not what was written."""
    found = parts_of(folder, tell)
    for name in sorted({*found, *manifest.files}):
        if found.get(name) != manifest.files.get(name):
            what = "is missing" if name not in found else "is not what was backed up"
            raise OperationFailed(f"{folder / name}: {what}; the backup cannot be used")
