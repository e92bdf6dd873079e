"""``dualbook run``: the whole system in the foreground, until Ctrl-C."""

import asyncio
import signal
from datetime import date

from rich.console import Console

from deploy.local.delivery import clients, deliver, reconcile, token_of
from deploy.local.processes import Services
from deploy.local.simulator import simulate
from shared.infrastructure.settings import Settings

SAMPLE_SEED = 1
SAMPLE_START = date(2026, 1, 1)
SAMPLE_MONTHS = 9

out = Console()


async def run(settings: Settings, server: str, *, empty: bool) -> None:
    """Start the services, load the sample unless there is data, say where everything is, and wait to be stopped."""
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    services = Services(settings, server)
    try:
        services.start()
        work = asyncio.create_task(_until_told_to_stop(settings, server, services, stopped, empty))
        stop = asyncio.create_task(stopped.wait())
        await asyncio.wait({work, stop}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            work.cancel()
        stop.cancel()
        await asyncio.gather(work, stop, return_exceptions=True)
        if not work.cancelled() and work.exception() is not None:
            raise work.exception() or AssertionError
    finally:
        out.print("\nStopping …")
        services.stop()
        out.print("Stopped.")


async def _until_told_to_stop(
    settings: Settings, server: str, services: Services, stopped: asyncio.Event, empty: bool
) -> None:
    await services.wait_until_ready()
    if not empty:
        await _load_sample(settings, server)
    _say_where(settings, services)
    while not stopped.is_set():
        services.check()
        await asyncio.sleep(1)


async def _load_sample(settings: Settings, server: str) -> None:
    """Load the sample into an empty system. A break is no harm: the next run goes on, as ids are stable."""
    begun, loaded = settings.data / "sample.begun", settings.data / "sample.loaded"
    async with clients(settings) as by_service:
        products = (await by_service["ledger"].get("/v1/products")).json()["items"]
        if loaded.exists() or (products and not begun.exists()):
            out.print("Found its data again.")
            await reconcile(by_service["ledger"], [str(SAMPLE_START.year)] if loaded.exists() else [])
            return
    begun.touch()
    events = list(simulate(SAMPLE_SEED, start=SAMPLE_START, months=SAMPLE_MONTHS))
    await deliver(settings, server, events, via="log", label="loading the sample", total=len(events))
    loaded.touch()


def _say_where(settings: Settings, services: Services) -> None:
    out.print()
    for service, url in services.urls.items():
        out.print(f"{service:<11} {url}/docs", highlight=False)
    out.print(f"logs        {settings.data / 'logs'}", highlight=False)
    out.print("\nA token for everything, valid for a day:\n", highlight=False)
    print(f"export TOKEN={token_of(settings)}")
    out.print(
        f"\ncurl -H \"Authorization: Bearer $TOKEN\" '{services.urls['ledger']}/v1/reconciliation?period=2026'",
        highlight=False,
        soft_wrap=True,
    )
    out.print("\nCtrl-C stops everything.")
