"""A cycle over HTTP: what goes in is fixed, what comes out is explained, and nobody agrees to their own work."""

from typing import Any

import httpx
import pytest

from shared.infrastructure.auth import Role
from tests.integration.appraisal.quarter import SCHEME, Quarter
from tests.support.services import ServiceUnderTest


class Office:
    """Those who work on a cycle."""

    def __init__(self, service: ServiceUnderTest) -> None:
        self.service = service
        self.ann = service.client(Role.APPROVER, subject="ann")
        self.bob = service.client(Role.APPROVER, subject="bob")
        self.cem = service.client(Role.APPROVER, subject="cem")
        self.auditor = service.client(Role.AUDITOR, subject="otto")

    def manager(self, manager_id: str) -> httpx.AsyncClient:
        return self.service.client(Role.MANAGER, subject=manager_id)

    async def step(self, step: str, by: httpx.AsyncClient | None = None, **headers: str) -> httpx.Response:
        return await (by or self.ann).post(f"/v1/cycles/2026-Q3/{step}", headers=headers)

    async def card(self, centre: str, side: str = "manager") -> dict[str, Any]:
        answer = await self.auditor.get(f"/v1/cycles/2026-Q3/cards/{side}/{centre}")
        assert answer.status_code == 200, answer.text
        shown: dict[str, Any] = answer.json()
        return shown


@pytest.fixture
async def office(appraisal: ServiceUnderTest) -> Office:
    """A closed quarter with a scheme, and a cycle that is open."""
    quarter = Quarter(appraisal)
    for manager in ("m1", "m2", "m3"):
        await quarter.hire(manager)
    await quarter.earn({"m1": "90.00", "m2": "45.50"})
    await quarter.earn({"unassigned": "4.00"}, period="2026-08")
    await quarter.earn({"m1": "-10.00", "m2": "10.00"}, period="2026-09", adjusts_period="2026-05")
    await quarter.close()
    office = Office(appraisal)
    assert (await office.ann.put("/v1/schemes/usual/2026-01-01", json=SCHEME)).status_code == 200
    opened = await office.ann.post("/v1/cycles", json={"period": "2026-Q3"})
    assert (opened.status_code, opened.json()) == (201, {"cycle_id": "2026-Q3", "status": "open"})
    return office


