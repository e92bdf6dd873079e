"""Doors: what a service does with a topic's messages, and how records become submissions.

A message that cannot be read, or that a rule refuses, becomes a dead letter with its reason.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import structlog

from shared.contracts.envelope import CloudEvent, from_message
from shared.infrastructure import dead_letters, event_store
from shared.infrastructure.command_handler import AnyDecider, Letter, Submission
from shared.infrastructure.event_log import Record
from shared.kernel.errors import Malformed, Refusal

logger = structlog.get_logger()

_LONGEST_KEY = 256
"""Bytes of a key that name a stream; an index of the event table must hold it."""

Door = Callable[[CloudEvent, Record], Submission | None]
"""From a message to a submission; None for a message that is not this service's affair; raises Malformed."""


@dataclass(frozen=True, slots=True)
class BatchDoor:
    """A door whose messages of one transaction become one command.

    ``read`` judges each message alone; ``combine`` makes one submission of several, in their order. Refused,
    a combined command breaks its batch, which is then halved until the one refused message is found. Where the door
    has submissions for several deciders, those for ``only`` this one are combined, and the others stay as they are.
    """

    read: Door
    combine: Callable[[Sequence[Submission]], Submission]
    only: AnyDecider | None = None

    def __call__(self, event: CloudEvent, record: Record) -> Submission | None:
        return self.read(event, record)

    def combines(self, submission: Submission | None) -> bool:
        """Whether a submission is one of those that are combined; a dead letter never is."""
        if submission is None or submission.decider is dead_letters.DECIDER:
            return False
        return self.only is None or submission.decider is self.only


class Read(NamedTuple):
    """A record, what it asks for and its type, empty where that cannot be read; the last of several ``messages`` where
    a batch door combined them."""

    record: Record
    submission: Submission | None
    messages: int = 1
    type: str = ""


class Reader:
    """Reads the records of the topics that a service has doors for."""

    def __init__(self, doors: Mapping[str, Door]) -> None:
        self.doors = doors

    def read(self, records: Sequence[Record]) -> list[Read]:
        """Turn records into submissions; what cannot be read into dead letters."""
        return [self._read(record) for record in records]

    def submission_again(self, record: Record) -> Submission:
        """The submission for a dead letter's message, a refusal of which is the caller's; raises Malformed."""
        submission = self.doors[record.topic](from_message(record.headers, record.value), record)
        if submission is None:
            raise Malformed("this message is no longer any affair of this service")
        return submission

    def _read(self, record: Record) -> Read:
        event: CloudEvent | None = None
        try:
            event = from_message(record.headers, record.value)
            return Read(record, self.doors[record.topic](event, record), type=event.type)
        except Malformed as error:
            reason = str(error)
        except Exception as error:  # trying again would not help: reading looks at nothing but the message
            logger.error("message cannot be read", topic=record.topic, partition=record.partition,
                         offset=record.offset, exc_info=error)  # fmt: skip
            reason = f"unexpected error: {type(error).__name__}"
        return Read(record, letter_of(record, reason, event), type=event.type if event else "")

    def letter_for(self, read: Sequence[Read]) -> Letter:
        """The dead letter of a refused message: in the shard that its command was for."""

        def letter(index: int, refusal: Refusal) -> Submission:
            record, submission, messages, _ = read[index]
            assert submission is not None  # only what was submitted can be refused
            if messages > 1:
                raise refusal  # which of them is meant, smaller batches will show
            stream = submission.decider.stream(submission.command)
            key = stream.partition("-")[2].partition("#")[0]
            event = from_message(record.headers, record.value)
            return letter_of(record, str(refusal), event, shard_key=key)

        return letter

    def combined(self, topic: str, fresh: list[Read]) -> list[Read]:
        """What a batch door's messages ask for as one, behind the dead letters and what is not to be combined; any
        other door's as it is."""
        door = self.doors[topic]
        if not isinstance(door, BatchDoor):
            return fresh
        rest = [read for read in fresh if door.combines(read.submission)]
        if len(rest) < 2:
            return fresh
        beside = [read for read in fresh if not door.combines(read.submission)]
        combined = door.combine([read.submission for read in rest if read.submission is not None])
        return [*beside, Read(rest[-1].record, combined, len(rest), rest[-1].type)]


def event_of(record: Record) -> CloudEvent | None:
    """The event in a record, or None where there is none to be read."""
    try:
        return from_message(record.headers, record.value)
    except Malformed:
        return None


def letter_of(
    record: Record, reason: str, event: CloudEvent | None, *, shard_key: str = "", attempts: int = 1
) -> Submission:
    """The submission that keeps a record as a dead letter."""
    return dead_letters.letter_of(
        record,
        reason,
        shard_key=shard_key or _key_of(record),
        now=event_store.now(),
        attempts=attempts,
        event_id=event.id if event else "",
        type=event.type if event else "",
    )


def _key_of(record: Record) -> str:
    """The key of a message that could not be read further, or its place where even the key is no short text."""
    try:
        key = record.key.decode() if len(record.key) <= _LONGEST_KEY else ""
    except UnicodeDecodeError:
        key = ""
    return key if key and "#" not in key and "\0" not in key else f"{record.topic}/{record.partition}"
