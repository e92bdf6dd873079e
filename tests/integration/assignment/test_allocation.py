"""Many customers are given to managers at once: tried first, then done, by the rules in force."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest

from services.assignment.domain.register import DECIDER, TakeResult
from shared.contracts.ledger import CustomerResultStated, PeriodClosed
from shared.infrastructure.auth import Role
from shared.infrastructure.command_handler import Submission
from shared.kernel.event import Origin
from tests.integration.assignment.bank import Bank, customer

ALL = {"all": True}


async def hire(bank: Bank, manager_id: str, **said: str) -> None:
    body = {
        "manager_id": manager_id,
        "name": "王小明",
        "branch_id": "b1",
        "team_id": "t1",
        "grade": "manager-2",
        "confidentiality_signed_on": "2012-03-01",
        **said,
    }
    assert (await bank.assigner.post("/v1/managers", json=body)).status_code == 201


async def welcome(bank: Bank, customer_id: str, **said: str) -> None:
    body = {**customer(customer_id, "恒瑞纺织"), **said}
    assert (await bank.assigner.post("/v1/customers", json=body)).status_code == 201


async def set_rules(bank: Bank, *rules: dict[str, Any], days: int = 0) -> httpx.Response:
    day = bank.today + timedelta(days=days)
    named = [{"name": f"rule {number}", **rule} for number, rule in enumerate(rules)]
    answer = await bank.approver.put(f"/v1/allocation-rules/{day}", json={"rules": named})
    assert answer.status_code == 200, answer.text
    return answer


async def capacity(bank: Bank, limit: str) -> None:
    """From today on managers of the usual grade have this much room."""
    terms = {"grades": {"manager-2": {"capacity": limit}}}
    assert (await bank.approver.put(f"/v1/policies/{bank.today}", json=terms)).status_code == 200


def terms(bank: Bank, scope: dict[str, Any] | None = None, days: int = 0) -> dict[str, Any]:
    return {"effective_from": (bank.today + timedelta(days=days)).isoformat(), "scope": scope or ALL}


async def preview(bank: Bank, scope: dict[str, Any] | None = None, days: int = 0) -> dict[str, Any]:
    answer = await bank.assigner.post("/v1/allocations/preview", json=terms(bank, scope, days))
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def allocate(bank: Bank, scope: dict[str, Any] | None = None, days: int = 0) -> dict[str, Any]:
    answer = await bank.assigner.post("/v1/allocations", json=terms(bank, scope, days))
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def managers(bank: Bank, *customer_ids: str, days: int = 0) -> list[list[str]]:
    """Who looks after customers on a day."""
    day = (bank.today + timedelta(days=days)).isoformat()
    found = []
    for customer_id in customer_ids:
        path = f"/v1/customers/{customer_id}/assignments"
        items = (await bank.auditor.get(path, params={"as_of": day})).json()["items"]
        found.append([share["manager_id"] for item in items for share in item["shares"]])
    return found


async def test_each_model_of_organisation_finds_its_managers(bank: Bank) -> None:
    for manager_id, team in (("m3", "t3"), ("m4", "t4"), ("m5", "t5")):
        await hire(bank, manager_id, team_id=team)
    await hire(bank, "m6", branch_id="b6")
    await welcome(bank, "c2", tier="private")
    await welcome(bank, "c3", region="Xihu")
    await welcome(bank, "c4", industry="chemicals", kind="individual")
    await welcome(bank, "c5", branch_id="b6")
    stocks = {"deposit_balance": "0.00", "loan_balance": "9.00"}
    said = {"period": "2026-01", "lines": {}}
    stated = CustomerResultStated.model_validate(
        {**said, "customer_id": "c1", "stocks": stocks, "products": ["TRM"]}
    )
    counts = {"entries": 0, "managers": 0, "departments": 0, "customers": 1, "trued_up": []}
    closed = PeriodClosed.model_validate({**said, **counts, "computed_from": {"positions": {}, "hash": ""}})
    async with bank.service.database.begin() as connection:
        for one in (stated, closed):
            submission = Submission(DECIDER, TakeResult(one), Origin("ledger", "test"))
            await bank.service.service.desk.handler.work(connection, [submission])
    await set_rules(
        bank,
        {"match": {"products": ["TRM", "WCL"]}, "pool": {"managers": ["m2"]}, "choice": "named"},
        {"match": {"tiers": ["private"]}, "pool": {"team_id": "t3"}},
        {"match": {"regions": ["Xihu"]}, "pool": {"team_id": "t4"}},
        {"match": {"industries": ["chemicals"], "kinds": ["individual"]}, "pool": {"team_id": "t5"}},
        {"match": {"branches": ["b6"]}, "pool": {"branch_id": "*"}, "choice": "round-robin"},
    )
    done = await allocate(bank)
    assert (done["customers"], done["placed"], done["unplaced"]) == (5, 5, {})
    assert await managers(bank, "c1", "c2", "c3", "c4", "c5") == [["m2"], ["m3"], ["m4"], ["m5"], ["m6"]]
    [entry] = (await bank.auditor.get("/v1/customers/c1/assignments")).json()["items"]
    assert (entry["reason"], entry["actor"]) == ("allocation: rule 0", "ann")
    assert await bank.service.verify() is None
    before = await bank.service.digests()
    await bank.service.replay()
    assert await bank.service.digests() == before


async def test_what_was_previewed_is_what_is_applied(bank: Bank) -> None:
    for number in range(2, 8):
        await welcome(bank, f"c{number}")
    await bank.assign("c7", bank.past, m2="1")
    await capacity(bank, "6")
    await set_rules(bank, {"pool": {"branch_id": "b1"}})
    shown = await preview(bank)
    assert shown.pop("next") is None
    items = shown.pop("items")
    assert {item["customer_id"]: (item["status"], item["manager_id"], item["reason"]) for item in items} == {
        "c1": ("placed", "m1", None),
        "c2": ("placed", "m1", None),
        "c3": ("placed", "m2", None),
        "c4": ("placed", "m1", None),
        "c5": ("placed", "m2", None),
        "c6": ("unplaced", None, "nobody-has-room"),
        "c7": ("unchanged", "m2", None),
    }
    assert (shown["placed"], shown["unchanged"], shown["unplaced"]) == (5, 1, {"nobody-has-room": 1})
    assert shown["managers"] == [
        {"manager_id": "m1", "customers": 3, "load_before": "0", "load_after": "6", "capacity": "6"},
        {"manager_id": "m2", "customers": 2, "load_before": "2", "load_after": "6", "capacity": "6"},
    ]
    assert await managers(bank, "c1") == [[]]
    known = (await bank.auditor.get(f"/v1/allocations/{shown['allocation_id']}")).json()
    assert known.pop("asked_at")
    assert known == {**shown, "asked_by": "ann"}

    chosen = {"allocation_id": shown["allocation_id"]}
    done = await bank.assigner.post("/v1/allocations", json=chosen)
    assert (done.status_code, done.json()) == (200, shown)
    assert await managers(bank, "c1", "c3", "c6", "c7") == [["m1"], ["m2"], [], ["m2"]]
    twice = await bank.approver.post("/v1/allocations", json=chosen)
    assert (twice.status_code, twice.json()["rule"]) == (409, "allocation-is-new")
    [listed] = (await bank.auditor.get("/v1/allocations")).json()["items"]
    assert listed.pop("recorded_at")
    assert listed == {**shown, "actor": "ann"}
    known = (await bank.auditor.get(f"/v1/allocations/{shown['allocation_id']}")).json()
    assert known["actor"] == "ann"
    events = await bank.service.rows("SELECT count(*) FROM event WHERE type = 'CustomerAssigned'")
    assert events == [(6,)]


async def test_a_preview_asked_for_again_under_its_key_is_the_same_one(bank: Bank) -> None:
    await welcome(bank, "c2")
    await set_rules(bank, {"pool": {"branch_id": "b1"}})
    key = {"Idempotency-Key": "k"}
    first, again = [
        await bank.assigner.post("/v1/allocations/preview", json=terms(bank), headers=key) for _ in range(2)
    ]
    assert (first.status_code, again.json()) == (200, first.json())
    other = await bank.assigner.post("/v1/allocations/preview", json=terms(bank, days=1), headers=key)
    assert (other.status_code, other.json()["rule"]) == (409, "idempotency-key-names-one-request")


async def test_a_preview_that_was_overtaken_is_refused_with_how_many_differ(bank: Bank) -> None:
    await welcome(bank, "c2")
    await capacity(bank, "2")
    await set_rules(bank, {"pool": {"managers": ["m1", "m2"]}})
    chosen = {"allocation_id": (await preview(bank))["allocation_id"]}
    await welcome(bank, "c3")
    await bank.assign("c3", bank.today, m1="1")
    late = await bank.assigner.post("/v1/allocations", json=chosen)
    assert (late.status_code, late.json()["rule"]) == (409, "preview-is-current")
    assert "3 customers" in late.text  # c1 at m2, c2 nowhere, and c3 was not there
    assert await managers(bank, "c1", "c2") == [[], []]
    assert (await allocate(bank))["placed"] == 1


async def test_whom_the_rules_would_have_elsewhere_moves_and_the_timeline_goes_on(bank: Bank) -> None:
    await bank.assign("c1", bank.past, m1="0.5", m2="0.5")
    await bank.assign("c1", bank.today + timedelta(days=20), m1="1")
    await set_rules(bank, {"pool": {"managers": ["m1"]}})
    await set_rules(bank, {"pool": {"managers": ["m2"]}}, days=5)
    assert (await allocate(bank))["unchanged"] == 1
    done = await allocate(bank, days=5)
    assert (done["placed"], done["rules_from"]) == (1, (bank.today + timedelta(days=5)).isoformat())
    by_day = [await managers(bank, "c1", days=days) for days in (4, 5, 19, 20)]
    assert by_day == [[["m1", "m2"]], [["m2"]], [["m2"]], [["m1"]]]
    assert await bank.service.verify() is None


async def test_a_scope_is_those_without_managers_a_branch_those_named_or_all(bank: Bank) -> None:
    await welcome(bank, "c2", branch_id="b2")
    await welcome(bank, "c3")
    await bank.assign("c3", bank.past, m2="1")
    await set_rules(bank, {"pool": {"managers": ["m1"]}})

    async def looked_at(scope: dict[str, Any]) -> list[str]:
        return [item["customer_id"] for item in (await preview(bank, scope))["items"]]

    assert await looked_at({"unassigned": True}) == ["c1", "c2"]
    assert await looked_at({"branch_id": "b1"}) == ["c1", "c3"]
    assert await looked_at({"customer_ids": ["c3", "c2"]}) == ["c2", "c3"]
    assert await looked_at(ALL) == ["c1", "c2", "c3"]
    body = terms(bank, {"customer_ids": ["c1", "c9"]})
    for path in ("/v1/allocations", "/v1/allocations/preview"):
        unknown = await bank.assigner.post(path, json=body)
        assert (unknown.status_code, unknown.json()["errors"][0]["field"]) == (409, "scope.customer_ids")


async def test_items_come_by_pages_also_those_of_one_manager(bank: Bank) -> None:
    for number in range(2, 8):
        await welcome(bank, f"c{number}")
    await set_rules(bank, {"pool": {"managers": ["m1", "m2"]}, "choice": "round-robin"})
    path = f"/v1/allocations/{(await preview(bank))['allocation_id']}/items"

    async def pages(**query: str) -> list[list[str]]:
        found: list[list[str]] = []
        cursor: dict[str, str] = {}
        while True:
            page = (await bank.auditor.get(path, params={"limit": "2", **query, **cursor})).json()
            found.append([item["customer_id"] for item in page["items"]])
            if page["next"] is None:
                return found
            cursor = {"cursor": page["next"]}

    assert await pages() == [["c1", "c2"], ["c3", "c4"], ["c5", "c6"], ["c7"]]
    assert await pages(manager_id="m2") == [["c2", "c4"], ["c6"]]
    assert await pages(manager_id="m9") == [[]]


async def test_previews_of_more_than_a_week_ago_are_swept(bank: Bank) -> None:
    await set_rules(bank, {"pool": {"managers": ["m1"]}})
    old, recent = [(await preview(bank))["allocation_id"] for _ in range(2)]
    await bank.service.execute(
        f"UPDATE allocation_preview SET asked_at = asked_at - interval '8 days' WHERE allocation_id = '{old}'"
    )
    await preview(bank)
    for path in (f"/v1/allocations/{old}", f"/v1/allocations/{old}/items"):
        assert (await bank.auditor.get(path)).status_code == 404
    assert (await bank.assigner.post("/v1/allocations", json={"allocation_id": old})).status_code == 404
    assert (await bank.auditor.get(f"/v1/allocations/{recent}/items")).status_code == 200
    assert await bank.service.rows("SELECT count(*) FROM allocation_item WHERE allocation_id = $1", old) == [
        (0,)
    ]


async def test_rules_are_listed_by_their_days_and_a_later_word_replaces(bank: Bank) -> None:
    first = await set_rules(bank, {"pool": {"managers": ["m1"]}})
    await set_rules(bank, {"pool": {"managers": ["m1"]}}, days=9)
    await set_rules(bank, {"match": {"tiers": ["gold"]}, "pool": {"branch_id": "*"}}, days=9)
    page = (await bank.auditor.get("/v1/allocation-rules", params={"limit": "1"})).json()
    rest = (await bank.assigner.get("/v1/allocation-rules", params={"cursor": page["next"]})).json()
    assert [item["effective_from"] for item in page["items"]] == [first.json()["effective_from"]]
    assert page["items"][0]["rules"] == first.json()["rules"]
    [item] = rest["items"]
    assert (item["actor"], rest["next"]) == ("bob", None)
    assert item["rules"] == [
        {"name": "rule 0", "match": {"tiers": ["gold"]}, "pool": {"branch_id": "*"}, "choice": "least-loaded"}
    ]
    wrong = await bank.auditor.get("/v1/allocation-rules", params={"cursor": "WyJ4Il0"})
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "cursor")
    unknown = {"rules": [{"name": "x", "pool": {"managers": ["m9"]}}]}
    refused = await bank.approver.put(f"/v1/allocation-rules/{bank.today}", json=unknown)
    assert (refused.status_code, refused.json()["rule"]) == (409, "manager-is-known")


async def test_without_rules_or_for_a_day_gone_by_nothing_is_allocated(bank: Bank) -> None:
    for path in ("/v1/allocations", "/v1/allocations/preview"):
        none = await bank.assigner.post(path, json=terms(bank))
        assert (none.status_code, none.json()["rule"]) == (409, "rules-are-in-force")
    await set_rules(bank, {"pool": {"managers": ["m1"]}}, days=-9)
    for path in ("/v1/allocations", "/v1/allocations/preview"):
        past = await bank.approver.post(path, json=terms(bank, days=-1))
        assert (past.status_code, past.json()["rule"]) == (409, "allocation-lies-ahead")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"effective_from": "2199-01-01"},
        {"scope": ALL},
        {"effective_from": "2199-01-01", "scope": ALL, "allocation_id": "a1"},
        {"effective_from": "2199-01-01", "scope": {}},
        {"effective_from": "2199-01-01", "scope": {"all": True, "branch_id": "b1"}},
    ],
)
async def test_an_allocation_is_asked_for_by_terms_or_by_preview(bank: Bank, body: dict[str, Any]) -> None:
    assert (await bank.assigner.post("/v1/allocations", json=body)).status_code == 422


async def test_approvers_set_rules_assigners_allocate_and_auditors_read(bank: Bank) -> None:
    rules = {"rules": [{"name": "all", "pool": {"managers": ["m1"]}}]}
    head = bank.service.client(Role.DEPARTMENT_HEAD, subject="dan")
    path = f"/v1/allocation-rules/{bank.today}"
    for caller in (bank.assigner, bank.auditor, bank.accountant, head, bank.manager("m1")):
        assert (await caller.put(path, json=rules)).status_code == 403
    assert (await bank.approver.put(path, json=rules)).status_code == 200
    shown = await bank.approver.post("/v1/allocations/preview", json=terms(bank))
    place = f"/v1/allocations/{shown.json()['allocation_id']}"
    for caller in (bank.auditor, bank.accountant, head, bank.manager("m1")):
        for path in ("/v1/allocations", "/v1/allocations/preview"):
            assert (await caller.post(path, json=terms(bank))).status_code == 403
    for path in ("/v1/allocation-rules", "/v1/allocations", place, f"{place}/items"):
        for caller in (bank.accountant, head, bank.manager("m1")):
            assert (await caller.get(path)).status_code == 403
        for caller in (bank.assigner, bank.approver, bank.auditor):
            assert (await caller.get(path)).status_code == 200


async def test_a_repeated_allocation_gets_its_first_answer(bank: Bank) -> None:
    await set_rules(bank, {"pool": {"managers": ["m1"]}})
    key = {"Idempotency-Key": "all-1"}
    first = await bank.assigner.post("/v1/allocations", json=terms(bank), headers=key)
    again = await bank.assigner.post("/v1/allocations", json=terms(bank), headers=key)
    assert (first.json()["placed"], again.content) == (1, first.content)


async def test_allocations_and_assignments_at_once_never_load_anybody_beyond_capacity(bank: Bank) -> None:
    for number in range(2, 13):
        await welcome(bank, f"c{number}")
    await capacity(bank, "10")
    await set_rules(bank, {"pool": {"managers": ["m1", "m2"]}})
    await asyncio.gather(
        *(bank.assigner.post("/v1/allocations", json=terms(bank, {"unassigned": True})) for _ in range(3)),
        *(bank.assign(f"c{number}", bank.today, m1="1") for number in range(1, 13)),
    )
    loads = (await bank.auditor.get("/v1/loads")).json()["items"]
    assert [one["load"] for one in loads] == ["10", "10"]
    assert await bank.service.verify() is None
