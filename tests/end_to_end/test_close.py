"""The month close while processes die and events flow, and ``dualbook close`` as a person uses it."""

import asyncio
import os
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Any

import httpx
import pytest

from deploy.local.calls import call, json_of
from shared.contracts import ledger
from shared.contracts.core_banking import TOPIC
from shared.kernel.period import format_month, next_month, parse_month
from tests.end_to_end.simulated import Flow, SimulatedBank, by_hand, check_lines, meanwhile, moves
from tests.support.logs import KINDS, eventually
from tests.support.reference import ReferenceLedger, core_event
from tests.support.system import BOOKS, System, months, running_system

pytestmark = pytest.mark.timeout(600)

MONTHS = months("2026-01", "2026-06")
DEATHS = {
    "embedded": (None, "computed_result", None, "period", None, "customer_stock"),
    "kafka": ("computed_result", None, "period"),
}
"""Before which table's turn the ledger dies in the closes of the first months; only closes write to these. None: by
chance. On Kafka a consumer that was killed is missed for a while before another takes its place."""

LAST = "2026-07"
"""Takes in what came too late for its own month."""

SEED = int(os.environ["DUALBOOK_TEST_SEED"])
"""Decides when the kills come; said in the name of the test, and taken from the environment to repeat a run."""

TOLD = ["EntryBooked", "CostPoolDeclared", "PeriodClosed",
        "ManagerResultStated", "DepartmentResultStated", "CustomerResultStated"]  # fmt: skip
"""What the ledger publishes of what it stores."""


