"""What callers of a bank say and ask about the care of customers."""

from datetime import date, timedelta
from typing import Any

import httpx

from shared.infrastructure.auth import Role
from shared.infrastructure.sealed import erase
from tests.integration.assignment.bank import Bank

WRITTEN = "王总说利息太高"
"""What people write about a customer in these tests, always with something behind it."""
SPELLINGS = (
    WRITTEN,
    repr(WRITTEN.encode())[2:-1],
    WRITTEN.encode("unicode_escape").decode(),
)
"""The same in all forms in which it could turn up in a text: plain, as bytes, and escaped as in JSON."""


class Office:
    """Those who care for customers: m1 for c1, m2 for c2, Dora's department of loans, and the bank's own."""

    def __init__(self, bank: Bank) -> None:
        self.bank = bank
        self.service = bank.service
        self.m1, self.m2 = bank.manager("m1"), bank.manager("m2")
        self.head = self.service.client(Role.DEPARTMENT_HEAD, subject="dora", department="lending")
        self.other_head = self.service.client(Role.DEPARTMENT_HEAD, subject="otto", department="cards")

    def day(self, days_ago: int) -> date:
        return self.bank.today - timedelta(days=days_ago)

    async def visit(
        self, customer_id: str = "c1", days_ago: int = 0, by: httpx.AsyncClient | None = None, **more: object
    ) -> httpx.Response:
        body = {"visited_on": self.day(days_ago).isoformat(), "kind": "visit", "note": f"{WRITTEN}, visit"}
        return await (by or self.m1).post(f"/v1/customers/{customer_id}/visits", json={**body, **more})

    async def complain(
        self, customer_id: str = "c1", days_ago: int = 0, by: httpx.AsyncClient | None = None, **more: object
    ) -> httpx.Response:
        received_on = self.day(days_ago).isoformat()
        body = {"received_on": received_on, "channel": "phone", "text": f"{WRITTEN}, complaint"}
        path = f"/v1/customers/{customer_id}/complaints"
        return await (by or self.bank.assigner).post(path, json={**body, **more})

    async def complaint(
        self, customer_id: str = "c1", days_ago: int = 0, manager_id: str | None = None
    ) -> str:
        """The id of a complaint, assigned if a manager is named."""
        complaint_id = str((await self.complain(customer_id, days_ago)).json()["complaint_id"])
        if manager_id is not None:
            assert (await self.assign(complaint_id, manager_id)).status_code == 200
        return complaint_id

    async def assign(
        self, complaint_id: str, manager_id: str, by: httpx.AsyncClient | None = None
    ) -> httpx.Response:
        path = f"/v1/complaints/{complaint_id}/assign"
        return await (by or self.bank.assigner).post(path, json={"manager_id": manager_id})

    async def answer(
        self, complaint_id: str, days_ago: int = 0, by: httpx.AsyncClient | None = None
    ) -> httpx.Response:
        body = {"text": f"{WRITTEN}, answer", "answered_on": self.day(days_ago).isoformat()}
        return await (by or self.m1).post(f"/v1/complaints/{complaint_id}/answer", json=body)

    async def confirm(
        self,
        complaint_id: str,
        *,
        satisfied: bool,
        days_ago: int = 0,
        by: httpx.AsyncClient | None = None,
    ) -> httpx.Response:
        body = {"satisfied": satisfied, "confirmed_on": self.day(days_ago).isoformat()}
        return await (by or self.bank.approver).post(f"/v1/complaints/{complaint_id}/confirm", json=body)

    async def survey(
        self,
        customer_id: str = "c1",
        score: object = 4,
        days_ago: int = 0,
        by: httpx.AsyncClient | None = None,
        **more: object,
    ) -> httpx.Response:
        surveyed_on = self.day(days_ago).isoformat()
        body = {"score": score, "surveyed_on": surveyed_on, "comment": f"{WRITTEN}, comment"}
        path = f"/v1/customers/{customer_id}/surveys"
        return await (by or self.bank.assigner).post(path, json={**body, **more})

    async def feedback(self, by: httpx.AsyncClient | None = None, **more: object) -> httpx.Response:
        body = {"department_id": "lending", "subject": f"{WRITTEN}, subject", "text": f"{WRITTEN}, feedback"}
        return await (by or self.m1).post("/v1/feedback", json={**body, **more})

    async def reply(self, feedback_id: str, by: httpx.AsyncClient | None = None) -> httpx.Response:
        body = {"text": f"{WRITTEN}, reply"}
        return await (by or self.head).post(f"/v1/feedback/{feedback_id}/answer", json=body)

    async def refer(
        self, customer_id: str = "c1", days_ago: int = 0, by: httpx.AsyncClient | None = None, **more: object
    ) -> httpx.Response:
        body = {
            "department_id": "lending",
            "product_code": "TRM",
            "need": f"{WRITTEN}, need",
            "referred_on": self.day(days_ago).isoformat(),
        }
        path = f"/v1/customers/{customer_id}/referrals"
        return await (by or self.m1).post(path, json={**body, **more})

    async def close(
        self, referral_id: str, by: httpx.AsyncClient | None = None, days_ago: int = 0, **more: object
    ) -> httpx.Response:
        closed_on = self.day(days_ago).isoformat()
        body = {"outcome": "won", "closed_on": closed_on, "amount": "2500.50", "reason": f"{WRITTEN}, reason"}
        return await (by or self.head).post(f"/v1/referrals/{referral_id}/outcome", json={**body, **more})

    async def erase(self, customer_id: str) -> None:
        """Throw the customer's key away."""
        async with self.service.database.begin() as connection:
            assert await erase(connection, f"customer-{customer_id}")


async def items(caller: httpx.AsyncClient, path: str, **query: str) -> list[dict[str, Any]]:
    """What a list shows to a caller."""
    answer = await caller.get(path, params=query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


def refused(answer: httpx.Response) -> tuple[int, str, str]:
    """Status, rule and field of a refusal."""
    shown = answer.json()
    return answer.status_code, shown.get("rule", ""), shown["errors"][0]["field"]


def said_of(one: str, answer: httpx.Response) -> tuple[int, str]:
    """What an error says of somebody, but for their id and that of the request."""
    words = answer.text.replace(answer.json()["request_id"], "")
    return answer.status_code, words.replace(one, "")
