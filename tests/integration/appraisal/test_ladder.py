"""From ratings to another grade, over HTTP: due, proposed, approved by another, told, and answered."""

from collections.abc import Mapping
from typing import Any

import httpx
import orjson
import pytest

from services.appraisal.domain.cycle_event import CycleKind
from shared.contracts import appraisal as contract
from shared.contracts import assignment
from shared.contracts.appraisal import Rating
from shared.contracts.envelope import CloudEvent
from shared.infrastructure.auth import Role
from shared.infrastructure.bank_time import today
from tests.integration.appraisal.closed import cycle, write
from tests.integration.appraisal.quarter import Quarter
from tests.support.services import ServiceUnderTest

A, D = "93", "41"
RUN = ("2025-Q4", "2026-Q1", "2026-Q2", "2026-Q3")


class Office:
    """Those who decide on grades, and four managers of a grade with the year behind them."""

    def __init__(self, service: ServiceUnderTest) -> None:
        self.service = service
        self.ann = service.client(Role.APPROVER, subject="ann")
        self.bob = service.client(Role.APPROVER, subject="bob")
        self.auditor = service.client(Role.AUDITOR, subject="otto")

    async def due(self, cycle_id: str = "2026-Q3") -> dict[str, Any]:
        answer = await self.auditor.get(f"/v1/cycles/{cycle_id}/grade-changes")
        assert answer.status_code == 200, answer.text
        return {one["manager_id"]: one for one in answer.json()["items"]}

    async def propose(self, *manager_ids: str, cycle_id: str = "2026-Q3") -> dict[str, str]:
        body = {"manager_ids": manager_ids} if manager_ids else None
        answer = await self.ann.post(f"/v1/cycles/{cycle_id}/grade-changes", json=body)
        assert answer.status_code == 202, answer.text
        return {one["manager_id"]: one["change_id"] for one in answer.json()["items"]}

    async def decide(
        self, change_id: str, what: str = "approve", by: httpx.AsyncClient | None = None, **headers: str
    ) -> httpx.Response:
        return await (by or self.bob).post(f"/v1/grade-changes/{change_id}/{what}", headers=headers)

    async def told(self) -> list[dict[str, Any]]:
        await self.service.caught_up()
        records = await self.service.published(contract.TOPIC)
        return [orjson.loads(one.value) for one in records if one.headers["ce_type"] == b"GradeChangeDecided"]

    async def tell(self, kind: str, manager_id: str, reference: str, **said: Any) -> None:
        """The assignment service's answer."""
        data = {"manager_id": manager_id, "effective_from": "2026-12-01", "reference": reference, **said}
        event = CloudEvent(
            f"{kind}-{manager_id}", kind, assignment.SOURCE, orjson.dumps(data), subject=manager_id
        )
        await self.service.publish(assignment.TOPIC, event)
        await self.service.caught_up()


@pytest.fixture
async def office(appraisal: ServiceUnderTest) -> Office:
    """m1 is due up, m2 down, m3 has a gap, m4 is a principal with four A."""
    quarter = Quarter(appraisal)
    for manager in ("m1", "m2", "m3"):
        await quarter.hire(manager)
    await quarter.hire("m4", "principal")
    await appraisal.caught_up()
    for period, totals in zip(
        RUN,
        (
            {"m1": A, "m2": A, "m3": A, "m4": A},
            {"m1": A, "m2": "70", "m4": A},
            {"m1": A, "m2": D, "m3": A, "m4": A},
            {"m1": A, "m2": D, "m3": A, "m4": A},
        ),
        strict=True,
    ):
        await write(appraisal, cycle(period, totals))
    return Office(appraisal)


def first_of_next_month() -> str:
    day = today()
    return f"{day.year + day.month // 12:04d}-{day.month % 12 + 1:02d}-01"


async def test_four_quarters_a_become_another_grade_and_two_d_a_lower_one(office: Office) -> None:
    due = await office.due()
    assert set(due) == {"m1", "m2"}
    assert (due["m1"]["grade_before"], due["m1"]["grade"]) == ("manager-2", "manager-1")
    assert (due["m2"]["direction"], due["m2"]["grade"]) == ("down", "manager-3")
    assert [one["cycle_id"] for one in due["m1"]["cycles"]] == list(RUN)
    assert due["m1"]["proposed"] is None

    changes = await office.propose()
    assert set(changes) == {"m1", "m2"}
    assert (await office.due())["m1"]["proposed"] == {"change_id": changes["m1"], "status": "open"}
    assert await office.propose() == {}, "what is proposed is not proposed again"
    own = await office.decide(changes["m1"], by=office.ann)
    assert (own.status_code, own.json()["rule"]) == (409, "four-eyes")

    approved = await office.decide(changes["m1"])
    assert approved.status_code == 200, approved.text
    assert (approved.json()["status"], approved.json()["effective_from"]) == (
        "approved",
        first_of_next_month(),
    )
    rejected = await office.bob.post(
        f"/v1/grade-changes/{changes['m2']}/reject", json={"reason": "was ill for months"}
    )
    assert rejected.json()["status"] == "rejected"
    [told] = await office.told()
    assert told == {
        "decision_id": changes["m1"],
        "manager_id": "m1",
        "grade": "manager-1",
        "effective_from": first_of_next_month(),
        "reason": "quarters in a row: 2025-Q4 A, 2026-Q1 A, 2026-Q2 A, 2026-Q3 A",
    }
    assert set(await office.due()) == {"m2"}, "a run is used once; what was rejected is still due"
    again = await office.propose("m2")
    assert again["m2"] != changes["m2"]

    await write(office.service, cycle("2026-Q4", {"m1": A}))
    assert await office.due("2026-Q4") == {}, "after a promotion counting begins anew"
    assert await office.service.verify() is None
    digests = await office.service.digests()
    await office.service.replay()
    assert await office.service.digests() == digests


