"""What is known of customers: where they belong, their tier, their personal data and its erasure."""

from datetime import timedelta
from typing import Any

import orjson
import pytest

from shared.contracts import ledger
from shared.contracts.envelope import CloudEvent
from shared.kernel.books import STOCKS, Line
from tests.integration.assignment.bank import Bank

PROFILE = {
    "name": "恒瑞纺织",
    "contact": "SECRET-CONTACT",
    "phone": "SECRET-PHONE",
    "email": "secret@example.org",
    "identity_number": "SECRET-NUMBER",
}


async def test_only_their_managers_auditors_and_admins_read_a_customers_personal_data(bank: Bank) -> None:
    assert (await bank.assign("c1", bank.today, m1="1")).status_code == 200
    written = await bank.manager("m1").put("/v1/customers/c1/profile", json=PROFILE)
    assert written.json() == {"customer_id": "c1", "fields": sorted(PROFILE)}
    for caller in (bank.manager("m1"), bank.auditor, bank.admin):
        assert (await caller.get("/v1/customers/c1")).json()["profile"] == PROFILE
    for caller in (bank.assigner, bank.approver, bank.accountant):
        shown = (await caller.get("/v1/customers/c1")).json()
        assert (shown["name"], shown["profile"]) == ("恒**", None)
    assert (await bank.manager("m2").put("/v1/customers/c1/profile", json=PROFILE)).status_code == 404
    assert (await bank.assigner.put("/v1/customers/c1/profile", json=PROFILE)).status_code == 403


async def test_planted_personal_data_is_in_no_event_no_receipt_no_message_and_no_log(
    bank: Bank, capsys: pytest.CaptureFixture[str]
) -> None:
    await bank.assign("c1", bank.today, m1="1")
    key = {"Idempotency-Key": "profile-1"}
    assert (
        await bank.manager("m1").put("/v1/customers/c1/profile", json=PROFILE, headers=key)
    ).status_code == 200
    refused = await bank.admin.put("/v1/customers/c9/profile", json=PROFILE)
    malformed = await bank.admin.put("/v1/customers/c1/profile", json={**PROFILE, "phone": "SECRET\0PHONE"})
    assert (refused.status_code, malformed.status_code) == (404, 422)
    await bank.service.caught_up()
    told = await bank.service.published("assignment.events")
    stored = await bank.service.rows(
        "SELECT data || metadata || cause || actor FROM event UNION ALL SELECT row_to_json(receipt)::text FROM receipt"
    )
    tables = await bank.service.rows("SELECT row_to_json(customer)::text FROM customer")
    everything = "\n".join(
        [
            *(row[0] for row in (*stored, *tables)),
            *(message.value.decode() for message in told),
            refused.text,
            malformed.text,
            *capsys.readouterr(),
        ]
    )
    for planted in (*PROFILE.values(), "secret", "SECRET"):
        assert planted not in everything


async def test_erasing_personal_data_leaves_timeline_history_and_replay_as_they_were(bank: Bank) -> None:
    await bank.assign("c1", bank.today, m1="1")
    await bank.manager("m1").put("/v1/customers/c1/profile", json=PROFILE)
    before = (await bank.auditor.get("/v1/customers/c1/assignments")).json()
    assert (
        await bank.assigner.post("/v1/customers/c1/erasure", json={"reason": "asked for"})
    ).status_code == 403
    for _ in range(2):
        erased = await bank.approver.post("/v1/customers/c1/erasure", json={"reason": "asked for"})
        assert (erased.status_code, erased.json()) == (200, {"customer_id": "c1", "erased": True})
    for caller in (bank.auditor, bank.manager("m1")):
        shown = (await caller.get("/v1/customers/c1")).json()
        assert (shown["name"], shown["profile"]) == (None, None)
    assert (await bank.auditor.get("/v1/customers/c1/assignments")).json() == before
    again = await bank.manager("m1").put("/v1/customers/c1/profile", json=PROFILE)
    assert (again.status_code, again.json()["rule"]) == (409, "personal-data-is-kept")
    assert (await bank.assign("c1", bank.today, m2="1")).status_code == 200
    history = (await bank.auditor.get("/v1/customers/c1/history")).json()["items"]
    assert [one["type"] for one in history].count("PersonalDataErased") == 1
    assert await bank.service.verify() is None
    assert await bank.service.replay() > 0
    assert (await bank.auditor.get("/v1/customers/c1")).json()["name"] is None


