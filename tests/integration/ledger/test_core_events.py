"""Core events over HTTP: each is accepted, a duplicate, or rejected by itself, and only what is accepted is booked."""

import asyncio
from typing import Any

import httpx
import orjson
import pytest

from services.ledger.api.core_events import MOST_EVENTS
from tests.integration.ledger.bank import Bank
from tests.support.reference import core_event
from tests.support.services import ServiceUnderTest


def deposit(event_id: str, amount: str = "1.00", day: str = "2026-07-09", **more: Any) -> dict[str, Any]:
    """A deposit of c1."""
    data = {"customer_id": "c1", "account_id": "a1", "product_code": "DEM", "amount": amount, **more}
    return core_event(event_id, "DepositPosted", day, **data)


def loan(event_id: str, kind: str, loan_id: str, day: str = "2026-07-09", **data: Any) -> dict[str, Any]:
    """An event of a loan of c2, unless it names another customer."""
    return core_event(
        event_id, kind, day, **{"customer_id": "c2", "product_code": "TRM", "loan_id": loan_id, **data}
    )


async def entries(service: ServiceUnderTest) -> int:
    """How many entries are booked."""
    [(number,)] = await service.rows("SELECT count(*) FROM event WHERE type = 'EntryBooked'")
    return int(number)


# --- refusals ---

FEE = {"customer_id": "c1", "product_code": "AGT", "kind": "settlement", "amount": "1.00"}


def fee(event_id: str, **more: Any) -> dict[str, Any]:
    """A fee of c1, with fields changed; None takes a field out."""
    data = {name: value for name, value in {**FEE, **more}.items() if value is not None}
    return core_event(event_id, "FeeCharged", "2026-07-09", **data)


REFUSALS: list[tuple[str, dict[str, Any]]] = [
    ("amount", fee("x", amount="0.00")),
    ("amount", fee("x", amount="-1.00")),
    ("amount", fee("x", amount="1.234")),
    ("amount", fee("x", amount=1.5)),
    ("amount", fee("x", amount="1e5")),
    ("amount", fee("x", amount=None)),
    ("kind", fee("x", kind="tip")),
    ("customer_id", fee("x", customer_id=None)),
    ("product_code", fee("x", product_code="XXX")),
    ("currency", fee("x", currency="USD")),
    ("amount", deposit("x", amount="0")),
    ("account_id", deposit("x", account_id="a 1")),
    ("business_date", deposit("x", day="2026-02-30")),
    ("business_date", deposit("x", day="1899-12-31")),
    ("loan_id", loan("x", "LoanRepaid", "nowhere", principal="1.00", interest="0.00")),
    ("loan_id", loan("x", "LoanReclassified", "nowhere", to_class="loss")),
    ("loan_id", loan("x", "LoanWrittenOff", "nowhere")),
    ("loan_id", loan("x", "LoanRecovered", "nowhere", amount="1.00")),
    ("principal", loan("x", "LoanRepaid", "open", principal="1000.01", interest="0.00")),
    ("principal", loan("x", "LoanRepaid", "open", principal="0.00", interest="0.00")),
    ("to_class", loan("x", "LoanReclassified", "open", to_class="rotten")),
    ("customer_id", loan("x", "LoanRepaid", "open", principal="1.00", interest="0.00", customer_id="c1")),
    ("product_code", loan("x", "LoanRepaid", "open", principal="1.00", interest="0.00", product_code="XXX")),
    ("loan_id", loan("x", "LoanRepaid", "closed", principal="0.00", interest="1.00")),
    ("loan_id", loan("x", "LoanDisbursed", "closed", amount="1.00")),
    ("loan_id", loan("x", "LoanReclassified", "closed", to_class="normal")),
    ("loan_id", loan("x", "LoanWrittenOff", "closed")),
    ("manager_id", core_event("x", "CostIncurred", "2026-07-09",
                              manager_id="external", product_code="AGT", amount="1.00")),
    ("customer_id", core_event("x", "CostIncurred", "2026-07-09", product_code="AGT", amount="1.00")),
    ("type", core_event("x", "CustomerAssigned", "2026-07-09", customer_id="c1")),
]  # fmt: skip


