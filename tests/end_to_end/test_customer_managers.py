"""The customer-manager system as those who work with it see it: lives from beginning to end, over HTTP and the log,
and the manager book following every assignment to the fen."""

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import count

import orjson
import pytest

from shared.contracts import appraisal, assignment, core_banking, ledger
from shared.contracts.envelope import CloudEvent
from shared.infrastructure.settings import SERVICES
from tests.end_to_end.office import Office
from tests.support.system import System

pytestmark = pytest.mark.timeout(600)

PLANTED = {"name": "恒瑞纺织", "phone": "PLANTED-PHONE", "identity_number": "PLANTED-NUMBER"}
"""Personal data that must be nowhere in the clear."""

_numbers = count(1)


@pytest.fixture
async def office(system: System) -> Office:
    """An office with its products, and nobody in it yet."""
    opened = Office(system, f"o{next(_numbers)}")
    await opened.open()
    return opened


async def test_the_life_of_a_manager_and_of_a_customer(office: Office) -> None:
    await office.hire(
        "m1",
        grade="assistant",
        hired_on="2026-01-05",
        confirmed_on=None,
        confidentiality_signed_on=None,
    )
    await office.hire("m2")
    await office.welcome("c1")

    unsworn = await office.assign("c1", "2026-02-01", {"m1": "1"})
    assert (unsworn.status_code, unsworn.json()["rule"]) == (409, "confidentiality-is-signed")
    assert (await office.tell("m1", "confidentiality", signed_on="2026-01-06")).status_code == 201
    assert (await office.assign("c1", "2026-02-01", {"m1": "1"})).status_code == 200

    c1 = {"customer_id": "c1", "currency": "CNY"}
    deposit, loan = {**c1, "account_id": "a1", "product_code": "DEM"}, {**c1, "loan_id": "l1"}
    await office.post(1, "DepositPosted", "2026-02-03", **deposit, amount="100000.01")
    await office.post(2, "LoanDisbursed", "2026-03-02", **loan, product_code="TRM", amount="60000.01")
    await office.post(
        3, "FeeCharged", "2026-03-20", **c1, product_code="AGT", kind="intermediary", amount="7.77"
    )
    await office.books_agree("2026-02", "2026-03")

    profile = f"/v1/customers/{office.id('c1')}/profile"
    assert (await office.admin.put(profile, json=PLANTED)).status_code == 200
    unreadable = await office.admin.put(profile, json={**PLANTED, "phone": "PLANTED\0PHONE"})
    assert (unreadable.status_code, "PLANTED" in unreadable.text) == (422, False)

    early = await office.tell("m1", "confirmation", confirmed_on="2026-04-01")
    assert (early.status_code, early.json()["rule"]) == (409, "probation-is-served")
    assert (await office.tell("m1", "confirmation", confirmed_on="2026-04-05")).status_code == 201

    shared = await office.assign("c1", "2026-05-01", {"m1": "0.6", "m2": "0.4"})
    assert shared.status_code == 200
    await office.post(4, "LoanReclassified", "2026-05-09", **loan, product_code="TRM", to_class="doubtful")
    await office.books_agree("2026-05", "2026-Q2")

    late = await office.assign("c1", "2026-03-15", {"m1": "0.3", "m2": "0.7"}, by=office.assigner)
    assert (await office.approve(late)).status_code == 200
    await office.books_agree("2026-03", "2026-05", "2026")

    grade = {"grade": "manager-4", "effective_from": "2026-07-01", "ground": "exam", "reference": "exam 7"}
    missing = await office.tell("m1", "grades", **grade)
    assert (missing.status_code, missing.json()["rule"]) == (409, "requirements-are-met")
    for what in (
        {"kind": "experience", "name": "banking", "obtained_on": "2020-01-01"},
        {"kind": "education", "name": "bachelor", "obtained_on": "2019-07-01"},
    ):
        assert (await office.tell("m1", "qualifications", **what)).status_code == 201
    assert (await office.tell("m1", "grades", **grade)).status_code == 201
    decided = {
        "decision_id": office.id("g1"),
        "manager_id": office.id("m1"),
        "grade": "manager-3",
        "effective_from": "2026-08-01",
        "reason": "four quarters A",
    }
    event = CloudEvent(
        office.id("grade-1"),
        "GradeChangeDecided",
        appraisal.SOURCE,
        orjson.dumps(decided),
        subject=office.id("m1"),
    )
    await office.system.publish(appraisal.TOPIC, event)
    await office.system.settle()
    for day, expected in (
        ("2026-06-30", "assistant"),
        ("2026-07-01", "manager-4"),
        ("2026-08-01", "manager-3"),
    ):
        shown = await office.system.get("assignment", f"/v1/managers/{office.id('m1')}", as_of=day)
        assert shown["grade"] == expected

    moved = {"branch_id": office.id("b9"), "team_id": office.id("t9"), "reason": "agreed"}
    assert (await office.tell("m1", "transfers", **moved, effective_from="2026-06-01")).status_code == 201
    await office.system.settle()
    for period, branch in (("2026-05", "b1"), ("2026-06", "b9")):
        branches = await office.system.get("ledger", "/v1/books/manager/hierarchy", period=period)
        ids = {one["id"] for one in branches["items"]}
        assert (office.id(branch) in ids, office.id("b9") in ids) == (True, branch == "b9")

    leaving = {"departed_on": "2026-09-01", "reason": "resigned"}
    refused = await office.tell("m1", "departure", office.approver, **leaving)
    assert (refused.status_code, refused.json()["rule"]) == (409, "customers-are-handed-over")
    assert (await office.assign("c1", "2026-09-01", {"m2": "1"})).status_code == 200
    assert (await office.tell("m1", "departure", office.approver, **leaving)).status_code == 201
    await office.post(5, "DepositPosted", "2026-09-02", **deposit, amount="-0.02")
    await office.books_agree("2026-08", "2026-09", "2026-Q3", "2026")

    await nothing_planted_is_found(office)
    gone = await office.assign("c1", "2026-10-01", {"m1": "1"})
    assert (gone.status_code, gone.json()["rule"]) == (409, "manager-is-there")
    assert (await office.assign("c1", "2026-11-01", {})).status_code == 200, "the customer leaves the bank"
    erased = await office.approver.post(
        f"/v1/customers/{office.id('c1')}/erasure", json={"reason": "asked for"}
    )
    assert erased.status_code == 200
    await office.books_agree("2026-11", "2026")
    for service in ("assignment", "ledger"):
        assert "as it should be" in await office.system.said("verify", service)


