"""Managers bid for customers, sealed until the close; the highest commitment wins when a second person approves."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from shared.infrastructure import event_store
from shared.infrastructure.auth import Role
from tests.integration.assignment.bank import Bank

PLAN = "每月走访恒瑞，现金管理"
FIGURES = ("777123", "888456")
"""Digits that turn up nowhere unless a bid is opened."""


@pytest.fixture
async def fair(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> "Fair":
    """c1 and c2 are there to be bid for, by m1, m2 and m3."""
    answers = [await bank.hire("m3", "赵敏"), await bank.welcome("c2", "天鹰")]
    assert [answer.status_code for answer in answers] == [201, 201]
    return Fair(bank, monkeypatch)


class Fair:
    """Tenders of a bank, and a clock that can be put forward."""

    def __init__(self, bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bank = bank
        self._monkeypatch = monkeypatch
        self.closes_at = datetime.now(UTC) + timedelta(hours=1)

    def close(self) -> None:
        """Two hours go by."""
        later = datetime.now(UTC) + timedelta(hours=2)
        self._monkeypatch.setattr(event_store, "now", lambda: later)

    async def open(self, *customer_ids: str, **more: object) -> httpx.Response:
        body = {
            "customer_ids": customer_ids or ("c1", "c2"),
            "baseline_profit": "100.00",
            "closes_at": self.closes_at.isoformat(),
            "lowest_grade": "manager-3",
        }
        return await self.bank.assigner.post("/v1/tenders", json={**body, **more})

    async def opened(self, *customer_ids: str, **more: object) -> str:
        answer = await self.open(*customer_ids, **more)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["tender_id"])

    async def bid(self, tender_id: str, manager_id: str, profit: str, **headers: str) -> httpx.Response:
        body = {"committed_profit": profit, "plan": PLAN}
        caller = self.bank.manager(manager_id)
        return await caller.post(f"/v1/tenders/{tender_id}/bids", json=body, headers=headers)

    async def get(self, tender_id: str, caller: httpx.AsyncClient) -> dict[str, Any]:
        answer = await caller.get(f"/v1/tenders/{tender_id}")
        assert answer.status_code == 200, answer.text
        shown: dict[str, Any] = answer.json()
        return shown

    async def post(self, tender_id: str, what: str, **body: object) -> httpx.Response:
        return await self.bank.assigner.post(f"/v1/tenders/{tender_id}/{what}", json=body or None)

    async def approve(self, proposal_id: str, by: httpx.AsyncClient | None = None) -> httpx.Response:
        return await (by or self.bank.approver).post(f"/v1/proposals/{proposal_id}/approve")


def refused(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["rule"]


async def shares(bank: Bank, customer_id: str) -> list[tuple[str, list[str]]]:
    items = (await bank.auditor.get(f"/v1/customers/{customer_id}/assignments")).json()["items"]
    return [(one["effective_from"], [share["manager_id"] for share in one["shares"]]) for one in items]


async def test_a_tender_goes_from_bids_to_the_assignment_of_the_winner(fair: Fair) -> None:
    bank, tomorrow = fair.bank, (fair.bank.today + timedelta(days=1)).isoformat()
    tender_id = await fair.opened()
    for manager_id, profit in (("m1", "500.00"), ("m2", "900.00"), ("m1", "700.00"), ("m3", "2000.00")):
        assert (await fair.bid(tender_id, manager_id, profit)).status_code == 201
    gone = await bank.manager("m3").delete(f"/v1/tenders/{tender_id}/bids/mine")
    assert (gone.status_code, gone.json()["withdrawn"]) == (200, True)
    assert refused(await fair.post(tender_id, "award")) == (409, "bidding-is-closed")
    fair.close()
    assert refused(await fair.bid(tender_id, "m1", "9999.00")) == (409, "bidding-is-open")
    late = await bank.manager("m1").delete(f"/v1/tenders/{tender_id}/bids/mine")
    assert refused(late) == (409, "bidding-is-open")

    proposed = await fair.post(tender_id, "award")
    assert proposed.status_code == 202
    assert (await fair.post(tender_id, "award")).json() == proposed.json()
    proposal_id = proposed.json()["proposal_id"]
    content = (await bank.approver.get(f"/v1/proposals/{proposal_id}")).json()["content"]
    assert [one["manager_id"] for one in content["ranking"]] == ["m2", "m1"]
    own = bank.service.client(Role.APPROVER, subject="ann")
    assert refused(await fair.approve(proposal_id, own)) == (409, "four-eyes")
    assert await shares(bank, "c1") == []
    assert (await fair.approve(proposal_id)).status_code == 200

    for customer_id in ("c1", "c2"):
        assert await shares(bank, customer_id) == [(tomorrow, ["m2"])]
    shown = await fair.get(tender_id, bank.auditor)
    assert (shown["status"], shown["winner"]) == (
        "awarded",
        {"manager_id": "m2", "committed_profit": "900.00"},
    )
    assert [(one["manager_id"], one["committed_profit"], one["plan"]) for one in shown["offers"]] == [
        ("m2", "900.00", PLAN),
        ("m1", "700.00", PLAN),
    ]
    await bank.service.caught_up()
    [told] = [
        record
        for record in await bank.service.published("assignment.events")
        if record.headers["ce_type"] == b"TenderAwarded"
    ]
    assert b'"committed_profit":"900.00"' in told.value
    assert b'"effective_from":"%s"' % tomorrow.encode() in told.value
    assert await bank.service.verify() is None
    before = await bank.service.digests()
    await bank.service.replay()
    assert await bank.service.digests() == before


async def test_losers_see_who_won_and_nobody_elses_figures(fair: Fair) -> None:
    tender_id = await fair.opened("c1")
    await fair.bid(tender_id, "m1", "500.00")
    await fair.bid(tender_id, "m2", "900.00")
    fair.close()
    await fair.approve((await fair.post(tender_id, "award")).json()["proposal_id"])
    loser = await fair.get(tender_id, fair.bank.manager("m1"))
    assert loser["winner"] == {"manager_id": "m2", "committed_profit": None}
    assert (loser["mine"]["committed_profit"], "offers" in loser) == ("500.00", False)
    winner = await fair.get(tender_id, fair.bank.manager("m2"))
    assert winner["winner"]["committed_profit"] == "900.00"
    [listed] = (await fair.bank.manager("m1").get("/v1/tenders")).json()["items"]
    assert listed["winner"]["committed_profit"] is None
    assert (await fair.bank.manager("m3").get(f"/v1/tenders/{tender_id}")).status_code == 404


async def test_a_sealed_bid_shows_nowhere_before_the_close_but_to_its_bidder(fair: Fair) -> None:
    bank = fair.bank
    tender_id = await fair.opened("c1")
    with capture_logs() as logged:
        for manager_id, figure in zip(("m1", "m2"), FIGURES, strict=True):
            made = await fair.bid(tender_id, manager_id, f"{figure}.00", **{"Idempotency-Key": "k"})
            assert made.json() == {"tender_id": tender_id, "manager_id": manager_id}
        refused_plan = {"committed_profit": f"{FIGURES[0]}.001", "plan": PLAN}
        await bank.manager("m1").post(f"/v1/tenders/{tender_id}/bids", json=refused_plan)
    await bank.service.caught_up()
    secrets = (*FIGURES, *(f"{figure}00" for figure in FIGURES), PLAN, PLAN.encode("unicode_escape").decode())

    def found(texts: Sequence[object]) -> list[str]:
        return [secret for secret in secrets for one in texts if secret in str(one)]

    kept = await bank.service.rows("SELECT data, metadata, cause FROM event")
    receipts = await bank.service.rows("SELECT convert_from(answer, 'UTF8') FROM receipt")
    tables = [
        row
        for table in ("tender", "bid", "claim", "proposal")
        for row in await bank.service.rows(f"SELECT t::text FROM {table} AS t")
    ]
    told = [record.value.decode() for record in await bank.service.published("assignment.events")]
    metrics = (await bank.admin.get("/metrics")).text
    assert found([*kept, *receipts, *tables, *told, metrics, logged]) == []
    for caller in (bank.admin, bank.assigner, bank.approver, bank.auditor, bank.manager("m3")):
        for path in (f"/v1/tenders/{tender_id}", "/v1/tenders", "/v1/proposals", "/v1/managers/m1/history",
                     "/v1/customers/c1/history", "/v1/hand-overs"):  # fmt: skip
            assert found([(await caller.get(path)).text]) == []
        assert (await fair.get(tender_id, caller))["bids"] == 2
        assert (await fair.get(tender_id, caller))["mine"] is None
    assert (await fair.get(tender_id, bank.auditor))["offers"] is None
    mine = (await fair.get(tender_id, bank.manager("m1")))["mine"]
    assert (mine["committed_profit"], mine["plan"]) == (f"{FIGURES[0]}.00", PLAN)
    fair.close()
    assert len((await fair.get(tender_id, bank.auditor))["offers"]) == 2


async def test_only_managers_who_may_have_the_customers_see_the_tender_and_bid(fair: Fair) -> None:
    bank = fair.bank
    rookie = {"manager_id": "m4", "name": "周", "branch_id": "b1", "grade": "trainee"}
    sworn = {"confidentiality_signed_on": "2012-03-01"}
    assert (await bank.assigner.post("/v1/managers", json=rookie | sworn)).status_code == 201
    unsworn = {"manager_id": "m5", "name": "吴", "branch_id": "b1", "grade": "manager-1"}
    assert (await bank.assigner.post("/v1/managers", json=unsworn)).status_code == 201
    tender_id = await fair.opened("c1")
    for manager_id in ("m4", "m5"):
        assert (await fair.bid(tender_id, manager_id, "500.00")).status_code == 404
        assert (await bank.manager(manager_id).get("/v1/tenders")).json()["items"] == []
    [seen] = (await bank.manager("m1").get("/v1/tenders", params={"status": "open"})).json()["items"]
    assert (seen["tender_id"], seen["bids"]) == (tender_id, 0)
    assert (await fair.bid(tender_id, "m1", "500.00")).status_code == 201
    leave = {"effective_from": bank.today.isoformat(), "reason": "family"}
    assert (await bank.assigner.post("/v1/managers/m1/leaves", json=leave)).status_code == 201
    assert refused(await fair.bid(tender_id, "m1", "600.00")) == (409, "manager-is-at-work")
    body = {"committed_profit": "1.00", "plan": "p"}
    assert (await bank.admin.post(f"/v1/tenders/{tender_id}/bids", json=body)).status_code == 403
    assert (await bank.accountant.get("/v1/tenders")).status_code == 403


async def test_a_winner_without_room_leaves_everything_undone(fair: Fair) -> None:
    bank = fair.bank
    tender_id = await fair.opened()
    await fair.bid(tender_id, "m1", "500.00")
    fair.close()
    proposal_id = (await fair.post(tender_id, "award")).json()["proposal_id"]
    policy = {"grades": {"manager-2": {"capacity": "3"}}}
    assert (await bank.approver.put(f"/v1/policies/{bank.today}", json=policy)).status_code == 200
    answer = await fair.approve(proposal_id)  # gold weighs 2: room for one of both
    assert refused(answer) == (409, "within-capacity")
    assert await shares(bank, "c1") == await shares(bank, "c2") == []
    assert (await fair.get(tender_id, bank.auditor))["status"] == "closed"
    assert (await bank.auditor.get(f"/v1/proposals/{proposal_id}")).json()["status"] == "open"


async def test_an_award_replaces_what_was_planned_for_later_days_and_asks_again_when_that_changes(
    fair: Fair,
) -> None:
    bank = fair.bank
    in_a_week, in_a_month = bank.today + timedelta(days=7), bank.today + timedelta(days=30)
    await bank.assign("c1", in_a_week, m3="1")
    tender_id = await fair.opened("c1")
    await fair.bid(tender_id, "m1", "500.00")
    fair.close()
    first = (await fair.post(tender_id, "award")).json()["proposal_id"]
    await bank.assign("c1", in_a_month, m3="0.5", m2="0.5")
    assert refused(await fair.approve(first)) == (409, "plan-is-current")
    second = (await fair.post(tender_id, "award")).json()["proposal_id"]
    assert (await fair.approve(second)).status_code == 200
    assert [managers for _, managers in await shares(bank, "c1")] == [["m1"], ["m1"], ["m1"]]


async def test_without_a_bid_above_the_baseline_a_tender_ends_without_an_award(fair: Fair) -> None:
    tender_id = await fair.opened("c1")
    await fair.bid(tender_id, "m1", "100.00")
    assert refused(await fair.post(tender_id, "close-without-award")) == (409, "bidding-is-closed")
    fair.close()
    assert refused(await fair.post(tender_id, "award")) == (409, "a-bid-counts")
    assert (await fair.post(tender_id, "close-without-award")).status_code == 200
    assert (await fair.get(tender_id, fair.bank.auditor))["status"] == "not-awarded"
    assert refused(await fair.post(tender_id, "cancel", reason="late")) == (409, "tender-is-open")


async def test_a_tender_can_be_cancelled_and_its_customers_are_free_again(fair: Fair) -> None:
    tender_id = await fair.opened("c1")
    again = await fair.open("c1")
    assert refused(again) == (409, "customer-is-free")
    assert f"tender {tender_id}" in again.json()["detail"]
    assert (await fair.post(tender_id, "cancel", reason="merger")).status_code == 200
    shown = await fair.get(tender_id, fair.bank.auditor)
    assert (shown["status"], shown["reason"]) == ("cancelled", "merger")
    await fair.opened("c1")
    assert await fair.bank.service.verify() is None


async def test_of_tenders_over_one_customer_at_once_one_comes_first(fair: Fair) -> None:
    answers = await asyncio.gather(*(fair.open("c1") for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]


async def test_without_a_baseline_it_is_what_the_customers_brought_in(fair: Fair) -> None:
    answer = await fair.open("c1", baseline_profit=None)
    assert (answer.status_code, answer.json()["baseline_profit"]) == (201, "0.00")


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"closes_at": "2020-01-01T00:00:00+08:00"}, 409),
        ({"closes_at": "2030-01-01T00:00:00"}, 422),
        ({"closes_at": "9999-12-31T23:59:59-10:00"}, 422),
        ({"customer_ids": []}, 422),
        ({"customer_ids": ["c1", "c1"]}, 422),
        ({"customer_ids": ["c9"]}, 409),
        ({"effective_from": "2020-01-01"}, 409),
        ({"effective_from": "2199-12-31"}, 409),
        ({"baseline_profit": "-1.00"}, 422),
        ({"lowest_grade": "boss"}, 422),
    ],
)
async def test_what_cannot_be_is_refused(fair: Fair, change: dict[str, object], status: int) -> None:
    answer = await fair.open(**change)
    assert answer.status_code == status
    assert answer.json()["errors"][0]["field"].partition(".")[0] == next(iter(change))


async def test_managers_neither_open_nor_end_tenders(fair: Fair) -> None:
    tender_id, caller = await fair.opened("c1"), fair.bank.manager("m1")
    for what in ("award", "close-without-award", "cancel"):
        answer = await caller.post(f"/v1/tenders/{tender_id}/{what}", json={"reason": "r"})
        assert answer.status_code == 403
    assert (await fair.post("t0", "award")).status_code == 404
    answer = await caller.delete(f"/v1/tenders/{tender_id}/bids/mine")
    assert refused(answer) == (409, "bid-is-there")
