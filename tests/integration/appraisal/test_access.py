"""Who sees which scorecard."""

import pytest

from shared.contracts import ledger
from shared.infrastructure.auth import Role
from tests.integration.appraisal.messages import entry
from tests.support.services import ServiceUnderTest

JULY = {"period": "2026-07"}


@pytest.fixture
async def scored(appraisal: ServiceUnderTest) -> ServiceUnderTest:
    """Two managers and one department have results of July."""
    await appraisal.publish(ledger.TOPIC, entry(0, 1, {"m1": "60.00", "m2": "40.00"}))
    await appraisal.caught_up()
    return appraisal


@pytest.mark.parametrize("role", [Role.APPROVER, Role.ACCOUNTANT, Role.AUDITOR, Role.ADMIN])
async def test_those_who_answer_for_the_bank_see_all(scored: ServiceUnderTest, role: Role) -> None:
    caller = scored.client(role)
    shown = (await caller.get("/v1/scorecards", params=JULY)).json()
    assert [one["centre_id"] for one in shown["managers"]] == ["m1", "m2"]
    assert shown["totals"]["department"]["lines"]["interest_income"] == "100.00"
    assert (await caller.get("/v1/scorecards/department/lending", params=JULY)).status_code == 200


async def test_a_manager_sees_the_own_scorecard_alone(scored: ServiceUnderTest) -> None:
    caller = scored.client(Role.MANAGER, subject="m2")
    shown = (await caller.get("/v1/scorecards", params=JULY)).json()
    assert [one["measures"]["efficiency"] for one in shown["managers"]] == ["40.00"]
    assert (shown["departments"], shown["totals"], shown["balanced"]) == ([], None, None)
    assert (await caller.get("/v1/scorecards/manager/m2", params=JULY)).json()["centre_id"] == "m2"


async def test_a_department_head_sees_the_own_department_alone(scored: ServiceUnderTest) -> None:
    caller = scored.client(Role.DEPARTMENT_HEAD, subject="wang", department="lending")
    shown = (await caller.get("/v1/scorecards", params=JULY)).json()
    assert [one["centre_id"] for one in shown["departments"]] == ["lending"]
    assert (shown["managers"], shown["totals"], shown["balanced"]) == ([], None, None)
    assert (await caller.get("/v1/scorecards/department/lending", params=JULY)).status_code == 200


@pytest.mark.parametrize("place", ["manager/m1", "department/lending"])
async def test_anothers_scorecard_is_as_unknown_as_one_that_does_not_exist(
    scored: ServiceUnderTest, place: str
) -> None:
    caller = scored.client(Role.MANAGER, subject="m2")
    refused = (await caller.get(f"/v1/scorecards/{place}", params=JULY)).json()
    unknown = (await scored.admin.get(f"/v1/scorecards/{place}x", params=JULY)).json()
    assert refused["status"] == unknown["status"] == 404
    assert unknown["detail"] == refused["detail"] + "x"
    assert {key: refused[key] for key in ("type", "title")} == {
        key: unknown[key] for key in ("type", "title")
    }


async def test_a_manager_whose_name_is_a_departments_does_not_see_it(scored: ServiceUnderTest) -> None:
    caller = scored.client(Role.MANAGER, subject="lending")
    assert (await caller.get("/v1/scorecards/department/lending", params=JULY)).status_code == 404


async def test_a_known_centre_without_results_in_the_period_has_zeros(scored: ServiceUnderTest) -> None:
    shown = (await scored.admin.get("/v1/scorecards/manager/m1", params={"period": "2025-H1"})).json()
    assert set(shown["lines"].values()) == {"0.00"}
    assert (await scored.admin.get("/v1/scorecards", params={"period": "2025-H1"})).json()["managers"] == []


@pytest.mark.parametrize("role", [Role.CORE, Role.ASSIGNER])
async def test_others_see_none(scored: ServiceUnderTest, role: Role) -> None:
    assert (await scored.client(role).get("/v1/scorecards", params=JULY)).status_code == 403


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/v1/scorecards", "period"),
        ("/v1/scorecards?period=2026-Q5", "period"),
        ("/v1/scorecards/bank/m1?period=2026-07", "side"),
        ("/v1/scorecards/manager/m%211?period=2026-07", "centre_id"),
    ],
)
async def test_a_malformed_request_is_told_its_field(scored: ServiceUnderTest, path: str, field: str) -> None:
    answer = await scored.admin.get(path)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]
