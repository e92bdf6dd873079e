"""The command desk: where requests of people and programs meet the command handler.

One request is one transaction. Two callers at once are put in order by the shard's lock; where they still collide
(two first uses of one idempotency key, say) the later one is tried again and sees what the earlier one did.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from shared.infrastructure import receipts
from shared.infrastructure.command_handler import Accepted, CommandHandler, Outcome, Refused, Submission
from shared.infrastructure.database import Database, is_conflict
from shared.infrastructure.receipts import Answer, ReceiptKey
from shared.infrastructure.relay import Relay
from shared.kernel.event import StoredEvent

_TRIES = 5

Shape = Callable[[Sequence[Outcome]], Answer]
"""From what became of the submissions to the answer; may raise what the HTTP door turns into a problem."""


@dataclass(frozen=True)
class CommandDesk:
    """Takes submissions, answers when they are committed."""

    database: Database
    handler: CommandHandler
    relay: Relay

    async def execute(
        self,
        submissions: Sequence[Submission],
        shape: Shape,
        receipt: ReceiptKey | None = None,
        *,
        wait: bool = True,
    ) -> Answer:
        """All submissions in one transaction, with the receipt for the request's idempotency key if it has one.

        With ``wait`` the answer comes when the events are in the log (or after two seconds, should the log be
        away): a caller who then asks another service how far behind it is gets a truthful answer.
        """
        for attempt in range(1, _TRIES + 1):
            try:
                answer, events = await self._once(submissions, shape, receipt)
                break
            except Exception as error:
                if not is_conflict(error) or attempt == _TRIES:
                    raise
        self.relay.wake()
        if wait:
            await self.relay.published(events)
        return answer

    async def _once(
        self, submissions: Sequence[Submission], shape: Shape, receipt: ReceiptKey | None
    ) -> tuple[Answer, list[StoredEvent]]:
        async with self.database.begin() as connection:
            if receipt is not None:
                earlier = await receipts.find(connection, receipt)
                if earlier is not None:
                    return earlier, []
            outcomes = await self.handler.work(connection, submissions)
            answer = shape(outcomes)
            if receipt is not None:
                await receipts.keep(connection, receipt, answer)
        return answer, [
            event for outcome in outcomes if isinstance(outcome, Accepted) for event in outcome.events
        ]


def accepted(outcomes: Sequence[Outcome]) -> Accepted:
    """The outcome of a single submission; raises its Refusal."""
    [outcome] = outcomes
    if isinstance(outcome, Refused):
        raise outcome.refusal
    assert isinstance(outcome, Accepted)  # a request without a message id is never a duplicate
    return outcome
