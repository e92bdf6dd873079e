"""Who stands where, and what a draft of a scheme would have come to."""

from typing import Any

import pytest

from shared.contracts.appraisal import Rating
from shared.infrastructure.auth import Role
from tests.integration.appraisal.closed import cycle, write
from tests.integration.appraisal.quarter import SCHEME, Quarter
from tests.support.services import ServiceUnderTest

TOTALS = {"m1": "93", "m2": "80", "m3": "80", "m4": "70", "m5": "41"}


@pytest.fixture
async def ranked(appraisal: ServiceUnderTest) -> ServiceUnderTest:
    """Five of a grade in a closed cycle, and two in one that is scored only."""
    await write(appraisal, cycle("2026-Q2", TOTALS, appealed={"m5": Rating.C}))
    await write(appraisal, cycle("2026-Q3", {"m1": "50", "m2": "60"}, until="scored"))
    return appraisal


async def test_the_office_sees_all_positions(ranked: ServiceUnderTest) -> None:
    caller = ranked.client(Role.AUDITOR)
    [group] = (await caller.get("/v1/cycles/2026-Q2/ranking")).json()["groups"]
    assert (group["group"], group["size"]) == ("manager-2", 5)
    assert group["quartiles"] == {"lower": "70.00", "median": "80.00", "upper": "80.00"}
    assert [(one["position"], one["manager_id"], one["rating"]) for one in group["items"]] == [
        (1, "m1", "A"),
        (2, "m2", "B"),
        (2, "m3", "B"),
        (4, "m4", "C"),
        (5, "m5", "C"),
    ]
    other = {"group": "manager-1"}
    assert (await caller.get("/v1/cycles/2026-Q2/ranking", params=other)).json()["groups"] == []
    assert (await caller.get("/v1/cycles/2026-Q3/ranking")).json()["groups"][0]["size"] == 2
    assert (await caller.get("/v1/cycles/2026-Q4/ranking")).status_code == 404


async def test_a_manager_sees_the_own_position_once_the_cycle_is_published(ranked: ServiceUnderTest) -> None:
    caller = ranked.client(Role.MANAGER, subject="m4")
    [group] = (await caller.get("/v1/cycles/2026-Q2/ranking")).json()["groups"]
    assert [(one["position"], one["manager_id"]) for one in group["items"]] == [(4, "m4")]
    assert (group["size"], group["quartiles"]["median"]) == (5, "80.00")
    assert (await ranked.client(Role.MANAGER, subject="m1").get("/v1/cycles/2026-Q3/ranking")).json()[
        "groups"
    ] == []
    await write(ranked, cycle("2026-Q1", {"m4": "70", "m1": "80"}))
    [small] = (await caller.get("/v1/cycles/2026-Q1/ranking")).json()["groups"]
    assert small["quartiles"] is None, "of two, they would be the other's total"


async def test_a_manager_sees_the_own_history_newest_first_and_no_others(ranked: ServiceUnderTest) -> None:
    await write(ranked, [*cycle("2025", {"m1": "70"}), *cycle("2026-Q1", {"m1": "85"})])
    own = (await ranked.client(Role.MANAGER, subject="m1").get("/v1/managers/m1/appraisals")).json()["items"]
    assert [(one["cycle_id"], one["total"], one["rating"], one["grade"]) for one in own] == [
        ("2026-Q2", "93", "A", "manager-2"),
        ("2026-Q1", "85", "B", "manager-2"),
        ("2025", "70", "C", "manager-2"),
    ]
    other = await ranked.client(Role.MANAGER, subject="m2").get("/v1/managers/m1/appraisals")
    unknown = await ranked.client(Role.AUDITOR).get("/v1/managers/m8/appraisals")
    assert (other.status_code, unknown.status_code) == (404, 404)
    assert other.json()["detail"].replace("m1", "m8") == unknown.json()["detail"]
    head = ranked.client(Role.DEPARTMENT_HEAD, subject="wang", department="lending")
    assert (await head.get("/v1/managers/m1/appraisals")).status_code == 403


