"""How long it takes to allocate all customers of a bank, and how quickly the result is read.

    python -m tests.benchmarks.assignment [--managers 2000] [--customers 200000] [--queries 1000]

Real PostgreSQL, durable, and the assignment service in this process with relay and log. Everybody comes on record as
in life, through the command handler; preview, apply and the queries go through the HTTP door.
"""

import argparse
import asyncio
import logging
import random
import resource
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
import structlog
from rich.console import Console
from rich.progress import track
from rich.table import Table

from services.assignment.domain import customer, manager, register
from services.assignment.domain.customer import CustomerKind, RegisterCustomer
from services.assignment.domain.manager import RegisterManager
from services.assignment.domain.register import TakeResult
from services.assignment.main import define
from shared.contracts.assignment import CustomerRegistered, ManagerRegistered
from shared.contracts.ledger import CustomerResultStated, PeriodClosed
from shared.infrastructure.bank_time import today
from shared.infrastructure.command_handler import AnyDecider, Submission
from shared.infrastructure.embedded_postgres import EmbeddedPostgres
from shared.infrastructure.service_command import collect_rarely
from shared.kernel.event import Origin
from tests.support.services import ServiceUnderTest, running_service

console = Console()
BATCH = 2000
BRANCHES, TEAMS = 40, 100
REGIONS = ("north", "east", "south", "west", "centre")
INDUSTRIES = ("textile", "chemicals", "machinery", "trade", "farming", "energy", "building", "transport")
TIERS = ("basic", "silver", "gold", "platinum", "private")
GRADES = ("assistant", "manager-4", "manager-3", "manager-2", "manager-1", "senior-2")

Command = tuple[AnyDecider, Any]


def managers(number: int) -> Iterator[Command]:
    """Managers of all grades in teams and branches, sworn and confirmed."""
    for index in range(number):
        particulars = ManagerRegistered(
            manager_id=manager_id(index),
            branch_id=f"b{index % BRANCHES}",
            team_id=f"t{index % TEAMS}",
            grade=GRADES[index % len(GRADES)],
            hired_on="2015-03-01",
            confirmed_on="2015-06-01",
            confidentiality_signed_on="2015-03-01",
            business_date=today(),
        )
        yield manager.DECIDER, RegisterManager(particulars, "王小明")


def customers(number: int) -> Iterator[Command]:
    """Customers of all regions, industries, kinds and tiers."""
    dice = random.Random(7)
    for index in range(number):
        particulars = CustomerRegistered(
            customer_id=customer_id(index),
            kind=dice.choice(list(CustomerKind)),
            region=dice.choice(REGIONS),
            industry=dice.choice(INDUSTRIES),
            tier=dice.choices(TIERS, (50, 30, 12, 6, 2))[0],
            branch_id=f"b{dice.randrange(BRANCHES)}",
            business_date=today(),
        )
        yield customer.DECIDER, RegisterCustomer(particulars, "恒瑞纺织")


def results(number: int) -> Iterator[Command]:
    """A month of the ledger that closed: every tenth customer has a term loan, the others have deposits."""
    month = (today().replace(day=1) - timedelta(days=1)).isoformat()[:7]
    stocks = {"deposit_balance": "1000.00", "loan_balance": "0.00"}
    for index in range(number):
        products = ["TRM"] if index % 10 == 0 else ["DEM"]
        word = {"customer_id": customer_id(index), "period": month, "lines": {}, "stocks": stocks}
        stated = CustomerResultStated.model_validate({**word, "products": products})
        yield register.DECIDER, TakeResult(stated)
    counts = {"entries": 0, "managers": 0, "departments": 0, "customers": number, "trued_up": [], "lines": {}}
    place = {"positions": {}, "hash": ""}
    closed = PeriodClosed.model_validate({"period": month, **counts, "computed_from": place})
    yield register.DECIDER, TakeResult(closed)


def rules(number: int) -> list[dict[str, Any]]:
    """The five models: by product, by volume, by region, by industry, and mixed for all others."""
    lenders = {"name": "lending", "match": {"products": ["TRM"]}, "pool": {"team_id": "t1"}}
    seniors = [manager_id(index) for index in range(number) if GRADES[index % len(GRADES)] == "senior-2"][
        :1000
    ]
    return [
        lenders,
        {"name": "private", "match": {"tiers": ["private"]}, "pool": {"managers": seniors}},
        {
            "name": "north",
            "match": {"regions": ["north"]},
            "pool": {"team_id": "t2"},
            "choice": "round-robin",
        },
        {"name": "chemicals", "match": {"industries": ["chemicals"]}, "pool": {"team_id": "t3"}},
        {
            "name": "small firms",
            "match": {"kinds": ["corporate"], "tiers": ["basic"], "branches": ["b1", "b2"]},
            "pool": {"branch_id": "*"},
            "choice": "round-robin",
        },
        {"name": "own branch", "pool": {"branch_id": "*"}},
    ]


