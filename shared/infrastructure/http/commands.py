"""Commands over HTTP: from a request to a submission, and from what became of it to the answer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import orjson
from fastapi import Depends, Request
from starlette.responses import Response

from shared.infrastructure import receipts
from shared.infrastructure.auth import Principal
from shared.infrastructure.command_desk import CommandDesk, accepted
from shared.infrastructure.command_handler import Accepted, AnyDecider, Outcome, Submission
from shared.infrastructure.http.context import context_of_request
from shared.infrastructure.http.headers import etag, idempotency_key, if_match
from shared.infrastructure.receipts import Answer, ReceiptKey
from shared.kernel.errors import Refusal
from shared.kernel.event import Origin


@dataclass(frozen=True, slots=True)
class Commands:
    """A route's way to the command desk. A dependency: ``commands: Annotated[Commands, Depends(commands)]``."""

    desk: CommandDesk
    route: str
    body: bytes
    idempotency_key: str | None
    expected_version: int | None

    def origin(self, caller: Principal) -> Origin:
        """Who asked, and under which request id."""
        context = context_of_request()
        metadata = orjson.dumps({"traceparent": context.traceparent}).decode()
        return Origin(caller.subject, f"http/{context.request_id}", metadata)

    async def submit(
        self,
        caller: Principal,
        decider: AnyDecider,
        command: object,
        shape: Callable[[Accepted], Any],
        status: int = 200,
    ) -> Response:
        """One command; answers with ``shape`` of what was accepted, and the aggregate's new ETag."""

        def answer(outcomes: Sequence[Outcome]) -> Answer:
            outcome = accepted(outcomes)
            return Answer(status, orjson.dumps(shape(outcome)), outcome.version)

        submission = Submission(decider, command, self.origin(caller), self.expected_version)
        return await self.submit_all(caller, [submission], answer)

    async def submit_all(
        self,
        caller: Principal,
        submissions: Sequence[Submission],
        answer: Callable[[Sequence[Outcome]], Answer],
        *,
        wait: bool = True,
    ) -> Response:
        """Several submissions, all in one transaction; ``wait`` as at the command desk."""
        return _response(await self.desk.execute(submissions, answer, self._receipt(caller), wait=wait))

    async def answered(self, caller: Principal) -> Response | None:
        """What a request with this idempotency key got before, for routes that have more to do than to submit.

        Raises Refusal where it came with another body.
        """
        receipt = self._receipt(caller)
        if receipt is None:
            return None
        async with self.desk.database.begin() as connection:
            found = (await receipts.find(connection, [receipt])).get(receipt)
        if isinstance(found, Refusal):
            raise found
        return None if found is None else _response(found)

    async def answer(self, caller: Principal, answer: Answer) -> Response:
        """Give an answer that ``answered`` gives from now on; where another came first under the key, theirs."""
        return await self.submit_all(caller, [], lambda _: answer)

    def _receipt(self, caller: Principal) -> ReceiptKey | None:
        if self.idempotency_key is None:
            return None
        return ReceiptKey(caller.subject, self.route, self.idempotency_key, self.body)


def _response(answer: Answer) -> Response:
    headers = {} if answer.version is None else {"ETag": etag(answer.version)}
    return Response(answer.body, answer.status, headers, media_type="application/json")


async def commands(
    request: Request,
    key: Annotated[str | None, Depends(idempotency_key)],
    version: Annotated[int | None, Depends(if_match)],
) -> Commands:
    """The dependency of routes that write."""
    route = f"{request.method} {request.url.path}"
    return Commands(request.app.state.desk, route, await request.body(), key, version)
