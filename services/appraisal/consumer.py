"""The appraisal's log door: entries of the ledger, a batch of which becomes one command, and what others tell."""

import re
from collections.abc import Mapping, Sequence
from typing import cast

import orjson

from services.appraisal.domain import told
from services.appraisal.domain.results import DECIDER, LEDGER_SHARDS, ReceiveResults, entry_of
from services.appraisal.domain.told import KeepTold
from shared.contracts import assignment, ledger
from shared.contracts.envelope import CloudEvent
from shared.contracts.ledger import EntryBooked
from shared.contracts.types import Contract, parse
from shared.infrastructure.command_handler import Submission
from shared.infrastructure.doors import BatchDoor, Door
from shared.infrastructure.event_log import Record
from shared.kernel.errors import Malformed
from shared.kernel.event import Fact, Origin

_POSITION = re.compile(r"(\d{1,4})-(\d{1,18})", re.ASCII)


def of_ledger(event: CloudEvent, record: Record) -> Submission | None:
    """Of the ledger's messages, the entries, and closed months with the results stated for them.

    Raises Malformed: what cannot be read, or does not balance.
    """
    if event.type != EntryBooked.__name__:
        return _told(told.OF_LEDGER, event, record)
    ledger_shard, position = place_of(event, record)
    entry = entry_of(parse(EntryBooked, event.data), position, record.offset)
    return Submission(DECIDER, ReceiveResults(ledger_shard, (entry,)), origin_of(event, record))


def of_assignment(event: CloudEvent, record: Record) -> Submission | None:
    """Of the assignment service's messages, what sources are made of. Raises Malformed: what cannot be read."""
    return _told(told.OF_ASSIGNMENT, event, record)


def _told(kinds: Mapping[str, type[Contract]], event: CloudEvent, record: Record) -> Submission | None:
    kind = kinds.get(event.type)
    if kind is None:
        return None
    origin = origin_of(event, record)._replace(message_id=event.id)
    return Submission(told.DECIDER, KeepTold(cast(Fact, parse(kind, event.data))), origin)


def origin_of(event: CloudEvent, record: Record) -> Origin:
    """The place in the log that a fact goes back to."""
    trace = event.extensions.get("traceparent")
    metadata = orjson.dumps({"traceparent": trace} if trace else {}).decode()
    return Origin(event.source, f"{record.topic}/{record.partition}/{record.offset}", metadata)


def place_of(event: CloudEvent, record: Record) -> tuple[int, int]:
    """Shard and position of an entry in the ledger, from the extension attribute ``ledgerposition``.

    Raises Malformed without one, and for a shard in another's partition: the two are the same by contract.
    """
    match = _POSITION.fullmatch(event.extensions.get("ledgerposition", ""))
    if match is None:
        raise Malformed('ledgerposition: must be the ledger\'s shard and position, such as "3-1071"')
    ledger_shard, position = int(match[1]), int(match[2])
    if ledger_shard != record.partition or ledger_shard >= LEDGER_SHARDS:
        raise Malformed(f"ledgerposition: shard {ledger_shard} cannot be in partition {record.partition}")
    return ledger_shard, position


def together(submissions: Sequence[Submission]) -> Submission:
    """The entries of several submissions of one partition as one command, caused by a stretch of the log."""
    commands: list[ReceiveResults] = [submission.command for submission in submissions]
    first, last = submissions[0].origin, submissions[-1].origin
    cause = f"{first.cause}-{last.cause.rpartition('/')[2]}"
    entries = tuple(entry for command in commands for entry in command.entries)
    return Submission(DECIDER, ReceiveResults(commands[0].ledger_shard, entries), Origin(first.actor, cause))


DOORS: Mapping[str, Door] = {
    ledger.TOPIC: BatchDoor(of_ledger, together, only=DECIDER),
    assignment.TOPIC: of_assignment,
}
"""What the appraisal does with each topic's messages."""
