"""Messages that cannot be booked: kept with their reason, in nobody's way, and worked again once it is mended."""

from collections.abc import Sequence
from datetime import datetime
from itertools import count
from typing import Any

import orjson
import pytest

from shared.contracts.core_banking import TOPIC
from shared.contracts.envelope import from_mapping
from shared.infrastructure.event_log import Message, Record
from tests.end_to_end.example import PERIOD, PRINTED, Example
from tests.support.reference import WORKED_EXAMPLE, core_event
from tests.support.system import System

pytestmark = pytest.mark.timeout(600)

_numbers = count(1)
UNREADABLE = b'{"business_date": "2026-07-10", "customer_id": '
REASONS = ("JSON", "principal", "type")
"""What each reason has to name, in the order in which ``spoilt`` has the messages."""


@pytest.fixture
async def example(system: System) -> Example:
    """A bank before its first core event."""
    bank = Example(system, f"d{next(_numbers)}")
    await bank.open()
    return bank


def message_of(event: dict[str, Any]) -> Message:
    """The event in binary content mode."""
    return Message.of(from_mapping(event), event["subject"])


def spoilt(example: Example) -> list[Message]:
    """One that is no JSON, one that repays more than is outstanding, one of a type that nobody knows."""
    c2 = example.id("c2")
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", example.id("torn").encode()),
        ("ce_type", b"DepositPosted"),
        ("ce_source", b"core-banking"),
        ("ce_subject", c2.encode()),
    ]
    loan = example.own({"customer_id": "c2", "loan_id": "l1", "product_code": "TRM"})
    greedy = core_event(
        example.id("greedy"), "LoanRepaid", "2026-07-16", **loan, principal="500000.01", interest="0.00"
    )
    strange = core_event(example.id("strange"), "LoanForgiven", "2026-07-17", **loan)
    return [Message(c2.encode(), UNREADABLE, headers), message_of(greedy), message_of(strange)]


async def letters_of(example: Example) -> list[dict[str, Any]]:
    """The bank's dead letters as the ledger lists them, in the order of ``spoilt``; not those of other readers."""
    found = [
        letter
        for letter in await example.system.dead_letters()
        if str(letter["event_id"]).startswith(f"{example.name}-") and letter["service"] == "ledger"
    ]
    order = [example.id(name) for name in ("torn", "greedy", "strange")]
    return sorted(found, key=lambda letter: order.index(letter["event_id"]))


async def published_letters(example: Example) -> list[Record]:
    """The bank's messages that the ledger gave up, in the order in which they came."""
    records = await example.system.records(f"{TOPIC}.dead-letter")
    return [
        record
        for record in records
        if record.key.startswith(f"{example.name}-".encode()) and record.headers["dl_service"] == b"ledger"
    ]


async def publish_around(example: Example, messages: Sequence[Message]) -> None:
    """The example's core events in order, with these in the middle, behind the fourth."""
    before, behind = example.events()[:4], example.events()[4:]
    stream = [*map(message_of, before), *messages, *map(message_of, behind)]
    await example.system.publish(TOPIC, *stream)
    await example.system.settle()


async def test_what_lies_around_a_spoilt_message_is_booked(example: Example) -> None:
    await publish_around(example, spoilt(example))
    assert await example.lines() == PRINTED
    assert await example.scored() == PRINTED
    core = example.system.client("ledger", "core", subject="core-system")
    for event in WORKED_EXAMPLE:
        became = (await core.get(f"/v1/core-events/{example.id(event['id'])}")).json()
        assert became["status"] == "accepted", became


