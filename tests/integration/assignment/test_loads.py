"""How much looking after managers have to do on a day, and what their grades allow."""

from datetime import timedelta

import pytest

from tests.integration.assignment.bank import Bank, customer


@pytest.fixture
async def loaded(bank: Bank) -> Bank:
    """m1 has c1 and half of c2, both gold, from in ten days on only c3, basic; m2 has the other half."""
    for customer_id, tier in (("c2", "gold"), ("c3", "basic")):
        body = {**customer(customer_id, "恒瑞纺织"), "tier": tier}
        assert (await bank.assigner.post("/v1/customers", json=body)).status_code == 201
    later = bank.today + timedelta(days=10)
    await bank.assign("c1", bank.past, m1="1")
    await bank.assign("c2", bank.past, m1="0.50", m2="0.50")
    await bank.assign("c1", later)
    await bank.assign("c2", later, m2="1")
    await bank.assign("c3", later, m1="1")
    return bank


async def test_a_load_is_the_weights_of_tiers_times_the_shares(loaded: Bank) -> None:
    shown = (await loaded.auditor.get("/v1/managers/m1/load")).json()
    assert shown == {
        "manager_id": "m1",
        "as_of": loaded.today.isoformat(),
        "branch_id": "b1",
        "team_id": None,
        "load": "3",
        "capacity": "700",
        "customers": 2,
        "by_tier": {"gold": {"customers": 2, "load": "3"}},
    }
    later = (loaded.today + timedelta(days=10)).isoformat()
    shown = (await loaded.auditor.get("/v1/managers/m1/load", params={"as_of": later})).json()
    assert (shown["load"], shown["by_tier"]) == ("0.5", {"basic": {"customers": 1, "load": "0.5"}})


async def test_before_the_bank_there_is_no_capacity_and_no_load(bank: Bank) -> None:
    body = {
        "manager_id": "m3",
        "name": "王小明",
        "branch_id": "b2",
        "grade": "trainee",
        "hired_on": "2020-01-01",
    }
    await bank.assigner.post("/v1/managers", json=body)
    shown = (await bank.auditor.get("/v1/managers/m3/load", params={"as_of": "2019-12-31"})).json()
    assert (shown["capacity"], shown["load"], shown["branch_id"], shown["by_tier"]) == (None, "0", None, {})


async def test_loads_come_by_pages_of_all_a_branch_or_a_team(loaded: Bank) -> None:
    body = {"manager_id": "m3", "name": "王小明", "branch_id": "b2", "team_id": "t2", "grade": "manager-2"}
    await loaded.assigner.post("/v1/managers", json=body)

    async def loads(**query: str) -> list[tuple[str, str]]:
        page = (await loaded.assigner.get("/v1/loads", params=query)).json()
        return [(item["manager_id"], item["load"]) for item in page["items"]]

    assert await loads() == [("m1", "3"), ("m2", "1"), ("m3", "0")]
    assert await loads(branch_id="b1") == [("m1", "3"), ("m2", "1")]
    assert await loads(team_id="t2") == [("m3", "0")]
    first = (await loaded.approver.get("/v1/loads", params={"limit": "2"})).json()
    assert await loads(cursor=first["next"]) == [("m3", "0")]


async def test_managers_see_their_own_load_only(loaded: Bank) -> None:
    own = loaded.manager("m1")
    assert (await own.get("/v1/managers/m1/load")).json()["load"] == "3"
    answers = [await own.get(f"/v1/managers/{one}/load") for one in ("m2", "m9")]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert (await own.get("/v1/loads")).status_code == 403
    assert (await loaded.accountant.get("/v1/loads")).status_code == 403
