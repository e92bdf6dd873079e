"""Suspicious transaction reports: those who made them and those who decide know of them, and nobody else."""

from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from shared.infrastructure.auth import Role
from shared.infrastructure.sealed import erase
from tests.integration.assignment.bank import Bank
from tests.integration.assignment.compliance.deposits import duties, said

PATH = "/v1/customers/c1/suspicions"


async def report(bank: Bank, by: httpx.AsyncClient, text: str = "Bargeld in Taschen") -> str:
    answer = await by.post(PATH, json={"observed_on": bank.past.isoformat(), "text": text})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["suspicion_id"])


async def seen(caller: httpx.AsyncClient, **query: str) -> list[Any]:
    found = (await caller.get("/v1/suspicions", params=query)).json()["items"]
    return [one["suspicion_id"] for one in found]


VERDICT = {"decision": "reported", "reference": "AML-7", "reason": "klarer Fall"}


async def test_a_suspicion_is_reported_and_decided_on_by_another_person(bank: Bank) -> None:
    await bank.assign("c1", bank.past, m1="1")
    suspicion_id = await report(bank, bank.manager("m1"))
    assert await seen(bank.approver, status="open") == [suspicion_id]
    answer = await bank.approver.post(f"/v1/suspicions/{suspicion_id}/decide", json=VERDICT)
    assert (answer.status_code, answer.headers["etag"]) == (200, '"2"')
    assert (answer.json()["status"], answer.json()["decided_by"]) == ("reported", "bob")
    assert (await seen(bank.approver, status="open"), await seen(bank.auditor, status="reported")) == (
        [],
        [suspicion_id],
    )
    found = await bank.manager("m1").get(f"/v1/suspicions/{suspicion_id}")
    shown = found.json()
    assert (shown["text"], shown["reason"], shown["reference"]) == (
        "Bargeld in Taschen",
        "klarer Fall",
        "AML-7",
    )
    assert (shown["reported_by"], shown["customer_id"], found.headers["etag"]) == ("m1", "c1", '"2"')
    again = await bank.approver.post(f"/v1/suspicions/{suspicion_id}/decide", json=VERDICT)
    assert (again.status_code, again.json()["rule"]) == (409, "suspicion-is-open")


async def test_nobody_else_learns_that_there_is_one(bank: Bank) -> None:
    await bank.assign("c1", bank.past, m1="0.5", m2="0.5")
    version = (await bank.admin.get("/v1/customers/c1")).headers["etag"]
    suspicion_id = await report(bank, bank.manager("m1"))
    of_ann = await report(bank, bank.assigner)
    nothing = "s-nothing"
    for caller in (bank.manager("m2"), bank.service.client(Role.ASSIGNER, subject="zoe")):
        assert await seen(caller) == []
        known, unknown = [await caller.get(f"/v1/suspicions/{one}") for one in (suspicion_id, nothing)]
        assert said(known, suspicion_id) == said(unknown, nothing)
        assert known.status_code == 404
        denied = [
            await caller.post(f"/v1/suspicions/{one}/decide", json=VERDICT) for one in (suspicion_id, nothing)
        ]
        assert said(denied[0], suspicion_id) == said(denied[1], nothing)
    assert (await seen(bank.manager("m1")), await seen(bank.assigner)) == ([suspicion_id], [of_ann])
    for caller in (bank.approver, bank.auditor, bank.admin):
        assert await seen(caller) == [suspicion_id, of_ann]
    assert (await bank.accountant.get("/v1/suspicions")).status_code == 403
    assert (await bank.admin.get("/v1/customers/c1")).headers["etag"] == version
    assert await duties(bank.admin) == []
    await bank.service.caught_up()
    published = await bank.service.published("assignment.events")
    assert not any(b"uspicion" in repr(tuple(record)).encode() for record in published)


async def test_nobody_decides_on_what_they_reported_admin_included(bank: Bank) -> None:
    suspicion_id = await report(bank, bank.approver)
    for role in (Role.APPROVER, Role.ADMIN):
        caller = bank.service.client(role, subject="bob")
        answer = await caller.post(f"/v1/suspicions/{suspicion_id}/decide", json=VERDICT)
        assert (answer.status_code, answer.json()["rule"]) == (409, "four-eyes")
    dismissed = {"decision": "dismissed", "reason": "Lohn"}
    assert (await bank.admin.post(f"/v1/suspicions/{suspicion_id}/decide", json=dismissed)).status_code == 200
    assert await seen(bank.approver, status="dismissed") == [suspicion_id]
    assert (await bank.admin.post("/v1/suspicions/none/decide", json=dismissed)).status_code == 404


async def test_a_manager_reports_on_the_own_customers_only(bank: Bank) -> None:
    body = {"observed_on": bank.past.isoformat(), "text": "x"}
    caller, nobody = bank.manager("m1"), "/v1/customers/c9/suspicions"
    assert said(await caller.post(PATH, json=body), "c1") == said(await caller.post(nobody, json=body), "c9")
    assert (await bank.assigner.post(nobody, json=body)).status_code == 404
    assert (await bank.auditor.post(PATH, json=body)).status_code == 403


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"observed_on": "2100-01-01", "text": "x"}, 409, "observed_on"),
        ({"observed_on": "2026-01-01"}, 422, "text"),
        ({"observed_on": "2026-01-01", "text": " "}, 422, "text"),
        ({"observed_on": "2026-01-01", "text": "x\u0000"}, 422, "text"),
    ],
)
async def test_what_is_wrong_is_named(bank: Bank, body: dict[str, str], status: int, field: str) -> None:
    answer = await bank.assigner.post(PATH, json=body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (status, field)


async def test_the_words_lie_nowhere_open_and_are_gone_with_the_key(bank: Bank) -> None:
    key = {"Idempotency-Key": "k"}
    body = {"observed_on": bank.past.isoformat(), "text": "Bargeld in Taschen"}
    with capture_logs() as logged:
        made = await bank.assigner.post(PATH, json=body, headers=key)
        again = await bank.assigner.post(PATH, json=body, headers=key)
        suspicion_id = made.json()["suspicion_id"]
        decided = await bank.approver.post(f"/v1/suspicions/{suspicion_id}/decide", json=VERDICT, headers=key)
    assert made.content == again.content
    assert decided.status_code == 200
    tables = ("event", "suspicion", "receipt")
    kept = str([await bank.service.rows(f"SELECT * FROM {table}") for table in tables])
    for word in ("Bargeld", "klarer"):
        assert word not in kept + str(logged) + made.text + decided.text
    async with bank.service.database.begin() as connection:
        await erase(connection, "customer-c1")
    [item] = (await bank.approver.get("/v1/suspicions")).json()["items"]
    assert (item["text"], item["reason"]) == (None, None)
    refused = await bank.assigner.post(PATH, json=body)
    assert (refused.status_code, refused.json()["rule"]) == (409, "personal-data-is-kept")
    assert await bank.service.verify() is None


async def test_suspicions_come_in_pages(bank: Bank) -> None:
    made = [await report(bank, bank.assigner, f"Nr. {number}") for number in range(3)]
    first = (await bank.approver.get("/v1/suspicions", params={"limit": "2"})).json()
    rest = (await bank.approver.get("/v1/suspicions", params={"limit": "2", "cursor": first["next"]})).json()
    assert [one["suspicion_id"] for one in first["items"] + rest["items"]] == made
    assert rest["next"] is None