@pytest.fixture(scope="module")
async def on_embedded(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[System]:
    """A system whose months are closed: the others are shared with tests that want them open."""
    async with running_system(tmp_path_factory.mktemp("close"), "embedded") as system:
        yield system


@pytest.fixture(scope="module")
async def on_kafka(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[System]:
    """The same on Kafka."""
    async with running_system(tmp_path_factory.mktemp("close-kafka"), "kafka") as system:
        yield system


@pytest.fixture(params=KINDS)
def either(request: pytest.FixtureRequest) -> System:
    """Either of them."""
    found: System = request.getfixturevalue(f"on_{request.param}")
    return found


def a_bank() -> SimulatedBank:
    """The bank whose figures are computed a second time by hand."""
    return SimulatedBank.named("own", customers=40, months=len(MONTHS))


@lru_cache
def undisturbed() -> ReferenceLedger:
    """Its books when every event comes in time and nothing goes wrong."""
    bank = a_bank()
    expected = by_hand([*bank.products, *bank.assignments, *bank.core])
    for month in (*MONTHS, LAST):
        expected.close(month)
    return expected


def accountant(system: System) -> httpx.AsyncClient:
    """Who closes months."""
    return system.client("ledger", "accountant", subject="anna")


async def ask(system: System, month: str) -> httpx.Response:
    """Ask once for the close of a month."""
    return await accountant(system).post(f"/v1/periods/{month}/close")


async def close(system: System, month: str) -> dict[str, Any]:
    """Ask for the close, again and again while the ledger is away; its reconciliation."""
    return json_of(await call(accountant(system), "POST", f"/v1/periods/{month}/close"))


async def statements(system: System, period: str) -> dict[str, Any]:
    """All that both books state of a period."""
    return {book: await system.get("ledger", f"/v1/books/{book}/statements", period=period) for book in BOOKS}


async def closes(system: System) -> dict[str, int]:
    """How many closes of each month are stored."""
    counted = "SELECT data::json ->> 'period', count(*) FROM event WHERE type = 'PeriodClosed' GROUP BY 1"
    return dict(await system.rows("ledger", counted))


# --- kills ---


async def struck_down(system: System, month: str, table: str | None, chance: random.Random) -> None:
    """Ask for the close of a month, kill the ledger meanwhile, and start it again.

    It dies while it waits to write to ``table``, or without one at any moment: before the close, in it, or when it
    is done and maybe nobody has been told.
    """
    if table is None:
        asked = asyncio.create_task(ask(system, month))
        await asyncio.wait([asked], timeout=chance.uniform(0, 0.4))
        system.services.kill("ledger")
    else:
        async with system.unwritable("ledger", table):
            asked = asyncio.create_task(ask(system, month))

            async def held_up() -> bool:
                assert not asked.done(), asked
                return await system.has_waiting("ledger", table)

            await eventually(held_up, within_seconds=60)
            system.services.kill("ledger")
    with suppress(httpx.TransportError):
        await asked
    system.services.start_one("ledger")


@pytest.mark.parametrize("seed", [SEED])
async def test_a_ledger_killed_in_every_close_closes_each_month_once_and_loses_nothing(
    either: System, seed: int
) -> None:
    """Events of the closing month and of later ones flow all the time: some come too late and are trued up."""
    chance, bank, crowd = random.Random(seed), a_bank(), SimulatedBank.named("crowd", 200, len(MONTHS))
    for one in (bank, crowd):
        await one.open(either)
    flow, frozen = Flow(either, crowd), dict[str, Any]()
    deaths = DEATHS["kafka" if either.broker else "embedded"]
    for month, table in zip(MONTHS, deaths, strict=False):
        stored = await either.events("ledger")
        async with meanwhile(flow.send_slices(1)):
            await either.publish(TOPIC, *bank.messages_of(month))
            await moves(either, stored)
            await struck_down(either, month, table, chance)
            assert (await close(either, month))["balanced"] is True
            frozen[month] = await statements(either, month)
    undisturbed_months = (*MONTHS[len(deaths) :], LAST)
    for month in undisturbed_months:
        await either.publish(TOPIC, *bank.messages_of(month))
    await flow.send_rest()
    await either.settle()
    for month in undisturbed_months:
        assert (await close(either, month))["balanced"] is True
    await either.settle()

    assert await closes(either) == dict.fromkeys((*MONTHS, LAST), 1)
    for one in (bank, crowd):
        assert await one.booked(either) == len(one.core)
    assert await either.dead_letters() == []
    for month, stated in frozen.items():
        assert await statements(either, month) == stated, month
    figures = await either.figures(["2026"])
    check_lines({"2026": only(bank, figures["2026"])}, undisturbed(), ["2026"])
    check_scorecards(figures["2026"])
    assert await told(either) == await to_be_told(either)
    await either.said("verify", "ledger")


def only(bank: SimulatedBank, figures: Mapping[str, Any]) -> dict[str, Any]:
    """The statements of one bank's centres."""
    return {
        book: {centre: one for centre, one in figures[book].items() if centre.startswith(bank.name)}
        for book in BOOKS
    }


def check_scorecards(figures: Mapping[str, Any]) -> None:
    """The appraisal shows what the ledger states, centre by centre, and both sides have the same."""
    cards = figures["scorecards"]
    assert cards["balanced"] is True
    for book in BOOKS:
        scored = {card["centre_id"]: (card["lines"], card["measures"]) for card in cards[f"{book}s"]}
        stated = {centre: (one["lines"], one["measures"]) for centre, one in figures[book].items()}
        assert scored == stated, book


async def told(system: System) -> set[str]:
    """The ids of all that the ledger has published."""
    return {record.headers["ce_id"].decode() for record in await system.records(ledger.TOPIC)}


async def to_be_told(system: System) -> set[str]:
    """The ids of all that it has to publish."""
    rows = await system.rows("ledger", "SELECT event_id FROM event WHERE type = ANY($1)", TOLD)
    return {event_id for (event_id,) in rows}


# --- the command ---


def after(month: str) -> str:
    """The month that follows."""
    return format_month(next_month(parse_month(month)))


async def an_open_month(system: System) -> str:
    """The month to close next, with a fee booked and a cost pool declared in it."""
    closed = [
        one["period"] for one in (await system.get("ledger", "/v1/periods"))["items"] if one["closed_at"]
    ]
    month = after(max(closed)) if closed else MONTHS[0]
    terms = {"department_id": "counter", "name": "Advice", "effective_from": "2026-01-01"}
    assert (await accountant(system).put("/v1/products/ADV", json=terms)).status_code == 200
    fee = core_event(f"fee-{month}", "FeeCharged", f"{month}-10", customer_id="passer-by",
                     kind="intermediary", product_code="ADV", amount="800.00")  # fmt: skip
    answer = await system.client("ledger", "core", subject="core-system").post("/v1/core-events", json=[fee])
    assert answer.json()["rejected"] == 0, answer.text
    pool = {"period": month, "pool": "it", "amount": "1000.00", "driver": "balances"}
    assert (await accountant(system).post("/v1/cost-pools", json=pool)).status_code == 201
    return month


async def test_two_close_commands_at_once_are_one_close(on_embedded: System) -> None:
    month = await an_open_month(on_embedded)
    first, second = await asyncio.gather(*(on_embedded.said("close", month) for _ in range(2)))
    assert first == second
    assert "The books balance to the fen." in first
    assert (await closes(on_embedded))[month] == 1
    for stated in (await statements(on_embedded, month)).values():
        assert stated["total"]["lines"]["allocated_cost"] == "-1000.00"
    await on_embedded.settle()
    assert await told(on_embedded) >= {f"close-{month}"}


async def test_closing_again_shows_the_same_and_changes_nothing(on_embedded: System) -> None:
    month = await an_open_month(on_embedded)
    said = await on_embedded.said("close", month)
    before = await on_embedded.heads("ledger")
    assert await on_embedded.said("close", month) == said
    assert await on_embedded.heads("ledger") == before
    assert (await closes(on_embedded))[month] == 1


async def test_several_months_close_one_after_the_other_and_those_that_are_closed_stay_so(
    on_embedded: System,
) -> None:
    first = await an_open_month(on_embedded)
    await close(on_embedded, first)
    second, third = after(first), after(after(first))
    said = await on_embedded.said("close", first, third)
    assert f"Reconciliation, {first} to {third}, 3 months" in said
    assert "The books balance to the fen in every month." in said
    counted = await closes(on_embedded)
    assert [counted[month] for month in (first, second, third)] == [1, 1, 1]


async def test_a_month_out_of_order_is_refused_in_a_line_that_names_the_month_that_is_due(
    on_embedded: System,
) -> None:
    due = await an_open_month(on_embedded)
    before = await on_embedded.heads("ledger")
    done = await on_embedded.dualbook("close", after(due))
    assert (done.returncode, done.stdout) == (2, "")
    [line] = done.stderr.splitlines()
    assert line.startswith("dualbook: ")
    assert due in line
    assert await on_embedded.heads("ledger") == before
