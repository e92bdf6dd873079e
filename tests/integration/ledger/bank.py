"""A bank to book for: a running ledger, its products defined and its customers assigned."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import httpx
import orjson

from services.ledger.main import define
from shared.contracts import assignment
from shared.contracts.envelope import CloudEvent
from tests.support.reference import ASSIGNMENTS, PRODUCTS
from tests.support.services import ServiceUnderTest, running_service


@dataclass
class Bank:
    """What a test does with the ledger, in the words of the bank."""

    service: ServiceUnderTest
    _numbers: "count[int]" = field(default_factory=count)

    @property
    def core(self) -> httpx.AsyncClient:
        """The core banking system."""
        return self.service.client("core", subject="core-system")

    @property
    def accountant(self) -> httpx.AsyncClient:
        """Somebody of the accounting department."""
        return self.service.client("accountant", subject="anna")

    async def define(self, code: str, department_id: str, **more: str) -> httpx.Response:
        """Put a product into the catalogue."""
        terms = {"department_id": department_id, "name": f"product {code}", **more}
        answer = await self.accountant.put(f"/v1/products/{code}", json=terms)
        assert answer.status_code == 200, answer.text
        return answer

    async def assign(
        self, customer_id: str, shares: Mapping[str, str], effective_from: str = "2026-07-01"
    ) -> str:
        """Let the assignment service say who looks after a customer; returns the id of its message."""
        event = assigned(f"assigned-{next(self._numbers)}", customer_id, shares, effective_from)
        await self.service.publish(assignment.TOPIC, event)
        return event.id

    async def post(self, *events: object, **headers: str) -> dict[str, Any]:
        """Post core events; the answer's body."""
        answer = await self.core.post("/v1/core-events", json=list(events), headers=headers)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    async def book(self, *events: object) -> None:
        """Post core events all of which are accepted."""
        body = await self.post(*events)
        assert body["accepted"] == len(events), body

    async def declare(self, period: str, pool: str, amount: str, driver: str) -> None:
        """Declare a cost pool."""
        body = {"period": period, "pool": pool, "amount": amount, "driver": driver}
        answer = await self.accountant.post("/v1/cost-pools", json=body)
        assert answer.status_code == 201, answer.text

    async def close(self, period: str) -> dict[str, Any]:
        """Close a month; its reconciliation."""
        answer = await self.accountant.post(f"/v1/periods/{period}/close")
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    async def get(self, path: str, **params: str | int) -> Any:
        """What an auditor, who sees everything, reads."""
        answer = await self.service.client("auditor", subject="otto").get(path, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def statement(self, book: str, centre_id: str, period: str) -> dict[str, Any]:
        """A centre's statement."""
        stated: dict[str, Any] = await self.get(
            f"/v1/books/{book}/centres/{centre_id}/statement", period=period
        )
        return stated


def assigned(event_id: str, customer_id: str, shares: Mapping[str, str], effective_from: str) -> CloudEvent:
    """The assignment service's message."""
    data = {
        "customer_id": customer_id,
        "shares": [{"manager_id": manager, "share": share} for manager, share in shares.items()],
        "effective_from": effective_from,
        "reason": "agreed",
    }
    return CloudEvent(
        event_id, "CustomerAssigned", assignment.SOURCE, orjson.dumps(data), subject=customer_id
    )


def registered(event_id: str, manager_id: str, branch_id: str, team_id: str | None = None) -> CloudEvent:
    """The assignment service's message."""
    data = {
        "manager_id": manager_id,
        "branch_id": branch_id,
        **({"team_id": team_id} if team_id else {}),
        "grade": "manager-4",
        "business_date": "2026-07-01",
    }
    return CloudEvent(
        event_id, "ManagerRegistered", assignment.SOURCE, orjson.dumps(data), subject=manager_id
    )


def transferred(
    event_id: str, manager_id: str, effective_from: str, branch_id: str, team_id: str | None = None
) -> CloudEvent:
    """The assignment service's message."""
    data = {
        "manager_id": manager_id,
        "branch_id": branch_id,
        **({"team_id": team_id} if team_id else {}),
        "effective_from": effective_from,
        "reason": "agreed",
    }
    return CloudEvent(
        event_id, "ManagerTransferred", assignment.SOURCE, orjson.dumps(data), subject=manager_id
    )


@asynccontextmanager
async def opened(postgres_url: str) -> AsyncIterator[Bank]:
    """The bank of the worked example on a fresh database, before its first core event."""
    async with running_service(define, postgres_url) as service:
        bank = Bank(service)
        for code, department_id in PRODUCTS.items():
            await bank.define(code, department_id)
        for customer_id, shares in ASSIGNMENTS.items():
            await bank.assign(customer_id, shares)
        await service.caught_up()
        yield bank