async def test_where_a_customer_belongs_may_change_and_history_says_so(bank: Bank) -> None:
    body = {"kind": "institution", "region": "Xihu", "industry": "schools", "branch_id": "b2"}
    assert (await bank.assigner.put("/v1/customers/c1/particulars", json=body)).json() == body
    shown = (await bank.auditor.get("/v1/customers/c1")).json()
    assert {name: shown[name] for name in body} == body
    yesterday = (bank.today - timedelta(days=1)).isoformat()
    before = (await bank.auditor.get("/v1/customers/c1", params={"as_of": yesterday})).json()
    assert (before["region"], before["branch_id"]) == ("Donghu", "b1")
    [listed] = (await bank.auditor.get("/v1/customers", params={"as_of": yesterday})).json()["items"]
    assert listed == {name: before[name] for name in listed}
    [listed] = (await bank.auditor.get("/v1/customers")).json()["items"]
    assert listed["region"] == "Xihu"
    now = (await bank.auditor.get("/v1/customers/c1", params={"as_of": bank.today.isoformat()})).json()
    assert {name: now[name] for name in body} == body
    history = (await bank.auditor.get("/v1/customers/c1/history")).json()["items"]
    assert [one["type"] for one in history] == ["CustomerRegistered", "CustomerMoved"]
    assert (await bank.auditor.get("/v1/customers/c9/history")).status_code == 404
    assert (await bank.manager("m1").get("/v1/customers/c1/history")).status_code == 404


async def test_a_tier_changes_when_another_person_approves(bank: Bank) -> None:
    proposed = await bank.assigner.post("/v1/customers/c1/tier", json={"tier": "platinum", "reason": "grows"})
    assert proposed.status_code == 202
    assert (await bank.auditor.get("/v1/customers/c1")).json()["tier"] == "gold"
    proposal = f"/v1/proposals/{proposed.json()['proposal_id']}/approve"
    assert (await bank.approver.post(proposal)).status_code == 200
    assert (await bank.auditor.get("/v1/customers/c1")).json()["tier"] == "platinum"


def result(customer_id: str, month: str, deposits: str, brought: str, products: list[str]) -> CloudEvent:
    data: dict[str, Any] = {
        "customer_id": customer_id,
        "period": month,
        "lines": {line.value: brought if line is Line.FEE_INCOME else "0.00" for line in Line},
        "stocks": {STOCKS[0].value: deposits, STOCKS[1].value: "0.00"},
        "products": products,
    }
    event_id = f"result-{month}~customer~{customer_id}"
    return CloudEvent(event_id, "CustomerResultStated", "ledger", orjson.dumps(data), subject=customer_id)


def closed(month: str) -> CloudEvent:
    data = {
        "period": month,
        "entries": 1,
        "managers": 1,
        "departments": 1,
        "customers": 1,
        "trued_up": [],
        "lines": {line.value: "0.00" for line in Line},
        "computed_from": {"positions": {"0": 1}, "hash": "00"},
    }
    return CloudEvent(f"close-{month}", "PeriodClosed", "ledger", orjson.dumps(data), subject="bank")


def loan(
    number: int, loan_id: str, loan_class: str, *, is_closed: bool = False, day: str = "2026-02-01"
) -> CloudEvent:
    data = {
        "entry_id": f"e{number}",
        "cause": {"id": f"e{number}", "type": "LoanReclassified", "source": "core-banking"},
        "business_date": day,
        "period": day[:7],
        "lines": {},
        "books": {"manager": {}, "department": {}},
        "customer_id": "c1",
        "loan": {
            "loan_id": loan_id,
            "loan_class": loan_class,
            "outstanding": "5.00",
            "held": "0.00",
            "closed": is_closed,
        },
    }
    place = {"ledgerposition": f"0-{number}"}
    return CloudEvent(
        f"e{number}", "EntryBooked", "ledger", orjson.dumps(data), subject="c1", extensions=place
    )


def month(period: str, deposits: str, brought: str, products: list[str]) -> dict[str, object]:
    figures = {"deposits": deposits, "loans": "0.00", "contribution": brought}
    return {"period": period, **figures, "products": products}


