"""Clawbacks by themselves: changes of class that the ledger told are followed up in the vaults that they concern.

A change of class is taken in with the results of its batch, in the shard of its loan; the vaults lie in others. So a
task follows up, some changes a transaction: all vaults they concern, and the mark that they were followed up.
"""

from collections.abc import Iterator, Sequence

from services.appraisal.domain import clawback, vault
from services.appraisal.domain.clawback import WorkReclassifications
from services.appraisal.domain.vault_event import Reassess
from services.appraisal.views import loan_result
from services.appraisal.views.loan_result import Concerned, Pending
from shared.contracts import appraisal, ledger
from shared.infrastructure.bank_time import today
from shared.infrastructure.command_desk import CommandDesk, accepted
from shared.infrastructure.command_handler import Outcome, Submission
from shared.infrastructure.receipts import Answer
from shared.infrastructure.task import Task
from shared.kernel.event import Origin

MOST_TOGETHER = 100
"""Changes of class a transaction."""

PAUSE_SECONDS = 1.0
"""How long a change may wait; to look costs one search of an index that has only what waits."""


async def follow_up(desk: CommandDesk) -> None:
    """Follow up all changes of class that wait; what several processes do at once is done once."""
    while True:
        async with desk.database.snapshot() as connection:
            waiting = await loan_result.pending(connection, MOST_TOGETHER)
            loans = [one.change.loan_id for one in waiting]
            concerned = await loan_result.concerned(connection, loans) if loans else []
        if not waiting:
            return
        await desk.execute(list(_submissions(waiting, concerned)), _done, wait=False)


def _submissions(waiting: Sequence[Pending], concerned: Sequence[Concerned]) -> Iterator[Submission]:
    shards: dict[int, list[int]] = {}
    for one in waiting:
        change = one.change
        cause = Origin(appraisal.SOURCE, f"{ledger.TOPIC}/{one.ledger_shard}/{change.log_offset}")
        shards.setdefault(one.ledger_shard, []).append(change.position)
        for award in concerned:
            if award.loan_id == change.loan_id:
                command = Reassess(
                    award.manager_id, award.award_id, one.ledger_shard, change, award.efficiency
                )
                yield Submission(vault.DECIDER, command, cause)
    for shard, positions in sorted(shards.items()):
        mark = WorkReclassifications(shard, tuple(positions), today())
        yield Submission(clawback.DECIDER, mark, Origin(appraisal.SOURCE, "task/clawbacks"))


def _done(outcomes: Sequence[Outcome]) -> Answer:
    for outcome in outcomes:
        accepted([outcome])  # nothing of it can be refused
    return Answer(204, b"")


def clawback_task() -> Task:
    """The task of one running service."""
    return Task("clawbacks", follow_up, PAUSE_SECONDS)
