"""Processes killed, shared out, log and database taken away, all while events flow: the figures stay the same."""

import asyncio
import os
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest

from deploy.local.processes import Services
from shared.contracts.core_banking import TOPIC
from shared.infrastructure.settings import SERVICES
from tests.end_to_end.simulated import PERIODS, Flow, SimulatedBank, meanwhile, moves
from tests.support.logs import KINDS
from tests.support.system import BOOKS, Figures, System, metric, running_system

pytestmark = pytest.mark.timeout(600)

KILLS = 5
SEED = int(os.environ["DUALBOOK_TEST_SEED"])
"""Decides when the kills come; said in the name of the test, and taken from the environment to repeat a run."""


@pytest.fixture(scope="module")
async def undisturbed(embedded_system: System) -> Figures:
    """What the simulated bank's books say when nothing goes wrong, on the other log."""
    bank = SimulatedBank.named("calm")
    await bank.open(embedded_system)
    await embedded_system.publish(TOPIC, *bank.messages())
    figures = await bank.figures(embedded_system)
    assert len(figures["2026"]["manager"]) == 13  # twelve, and the one who stands for nobody
    return figures


@pytest.fixture(scope="module")
async def shaken(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[System]:
    """A system on Kafka that has to suffer all this; at rest and whole between the tests."""
    async with running_system(tmp_path_factory.mktemp("shaken"), "kafka") as system:
        yield system


@pytest.fixture(params=KINDS)
def either(request: pytest.FixtureRequest) -> System:
    """The system on Kafka, or the one on PostgreSQL alone, which loses its log with its database."""
    found: System = request.getfixturevalue("shaken" if request.param == "kafka" else "embedded_system")
    return found


async def as_undisturbed(system: System, bank: SimulatedBank, undisturbed: Figures) -> None:
    """Everything is booked, once, and the books say what they say when nothing goes wrong."""
    assert await bank.figures(system) == undisturbed
    assert await bank.booked(system) == len(bank.core)
    letters = [letter["event_id"] or "" for letter in await system.dead_letters()]
    assert not [event_id for event_id in letters if event_id.startswith(bank.name)]
    for period in PERIODS:
        assert (await system.get("ledger", "/v1/reconciliation", period=period))["balanced"] is True
        cards = await system.get("appraisal", "/v1/scorecards", period=period)
        assert cards["balanced"] is True
        for book in BOOKS:
            scored = {card["centre_id"]: card["lines"] for card in cards[f"{book}s"]}
            for centre, stated in undisturbed[period][book].items():
                none = dict.fromkeys(stated["lines"], "0.00")  # a scorecard is for whoever has results
                assert scored.get(bank.name + centre, none) == stated["lines"], (period, centre)


@pytest.mark.parametrize("seed", [SEED])
async def test_services_killed_again_and_again_lose_and_repeat_nothing(
    shaken: System, undisturbed: Figures, seed: int
) -> None:
    """The ledger five times, twice together with the appraisal that takes in its results."""
    chance, bank = random.Random(seed), SimulatedBank.named("killed")
    await bank.open(shaken)
    flow = Flow(shaken, bank)
    for number in range(KILLS):
        stored = await shaken.events("ledger")
        async with meanwhile(flow.send_slices(1)):
            await moves(shaken, stored)
            await asyncio.sleep(chance.uniform(0, 0.4))
            for service in ("ledger", "appraisal") if number % 2 else ("ledger",):
                shaken.services.kill(service)
                shaken.services.start_one(service)
    await flow.send_rest()
    await as_undisturbed(shaken, bank, undisturbed)
    verified = await shaken.dualbook("verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr


async def test_two_ledgers_share_the_partitions_and_book_everything_once(
    shaken: System, undisturbed: Figures
) -> None:
    bank = SimulatedBank.named("shared")
    await bank.open(shaken)
    settings = shaken.settings.model_copy(update={"base_port": Services.free_base_port()})
    second = Services(settings, shaken.server.url)
    callers = [
        shaken.client("ledger"),
        shaken.client("ledger", base_url=second.urls["ledger"]),
    ]

    async def worked(caller: httpx.AsyncClient) -> float:
        return await metric(caller, "dualbook_consumer_messages_total", topic=TOPIC, outcome="accepted")

    try:
        before = await worked(callers[0])
        flow = Flow(shaken, bank)
        await flow.send_slices(1)
        second.start_one("ledger")  # in the middle of the stream: the partitions are shared out anew
        await flow.send_slices(1)
        await second.wait_until_ready()
        for caller in reversed(callers):
            await until_it_grows(lambda caller=caller: worked(caller), flow)
        await flow.send_rest()
        await as_undisturbed(shaken, bank, undisturbed)
        by_process = [await worked(caller) for caller in callers]
        assert by_process[0] - before + by_process[1] == len(bank.core)
        answer = await callers[1].get("/readyz")
        assert answer.status_code == 200, answer.text
    finally:
        second.stop()
    again = SimulatedBank.named("alone")
    await again.open(shaken)
    await shaken.publish(TOPIC, *again.messages())  # the first one has all partitions again
    await as_undisturbed(shaken, again, undisturbed)


async def until_it_grows(
    figure: Callable[[], Awaitable[float]], flow: Flow, within_seconds: float = 60
) -> None:
    """Publish on until a count goes up."""
    before, deadline = await figure(), time.monotonic() + within_seconds
    while await figure() <= before:
        assert time.monotonic() < deadline, f"still {before}"
        await flow.send()
        await asyncio.sleep(0.2)


async def troubled(system: System, service: str, what: str, within_seconds: float = 60) -> str:
    """Wait until ``/readyz`` says 503 and names this thing; what it says of it."""
    deadline = time.monotonic() + within_seconds
    while True:
        status, checks = await system.readiness(service)
        if status == 503 and checks[what] != "ok":
            return checks[what]
        assert time.monotonic() < deadline, f"{service} says {status} {checks}"
        await asyncio.sleep(0.2)


async def recovered(system: System, within_seconds: float = 90) -> None:
    """Wait until all services are ready again."""
    deadline = time.monotonic() + within_seconds
    for service in SERVICES:
        while (found := await system.readiness(service))[0] != 200:
            assert time.monotonic() < deadline, f"{service} says {found}"
            await asyncio.sleep(0.2)


def warned(system: System, service: str, since: int, *events: str) -> bool:
    """Whether the service's log has one of these warnings behind its line ``since``."""
    lines = system.logged(service)[since:]
    return any(line["level"] == "warning" and line["event"] in events for line in lines)


async def test_while_kafka_is_away_the_services_say_so_and_then_go_on(
    shaken: System, undisturbed: Figures
) -> None:
    assert shaken.broker is not None
    bank = SimulatedBank.named("cut-off")
    await bank.open(shaken)
    logged = {service: len(shaken.logged(service)) for service in SERVICES}
    flow = Flow(shaken, bank)
    stored = await shaken.events("ledger")
    async with meanwhile(flow.send_slices(6)):
        await moves(shaken, stored)
        await asyncio.to_thread(shaken.broker.kill)
        for service in ("ledger", "appraisal"):
            assert await troubled(shaken, service, "consumer")
        # what has to be told waits in the store, and is not refused
        answer = await shaken.client("assignment", "assigner", subject="ann").post(
            "/v1/managers",
            json={"manager_id": "meanwhile", "name": "王小明", "branch_id": "b1", "grade": "manager-2"},
        )
        assert answer.status_code == 201, answer.text
        assert "log away" in await troubled(shaken, "assignment", "relay")
        assert (await shaken.client("ledger").get("/healthz")).status_code == 200
        stated = await shaken.get("ledger", "/v1/books/manager/statements", period="2026")
        assert stated["items"]  # what is booked can be read
        await asyncio.to_thread(shaken.broker.start_again)
        await recovered(shaken)
    await flow.send_rest()
    await as_undisturbed(shaken, bank, undisturbed)
    told = [record for record in await shaken.records("assignment.events") if record.key == b"meanwhile"]
    assert len({record.headers["ce_id"] for record in told}) == 1
    for service in ("ledger", "appraisal"):
        assert warned(shaken, service, logged[service], "consumer waits"), service
    assert warned(shaken, "assignment", logged["assignment"], "relay waits")


async def test_while_postgresql_is_away_the_services_say_so_and_then_go_on(
    either: System, undisturbed: Figures
) -> None:
    bank = SimulatedBank.named("unstored")
    await bank.open(either)
    logged = {service: len(either.logged(service)) for service in SERVICES}
    flow = Flow(either, bank)
    stored = await either.events("ledger")
    async with meanwhile(flow.send_slices(6)):
        await moves(either, stored)
        await asyncio.to_thread(either.stop_server)
        for service in SERVICES:
            assert "unreachable" in await troubled(either, service, "database")
            assert (await either.client(service).get("/healthz")).status_code == 200
        assert await troubled(either, "ledger", "consumer")
        answer = await either.admin("ledger").get("/v1/reconciliation", params={"period": "2026"})
        assert answer.status_code == 503, answer.text
        assert answer.headers["content-type"].startswith("application/problem+json")
        await asyncio.to_thread(either.start_server_again)
        await recovered(either)
    await flow.send_rest()
    await as_undisturbed(either, bank, undisturbed)
    assert warned(either, "ledger", logged["ledger"], "consumer waits", "batch tried again")
    for service in SERVICES:
        assert warned(either, service, logged[service], "relay waits"), service
