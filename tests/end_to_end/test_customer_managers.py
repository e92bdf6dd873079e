"""The customer-manager system as those who work with it see it: lives from beginning to end, over HTTP and the log,
and the manager book following every assignment to the fen."""

from itertools import count

import orjson
import pytest

from shared.contracts import appraisal
from shared.contracts.envelope import CloudEvent
from tests.end_to_end.office import Office
from tests.support.system import System

pytestmark = pytest.mark.timeout(600)

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
