"""What the commands of ``dualbook`` have in common: settings, the server, and errors that a caller can mend."""

import asyncio
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import typer

from deploy.local.berka_records import BerkaError
from deploy.local.calls import DeliveryStopped
from deploy.local.events_file import EventsFileError
from deploy.local.processes import ServiceFailed
from deploy.operations.clients import OperationFailed
from shared.infrastructure import service_command
from shared.infrastructure.keyring import KeyMissing
from shared.infrastructure.logging import configure_logging
from shared.infrastructure.migrate import NewerSchema
from shared.infrastructure.settings import Misconfigured, Settings
from shared.kernel.errors import Malformed

MENDABLE = (
    Misconfigured,
    KeyMissing,
    NewerSchema,
    OperationFailed,
    DeliveryStopped,
    ServiceFailed,
    BerkaError,
    EventsFileError,
    Malformed,
    ValueError,
    OSError,
)
"""What a caller can mend."""


@contextmanager
def settings_or_exit() -> Iterator[Settings]:
    """The settings; what a caller can mend is said in a line on standard error, with exit code 2."""
    try:
        settings = Settings()
        configure_logging("dualbook", "warning")
        yield settings
    except MENDABLE as error:
        print(f"dualbook: {error}", file=sys.stderr)
        raise typer.Exit(2) from None


def with_server(work: Callable[[Settings, str], Coroutine[Any, Any, bool]]) -> None:
    """Run ``work`` on the PostgreSQL server of the settings; exit with 1 when it answers no."""
    with settings_or_exit() as settings, service_command.server_of(settings) as server:
        try:
            fine = asyncio.run(work(settings, server))
        except KeyboardInterrupt:
            print("Interrupted; run it again to go on.", file=sys.stderr)
            raise typer.Exit(130) from None
    if not fine:
        raise typer.Exit(1)
