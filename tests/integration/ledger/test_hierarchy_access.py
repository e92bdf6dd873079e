"""Who may see which part of the hierarchies, and what may be asked."""

from collections.abc import AsyncIterator

import pytest

from shared.contracts import assignment
from tests.integration.ledger.bank import Bank, opened, registered
from tests.support.reference import WORKED_EXAMPLE

MANAGERS, DEPARTMENTS = "/v1/books/manager/hierarchy", "/v1/books/department/hierarchy"
PARTS = ("lines", "stocks", "averages", "measures")


@pytest.fixture(scope="module")
async def closed(postgres_url: str) -> AsyncIterator[Bank]:
    """July closed, m1 in team t1 of branch b1."""
    async with opened(postgres_url) as bank:
        await bank.service.publish(assignment.TOPIC, registered("r1", "m1", "b1", "t1"))
        await bank.service.caught_up()
        await bank.book(*WORKED_EXAMPLE)
        await bank.close("2026-07")
        yield bank


@pytest.mark.parametrize("role", ["accountant", "approver", "auditor", "admin"])
async def test_those_who_see_all_see_all(closed: Bank, role: str) -> None:
    caller = closed.service.client(role, subject="somebody")
    for path, level in ((MANAGERS, "team"), (DEPARTMENTS, "product")):
        stated = (await caller.get(f"{path}?period=2026-07&level={level}")).json()
        assert stated == await closed.get(path, period="2026-07", level=level)


@pytest.mark.parametrize("role", ["core", "assigner"])
@pytest.mark.parametrize("path", [MANAGERS, DEPARTMENTS])
async def test_others_see_nothing(closed: Bank, path: str, role: str) -> None:
    answer = await closed.service.client(role, subject="somebody").get(f"{path}?period=2026-07")
    assert answer.status_code == 403
    assert (await closed.service.client().get(f"{path}?period=2026-07")).status_code == 401


async def test_a_manager_sees_the_own_figures_only(closed: Bank) -> None:
    caller = closed.service.client("manager", subject="m1")
    own = await closed.statement("manager", "m1", "2026-07")
    for level, id in (("branch", "b1"), ("team", "t1"), ("manager", "m1")):
        stated = (await caller.get(f"{MANAGERS}?period=2026-07&level={level}")).json()
        assert [item["id"] for item in stated["items"]] == [id]
        for part in PARTS:
            assert stated["items"][0][part] == stated["total"][part] == own[part]
        link = stated["items"][0]["links"]["below"] or stated["items"][0]["links"]["statement"]
        assert (await caller.get(link)).status_code == 200
    for level in ("department", "product"):
        stated = (await caller.get(f"{DEPARTMENTS}?period=2026-07&level={level}")).json()
        assert stated["items"] == []


async def test_a_department_head_sees_the_own_products_only(closed: Bank) -> None:
    caller = closed.service.client("department-head", subject="dora", department="lending")
    stated = (await caller.get(f"{DEPARTMENTS}?period=2026-07&level=product")).json()
    assert [(item["id"], item["parent"]["department_id"]) for item in stated["items"]] == [
        ("TRM", "lending"),
        (None, "lending"),
    ]
    [own] = (await caller.get(f"{DEPARTMENTS}?period=2026-07")).json()["items"]
    assert own["id"] == "lending"
    assert own["lines"] == stated["total"]["lines"]
    assert (await caller.get(f"{MANAGERS}?period=2026-07")).json()["items"] == []


# --- what may be asked ---


@pytest.mark.parametrize(
    ("path", "field"),
    [
        (f"{MANAGERS}?period=2026-07&level=product", "level"),
        (f"{DEPARTMENTS}?period=2026-07&level=team", "level"),
        (f"{MANAGERS}?period=2026-07&branch_id=", "branch_id"),
        (f"{MANAGERS}?period=2026-07&team_id=two%20words", "team_id"),
        (f"{DEPARTMENTS}?period=2026-07&department_id=none()", "department_id"),
        (f"{DEPARTMENTS}?period=2026-07&branch_id=b1", "branch_id"),
        (f"{MANAGERS}?period=July", "period"),
        (f"{MANAGERS}?period=2026-07&known_at=yesterday", "known_at"),
    ],
)
async def test_what_cannot_be_meant_is_malformed_with_the_field_named(
    closed: Bank, path: str, field: str
) -> None:
    answer = await closed.service.admin.get(path)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)
