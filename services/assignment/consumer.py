"""The assignment service's log door: one function per event that it follows, and the tables of them."""

from collections.abc import Mapping, Sequence

import orjson

from services.assignment.domain import manager, register
from services.assignment.domain.compliance.large_value import DECIDER, Deposit, WatchDeposits
from services.assignment.domain.grade import Grade
from services.assignment.domain.manager import ChangeGrade, TellOfManager
from services.assignment.domain.register import TakeLoan, TakeResult
from shared.contracts import appraisal, core_banking, ledger
from shared.contracts.appraisal import GradeChangeDecided, ScorecardApproved
from shared.contracts.assignment import GradeGround
from shared.contracts.core_banking import DepositPosted
from shared.contracts.envelope import CloudEvent
from shared.contracts.ledger import CustomerResultStated, EntryBooked, PeriodClosed
from shared.contracts.types import parse
from shared.infrastructure.command_handler import Submission
from shared.infrastructure.doors import BatchDoor, Door
from shared.infrastructure.event_log import PARTITIONS, Record, shard_of
from shared.kernel.errors import Malformed
from shared.kernel.event import Origin


def doors(base_currency: str) -> Mapping[str, Door]:
    """What the service does with each topic's messages; of core banking's many, a batch becomes one command."""

    def read(event: CloudEvent, record: Record) -> Submission | None:
        return of_core_banking(event, record, base_currency)

    return {
        core_banking.TOPIC: BatchDoor(read, together),
        ledger.TOPIC: of_ledger,
        appraisal.TOPIC: of_appraisal,
    }


def of_ledger(event: CloudEvent, record: Record) -> Submission | None:
    """Of the ledger's messages: closed months, what they brought from each customer, and what loans have become."""
    command: register.Command
    if event.type == CustomerResultStated.__name__:
        command = TakeResult(parse(CustomerResultStated, event.data))
    elif event.type == PeriodClosed.__name__:
        command = TakeResult(parse(PeriodClosed, event.data))
    elif event.type == EntryBooked.__name__:
        if b'"loan"' not in event.data or b'"loan":null' in event.data:
            return None  # most entries have none: it must not cost reading them
        entry = parse(EntryBooked, event.data)
        if entry.loan is None or entry.customer_id is None:
            return None
        command = TakeLoan(entry.customer_id, entry.loan, entry.business_date, position_of(event))
    else:
        return None
    return Submission(register.DECIDER, command, origin_of(event, record))


def position_of(event: CloudEvent) -> int:
    """The place of an entry in its ledger shard, from the extension attribute ``ledgerposition``; raises Malformed."""
    _, _, position = event.extensions.get("ledgerposition", "").partition("-")
    if not (position.isascii() and position.isdigit() and len(position) <= 18):
        raise Malformed('ledgerposition: must be the ledger\'s shard and position, such as "3-1071"')
    return int(position)


def of_appraisal(event: CloudEvent, record: Record) -> Submission | None:
    """Of the appraisal's messages: the ratings and grades of managers. Raises Malformed for an unknown grade."""
    command: manager.Command
    if event.type == ScorecardApproved.__name__:
        approved = parse(ScorecardApproved, event.data)
        command = TellOfManager(approved, approved.approved_on)
    elif event.type == GradeChangeDecided.__name__:
        decided = parse(GradeChangeDecided, event.data)
        if decided.grade not in set(Grade):
            raise Malformed(f"grade: must be one of {', '.join(Grade)}")
        command = ChangeGrade(
            decided.manager_id,
            Grade(decided.grade),
            decided.effective_from,
            GradeGround.APPRAISAL,
            f"{decided.decision_id}: {decided.reason}"[:200],
            decided=True,
        )
    else:
        return None
    origin = origin_of(event, record)
    # what comes of it goes back to the appraisal, which knows the message's own id as that of what it said itself
    return Submission(manager.DECIDER, command, origin._replace(message_id=f"applied-{event.id}"))


def origin_of(event: CloudEvent, record: Record) -> Origin:
    """The place in the log that a fact goes back to; the message's id becomes the fact's."""
    trace = event.extensions.get("traceparent")
    metadata = orjson.dumps({"traceparent": trace} if trace else {}).decode()
    cause = f"{record.topic}/{record.partition}/{record.offset}"
    return Origin(event.source, cause, metadata, event.id)


def of_core_banking(event: CloudEvent, record: Record, base_currency: str) -> Submission | None:
    """Of core banking's messages, what was paid in or drawn.

    Raises Malformed for what cannot be read, is in another currency, or lies in a partition of another shard than
    its customer's: the sums are kept in the customer's shard.
    """
    if event.type != DepositPosted.__name__:
        return None
    posted = parse(DepositPosted, event.data)
    if posted.currency not in (None, base_currency):
        raise Malformed(f"currency: deposits are watched in {base_currency} (one-base-currency)")
    shard = shard_of(posted.customer_id)
    if shard != record.partition % PARTITIONS:
        raise Malformed(f"customer_id: {posted.customer_id} belongs in partition {shard} (keyed-by-customer)")
    deposit = Deposit(event.id, posted.customer_id, posted.business_date, posted.amount, record.offset)
    cause = f"{record.topic}/{record.partition}/{record.offset}"
    return Submission(DECIDER, WatchDeposits(shard, (deposit,)), Origin(event.source, cause))


def together(submissions: Sequence[Submission]) -> Submission:
    """The deposits of several submissions of one partition as one command, caused by a stretch of the log."""
    commands: list[WatchDeposits] = [submission.command for submission in submissions]
    first, last = submissions[0].origin, submissions[-1].origin
    cause = f"{first.cause}-{last.cause.rpartition('/')[2]}"
    deposits = tuple(deposit for command in commands for deposit in command.deposits)
    return Submission(DECIDER, WatchDeposits(commands[0].partition, deposits), Origin(first.actor, cause))