async def test_the_register_is_fed_by_the_ledgers_results_and_loan_classes(bank: Bank) -> None:
    await bank.assign("c1", bank.today, m1="1")
    await bank.welcome("c2", "盛源机械")
    assert ledger.TOPIC == "ledger.events"
    await bank.service.publish(
        ledger.TOPIC,
        result("c1", "2026-01", "100.00", "7.00", ["DEM"]),
        closed("2026-01"),
        result("c1", "2026-02", "150.00", "3.00", ["AGT", "DEM"]),
        result("c1", "2026-02", "150.00", "3.00", ["AGT", "DEM"]),
        closed("2026-02"),
        loan(1, "l1", "normal"),
        loan(2, "l2", "substandard"),
        loan(3, "l1", "normal"),
        loan(4, "l3", "loss", is_closed=True),
        loan(5, "l1", "special_mention"),
        loan(3, "l1", "normal"),  # comes again, late
        loan(5, "l1", "special_mention"),
    )
    await bank.service.caught_up()
    found = (await bank.manager("m1").get("/v1/customers/c1/register")).json()
    assert found["months"] == [
        month("2026-02", "150.00", "3.00", ["AGT", "DEM"]),
        month("2026-01", "100.00", "7.00", ["DEM"]),
    ]
    assert [(one["loan_id"], one["loan_class"], one["closed"]) for one in found["open_loans"]] == [
        ("l1", "special_mention", False),
        ("l2", "substandard", False),
        ("l3", "loss", True),
    ]
    entry = {
        "customer_id": "c1",
        "tier": "gold",
        "loan_class": "substandard",
        "deposits": "150.00",
        "loans": "0.00",
        "deposit_trend": "growing",
        "loan_trend": "steady",
        "contribution": "10.00",
    }
    assert {name: found[name] for name in entry} == entry
    assert (await bank.manager("m1").get("/v1/register")).json()["items"] == [entry]
    everybody = (await bank.auditor.get("/v1/register")).json()["items"]
    assert [one["customer_id"] for one in everybody] == ["c1", "c2"]
    assert everybody[1]["contribution"] == "0.00"
    assert (await bank.manager("m2").get("/v1/customers/c1/register")).status_code == 404
    assert await bank.service.rows("SELECT count(*) FROM event WHERE type = 'LoanClassNoted'") == [(4,)]
    assert await bank.service.verify() is None


async def test_the_register_is_asked_as_of_a_day(bank: Bank) -> None:
    await bank.service.publish(
        ledger.TOPIC,
        result("c1", "2026-01", "100.00", "7.00", ["DEM"]),
        closed("2026-01"),
        loan(1, "l1", "normal"),
        result("c1", "2026-02", "150.00", "3.00", ["DEM"]),
        closed("2026-02"),
        loan(2, "l1", "substandard", day="2026-02-20"),
        loan(3, "l2", "loss", day="2026-03-02", is_closed=True),
    )
    await bank.service.caught_up()
    proposed = await bank.assigner.post("/v1/customers/c1/tier", json={"tier": "platinum", "reason": "grows"})
    await bank.approver.post(f"/v1/proposals/{proposed.json()['proposal_id']}/approve")

    async def asked(day: str) -> tuple[object, ...]:
        [entry] = (await bank.auditor.get("/v1/register", params={"as_of": day})).json()["items"]
        found = (await bank.auditor.get("/v1/customers/c1/register", params={"as_of": day})).json()
        assert {name: found[name] for name in entry} == entry
        figures = tuple(
            entry[name] for name in ("deposits", "deposit_trend", "contribution", "loan_class", "tier")
        )
        return (*figures, len(found["months"]), len(found["open_loans"]))

    assert await asked("2026-01-30") == ("0.00", "steady", "0.00", None, "gold", 0, 0)
    assert await asked("2026-01-31") == ("100.00", "steady", "7.00", None, "gold", 1, 0)
    assert await asked("2026-02-01") == ("100.00", "steady", "7.00", "normal", "gold", 1, 1)
    assert await asked("2026-02-28") == ("150.00", "growing", "10.00", "substandard", "gold", 2, 1)
    assert await asked(bank.today.isoformat()) == (
        "150.00",
        "growing",
        "10.00",
        "substandard",
        "platinum",
        2,
        2,
    )


async def test_as_long_as_no_month_is_closed_no_tier_is_suggested(bank: Bank) -> None:
    assert (await bank.assigner.get("/v1/tier-review")).json()["items"] == []


async def test_the_tiers_that_contribution_suggests_are_proposed_together_and_approved_as_a_whole(
    bank: Bank,
) -> None:
    for customer_id in ("c2", "c3"):
        await bank.welcome(customer_id)
    await bank.service.publish(
        ledger.TOPIC,
        result("c1", "2026-01", "0.00", "90.00", []),
        result("c2", "2026-01", "0.00", "9.00", []),
        closed("2026-01"),
    )
    await bank.service.caught_up()
    review = (await bank.assigner.get("/v1/tier-review")).json()["items"]
    assert [(one["customer_id"], one["suggested_tier"], one["contribution"]) for one in review] == [
        ("c1", "platinum", "90.00"),
        ("c2", "silver", "9.00"),
        ("c3", "basic", "0.00"),
    ]
    refused = await bank.assigner.post("/v1/tier-review", json={"customer_ids": ["c9"]})
    assert (refused.status_code, refused.json()["rule"]) == (409, "tier-is-suggested")
    proposed = await bank.assigner.post("/v1/tier-review", json={})
    approve = f"/v1/proposals/{proposed.json()['proposal_id']}/approve"
    assert (await bank.service.client("approver", subject="ann").post(approve)).status_code == 409
    assert (await bank.approver.post(approve)).status_code == 200
    assert (await bank.assigner.get("/v1/tier-review")).json()["items"] == []
    none = await bank.assigner.post("/v1/tier-review", json={})
    assert (none.status_code, none.json()["rule"]) == (409, "changes-are-few")
