"""``POST /v1/core-events``: for core systems without Kafka; and what became of an event."""

from collections.abc import Sequence
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from services.ledger.domain.booking import DECIDER, command_of
from services.ledger.views import entry
from shared.contracts.envelope import CloudEvent, from_mapping
from shared.infrastructure import dead_letters
from shared.infrastructure.auth import Principal, Role, allow
from shared.infrastructure.command_handler import Duplicate, Outcome, Refused, Submission
from shared.infrastructure.http import Commands, commands, json_body, malformed
from shared.infrastructure.receipts import Answer
from shared.kernel.errors import Malformed, Unknown

router = APIRouter(prefix="/v1/core-events", tags=["core events"])

MOST_EVENTS = 5000
"""Events in one request; a larger batch is refused whole."""


@router.post("", openapi_extra={"requestBody": {"required": True, "content": {
    media_type: {"schema": {"type": "array", "items": {"type": "object"}, "maxItems": MOST_EVENTS}}
    for media_type in ("application/cloudevents-batch+json", "application/json")
}}})  # fmt: skip
async def post_core_events(
    caller: Annotated[Principal, Depends(allow(Role.CORE))],
    desk: Annotated[Commands, Depends(commands)],
    batch: Annotated[Any, Depends(json_body)],
) -> Response:
    """Book a CloudEvents batch. Each event is accepted, a duplicate or rejected by itself, in the order given; what
    was accepted is booked when the answer arrives. What was rejected is kept nowhere: its id may come again with better
    data."""
    if not isinstance(batch, list) or len(batch) > MOST_EVENTS:
        raise malformed("body", f"must be a JSON array of at most {MOST_EVENTS} CloudEvents", place="body")
    read = [_read(message, caller, desk) for message in batch]

    def answer(outcomes: Sequence[Outcome]) -> Answer:
        decided = iter(outcomes)
        results = [
            _rejected(one) if isinstance(one, _Unreadable) else _result(one, next(decided)) for one in read
        ]
        counts = {
            status: sum(result["status"] == status for result in results)
            for status in ("accepted", "duplicate", "rejected")
        }
        return Answer(200, orjson.dumps({**counts, "results": results}))

    submissions = [one for one in read if isinstance(one, Submission)]
    return await desk.submit_all(caller, submissions, answer, wait=False)


class _Unreadable:
    """An element of the batch that is no core event, and why."""

    def __init__(self, event_id: str | None, reason: str) -> None:
        self.event_id = event_id
        self.reason = reason


def _read(message: Any, caller: Principal, desk: Commands) -> Submission | _Unreadable:
    event: CloudEvent | None = None
    try:
        event = from_mapping(message)
        return Submission(DECIDER, command_of(event), desk.origin(caller)._replace(message_id=event.id))
    except Malformed as error:
        claimed = event.id if event else message.get("id") if isinstance(message, dict) else None
        return _Unreadable(claimed if isinstance(claimed, str) else None, str(error))


def _rejected(unreadable: _Unreadable) -> dict[str, Any]:
    return {"id": unreadable.event_id, "status": "rejected", "reason": unreadable.reason}


def _result(submission: Submission, outcome: Outcome) -> dict[str, Any]:
    event_id = submission.origin.message_id
    if isinstance(outcome, Refused):
        return {"id": event_id, "status": "rejected", "reason": str(outcome.refusal)}
    if isinstance(outcome, Duplicate):
        differs = {"reason": "booked before with other data, which stands"} if outcome.differs else {}
        return {"id": event_id, "status": "duplicate", **differs}
    return {"id": event_id, "status": "accepted"}


@router.get("/{event_id}")
async def get_core_event(
    request: Request,
    event_id: str,
    _: Annotated[Principal, Depends(allow(Role.CORE, Role.ACCOUNTANT, Role.APPROVER, reads=True))],
) -> dict[str, Any]:
    """What became of a core event: the entry that books it, or the dead letter that says why not."""
    async with request.app.state.database.read() as connection:
        booked = await entry.find(connection, event_id)
        if booked is not None:
            return {
                "id": event_id,
                "status": "accepted",
                "entry_id": event_id,
                "type": booked.data["cause"]["type"],
                "recorded_at": booked.recorded_at,
                "cause": booked.cause,
                "data": booked.data["source_data"],
            }
        letter = await dead_letters.of_event(connection, event_id)
    if letter is None:
        raise Unknown(f"there is no core event {event_id}")
    return {
        "id": event_id,
        "status": "rejected",
        "reason": letter.reason,
        "dead_letter_id": letter.id,
        "cause": f"{letter.topic}/{letter.partition}/{letter.offset}",
    }