async def test_spoilt_messages_are_in_the_dead_letter_topic_as_they_came_with_the_reason(
    example: Example,
) -> None:
    messages = spoilt(example)
    began = datetime.now().astimezone()
    await publish_around(example, messages)
    letters = await published_letters(example)
    assert len(letters) == len(messages)
    for letter, message, reason in zip(letters, messages, REASONS, strict=True):
        assert (letter.key, letter.value) == (message.key, message.value)
        added = {name: value for name, value in letter.headers.items() if name.startswith("dl_")}
        kept = {name: value for name, value in letter.headers.items() if name not in added}
        assert kept == dict(message.headers)
        assert set(added) == {"dl_reason", "dl_service", "dl_attempts", "dl_first_seen"}
        assert reason in added["dl_reason"].decode()
        assert (added["dl_service"], added["dl_attempts"]) == (b"ledger", b"1")
        first_seen = datetime.fromisoformat(added["dl_first_seen"].decode())
        assert began <= first_seen <= datetime.now().astimezone()


async def test_spoilt_messages_are_listed_with_their_reasons(example: Example) -> None:
    await publish_around(example, spoilt(example))
    listed = await letters_of(example)
    assert [letter["service"] for letter in listed] == ["ledger"] * 3
    for letter, reason, kind in zip(
        listed, REASONS, ("DepositPosted", "LoanRepaid", "LoanForgiven"), strict=True
    ):
        assert reason in letter["reason"]
        assert (letter["topic"], letter["type"], letter["replayed_at"]) == (TOPIC, kind, None)
        became = await example.system.get("ledger", f"/v1/core-events/{letter['event_id']}")
        assert (became["status"], became["reason"]) == ("rejected", letter["reason"])
    assert "500000.00" in listed[1]["reason"]  # what is outstanding


async def test_a_refused_message_is_booked_once_its_cause_is_mended(example: Example) -> None:
    await publish_around(example, spoilt(example))
    system = example.system
    core = system.client("ledger", "core", subject="core-system")
    greedy = (await letters_of(example))[1]
    path = f"/v1/dead-letters/{greedy['id']}/replay"
    assert (await core.post(path)).status_code == 409  # nothing has changed yet

    loan = example.own({"customer_id": "c2", "loan_id": "l1", "product_code": "TRM"})
    tranche = core_event(example.id("tranche"), "LoanDisbursed", "2026-07-16", **loan, amount="0.01")
    assert (await core.post("/v1/core-events", json=[tranche])).json()["accepted"] == 1
    answer = await core.post(path)
    assert (answer.status_code, answer.json()["status"]) == (200, "accepted"), answer.text
    lending = await example.statement("department", "lending")
    assert lending["lines"]["loan_balance"] == "0.00"
    assert (await letters_of(example))[1]["replayed_at"] is not None
    assert (await core.post(path)).status_code == 409  # once only


async def test_the_same_spoilt_message_twice_is_two_dead_letters_and_no_booking(example: Example) -> None:
    torn = spoilt(example)[0]
    await publish_around(example, [torn, torn])
    assert len(await published_letters(example)) == 2
    assert await example.lines() == PRINTED


async def test_a_message_without_key_or_headers_is_kept_too(example: Example) -> None:
    system, mark = example.system, f"{example.name}-not an event"
    await system.publish(TOPIC, Message(b"", mark.encode()))
    await publish_around(example, [])
    letters = [
        letter for letter in await system.records(f"{TOPIC}.dead-letter") if letter.value == mark.encode()
    ]
    assert sorted(letter.headers["dl_service"] for letter in letters) == [b"assignment", b"ledger"]
    assert all(b"message" in letter.headers["dl_reason"] for letter in letters)
    assert await example.lines() == PRINTED


async def test_what_the_appraisal_cannot_read_is_its_own_dead_letter(example: Example) -> None:
    system = example.system
    broken = orjson.dumps({"entry_id": example.id("forged"), "period": PERIOD})
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", example.id("forged").encode()),
        ("ce_type", b"EntryBooked"),
        ("ce_source", b"ledger"),
    ]
    await system.publish("ledger.events", Message(example.id("c1").encode(), broken, headers))
    await publish_around(example, [])
    assert await example.scored() == PRINTED
    [letter] = [
        record
        for record in await system.records("ledger.events.dead-letter")
        if record.headers["ce_id"] == example.id("forged").encode()
    ]
    assert letter.headers["dl_service"] == b"appraisal"
    assert b"ledgerposition" in letter.headers["dl_reason"]