async def nothing_planted_is_found(office: Office) -> None:
    """No log of any process, no message of any topic and no row of any service has personal data in it."""
    system = office.system
    said = [str(system.logged(service)) for service in SERVICES]
    for topic in (assignment.TOPIC, ledger.TOPIC, appraisal.TOPIC, core_banking.TOPIC):
        said += [
            str((record.headers, record.value.decode(errors="replace")))
            for record in await system.records(topic)
        ]
    for planted in ("PLANTED", PLANTED["name"], repr(PLANTED["name"].encode())[2:-1]):
        assert not any(planted in text for text in said)
        for service in SERVICES:
            tables = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
            for (table,) in await system.rows(service, tables):
                found = f"SELECT count(*) FROM {table} AS t WHERE strpos(t::text, $1) > 0"
                assert await system.rows(service, found, planted) == [(0,)], table


async def test_a_manager_cannot_tell_a_foreign_customer_from_one_that_does_not_exist(office: Office) -> None:
    await office.hire("m1")
    await office.hire("m2")
    await office.welcome("c1")
    assert (await office.assign("c1", "2026-02-01", {"m2": "1"})).status_code == 200
    manager = office.manager("m1")
    for path in ("", "/assignments", "/history", "/register", "/visits"):
        answers = [
            await manager.get(f"/v1/customers/{office.id(customer)}{path}") for customer in ("c1", "c9")
        ]
        assert [answer.status_code for answer in answers] == [404, 404], path
        words = [
            answer.text.replace(office.id(customer), "it").replace(answer.headers["x-request-id"], "")
            for answer, customer in zip(answers, ("c1", "c9"), strict=True)
        ]
        assert words[0] == words[1], path


