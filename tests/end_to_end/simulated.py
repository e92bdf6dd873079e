"""Simulated banks: under names of their own, so that several lie side by side in one system; or booked by hand."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

import orjson

from deploy.local.calls import insist
from deploy.local.registrations import Registration
from deploy.local.simulator import simulate
from shared.contracts import assignment
from shared.contracts.core_banking import CORE_EVENTS, TOPIC
from shared.contracts.envelope import CloudEvent
from shared.infrastructure.event_log import Message
from tests.support.logs import eventually
from tests.support.reference import ReferenceLedger, months_of
from tests.support.system import BOOKS, Figures, System, figures_of_bank, months

NOBODY = "nobody"
"""A manager for those whom nobody looks after: ``unassigned`` would be shared by all banks."""

FIRST_DAY = date(2026, 1, 1)
PERIODS = ["2026", *months("2026-01", "2026-09")]
SLICES = 8


@dataclass
class SimulatedBank:
    """All facts of a simulated bank; ids, products and centres begin with its name."""

    name: str
    products: list[CloudEvent] = field(default_factory=list)
    assignments: list[CloudEvent] = field(default_factory=list)
    core: list[CloudEvent] = field(default_factory=list)

    @classmethod
    def named(cls, name: str, customers: int = 300, months: int = 9) -> "SimulatedBank":
        """The bank of that name and size; under every name it is the same one."""
        bank, cared_for = cls(f"{name}-"), set()
        registered: list[CloudEvent] = []
        for event in simulate(7, managers=12, customers=customers, start=FIRST_DAY, months=months):
            if event.type == "ProductDefined":
                bank.products.append(bank.own(event))
            elif event.type == "CustomerRegistered":
                registered.append(event)
            elif event.type == "CustomerAssigned":
                cared_for.add(event.subject)
                bank.assignments.append(bank.own(event))
            elif event.type in CORE_EVENTS:
                bank.core.append(bank.own(event))
        left = [event for event in registered if event.subject not in cared_for]
        bank.assignments[:0] = [bank.own(_to_nobody(event)) for event in left]
        return bank

    def own(self, event: CloudEvent) -> CloudEvent:
        """The event with the ids of this bank."""
        data = orjson.loads(event.data)
        if event.type == "CustomerAssigned" and not data["shares"]:
            data["shares"] = [{"manager_id": NOBODY, "share": "1"}]
        return event._replace(
            id=self.name + event.id,
            subject=self.name + event.subject,
            data=orjson.dumps(self._renamed(data)),
        )

    def _renamed(self, data: Any) -> Any:
        if isinstance(data, list):
            return [self._renamed(one) for one in data]
        if not isinstance(data, dict):
            return data
        return {
            name: self.name + value
            if isinstance(value, str) and (name.endswith("_id") or name == "product_code")
            else self._renamed(value)
            for name, value in data.items()
        }

    async def open(self, system: System) -> None:
        """Put up the products, and let the ledger know who looks after whom: all there will ever be to know."""
        accountant = system.client("ledger", "accountant", subject="anna")
        for event in self.products:
            product = Registration.of(event)
            answer = await accountant.put(product.path, json=product.body)
            assert answer.status_code == 200, answer.text
        await system.publish(assignment.TOPIC, *self.assignments)
        await system.settle()

    def messages(self) -> Iterator[Message]:
        """The core events as core banking sends them, keyed by customer, or by manager where there is none."""
        for event in self.core:
            data = orjson.loads(event.data)
            yield Message.of(event, data.get("customer_id") or data["manager_id"])

    def messages_of(self, month: str) -> list[Message]:
        """Those that are dated in a month."""
        return [
            message
            for event, message in zip(self.core, self.messages(), strict=True)
            if event.extensions["businessdate"].startswith(month)
        ]

    async def booked(self, system: System) -> int:
        """How many of its core events are in the ledger's books."""
        [(count,)] = await system.rows(
            "ledger",
            "SELECT count(*) FROM event WHERE type = 'EntryBooked' AND starts_with(event_id, $1)",
            self.name,
        )
        return int(count)

    async def figures(self, system: System) -> Figures:
        """Its statements under plain names, after the system has come to rest."""
        await system.settle()
        return figures_of_bank(await system.figures(PERIODS), self.name)


def _to_nobody(registered: CloudEvent) -> CloudEvent:
    data = {
        "customer_id": registered.subject,
        "shares": [],
        "effective_from": FIRST_DAY.isoformat(),
        "reason": "not taken on yet",
    }
    return registered._replace(id=f"nobody-{registered.id}", type="CustomerAssigned", data=orjson.dumps(data))


def by_hand(events: Iterable[CloudEvent]) -> ReferenceLedger:
    """The stream booked by the second, slow ledger."""
    ledger = ReferenceLedger()
    for event in events:
        data: dict[str, Any] = orjson.loads(event.data)
        if event.type == "ProductDefined":
            since = date.fromisoformat(data["effective_from"])
            ledger.products.append((data["product_code"], since, data["department_id"]))
        elif event.type == "CustomerAssigned":
            shares = {one["manager_id"]: one["share"] for one in data["shares"]}
            since = date.fromisoformat(data["effective_from"])
            ledger.assign(data["customer_id"], since, shares)
        elif event.type in CORE_EVENTS:
            assert ledger.book(event.id, event.type, data) == "accepted"
    return ledger


def check_lines(found: Figures, expected: ReferenceLedger, periods: Sequence[str]) -> None:
    """Every line of every centre, period by period, is what was booked by hand, and there is no other."""
    for period in periods:
        for book in BOOKS:
            stated = {
                (centre, line): Decimal(amount)
                for centre, statement in found[period][book].items()
                for line, amount in statement["lines"].items()
                if Decimal(amount)
            }
            by_cell = expected.totals(book, months_of(period))
            totals = {cell: amount for cell, amount in by_cell.items() if amount}
            assert stated == totals, (period, book)


def chunks(messages: Sequence[Message], size: int) -> Iterator[Sequence[Message]]:
    """The messages in runs of ``size``."""
    return (messages[start : start + size] for start in range(0, len(messages), size))


class Flow:
    """Core banking, publishing one bank's events in their order whatever else goes on."""

    def __init__(self, system: System, bank: SimulatedBank) -> None:
        self._system = system
        self._pieces = deque(chunks(list(bank.messages()), 50))
        self._slice = len(self._pieces) // SLICES
        self._turn = asyncio.Lock()

    async def send(self, pieces: int = 1) -> None:
        """Publish the next pieces, as far as there are any; while the log is away, wait for it."""
        async with self._turn:
            for _ in range(min(pieces, len(self._pieces))):
                await insist(lambda: self._system.publish(TOPIC, *self._pieces[0]))
                self._pieces.popleft()

    async def send_slices(self, number: int) -> None:
        """Publish so many eighths of the whole."""
        await self.send(number * self._slice)

    async def send_rest(self) -> None:
        """Publish what is left."""
        await self.send(len(self._pieces))


@asynccontextmanager
async def meanwhile(doing: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Something goes on beside the block, and comes to its end with it."""
    task = asyncio.create_task(doing)
    try:
        yield
        await task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def moves(system: System, since: int) -> None:
    """Wait until the ledger has stored more events than that."""

    async def moved() -> bool:
        return await system.events("ledger") > since

    await eventually(moved, within_seconds=90, every_seconds=0.01)
