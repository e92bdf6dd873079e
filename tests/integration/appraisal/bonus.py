"""A quarter that was appraised and published, with a loan behind it: what awards are granted for and clawed back of."""

import asyncio
import time
from datetime import date
from typing import Any

import httpx
import orjson

from services.appraisal.api.clawbacks import follow_up
from shared.contracts import assignment, ledger
from shared.contracts.envelope import CloudEvent
from shared.infrastructure.auth import Role
from tests.integration.appraisal.messages import entry
from tests.integration.appraisal.quarter import SCHEME, Quarter
from tests.support.services import ServiceUnderTest

CYCLE = "/v1/cycles/2026-Q3"
AWARDS = f"{CYCLE}/awards"
LOAN_SHARD = 0


class Bonus:
    """The people at work on awards, and the loan l1.

    m1 (manager-4) and m2 (manager-2) looked after its customer; a late word gave a part of m1's to m3 (assistant).
    """

    def __init__(self, service: ServiceUnderTest) -> None:
        self.service = service
        self.ann = service.client(Role.APPROVER, subject="ann")
        self.bob = service.client(Role.APPROVER, subject="bob")
        self.accountant = service.client(Role.ACCOUNTANT, subject="cora")
        self.auditor = service.client(Role.AUDITOR, subject="otto")
        self._position = 100

    def manager(self, manager_id: str) -> httpx.AsyncClient:
        return self.service.client(Role.MANAGER, subject=manager_id)

    async def earn(self) -> None:
        """The quarter's results: 340,004.00 in all, 240,000.00 of it from the loan."""
        quarter = Quarter(self.service)
        for manager, grade in (("m1", "manager-4"), ("m2", "manager-2"), ("m3", "assistant")):
            await quarter.hire(manager, grade)
        await quarter.earn({"m1": "100000.00", "unassigned": "4.00"})
        shared = {"m1": "180000.00", "m2": "60000.00"}
        await quarter.earn(shared, line="interest_income", account_id="l1", customer_id="c1")
        moves = [
            {
                "line": "interest_income",
                "centre_id": centre_id,
                "period": "2026-09",
                "adjusts_period": "2026-07",
                "account_id": "l1",
                "amount": amount,
            }
            for centre_id, amount in (("m1", "-60000.00"), ("m3", "60000.00"))
        ]
        await quarter.earn({}, lines={}, books={}, moves=moves, customer_id="c1")
        await quarter.close()

    async def appraise(self) -> None:
        """From opening the cycle to its publication; everybody gets an A."""
        assert (await self.ann.put("/v1/schemes/usual/2026-01-01", json=SCHEME)).status_code == 200
        assert (await self.ann.post("/v1/cycles", json={"period": "2026-Q3"})).status_code == 201
        for step, by in (("freeze", self.ann), ("score", self.ann), ("approve", self.bob)):
            answer = await by.post(f"{CYCLE}/{step}")
            assert answer.status_code == 200, answer.text

    async def publish(self) -> None:
        await self.earn()
        await self.appraise()
        assert (await self.ann.post(f"{CYCLE}/publish")).status_code == 200

    async def grant(self) -> date:
        """Awards proposed and approved; the day of the grant."""
        assert (await self.accountant.post(AWARDS)).status_code == 202
        granted = await self.ann.post(f"{AWARDS}/approve")
        assert granted.status_code == 200, granted.text
        return date.fromisoformat((await self.award("m1"))["business_date"])

    async def vault(self, manager_id: str) -> dict[str, Any]:
        answer = await self.auditor.get(f"/v1/vaults/{manager_id}")
        assert answer.status_code == 200, answer.text
        shown: dict[str, Any] = answer.json()
        return shown

    async def award(self, manager_id: str) -> dict[str, Any]:
        """The one award of a manager; every fen of it is accounted for."""
        [award] = (await self.vault(manager_id))["awards"]
        shown: dict[str, Any] = award
        return shown

    async def parts(self, manager_id: str) -> list[tuple[str, str, str]]:
        """Of each instalment what is paid, cancelled and open."""
        instalments = (await self.award(manager_id))["instalments"]
        return [(one["paid"], one["cancelled"], one["open"]) for one in instalments]

    async def pay(self, day: date) -> dict[str, Any]:
        answer = await self.accountant.post("/v1/vaults/pay", json={"day": day.isoformat()})
        assert answer.status_code == 200, answer.text
        shown: dict[str, Any] = answer.json()
        return shown

    async def reclassify(
        self,
        day: date,
        loan_class: str,
        *,
        times: int = 1,
        loan_id: str = "l1",
        rate: str | None = None,
        policy: str = "default",
    ) -> str:
        """The ledger tells that a loan is of a class, maybe more than once; the id of its message. Without a rate it is
        a message from before the ledger stated one."""
        self._position += 1
        loan = {
            "loan_id": loan_id,
            "loan_class": loan_class,
            "outstanding": "500000.00",
            "held": "0.00",
            "closed": False,
            **({} if rate is None else {"provision_rate": rate}),
        }
        said = entry(
            LOAN_SHARD,
            self._position,
            {"m1": "0.00"},
            line="risk_charge",
            period=f"{day:%Y-%m}",
            business_date=day.isoformat(),
            account_id=loan_id,
            customer_id="c1",
            cause={"id": f"core-{self._position}", "type": "LoanReclassified", "source": "core-banking"},
            loan=loan,
            policy=policy,
        )
        await self.service.publish(ledger.TOPIC, *[said] * times)
        await self.followed_up()
        return f"core-{LOAN_SHARD}-{self._position}"

    async def followed_up(self) -> None:
        """Wait until every change of class was followed up in the vaults."""
        await self.service.caught_up()
        deadline = time.monotonic() + 20
        while await self.service.rows("SELECT 1 FROM reclassification WHERE NOT worked"):
            assert time.monotonic() < deadline, "a change of class was not followed up"
            await asyncio.sleep(0.05)
        await self.service.caught_up()

    async def depart(self, manager_id: str) -> None:
        """The assignment service says that a manager left."""
        data = {"manager_id": manager_id, "departed_on": "2026-12-31", "reason": "resigned"}
        event = CloudEvent(
            f"left-{manager_id}",
            "ManagerDeparted",
            assignment.SOURCE,
            orjson.dumps(data),
            subject=manager_id,
        )
        await self.service.publish(assignment.TOPIC, event)
        await self.service.caught_up()

    async def replays(self) -> None:
        """Replayed, every view is what it was; nothing is wrong with any."""
        await follow_up(
            self.service.service.desk
        )  # or the task would mark changes of class between the looks
        assert await self.service.verify() is None
        digests = await self.service.digests()
        await self.service.replay()
        assert await self.service.digests() == digests