async def test_a_tender_from_the_opening_to_the_books(office: Office) -> None:
    for manager in ("m1", "m2", "m3"):
        await office.hire(manager)
    for customer in ("c1", "c2"):
        await office.welcome(customer)
        assert (await office.assign(customer, "2026-02-01", {"m3": "1"})).status_code == 200
    deposit = {"customer_id": "c1", "currency": "CNY", "account_id": "a1", "product_code": "DEM"}
    await office.post(1, "DepositPosted", "2026-02-03", **deposit, amount="1000.01")

    closes_at = datetime.now(UTC) + timedelta(seconds=8)
    opened = await office.assigner.post(
        "/v1/tenders",
        json={
            "customer_ids": [office.id("c1"), office.id("c2")],
            "baseline_profit": "1000.00",
            "closes_at": closes_at.isoformat(),
            "lowest_grade": "manager-3",
            "effective_from": office.today.isoformat(),
        },
    )
    assert opened.status_code == 201, opened.text
    tender = f"/v1/tenders/{opened.json()['tender_id']}"
    for manager, committed in (("m1", "1500.00"), ("m2", "2000.13"), ("m3", "900.00")):
        bid = {"committed_profit": committed, "plan": f"SEALED-PLAN-{manager}"}
        assert (await office.manager(manager).post(f"{tender}/bids", json=bid)).status_code == 201
    early = await office.assigner.post(f"{tender}/award")
    assert early.status_code == 409
    stored = await office.system.rows(
        "assignment", "SELECT data FROM event UNION ALL SELECT row_to_json(receipt)::text FROM receipt"
    )
    assert not any("SEALED-PLAN" in row[0] or "2000.13" in row[0] for row in stored)

    await asyncio.sleep(max(0.0, (closes_at - datetime.now(UTC)).total_seconds()) + 0.2)
    late = {"committed_profit": "9000.00", "plan": "too late"}
    assert (await office.manager("m1").post(f"{tender}/bids", json=late)).status_code == 409
    proposed = await office.assigner.post(f"{tender}/award")
    assert (await office.approve(proposed)).status_code == 200
    lost = (await office.manager("m1").get(tender)).json()
    assert (lost["status"], lost["winner"]["manager_id"]) == ("awarded", office.id("m2"))
    assert "2000.13" not in str(lost)
    assert lost["mine"]["committed_profit"] == "1500.00"

    tomorrow = office.today + timedelta(days=1)
    await office.post(2, "DepositPosted", tomorrow.isoformat(), **deposit, amount="0.07")
    await office.books_agree("2026-02", f"{office.today:%Y-%m}", f"{tomorrow:%Y-%m}")
    won = await office.statement("m2", f"{tomorrow:%Y-%m}")
    assert won["stocks"]["deposit_balance"] == "1000.08"
    told = [event async for event in office.told("TenderAwarded")]
    assert [(one["manager_id"], one["committed_profit"]) for one in told] == [(office.id("m2"), "2000.13")]


async def test_a_hand_over_from_the_plan_to_the_departure(office: Office) -> None:
    for manager in ("m1", "m2", "m3"):
        await office.hire(manager)
    shares = {"c1": {"m1": "1"}, "c2": {"m1": "0.6", "m3": "0.4"}}
    for customer, parts in shares.items():
        await office.welcome(customer)
        assert (await office.assign(customer, "2026-02-01", parts)).status_code == 200
    for number, customer in enumerate(shares, 1):
        account = {
            "customer_id": customer,
            "currency": "CNY",
            "account_id": f"a{number}",
            "product_code": "DEM",
        }
        await office.post(number, "DepositPosted", "2026-02-03", **account, amount="1000.01")
    complaint = await office.assigner.post(
        f"/v1/customers/{office.id('c1')}/complaints",
        json={"received_on": office.today.isoformat(), "channel": "phone", "text": "never calls back"},
    )
    assert complaint.status_code == 201, complaint.text
    complaint_id = complaint.json()["complaint_id"]
    given = await office.assigner.post(
        f"/v1/complaints/{complaint_id}/assign", json={"manager_id": office.id("m1")}
    )
    assert given.status_code == 200, given.text

    planned = await office.assigner.post(
        "/v1/hand-overs",
        json={
            "manager_id": office.id("m1"),
            "ground": "departure",
            "effective_from": office.today.isoformat(),
            "items": [
                {"customer_id": office.id("c1"), "successor_id": office.id("m2")},
                {"customer_id": office.id("c2"), "successor_id": office.id("m3")},
            ],
        },
    )
    assert planned.status_code == 201, planned.text
    hand_over = f"/v1/hand-overs/{planned.json()['hand_over_id']}"
    items = (await office.auditor.get(hand_over)).json()["open_items"]
    assert complaint_id in {one["item_id"] for one in items}
    assert (await office.assigner.post(f"{hand_over}/submit")).status_code == 409, (
        "nobody has acknowledged it"
    )
    for manager in ("m1", "m2", "m3"):
        assert (await office.manager(manager).post(f"{hand_over}/acknowledge")).status_code == 200
    submitted = await office.assigner.post(f"{hand_over}/submit")
    assert submitted.status_code == 202, submitted.text
    leaving = {"departed_on": office.today.isoformat(), "reason": "retired"}
    assert (await office.tell("m1", "departure", office.approver, **leaving)).status_code == 409
    assert (await office.approve(submitted, by=office.third)).status_code == 200
    assert (await office.tell("m1", "departure", office.approver, **leaving)).status_code == 201

    found = (await office.auditor.get(f"/v1/complaints/{complaint_id}")).json()
    assert found["manager_id"] == office.id("m2")
    month = f"{office.today:%Y-%m}"
    await office.books_agree("2026-02", month, "2026")
    for manager, balance in (("m1", "0.00"), ("m2", "1000.01"), ("m3", "1000.01")):
        stated = await office.statement(manager, month)
        assert stated["stocks"]["deposit_balance"] == balance, manager
