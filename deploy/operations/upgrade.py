"""``dualbook upgrade``: the databases brought to this version, their views rebuilt and verified, services at rest."""

from collections.abc import AsyncIterator
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from deploy.local.definitions import DEFINITIONS
from deploy.operations.clients import OperationFailed
from deploy.operations.maintenance import maintenance
from deploy.operations.status import State, states
from shared.infrastructure import replay as replaying
from shared.infrastructure.database import Database
from shared.infrastructure.event_log.embedded import EmbeddedLog
from shared.infrastructure.migrate import NewerSchema
from shared.infrastructure.runtime import EVENT_LOG_DATABASE, ServiceDefinition, event_log, prepare
from shared.infrastructure.service_command import progress_bar
from shared.infrastructure.settings import SERVICES, Settings


class Upgraded(NamedTuple):
    """What was done to a database: how its schema stood, events its views were rebuilt from, and what is wrong."""

    name: str
    stood: str
    events: int = 0
    finding: replaying.Finding | None = None


async def upgrade(settings: Settings, server: str) -> AsyncIterator[Upgraded]:
    """Upgrade one database after the other, creating what is not there. Run again, it goes on where it broke off.

    Raises OperationFailed while services are at work, NewerSchema where a newer version has been at it; in neither
    case anything was changed.
    """
    found = await states(settings, server)
    if newer := [state for state in found if state.newer]:
        raise NewerSchema("; ".join(f"database {state.name} is {state.schema}" for state in newer))
    if not all(state.fine for state in found):
        async with maintenance(server) as connection:
            await _check_at_rest(connection)
    for state in found:
        if state.name == EVENT_LOG_DATABASE:
            await _upgrade_log(settings, server)
            yield Upgraded(state.name, state.schema)
        else:
            yield await _upgrade_service(DEFINITIONS[state.name](settings), settings, server, state)


async def _check_at_rest(connection: AsyncConnection) -> None:
    """A service of the version before would write what the migrated tables do not take, or take wrongly."""
    working = await connection.execute(
        text(
            "SELECT DISTINCT application_name FROM pg_stat_activity WHERE application_name = ANY(:names) ORDER BY 1"
        ),
        {"names": [f"dualbook-{name}" for name in SERVICES]},
    )
    if names := list(working.scalars()):
        raise OperationFailed(f"{', '.join(names)} is at work: stop the services, then upgrade")


async def _upgrade_log(settings: Settings, server: str) -> None:
    log = event_log(settings, server)
    assert isinstance(log, EmbeddedLog)
    await log.start()
    await log.stop()


async def _upgrade_service(
    definition: ServiceDefinition, settings: Settings, server: str, state: State
) -> Upgraded:
    database = await prepare(definition, settings, server)
    try:
        if not await replaying.needs_replay(database):
            return Upgraded(state.name, state.schema)
        events, finding = await _rebuilt(definition, database)
        return Upgraded(state.name, state.schema, events, finding)
    finally:
        await database.close()


async def _rebuilt(definition: ServiceDefinition, database: Database) -> tuple[int, replaying.Finding | None]:
    views, history = definition.all_views, definition.history
    with progress_bar(f"replaying {definition.name}") as bar:
        events = await replaying.replay(database, views, history, bar)
    with progress_bar(f"verifying {definition.name}") as bar:
        return events, await replaying.verify(database, views, history, bar)
