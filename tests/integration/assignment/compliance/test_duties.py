"""Duties over HTTP: who sees them, who does them, and that they move along with the customer."""

from datetime import date, timedelta
from typing import Any

import pytest

from services.assignment.domain.business_day import after_business_days
from services.assignment.views.compliance.duty import OpenDuty, open_duties
from shared.infrastructure.auth import Role
from shared.infrastructure.sealed import erase
from tests.integration.assignment.bank import Bank
from tests.integration.assignment.compliance.deposits import duties, post, posted, said

OLD = date(2026, 7, 1)


async def raised(bank: Bank, customer_id: str = "c1", day: date = OLD) -> str:
    """The duty to report a large day."""
    await post(bank, posted(customer_id, day, "60000.00"))
    return f"large-value:{customer_id}:{day}"


def done(day: date, **more: str) -> dict[str, str]:
    return {"done_on": day.isoformat(), **more}


async def test_the_responsible_manager_does_a_duty_in_time(bank: Bank) -> None:
    await bank.assign("c1", OLD, m1="0.6", m2="0.4")
    duty_id = await raised(bank)
    body = done(OLD + timedelta(days=1), note="sent to the centre")
    answer = await bank.manager("m1").post(f"/v1/duties/{duty_id}/done", json=body)
    assert (answer.status_code, answer.headers["etag"]) == (200, '"2"')
    assert answer.json() == {
        "duty_id": duty_id,
        "kind": "large-value-report",
        "customer_id": "c1",
        "done_on": "2026-07-02",
        "manager_id": "m1",
        "in_time": True,
    }
    found = await bank.manager("m2").get(f"/v1/duties/{duty_id}")
    assert (found.json()["status"], found.json()["note"], found.headers["etag"]) == (
        "done",
        "sent to the centre",
        '"2"',
    )
    again = await bank.approver.post(f"/v1/duties/{duty_id}/done", json=body)
    assert (again.status_code, again.json()["rule"]) == (409, "duty-is-outstanding")


async def test_a_late_duty_is_breached_and_stays_so_when_it_is_done(bank: Bank) -> None:
    due = after_business_days(OLD, 5)
    await bank.assign("c1", OLD, m1="1")
    await bank.assign("c1", due + timedelta(days=1), m2="1")
    duty_id = await raised(bank)
    answer = await bank.manager("m2").post(f"/v1/duties/{duty_id}/done", json=done(bank.today))
    assert (answer.json()["in_time"], answer.json()["manager_id"]) == (False, "m2")
    [duty] = await duties(bank.admin, status="breached")
    assert duty["breach"] == {"manager_id": "m1", "serious": True}
    assert (duty["done_on"], duty["in_time"], duty["manager_id"]) == (bank.today.isoformat(), False, "m2")
    assert await duties(bank.admin, status="done") == []
    await bank.service.caught_up()
    records = await bank.service.published("assignment.events")
    told = [record.headers["ce_type"] for record in records if record.headers["ce_type"].startswith(b"Duty")]
    assert told == [b"DutyRaised", b"DutyBreached", b"DutyDone"]


