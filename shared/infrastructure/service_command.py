"""The command line of a service: ``python -m services.ledger serve | migrate | replay | verify``."""

import asyncio
import gc
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from shared.infrastructure import replay as replaying
from shared.infrastructure import tracing
from shared.infrastructure.database import Database
from shared.infrastructure.embedded_postgres import EmbeddedPostgres
from shared.infrastructure.http import serve as serve_http
from shared.infrastructure.logging import configure_logging
from shared.infrastructure.migrate import NewerSchema
from shared.infrastructure.positions import AnotherLog
from shared.infrastructure.runtime import RunningService, ServiceDefinition, check_log, prepare
from shared.infrastructure.settings import Misconfigured, Settings

Define = Callable[[Settings], ServiceDefinition]
ResultT = TypeVar("ResultT")


@contextmanager
def server_of(settings: Settings) -> Iterator[str]:
    """The PostgreSQL server of the settings; the embedded one for as long as the block lasts."""
    if settings.database_url is not None:
        yield settings.database_url.get_secret_value()
        return
    embedded = EmbeddedPostgres(settings.data)
    try:
        yield embedded.url
    finally:
        embedded.stop()


@contextmanager
def progress_bar(label: str) -> Iterator[replaying.Progress]:
    """A progress bar on standard error, in a terminal; nothing elsewhere."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(label, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def migrate(define: Define, settings: Settings, server: str) -> None:
    """Bring the service's database to the newest schema, and its views after it."""

    async def run(definition: ServiceDefinition, database: Database, progress: replaying.Progress) -> None:
        if await replaying.needs_replay(database):
            await replaying.replay(database, definition.all_views, definition.history, progress)

    _on_database(define, settings, server, "migrating", run)


def serve(define: Define, settings: Settings, server: str) -> None:
    """Migrate, then listen until told to stop."""
    definition = define(settings)
    migrate(define, settings, server)
    asyncio.run(check_log(definition, settings, server))
    tracing.start(definition.name, settings.otlp_endpoint)
    running = RunningService.of(definition, settings, server)
    collect_rarely()
    serve_http(running.app(), settings.host, settings.port_of(definition.name))
    tracing.stop()


def collect_rarely() -> None:
    """Leave what was loaded at start out of garbage collection, and collect the rest when there is much of it.

    Each partition's batch in work makes some eighty thousand objects that no cycle holds. Looking for cycles among them
    every few hundred, as Python does unless told otherwise, would cost more than a tenth of the time.
    """
    gc.freeze()
    gc.set_threshold(500_000, 20, 100)


def replay(define: Define, settings: Settings, server: str) -> int:
    """Rebuild the service's views; returns the number of events they were rebuilt from."""

    async def run(definition: ServiceDefinition, database: Database, progress: replaying.Progress) -> int:
        return await replaying.replay(database, definition.all_views, definition.history, progress)

    return _on_database(define, settings, server, "replaying", run)


def verify(define: Define, settings: Settings, server: str) -> replaying.Finding | None:
    """Recompute the service's hash chain and views; the first difference, if there is one."""

    async def run(
        definition: ServiceDefinition, database: Database, progress: replaying.Progress
    ) -> replaying.Finding | None:
        return await replaying.verify(database, definition.all_views, definition.history, progress)

    return _on_database(define, settings, server, "verifying", run)


def _on_database(
    define: Define,
    settings: Settings,
    server: str,
    label: str,
    work: Callable[[ServiceDefinition, Database, replaying.Progress], Awaitable[ResultT]],
) -> ResultT:
    async def run() -> ResultT:
        definition = define(settings)
        database = await prepare(definition, settings, server)
        try:
            with progress_bar(f"{label} {definition.name}") as progress:
                return await work(definition, database, progress)
        finally:
            await database.close()

    return asyncio.run(run())


def run(name: str, define: Define) -> None:
    """The command line; a wrong setting, log or database is said on standard error and exits with 2."""
    app = typer.Typer(no_args_is_help=True, add_completion=False, help=f"The {name} service.")

    def command(work: Callable[[Settings, str], None]) -> None:
        try:
            settings = Settings()
            configure_logging(name, settings.log_level)
            with server_of(settings) as server:
                work(settings, server)
        except (Misconfigured, NewerSchema, AnotherLog) as error:
            print(error, file=sys.stderr)
            raise typer.Exit(2) from None

    @app.command("serve", help="Migrate and listen.")
    def _serve() -> None:
        command(lambda settings, server: serve(define, settings, server))

    @app.command("migrate", help="Bring the database to the newest schema.")
    def _migrate() -> None:
        command(lambda settings, server: migrate(define, settings, server))

    @app.command("replay", help="Rebuild the views from the events.")
    def _replay() -> None:
        command(lambda settings, server: print(f"{name}: {replay(define, settings, server)} events replayed"))

    @app.command("verify", help="Recompute hash chain and views; exits with 1 at the first difference.")
    def _verify() -> None:
        command(lambda settings, server: report(name, verify(define, settings, server)))

    app()


def report(name: str, finding: replaying.Finding | None) -> None:
    """Say what ``verify`` found; a difference exits with 1."""
    print(f"{name}: {finding or 'every event and every view is as it should be'}")
    if finding is not None:
        raise typer.Exit(1)
