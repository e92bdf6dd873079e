"""How long a month's close and a late reassignment take, and what memory they want.

    python -m tests.benchmarks.close [--managers 1000] [--accounts 200000] [--events 250000]

Real PostgreSQL, durable, and the ledger's own command handler in this process; the events are booked by it before
the clock starts. An event gives two legs and their contra legs in each book of one line: four or more.
"""

import argparse
import asyncio
import random
import resource
import tempfile
import time
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track
from rich.table import Table

from services.ledger.domain import booking, catalogue, cost_pool, period
from services.ledger.domain.booking import BookCoreEvent, FollowAssignment, stream_of_event
from services.ledger.domain.catalogue import DefineProduct
from services.ledger.domain.cost_pool import DeclareCostPool
from services.ledger.domain.period import ClosePeriod
from services.ledger.main import define
from services.ledger.settings import Settings
from shared.contracts.assignment import CustomerAssigned
from shared.contracts.core_banking import DepositPosted, FeeCharged
from shared.contracts.ledger import Driver
from shared.contracts.types import parse
from shared.infrastructure.command_handler import AnyDecider, CommandHandler, Submission
from shared.infrastructure.database import Database, driver_of
from shared.infrastructure.embedded_postgres import EmbeddedPostgres
from shared.infrastructure.runtime import prepare
from shared.kernel.event import Origin

console = Console()
MONTH, BATCH = 202607, 2000


class Ledger:
    """The ledger's command handler on a database of its own."""

    def __init__(self, database: Database, handler: CommandHandler) -> None:
        self.database = database
        self.handler = handler
        self._numbers = 0

    async def work(self, commands: Iterable[tuple[AnyDecider, Any]]) -> float:
        """One transaction; the seconds it took."""
        batch = []
        for decider, command in commands:
            self._numbers += 1
            message = getattr(command, "event_id", None)
            batch.append(
                Submission(decider, command, Origin("bench", f"bench/{self._numbers}", "{}", message))
            )
        began = time.perf_counter()
        async with self.database.begin() as connection:
            await self.handler.work(connection, batch)
        return time.perf_counter() - began

    async def value(self, query: str) -> Any:
        """The one value that a query gives."""
        async with self.database.read() as connection:
            return await (await driver_of(connection)).fetchval(query)


def core_event(number: int, kind: type[DepositPosted | FeeCharged], data: str) -> tuple[AnyDecider, Any]:
    """The command that books a core event."""
    raw = data.encode()
    event = parse(kind, raw)
    command = BookCoreEvent(f"core-{number}", "core-banking", event, raw, stream_of_event(event))
    return booking.DECIDER, command


def assignment(name: str, customer_id: str, shares: dict[str, str], since: date) -> tuple[AnyDecider, Any]:
    """The command that follows an assignment."""
    parts = [{"manager_id": manager, "share": share} for manager, share in shares.items()]
    word = {"customer_id": customer_id, "shares": parts, "effective_from": since.isoformat()}
    return booking.DECIDER, FollowAssignment(name, "assignment", CustomerAssigned.model_validate(word))


def in_batches(commands: Iterable[tuple[AnyDecider, Any]]) -> Iterator[list[tuple[AnyDecider, Any]]]:
    """The commands in runs of one transaction each."""
    rest = iter(commands)
    while batch := list(islice(rest, BATCH)):
        yield batch


