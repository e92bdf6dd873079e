"""``dualbook rotate``: keys replaced by new ones while the services work."""

from deploy.local.definitions import DEFINITIONS
from deploy.operations.clients import OperationFailed
from shared.infrastructure.keyring import VARIABLE
from shared.infrastructure.runtime import database_of
from shared.infrastructure.sealed import rewrap
from shared.infrastructure.service_command import progress_bar
from shared.infrastructure.settings import Settings

_HOLDER = "assignment"
"""The service that keeps the keys of persons."""
_BATCH = 1000


async def rewrap_personal_keys(settings: Settings, server: str) -> int:
    """Wrap every person's key with the first key of the file; returns how many were wrapped otherwise.

    Broken off, it is run again and goes on. Raises OperationFailed without a file, KeyMissing where the file lacks a
    key that is still needed: nothing is changed for that batch then.
    """
    if settings.personal_key_file is None:
        raise OperationFailed(f"{VARIABLE}: is not set; there is no key to wrap with")
    database = database_of(DEFINITIONS[_HOLDER](settings), settings, server)
    try:
        with progress_bar("wrapping keys") as bar:
            after, changed, done = "", 0, 0
            while True:
                async with database.begin() as connection:
                    last, rewrapped = await rewrap(connection, after, _BATCH)
                if last is None:
                    return changed
                after, changed, done = last, changed + rewrapped, done + _BATCH
                bar(done, done)
    finally:
        await database.close()