def halved(target: str) -> dict[str, Any]:
    first, second = SCHEME["indicators"]
    return {**SCHEME, "name": "Draft", "indicators": [{**first, "target": target}, second]}


async def test_a_draft_gives_what_really_scoring_by_it_gives(appraisal: ServiceUnderTest) -> None:
    quarter = Quarter(appraisal)
    for manager in ("m1", "m2"):
        await quarter.hire(manager)
    await quarter.hire("m3", "senior-1")
    await quarter.earn({"m1": "90.00", "m2": "45.50", "m3": "12.34"})
    await quarter.close()
    ann = appraisal.client(Role.APPROVER, subject="ann")
    draft = halved("60.00")
    await ann.put("/v1/schemes/usual/2026-01-01", json=SCHEME)
    await ann.post("/v1/cycles", json={"period": "2026-Q3"})
    path = "/v1/cycles/2026-Q3/what-if"
    early = await ann.post(path, json=draft)
    assert (early.status_code, early.json()["rule"]) == (409, "cycle-is-frozen")
    assert (await ann.post("/v1/cycles/2026-Q3/freeze")).status_code == 200
    unscored = (await ann.post(path, json=draft)).json()
    assert {one["total_before"] for one in unscored["items"]} == {None}
    by_hand = {"source": "manual:diligence", "figure": "4", "evidence": "file 7"}
    assert (await ann.post("/v1/cycles/2026-Q3/cards/manager/m1/manual", json=by_hand)).status_code == 200
    assert (await ann.post("/v1/cycles/2026-Q3/score")).status_code == 200
    before = await appraisal.rows("SELECT count(*) FROM event")
    tried = (await ann.post(path, json=draft)).json()
    assert await appraisal.rows("SELECT count(*) FROM event") == before, "nothing is kept"
    cards = (await ann.get("/v1/cycles/2026-Q3/cards")).json()["items"]
    assert {one["centre_id"]: one["total_before"] for one in tried["items"]} == {
        one["centre_id"]: one["total"] for one in cards if one["total"] is not None
    }

    assert (await ann.put("/v1/schemes/usual/2026-01-01", json=draft)).status_code == 200
    assert (await ann.post("/v1/cycles", json={"period": "2026-Q3", "kind": "promotion"})).status_code == 201
    review = "/v1/cycles/2026-Q3-promotion"
    assert (await ann.post(f"{review}/freeze")).status_code == 200
    assert (await ann.post(f"{review}/cards/manager/m1/manual", json=by_hand)).status_code == 200
    assert (await ann.post(f"{review}/score")).status_code == 200
    really = (await ann.get(f"{review}/cards")).json()["items"]
    assert [(one["centre_id"], one["total_after"], one["rating_after"]) for one in tried["items"]] == [
        (one["centre_id"], one["total"], one["rating"])
        for one in really
        if one["side"] == "manager" and one["total"] is not None
    ]
    assert tried["ratings"] == {
        "before": {"A": 1, "B": 0, "C": 0, "D": 2},
        "after": {"A": 1, "B": 0, "C": 1, "D": 1},
    }
    of_seniors = (await ann.post(path, json={**draft, "groups": ["senior-1"]})).json()["items"]
    assert [one["centre_id"] for one in of_seniors] == ["m3"]


async def test_a_draft_that_cannot_be_read_or_is_not_ones_to_try_is_refused(
    ranked: ServiceUnderTest,
) -> None:
    path = "/v1/cycles/2026-Q2/what-if"
    heavy = {**SCHEME, "indicators": SCHEME["indicators"][:1]}
    refused = await ranked.client(Role.APPROVER).post(path, json=heavy)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "indicators")
    assert (await ranked.client(Role.ASSIGNER).post(path, json=SCHEME)).status_code == 403
    assert (
        await ranked.client(Role.APPROVER).post("/v1/cycles/2020/what-if", json=SCHEME)
    ).status_code == 404
