"""``dualbook backup | restore | status``."""

from pathlib import Path
from typing import Annotated

import typer

from deploy.local.command_line import with_server
from deploy.operations import status as standing
from deploy.operations.backup import backup as backed_up
from deploy.operations.restore import restore as restored
from shared.infrastructure.settings import Settings

app = typer.Typer()

Folder = Annotated[
    Path, typer.Argument(help="new or empty for a backup; for a restore one that holds a backup")
]


@app.command()
def backup(folder: Folder) -> None:
    """Copy all databases into a folder while the services go on working. Keep it safe: it has all keys in it."""

    async def work(settings: Settings, server: str) -> bool:
        manifest = await backed_up(settings, server, folder)
        print(f"backup {manifest.backup} of {', '.join(manifest.databases)} is whole: {folder}")
        return True

    with_server(work)


@app.command()
def restore(folder: Folder) -> None:
    """Bring a backup onto an empty server, before the services are started there."""

    async def work(settings: Settings, server: str) -> bool:
        manifest = await restored(settings, server, folder)
        events = sum(head.position for part in manifest.databases.values() for head in part.shards.values())
        print(
            f"restored {events:,} events from backup {manifest.backup} of {manifest.taken_at:%Y-%m-%d %H:%M:%S} UTC"
        )
        print("now run: dualbook verify")
        return True

    with_server(work)


@app.command()
def status() -> None:
    """Where the schema of each database stands; exits with 1 unless it is this version's everywhere."""

    async def work(settings: Settings, server: str) -> bool:
        found = await standing.states(settings, server)
        for state in found:
            print(f"{state.name:<11} {state.schema:<24} {state.size_bytes >> 20:>8,} MiB")
        return all(state.fine for state in found)

    with_server(work)
