"""What holds at every door of the service alike: lists that can be read, requests that can be repeated, and nothing
that gives away what a manager may not know."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute
from sqlalchemy import event

from tests.integration.assignment.bank import Bank


def routes(bank: Bank, method: str) -> list[APIRoute]:
    found = [one for one in bank.service.app.routes if isinstance(one, APIRoute) and method in one.methods]
    assert len(found) > 10
    return found


async def test_every_list_can_be_read_by_an_auditor(bank: Bank) -> None:
    assert (await bank.assign("c1", bank.today, m1="1")).status_code == 200
    terms = {"grades": {"assistant": {"capacity": "250"}}, "review_months": {"high": 3}}
    assert (await bank.approver.put(f"/v1/policies/{bank.today}", json=terms)).status_code == 200
    for route in routes(bank, "GET"):
        if route.path.startswith("/v1") and "{" not in route.path:
            answer = await bank.auditor.get(route.path)
            assert answer.status_code == 200, (route.path, answer.text)
    for what, one in (("managers", "m1"), ("customers", "c1")):
        for route in routes(bank, "GET"):
            if route.path.startswith(f"/v1/{what}/") and route.path.count("{") == 1:
                path = route.path.format(manager_id=one, customer_id=one)
                days = {"from": "2026-01-01", "to": "2026-12-31"} if path.endswith("satisfaction") else {}
                answer = await bank.auditor.get(path, params=days)
                assert answer.status_code == 200, (path, answer.text)


async def test_every_post_takes_an_idempotency_key(bank: Bank) -> None:
    for route in routes(bank, "POST"):
        assert "Idempotency-Key" in headers_of(route.dependant), route.path


def headers_of(dependant: Any) -> set[str]:
    own = {one.alias for one in dependant.header_params}
    return own.union(*(headers_of(inner) for inner in dependant.dependencies))


async def test_policies_are_shown_from_the_default_on(bank: Bank) -> None:
    terms = {"grades": {"assistant": {"capacity": "250"}}, "review_months": {"high": 3}}
    assert (await bank.approver.put(f"/v1/policies/{bank.today}", json=terms)).status_code == 200
    default, present = (await bank.auditor.get("/v1/policies")).json()["items"]
    assert (default["effective_from"], present["effective_from"]) == ("default", bank.today.isoformat())
    assert (default["review_months"]["high"], present["review_months"]["high"]) == (6, 3)
    grades = [one["grades"]["assistant"]["capacity"] for one in (default, present)]
    assert (grades, present["large_value"]) == (["300", "250"], "50000.00")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/managers/m9/confidentiality", {"signed_on": "2026-01-05"}),
        (
            "POST",
            "/v1/managers/m9/grades",
            {
                "grade": "manager-1",
                "effective_from": "2026-01-05",
                "ground": "exam",
                "reference": "x",
                "override_reason": "x",
            },
        ),
        (
            "POST",
            "/v1/managers/m9/disciplines",
            {"measure": "warning", "ground": "late", "effective_from": "2026-01-05"},
        ),
        ("POST", "/v1/managers/m1/disciplines/d9/appeal", {"grounds": "x"}),
        ("POST", "/v1/managers/m1/disciplines/d9/appeal/decision", {"upheld": True, "reason": "x"}),
        ("POST", "/v1/customers/c9/tier", {"tier": "gold", "reason": "x"}),
        ("POST", "/v1/customers/c9/erasure", {"reason": "x"}),
        ("PUT", "/v1/customers/c9/profile", {"name": "x"}),
        (
            "PUT",
            "/v1/customers/c9/particulars",
            {"kind": "corporate", "region": "R", "industry": "I", "branch_id": "b1"},
        ),
    ],
)
async def test_what_is_not_there_is_not_found(
    bank: Bank, method: str, path: str, body: dict[str, object]
) -> None:
    answer = await bank.admin.request(method, path, json=body)
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:dualbook:problem:unknown")


@asynccontextmanager
async def statements(bank: Bank) -> AsyncIterator[list[str]]:
    """What is asked of the database meanwhile, by the text of each statement."""
    engine = bank.service.database.engine.sync_engine
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        asked.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(engine, "before_cursor_execute", note)


async def test_a_foreign_customer_is_looked_for_exactly_as_one_that_does_not_exist(bank: Bank) -> None:
    """Not a millisecond can tell them apart when the very same is done for both."""
    assert (await bank.assign("c1", bank.today, m2="1")).status_code == 200
    caller = bank.manager("m1")

    async def look(request: httpx.Request) -> tuple[int, list[str]]:
        async with statements(bank) as asked:
            answer = await caller.send(request)
        return answer.status_code, asked

    paths = [
        route.path
        for route in routes(bank, "GET")
        if route.path.startswith("/v1/customers/{") and route.path.count("{") == 1
    ]
    assert len(paths) >= 7
    for path in paths:
        requests = [caller.build_request("GET", path.format(customer_id=one)) for one in ("c1", "c9")]
        (status, asked), (other_status, other_asked) = [await look(one) for one in requests]
        assert (status, other_status) == (404, 404), path
        assert asked, path
        assert asked == other_asked, path
