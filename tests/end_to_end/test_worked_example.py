"""The worked example of the accounting rules (§11): in by HTTP or by the log, out as the rules print it."""

from itertools import count
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaProducer

from shared.contracts.core_banking import TOPIC
from shared.contracts.envelope import STRUCTURED, from_mapping
from shared.infrastructure.event_log import Message
from tests.end_to_end.example import AVERAGES, BY_BOOK, PERIOD, PRINTED, Example
from tests.support.reference import WORKED_EXAMPLE
from tests.support.system import System

pytestmark = pytest.mark.timeout(600)

_numbers = count(1)


@pytest.fixture
async def example(system: System) -> Example:
    """A bank with its managers, customers, assignments and products, and no core event yet."""
    bank = Example(system, f"x{next(_numbers)}")
    await bank.open()
    return bank


def binary(event: dict[str, Any]) -> Message:
    """The event as a message whose attributes are headers."""
    return Message.of(from_mapping(event), event["subject"])


def structured(event: dict[str, Any]) -> Message:
    """The event as a message that is one JSON object."""
    return Message(event["subject"].encode(), orjson.dumps(event), [("content-type", STRUCTURED)])


async def test_the_example_through_http_alone_gives_the_printed_figures(example: Example) -> None:
    core = example.system.client("ledger", "core", subject="core-system")
    answer = await core.post("/v1/core-events", json=example.events())
    assert (answer.status_code, answer.json()["accepted"]) == (200, len(WORKED_EXAMPLE)), answer.text

    assert await example.lines() == PRINTED  # booked when the answer arrives
    for centre, averages in AVERAGES.items():
        assert (await example.statement("manager", centre))["averages"] == averages
    measures = (await example.statement("manager", "m1"))["measures"]
    assert measures == {
        "net_interest_income": "1500.00",
        "virtual_profit": "-87700.00",
        "efficiency": "-87700.00",
    }

    await example.system.settle()
    assert await example.scored() == PRINTED


async def test_each_side_sees_its_own_results_and_no_other(example: Example) -> None:
    system = example.system
    core = system.client("ledger", "core", subject="core-system")
    await core.post("/v1/core-events", json=example.events())
    await system.settle()
    m1, lending = example.id("m1"), example.id("lending")
    for service, paths in (
        ("ledger", {book: f"/v1/books/{book}/centres/{{}}/statement?period={PERIOD}" for book in BY_BOOK}),
        ("appraisal", {book: f"/v1/scorecards/{book}/{{}}?period={PERIOD}" for book in BY_BOOK}),
    ):
        manager = system.client(service, "manager", subject=m1)
        head = system.client(service, "department-head", subject="li", department=lending)
        for caller, book, own, other in (
            (manager, "manager", m1, example.id("m2")),
            (head, "department", lending, example.id("deposits")),
        ):
            answer = await caller.get(paths[book].format(own))
            assert answer.json()["lines"] == PRINTED[book][own.removeprefix(f"{example.name}-")], service
            assert (await caller.get(paths[book].format(other))).status_code == 404, service


@pytest.mark.parametrize("mode", [binary, structured])
async def test_the_example_through_the_log_gives_the_printed_figures(example: Example, mode: Any) -> None:
    await example.system.publish(TOPIC, *map(mode, example.events()))
    await example.system.settle()
    assert await example.lines() == PRINTED
    assert await example.scored() == PRINTED


async def test_a_producer_of_another_make_is_understood(kafka_system: System) -> None:
    """Only the wire is shared: a plain Kafka client, its own partitioner, both content modes in one topic."""
    example = Example(kafka_system, f"x{next(_numbers)}")
    await example.open()
    assert kafka_system.broker is not None
    producer = AIOKafkaProducer(bootstrap_servers=kafka_system.broker.bootstrap, acks="all")
    await producer.start()
    try:
        for number, event in enumerate(example.events()):
            message = (binary, structured)[number % 2](event)
            headers = list(message.headers)
            await producer.send_and_wait(TOPIC, message.value, key=message.key, headers=headers)
    finally:
        await producer.stop()
    await kafka_system.settle()
    assert await example.lines() == PRINTED


async def test_what_came_by_one_way_is_known_when_it_comes_by_the_other(example: Example) -> None:
    core = example.system.client("ledger", "core", subject="core-system")
    events = example.events()
    half = len(events) // 2
    await core.post("/v1/core-events", json=events[:half])
    await example.system.publish(TOPIC, *map(binary, events))
    await example.system.settle()
    answer = (await core.post("/v1/core-events", json=events)).json()
    assert (answer["accepted"], answer["duplicate"], answer["rejected"]) == (0, len(events), 0)
    assert await example.lines() == PRINTED


async def test_every_figure_leads_back_to_the_event_behind_it(example: Example) -> None:
    system = example.system
    await system.publish(TOPIC, *map(binary, example.events()))
    await system.settle()
    path = f"/v1/books/manager/centres/{example.id('m2')}/legs"
    legs = (await system.get("ledger", path, period=PERIOD, line="risk_charge"))["items"]
    assert [(leg["amount"], leg["entry_id"]) for leg in legs] == [("-60000.00", example.id("e6"))]
    entry = await system.get("ledger", f"/v1/entries/{legs[0]['entry_id']}")
    assert entry["cause"]["type"] == "LoanReclassified"
    assert entry["cause"]["data"] == example.events()[5]["data"]
    topic, partition, offset = entry["cause"]["position"].split("/")
    [message] = [
        record
        for record in await system.records(TOPIC)
        if (record.topic, record.partition, record.offset) == (topic, int(partition), int(offset))
    ]
    assert message.headers["ce_id"].decode() == example.id("e6")
    [published] = [
        record
        for record in await system.records("ledger.events")
        if record.headers["ce_id"].decode() == example.id("e6")
    ]
    assert published.headers["ce_type"] == b"EntryBooked"
    assert orjson.loads(published.value)["lines"] == {"risk_charge": "-150000.00"}
