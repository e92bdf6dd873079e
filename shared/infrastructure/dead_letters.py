"""Dead letters (死信): messages that cannot be read or that a rule refuses.

A dead letter is itself an event: written in the transaction that works the messages around it, hash-chained, listed
at ``GET /v1/dead-letters``, and published to ``<topic>.dead-letter`` with the original message and the reason. It
waits for a person, who has it worked once more (replay) or says why it never will be (dismiss).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

import orjson
from pydantic import Base64Bytes
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.types import Contract, Text
from shared.infrastructure.command_handler import Aggregate, Submission
from shared.infrastructure.database import copy
from shared.infrastructure.event_log import DEAD_LETTER, LARGEST_DEAD_LETTER_BYTES, Message, Record
from shared.infrastructure.event_store import EventRow, FactReader
from shared.kernel.decider import Decider
from shared.kernel.errors import Refusal, Unknown
from shared.kernel.event import Fact, Origin, StoredEvent


class MessageRefused(Contract):
    """A message of the log was given up, for a reason."""

    dead_letter_id: str
    shard_key: str
    topic: str
    partition: int
    log_offset: int
    key: Base64Bytes
    value: Base64Bytes
    headers: dict[str, Base64Bytes]
    event_id: str | None = None
    type: str | None = None
    reason: str
    attempts: int
    first_seen: datetime
    business_date: date

    @property
    def stream(self) -> str:
        return f"letter-{self.shard_key}#{self.dead_letter_id}"

    def record(self) -> Record:
        """The message as it was read."""
        return Record(self.topic, self.partition, self.log_offset, self.key, self.value, self.headers)


class MessageReplayed(Contract):
    """A dead letter was worked after all."""

    dead_letter_id: str
    shard_key: str
    business_date: date

    @property
    def stream(self) -> str:
        return f"letter-{self.shard_key}#{self.dead_letter_id}"


class MessageDismissed(Contract):
    """Somebody decided that a dead letter will never be worked, and why."""

    dead_letter_id: str
    shard_key: str
    reason: Text
    business_date: date

    @property
    def stream(self) -> str:
        return f"letter-{self.shard_key}#{self.dead_letter_id}"


class Fate(StrEnum):
    """What has become of a dead letter."""

    WAITING = "waiting"
    DISMISSED = "dismissed"
    REPLAYED = "replayed"


_FATES: Mapping[type[Fact], Fate] = {MessageDismissed: Fate.DISMISSED, MessageReplayed: Fate.REPLAYED}


def _decide(command: Fact, fate: Fate, _: None) -> Sequence[Fact]:
    """A dismissed letter may be replayed after all; nothing else is done twice or to a replayed one."""
    if type(command) in _FATES:
        if fate is Fate.REPLAYED:
            raise Refusal("dead-letter-replayed-once", "id", "this dead letter has been replayed already")
        if fate is Fate.DISMISSED and isinstance(command, MessageDismissed):
            raise Refusal("dead-letter-dismissed-once", "id", "this dead letter has been dismissed already")
    return [command]


DECIDER: Decider[Fact, Fate, None] = Decider(
    stream=lambda command: command.stream,
    initial=Fate.WAITING,
    decide=_decide,
    evolve=lambda fate, fact: _FATES.get(type(fact), fate),
)


async def _load(connection: AsyncConnection, commands: Sequence[Any]) -> dict[str, Fate]:
    streams = {
        command.dead_letter_id: command.stream
        for command in commands
        if isinstance(command, MessageReplayed | MessageDismissed)
    }
    if not streams:
        return {}
    rows = await connection.execute(
        text(
            "SELECT dead_letter_id, replayed_at IS NOT NULL AS replayed FROM dead_letter "
            "WHERE dead_letter_id = ANY(:ids) AND (replayed_at IS NOT NULL OR dismissed_at IS NOT NULL)"
        ),
        {"ids": list(streams)},
    )
    return {streams[row.dead_letter_id]: Fate.REPLAYED if row.replayed else Fate.DISMISSED for row in rows}


AGGREGATE = Aggregate(DECIDER, _load)
READERS: Mapping[str, FactReader] = {
    "MessageRefused": MessageRefused.model_validate_json,
    "MessageReplayed": MessageReplayed.model_validate_json,
    "MessageDismissed": MessageDismissed.model_validate_json,
}


def letter_of(
    record: Record,
    reason: str,
    *,
    shard_key: str,
    now: datetime,
    attempts: int = 1,
    event_id: str = "",
    type: str = "",
) -> Submission:
    """The submission that keeps a message as a dead letter; one per place in the log, however often it is read."""
    dead_letter_id = f"{record.topic}.{record.partition}.{record.offset}"
    letter = MessageRefused.model_construct(
        dead_letter_id=dead_letter_id,
        shard_key=shard_key,
        topic=record.topic,
        partition=record.partition,
        log_offset=record.offset,
        key=record.key,
        value=record.value,
        headers=dict(record.headers),
        event_id=event_id or None,
        type=type or None,
        reason=reason,
        attempts=attempts,
        first_seen=now,
        business_date=now.date(),
    )
    origin = Origin(
        "consumer", f"{record.topic}/{record.partition}/{record.offset}", "{}", f"dl:{dead_letter_id}"
    )
    return Submission(DECIDER, letter, origin)


def replayed(letter: MessageRefused, day: date, origin: Origin) -> Submission:
    """The submission that marks a letter as worked after all; refused the second time."""
    mark = MessageReplayed(
        dead_letter_id=letter.dead_letter_id, shard_key=letter.shard_key, business_date=day
    )
    return Submission(DECIDER, mark, origin)


def dismissed(letter: MessageRefused, reason: str, day: date, origin: Origin) -> Submission:
    """The submission that marks a letter as one that will never be worked; refused where it is settled already."""
    mark = MessageDismissed(
        dead_letter_id=letter.dead_letter_id, shard_key=letter.shard_key, reason=reason, business_date=day
    )
    return Submission(DECIDER, mark, origin)


def to_message(service: str, row: EventRow) -> tuple[str, Message]:
    """The original message for ``<topic>.dead-letter``, with the reason in its headers.

    One that even this topic does not take is told of by these headers alone; ``GET /v1/dead-letters`` has its id.
    """
    letter = MessageRefused.model_validate_json(row.data)
    reasons = [
        ("dl_reason", letter.reason.encode()),
        ("dl_service", service.encode()),
        ("dl_attempts", str(letter.attempts).encode()),
        ("dl_first_seen", letter.first_seen.isoformat().encode()),
    ]
    message = Message(letter.key, letter.value, [*letter.headers.items(), *reasons], partition=0)
    if message.bytes > LARGEST_DEAD_LETTER_BYTES:
        left_out = (
            "dl_left_out",
            f"the message of {message.bytes:,} bytes: {letter.dead_letter_id}".encode(),
        )
        message = Message(b"", b"", [*reasons, left_out], partition=0)
    return letter.topic + DEAD_LETTER, message


class DeadLetterView:
    """Table ``dead_letter`` = ``GET /v1/dead-letters``."""

    tables = ("dead_letter",)
    takes = frozenset({MessageRefused, MessageReplayed, MessageDismissed})

    async def project(self, connection: AsyncConnection, events: Sequence[StoredEvent]) -> None:
        letters = [(event, event.fact) for event in events if type(event.fact) is MessageRefused]
        if letters:
            await copy(
                connection, "dead_letter", _COLUMNS, [_row(event, letter) for event, letter in letters]
            )
        for event in events:
            if type(event.fact) is MessageReplayed:
                await connection.execute(
                    _REPLAYED, {"id": event.fact.dead_letter_id, "at": event.recorded_at}
                )
            elif type(event.fact) is MessageDismissed:
                await connection.execute(
                    _DISMISSED,
                    {"id": event.fact.dead_letter_id, "at": event.recorded_at, "why": event.fact.reason},
                )


_REPLAYED = text("UPDATE dead_letter SET replayed_at = :at WHERE dead_letter_id = :id")
_DISMISSED = text(
    "UPDATE dead_letter SET dismissed_at = :at, dismissed_because = :why WHERE dead_letter_id = :id"
)
_COLUMNS = (
    "dead_letter_id",
    "event_id",
    "type",
    "topic",
    "partition",
    "log_offset",
    "reason",
    "attempts",
    "first_seen",
    "shard",
    "position",
)


def _row(event: StoredEvent, letter: MessageRefused) -> tuple[object, ...]:
    return (
        letter.dead_letter_id,
        letter.event_id,
        letter.type,
        letter.topic,
        letter.partition,
        letter.log_offset,
        letter.reason,
        letter.attempts,
        letter.first_seen,
        event.shard,
        event.position,
    )


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One line of the list."""

    id: str
    event_id: str | None
    type: str | None
    topic: str
    partition: int
    offset: int
    reason: str
    attempts: int
    first_seen: datetime
    replayed_at: datetime | None
    dismissed_at: datetime | None
    dismissed_because: str | None


