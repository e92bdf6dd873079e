"""The ``dualbook`` command: the system on one machine, facts brought in, months closed, and what its operators do."""

import asyncio
import sys
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from deploy.local import running
from deploy.local.berka import read_berka
from deploy.local.closing import close_months
from deploy.local.command_line import settings_or_exit, with_server
from deploy.local.definitions import DEFINITIONS
from deploy.local.delivery import Via, deliver
from deploy.local.events_file import read_events, write_events
from deploy.local.simulator import simulate as simulated
from deploy.operations import command as operations
from shared.infrastructure import service_command
from shared.infrastructure.auth import Role, issue_token
from shared.infrastructure.settings import SERVICES, Settings
from shared.kernel.period import format_month, months_between, parse_month

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
sources = typer.Typer(no_args_is_help=True, help="Bring facts in from files. Again and again does no harm.")
app.add_typer(sources, name="import")
app.add_typer(operations.app)


class Way(StrEnum):
    """How core events reach the ledger."""

    LOG = "log"
    HTTP = "http"

    @property
    def via(self) -> Via:
        return "log" if self is Way.LOG else "http"


class Target(StrEnum):
    """Where the simulator writes."""

    LOG = "log"
    HTTP = "http"
    FILE = "file"


ViaOption = Annotated[Way, typer.Option("--via", help="the event log, or POST /v1/core-events")]


@app.command()
def run(
    empty: Annotated[bool, typer.Option("--empty", help="do not load the sample")] = False,
) -> None:
    """All three services in the foreground; loads a simulated sample into an empty system."""

    async def work(settings: Settings, server: str) -> bool:
        await running.run(settings, server, empty=empty)
        return True

    with_server(work)


@app.command()
def token(
    role: Annotated[list[Role], typer.Option(help="may be repeated")],
    sub: Annotated[str, typer.Option(help="who: for a manager the manager's id")] = "dualbook",
    department: Annotated[str | None, typer.Option(help="a department head's department")] = None,
) -> None:
    """A bearer token of the embedded key, valid for a day, alone on standard output."""
    with settings_or_exit() as settings:
        if settings.oidc_issuer is not None:
            raise ValueError("tokens come from the issuer that DUALBOOK_OIDC_ISSUER names")
        print(issue_token(settings.data, role, sub, department=department))


@sources.command("berka")
def import_berka(
    folder: Annotated[Path, typer.Argument(help="with trans.asc, account.asc, …")], via: ViaOption = Way.LOG
) -> None:
    """Real bank records: the PKDD'99 ("Berka") data set."""

    async def work(settings: Settings, server: str) -> bool:
        events = list(read_berka(folder))
        label = "importing Berka"
        done = await deliver(settings, server, events, via=via.via, label=label, total=len(events))
        return done.balanced

    with_server(work)


@sources.command("events")
def import_events(
    file: Annotated[Path, typer.Argument(help="CloudEvents, one a line, also gzip")], via: ViaOption = Way.LOG
) -> None:
    """CloudEvents in NDJSON: core events, and registrations of products, managers, customers and assignments."""

    async def work(settings: Settings, server: str) -> bool:
        done = await deliver(settings, server, read_events(file), via=via.via, label=f"importing {file.name}")
        return done.balanced

    with_server(work)


@app.command()
def simulate(
    to: Annotated[Target, typer.Option(help="where to")] = Target.LOG,
    file: Annotated[Path | None, typer.Option(help="with --to file; gzip when it ends in .gz")] = None,
    seed: Annotated[int, typer.Option(help="the same seed gives the same bank")] = 1,
    managers: Annotated[int, typer.Option(min=1, max=100_000)] = 24,
    customers: Annotated[int, typer.Option(min=1, max=10_000_000)] = 600,
    start: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"])] = datetime(2026, 1, 1),  # noqa: DTZ001 a day
    months: Annotated[int, typer.Option(min=1, max=1200)] = 9,
    rate: Annotated[
        float | None, typer.Option(min=0.1, help="events a second; default as fast as it goes")
    ] = None,
) -> None:
    """A seeded core bank: customers, accounts, loans that sour and heal, fees, costs, hand-overs."""
    with settings_or_exit():
        events = simulated(seed, managers=managers, customers=customers, start=_day(start), months=months)
        if to is Target.FILE:
            if file is None:
                raise ValueError("--to file needs --file")
            print(f"{write_events(file, events):,} events written to {file}")
            return
    via: Via = "http" if to is Target.HTTP else "log"

    async def work(settings: Settings, server: str) -> bool:
        done = await deliver(settings, server, events, via=via, label="simulating", rate=rate)
        return done.balanced

    with_server(work)


@app.command()
def close(
    month: Annotated[str, typer.Argument(help="YYYY-MM")],
    last: Annotated[str | None, typer.Argument(help="close all months through this one")] = None,
) -> None:
    """Close a month, or one after the other through another. What is closed already stays as it is."""
    with settings_or_exit() as settings:
        months = [*months_between(parse_month(month), parse_month(last or month))]
        if not months:
            raise ValueError(f"{last} lies before {month}")
        try:
            balanced = asyncio.run(close_months(settings, [format_month(one) for one in months]))
        except KeyboardInterrupt:
            print("Interrupted; run it again to go on.", file=sys.stderr)
            raise typer.Exit(130) from None
    if not balanced:
        raise typer.Exit(1)


def _day(moment: datetime) -> date:
    return moment.date()


ServiceArgument = Annotated[str | None, typer.Argument(help=" | ".join(SERVICES) + "; default all")]


def _chosen(service: str | None) -> list[str]:
    if service is None:
        return list(SERVICES)
    if service not in SERVICES:
        raise ValueError(f"{service} is none of {', '.join(SERVICES)}")
    return [service]


@app.command()
def replay(service: ServiceArgument = None) -> None:
    """Rebuild the views from the events, beside the live ones, and swap."""
    with settings_or_exit() as settings, service_command.server_of(settings) as server:
        for name in _chosen(service):
            count = service_command.replay(DEFINITIONS[name], settings, server)
            print(f"{name}: views rebuilt from {count:,} events")


@app.command()
def verify(service: ServiceArgument = None) -> None:
    """Recompute hash chain and views; name the first difference and exit with 1 if there is one."""
    with settings_or_exit() as settings, service_command.server_of(settings) as server:
        for name in _chosen(service):
            service_command.report(name, service_command.verify(DEFINITIONS[name], settings, server))


def main() -> None:
    """The console script."""
    app()
