"""The command desk: where requests of people and programs meet the command handler.

Requests that come while a transaction runs are worked together in the next one, which costs little more than one
request alone. Where that fails – a stale version, a collision of two callers, a request that must leave nothing
behind – each is worked in a transaction of its own, so that nobody answers for another's request.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.infrastructure import receipts, tracing
from shared.infrastructure.command_handler import Accepted, CommandHandler, Outcome, Refused, Submission
from shared.infrastructure.database import Database, is_conflict, is_unavailable
from shared.infrastructure.receipts import Answer, ReceiptKey
from shared.infrastructure.relay import Relay
from shared.kernel.event import StoredEvent

_TRIES = 5
_MOST_TOGETHER = 64

Shape = Callable[[Sequence[Outcome]], Answer]
"""From what became of the submissions to the answer; may raise what the HTTP door turns into a problem."""


@dataclass(eq=False, slots=True)
class _Request:
    """One request, from its arrival to its answer."""

    submissions: Sequence[Submission]
    shape: Shape
    receipt: ReceiptKey | None
    done: asyncio.Future[tuple[Answer, list[StoredEvent]]]

    def settle(self, answer: Answer | Exception, events: list[StoredEvent]) -> None:
        if isinstance(answer, Exception):
            self.fail(answer)
        elif not self.done.done():  # the caller may have gone
            self.done.set_result((answer, events))

    def fail(self, error: BaseException) -> None:
        if not self.done.done():
            self.done.set_exception(error)


class _MustBeAlone(Exception):
    """Worked together with others, this batch would leave behind part of a request that failed."""


@dataclass
class CommandDesk:
    """Takes submissions, answers when they are committed."""

    database: Database
    handler: CommandHandler
    relay: Relay
    _waiting: list[_Request] = field(default_factory=list)
    _worker: asyncio.Task[None] | None = None

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
        request = _Request(submissions, shape, receipt, asyncio.get_running_loop().create_future())
        self._waiting.append(request)
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work_off())
        answer, events = await request.done
        self.relay.wake()
        if wait:
            await self.relay.published(events)
        return answer

    async def stop(self) -> None:
        """Wait until what was asked for is worked, also where nobody waits for the answer any more."""
        if self._worker is not None:
            await asyncio.wait([self._worker])

    async def _work_off(self) -> None:
        """Work what waits, as much at once as there is, until nothing waits."""
        while self._waiting:
            batch, self._waiting = self._waiting[:_MOST_TOGETHER], self._waiting[_MOST_TOGETHER:]
            try:
                if len(batch) == 1 or not await self._together(batch):
                    for request in batch:
                        await self._alone(request)
            except Exception as error:  # the database is away: nothing was done for any of them
                for request in batch:
                    request.fail(error)
            except asyncio.CancelledError:
                waiting, self._waiting = self._waiting, []
                for request in [*batch, *waiting]:
                    request.done.cancel()
                raise

    async def _alone(self, request: _Request) -> None:
        for attempt in range(1, _TRIES + 1):
            try:
                async with _traced([request]), self.database.begin() as connection:
                    [(answer, events)] = await self._in_one(connection, [request], alone=True)
                request.settle(answer, events)
                return
            except Exception as error:
                if not is_conflict(error) or attempt == _TRIES:
                    request.fail(error)
                    return

    async def _together(self, batch: Sequence[_Request]) -> bool:
        """One transaction for all; False, with nothing done, when they must be worked one by one."""
        keys = [request.receipt.identity for request in batch if request.receipt is not None]
        if len(set(keys)) < len(keys):
            return False  # the same request twice: the second is to find the first one's receipt
        try:
            async with _traced(batch), self.database.begin() as connection:
                answers = await self._in_one(connection, batch, alone=False)
        except Exception as error:
            if is_unavailable(error):
                raise
            return False
        for request, (answer, events) in zip(batch, answers, strict=True):
            request.settle(answer, events)
        return True

    async def _in_one(
        self, connection: AsyncConnection, batch: Sequence[_Request], *, alone: bool
    ) -> list[tuple[Answer | Exception, list[StoredEvent]]]:
        """Answer, or error, and events of each request."""
        known = await receipts.find(connection, [one.receipt for one in batch if one.receipt is not None])
        earlier = {
            one: known[one.receipt] for one in batch if one.receipt is not None and one.receipt in known
        }
        fresh = [request for request in batch if request not in earlier]
        outcomes = await self.handler.work(connection, [one for each in fresh for one in each.submissions])
        answers: dict[_Request, tuple[Answer | Exception, list[StoredEvent]]]
        answers = {request: (answer, []) for request, answer in earlier.items()}
        kept: dict[ReceiptKey, Answer] = {}
        for request in fresh:
            mine, outcomes = outcomes[: len(request.submissions)], outcomes[len(request.submissions) :]
            events = [event for outcome in mine if isinstance(outcome, Accepted) for event in outcome.events]
            try:
                answer = request.shape(mine)
            except Exception as error:
                if alone:
                    raise
                if events:
                    raise _MustBeAlone from error
                answers[request] = error, []
                continue
            answers[request] = answer, events
            if request.receipt is not None:
                kept[request.receipt] = answer
        await receipts.keep(connection, kept)
        return [answers[request] for request in batch]


def _traced(batch: Sequence[_Request]) -> AbstractAsyncContextManager[None]:
    """The span of a transaction for these requests."""
    return tracing.batch(
        "transaction",
        len(batch),
        lambda: (one.origin.metadata for request in batch for one in request.submissions),
    )


def accepted(outcomes: Sequence[Outcome]) -> Accepted:
    """The outcome of a single submission; raises its Refusal."""
    [outcome] = outcomes
    if isinstance(outcome, Refused):
        raise outcome.refusal
    assert isinstance(outcome, Accepted)  # a request without a message id is never a duplicate
    return outcome
