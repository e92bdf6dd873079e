"""Know-your-customer reviews over HTTP: who records them, who reads them."""

from datetime import date, timedelta

import pytest

from shared.infrastructure.sealed import erase
from tests.integration.assignment.bank import Bank
from tests.integration.assignment.compliance.deposits import said

PATH = "/v1/customers/c1/reviews"


def review(day: date, rating: str = "low", **more: str) -> dict[str, str]:
    return {"reviewed_on": day.isoformat(), "risk_rating": rating, **more}


async def test_a_review_says_when_the_next_is_due(bank: Bank) -> None:
    never = (await bank.auditor.get(PATH)).json()
    assert (never["items"], never["next"]) == ([], None)
    assert never["next_due_on"] > (bank.today + timedelta(days=360)).isoformat()
    made = await bank.assigner.post(PATH, json=review(date(2024, 2, 29), "medium"))
    assert (made.status_code, made.headers["etag"]) == (201, '"1"')
    assert made.json().pop("review_id")
    assert made.json()["next_due_on"] == "2025-02-28"
    await bank.approver.post(PATH, json=review(date(2026, 8, 31), "high", note="met at home"))
    found = (await bank.auditor.get(PATH)).json()
    assert (found["customer_id"], found["next_due_on"]) == ("c1", "2027-02-28")
    shown = [(one["risk_rating"], one["reviewed_on"], one["actor"], one["note"]) for one in found["items"]]
    assert shown == [("medium", "2024-02-29", "ann", None), ("high", "2026-08-31", "bob", "met at home")]
    page = (await bank.auditor.get(PATH, params={"limit": "1"})).json()
    rest = (await bank.auditor.get(PATH, params={"limit": "1", "cursor": page["next"]})).json()
    assert page["items"] + rest["items"] == found["items"]
    await bank.service.caught_up()
    records = await bank.service.published("assignment.events")
    told = [record for record in records if record.headers["ce_type"] == b"CustomerReviewed"]
    assert [record.key for record in told] == [b"c1", b"c1"]
    assert not any(b"sealed" in record.value for record in told)


async def test_the_responsible_manager_reviews_but_for_high_risks(bank: Bank) -> None:
    await bank.assign("c1", bank.past, m1="0.6", m2="0.4")
    own = bank.manager("m1")
    assert (await own.post(PATH, json=review(bank.past))).status_code == 201
    for caller in (own, bank.assigner):
        high = await caller.post(PATH, json=review(bank.today, "high"))
        assert (high.status_code, high.json()["rule"]) == (409, "high-risk-is-approved")
    other = await bank.manager("m2").post(PATH, json=review(bank.today))
    assert (other.status_code, other.json()["rule"]) == (409, "responsible-manager-acts")
    assert (await bank.approver.post(PATH, json=review(bank.today, "high"))).status_code == 201


async def test_to_a_manager_foreign_customers_are_as_unknown_ones(bank: Bank) -> None:
    caller, nobody = bank.manager("m1"), "/v1/customers/c9/reviews"
    assert said(await caller.get(PATH), "c1") == said(await caller.get(nobody), "c9")
    body = review(bank.today)
    assert said(await caller.post(PATH, json=body), "c1") == said(await caller.post(nobody, json=body), "c9")
    assert (await caller.post(PATH, json=body)).status_code == 404
    assert (await bank.approver.get(nobody)).status_code == 404
    for other in (bank.accountant, bank.auditor):
        assert (await other.post(PATH, json=body)).status_code == 403


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"reviewed_on": "2100-01-01", "risk_rating": "low"}, 409, "reviewed_on"),
        ({"reviewed_on": "2026-01-01", "risk_rating": "none"}, 422, "risk_rating"),
        ({"risk_rating": "low"}, 422, "reviewed_on"),
    ],
)
async def test_what_is_wrong_is_named(bank: Bank, body: dict[str, str], status: int, field: str) -> None:
    answer = await bank.approver.post(PATH, json=body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (status, field)


async def test_a_review_lies_behind_the_last(bank: Bank) -> None:
    assert (await bank.approver.post(PATH, json=review(bank.past))).status_code == 201
    again = await bank.approver.post(PATH, json=review(bank.past))
    assert (again.status_code, again.json()["rule"]) == (409, "review-is-newer")


async def test_a_note_lies_nowhere_open_and_is_gone_with_the_key(bank: Bank) -> None:
    await bank.assign("c1", bank.past, m1="1")
    key = {"Idempotency-Key": "k"}
    body = review(bank.today, note="unterwegs")
    first = await bank.approver.post(PATH, json=body, headers=key)
    assert (await bank.approver.post(PATH, json=body, headers=key)).content == first.content
    callers = (bank.admin, bank.manager("m1"), bank.approver)
    notes = [(await caller.get(PATH)).json()["items"][0]["note"] for caller in callers]
    assert notes == ["unterwegs", "unterwegs", None]
    kept = [await bank.service.rows(f"SELECT * FROM {table}") for table in ("event", "review", "receipt")]
    assert "unterwegs" not in str(kept)
    async with bank.service.database.begin() as connection:
        await erase(connection, "customer-c1")
    assert (await bank.admin.get(PATH)).json()["items"][0]["note"] is None
    assert await bank.service.verify() is None