async def test_a_duty_moves_along_with_its_customer(bank: Bank) -> None:
    await bank.assign("c1", OLD, m1="1")
    duty_id = await raised(bank)
    assert [one["duty_id"] for one in await duties(bank.manager("m1"))] == [duty_id]
    await bank.assign("c1", bank.today, m2="1")
    assert await duties(bank.manager("m1")) == []
    assert [one["manager_id"] for one in await duties(bank.manager("m2"))] == ["m2"]
    former, nobody = bank.manager("m1"), "large-value:c9:2026-07-01"
    for path in ("", "/done"):
        method = former.get if not path else lambda url: former.post(url, json=done(bank.today))
        known, unknown = (
            await method(f"/v1/duties/{duty_id}{path}"),
            await method(f"/v1/duties/{nobody}{path}"),
        )
        assert said(known, duty_id) == said(unknown, nobody)
        assert known.status_code == 404


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"done_on": "2026-06-30"}, 409, "done_on"),
        ({"done_on": "2100-01-01"}, 409, "done_on"),
        ({"done_on": "soon"}, 422, "done_on"),
        ({}, 422, "done_on"),
        ({"done_on": "2026-07-02", "note": "x" * 2001}, 422, "note"),
    ],
)
async def test_what_is_wrong_is_named(bank: Bank, body: dict[str, str], status: int, field: str) -> None:
    duty_id = await raised(bank)
    answer = await bank.approver.post(f"/v1/duties/{duty_id}/done", json=body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (status, field)


async def test_a_manager_with_a_smaller_share_sees_the_duty_and_does_not_do_it(bank: Bank) -> None:
    await bank.assign("c1", OLD, m1="0.6", m2="0.4")
    duty_id = await raised(bank)
    caller = bank.manager("m2")
    assert (await caller.get(f"/v1/duties/{duty_id}")).status_code == 200
    answer = await caller.post(f"/v1/duties/{duty_id}/done", json=done(bank.today))
    assert (answer.status_code, answer.json()["rule"]) == (409, "responsible-manager-acts")
    for role in (Role.ASSIGNER, Role.AUDITOR, Role.ACCOUNTANT):
        other = bank.service.client(role, subject="zoe")
        assert (await other.post(f"/v1/duties/{duty_id}/done", json=done(bank.today))).status_code == 403


async def test_duties_are_listed_by_due_day_in_pages_and_by_what_one_wants(bank: Bank) -> None:
    await bank.welcome("c2")
    await bank.assign("c1", OLD, m1="0.5", m2="0.5")
    await bank.assign("c2", OLD, m2="1")
    for customer_id, day in (("c2", 3), ("c1", 1), ("c1", 2), ("c2", 8)):
        await raised(bank, customer_id, date(2026, 7, day))
    whole = await duties(bank.admin)
    assert [one["due_on"] for one in whole] == sorted(one["due_on"] for one in whole)
    seen: list[Any] = []
    cursor = ""
    while cursor is not None:
        query = {"limit": "3", **({"cursor": cursor} if cursor else {})}
        page = (await bank.auditor.get("/v1/duties", params=query)).json()
        seen += [one["duty_id"] for one in page["items"]]
        cursor = page["next"]
    assert seen == [one["duty_id"] for one in whole]
    assert len(await duties(bank.admin, customer_id="c2")) == 2
    assert len(await duties(bank.admin, manager_id="m1")) == 2  # of equal shares, the smaller id answers
    assert len(await duties(bank.admin, manager_id="m2")) == 2
    assert len(await duties(bank.manager("m2"))) == 4
    assert len(await duties(bank.manager("m2"), manager_id="m2")) == 2
    assert len(await duties(bank.admin, due_by=whole[1]["due_on"])) == 2
    assert await duties(bank.admin, kind="customer-review") == []
    assert len(await duties(bank.admin, kind="large-value-report", status="open")) == 4
    for query in ({"status": "lost"}, {"cursor": "xx"}, {"cursor": "WyIyMDI2IiwiIl0"}, {"due_by": "soon"}):
        assert (await bank.admin.get("/v1/duties", params=query)).status_code == 422


async def test_a_note_is_read_by_auditors_and_those_who_look_after_the_customer_and_lies_nowhere_open(
    bank: Bank,
) -> None:
    await bank.assign("c1", OLD, m1="1")
    duty_id = await raised(bank)
    body, key = done(bank.today, note="unterwegs"), {"Idempotency-Key": "k"}
    first = await bank.approver.post(f"/v1/duties/{duty_id}/done", json=body, headers=key)
    again = await bank.approver.post(f"/v1/duties/{duty_id}/done", json=body, headers=key)
    assert (first.status_code, first.content) == (again.status_code, again.content)
    callers = (bank.admin, bank.auditor, bank.manager("m1"), bank.approver, bank.assigner)
    notes = [(await caller.get(f"/v1/duties/{duty_id}")).json()["note"] for caller in callers]
    assert notes == ["unterwegs"] * 3 + [None] * 2
    await bank.service.caught_up()
    kept = [await bank.service.rows(f"SELECT * FROM {table}") for table in ("event", "duty", "receipt")]
    published = await bank.service.published("assignment.events")
    assert "unterwegs" not in str(kept) + str(published)
    assert "sealed" not in str(published)
    async with bank.service.database.begin() as connection:
        await erase(connection, "customer-c1")
    assert (await bank.admin.get(f"/v1/duties/{duty_id}")).json()["note"] is None


async def test_a_handover_finds_what_is_still_to_be_done(bank: Bank) -> None:
    first, second = await raised(bank), await raised(bank, day=date(2026, 7, 2))
    await bank.approver.post(f"/v1/duties/{second}/done", json=done(bank.today))
    async with bank.service.database.read() as connection:
        found = await open_duties(connection, ["c1", "c2"])
        assert await open_duties(connection, []) == []
    assert found == [OpenDuty("large-value-report", first, "c1", after_business_days(OLD, 5))]