def month_of_facts(managers: int, accounts: int, events: int) -> Iterator[tuple[AnyDecider, Any]]:
    """A month of deposits and fees over all accounts, two a customer; every tenth customer is shared."""
    dice = random.Random(7)
    for number in range(accounts // 2):
        own, other = (f"m{dice.randrange(managers)}" for _ in range(2))
        shares = {own: "0.6", other: "0.4"} if number % 10 == 0 and own != other else {own: "1"}
        yield assignment(f"word-{number}", f"c{number}", shares, date(2026, 7, 1))
    for number in range(events):
        account = number % accounts
        day = f"2026-07-{dice.randint(1, 31):02d}"
        about = f'"business_date": "{day}", "customer_id": "c{account // 2}", "amount": "{dice.randint(1, 10**7)}.00"'
        if number < accounts or number % 5:
            data = f'{{{about}, "account_id": "a{account}", "product_code": "DEM"}}'
            yield core_event(number, DepositPosted, data)
        else:
            data = f'{{{about}, "product_code": "AGT", "kind": "intermediary"}}'
            yield core_event(number, FeeCharged, data)


async def fill(ledger: Ledger, managers: int, accounts: int, events: int) -> None:
    """The products, and a month of facts."""
    await ledger.work(
        (catalogue.DECIDER, DefineProduct(code, department, code, None, date(2026, 1, 1)))
        for code, department in (("DEM", "deposits"), ("AGT", "intermediary"))
    )
    batches = in_batches(month_of_facts(managers, accounts, events))
    total = -(-(accounts // 2 + events) // BATCH)
    for batch in track(batches, "booking the month", total=total, console=console):
        await ledger.work(batch)


async def five_years(ledger: Ledger) -> tuple[int, float, float, int]:
    """A shared customer with 60 months and 5,000 events, reassigned three years back: legs, seconds, seconds of
    the same word again, and its legs."""
    start = date(2030, 1, 1)
    await ledger.work([assignment("five-1", "five", {"m1": "0.6", "m2": "0.4"}, start)])
    facts = []
    for number in range(5000):
        day = start + timedelta(days=number * 1826 // 5000)
        about = f'"business_date": "{day}", "customer_id": "five", "amount": "{number % 997 + 1}.01"'
        if number % 3:
            data = f'{{{about}, "account_id": "five-{number % 4}", "product_code": "DEM"}}'
            facts.append(core_event(10**7 + number, DepositPosted, data))
        else:
            data = f'{{{about}, "product_code": "AGT", "kind": "intermediary"}}'
            facts.append(core_event(10**7 + number, FeeCharged, data))
    for batch in in_batches(facts):
        await ledger.work(batch)
    count = "SELECT count(*) FROM leg WHERE customer_id = 'five'"
    before = await ledger.value(count)
    seconds = await ledger.work([assignment("five-2", "five", {"m1": "0.3", "m3": "0.7"}, date(2032, 1, 1))])
    after = await ledger.value(count)
    again = await ledger.work([assignment("five-3", "five", {"m1": "0.3", "m3": "0.7"}, date(2032, 1, 1))])
    return after - before, seconds, again, await ledger.value(count) - after


def peak_mib() -> int:
    """The most memory that this process has held, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


async def main(managers: int, accounts: int, events: int) -> None:
    """Fill, close, reassign, and print."""
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedPostgres(Path(folder))
        try:
            await measure(server.url, Path(folder), managers, accounts, events)
        finally:
            server.stop()


async def measure(url: str, folder: Path, managers: int, accounts: int, events: int) -> None:
    """All figures, on a server."""
    settings = Settings(data=folder)
    definition = define(settings)
    database = await prepare(definition, settings, url)
    ledger = Ledger(database, CommandHandler(definition.name, definition.aggregates, definition.all_views))
    await fill(ledger, managers, accounts, events)
    pools = [DeclareCostPool(MONTH, driver.value, 10**8, driver) for driver in Driver]
    await ledger.work((cost_pool.DECIDER, pool) for pool in pools)
    legs, before = await ledger.value("SELECT count(*) FROM leg"), peak_mib()
    seconds = await ledger.work([(period.DECIDER, ClosePeriod(MONTH))])
    results = await ledger.value("SELECT count(*) FROM event WHERE type LIKE '%ResultStated'")
    table = Table("", "figure", title="Month close")
    for name, figure in (
        ("managers", managers), ("accounts", accounts), ("legs of the month", legs),
        ("legs of the close", await ledger.value("SELECT count(*) FROM leg") - legs),
        ("results stated", results), ("seconds", f"{seconds:.1f}"),
        ("peak memory before, MiB", before), ("peak memory after, MiB", peak_mib()),
    ):  # fmt: skip
        table.add_row(name, f"{figure:,}" if isinstance(figure, int) else figure)
    console.print(table)
    moved, seconds, again, none = await five_years(ledger)
    table = Table(
        "", "legs", "seconds", title="A shared customer of 5 years and 5,000 events, reassigned 3 years back"
    )
    table.add_row("the first time", f"{moved:,}", f"{seconds:.2f}")
    table.add_row("the same word again", f"{none:,}", f"{again:.2f}")
    console.print(table)
    await database.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--managers", type=int, default=1000)
    parser.add_argument("--accounts", type=int, default=200_000)
    parser.add_argument("--events", type=int, default=250_000)
    arguments = parser.parse_args()
    asyncio.run(main(arguments.managers, arguments.accounts, arguments.events))
