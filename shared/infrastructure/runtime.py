"""A running service: database, log, command desk, relay, consumer and HTTP door, put together in one place.

A service says what it is (ServiceDefinition); everything here is the same for all of them.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from fastapi import APIRouter, FastAPI

from shared.contracts import assignment, core_banking, ledger
from shared.infrastructure import dead_letters
from shared.infrastructure.auth import Authenticator
from shared.infrastructure.chain import chain_watch
from shared.infrastructure.command_desk import CommandDesk
from shared.infrastructure.command_handler import Aggregate, CommandHandler, View
from shared.infrastructure.consumer import Consumer
from shared.infrastructure.database import Database, ensure_database, url_of
from shared.infrastructure.doors import Door
from shared.infrastructure.event_log import EventLog, LogUnavailable
from shared.infrastructure.event_log.embedded import EmbeddedLog
from shared.infrastructure.event_log.kafka import KafkaLog
from shared.infrastructure.event_store import FactReader, History
from shared.infrastructure.http import create_app
from shared.infrastructure.http.dead_letters import router as dead_letter_router
from shared.infrastructure.jobs import Jobs
from shared.infrastructure.keyring import ON_CONNECTIONS, Keyring
from shared.infrastructure.migrate import STORE_MIGRATIONS, migrate, missing
from shared.infrastructure.pauses import growing_pauses
from shared.infrastructure.positions import hold_to
from shared.infrastructure.publication import Publication, size_check
from shared.infrastructure.reading import Reading, keep_reading
from shared.infrastructure.relay import Relay
from shared.infrastructure.replay import call_for_replay
from shared.infrastructure.settings import Settings
from shared.infrastructure.store_readings import store_readings
from shared.infrastructure.task import Task
from shared.infrastructure.watch import Watch
from shared.kernel.event import StoredEvent

logger = structlog.get_logger()

TOPICS = (core_banking.TOPIC, assignment.TOPIC, ledger.TOPIC, "appraisal.events")
EVENT_LOG_DATABASE = "event_log"


@dataclass(frozen=True)
class ServiceDefinition:
    """What one service is; the whole of it stands on the service's ``main`` page."""

    name: str
    title: str
    description: str
    migrations: Path
    aggregates: Sequence[Aggregate]
    readers: Mapping[str, FactReader]
    views: Sequence[View]
    publications: Mapping[str, Publication]
    doors: Mapping[str, Door]
    routers: Sequence[APIRouter]
    watches: Sequence[Watch] = ()
    tasks: Sequence[Task] = ()
    readings: Sequence[Reading] = ()
    on_stored: Callable[[Sequence[StoredEvent]], None] = lambda _: None
    """Counts events that are stored now; replay does not call it."""
    asyncapi: Callable[[], dict[str, Any]] | None = None

    @property
    def all_views(self) -> list[View]:
        """Its own views and those that every service has."""
        return [*self.views, dead_letters.DeadLetterView()]

    @property
    def history(self) -> History:
        """Reads its stored events."""
        return History({**self.readers, **dead_letters.READERS})

    @property
    def locations(self) -> list[Path]:
        """Where its migrations lie."""
        return [STORE_MIGRATIONS, self.migrations]


def event_log(settings: Settings, server: str) -> EventLog:
    """Kafka where it is configured, else the embedded log."""
    if settings.kafka is not None:
        return KafkaLog(settings.kafka, TOPICS)
    return EmbeddedLog(url_of(server, EVENT_LOG_DATABASE))


def database_of(definition: ServiceDefinition, settings: Settings, server: str) -> Database:
    """The service's own database, whose connections carry the keys that wrap keys. Raises Misconfigured."""
    carried = {ON_CONNECTIONS: Keyring(settings.personal_key_file)}
    return Database(url_of(server, definition.name), name=f"dualbook-{definition.name}", carried=carried)


async def prepare(definition: ServiceDefinition, settings: Settings, server: str) -> Database:
    """The service's database, created and migrated where need be."""
    await ensure_database(server, definition.name)
    if settings.kafka is None:
        await ensure_database(server, EVENT_LOG_DATABASE)
    database = database_of(definition, settings, server)
    try:
        await migrate(database, definition.locations, call_for_replay)
    except BaseException:
        await database.close()
        raise
    return database