async def test_a_cycle_from_freezing_to_closing(office: Office) -> None:
    frozen = await office.step("freeze")
    assert frozen.status_code == 200, frozen.text
    cycle = (await office.auditor.get("/v1/cycles/2026-Q3")).json()
    assert (
        cycle["manager_efficiency"]
        == cycle["department_efficiency"]
        == cycle["ledger_efficiency"]
        == "139.50"
    )
    by_hand = {"source": "manual:diligence", "figure": "4", "evidence": "file 7"}
    for manager in ("m1", "m2"):
        scored = await office.ann.post(f"/v1/cycles/2026-Q3/cards/manager/{manager}/manual", json=by_hand)
        assert scored.status_code == 200, scored.text
    assert (await office.step("score")).status_code == 200

    card = await office.card("m1")
    assert (card["total"], card["rating"], card["efficiency"]) == ("84.00", "B", "80.00")
    assert card["inputs"]["addenda"] == [
        {
            "adjusts_period": "2026-05",
            "lines": {"fee_income": "-10.00"},
            "efficiency": "-10.00",
        }
    ]
    words = [one["words"] for one in card["scored"]["indicators"]]
    assert words[0] == "measure:efficiency is 80.00; 100 × 80.00 ÷ 100.00, between 0 and 120"
    assert "given by ann: file 7" in words[1]
    assert (await office.card("m3"))["rating"] == "D", "who has earned nothing is appraised too"
    assert (await office.card("unassigned"))["scored"] is None
    assert (await office.card("lending", "department"))["efficiency"] == "139.50"

    moved = {"points": "5", "reason": "led the merger"}
    calibrated = await office.cem.post("/v1/cycles/2026-Q3/cards/manager/m2/calibration", json=moved)
    assert calibrated.status_code == 200, calibrated.text
    for by in (office.ann, office.cem):
        refused = await office.step("approve", by)
        assert (refused.status_code, refused.json()["rule"]) == (409, "four-eyes")
    assert (await office.step("approve", office.bob)).status_code == 200
    assert (await office.manager("m1").get("/v1/cycles/2026-Q3/cards/manager/m1")).status_code == 404
    assert (await office.step("publish")).status_code == 200

    own = await office.manager("m1").get("/v1/cycles/2026-Q3/cards/manager/m1")
    assert own.json()["rating"] == "B"
    assert (await office.manager("m2").get("/v1/cycles/2026-Q3/cards/manager/m1")).status_code == 404
    assert (await office.manager("m1").get("/v1/cycles/2026-Q3/cards")).status_code == 403
    seen_by_a_manager = (await office.manager("m1").get("/v1/cycles/2026-Q3")).json()
    assert seen_by_a_manager["status"] == "published"
    assert seen_by_a_manager["ledger_efficiency"] is None, "what the bank has earned is the others' too"
    by_others = await office.auditor.post(
        "/v1/cycles/2026-Q3/cards/manager/m1/appeal", json={"grounds": "who only reads"}
    )
    assert by_others.status_code == 403
    appealed = await office.manager("m1").post(
        "/v1/cycles/2026-Q3/cards/manager/m1/appeal", json={"grounds": "the merger was mine"}
    )
    assert appealed.status_code == 201, appealed.text
    assert (await office.step("close")).json()["rule"] == "appeals-are-decided"
    decision = {"upheld": True, "rating": "A", "reason": "it was"}
    path = "/v1/cycles/2026-Q3/cards/manager/m1/appeal/decision"
    assert (await office.bob.post(path, json=decision)).json()["rule"] == "four-eyes"
    halved = await office.cem.post(path, json={"upheld": True, "reason": "without a rating"})
    assert (halved.status_code, halved.json()["errors"][0]["field"]) == (422, "body")
    assert (await office.cem.post(path, json=decision)).status_code == 200
    again = await office.manager("m1").get("/v1/cycles/2026-Q3/cards/manager/m1")
    assert again.content == own.content, "a published scorecard never changes"
    appeals = (await office.manager("m1").get("/v1/cycles/2026-Q3/appeals")).json()["items"]
    assert [(one["status"], one["rating"]) for one in appeals] == [("upheld", "A")]
    assert (await office.manager("m2").get("/v1/cycles/2026-Q3/appeals")).json()["items"] == []
    assert (await office.step("close")).status_code == 200

    await office.service.caught_up()
    told = [
        record for record in await office.service.published("appraisal.events") if b"rating" in record.value
    ]
    assert len(told) == 3
    assert await office.service.verify() is None
    digests = await office.service.digests()
    await office.service.replay()
    assert await office.service.digests() == digests


async def test_a_running_period_shows_what_the_scheme_would_make_of_it(office: Office) -> None:
    m1 = office.manager("m1")
    shown = (await m1.get("/v1/scorecards/manager/m1", params={"period": "2026-Q3"})).json()
    appraisal = shown["appraisal"]
    assert (appraisal["total"], appraisal["rating"]) == ("64.00", "C"), (
        "80 of 100 points by efficiency so far"
    )
    assert [one["score"] for one in appraisal["indicators"]] == ["80.0000", "0.0000"]
    legs = appraisal["links"]["indicators"]["y"]
    assert "/v1/books/manager/centres/m1/legs?period=2026-Q3&line=risk_charge" in legs
    assert len(legs) == 10, "every flow is part of efficiency"
    month = (await m1.get("/v1/scorecards/manager/m1", params={"period": "2026-07"})).json()
    assert (month["measures"]["efficiency"], month["appraisal"]["total"]) == ("90.00", "72.00")
    ahead = (await m1.get("/v1/scorecards/manager/m1", params={"period": "2026-12"})).json()
    assert ahead["appraisal"]["total"] == "0.00", "nothing yet, and that can be seen too"
    for path in ("manager/unassigned", "department/lending"):
        answer = await office.auditor.get(f"/v1/scorecards/{path}", params={"period": "2026-Q3"})
        assert answer.json()["appraisal"] is None, "no scheme is for it"
    assert (await office.step("freeze")).status_code == 200
    assert (await office.step("score")).status_code == 200
    assert (await office.card("m1"))["total"] == "64.00", "the same as to date"


