"""An installation in this process: the three services on databases of their real names, on a server of their own."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import orjson

from deploy.local.definitions import DEFINITIONS
from deploy.local.feeder import feed
from shared.contracts.core_banking import TOPIC
from shared.contracts.envelope import CloudEvent
from shared.infrastructure import service_command
from shared.infrastructure.chain import heads
from shared.infrastructure.database import Database, url_of
from shared.infrastructure.event_log import LogUnavailable
from shared.infrastructure.replay import Finding
from shared.infrastructure.runtime import RunningService, prepare
from shared.infrastructure.settings import SERVICES, Settings
from tests.support.logs import read_all
from tests.support.services import ServiceUnderTest, data_folder
from tests.support.system import Figures, figures_of

SETTINGS = Settings(data=data_folder(), kafka=None, oidc_issuer=None, host="127.0.0.1")


@dataclass
class Installation:
    """The services at work."""

    services: Mapping[str, ServiceUnderTest]

    async def feed(self, events: Iterable[CloudEvent], rate: float | None = None) -> None:
        """Deliver facts as ``dualbook import`` does, through the log."""
        assignment, ledger = self.services["assignment"], self.services["ledger"]
        await feed(
            events,
            via="log",
            log=ledger.service.log,
            assignment=assignment.admin,
            ledger=ledger.admin,
            rate=rate,
        )

    async def settle(self, within_seconds: float = 60) -> None:
        """Wait until a whole round finds every service at rest, as each gives the others work."""
        deadline = time.monotonic() + within_seconds
        while [behind for one in self.services.values() if (behind := await _behind(one))]:
            assert time.monotonic() < deadline, {
                name: await one.service.readiness() for name, one in self.services.items()
            }
            await asyncio.sleep(0.05)

    async def figures(self, periods: Iterable[str]) -> Figures:
        """What it says of these periods."""
        return await figures_of(self.services["ledger"].admin, self.services["appraisal"].admin, periods)

    async def ids(self, service: str, kind: str) -> list[str]:
        """The ids of all stored events of a type."""
        rows = await self.services[service].rows("SELECT event_id FROM event WHERE type = $1", kind)
        return sorted(row[0] for row in rows)

    async def verify(self) -> dict[str, Finding | None]:
        """What ``dualbook verify`` finds in each service."""
        return {name: await one.verify() for name, one in self.services.items()}


async def _behind(one: ServiceUnderTest) -> int:
    try:
        lag = sum((await one.service.consumer.lag()).values())
    except LogUnavailable:  # the service has not begun with it yet
        return 1
    [(backlog,)] = await one.rows(
        "SELECT sum(shard.position - relay_position.position)::bigint FROM shard JOIN relay_position USING (shard)"
    )
    return int(lag + backlog)


@asynccontextmanager
async def at_work(server: str, settings: Settings = SETTINGS) -> AsyncIterator[Installation]:
    """The services on what the server holds, made where there is nothing, until the block ends."""
    async with AsyncExitStack() as stack:
        services = {}
        for name, define in DEFINITIONS.items():
            definition = define(settings)
            await (await prepare(definition, settings, server)).close()
            running = RunningService.of(definition, settings, server)
            app = running.app()
            await stack.enter_async_context(app.router.lifespan_context(app))
            clients = await stack.enter_async_context(AsyncExitStack())
            services[name] = ServiceUnderTest(running, app, "event_log", clients)
        yield Installation(services)


async def verified(server: str, settings: Settings = SETTINGS) -> dict[str, Finding | None]:
    """What ``dualbook verify`` finds in each service of an installation at rest."""
    return {
        name: await asyncio.to_thread(service_command.verify, define, settings, server)
        for name, define in DEFINITIONS.items()
    }


async def heads_on(server: str) -> dict[str, dict[int, tuple[int, str]]]:
    """Where the hash chains of each service end."""
    return {
        name: {shard: (place.position, place.hash.hex()) for shard, place in found.items()}
        for name in SERVICES
        if (found := await _read(server, name))
    }


async def _read(server: str, name: str) -> Any:
    database = Database(url_of(server, name), name="reader", pool_size=1)
    try:
        async with database.read() as connection:
            return await heads(connection)
    finally:
        await database.close()


async def nothing_lost_or_doubled(bank: Installation) -> None:
    """Each service has taken in, once, what the one before it has said."""
    ledger, appraisal = bank.services["ledger"], bank.services["appraisal"]
    received = {record.headers["ce_id"].decode() for record in await read_all(ledger.service.log, TOPIC)}
    booked = await ledger.rows(  # an assignment that was read behind its postings has an entry of its own
        "SELECT event_id FROM event WHERE type = 'EntryBooked' AND data::jsonb #>> '{cause,type}' <> 'CustomerAssigned'"
    )
    assert sorted(row[0] for row in booked) == sorted(received)
    told = await bank.ids("assignment", "CustomerAssigned")
    assert await bank.ids("ledger", "CustomerAssigned") == told
    results = await appraisal.rows("SELECT data FROM event WHERE type = 'ResultsReceived'")
    counted = Counter(place for (data,) in results for place in _entries_of(orjson.loads(data)))
    assert counted == Counter(
        await ledger.rows("SELECT shard, position FROM event WHERE type = 'EntryBooked'")
    )


def _entries_of(received: Mapping[str, Any]) -> list[tuple[int, int]]:
    """The places in the ledger of the entries that a batch of results has taken in."""
    shard = received["ledger_shard"]
    return [(shard, position) for first, last in received["positions"] for position in range(first, last + 1)]
