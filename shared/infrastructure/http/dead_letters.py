"""``/v1/dead-letters``: what could not be read or was refused, why, and how it is settled."""

from collections.abc import Sequence
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from shared.contracts.types import Contract, Text
from shared.infrastructure import dead_letters
from shared.infrastructure.auth import Principal, Role, allow
from shared.infrastructure.command_desk import accepted
from shared.infrastructure.command_handler import Accepted, Duplicate, Outcome, Refused
from shared.infrastructure.dead_letters import MessageRefused
from shared.infrastructure.event_store import now
from shared.infrastructure.http.commands import Commands, commands
from shared.infrastructure.http.paging import PageQuery, encode_cursor, page_of
from shared.infrastructure.receipts import Answer

router = APIRouter(prefix="/v1/dead-letters", tags=["dead letters"])

Settler = Annotated[Principal, Depends(allow(Role.CORE, Role.ACCOUNTANT))]
Desk = Annotated[Commands, Depends(commands)]


class Dismissal(Contract):
    """Why a message will never be worked."""

    reason: Text


@router.get("")
async def list_dead_letters(
    request: Request,
    page: PageQuery,
    _: Annotated[Principal, Depends(allow(Role.CORE, Role.ACCOUNTANT, reads=True))],
) -> dict[str, Any]:
    """Messages that could not be read or were refused, with the reason; what was settled says when and how."""
    [after] = page.after(str) or ("",)
    async with request.app.state.database.read() as connection:
        letters = await dead_letters.list_letters(connection, after, page.limit)
    following = encode_cursor(letters[-1].id) if len(letters) == page.limit else None
    return page_of(letters, following)


@router.post("/{dead_letter_id}/replay")
async def replay_dead_letter(request: Request, dead_letter_id: str, caller: Settler, desk: Desk) -> Response:
    """Work the message once more. Refused again, it stays a dead letter and the answer says why (409)."""
    letter = await _letter(request, dead_letter_id)
    submission = request.app.state.consumer.reader.submission_again(letter.record())
    replayed = dead_letters.replayed(letter, now().date(), desk.origin(caller))

    def answer(outcomes: Sequence[Outcome]) -> Answer:
        for outcome in outcomes:
            if isinstance(outcome, Refused):
                raise outcome.refusal
        first = outcomes[0]
        assert isinstance(first, Accepted | Duplicate)
        status = "accepted" if isinstance(first, Accepted) and first.events else "duplicate"
        return Answer(200, orjson.dumps({"id": dead_letter_id, "status": status}))

    return await desk.submit_all(caller, [submission, replayed], answer)


@router.post("/{dead_letter_id}/dismiss")
async def dismiss_dead_letter(
    request: Request, dead_letter_id: str, body: Dismissal, caller: Settler, desk: Desk
) -> Response:
    """Say why the message will never be worked. It stays in the list and may be replayed after all."""
    letter = await _letter(request, dead_letter_id)
    submission = dead_letters.dismissed(letter, body.reason, now().date(), desk.origin(caller))

    def answer(outcomes: Sequence[Outcome]) -> Answer:
        accepted(outcomes)
        return Answer(200, orjson.dumps({"id": dead_letter_id, "status": "dismissed"}))

    return await desk.submit_all(caller, [submission], answer)


async def _letter(request: Request, dead_letter_id: str) -> MessageRefused:
    async with request.app.state.database.read() as connection:
        return await dead_letters.original(connection, dead_letter_id)
