"""Managers and customers come on record once, whoever asks and however often."""

import asyncio

import pytest

from tests.integration.assignment.bank import Bank, customer


async def test_a_manager_is_registered_and_shown_with_a_version(bank: Bank) -> None:
    body = {
        "manager_id": "m3",
        "name": " 赵敏 ",
        "branch_id": "b1",
        "team_id": "t1",
        "grade": "principal",
        "hired_on": "2012-03-01",
        "confirmed_on": "2012-09-01",
        "confidentiality_signed_on": "2012-03-01",
    }
    made = await bank.assigner.post("/v1/managers", json=body)
    assert (made.status_code, made.headers["etag"]) == (201, '"1"')
    found = await bank.assigner.get("/v1/managers/m3")
    assert found.json() == {**body, "name": "赵敏", "status": "confirmed", "departed_on": None}
    assert found.headers["etag"] == '"1"'


async def test_a_customer_is_registered_and_shown_with_a_version(bank: Bank) -> None:
    found = await bank.auditor.get("/v1/customers/c1")
    expected = {
        **customer("c1", "恒瑞纺织"),
        "registered_on": bank.today.isoformat(),
        "profile": {"name": "恒瑞纺织"},
    }
    assert (found.json(), found.headers["etag"]) == (expected, '"1"')


@pytest.mark.parametrize("path", ["/v1/managers/m9", "/v1/customers/c9", "/v1/managers/m9/portfolio"])
async def test_who_is_not_on_record_is_not_found(bank: Bank, path: str) -> None:
    assert (await bank.auditor.get(path)).status_code == 404


@pytest.mark.parametrize(
    ("path", "body", "rule"),
    [
        (
            "/v1/managers",
            {"manager_id": "m1", "name": "王", "branch_id": "b1", "grade": "trainee"},
            "manager-is-new",
        ),
        ("/v1/customers", customer("c1", "恒瑞纺织"), "customer-is-new"),
    ],
)
async def test_an_id_is_given_once(bank: Bank, path: str, body: dict[str, str], rule: str) -> None:
    refused = await bank.admin.post(path, json=body)
    assert (refused.status_code, refused.json()["rule"]) == (409, rule)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"grade": "boss"}, "grade"),
        ({"grade": None}, "grade"),
        ({"name": "   "}, "name"),
        ({"manager_id": "unassigned"}, "manager_id"),
        ({"hired_on": "1.3.2012"}, "hired_on"),
    ],
)
async def test_a_malformed_field_is_named_and_never_repeated(
    bank: Bank, changes: dict[str, object], field: str
) -> None:
    body = {"manager_id": "m3", "name": "赵敏", "branch_id": "b1", "grade": "trainee", **changes}
    answer = await bank.admin.post("/v1/managers", json=body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)
    assert "赵敏" not in answer.text


async def test_of_two_who_register_the_same_id_at_once_one_comes_first(bank: Bank) -> None:
    managers = await asyncio.gather(*(bank.hire("m7", name) for name in ("赵敏", "周芷若")))
    customers = await asyncio.gather(*(bank.welcome("c7", name) for name in ("天鹰", "五行")))
    for answers in (managers, customers):
        assert sorted(answer.status_code for answer in answers) == [201, 409]
    first = ("赵敏", "周芷若")[[answer.status_code for answer in managers].index(201)]
    assert (await bank.admin.get("/v1/managers/m7")).json()["name"] == first


async def test_a_repeated_request_gets_its_first_answer_and_another_body_a_refusal(bank: Bank) -> None:
    key = {"Idempotency-Key": "request-1"}
    first = await bank.assigner.post("/v1/customers", json=customer("c2", "天鹰"), headers=key)
    again = await bank.assigner.post("/v1/customers", json=customer("c2", "天鹰"), headers=key)
    other = await bank.assigner.post("/v1/customers", json=customer("c3", "天鹰"), headers=key)
    assert (first.status_code, first.content) == (again.status_code, again.content)
    assert (other.status_code, other.json()["rule"]) == (409, "idempotency-key-names-one-request")


async def test_two_uses_of_a_key_at_once_are_one_request(bank: Bank) -> None:
    key = {"Idempotency-Key": "request-1"}
    posts = [bank.assigner.post("/v1/customers", json=customer("c2", "天鹰"), headers=key) for _ in range(4)]
    answers = await asyncio.gather(*posts)
    assert {(answer.status_code, answer.content) for answer in answers} == {(201, answers[0].content)}


@pytest.mark.parametrize("path", ["/v1/managers", "/v1/customers"])
async def test_lists_come_in_pages(bank: Bank, path: str) -> None:
    for number in range(3, 6):
        await bank.hire(f"m{number}")
        await bank.welcome(f"c{number}")
    whole = (await bank.auditor.get(path)).json()
    assert whole["next"] is None
    seen, cursor = [], None
    while True:
        query = {"limit": "2", **({"cursor": cursor} if cursor else {})}
        page = (await bank.auditor.get(path, params=query)).json()
        seen += page["items"]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == whole["items"]


@pytest.mark.parametrize("path", ["/v1/managers", "/v1/customers"])
async def test_only_assigners_and_approvers_register(bank: Bank, path: str) -> None:
    for caller in (bank.auditor, bank.accountant, bank.manager("m1")):
        assert (await caller.post(path, json={})).status_code == 403