async def check_log(definition: ServiceDefinition, settings: Settings, server: str) -> None:
    """Raises AnotherLog where the service's places are of another log; one that is away is judged when it comes."""
    database = Database(url_of(server, definition.name), name=f"dualbook-{definition.name}")
    log = event_log(settings, server)
    try:
        await hold_to(database, await log.identity())
    except LogUnavailable as error:
        logger.warning("log is away", reason=str(error))
    finally:
        await log.stop()
        await database.close()


class RunningService:
    """One process of a service."""

    def __init__(
        self, definition: ServiceDefinition, settings: Settings, database: Database, log: EventLog
    ) -> None:
        self.definition = definition
        self.settings = settings
        self.database = database
        self.log = log
        self.relay = Relay(definition.name, database, log, definition.publications)
        self.handler = CommandHandler(
            definition.name,
            [*definition.aggregates, dead_letters.AGGREGATE],
            definition.all_views,
            self._stored,
            fits=size_check(definition.publications),
        )
        self.desk = CommandDesk(database, self.handler, self.relay)
        self.jobs = Jobs()
        self.consumer = Consumer(
            definition.name, database, log, self.handler, definition.doors, on_events=self.relay.wake
        )
        self.watches = [*definition.watches, chain_watch()]
        self.readings = [
            *definition.readings,
            *store_readings(definition.name, database, self.consumer, settings.data),
        ]

    @classmethod
    def of(cls, definition: ServiceDefinition, settings: Settings, server: str) -> "RunningService":
        """The service on a server whose databases are prepared."""
        return cls(
            definition, settings, database_of(definition, settings, server), event_log(settings, server)
        )

    def _stored(self, events: Sequence[StoredEvent]) -> None:
        self.definition.on_stored(events)
        self.relay.committed(events)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Relay, consumer and tasks at work; the log may come later than the service does."""
        background = asyncio.create_task(self._background(), name=f"{self.definition.name}-background")
        tasks = [
            asyncio.create_task(task.run(self.desk), name=f"{self.definition.name}-{task.name}")
            for task in self.definition.tasks
        ]
        reading = keep_reading(self.definition.name, self.database, self.readings)
        tasks.append(asyncio.create_task(reading, name=f"{self.definition.name}-readings"))
        try:
            yield
        finally:
            for task in (background, *tasks):
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)  # each answered for its own errors
            with suppress(asyncio.CancelledError):
                await background
            await self.desk.stop()
            await self.jobs.stop()
            await self.log.stop()
            await self.database.close()

    async def _background(self) -> None:
        pauses = growing_pauses()
        while True:
            try:
                await hold_to(self.database, await self.log.identity())
                await self.log.start()
                break
            except Exception as error:  # the log may be away for any reason: say so, wait, try again
                self.relay.trouble = self.consumer.trouble = f"log away: {type(error).__name__}: {error}"
                pause = next(pauses)
                logger.warning("log is away", reason=str(error), pause_seconds=pause)
                await asyncio.sleep(pause)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.relay.run())
            tasks.create_task(self.consumer.run())
            for watch in self.watches:
                tasks.create_task(watch.run(self.definition.name, self.database))

    async def readiness(self) -> dict[str, str]:
        """Every thing the service needs: "ok", or what is wrong."""
        checks = {"database": await self.database.ping()}
        if checks["database"] == "ok":
            checks["migrations"] = await missing(self.database, self.definition.locations)
        checks.update({watch.name: watch.finding for watch in self.watches})
        checks.update({task.name: task.trouble for task in self.definition.tasks})
        return {**checks, "consumer": self.consumer.trouble, "relay": self.relay.trouble}

    def app(self) -> FastAPI:
        """The HTTP door."""

        @asynccontextmanager
        async def lifespan(_: FastAPI) -> AsyncIterator[None]:
            async with self.running():
                yield

        application = create_app(
            service=self.definition.name,
            title=self.definition.title,
            description=self.definition.description,
            version="1",
            settings=self.settings,
            authenticator=Authenticator(self.settings),
            routers=[*self.definition.routers, dead_letter_router],
            lifespan=lifespan,
            readiness=self.readiness,
            lag=self.consumer.lag,
            asyncapi=self.definition.asyncapi,
        )
        application.state.desk = self.desk
        application.state.jobs = self.jobs
        application.state.database = self.database
        application.state.consumer = self.consumer
        return application
