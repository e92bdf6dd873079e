"""A batch door: the messages of a transaction as one command, and the one among them that a rule refuses."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import orjson

from shared.contracts.envelope import CloudEvent
from shared.infrastructure.command_handler import Aggregate, Submission, stateless
from shared.infrastructure.doors import BatchDoor
from shared.infrastructure.event_log import Message, Record
from shared.infrastructure.runtime import ServiceDefinition
from shared.infrastructure.settings import Settings
from shared.kernel.decider import Decider
from shared.kernel.errors import Malformed, Refusal
from shared.kernel.event import Origin
from tests.support.services import running_service

TOPIC = "ledger.events"


@dataclass(frozen=True)
class NumbersAdded:
    """The fact of a small service: numbers of one batch. 13 is refused by a rule, a text by the door."""

    numbers: tuple[int, ...]
    stream: str = "sum-all"
    business_date: date = date(2026, 7, 1)

    def to_json(self) -> bytes:
        return orjson.dumps(self.numbers)


def _decide(command: Sequence[int], _: None, __: None) -> list[NumbersAdded]:
    if 13 in command:
        raise Refusal("no-thirteen", "number", "13 is not counted")
    return [NumbersAdded(tuple(command))]


DECIDER: Decider[Sequence[int], None, None] = Decider(lambda _: "sum-all", None, _decide, lambda _, __: None)


def _read(event: CloudEvent, record: Record) -> Submission | None:
    if event.type == "Ignored":
        return None
    number = orjson.loads(event.data)
    if not isinstance(number, int):
        raise Malformed("number: must be a number")
    return Submission(DECIDER, (number,), Origin("test", f"{record.offset}"))


def _together(submissions: Sequence[Submission]) -> Submission:
    numbers = tuple(number for submission in submissions for number in submission.command)
    return Submission(DECIDER, numbers, Origin("test", "several"))


def _message(data: Any, type: str = "Number") -> Message:
    event = CloudEvent(f"n-{data}", type, "test", orjson.dumps(data))
    return Message(b"k", event.data, event.headers(), partition=2)


async def worked(postgres_url: str, empty: Path, *messages: Message) -> tuple[list[Any], dict[str, str]]:
    """The facts, each as its numbers, and the reasons of the dead letters by id, after one batch."""

    def define(_: Settings) -> ServiceDefinition:
        return ServiceDefinition(
            name="sums",
            title="Sums",
            description="",
            migrations=empty,
            aggregates=[Aggregate(DECIDER, stateless)],
            readers={},
            views=[],
            publications={},
            doors={TOPIC: BatchDoor(_read, _together)},
            routers=[],
        )

    async with running_service(define, postgres_url) as service:
        await service.publish(TOPIC, *messages)
        await service.caught_up()
        facts = await service.rows("SELECT data FROM event WHERE stream = 'sum-all' ORDER BY position")
        letters = (await service.admin.get("/v1/dead-letters")).json()["items"]
    return [orjson.loads(data) for (data,) in facts], {one["id"]: one["reason"] for one in letters}


async def test_a_batch_is_one_command_and_what_is_malformed_or_ignored_no_part_of_it(
    postgres_url: str, tmp_path: Path
) -> None:
    batch = [_message(1), _message("two"), _message(3), _message(4, "Ignored"), _message(5)]
    facts, letters = await worked(postgres_url, tmp_path, *batch)
    assert facts == [[1, 3, 5]]
    assert letters == {f"{TOPIC}.2.1": "number: must be a number"}


async def test_a_message_refused_by_a_rule_is_found_among_its_batch(
    postgres_url: str, tmp_path: Path
) -> None:
    facts, letters = await worked(postgres_url, tmp_path, *(_message(n) for n in (10, 11, 12, 13, 14, 15)))
    assert [number for numbers in facts for number in numbers] == [10, 11, 12, 14, 15]
    assert letters == {f"{TOPIC}.2.3": "number: 13 is not counted (no-thirteen)"}


async def test_a_message_that_comes_alone_is_worked_or_refused_as_it_is(
    postgres_url: str, tmp_path: Path
) -> None:
    assert await worked(postgres_url, tmp_path, _message(7)) == ([[7]], {})
    facts, letters = await worked(postgres_url, tmp_path, _message(13), _message("x"))
    assert facts == []
    assert list(letters) == [f"{TOPIC}.2.0", f"{TOPIC}.2.1"]
