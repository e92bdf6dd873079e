"""The service under test with its callers, and what they say to it."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import httpx

from shared.infrastructure.auth import Role
from tests.support.services import ServiceUnderTest


class Bank:
    """An assignment service, those who call it, and the days they speak of."""

    def __init__(self, service: ServiceUnderTest) -> None:
        self.service = service
        self.admin = service.admin
        self.assigner = service.client(Role.ASSIGNER, subject="ann")
        self.approver = service.client(Role.APPROVER, subject="bob")
        self.auditor = service.client(Role.AUDITOR, subject="eve")
        self.accountant = service.client(Role.ACCOUNTANT, subject="carl")
        self.today = datetime.now(ZoneInfo("Asia/Shanghai")).date()
        self.past = self.today - timedelta(days=100)

    def manager(self, manager_id: str) -> httpx.AsyncClient:
        """A caller who is this manager."""
        return self.service.client(Role.MANAGER, subject=manager_id)

    async def hire(self, manager_id: str, name: str = "王小明") -> httpx.Response:
        body = {
            "manager_id": manager_id,
            "name": name,
            "branch_id": "b1",
            "grade": "manager-2",
            "confidentiality_signed_on": "2012-03-01",
        }
        return await self.assigner.post("/v1/managers", json=body)

    async def welcome(self, customer_id: str, name: str = "恒瑞纺织") -> httpx.Response:
        return await self.assigner.post("/v1/customers", json=customer(customer_id, name))

    async def assign(
        self, customer_id: str, day: date, /, by: httpx.AsyncClient | None = None, **shares: str
    ) -> httpx.Response:
        return await (by or self.approver).put(
            f"/v1/customers/{customer_id}/assignment", json=assignment(day, **shares)
        )


def customer(customer_id: str, name: str) -> dict[str, str]:
    return {
        "customer_id": customer_id,
        "name": name,
        "kind": "corporate",
        "region": "Donghu",
        "industry": "textile",
        "tier": "gold",
        "branch_id": "b1",
    }


def assignment(day: date, **shares: str) -> dict[str, object]:
    parts = [{"manager_id": manager_id, "share": share} for manager_id, share in shares.items()]
    return {"shares": parts, "effective_from": day.isoformat(), "reason": "agreed"}
