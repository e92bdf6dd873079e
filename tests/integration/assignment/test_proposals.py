"""A change of the past by an assigner waits for another person's word."""

import asyncio
from dataclasses import dataclass
from datetime import date

import httpx
import orjson
import pytest

from services.assignment.api import assignments
from shared.infrastructure import event_store
from shared.infrastructure.auth import Principal, Role
from shared.infrastructure.database import Database
from shared.infrastructure.event_store import Appender, shard_of_stream
from shared.kernel.event import Origin
from tests.integration.assignment.bank import Bank


async def proposed(bank: Bank, **shares: str) -> str:
    """The id of a proposal of ann's on the past of c1."""
    answer = await bank.assign("c1", bank.past, by=bank.assigner, **(shares or {"m1": "1"}))
    assert answer.status_code == 202
    return str(answer.json()["proposal_id"])


async def timeline(bank: Bank) -> list[dict[str, object]]:
    items: list[dict[str, object]] = (await bank.auditor.get("/v1/customers/c1/assignments")).json()["items"]
    return items


async def open_proposals(bank: Bank) -> list[str]:
    answer = await bank.auditor.get("/v1/proposals", params={"status": "open"})
    return [item["proposal_id"] for item in answer.json()["items"]]


async def test_a_change_of_the_past_by_an_assigner_changes_nothing_yet(bank: Bank) -> None:
    proposal_id = await proposed(bank, m1="0.6", m2="0.4")
    assert await timeline(bank) == []
    assert await open_proposals(bank) == [proposal_id]
    found = await bank.approver.get(f"/v1/proposals/{proposal_id}")
    shown = found.json()
    assert shown.pop("proposed_at")
    assert (shown, found.headers["etag"]) == (
        {
            "proposal_id": proposal_id,
            "kind": "assignment",
            "content": {
                "customer_id": "c1",
                "shares": [{"manager_id": "m1", "share": "0.6"}, {"manager_id": "m2", "share": "0.4"}],
                "effective_from": bank.past.isoformat(),
                "reason": "agreed",
            },
            "status": "open",
            "proposed_by": "ann",
            "decided_by": None,
            "decided_at": None,
            "reason": None,
        },
        '"1"',
    )


async def test_an_approval_by_another_person_does_what_was_proposed(bank: Bank) -> None:
    proposal_id = await proposed(bank)
    answer = await bank.approver.post(f"/v1/proposals/{proposal_id}/approve", json={"reason": "checked"})
    assert answer.status_code == 200
    assert answer.json() == (await bank.approver.get(f"/v1/proposals/{proposal_id}")).json()
    assert (answer.json()["status"], answer.json()["decided_by"]) == ("approved", "bob")
    [entry] = await timeline(bank)
    assert (entry["effective_from"], entry["actor"]) == (bank.past.isoformat(), "bob")
    [(cause,)] = await bank.service.rows("SELECT cause FROM event WHERE type = 'CustomerAssigned'")
    assert cause == f"proposal/{proposal_id}"


async def test_a_rejection_changes_nothing_and_the_same_may_be_proposed_anew(bank: Bank) -> None:
    proposal_id = await proposed(bank)
    answer = await bank.approver.post(f"/v1/proposals/{proposal_id}/reject")
    assert (answer.status_code, answer.json()["status"]) == (200, "rejected")
    assert await timeline(bank) == []
    assert await proposed(bank) != proposal_id


async def test_the_same_proposed_again_is_the_same_proposal(bank: Bank) -> None:
    first = await proposed(bank, m1="0.6", m2="0.4")
    together = await asyncio.gather(*(proposed(bank, m2="0.4", m1="0.60") for _ in range(4)))
    assert {first, *together} == {first}
    assert await proposed(bank, m1="1") != first


@pytest.mark.parametrize("verdict", ["approve", "reject"])
async def test_nobody_decides_on_what_they_proposed_admin_included(bank: Bank, verdict: str) -> None:
    proposal_id = await proposed(bank)
    for role in (Role.APPROVER, Role.ADMIN):
        refused = await bank.service.client(role, subject="ann").post(
            f"/v1/proposals/{proposal_id}/{verdict}"
        )
        assert (refused.status_code, refused.json()["rule"]) == (409, "four-eyes")
    assert await open_proposals(bank) == [proposal_id]


