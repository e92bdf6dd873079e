"""A bank with something of every kind in it, so that every panel has something to show: a simulated quarter that is
closed and appraised, with awards and a clawback, and around one manager duties, care, a tender and a hand-over."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import orjson

from shared.contracts import core_banking
from shared.contracts.envelope import from_mapping
from shared.infrastructure.bank_time import today
from shared.infrastructure.event_log import Message
from shared.infrastructure.settings import SERVICES
from tests.end_to_end.committee import Committee, scheme
from tests.support.logs import eventually
from tests.support.reference import core_event
from tests.support.system import System

QUARTER, AFTERWARDS = "2026-Q1", "2026-04-30"

_EARNERS = """
    SELECT loan_result.loan_id, manager_id FROM loan_result JOIN award USING (manager_id)
    WHERE efficiency > 0 AND period BETWEEN first_month AND last_month AND amount > 0 ORDER BY efficiency DESC
"""
_LOAN = """
    SELECT loan.customer_id, leg.product_code FROM loan JOIN leg ON leg.account_id = loan.loan_id
    WHERE loan_id = $1 AND loan_class = 'normal' AND NOT closed AND leg.product_code IS NOT NULL LIMIT 1
"""
_LED = "SELECT customer_id FROM reporting.portfolio WHERE manager_id = $1 AND is_lead LIMIT 1"
_LEAST_LOADED = "SELECT manager_id FROM reporting.manager WHERE manager_id <> $1 ORDER BY load LIMIT 1"
_NEWCOMER = {
    "name": "恒瑞纺织",
    "kind": "corporate",
    "region": "Donghu",
    "industry": "textile",
    "tier": "gold",
    "branch_id": "b01",
}


@dataclass
class Showcase:
    """The bank, and ``manager`` of whom there is everything to see."""

    system: System
    manager: str = ""
    customer: str = ""
    """Whom the manager leads."""

    async def fill(self) -> None:
        """From nothing to the whole bank."""
        size = ("--managers", "8", "--customers", "60", "--start", "2026-01-01", "--months", "4")
        await self.system.said("simulate", *size)
        await self._spoil()
        await self.system.settle()
        await self.system.said("close", "2026-01", "2026-03")
        await self.system.settle()
        await self._appraise()
        await self._sour()
        await self._care()
        await self._processes()
        verified = await asyncio.gather(*(self.system.said("verify", service) for service in SERVICES))
        assert all("as it should be" in said for said in verified)
        await self.system.settle()

    async def _spoil(self) -> None:
        """Messages that nobody can read, one for each service."""
        await self.system.publish(core_banking.TOPIC, Message(b"c1", b"not an event"))
        headers = {
            "ce_specversion": b"1.0",
            "ce_id": b"forged",
            "ce_type": b"EntryBooked",
            "ce_source": b"ledger",
        }
        await self.system.publish("ledger.events", Message(b"c1", b"{}", list(headers.items())))

    async def _appraise(self) -> None:
        committee = Committee(self.system)
        for side, target in (("manager", "60000.00"), ("department", "200000.00")):
            answer = await committee.ann.put(f"/v1/schemes/{side}s/2026-01-01", json=scheme(target, side))
            assert answer.status_code == 200, answer.text
        moved = {"quarters_up": 1, "quarters_down": 1, "rating_up": "B", "rating_down": "C"}
        answer = await committee.ann.put("/v1/ladder-policies/2026-01-01", json=moved)
        assert answer.status_code == 200, answer.text
        await committee.appraise(QUARTER)
        await committee.award(QUARTER)
        await committee.done(f"/v1/cycles/{QUARTER}/close")
        assert (await committee.done(f"/v1/cycles/{QUARTER}/grade-changes"))["items"]

    async def _sour(self) -> None:
        """A loan that earned an award turns bad, and what came from it is clawed back."""
        for loan_id, manager_id in await self.system.rows("appraisal", _EARNERS):
            self.manager = manager_id
            if found := await self.system.rows("ledger", _LOAN, loan_id):
                break
        [(customer_id, product_code)] = found
        loan = {"customer_id": customer_id, "loan_id": loan_id, "product_code": product_code}
        await self._post(core_event("sour", "LoanReclassified", AFTERWARDS, **loan, to_class="substandard"))

        async def clawed_back() -> bool:
            return bool(await self.system.rows("appraisal", "SELECT 1 FROM clawback LIMIT 1"))

        await eventually(clawed_back, within_seconds=60)

    async def _care(self) -> None:
        """What a manager does for a customer, and what must be done."""
        client = self.system.client
        assigner = client("assignment", "assigner", subject="ann")
        own = client("assignment", "manager", subject=self.manager)
        led = await self.system.rows("assignment", _LED, self.manager)
        self.customer = led[0][0]
        day, path = today().isoformat(), f"/v1/customers/{self.customer}"
        await done(own, f"{path}/visits", visited_on=day, kind="visit", note="all well")
        complaint = await done(
            assigner, f"{path}/complaints", received_on=day, channel="phone", text="too dear"
        )
        given = f"/v1/complaints/{complaint['complaint_id']}/assign"
        await done(assigner, given, manager_id=self.manager)
        await done(assigner, f"{path}/surveys", score=4, surveyed_on=day)
        await done(own, f"{path}/referrals", department_id="lending", need="a mortgage", referred_on=day)
        praise = {"manager_id": self.manager, "kind": "commendation", "ground": "helped out"}
        await done(
            client("appraisal", "assigner", subject="zoe"), "/v1/measures", **praise, effective_from=day
        )
        deposit = {
            "customer_id": self.customer,
            "account_id": "large",
            "product_code": "DEM",
            "amount": "60000.00",
        }
        await self._post(core_event("large", "DepositPosted", AFTERWARDS, **deposit))

    async def _processes(self) -> None:
        """An allocation of those without a manager, an open tender, and a plan to hand over."""
        client = self.system.client
        assigner = client("assignment", "assigner", subject="ann")
        approver = client("assignment", "approver", subject="bob")
        day = today().isoformat()
        others = await self.system.rows("assignment", _LEAST_LOADED, self.manager)
        successor = others[0][0]
        for newcomer in ("put-up", "forgotten"):
            await done(assigner, "/v1/customers", **_NEWCOMER, customer_id=newcomer)
        rule = {"name": "all", "match": {"tiers": ["silver"]}, "choice": "least-loaded"}
        rules = {"rules": [{**rule, "pool": {"managers": [successor]}}]}
        answer = await approver.put(f"/v1/allocation-rules/{day}", json=rules)
        assert answer.status_code == 200, answer.text
        await done(assigner, "/v1/allocations", effective_from=day, scope={"unassigned": True})
        closes_at = (datetime.now(UTC) + timedelta(days=2)).isoformat()
        tender = {"customer_ids": ["put-up"], "baseline_profit": "1000.00", "lowest_grade": "assistant"}
        await done(assigner, "/v1/tenders", **tender, closes_at=closes_at)
        tomorrow = (today() + timedelta(days=1)).isoformat()
        items = [{"customer_id": self.customer, "successor_id": successor}]
        plan = {"manager_id": self.manager, "ground": "transfer", "effective_from": tomorrow, "items": items}
        await done(assigner, "/v1/hand-overs", **plan)
        shares = [{"manager_id": successor, "share": "1"}]
        late = {"shares": shares, "effective_from": "2026-02-01", "reason": "told late"}
        proposed = await assigner.put("/v1/customers/forgotten/assignment", json=late)
        assert proposed.status_code == 202, proposed.text

    async def _post(self, event: dict[str, Any]) -> None:
        await self.system.publish(core_banking.TOPIC, from_mapping(event))
        await self.system.settle()
        became = await self.system.get("ledger", f"/v1/core-events/{event['id']}")
        assert became["status"] == "accepted", became


async def done(caller: httpx.AsyncClient, path: str, **body: Any) -> dict[str, Any]:
    """What is answered when somebody's wish is granted."""
    answer = await caller.post(path, json=body)
    assert answer.status_code < 300, f"{path}: {answer.text}"
    said: dict[str, Any] = orjson.loads(answer.content or b"{}")
    return said
