"""How long the steps of an appraisal's cycle take, and what memory they want.

    python -m tests.benchmarks.appraisal [--managers 2000] [--indicators 15]

Real PostgreSQL, durable, and the appraisal's own command handler in this process; a quarter's results and everybody's
hiring are taken in before the clock starts. The what-if is asked through the HTTP door.
"""

import argparse
import asyncio
import logging
import random
import resource
import tempfile
import time
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import structlog
from rich.console import Console
from rich.table import Table

from services.appraisal.domain import cycle, results, scheme, told
from services.appraisal.domain.cycle_command import (
    ApproveCycle,
    FreezeCycle,
    OpenCycle,
    PublishCycle,
    ScoreCycle,
)
from services.appraisal.domain.cycle_event import CycleKind
from services.appraisal.domain.results import LedgerEntry, ReceiveResults
from services.appraisal.domain.scheme import SchemeTerms, SetScheme
from services.appraisal.domain.told import KeepTold, ManagerRegistered
from services.appraisal.main import define
from shared.contracts.ledger import ComputedFrom, PeriodClosed
from shared.infrastructure.auth import Role
from shared.infrastructure.command_desk import accepted
from shared.infrastructure.command_handler import AnyDecider, Outcome, Submission
from shared.infrastructure.embedded_postgres import EmbeddedPostgres
from shared.kernel.books import STOCKS, Book, Line
from shared.kernel.event import Origin
from shared.kernel.period import format_month, last_day
from tests.support.services import ServiceUnderTest, running_service

console = Console()
MONTHS = (202607, 202608, 202609)
DAY = date(2026, 10, 9)
GRADES = ("assistant", "manager-4", "manager-3", "manager-2", "manager-1", "senior-2")
FLOWS = tuple(line for line in Line if line not in STOCKS)
SOURCES = (
    "measure:efficiency",
    "measure:virtual_profit",
    "measure:net_interest_income",
    *(f"line:{line.value}" for line in FLOWS),
    "customers-gained",
    "visits-done",
    "training-hours",
    "churn",
    "complaints-in-time",
)

Command = tuple[AnyDecider, Any]


async def work(service: ServiceUnderTest, commands: Sequence[Command]) -> float:
    """One transaction of the command handler; the seconds it took. Raises what a rule refuses."""
    batch = [Submission(decider, command, Origin("bench", "bench")) for decider, command in commands]
    began = time.perf_counter()
    async with service.database.begin() as connection:
        outcomes: list[Outcome] = await service.service.desk.handler.work(connection, batch)
    seconds = time.perf_counter() - began
    for outcome in outcomes:
        accepted([outcome])
    return seconds


def staff(number: int) -> list[Command]:
    """Managers of several grades."""
    return [
        (
            told.DECIDER,
            KeepTold(
                ManagerRegistered(
                    manager_id=f"m{index}",
                    branch_id=f"b{index % 40}",
                    grade=GRADES[index % len(GRADES)],
                    hired_on=date(2015, 3, 1),
                    business_date=date(2015, 3, 1),
                )
            ),
        )
        for index in range(number)
    ]


def month_of_results(month: int, managers: int, position: int) -> list[Command]:
    """What every manager earned on each line of a month, all of it one department's; and the ledger's close."""
    dice = random.Random(month)
    cells: dict[tuple[str, int, str, str], int] = {}
    totals = dict.fromkeys(Line, 0)
    for line in FLOWS:
        for index in range(managers):
            amount = dice.randint(1, 10**7)
            cells[Book.MANAGER.value, month, f"m{index}", line.value] = amount
            totals[line] += amount
        cells[Book.DEPARTMENT.value, month, "lending", line.value] = totals[line]
    entry = LedgerEntry(position, position, last_day(month), cells)
    closed = PeriodClosed.model_construct(
        period=format_month(month),
        entries=1,
        managers=managers,
        departments=1,
        customers=managers,
        trued_up=[],
        lines=totals,
        computed_from=ComputedFrom(positions={0: position}, hash="00"),
    )
    return [(results.DECIDER, ReceiveResults(0, (entry,))), (told.DECIDER, KeepTold(closed))]


def terms(indicators: int, target: str) -> dict[str, Any]:
    """A scheme of so many indicators of the same weight, but for the first."""
    weight = 100 // indicators
    return {
        "name": "Bench",
        "side": "manager",
        "indicators": [
            {
                "code": f"i{index}",
                "name": source,
                "source": source,
                "weight": str(100 - weight * (indicators - 1) if index == 0 else weight),
                "target": target,
            }
            for index, source in enumerate(SOURCES[:indicators])
        ],
    }


def peak_mib() -> int:
    """The most memory that this process has held, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


async def measure(url: str, managers: int, indicators: int) -> None:
    """All figures, on a server."""
    table = Table(
        "step", "seconds", "peak memory, MiB", title=f"{managers:,} managers × {indicators} indicators"
    )
    name = "2026-Q3"
    async with running_service(define, url) as service:
        await work(service, staff(managers))
        for position, month in enumerate(MONTHS, 1):
            await work(service, month_of_results(month, managers, position))
        draft = SchemeTerms.model_validate(terms(indicators, "150000.00"))
        await work(service, [(scheme.DECIDER, SetScheme("bench", date(2026, 1, 1), draft, DAY))])
        opened = OpenCycle(name, "ann", DAY, name, CycleKind.REGULAR, Decimal(5))
        await work(service, [(cycle.DECIDER, opened)])
        table.add_row("before", "", f"{peak_mib():,}")
        for step, command in (
            ("freeze", FreezeCycle(name, "ann", DAY)),
            ("score", ScoreCycle(name, "ann", DAY)),
            ("approve", ApproveCycle(name, "bob", DAY)),
            ("publish", PublishCycle(name, "bob", DAY)),
        ):
            seconds = await work(service, [(cycle.DECIDER, command)])
            table.add_row(step, f"{seconds:.2f}", f"{peak_mib():,}")
        caller = service.client(Role.APPROVER, subject="ann")
        began = time.perf_counter()
        answer = await caller.post(f"/v1/cycles/{name}/what-if", json=terms(indicators, "180000.00"))
        seconds = time.perf_counter() - began
        assert len(answer.json()["items"]) == managers, answer.text
        table.add_row("what-if, over HTTP", f"{seconds:.2f}", f"{peak_mib():,}")
    console.print(table)


async def main(managers: int, indicators: int) -> None:
    """A server of its own, the figures, and print."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedPostgres(Path(folder))
        try:
            await measure(server.url, managers, indicators)
        finally:
            server.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--managers", type=int, default=2000)
    parser.add_argument("--indicators", type=int, default=15, choices=range(1, len(SOURCES) + 1))
    arguments = parser.parse_args()
    asyncio.run(main(arguments.managers, arguments.indicators))