async def test_of_two_who_decide_at_once_one_comes_first(bank: Bank) -> None:
    proposal_id = await proposed(bank)

    async def decide(caller: httpx.AsyncClient, verdict: str) -> httpx.Response:
        return await caller.post(f"/v1/proposals/{proposal_id}/{verdict}")

    answers = await asyncio.gather(decide(bank.approver, "approve"), decide(bank.admin, "reject"))
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    assert [answer.json()["rule"] for answer in answers if answer.status_code == 409] == ["proposal-is-open"]
    approved = answers[0].status_code == 200
    assert len(await timeline(bank)) == (1 if approved else 0)


async def test_a_repeated_approval_gets_its_first_answer(bank: Bank) -> None:
    path, key = f"/v1/proposals/{await proposed(bank)}/approve", {"Idempotency-Key": "yes"}
    first = await bank.approver.post(path, headers=key)
    again = await bank.approver.post(path, headers=key)
    assert (first.status_code, first.content) == (again.status_code, again.content)


async def test_an_approver_changes_the_past_at_once(bank: Bank) -> None:
    assert (await bank.assign("c1", bank.past, by=bank.approver, m1="1")).status_code == 200
    assert (await bank.assign("c1", bank.past, by=bank.admin, m2="1")).status_code == 200
    assert await open_proposals(bank) == []


async def test_only_approvers_decide_and_only_they_and_assigners_and_auditors_look(bank: Bank) -> None:
    proposal_id = await proposed(bank)
    for caller in (bank.assigner, bank.auditor, bank.manager("m1")):
        assert (await caller.post(f"/v1/proposals/{proposal_id}/approve")).status_code == 403
    for caller in (bank.accountant, bank.manager("m1")):
        assert (await caller.get("/v1/proposals")).status_code == 403
    assert (await bank.approver.post("/v1/proposals/p0/approve")).status_code == 404


async def test_a_repetition_that_is_overtaken_by_another_word_becomes_a_proposal(
    bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bank.assign("c1", bank.past, m1="1")
    look = assignments._look
    overtaken = False

    async def look_and_be_overtaken(
        database: Database, caller: Principal, customer_id: str
    ) -> assignments._Seen:
        nonlocal overtaken
        seen = await look(database, caller, customer_id)
        if not overtaken:
            overtaken = True
            await bank.assign("c1", bank.past, m2="1")
        return seen

    monkeypatch.setattr(assignments, "_look", look_and_be_overtaken)
    answer = await bank.assign("c1", bank.past, by=bank.assigner, m1="1")
    assert (answer.status_code, await open_proposals(bank)) == (202, [answer.json()["proposal_id"]])


@dataclass(frozen=True)
class AssignmentProposed:
    """A proposal on c1 in the shape that such an event had when there was no other kind of proposal."""

    business_date: date
    stream: str = "proposal-c1#p1"

    def to_json(self) -> bytes:
        assignment = {
            "customer_id": "c1",
            "shares": [{"manager_id": "m1", "share": "1"}],
            "effective_from": self.business_date,
            "reason": "agreed",
        }
        said = {"proposal_id": "p1", "key": "c1", "business_date": self.business_date, "proposed_by": "ann"}
        return orjson.dumps({**said, "assignment": assignment})


async def test_an_open_proposal_of_the_first_shape_is_still_there_after_a_replay_and_can_be_approved(
    bank: Bank,
) -> None:
    old = AssignmentProposed(bank.past)
    async with bank.service.database.begin() as connection:
        heads = await event_store.lock(connection, [shard_of_stream(old.stream)])
        appender = Appender(heads, {}, event_store.now())
        appender.add("p1", old, Origin("ann", "test"))
        await appender.write(connection)
    await bank.service.replay()
    assert await open_proposals(bank) == ["p1"]
    assert await bank.service.verify() is None
    assert (await bank.approver.post("/v1/proposals/p1/approve")).status_code == 200
    assert [item["effective_from"] for item in await timeline(bank)] == [bank.past.isoformat()]
