"""``dualbook backup | restore | status | upgrade | topics | partitions | rotate``."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from deploy.local.command_line import settings_or_exit, with_server
from deploy.operations import status as standing
from deploy.operations import topics as topic_list
from deploy.operations.backup import backup as backed_up
from deploy.operations.partitions import add_partitions
from deploy.operations.restore import restore as restored
from deploy.operations.rotation import rewrap_personal_keys
from deploy.operations.upgrade import upgrade as upgraded
from shared.infrastructure.embedded_keys import rotate_signing_key
from shared.infrastructure.settings import Settings

app = typer.Typer()
rotate = typer.Typer(no_args_is_help=True, help="Replace keys by new ones while the services work.")
app.add_typer(rotate, name="rotate")

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


@app.command()
def upgrade() -> None:
    """Bring all databases to this version while the services are stopped; creates those that are not there."""

    async def work(settings: Settings, server: str) -> bool:
        fine = True
        async for done in upgraded(settings, server):
            views = f"; views rebuilt from {done.events:,} events" if done.events else ""
            print(f"{done.name:<11} was {done.stood}{views}{f'; {done.finding}' if done.finding else ''}")
            fine = fine and done.finding is None
        return fine

    with_server(work)


@app.command()
def topics(
    check: Annotated[
        bool, typer.Option("--check", help="change nothing; exit with 1 if something is to be done")
    ] = False,
) -> None:
    """Make the topics that deploy/topics.yaml describes, and raise what is kept too short; deletes nothing."""

    async def work(settings: Settings) -> bool:
        description = topic_list.described()
        async with topic_list.administrator(settings) as admin:
            looked = await topic_list.look(admin, description)
            before, found = (looked, looked) if check else await topic_list.apply(admin, description)
            table = Table("topic", "partitions", "copies", "stands")
            for (_, was), (wanted, one) in zip(before, found, strict=True):
                changed = f" (was: {was})" if one != was else ""
                table.add_row(wanted.name, str(one.partitions), str(one.copies), f"{one}{changed}")
            Console().print(table)
            return all(one.fine for _, one in found)

    with settings_or_exit() as settings:
        fine = asyncio.run(work(settings))
    if not fine:
        raise typer.Exit(1)


@app.command()
def partitions(number: Annotated[int, typer.Argument(min=1, help="a multiple of 8")]) -> None:
    """Give core banking's topic more partitions, while its producers are stopped and everything is worked."""

    async def work(settings: Settings, server: str) -> bool:
        before = await add_partitions(settings, server, number)
        print(
            f"{before} partitions before, {number} now"
            if before != number
            else f"it has {number} partitions already"
        )
        return True

    with_server(work)


@rotate.command()
def signing(
    at_once: Annotated[
        bool,
        typer.Option("--at-once", help="the key is known to others: all tokens that it signed are void now"),
    ] = False,
) -> None:
    """Sign tokens with a new key; those of the old one stay valid until they expire, within a day."""
    with settings_or_exit() as settings:
        if settings.oidc_issuer is not None:
            raise ValueError(
                "keys are those of the issuer that DUALBOOK_OIDC_ISSUER names: rotate them there"
            )
        print(f"tokens are signed with key {rotate_signing_key(settings.data, at_once=at_once)} now")


@rotate.command()
def personal() -> None:
    """Wrap the keys of persons with the first key of the file DUALBOOK_PERSONAL_KEY_FILE."""

    async def work(settings: Settings, server: str) -> bool:
        changed = await rewrap_personal_keys(settings, server)
        print(f"{changed:,} keys wrapped anew; the file needs no key but its first one now")
        return True

    with_server(work)