async def test_the_answer_of_the_assignment_service_is_kept(office: Office) -> None:
    changes = await office.propose()
    for change_id in changes.values():
        assert (await office.decide(change_id)).status_code == 200
    await office.tell(
        "GradeChangeRefused",
        "m1",
        f"{changes['m1']}: four quarters",
        grade="manager-1",
        reason="certificate CFP",
    )
    graded = {"grade": "manager-3", "previous_grade": "manager-2", "ground": "appraisal"}
    await office.tell("ManagerGraded", "m2", f"{changes['m2']}: two quarters", **graded)
    listed = (await office.auditor.get("/v1/grade-changes", params={"status": "approved"})).json()["items"]
    assert [(one["manager_id"], one["outcome"], one["outcome_reason"]) for one in listed] == [
        ("m1", "refused", "certificate CFP"),
        ("m2", "applied", None),
    ]
    assert await office.service.verify() is None


async def test_an_approval_of_what_has_changed_since_is_refused(office: Office) -> None:
    changes = await office.propose("m1")
    path = f"/v1/grade-changes/{changes['m1']}"
    seen = (await office.auditor.get(path)).headers["etag"]
    assert (await office.decide(changes["m1"], "reject")).status_code == 200
    changes = await office.propose("m1")
    stale = await office.decide(changes["m1"], **{"If-Match": seen})
    assert stale.status_code == 412
    fresh = (await office.auditor.get(f"/v1/grade-changes/{changes['m1']}")).headers["etag"]
    assert (await office.decide(changes["m1"], **{"If-Match": fresh})).status_code == 200
    repeated = await office.decide(changes["m1"])
    assert (repeated.status_code, repeated.json()["rule"]) == (409, "change-is-open")


async def test_who_is_not_due_cannot_be_proposed_nor_before_the_cycle_is_closed(office: Office) -> None:
    refused = await office.ann.post("/v1/cycles/2026-Q3/grade-changes", json={"manager_ids": ["m3"]})
    assert (refused.status_code, refused.json()["rule"]) == (409, "change-is-due")
    await write(office.service, cycle("2026-Q4", {"m1": A}, until="published"))
    for ask in (office.auditor.get, office.ann.post):
        answer = await ask("/v1/cycles/2026-Q4/grade-changes")
        assert (answer.status_code, answer.json()["rule"]) == (409, "cycle-is-closed")
    assert (await office.auditor.get("/v1/cycles/2027-Q1/grade-changes")).status_code == 404
    assert (await office.auditor.get("/v1/grade-changes/nope")).status_code == 404
    assert (await office.bob.post("/v1/grade-changes/nope/approve")).status_code == 404


async def test_reviews_and_years_move_a_grade_by_points_or_by_the_rating_after_an_appeal(
    office: Office,
) -> None:
    totals = {"m1": "90", "m2": "88", "m3": "80"}
    review = cycle("2026-H1", totals, kind=CycleKind.PROMOTION, appealed={"m3": Rating.A})
    await write(office.service, [*review, *cycle("2026", {"m1": "59.99", "m2": "60"})])
    found = await office.due("2026-H1-promotion")
    assert {name: one["ground"] for name, one in found.items()} == {
        "m1": "90 points in the promotion review of 2026-H1",
        "m3": "rating A after an appeal in the promotion review of 2026-H1",
    }
    assert set(await office.due("2026")) == {"m1"}


async def test_the_policy_of_the_periods_last_day_counts(office: Office) -> None:
    lenient = {"quarters_up": 2}
    assert (await office.ann.put("/v1/ladder-policies/2026-07-01", json=lenient)).status_code == 200
    assert set(await office.due()) == {"m1", "m2", "m3"}
    assert set(await office.due("2026-Q2")) == set()
    listed = (await office.auditor.get("/v1/ladder-policies")).json()["items"]
    assert [(one["effective_from"], one["quarters_up"], one["review_up"]) for one in listed] == [
        ("default", 4, "90"),
        ("2026-07-01", 2, "90"),
    ]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"quarters_up": 0}, "quarters_up"),
        ({"rating_up": "E"}, "rating_up"),
        ({"year_down": 60}, "year_down"),
        ({"rating_up": "D"}, ""),
        ({"quarter_up": 4}, "quarter_up"),
    ],
)
async def test_a_policy_that_cannot_be_read_names_its_field(
    appraisal: ServiceUnderTest, body: Mapping[str, Any], field: str
) -> None:
    office = Office(appraisal)
    refused = await office.ann.put("/v1/ladder-policies/2026-07-01", json=body)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"].endswith(field)


@pytest.mark.parametrize("role", [Role.MANAGER, Role.DEPARTMENT_HEAD, Role.CORE])
async def test_others_do_not_see_who_is_due(appraisal: ServiceUnderTest, role: Role) -> None:
    caller = appraisal.client(role, subject="m1")
    assert (await caller.get("/v1/cycles/2026-Q3/grade-changes")).status_code == 403
    assert (await caller.post("/v1/cycles/2026-Q3/grade-changes")).status_code == 403
    assert (await appraisal.client(Role.AUDITOR).post("/v1/grade-changes/x/approve")).status_code == 403
