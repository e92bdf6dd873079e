"""How restored services go on with a log that lies outside (Kafka), and so was not restored with them.

The log may say nothing that the restored services do not know: they would be told of facts that nobody has, and these
facts' places in the stores will be given to others. Only two logs are certain to be so: one that has not grown since
before the backup, and an empty one. Into the empty one the services tell everything again, from their first event on;
readers know most of it and drop it.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import text

from deploy.operations.clients import OperationFailed
from deploy.operations.manifest import Manifest
from shared.contracts import core_banking
from shared.infrastructure.database import Database
from shared.infrastructure.event_log import LogUnavailable
from shared.infrastructure.runtime import TOPICS, event_log
from shared.infrastructure.settings import Settings

_FORGET_LOG = """
    DO $$ BEGIN
        IF to_regclass('known_log') IS NOT NULL THEN
            DELETE FROM known_log;
        END IF;
    END $$
"""
"""Whichever log it is now, it was found to fit. Databases of an older version do not know any."""

OURS = tuple(topic for topic in TOPICS if topic != core_banking.TOPIC)
"""Topics that our services write, and can write again."""


class Resuming(NamedTuple):
    """What the services do first: tell everything again, and read these topics from their beginning."""

    tell_again: bool = False
    read_again: tuple[str, ...] = ()


async def ends_of_log(settings: Settings, server: str) -> dict[str, int]:
    """Where each partition of Kafka ends; nothing for the embedded log, which is copied as the databases are."""
    if settings.kafka is None:
        return {}
    log = event_log(settings, server)
    try:
        await log.start()
        ends = await log.end_offsets(TOPICS)
    except LogUnavailable as error:
        raise OperationFailed(f"DUALBOOK_KAFKA: the log cannot be reached ({error})") from None
    finally:
        await log.stop()
    return {f"{partition.topic}/{partition.number}": end for partition, end in ends.items()}


def resuming(manifest: Manifest, log: str, ends: Mapping[str, int]) -> Resuming:
    """How to go on with a log that ends there. Raises OperationFailed where that is impossible, and says what is to
    be done."""
    if manifest.log != log:
        mend = "set DUALBOOK_KAFKA" if manifest.log == "kafka" else "leave DUALBOOK_KAFKA unset"
        raise OperationFailed(
            f"the backup was made on the {manifest.log} log: {mend}, and restore on the same"
        )
    if log == "embedded":
        return Resuming()
    ours, theirs = _of(OURS, ends), _of((core_banking.TOPIC,), ends)
    tell_again = not any(ours.values())
    if not tell_again and ours != _of(OURS, manifest.ends):
        raise OperationFailed(
            "the log holds what this backup does not: its topics have changed since the backup began. Delete the "
            f"topics {', '.join(OURS)}; the restored services make them anew and tell everything again"
        )
    read = {place: offset for part in manifest.databases.values() for place, offset in part.read.items()}
    begins_anew = not any(theirs.values())
    for place, offset in _of((core_banking.TOPIC,), read).items():
        if offset > theirs.get(place, 0) and not begins_anew:
            raise OperationFailed(
                f"{place} ends at {theirs.get(place, 0)}, but was read up to {offset} at the backup: this is not "
                "the log that core banking wrote then. Restore on that one, or on an empty one that core "
                "banking fills again"
            )
    again = (OURS if tell_again else ()) + ((core_banking.TOPIC,) if begins_anew else ())
    return Resuming(tell_again, again)


def _of(topics: Sequence[str], places: Mapping[str, int]) -> dict[str, int]:
    """Those of the places that are in these topics and not at their beginning."""
    return {
        place: offset for place, offset in places.items() if offset and place.rpartition("/")[0] in topics
    }


async def prepare_to_resume(database: Database, how: Resuming) -> None:
    """Have a restored service go on like that."""
    async with database.begin() as connection:
        if how.tell_again:
            await connection.execute(text("UPDATE relay_position SET position = 0"))
        await connection.execute(
            text("DELETE FROM consumer_position WHERE topic = ANY(:topics)"), {"topics": list(how.read_again)}
        )
        await connection.execute(text(_FORGET_LOG))
