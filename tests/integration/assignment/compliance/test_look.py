"""The day's end: by itself, by hand, by several at once, it does what is to be done once."""

import asyncio
from datetime import date, timedelta

import pytest
from prometheus_client import REGISTRY

from services.assignment.api.compliance import look as looking
from services.assignment.main import define
from tests.integration.assignment.bank import Bank
from tests.integration.assignment.compliance.deposits import duties, post, posted
from tests.support.databases import fresh_name
from tests.support.services import running_service

OLD = date(2026, 7, 1)


async def look(bank: Bank, day: date | None = None) -> tuple[int, int]:
    """How many duties a look by hand raised and breached."""
    body = {} if day is None else {"day": day.isoformat()}
    answer = await bank.approver.post("/v1/duties/look", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()["raised"], answer.json()["breached"]


async def reviewed(bank: Bank, customer_id: str, day: date) -> None:
    body = {"reviewed_on": day.isoformat(), "risk_rating": "high"}
    assert (await bank.approver.post(f"/v1/customers/{customer_id}/reviews", json=body)).status_code == 201


def overdue(kind: str) -> float | None:
    return REGISTRY.get_sample_value("dualbook_assignment_duties_overdue", {"kind": kind})


async def test_what_was_not_done_by_its_day_is_breached_on_the_next(bank: Bank) -> None:
    await bank.assign("c1", OLD, m1="1")
    await post(bank, posted("c1", OLD, "60000.00"))
    [duty] = await duties(bank.admin)
    due = date.fromisoformat(duty["due_on"])
    assert await look(bank, due) == (0, 0)
    assert await look(bank, due + timedelta(days=1)) == (0, 1)
    assert await look(bank, due + timedelta(days=1)) == await look(bank) == (0, 0)
    [duty] = await duties(bank.admin)
    assert (duty["status"], duty["breach"]) == ("breached", {"manager_id": "m1", "serious": True})


async def test_a_review_that_falls_due_is_asked_for_thirty_days_before(bank: Bank) -> None:
    for number in range(2, 5):
        await bank.welcome(f"c{number}")
    await reviewed(bank, "c1", date(2026, 3, 2))  # due 2026-09-02
    await reviewed(bank, "c2", date(2026, 3, 3))
    assert await look(bank, date(2026, 8, 2)) == (0, 0)
    assert await look(bank, date(2026, 8, 3)) == (1, 0)
    assert await look(bank, date(2026, 8, 3)) == (0, 0)
    assert await look(bank, date(2026, 9, 3)) == (1, 1)
    [first, second] = await duties(bank.admin)
    assert (first["duty_id"], first["due_on"], first["status"]) == ("review:c1:2", "2026-09-02", "breached")
    assert (second["duty_id"], second["due_on"], second["raised_on"]) == (
        "review:c2:2",
        "2026-09-03",
        "2026-09-03",
    )
    assert first["breach"] == {"manager_id": None, "serious": False}


async def test_who_was_never_reviewed_is_asked_for_after_the_months_of_the_day_of_registration(
    bank: Bank,
) -> None:
    await bank.service.execute("UPDATE review_due SET registered_on = date '2025-08-31'")
    terms = {"review_months": {"medium": 6}}
    assert (await bank.approver.put("/v1/policies/2025-08-31", json=terms)).status_code == 200
    assert await look(bank, date(2026, 1, 28)) == (0, 0)
    assert await look(bank, date(2026, 1, 29)) == (1, 0)
    [duty] = await duties(bank.admin)
    assert (duty["duty_id"], duty["reason"]) == ("review:c1:1", "review due on 2026-02-28")


async def test_reviews_do_their_duty_and_ask_for_the_next(bank: Bank) -> None:
    await reviewed(bank, "c1", date(2026, 3, 2))
    await look(bank, date(2026, 8, 20))
    refused = await bank.approver.post(
        "/v1/duties/review:c1:2/done", json={"done_on": bank.today.isoformat()}
    )
    assert (refused.status_code, refused.json()["rule"]) == (409, "review-does-it")
    await reviewed(bank, "c1", date(2026, 9, 1))
    [duty] = await duties(bank.admin)
    assert (duty["status"], duty["done_on"], duty["in_time"]) == ("done", "2026-09-01", True)
    assert await look(bank, date(2026, 9, 5)) == (0, 0)
    assert await bank.service.verify() is None


async def test_a_look_is_for_approvers_and_for_no_day_to_come(bank: Bank) -> None:
    for caller in (bank.assigner, bank.auditor, bank.manager("m1")):
        assert (await caller.post("/v1/duties/look", json={})).status_code == 403
    tomorrow = (bank.today + timedelta(days=1)).isoformat()
    answer = await bank.admin.post("/v1/duties/look", json={"day": tomorrow})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "day")
    assert (await bank.admin.post("/v1/duties/look")).json() == {"raised": 0, "breached": 0, "missed": 0}


async def test_a_look_repeated_under_its_key_gets_its_first_answer(bank: Bank) -> None:
    await post(bank, posted("c1", OLD, "60000.00"))
    key = {"Idempotency-Key": "end-of-day"}
    first = await bank.approver.post("/v1/duties/look", json={}, headers=key)
    again = await bank.approver.post("/v1/duties/look", json={}, headers=key)
    assert first.json() == again.json() == {"raised": 0, "breached": 1, "missed": 0}


async def test_many_customers_are_worked_in_parts(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "MOST_TOGETHER", 7)
    await post(bank, *(posted(f"k{number}", OLD, "60000.00") for number in range(30)))
    assert await look(bank) == (0, 30)
    assert await look(bank) == (0, 0)
    before = await bank.service.digests()
    assert await bank.service.verify() is None
    await bank.service.replay()
    assert await bank.service.digests() == before


async def test_looks_at_once_double_nothing_and_it_happens_by_itself(postgres_url: str) -> None:
    database, log = fresh_name("assignment"), fresh_name("log")
    async with running_service(define, postgres_url, database=database, log_database=log) as service:
        bank = Bank(service)
        await bank.welcome("c1")
        await reviewed(bank, "c1", date(2026, 3, 2))
        await post(bank, *(posted(f"k{number}", OLD, "60000.00") for number in range(30)))
        counts = await asyncio.gather(*(look(bank, date(2026, 8, 15)) for _ in range(5)))
        assert (sum(raised for raised, _ in counts), sum(breached for _, breached in counts)) == (1, 30)
        await post(bank, posted("late", OLD, "60000.00"))
    async with running_service(define, postgres_url, database=database, log_database=log) as service:
        bank = Bank(service)
        async with asyncio.timeout(20):
            while await duties(bank.admin, status="open") or overdue("customer-review") != 1.0:  # noqa: ASYNC110  # the task's work
                await asyncio.sleep(0.05)
        assert len(await duties(bank.admin, status="breached", limit="1000")) == 32
        assert overdue("large-value-report") == 31.0
        assert (await service.service.readiness())["duties"] == "ok"
        assert await service.verify() is None
