"""Delivering a source of facts to the running services, with a progress bar and a reconciliation at the end."""

import os
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

import httpx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from deploy.local.calls import DeliveryStopped, wait_until_settled
from deploy.local.feeder import FeedReport, feed
from shared.contracts.envelope import CloudEvent
from shared.infrastructure.auth import Role, issue_token
from shared.infrastructure.event_log import LogUnavailable
from shared.infrastructure.runtime import event_log
from shared.infrastructure.settings import PREFIX, SERVICES, Settings

Via = Literal["log", "http"]
TOKEN_VARIABLE = f"{PREFIX}TOKEN"

console = Console(stderr=True)


def token_of(settings: Settings) -> str:
    """The token to work with: the one in the environment, or an admin's by the embedded key."""
    if settings.oidc_issuer is None:
        return os.environ.get(TOKEN_VARIABLE) or issue_token(settings.data, [Role.ADMIN], "dualbook")
    token = os.environ.get(TOKEN_VARIABLE)
    if not token:
        raise DeliveryStopped(f"{TOKEN_VARIABLE} must hold a token of the issuer {settings.oidc_issuer}")
    return token


@asynccontextmanager
async def clients(settings: Settings) -> AsyncIterator[Mapping[str, httpx.AsyncClient]]:
    """An authorised client of each service; raises DeliveryStopped when one does not answer."""
    headers = {"Authorization": f"Bearer {token_of(settings)}"}
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    by_service = {
        service: httpx.AsyncClient(
            base_url=f"http://{host}:{settings.port_of(service)}", headers=headers, timeout=60
        )
        for service in SERVICES
    }
    try:
        for service, client in by_service.items():
            try:
                await client.get("/healthz")
            except httpx.HTTPError:
                raise DeliveryStopped(
                    f"{service} does not answer at {client.base_url}: start the services first (dualbook run)"
                ) from None
        yield by_service
    finally:
        for client in by_service.values():
            await client.aclose()


@dataclass(frozen=True, slots=True)
class Delivered:
    """What was delivered, and whether the books balance over the months it touched."""

    report: FeedReport
    balanced: bool


async def deliver(
    settings: Settings,
    server: str,
    events: Iterable[CloudEvent],
    *,
    via: Via,
    label: str,
    total: int | None = None,
    rate: float | None = None,
) -> Delivered:
    """Feed the events, wait until all services have worked them, and show the reconciliation by month."""
    months: set[str] = set()

    def watched() -> Iterable[CloudEvent]:
        for event in events:
            day = event.extensions.get("businessdate", "")
            if day:
                months.add(day[:7])
            yield event

    log = event_log(settings, server)
    await log.start()
    try:
        async with clients(settings) as by_service:
            with progress_bar() as bar:
                task = bar.add_task(label, total=total, words="")

                def progress(report: FeedReport, words: str) -> None:
                    bar.update(task, completed=report.delivered, words=words)

                report = await feed(
                    watched(),
                    via=via,
                    log=log,
                    assignment=by_service["assignment"],
                    ledger=by_service["ledger"],
                    rate=rate,
                    progress=progress,
                )
                bar.update(task, completed=report.delivered, total=report.delivered, words="settling")
                await wait_until_settled(by_service)
                bar.update(task, words="done")
            balanced = await reconcile(by_service["ledger"], sorted(months))
            await _report(by_service["ledger"], report)
            return Delivered(report, balanced)
    except LogUnavailable as error:
        raise DeliveryStopped(f"the event log is away: {error}") from error
    finally:
        await log.stop()


def progress_bar() -> Progress:
    """A bar on the terminal; nothing where there is none."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[words]}"),
        console=console,
        disable=not console.is_terminal,
    )


async def reconcile(ledger: httpx.AsyncClient, periods: Sequence[str]) -> bool:
    """Print both books side by side over these periods; whether they balance in every single one."""
    if not periods:
        return True
    entries, broken = 0, []
    sides: dict[str, list[Decimal]] = {}
    for period in periods:
        answer = await ledger.get("/v1/reconciliation", params={"period": period})
        answer.raise_for_status()
        found = answer.json()
        entries += found["entries"]
        if not found["balanced"]:
            broken.append(period)
        for line in found["lines"]:
            figures = (line["manager_total"], line["department_total"], line["difference"])
            sums = sides.setdefault(line["line"], [Decimal(0)] * len(figures))
            sides[line["line"]] = [
                total + Decimal(figure) for total, figure in zip(sums, figures, strict=True)
            ]
    span = periods[0] if len(periods) == 1 else f"{periods[0]} to {periods[-1]}, {len(periods)} months"
    table = Table("line", title=f"Reconciliation, {span}: {entries:,} entries")
    for heading in ("managers", "departments", "difference"):
        table.add_column(heading, justify="right")
    for name, totals in sides.items():
        if any(totals):
            table.add_row(name, *(f"{total:,.2f}" for total in totals))
    out = Console()
    out.print(table)
    each = "" if len(periods) == 1 else " in every month"
    out.print(f"OUT OF BALANCE: {', '.join(broken)}" if broken else f"The books balance to the fen{each}.")
    return not broken


async def _report(ledger: httpx.AsyncClient, report: FeedReport) -> None:
    out = Console()
    out.print(f"{report.registrations:,} registrations and {report.core_events:,} core events delivered.")
    if report.accepted or report.duplicate or report.rejected:
        out.print(
            f"Accepted {report.accepted:,}, duplicate {report.duplicate:,}, rejected {report.rejected:,}."
        )
    for rejection in report.rejections[:20]:
        out.print(f"  {rejection.event_id}: {rejection.reason}")
    answer = await ledger.get("/v1/dead-letters", params={"limit": 20})
    letters = answer.json()["items"] if answer.status_code == 200 else []
    if letters:
        out.print(f"Dead letters at {ledger.base_url}/v1/dead-letters, the first of them:")
        for letter in letters[:5]:
            out.print(f"  {letter['event_id']}: {letter['reason']}")
