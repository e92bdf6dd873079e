"""Customers go from one manager to others: both sides know, a third person approves, all is done or nothing."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest

from services.assignment.domain.month import months_later
from shared.infrastructure.auth import Role
from tests.integration.assignment.bank import Bank


class Desk:
    """Hand-overs of a bank in which m1 has looked after c1 alone, and after c2 with m2, for 100 days."""

    def __init__(self, bank: Bank) -> None:
        self.bank = bank
        self.tomorrow = bank.today + timedelta(days=1)

    async def plan(
        self, ground: str = "transfer", items: list[dict[str, object]] | None = None, **more: object
    ) -> httpx.Response:
        body: dict[str, object] = {
            "manager_id": "m1",
            "ground": ground,
            "effective_from": self.tomorrow.isoformat(),
        }
        if "team_id" not in more:
            body["items"] = items or [item("c1"), item("c2")]
        return await self.bank.assigner.post("/v1/hand-overs", json={**body, **more})

    async def planned(self, *args: Any, **more: object) -> str:
        answer = await self.plan(*args, **more)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["hand_over_id"])

    async def acknowledge(self, hand_over_id: str, *manager_ids: str) -> None:
        for manager_id in manager_ids:
            caller = self.bank.manager(manager_id)
            assert (await caller.post(f"/v1/hand-overs/{hand_over_id}/acknowledge")).status_code == 200

    async def submit(self, hand_over_id: str) -> httpx.Response:
        return await self.bank.assigner.post(f"/v1/hand-overs/{hand_over_id}/submit")

    async def submitted(self, hand_over_id: str) -> str:
        answer = await self.submit(hand_over_id)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["proposal_id"])

    async def approve(self, proposal_id: str, by: httpx.AsyncClient | None = None) -> httpx.Response:
        return await (by or self.bank.approver).post(f"/v1/proposals/{proposal_id}/approve")

    async def cancel(self, hand_over_id: str) -> httpx.Response:
        body = {"reason": "stays"}
        return await self.bank.assigner.post(f"/v1/hand-overs/{hand_over_id}/cancel", json=body)

    async def get(self, hand_over_id: str, by: httpx.AsyncClient | None = None) -> dict[str, Any]:
        answer = await (by or self.bank.auditor).get(f"/v1/hand-overs/{hand_over_id}")
        assert answer.status_code == 200, answer.text
        shown: dict[str, Any] = answer.json()
        return shown

    async def timeline(self, customer_id: str) -> dict[str, dict[str, str]]:
        """Shares by manager from each day on, after the first."""
        answer = await self.bank.auditor.get(f"/v1/customers/{customer_id}/assignments")
        return {
            one["effective_from"]: {share["manager_id"]: share["share"] for share in one["shares"]}
            for one in answer.json()["items"][1:]
        }


def item(customer_id: str, successor_id: str = "m3", *tail: tuple[str, int]) -> dict[str, object]:
    kept = [{"share": share, "months": months} for share, months in tail]
    return {"customer_id": customer_id, "successor_id": successor_id, "tail": kept}


def refused(answer: httpx.Response) -> tuple[int, str]:
    assert answer.status_code == 409, answer.text
    return answer.status_code, answer.json()["rule"]


@pytest.fixture
async def desk(bank: Bank) -> Desk:
    answers = [
        await bank.hire("m3", "赵敏"),
        await bank.welcome("c2", "天鹰"),
        await bank.assign("c1", bank.past, m1="1"),
        await bank.assign("c2", bank.past, m1="0.6", m2="0.4"),
    ]
    assert [answer.status_code for answer in answers] == [201, 201, 200, 200]
    return Desk(bank)


async def test_a_transfer_with_a_tail_goes_from_plan_to_assignments(desk: Desk) -> None:
    bank, start = desk.bank, desk.tomorrow
    tail = (("0.3", 3), ("0.1", 2))
    planned = await desk.plan("transfer", [item("c1", "m3", *tail), item("c2", "m2")])
    hand_over_id = planned.json()["hand_over_id"]
    complaint = await bank.assigner.post(
        "/v1/customers/c1/complaints",
        json={"received_on": bank.today.isoformat(), "channel": "phone", "text": "too dear"},
    )
    complaint_id = complaint.json()["complaint_id"]
    await bank.assigner.post(f"/v1/complaints/{complaint_id}/assign", json={"manager_id": "m1"})
    shown = await desk.get(hand_over_id, bank.manager("m3"))
    assert (shown["status"], shown["complaints_moved"], shown["proposal_id"]) == ("planned", [], None)
    assert {"customer_id": "c1", "kind": "complaint", "item_id": complaint_id}.items() <= next(
        one for one in shown["open_items"] if one["kind"] == "complaint"
    ).items()
    assert shown["items"] == planned.json()["items"]

    assert refused(await desk.submit(hand_over_id)) == (409, "both-sides-acknowledge")
    await desk.acknowledge(hand_over_id, "m1", "m2", "m3", "m3")
    proposal_id = await desk.submitted(hand_over_id)
    assert await desk.submitted(hand_over_id) == proposal_id
    assert (await desk.get(hand_over_id))["proposal_id"] == proposal_id
    for party in ("m1", "m2", "m3"):
        caller = bank.service.client(Role.APPROVER, subject=party)
        assert refused(await desk.approve(proposal_id, caller)) == (409, "third-person")
    proposer = bank.service.client(Role.APPROVER, subject="ann")
    assert refused(await desk.approve(proposal_id, proposer)) == (409, "four-eyes")
    assert await desk.timeline("c1") == {}
    assert (await desk.approve(proposal_id)).status_code == 200

    assert await desk.timeline("c1") == {
        start.isoformat(): {"m1": "0.3", "m3": "0.7"},
        months_later(start, 3).isoformat(): {"m1": "0.1", "m3": "0.9"},
        months_later(start, 5).isoformat(): {"m3": "1"},
    }
    assert await desk.timeline("c2") == {start.isoformat(): {"m2": "1"}}
    moved = (await bank.auditor.get(f"/v1/complaints/{complaint_id}")).json()
    assert moved["manager_id"] == "m3"
    shown = await desk.get(hand_over_id)
    assert (shown["status"], shown["ended_by"], shown["complaints_moved"], shown["open_items"]) == (
        "completed",
        "bob",
        [complaint_id],
        [],
    )
    await bank.service.caught_up()
    told = [record.headers["ce_type"] for record in await bank.service.published("assignment.events")]
    assert told.count(b"HandOverCompleted") == 1
    assert await bank.service.verify() is None
    before = await bank.service.digests()
    await bank.service.replay()
    assert await bank.service.digests() == before


async def test_who_departs_keeps_nothing_and_leaves_when_all_is_handed_over(desk: Desk) -> None:
    bank = desk.bank
    left = {"departed_on": desk.tomorrow.isoformat(), "reason": "resigned"}
    departing = "/v1/managers/m1/departure"
    assert refused(await bank.approver.post(departing, json=left)) == (409, "customers-are-handed-over")
    kept = await desk.plan("departure", [item("c1", "m3", ("0.3", 3)), item("c2")])
    assert refused(kept) == (409, "manager-is-there")
    assert kept.json()["errors"][0]["field"] == "items.0.tail"
    hand_over_id = await desk.planned("departure")
    await desk.acknowledge(hand_over_id, "m3")
    assert refused(await desk.submit(hand_over_id)) == (409, "both-sides-acknowledge")
    await desk.acknowledge(hand_over_id, "m1")
    assert (await desk.approve(await desk.submitted(hand_over_id))).status_code == 200
    assert await desk.timeline("c2") == {desk.tomorrow.isoformat(): {"m2": "0.4", "m3": "0.6"}}
    assert (await bank.approver.post(departing, json=left)).status_code == 201


async def test_in_an_emergency_a_team_takes_over_by_least_load_without_the_absent_managers_word(
    desk: Desk,
) -> None:
    bank = desk.bank
    for manager_id in ("t1", "t2"):
        body = {
            "manager_id": manager_id,
            "name": "孙",
            "branch_id": "b1",
            "team_id": "rescue",
            "grade": "manager-2",
            "confidentiality_signed_on": "2012-03-01",
        }
        assert (await bank.assigner.post("/v1/managers", json=body)).status_code == 201
    leave = {"effective_from": bank.today.isoformat(), "reason": "illness"}
    assert (await bank.assigner.post("/v1/managers/m1/leaves", json=leave)).status_code == 201
    emergency = {"team_id": "rescue", "effective_from": bank.today.isoformat()}
    answer = await desk.plan("emergency", **emergency)
    hand_over_id = answer.json()["hand_over_id"]
    assert {one["customer_id"]: one["successor_id"] for one in answer.json()["items"]} == {
        "c1": "t1",
        "c2": "t2",
    }
    await desk.acknowledge(hand_over_id, "t1", "t2")
    assert (await desk.approve(await desk.submitted(hand_over_id))).status_code == 200
    assert await desk.timeline("c2") == {bank.today.isoformat(): {"m2": "0.4", "t2": "0.6"}}
    none_left = await desk.plan("emergency", **emergency)
    assert refused(none_left) == (409, "manager-looks-after")


async def test_a_team_without_anybody_who_may_is_refused(desk: Desk) -> None:
    answer = await desk.plan("emergency", team_id="nowhere")
    assert refused(answer) == (409, "team-has-room")


async def test_a_plan_that_somebody_has_overtaken_does_nothing(desk: Desk) -> None:
    hand_over_id = await desk.planned("request")
    await desk.acknowledge(hand_over_id, "m1", "m3")
    proposal_id = await desk.submitted(hand_over_id)
    await desk.bank.assign("c2", desk.bank.today, m2="1")
    stale = await desk.approve(proposal_id)
    assert refused(stale) == (409, "plan-is-current")
    assert "c2" in stale.json()["detail"]
    assert await desk.timeline("c1") == {}
    assert (await desk.get(hand_over_id))["status"] == "planned"
    assert refused(await desk.submit(hand_over_id)) == (409, "plan-is-current")


async def test_a_successor_without_room_leaves_everything_undone(desk: Desk) -> None:
    bank = desk.bank
    hand_over_id = await desk.planned("transfer")
    await desk.acknowledge(hand_over_id, "m1", "m3")
    proposal_id = await desk.submitted(hand_over_id)
    policy = {"grades": {"manager-2": {"capacity": "2.5"}}}
    assert (await bank.approver.put(f"/v1/policies/{bank.today}", json=policy)).status_code == 200
    assert refused(await desk.approve(proposal_id)) == (409, "within-capacity")
    assert await desk.timeline("c1") == await desk.timeline("c2") == {}
    assert (await desk.get(hand_over_id))["status"] == "planned"


async def test_a_customer_is_in_one_process_at_a_time(desk: Desk) -> None:
    bank = desk.bank
    tender = {
        "customer_ids": ["c1"],
        "closes_at": (datetime.now(UTC) + timedelta(hours=1)).isoformat(),
        "lowest_grade": "manager-3",
    }

    async def open_tender() -> httpx.Response:
        return await bank.assigner.post("/v1/tenders", json=tender)

    answers = await asyncio.gather(
        desk.plan(), open_tender(), desk.plan("transfer", [item("c1")]), desk.plan()
    )
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    assert {refused(answer) for answer in answers if answer.status_code == 409} == {(409, "customer-is-free")}
    [first] = [answer.json() for answer in answers if answer.status_code == 201]
    assert "hand_over_id" in first  # they came in this order
    named = (await open_tender()).json()["detail"]
    assert f"customer c1 is in hand-over {first['hand_over_id']}" in named
    assert (await desk.cancel(first["hand_over_id"])).status_code == 200
    shown = await desk.get(first["hand_over_id"])
    assert (shown["status"], shown["reason"]) == ("cancelled", "stays")
    assert (await open_tender()).status_code == 201
    assert refused(await desk.plan()) == (409, "customer-is-free")
    assert refused(await desk.cancel(first["hand_over_id"])) == (409, "hand-over-is-open")
    assert await bank.service.verify() is None


async def test_only_the_parties_and_the_office_see_a_hand_over(desk: Desk) -> None:
    bank = desk.bank
    hand_over_id = await desk.planned()
    path = f"/v1/hand-overs/{hand_over_id}"
    for caller in (bank.manager("m1"), bank.manager("m3"), bank.admin, bank.auditor, bank.assigner):
        [listed] = (await caller.get("/v1/hand-overs", params={"status": "planned"})).json()["items"]
        assert (listed["hand_over_id"], listed["customers"]) == (hand_over_id, 2)
        assert (await caller.get(path)).status_code == 200
    other = bank.manager("m2")
    assert (await other.get("/v1/hand-overs")).json()["items"] == []
    assert (await other.get(path)).status_code == 404
    assert (await other.post(f"{path}/acknowledge")).status_code == 404
    assert refused(await bank.admin.post(f"{path}/acknowledge")) == (409, "parties-acknowledge")
    assert (await bank.accountant.get(path)).status_code == 403
    assert (await bank.manager("m1").post(f"{path}/submit")).status_code == 403
    found = await bank.auditor.get("/v1/hand-overs", params={"manager_id": "m2"})
    assert found.json()["items"] == []


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"effective_from": "2199-12-31"}, "hand-over-is-near"),
        ({"manager_id": "m9"}, "manager-is-known"),
        ({"manager_id": "m3"}, "manager-looks-after"),
        ({"items": [item("c9")]}, "customer-is-known"),
        ({"items": [item("c1", "m9")]}, "manager-is-known"),
        ({"items": [item("c1", "m1")]}, "successor-is-another"),
        ({"items": [item("c1", "m3", ("0.3", 1), ("0.3", 1))]}, "tail-falls"),
        ({"items": [item("c2", "m3", ("0.6", 1))]}, "tail-falls"),
    ],
)
async def test_a_plan_that_cannot_be_is_refused(desk: Desk, change: dict[str, object], rule: str) -> None:
    assert refused(await desk.plan(**change)) == (409, rule)


@pytest.mark.parametrize(
    "change",
    [
        {"items": None},
        {"items": []},
        {"team_id": "t"},
        {"items": None, "team_id": "t"},
        {"items": [item("c1"), item("c1")]},
        {"items": [item("c1", "m3", ("0.3", 0))]},
        {"items": [item("c1", "m3", *(("0.3", 1),) * 13)]},
        {"ground": "whim"},
    ],
)
async def test_a_malformed_plan_is_not_accepted(desk: Desk, change: dict[str, object]) -> None:
    body = {
        "manager_id": "m1",
        "ground": "transfer",
        "effective_from": date.today().isoformat(),  # noqa: DTZ011  # any day
        "items": [item("c1")],
        **change,
    }
    assert (await desk.bank.assigner.post("/v1/hand-overs", json=body)).status_code == 422