@pytest.fixture(scope="module")
async def lending(bank: Bank) -> Bank:
    """The bank, with an open loan of 1000.00 and a closed one."""
    await bank.book(
        loan("open", "LoanDisbursed", "open", amount="1000.00"),
        loan("closed-1", "LoanDisbursed", "closed", amount="1000.00"),
        loan("closed-2", "LoanWrittenOff", "closed"),
    )
    return bank


@pytest.mark.parametrize("number", range(len(REFUSALS)))
async def test_a_refused_event_names_its_field_and_the_others_are_booked(lending: Bank, number: int) -> None:
    field, refused = REFUSALS[number]
    before = await entries(lending.service)
    batch = [deposit(f"before-{number}"), {**refused, "id": f"refused-{number}"}, deposit(f"after-{number}")]
    body = await lending.post(*batch)
    assert (body["accepted"], body["duplicate"], body["rejected"]) == (2, 0, 1)
    assert [result["status"] for result in body["results"]] == ["accepted", "rejected", "accepted"]
    assert [result["id"] for result in body["results"]] == [event["id"] for event in batch]
    assert body["results"][1]["reason"].startswith(field), body["results"][1]
    assert await entries(lending.service) == before + 2
    unknown = await lending.core.get(f"/v1/core-events/refused-{number}")
    assert unknown.status_code == 404


async def test_a_written_off_loan_may_still_be_recovered_on(lending: Bank) -> None:
    await lending.book(loan("recovered", "LoanRecovered", "closed", amount="300.00"))
    assert (await lending.get("/v1/entries/recovered"))["lines"] == {"risk_charge": "300.00"}


async def test_every_refusal_leaves_the_books_as_they_should_be(lending: Bank) -> None:
    assert await lending.service.verify() is None
    assert (await lending.get("/v1/reconciliation", period="2026"))["balanced"] is True


# --- what is no event at all ---


@pytest.mark.parametrize(
    ("element", "event_id", "reason"),
    [
        (None, None, "message"),
        (7, None, "message"),
        ("text", None, "message"),
        ([], None, "message"),
        ({}, None, "specversion"),
        ({**deposit("z"), "specversion": "0.3"}, "z", "specversion"),
        ({**deposit("z"), "id": ""}, "", "id"),
        ({**deposit("z"), "id": 7}, None, "id"),
        ({**deposit("z"), "id": "z" * 257}, "z" * 257, "id"),
        ({**deposit("z"), "source": None}, "z", "source"),
        ({**deposit("z"), "type": None}, "z", "type"),
        ({**deposit("z"), "type": "Gambled"}, "z", "type"),
        ({**deposit("z"), "data": None}, "z", ""),
        ({**deposit("z"), "data": []}, "z", ""),
        ({**deposit("z"), "data": {}}, "z", "business_date"),
    ],
    ids=repr,
)
async def test_an_element_that_is_no_event_is_rejected_by_itself(
    bank: Bank, element: object, event_id: str | None, reason: str
) -> None:
    good = [deposit(f"good-{reason}-{len(repr(element))}-{side}") for side in ("left", "right")]
    body = await bank.post(good[0], element, good[1])
    assert [result["status"] for result in body["results"]][1] == "rejected"
    assert body["results"][1]["id"] == event_id
    assert body["results"][1]["reason"].startswith(reason)
    assert body["rejected"] == 1


@pytest.mark.parametrize("content", [b"", b"{", b"{}", b'"text"', b"null", b"NaN", b"[NaN]", b"\xff"])
async def test_a_body_that_is_no_batch_is_malformed(bank: Bank, content: bytes) -> None:
    answer = await bank.core.post("/v1/core-events", content=content)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "body"


async def test_a_batch_that_is_too_long_is_refused_whole(bank: Bank) -> None:
    before = await entries(bank.service)
    answer = await bank.core.post("/v1/core-events", json=[deposit("many")] * (MOST_EVENTS + 1))
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "body")
    assert await entries(bank.service) == before


