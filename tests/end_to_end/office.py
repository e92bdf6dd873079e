"""A branch office in a running system: managers and customers under names of their own, and a second set of books.

Every assignment that the assignment service tells the log goes into the reference ledger too, so that the manager
book can be compared to the fen at any time.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import orjson

from shared.contracts import assignment, core_banking
from shared.contracts.envelope import from_mapping, from_message
from tests.support.reference import LINES, PRODUCTS, ReferenceLedger, core_event, months_of
from tests.support.system import System

EARLY = "2020-01-01"


@dataclass
class Office:
    """Those who work in it, what they do, and what the books must say for it."""

    system: System
    name: str
    events: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        client = self.system.client
        self.assigner = client("assignment", "assigner", subject="ann")
        self.approver = client("assignment", "approver", subject="bob")
        self.third = client("assignment", "approver", subject="cem")
        self.admin = client("assignment", "admin", subject="root")
        self.auditor = client("assignment", "auditor", subject="otto")
        self.today = datetime.now(ZoneInfo("Asia/Shanghai")).date()

    def id(self, plain: str) -> str:
        """An id as it is in this office."""
        return f"{self.name}-{plain}"

    def manager(self, plain: str) -> httpx.AsyncClient:
        """A caller who is this manager."""
        return self.system.client("assignment", "manager", subject=self.id(plain))

    async def open(self) -> None:
        """Put up the products."""
        accountant = self.system.client("ledger", "accountant", subject="carl")
        for product, department in PRODUCTS.items():
            terms = {"department_id": self.id(department), "name": product}
            answer = await accountant.put(f"/v1/products/{self.id(product)}", json=terms)
            assert answer.status_code == 200, answer.text

    async def hire(self, plain: str, **more: Any) -> None:
        """A manager taken over, confirmed and sworn, unless ``more`` says otherwise."""
        body = {
            "manager_id": self.id(plain),
            "name": "王小明",
            "branch_id": self.id("b1"),
            "team_id": self.id("t1"),
            "grade": "manager-2",
            "hired_on": EARLY,
            "confirmed_on": EARLY,
            "confidentiality_signed_on": EARLY,
        }
        answer = await self.assigner.post("/v1/managers", json={**body, **more})
        assert answer.status_code == 201, answer.text

    async def tell(
        self, plain: str, what: str, by: httpx.AsyncClient | None = None, **body: Any
    ) -> httpx.Response:
        """Say what happened to a manager."""
        return await (by or self.assigner).post(f"/v1/managers/{self.id(plain)}/{what}", json=body)

    async def welcome(self, plain: str) -> None:
        """A new customer."""
        body = {
            "customer_id": self.id(plain),
            "name": "恒瑞纺织",
            "kind": "corporate",
            "region": "Donghu",
            "industry": "textile",
            "tier": "gold",
            "branch_id": self.id("b1"),
        }
        answer = await self.assigner.post("/v1/customers", json=body)
        assert answer.status_code == 201, answer.text

    async def assign(
        self,
        plain: str,
        day: str,
        shares: Mapping[str, str],
        by: httpx.AsyncClient | None = None,
    ) -> httpx.Response:
        """Say who looks after a customer from a day on."""
        parts = [{"manager_id": self.id(one), "share": share} for one, share in shares.items()]
        terms = {"shares": parts, "effective_from": day, "reason": "agreed"}
        return await (by or self.approver).put(f"/v1/customers/{self.id(plain)}/assignment", json=terms)

    async def approve(self, proposed: httpx.Response, by: httpx.AsyncClient | None = None) -> httpx.Response:
        """Another person's word on what was proposed."""
        assert proposed.status_code == 202, proposed.text
        proposal_id = proposed.json()["proposal_id"]
        return await (by or self.approver).post(f"/v1/proposals/{proposal_id}/approve")

    async def post(self, number: int, kind: str, day: str, /, **data: Any) -> None:
        """A core event, through the log."""
        own = {
            name: self.id(value) if name.endswith("_id") or name == "product_code" else value
            for name, value in data.items()
        }
        event = core_event(self.id(f"e{number}"), kind, day, **own)
        self.events.append(event)
        await self.system.publish(core_banking.TOPIC, from_mapping(event))

    async def told(self, kind: str) -> AsyncIterator[dict[str, Any]]:
        """The assignment service's events of a kind about this office, in order of partition and offset."""
        for record in await self.system.records(assignment.TOPIC):
            event = from_message(record.headers, record.value)
            if event.type == kind and f'"{self.name}-'.encode() in event.data:
                yield orjson.loads(event.data)

    async def statement(self, plain: str, period: str) -> dict[str, Any]:
        """A manager's statement."""
        path = f"/v1/books/manager/centres/{self.id(plain)}/statement"
        stated: dict[str, Any] = await self.system.get("ledger", path, period=period)
        return stated

    async def books_agree(self, *periods: str) -> None:
        """The ledger's manager book is what the reference makes of the same facts, on every line of every centre."""
        await self.system.settle()
        reference = ReferenceLedger(
            products=[(self.id(code), date.min, self.id(name)) for code, name in PRODUCTS.items()]
        )
        async for one in self.told("CustomerAssigned"):
            shares = {part["manager_id"]: part["share"] for part in one["shares"]}
            reference.assign(one["customer_id"], date.fromisoformat(one["effective_from"]), shares)
        for event in self.events:
            reference.book(event["id"], event["type"], event["data"])
        for period in periods:
            expected = {
                centre: {line: f"{stated.lines[line]:.2f}" for line in LINES}
                for centre, stated in reference.statements("manager", months_of(period)).items()
                if centre.startswith(f"{self.name}-")
            }
            found = {
                centre: await self._lines(centre, period) for centre in sorted({*expected, *self._centres()})
            }
            zeros = dict.fromkeys(LINES, "0.00")
            assert found == {centre: expected.get(centre, zeros) for centre in found}, period

    def _centres(self) -> set[str]:
        return {self.id(f"m{number}") for number in range(1, 5)}

    async def _lines(self, centre: str, period: str) -> dict[str, str]:
        lines: dict[str, str] = (await self.statement(centre.removeprefix(f"{self.name}-"), period))["lines"]
        return lines
