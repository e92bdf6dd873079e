"""``python -m deploy.local.reporting``: the columns of all reporting views, to ``deploy/contracts/reporting.json``.

The views are made in a PostgreSQL server that lasts as long as the command, so what is written is what the database
says. ``--check`` and ``--breaking`` are those of ``deploy.local.contracts``: a column that is gone or of another type
breaks somebody, one that is new does not.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from deploy.local.contracts import FOLDER, breaks
from shared.infrastructure.database import Database, ensure_database, url_of
from shared.infrastructure.embedded_postgres import EmbeddedPostgres
from shared.infrastructure.migrate import STORE_MIGRATIONS, migrate
from shared.infrastructure.settings import SERVICES

FILE = "reporting.json"
_SERVICES = Path(__file__).parents[2] / "services"

Views = dict[str, Any]
"""What each view is, by service and name, in the form of a JSON schema; the types are PostgreSQL's."""

_COLUMNS = text(
    """
    SELECT relname AS view, obj_description(pg_class.oid, 'pg_class') AS says, attname AS name,
           format_type(atttypid, atttypmod) AS type, col_description(pg_class.oid, attnum) AS column_says
    FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
    WHERE relnamespace = to_regnamespace('reporting') AND relkind = 'v' AND attnum > 0
    ORDER BY relname, attnum
    """
)


async def described(connection: AsyncConnection, service: str) -> Views:
    """The views of a service's database."""
    views: Views = {}
    for row in await connection.execute(_COLUMNS):
        view = views.setdefault(
            f"{service}.{row.view}", {"description": row.says, "type": "view", "properties": {}}
        )
        view["properties"][row.name] = {"type": row.type, "description": row.column_says}
    return views


async def views_on(server: str) -> Views:
    """The views of all services, made in databases of their own on an empty server."""
    views: Views = {}
    for service in SERVICES:
        await ensure_database(server, service)
        database = Database(url_of(server, service), name="dualbook-reporting")
        try:
            await migrate(database, [STORE_MIGRATIONS, _SERVICES / service / "migrations"])
            async with database.read() as connection:
                views |= await described(connection, service)
        finally:
            await database.close()
    return views


def content_of(views: Views) -> bytes:
    """The file, byte for byte the same for the same views."""
    return orjson.dumps(views, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def broken(old: Views, new: Views) -> list[str]:
    """What breaks between two exports, view by view."""
    found = []
    for name, view in old.items():
        if name not in new:
            found.append(f"{name}: the view is gone")
        else:
            found += [f"{name}.{what}" for what in breaks(view, new[name])]
    return found


def main(arguments: Sequence[str] | None = None, folder: Path = FOLDER) -> int:
    """The command; 0 when all is well, 1 where the file drifted or a change breaks somebody."""
    parser = argparse.ArgumentParser("deploy.local.reporting", description="Export the reporting views.")
    parser.add_argument("--check", action="store_true", help="compare only, write nothing")
    parser.add_argument("--breaking", action="store_true", help="a change that breaks somebody is meant")
    options = parser.parse_args(arguments)
    with TemporaryDirectory(prefix="dualbook-reporting-") as data:
        server = EmbeddedPostgres(Path(data))
        try:
            views = asyncio.run(views_on(server.url))
        finally:
            server.stop()
    return compare(views, folder / FILE, check=options.check, breaking=options.breaking)


def compare(views: Views, file: Path, *, check: bool, breaking: bool) -> int:
    """Compare the views with the file, and write it unless ``check``."""
    present = file.read_bytes() if file.exists() else b"{}"
    breaks_somebody = [] if breaking else broken(orjson.loads(present), views)
    for what in breaks_somebody:
        print(f"breaks: {what}", file=sys.stderr)
    if check:
        drifted = present != content_of(views)
        if drifted:
            print(f"drifted: {file.name} (python -m deploy.local.reporting writes it anew)", file=sys.stderr)
        return 1 if breaks_somebody or drifted else 0
    if breaks_somebody:
        print("nothing written; --breaking where this is meant", file=sys.stderr)
        return 1
    file.write_bytes(content_of(views))
    print(f"{len(views)} views in {file}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
