"""A year of a real bank, 1993 of the PKDD'99 ("Berka") data set: in by the command and by the log, and nothing lost."""

import csv
import os
import re
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from deploy.local.berka import read_berka
from deploy.local.registrations import Registration
from shared.contracts import assignment, core_banking, ledger
from shared.contracts.core_banking import CORE_EVENTS
from shared.contracts.envelope import CloudEvent
from shared.infrastructure.event_log import Message
from shared.infrastructure.settings import SERVICES
from tests.support.logs import KINDS
from tests.support.system import BOOKS, Figures, System, months, running_system

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared"
FOLDER = SHARED / "data" / "berka"
MUST_RUN = os.environ.get("CI") == "true" and SHARED.is_dir()

pytestmark = [
    pytest.mark.timeout(1200),
    pytest.mark.skipif(
        not FOLDER.is_dir() and not MUST_RUN,
        reason=f"the Berka data set is not part of this repository and not at {FOLDER}",
    ),
]

POSTINGS = 28_205
MONTHS = months("1993-01", "1993-12")
PERIODS = ["1993", *MONTHS, *map(str, range(1994, 2000))]
"""The year of the postings, and those into which its loans reach."""


def records(file: str) -> list[dict[str, str]]:
    """The records of a file as they stand there."""
    with (FOLDER / file).open(newline="") as lines:
        return list(csv.DictReader(lines, delimiter=";"))


async def import_by_command(system: System, *options: str) -> str:
    """What ``dualbook import berka`` says."""
    done = await system.dualbook("import", "berka", str(FOLDER), *options)
    assert done.returncode == 0, done.stdout + done.stderr
    await system.settle()
    return done.stdout


async def send_through_the_log(system: System) -> None:
    """The same facts as their owners would send them: products by HTTP, the rest to its topics, at once."""
    events = list(read_berka(FOLDER))
    accountant = system.client("ledger", "accountant", subject="anna")
    for event in events:
        if event.type == "ProductDefined":
            product = Registration.of(event)
            answer = await accountant.put(product.path, json=product.body)
            assert answer.status_code == 200, answer.text
    await system.publish(assignment.TOPIC, *(one for one in events if one.type == "CustomerAssigned"))
    await system.settle()
    await system.publish(core_banking.TOPIC, *(one for one in events if one.type in CORE_EVENTS))
    await system.settle()


