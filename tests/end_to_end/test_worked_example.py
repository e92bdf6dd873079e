"""The worked example of the accounting rules (§11): in by HTTP or by the log, out as the rules print it."""

from collections.abc import AsyncIterator
from itertools import count
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaProducer

from shared.contracts.core_banking import TOPIC
from shared.contracts.envelope import STRUCTURED, from_mapping
from shared.infrastructure.event_log import Message
from tests.end_to_end.example import (
    AVERAGES,
    BY_BOOK,
    NET_INTEREST_INCOME,
    PERIOD,
    PRINTED,
    PRINTED_AFTER_CLOSE,
    TOTAL,
    VIRTUAL_PROFIT,
    Example,
)
from tests.support.reference import WORKED_EXAMPLE
from tests.support.system import BOOKS, System, running_system

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


# --- through the close: months are closed for all banks at once, so this one has a system of its own ---


@pytest.fixture(scope="module")
async def closed(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Example]:
    """The example booked and July closed, all of it through HTTP."""
    async with running_system(tmp_path_factory.mktemp("example")) as system:
        bank = Example(system, "x")
        await bank.open()
        core = system.client("ledger", "core", subject="core-system")
        assert (await core.post("/v1/core-events", json=bank.events())).status_code == 200
        accountant = system.client("ledger", "accountant", subject="carl")
        answer = await accountant.post(f"/v1/periods/{PERIOD}/close")
        assert (answer.status_code, answer.json()["balanced"]) == (200, True), answer.text
        assert answer.json() == await system.get("ledger", "/v1/reconciliation", period=PERIOD)
        await system.settle()
        yield bank


async def test_the_close_gives_the_printed_figures_of_every_centre(closed: Example) -> None:
    assert await closed.lines() == PRINTED_AFTER_CLOSE
    for book, centres in BY_BOOK.items():
        for centre in centres:
            assert (await closed.statement(book, centre))["measures"] == {
                "net_interest_income": NET_INTEREST_INCOME[book][centre],
                "virtual_profit": VIRTUAL_PROFIT[book][centre],
                "efficiency": VIRTUAL_PROFIT[book][centre],
            }


async def test_the_whole_bank_has_the_printed_result_from_either_side(closed: Example) -> None:
    for book in BOOKS:
        stated = await closed.system.get("ledger", f"/v1/books/{book}/statements", period=PERIOD)
        assert stated["total"]["measures"] == TOTAL, book


async def test_the_closed_month_is_listed_with_who_closed_it(closed: Example) -> None:
    [july] = (await closed.system.get("ledger", "/v1/periods"))["items"]
    assert (july["period"], july["status"], july["closed_by"]) == (PERIOD, "closed", "carl")


async def test_the_scorecards_of_the_quarter_are_the_statements_of_the_ledger(closed: Example) -> None:
    assert await closed.scored() == PRINTED_AFTER_CLOSE
    cards = await closed.system.get("appraisal", "/v1/scorecards", period="2026-Q3")
    assert cards["totals"]["manager"] == cards["totals"]["department"]
    assert cards["totals"]["manager"]["measures"] == TOTAL
    assert cards["totals"]["difference"] == dict.fromkeys(TOTAL, "0.00")
    for book in BOOKS:
        stated = (await closed.system.get("ledger", f"/v1/books/{book}/statements", period="2026-Q3"))[
            "items"
        ]
        assert {card["centre_id"]: card["measures"] for card in cards[f"{book}s"]} == {
            one["centre_id"]: one["measures"] for one in stated
        }