_LIST = """
    SELECT dead_letter_id AS id, event_id, type, topic, partition, log_offset AS "offset", reason, attempts,
           first_seen, replayed_at, dismissed_at, dismissed_because
    FROM dead_letter
"""


async def list_letters(connection: AsyncConnection, after: str, limit: int) -> list[DeadLetter]:
    """Dead letters in order of id, beyond ``after``."""
    rows = await connection.execute(
        text(_LIST + " WHERE dead_letter_id > :after ORDER BY dead_letter_id LIMIT :limit"),
        {"after": after, "limit": limit},
    )
    return [DeadLetter(**row._mapping) for row in rows]


async def waiting(connection: AsyncConnection) -> int:
    """How many dead letters were neither replayed nor dismissed yet."""
    rows = await connection.execute(
        text("SELECT count(*) FROM dead_letter WHERE replayed_at IS NULL AND dismissed_at IS NULL")
    )
    return int(rows.scalar_one())


async def of_event(connection: AsyncConnection, event_id: str) -> DeadLetter | None:
    """The newest dead letter of a producer's event id, if any."""
    rows = await connection.execute(
        text(_LIST + " WHERE event_id = :event_id ORDER BY first_seen DESC LIMIT 1"), {"event_id": event_id}
    )
    row = rows.first()
    return DeadLetter(**row._mapping) if row else None


async def original(connection: AsyncConnection, dead_letter_id: str) -> MessageRefused:
    """The letter with its message, from the event store; raises Unknown."""
    rows = await connection.execute(
        text(
            "SELECT event.data FROM dead_letter JOIN event USING (shard, position) WHERE dead_letter_id = :id"
        ),
        {"id": dead_letter_id},
    )
    row = rows.first()
    if row is None:
        raise Unknown(f"there is no dead letter {dead_letter_id}")
    return MessageRefused.model_validate(orjson.loads(row.data))
