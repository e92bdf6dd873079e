"""Registrations by the batch: each one as if it had been sent alone."""

from datetime import date
from typing import Any

import httpx

from tests.integration.assignment.bank import Bank, assignment, customer


def event(kind: str, event_id: str, data: dict[str, Any]) -> dict[str, Any]:
    return {"specversion": "1.0", "id": event_id, "source": "old-system", "type": kind, "data": data}


def of_customer(customer_id: str, name: str = "恒瑞纺织") -> dict[str, Any]:
    return event("CustomerRegistered", f"c-{customer_id}", customer(customer_id, name))


def of_assignment(event_id: str, customer_id: str, day: date, **shares: str) -> dict[str, Any]:
    return event("CustomerAssigned", event_id, {"customer_id": customer_id, **assignment(day, **shares)})


async def send(client: httpx.AsyncClient, *events: object, **headers: str) -> list[tuple[int, Any]]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    sent = await client.post("/v1/registrations", json=list(events), headers=named)
    assert sent.status_code == 200, sent.text
    return [(one["status"], one["answer"]) for one in sent.json()["results"]]


async def test_a_batch_gets_the_answers_that_its_registrations_would_get_alone(bank: Bank) -> None:
    found = await send(
        bank.assigner,
        of_customer("c2"),
        event("CustomerRegistered", "c-c3", {**customer("c3", "x"), "kind": "alien"}),
        of_customer("c1"),
        event("CustomerMet", "x-1", {}),
        7,
        event(
            "ManagerRegistered",
            "m-9",
            {"manager_id": "m9", "name": "王", "branch_id": "b1", "grade": "trainee"},
        ),
    )
    assert [status for status, _ in found] == [201, 422, 409, 422, 422, 201]
    assert found[0][1]["customer_id"] == "c2"
    assert "name" not in found[0][1]
    assert found[1][1]["detail"].startswith("kind: ")
    assert found[2][1]["rule"] == "customer-is-new"
    assert (await bank.auditor.get("/v1/customers/c2")).json()["name"] == "恒瑞纺织"
    assert (await bank.auditor.get("/v1/managers/m9")).status_code == 200


async def test_what_came_alone_is_known_in_a_batch_and_the_other_way_round(bank: Bank) -> None:
    body = customer("c2", "恒瑞纺织")
    alone = await bank.assigner.post("/v1/customers", json=body, headers={"Idempotency-Key": "c-c2"})
    batch = [of_customer("c2"), of_assignment("a-1", "c1", bank.today, m1="0.6", m2="0.4")]
    first = await send(bank.assigner, *batch)
    assert first[0] == (201, alone.json())
    assert await send(bank.assigner, *batch) == first
    put = await bank.assigner.put(
        "/v1/customers/c1/assignment",
        json=assignment(bank.today, m1="0.6", m2="0.4"),
        headers={"Idempotency-Key": "a-1"},
    )
    assert (put.status_code, put.json()) == first[1]
    changed = await send(bank.assigner, of_assignment("a-1", "c1", bank.today, m1="1"))
    assert (changed[0][0], changed[0][1]["rule"]) == (409, "idempotency-key-names-one-request")


async def test_those_about_one_customer_keep_their_order(bank: Bank) -> None:
    days = [bank.past.replace(day=day) for day in (1, 5, 9, 13, 17)]
    batch = [
        of_assignment(f"a-{day}-{turn}", "c1", day, **{f"m{1 + turn}": "1"})
        for turn in (0, 1)
        for day in days
    ]
    found = await send(bank.approver, *batch)
    assert {status for status, _ in found} == {200}
    timeline = (await bank.auditor.get("/v1/customers/c1/assignments")).json()["items"]
    assert [one["effective_from"] for one in timeline] == [day.isoformat() for day in days]
    assert {one["shares"][0]["manager_id"] for one in timeline} == {"m2"}


async def test_a_change_of_the_past_becomes_a_proposal_here_too(bank: Bank) -> None:
    [(status, answer)] = await send(bank.assigner, of_assignment("a-1", "c1", bank.past, m1="1"))
    assert status == 202
    assert answer["status"] == "open"


async def test_a_key_names_one_batch(bank: Bank) -> None:
    first = await send(bank.assigner, of_customer("c2"), idempotency_key="k")
    assert await send(bank.assigner, of_customer("c2"), idempotency_key="k") == first
    other = await bank.assigner.post(
        "/v1/registrations", json=[of_customer("c3")], headers={"Idempotency-Key": "k"}
    )
    assert (other.status_code, other.json()["rule"]) == (409, "idempotency-key-names-one-request")
    assert (await bank.auditor.get("/v1/customers/c3")).status_code == 404


async def test_a_batch_that_is_none_or_too_large_or_not_the_callers_is_refused_whole(bank: Bank) -> None:
    for body in ({}, [of_customer(f"c{number}") for number in range(1001)]):
        assert (await bank.assigner.post("/v1/registrations", json=body)).status_code == 422
    assert (await bank.auditor.post("/v1/registrations", json=[])).status_code == 403
    assert (await bank.assigner.post("/v1/registrations", json=[])).json() == {"results": []}