async def test_an_empty_batch_is_answered(bank: Bank) -> None:
    assert await bank.post() == {"accepted": 0, "duplicate": 0, "rejected": 0, "results": []}


async def test_a_batch_of_the_media_type_of_cloud_events_is_read(bank: Bank) -> None:
    answer = await bank.core.post(
        "/v1/core-events",
        content=orjson.dumps([deposit("media")]),
        headers={"Content-Type": "application/cloudevents-batch+json"},
    )
    assert answer.json()["accepted"] == 1


# --- twice ---


async def test_an_event_that_comes_again_is_a_duplicate_and_changes_nothing(bank: Bank) -> None:
    await bank.book(deposit("twice"))
    before, digests = await entries(bank.service), await bank.service.digests()
    assert (await bank.post(deposit("twice")))["results"] == [{"id": "twice", "status": "duplicate"}]
    turned = deposit("twice")
    turned["data"] = dict(reversed(turned["data"].items()))
    assert (await bank.post(turned))["results"] == [{"id": "twice", "status": "duplicate"}]
    assert await entries(bank.service) == before
    assert await bank.service.digests() == digests


async def test_an_id_that_comes_again_with_other_data_is_a_duplicate_and_the_first_stands(bank: Bank) -> None:
    await bank.book(deposit("other", "1.00"))
    body = await bank.post(deposit("other", "2.00"))
    assert (body["duplicate"], body["results"][0]["status"]) == (1, "duplicate")
    assert "other data" in body["results"][0]["reason"]
    assert (await bank.get("/v1/core-events/other"))["data"]["amount"] == "1.00"


async def test_an_id_twice_in_one_batch_is_booked_once(bank: Bank) -> None:
    body = await bank.post(deposit("same"), deposit("same"), deposit("same", "3.00"))
    assert [result["status"] for result in body["results"]] == ["accepted", "duplicate", "duplicate"]
    assert "reason" not in body["results"][1]
    assert "reason" in body["results"][2]


async def test_an_id_that_was_refused_may_come_again_mended(bank: Bank) -> None:
    body = await bank.post(deposit("mended", product_code="XXX"), deposit("mended"))
    assert [result["status"] for result in body["results"]] == ["rejected", "accepted"]


async def test_the_id_of_another_kind_of_event_is_a_duplicate_too(bank: Bank) -> None:
    [(event_id,)] = await bank.service.rows(
        "SELECT event_id FROM event WHERE type = 'ProductDefined' LIMIT 1"
    )
    body = await bank.post(deposit(event_id))
    assert (body["duplicate"], "reason" in body["results"][0]) == (1, True)


# --- idempotency keys ---


async def post_with_key(bank: Bank, key: str, *events: dict[str, Any]) -> httpx.Response:
    return await bank.core.post("/v1/core-events", json=list(events), headers={"Idempotency-Key": key})


async def test_the_same_key_and_body_give_the_same_answer(bank: Bank) -> None:
    first = await post_with_key(bank, "key-1", deposit("key-1"), deposit("key-1b", "0"))
    again = await post_with_key(bank, "key-1", deposit("key-1"), deposit("key-1b", "0"))
    assert first.json()["accepted"] == 1
    assert (again.status_code, again.content) == (first.status_code, first.content)


async def test_the_same_key_with_another_body_is_refused(bank: Bank) -> None:
    await post_with_key(bank, "key-2", deposit("key-2"))
    other = await post_with_key(bank, "key-2", deposit("key-2b"))
    assert (other.status_code, other.json()["rule"]) == (409, "idempotency-key-names-one-request")
    assert (await bank.core.get("/v1/core-events/key-2b")).status_code == 404


async def test_two_callers_at_once_with_one_key_get_one_answer(bank: Bank) -> None:
    answers = await asyncio.gather(*(post_with_key(bank, "key-3", deposit("key-3")) for _ in range(6)))
    assert {answer.content for answer in answers} == {answers[0].content}
    assert answers[0].json()["accepted"] == 1