def manager_id(index: int) -> str:
    return f"m{index:06d}"


def customer_id(index: int) -> str:
    return f"c{index:08d}"


def in_batches(commands: Iterable[Command]) -> Iterator[list[Command]]:
    """The commands in runs of one transaction each."""
    rest = iter(commands)
    while batch := list(islice(rest, BATCH)):
        yield batch


async def fill(service: ServiceUnderTest, what: str, commands: Iterable[Command], total: int) -> None:
    """All commands through the handler."""
    batches = track(in_batches(commands), what, total=-(-total // BATCH), console=console)
    for batch in batches:
        submissions = [
            Submission(decider, command, Origin("bench", f"bench/{what}")) for decider, command in batch
        ]
        async with service.database.begin() as connection:
            await service.service.desk.handler.work(connection, submissions)
        service.service.relay.wake()


async def timed(call: Callable[[], Awaitable[httpx.Response]]) -> tuple[float, httpx.Response]:
    """The seconds that a request took, and its answer."""
    began = time.perf_counter()
    answer = await call()
    seconds = time.perf_counter() - began
    answer.raise_for_status()
    return seconds, answer


def percentile(seconds: Sequence[float], percent: int) -> str:
    """Milliseconds within which so many of the queries were answered."""
    return f"{sorted(seconds)[min(len(seconds) - 1, len(seconds) * percent // 100)] * 1000:.1f} ms"


def peak_mib() -> str:
    """The most memory that this process has held."""
    return f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MiB"


async def main(number: int, count: int, queries: int) -> None:
    """Fill, allocate, read, and print."""
    collect_rarely()  # as a service does before it serves
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedPostgres(Path(folder))
        try:
            async with running_service(define, server.url) as service:
                await fill(service, "managers", managers(number), number)
                await fill(service, "customers", customers(count), count)
                await fill(service, "results", results(count), count)
                await service.caught_up(600)
                await allocate(service, number)
                await service.caught_up(600)
                await read(service, number, count, queries)
        finally:
            server.stop()


async def allocate(service: ServiceUnderTest, number: int) -> None:
    """Set the rules, preview and apply, and print."""
    caller, day = service.admin, today()
    caller.timeout = 600
    table = Table("", "figure", title="Allocation of the whole bank")
    table.add_row("peak memory before", peak_mib())
    rule_list = {"rules": rules(number)}
    await timed(lambda: caller.put(f"/v1/allocation-rules/{day}", json=rule_list))
    asked = {"effective_from": day.isoformat(), "scope": {"all": True}}
    busy = time.process_time()
    preview, shown = await timed(lambda: caller.post("/v1/allocations/preview", json=asked))
    previewed = shown.json()
    chosen = {"allocation_id": previewed["allocation_id"]}
    apply, done = await timed(lambda: caller.post("/v1/allocations", json=chosen))
    busy = time.process_time() - busy
    applied = done.json()
    for name, figure in (
        ("managers", f"{number:,}"), ("managers with customers", f"{len(applied['managers']):,}"),
        ("customers", f"{applied['customers']:,}"), ("placed", f"{applied['placed']:,}"),
        ("unplaced", str(applied["unplaced"])),
        ("preview", f"{preview:.1f} s"), ("apply", f"{apply:.1f} s"), ("both", f"{preview + apply:.1f} s"),
        ("this process's part of that", f"{busy:.1f} s"), ("peak memory after", peak_mib()),
    ):  # fmt: skip
        table.add_row(name, figure)
    console.print(table)


async def read(service: ServiceUnderTest, number: int, count: int, queries: int) -> None:
    """Ask for portfolios and timelines one after the other, and print."""
    dice = random.Random(11)
    table = Table("", "p50", "p99", title=f"Queries, {queries:,} of each")
    chosen = range(queries)
    for name, paths in (
        ("portfolio", [f"/v1/managers/{manager_id(dice.randrange(number))}/portfolio" for _ in chosen]),
        ("timeline", [f"/v1/customers/{customer_id(dice.randrange(count))}/assignments" for _ in chosen]),
    ):
        seconds = [(await timed(partial(service.admin.get, path)))[0] for path in paths]
        table.add_row(name, percentile(seconds, 50), percentile(seconds, 99))
    console.print(table)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--managers", type=int, default=2000)
    parser.add_argument("--customers", type=int, default=200_000)
    parser.add_argument("--queries", type=int, default=1000)
    arguments = parser.parse_args()
    asyncio.run(main(arguments.managers, arguments.customers, arguments.queries))