@pytest.fixture(scope="module")
async def imported(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[System]:
    """Imported by the command, on the embedded log."""
    async with running_system(tmp_path_factory.mktemp("berka"), "embedded") as system:
        said = await import_by_command(system)
        assert "The books balance to the fen in every month." in said
        assert "9,100 registrations and 32,041 core events delivered." in said
        yield system


@pytest.fixture(scope="module")
async def streamed(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[System]:
    """Sent by producers of their own, on Kafka."""
    async with running_system(tmp_path_factory.mktemp("berka-kafka"), "kafka") as system:
        await send_through_the_log(system)
        yield system


@pytest.fixture(scope="module")
async def figures(imported: System) -> Figures:
    """All statements of both books, the reconciliation and the scorecards."""
    return await imported.figures(PERIODS)


@pytest.fixture(params=KINDS)
def berka(request: pytest.FixtureRequest) -> System:
    """Either system with the year in it."""
    found: System = request.getfixturevalue("imported" if request.param == "embedded" else "streamed")
    return found


async def test_every_posting_and_what_goes_with_it_is_booked(berka: System) -> None:
    transactions = records("trans.asc")
    accounts_with_loans = {loan["account_id"] for loan in records("loan.asc")}
    marks = Counter(one["k_symbol"] for one in transactions)
    downgrades = {"A": 0, "B": 3, "C": 0, "D": 2}
    expected = {
        "DepositPosted": POSTINGS,
        "FeeCharged": marks["SLUZBY"] + marks["SANKC. UROK"],
        "LoanDisbursed": len(records("loan.asc")),
        "LoanReclassified": sum(downgrades[loan["status"]] for loan in records("loan.asc")),
        "LoanRepaid": sum(
            one["k_symbol"] == "UVER" and one["account_id"] in accounts_with_loans for one in transactions
        ),
    }
    booked = await berka.rows(
        "ledger",
        "SELECT data::json -> 'cause' ->> 'type', count(*) FROM event WHERE type = 'EntryBooked' GROUP BY 1",
    )
    assert len(transactions) == POSTINGS
    assert dict(booked) == expected
    assert await berka.dead_letters() == []


async def test_the_books_balance_in_every_month(berka: System) -> None:
    entries = 0
    for period in [*MONTHS, *PERIODS[-6:]]:
        found = await berka.get("ledger", "/v1/reconciliation", period=period)
        assert found["balanced"] is True, period
        assert {line["difference"] for line in found["lines"]} == {"0.00"}, period
        entries += found["entries"]
    assert entries == 32_041


async def test_both_books_hold_the_deposits_that_the_file_adds_up_to(berka: System) -> None:
    signs = {"PRIJEM": 1, "VYDAJ": -1, "VYBER": -1}
    expected = sum(Decimal(one["amount"]) * signs[one["type"]] for one in records("trans.asc"))
    for book in BOOKS:
        stated = await berka.get("ledger", f"/v1/books/{book}/statements", period="1993-12")
        stocks = [Decimal(item["stocks"]["deposit_balance"]) for item in stated["items"]]
        assert sum(stocks) == expected, book
        assert Decimal(stated["total"]["stocks"]["deposit_balance"]) == expected


async def test_each_branch_holds_the_deposits_of_its_own_customers(berka: System) -> None:
    """Managers are m<district>-<n>: the owners' districts, looked up in the files, must add up to the same."""
    district = {one["client_id"]: one["district_id"] for one in records("client.asc")}
    owner = {one["account_id"]: one["client_id"] for one in records("disp.asc") if one["type"] == "OWNER"}
    expected: Counter[str] = Counter()
    for one in records("trans.asc"):
        cents = int(Decimal(one["amount"]) * 100) * (1 if one["type"] == "PRIJEM" else -1)
        expected[district[owner[one["account_id"]]]] += cents
    stated = await berka.get("ledger", "/v1/books/manager/statements", period="1993")
    found: Counter[str] = Counter()
    for item in stated["items"]:
        cents = int(Decimal(item["stocks"]["deposit_balance"]) * 100)
        found[item["centre_id"].removeprefix("m").split("-")[0]] += cents
    assert +found == +expected
    assert -found == -expected


async def test_both_logs_and_both_ways_give_the_same_figures(figures: Figures, streamed: System) -> None:
    assert await streamed.figures(PERIODS) == figures
    assert len(figures["1993"]["manager"]) > 90
    assert set(figures["1993"]["department"]) == {"deposits", "lending", "intermediary"}


async def test_the_scorecards_show_what_the_statements_show(figures: Figures) -> None:
    for period, found in figures.items():
        assert found["scorecards"]["balanced"] is True
        for book in BOOKS:
            for card in found["scorecards"][f"{book}s"]:
                stated = found[book][card["centre_id"]]
                assert (card["lines"], card["measures"]) == (stated["lines"], stated["measures"]), period


async def unchanged(system: System, figures: Figures, heads: dict[str, Any]) -> None:
    """Everything is as it was: figures, events, places in the stores, and no dead letter."""
    assert await system.figures(PERIODS) == figures
    assert {service: await system.heads(service) for service in heads} == heads
    assert await system.dead_letters() == []


async def test_every_message_coming_again_changes_nothing(berka: System, figures: Figures) -> None:
    heads = {service: await berka.heads(service) for service in SERVICES}
    for topic in (assignment.TOPIC, core_banking.TOPIC, ledger.TOPIC):
        known = await berka.records(topic)
        again = [Message(one.key, one.value, list(one.headers.items()), one.partition) for one in known]
        await berka.publish(topic, *again)
        await berka.settle()
        assert len(await berka.records(topic)) == 2 * len(known)
    await unchanged(berka, figures, heads)


async def test_sending_the_core_events_again_over_http_finds_each_known(
    imported: System, figures: Figures
) -> None:
    heads = {service: await imported.heads(service) for service in SERVICES}
    core = imported.client("ledger", "core", subject="core-system")
    known = 0
    for batch in batches([one for one in read_berka(FOLDER) if one.type in CORE_EVENTS], 1000):
        answer = await post(core, batch)
        assert (answer["accepted"], answer["rejected"]) == (0, 0)
        known += answer["duplicate"]
    assert known == 32_041
    await unchanged(imported, figures, heads)


def batches(events: Sequence[CloudEvent], size: int) -> list[Sequence[CloudEvent]]:
    """The events in runs of ``size``."""
    return [events[start : start + size] for start in range(0, len(events), size)]


async def post(core: httpx.AsyncClient, batch: Sequence[CloudEvent]) -> Any:
    """The ledger's answer to a batch of core events."""
    content = b"[" + b",".join(event.to_structured() for event in batch) + b"]"
    headers = {"content-type": "application/cloudevents-batch+json"}
    answer = await core.post("/v1/core-events", content=content, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_replay_rebuilds_the_views_to_the_same_bytes(berka: System, figures: Figures) -> None:
    before = await berka.digests("ledger")
    done = await berka.dualbook("replay", "ledger")
    assert done.returncode == 0, done.stderr
    assert f"ledger: views rebuilt from {await berka.events('ledger'):,} events" in done.stdout
    assert await berka.digests("ledger") == before
    assert all(before[table].startswith("0 rows") is False for table in ("leg", "centre_month", "loan"))
    assert await berka.figures(["1993"]) == {"1993": figures["1993"]}


async def test_verify_names_the_event_of_which_a_byte_was_changed(imported: System) -> None:
    [(shard, position, event_id, data)] = await imported.rows(
        "ledger",
        "SELECT shard, position, event_id, data FROM event WHERE event_id = 'berka-t695247'",
    )
    assert orjson.loads(data)["lines"] == {"deposit_balance": "700.00"}
    assert "700.01" not in data
    place = f"shard = {shard} AND position = {position}"
    await imported.execute("ledger", *by_hand(f"SET data = replace(data, '700.00', '700.01') WHERE {place}"))
    try:
        done = await imported.dualbook("verify", "ledger")
    finally:
        await imported.execute(
            "ledger", *by_hand(f"SET data = replace(data, '700.01', '700.00') WHERE {place}")
        )
    assert done.returncode == 1, done.stdout
    assert f"hash chain broken: shard {shard}, position {position}, event {event_id}" in done.stdout


async def test_verify_finds_everything_as_it_should_be_once_it_is_put_back(imported: System) -> None:
    done = await imported.dualbook("verify")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.findall(r"(\w+): every event and every view is as it should be", done.stdout) == [
        "assignment",
        "ledger",
        "appraisal",
    ]


def by_hand(change: str) -> Sequence[str]:
    """The statements by which somebody with all rights changes stored events."""
    return (
        "ALTER TABLE event DISABLE TRIGGER event_is_append_only",
        f"UPDATE event {change}",
        "ALTER TABLE event ENABLE TRIGGER event_is_append_only",
    )


# --- the year closed, with hand-overs in between; what is tested above has the year open ---


@dataclass(frozen=True)
class HandOver:
    """A word about who looks after a customer from a day on that is closed when it comes."""

    customer_id: str
    since: str
    shares: Mapping[str, str]

    async def tell(self, system: System) -> None:
        """Let an approver say it to the assignment service, and the ledger hear it."""
        approver = system.client("assignment", "approver", subject="bob")
        shares = [{"manager_id": manager, "share": share} for manager, share in self.shares.items()]
        terms = {"shares": shares, "effective_from": self.since, "reason": "found out late"}
        answer = await approver.put(f"/v1/customers/{self.customer_id}/assignment", json=terms)
        assert answer.status_code == 200, answer.text
        await system.settle()


def hand_overs() -> dict[str, HandOver]:
    """By the month before whose close they become known: two of the first depositors, and the first borrower."""
    owner = {
        one["account_id"]: f"c{one['client_id']}" for one in records("disp.asc") if one["type"] == "OWNER"
    }
    postings = sorted(records("trans.asc"), key=lambda one: (one["date"], int(one["trans_id"])))
    depositors = list(dict.fromkeys(owner[one["account_id"]] for one in postings))
    borrower = owner[min(records("loan.asc"), key=lambda one: one["date"])["account_id"]]
    return {
        "1993-04": HandOver(depositors[0], "1993-02-10", {"m77-1": "1"}),
        "1993-08": HandOver(depositors[1], "1993-03-15", {"m76-1": "0.6", "m77-1": "0.4"}),
        "1993-12": HandOver(borrower, "1993-07-20", {"m75-1": "0.3", "m76-1": "0.3", "m77-1": "0.4"}),
    }


async def statements(system: System, period: str) -> dict[str, Any]:
    """All that both books state of a period."""
    return {book: await system.get("ledger", f"/v1/books/{book}/statements", period=period) for book in BOOKS}


@pytest.fixture(scope="module")
async def closed(imported: System) -> System:
    """The year closed month by month, and hand-overs in closed months told in between.

    Every close is asked whether its month balances and whether all months closed before state what they stated.
    """
    late, frozen = hand_overs(), dict[str, Any]()
    for month in MONTHS:
        if month in late:
            await late[month].tell(imported)
        assert "The books balance to the fen." in await imported.said("close", month)
        assert (await imported.get("ledger", "/v1/reconciliation", period=month))["balanced"] is True
        frozen[month] = await statements(imported, month)
        assert {known: await statements(imported, known) for known in frozen} == frozen, month
    await imported.settle()
    return imported


async def test_a_hand_over_in_a_closed_month_is_booked_and_trued_up_in_the_first_open_one(
    closed: System,
) -> None:
    for month, told in hand_overs().items():
        moved = await closed.rows(
            "ledger",
            "SELECT DISTINCT centre_id FROM leg WHERE customer_id = $1 AND period = $2 "
            "AND adjusts_period IS NOT NULL AND book = 'manager' AND NOT contra",
            told.customer_id,
            int(month.replace("-", "")),
        )
        assert {centre for (centre,) in moved} > set(told.shares), month
        [(trued_up,)] = await closed.rows(
            "ledger", "SELECT data::json ->> 'trued_up' FROM event WHERE event_id = $1", f"close-{month}"
        )
        assert told.since[:7] in trued_up, month
    assert await closed.dead_letters() == []


async def test_the_closed_year_is_the_sum_of_its_months_for_every_centre_and_line(closed: System) -> None:
    year = await statements(closed, "1993")
    sums: dict[str, dict[tuple[str, str], Decimal]] = {book: defaultdict(Decimal) for book in BOOKS}
    for month in MONTHS:
        for book, stated in (await statements(closed, month)).items():
            for item in [*stated["items"], {**stated["total"], "centre_id": "total"}]:
                for line, amount in item["lines"].items():
                    sums[book][item["centre_id"], line] += Decimal(amount)
    for book, stated in year.items():
        found = {
            (item["centre_id"], line): Decimal(amount)
            for item in [*stated["items"], {**stated["total"], "centre_id": "total"}]
            for line, amount in item["lines"].items()
        }
        assert found == sums[book], book
        assert found["total", "deposit_cost"] < 0 < found["total", "ftp_income"], book


async def test_after_all_hand_overs_managers_hold_the_deposits_that_departments_hold(closed: System) -> None:
    for period in (*MONTHS, "1993"):
        stated = await statements(closed, period)
        by_book = {
            book: sum(Decimal(item["stocks"]["deposit_balance"]) for item in stated[book]["items"])
            for book in BOOKS
        }
        assert by_book["manager"] == by_book["department"] > 0, period


async def test_the_scorecards_of_the_closed_year_are_the_statements_of_the_ledger(closed: System) -> None:
    await test_the_scorecards_show_what_the_statements_show(await closed.figures(["1993", *MONTHS]))


async def test_verify_finds_the_closed_year_as_it_should_be(closed: System) -> None:
    assert "ledger: every event and every view is as it should be" in await closed.said("verify", "ledger")