async def test_of_two_bodies_at_once_under_one_key_one_is_refused(bank: Bank) -> None:
    answers = await asyncio.gather(*(post_with_key(bank, "key-4", deposit(f"key-4-{n}")) for n in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]
    booked = await bank.service.rows("SELECT event_id FROM event WHERE event_id LIKE 'key-4-%'")
    assert len(booked) == 1


async def test_a_key_is_its_callers_own(bank: Bank) -> None:
    mine = await post_with_key(bank, "key-5", deposit("key-5"))
    other = bank.service.client("core", subject="other-core")
    theirs = await other.post(
        "/v1/core-events", json=[deposit("key-5b")], headers={"Idempotency-Key": "key-5"}
    )
    assert (mine.status_code, theirs.status_code) == (200, 200)
    assert theirs.json()["accepted"] == 1


# --- one loan, two customers ---


async def test_a_loan_that_two_customers_claim_in_one_batch_is_the_firsts(bank: Bank) -> None:
    body = await bank.post(
        loan("claim-1", "LoanDisbursed", "claimed", customer_id="c1", amount="1.00"),
        loan("claim-2", "LoanDisbursed", "claimed", customer_id="c2", amount="2.00"),
        loan("claim-3", "LoanRepaid", "claimed", customer_id="c2", principal="1.00", interest="0.00"),
        loan("claim-4", "LoanRepaid", "claimed", customer_id="c1", principal="1.00", interest="0.00"),
    )
    assert [result["status"] for result in body["results"]] == [
        "accepted",
        "rejected",
        "rejected",
        "accepted",
    ]
    for result in body["results"][1:3]:
        assert (
            result["reason"] == "customer_id: loan claimed is another customer's (loan-belongs-to-customer)"
        )


async def test_a_claim_that_is_refused_leaves_the_loan_to_the_next(bank: Bank) -> None:
    body = await bank.post(
        loan("claim-5", "LoanDisbursed", "left", customer_id="c1", amount="1.00", product_code="XXX"),
        loan("claim-6", "LoanDisbursed", "left", customer_id="c2", amount="2.00"),
        loan("claim-7", "LoanDisbursed", "left", customer_id="c3", amount="2.00", currency="CNY"),
    )
    assert [result["status"] for result in body["results"]] == ["rejected", "accepted", "rejected"]
    assert body["results"][0]["reason"].startswith("product_code")
    assert body["results"][2]["reason"].startswith("customer_id")


async def test_a_loan_that_nobody_could_open_stays_unknown_to_all(bank: Bank) -> None:
    body = await bank.post(
        loan("claim-8", "LoanDisbursed", "none", customer_id="c1", amount="1.00", product_code="XXX"),
        loan("claim-9", "LoanRepaid", "none", customer_id="c2", principal="1.00", interest="0.00"),
    )
    assert [result["reason"].split(":")[0] for result in body["results"]] == ["product_code", "loan_id"]


async def test_a_loan_that_customers_claim_at_once_becomes_the_loan_of_one(bank: Bank) -> None:
    customers = [f"rival-{number}" for number in range(6)]  # of several shards, so that no lock orders them
    bodies = await asyncio.gather(
        *(bank.post(loan(f"at-once-{c}", "LoanDisbursed", "at-once", customer_id=c, amount="1.00"))
          for c in customers)
    )  # fmt: skip
    results = [body["results"][0] for body in bodies]
    assert sorted(result["status"] for result in results) == ["accepted"] + ["rejected"] * 5
    assert all("customer_id" in result["reason"] for result in results if result["status"] == "rejected")
    assert len(await bank.service.rows("SELECT * FROM loan WHERE loan_id = 'at-once'")) == 1


async def test_many_callers_at_once_book_everything_once(bank: Bank) -> None:
    batches = [[core_event(f"burst-{n}", "DepositPosted", "2026-07-09", customer_id=f"burst-{n % 7}", account_id="a",
                           product_code="DEM", amount="1.00") for n in range(start, start + 40)]
               for start in range(0, 200, 20)]  # fmt: skip
    bodies = await asyncio.gather(*(bank.post(*batch) for batch in batches))
    assert sum(body["accepted"] for body in bodies) == 220
    assert sum(body["duplicate"] for body in bodies) == 180
    assert await bank.service.verify() is None