async def test_what_was_published_stands_when_the_past_changes(office: Office) -> None:
    for step, by in (
        ("freeze", office.ann),
        ("score", office.ann),
        ("approve", office.bob),
        ("publish", office.bob),
    ):
        assert (await office.step(step, by)).status_code == 200, step
    before = await office.manager("m1").get("/v1/cycles/2026-Q3/cards/manager/m1")
    later = Quarter(office.service, ("2026-10", "2026-11", "2026-12"))
    later._position = 100
    await later.earn({"m1": "-30.00", "m2": "30.00"}, period="2026-10", adjusts_period="2026-07")
    await later.close()
    after = await office.manager("m1").get("/v1/cycles/2026-Q3/cards/manager/m1")
    assert after.content == before.content
    assert (await office.ann.post("/v1/cycles", json={"period": "2026-Q4"})).status_code == 201
    assert (await office.ann.post("/v1/cycles/2026-Q4/freeze")).status_code == 200
    card = (await office.auditor.get("/v1/cycles/2026-Q4/cards/manager/m1")).json()
    assert [(one["adjusts_period"], one["efficiency"]) for one in card["inputs"]["addenda"]] == [
        ("2026-07", "-30.00")
    ]


async def test_an_approval_of_what_was_changed_since_is_refused(office: Office) -> None:
    await office.step("freeze")
    await office.step("score")
    seen = (await office.bob.get("/v1/cycles/2026-Q3")).headers["etag"]
    moved = {"points": "1", "reason": "late word"}
    assert (
        await office.cem.post("/v1/cycles/2026-Q3/cards/manager/m1/calibration", json=moved)
    ).status_code == 200
    stale = await office.step("approve", office.bob, **{"If-Match": seen})
    assert stale.status_code == 412
    fresh = (await office.bob.get("/v1/cycles/2026-Q3")).headers["etag"]
    assert (await office.step("approve", office.bob, **{"If-Match": fresh})).status_code == 200


async def test_a_cycle_is_not_frozen_before_all_of_its_period_is_closed_and_has_arrived(
    appraisal: ServiceUnderTest,
) -> None:
    quarter = Quarter(appraisal)
    await quarter.earn({"m1": "90.00"})
    await quarter.close("2026-07", "2026-08")
    office = Office(appraisal)
    await office.ann.post("/v1/cycles", json={"period": "2026-Q3"})
    refused = await office.step("freeze")
    assert (refused.status_code, refused.json()["rule"]) == (409, "period-is-closed")
    assert "2026-09" in refused.json()["detail"]
    quarter._totals["2026-09"] = {"fee_income": 1}  # the close tells of an entry that has not come yet
    await quarter.close("2026-09")
    assert (await office.step("freeze")).json()["rule"] == "period-is-closed"
    quarter._totals["2026-09"] = {}
    await quarter.earn({"m1": "0.01"}, period="2026-09")
    await appraisal.caught_up()
    assert (await office.step("freeze")).status_code == 200


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/v1/cycles", {"period": "2026-07"}, "period"),
        ("/v1/cycles", {"period": "soon"}, "period"),
        ("/v1/cycles", {"period": "2026-Q3", "calibration_limit": "21"}, "calibration_limit"),
        (
            "/v1/cycles/2026-Q3/cards/manager/m1/calibration",
            {"points": "0.005", "reason": "finer than a total"},
            "points",
        ),
    ],
)
async def test_what_cannot_be_read_is_named(
    appraisal: ServiceUnderTest, path: str, body: dict[str, Any], field: str
) -> None:
    refused = await Office(appraisal).ann.post(path, json=body)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"].endswith(field)


async def test_schemes_are_listed_by_version_and_as_of_a_day(office: Office) -> None:
    changed = {**SCHEME, "name": "Changed"}
    assert (await office.ann.put("/v1/schemes/usual/2026-08-01", json=changed)).status_code == 200
    wrong = {**SCHEME, "indicators": SCHEME["indicators"][:1]}
    assert (await office.ann.put("/v1/schemes/usual/2026-08-01", json=wrong)).status_code == 422
    listed = (await office.auditor.get("/v1/schemes")).json()["items"]
    assert [(one["version"], one["terms"]["name"]) for one in listed] == [(1, "Usual"), (2, "Changed")]
    then = (await office.auditor.get("/v1/schemes", params={"as_of": "2026-07-31"})).json()["items"]
    assert [one["version"] for one in then] == [1]
    assert (await office.manager("m1").get("/v1/schemes")).status_code == 403
    listed_cards = (await office.auditor.get("/v1/cycles/2026-Q3/cards")).json()["items"]
    assert listed_cards == []
    assert [one["cycle_id"] for one in (await office.manager("m1").get("/v1/cycles")).json()["items"]] == [
        "2026-Q3"
    ]
    assert (await office.auditor.get("/v1/cycles/2026-Q9")).status_code == 404
