"""What happens to a manager: told over HTTP or by the appraisal, asked for as of any day."""

from datetime import timedelta
from typing import Any

import httpx
import orjson
import pytest

from shared.contracts import appraisal
from shared.contracts.envelope import CloudEvent
from tests.integration.assignment.bank import Bank


async def tell(bank: Bank, what: str, by: httpx.AsyncClient | None = None, **body: Any) -> httpx.Response:
    return await (by or bank.assigner).post(f"/v1/managers/m3/{what}", json=body)


async def hire(bank: Bank, **more: Any) -> None:
    body = {"manager_id": "m3", "name": "赵敏", "branch_id": "b1", "team_id": "t1", "grade": "assistant"}
    answer = await bank.assigner.post("/v1/managers", json={**body, **more})
    assert answer.status_code == 201, answer.text


async def seen(bank: Bank, day: str) -> tuple[str, ...]:
    shown = (await bank.auditor.get("/v1/managers/m3", params={"as_of": day})).json()
    return shown["status"], shown["grade"], shown["branch_id"], shown["team_id"]


async def test_a_life_is_told_event_by_event_and_asked_for_as_of_any_day(bank: Bank) -> None:
    await hire(bank, hired_on="2024-01-10")
    steps: list[tuple[str, dict[str, Any]]] = [
        ("confidentiality", {"signed_on": "2024-01-12"}),
        ("confirmation", {"confirmed_on": "2024-04-10"}),
        ("qualifications", {"kind": "experience", "name": "banking", "obtained_on": "2020-01-01"}),
        ("qualifications", {"kind": "education", "name": "college", "obtained_on": "2019-07-01"}),
        ("trainings", {"course": "Know your customer", "hours": "7.5", "taken_on": "2024-05-01"}),
        (
            "grades",
            {
                "grade": "manager-4",
                "effective_from": "2024-07-01",
                "ground": "exam",
                "reference": "exam 7",
            },
        ),
        (
            "transfers",
            {"branch_id": "b2", "team_id": "t9", "effective_from": "2024-08-01", "reason": "agreed"},
        ),
        ("leaves", {"effective_from": "2024-09-01", "reason": "parental"}),
        ("return", {"returned_on": "2024-12-01"}),
    ]
    for what, body in steps:
        answer = await tell(bank, what, **body)
        assert answer.status_code == 201, (what, answer.text)
    answer = await tell(bank, "departure", bank.approver, departed_on="2025-01-01", reason="retired")
    assert answer.status_code == 201, answer.text

    assert await seen(bank, "2024-01-09") == (None, None, None, None)
    assert await seen(bank, "2024-01-10") == ("probation", "assistant", "b1", "t1")
    assert await seen(bank, "2024-04-10") == ("confirmed", "assistant", "b1", "t1")
    assert await seen(bank, "2024-07-01") == ("confirmed", "manager-4", "b1", "t1")
    assert await seen(bank, "2024-08-31") == ("confirmed", "manager-4", "b2", "t9")
    assert await seen(bank, "2024-10-01") == ("on-leave", "manager-4", "b2", "t9")
    assert await seen(bank, "2024-12-01") == ("confirmed", "manager-4", "b2", "t9")
    assert await seen(bank, "2025-01-01") == ("departed", "manager-4", "b2", "t9")

    history = (await bank.auditor.get("/v1/managers/m3/history")).json()["items"]
    assert [one["type"] for one in history] == [
        "ManagerRegistered",
        "ConfidentialitySigned",
        "ManagerConfirmed",
        "QualificationRecorded",
        "QualificationRecorded",
        "TrainingTaken",
        "ManagerGraded",
        "ManagerTransferred",
        "ManagerWentOnLeave",
        "ManagerReturned",
        "ManagerDeparted",
    ]
    assert history[-1]["actor"] == "bob"
    assert history[-1]["business_date"] == "2025-01-01"
    assert history[-1]["cause"].startswith("http/")
    assert "sealed" not in history[0]["data"]
    page = (await bank.auditor.get("/v1/managers/m3/history", params={"limit": "10"})).json()
    rest = await bank.auditor.get("/v1/managers/m3/history", params={"cursor": page["next"]})
    assert [one["type"] for one in rest.json()["items"]] == ["ManagerDeparted"]
    assert await bank.service.verify() is None


async def test_a_future_transfer_takes_effect_by_itself_on_its_day(bank: Bank) -> None:
    await hire(bank)
    day = bank.today + timedelta(days=10)
    answer = await tell(bank, "transfers", branch_id="b7", effective_from=day.isoformat(), reason="agreed")
    assert answer.status_code == 201
    assert (await seen(bank, bank.today.isoformat()))[2] == "b1"
    assert (await seen(bank, day.isoformat()))[2] == "b7"
    listed = (await bank.auditor.get("/v1/managers", params={"as_of": day.isoformat()})).json()["items"]
    assert {one["manager_id"]: one["branch_id"] for one in listed}["m3"] == "b7"


async def test_a_manager_has_no_customer_before_the_undertaking_is_signed(bank: Bank) -> None:
    await hire(bank, hired_on=bank.past.isoformat())
    refused = await bank.assign("c1", bank.today, m3="1")
    assert (refused.status_code, refused.json()["rule"]) == (409, "confidentiality-is-signed")
    assert refused.json()["errors"][0]["field"] == "shares.0.manager_id"
    await tell(bank, "confidentiality", signed_on=bank.today.isoformat())
    assert (await bank.assign("c1", bank.today, m3="1")).status_code == 200


async def test_nobody_departs_with_customers_left_nor_gains_one_afterwards(bank: Bank) -> None:
    assert (await bank.assign("c1", bank.today, m1="1")).status_code == 200
    leaving = {"departed_on": (bank.today + timedelta(days=5)).isoformat(), "reason": "resigned"}
    refused = await bank.approver.post("/v1/managers/m1/departure", json=leaving)
    assert (refused.status_code, refused.json()["rule"]) == (409, "customers-are-handed-over")
    assert (await bank.assign("c1", bank.today + timedelta(days=5), m2="1")).status_code == 200
    assert (await bank.approver.post("/v1/managers/m1/departure", json=leaving)).status_code == 201
    again = await bank.assign("c1", bank.today + timedelta(days=9), m1="1")
    assert (again.status_code, again.json()["rule"]) == (409, "manager-is-there")


async def test_a_grade_beyond_the_requirements_needs_a_second_person(bank: Bank) -> None:
    await hire(bank)
    grade = {
        "grade": "manager-1",
        "effective_from": bank.today.isoformat(),
        "ground": "appointment",
        "reference": "letter 12",
    }
    refused = await tell(bank, "grades", **grade)
    assert (refused.status_code, refused.json()["rule"]) == (409, "requirements-are-met")
    assert "certificate AFP" in refused.json()["detail"]
    proposed = await tell(bank, "grades", **grade, override_reason="brings the whole team")
    assert proposed.status_code == 202, proposed.text
    proposal = f"/v1/proposals/{proposed.json()['proposal_id']}"
    assert (
        await bank.service.client("approver", subject="ann").post(f"{proposal}/approve")
    ).status_code == 409
    assert (await bank.approver.post(f"{proposal}/approve")).status_code == 200
    assert (await seen(bank, bank.today.isoformat()))[1] == "manager-1"
    listed = await bank.approver.get("/v1/proposals", params={"kind": "grade", "status": "approved"})
    assert [one["content"]["override_reason"] for one in listed.json()["items"]] == ["brings the whole team"]


async def test_a_suspension_is_approved_by_another_and_lifted_when_the_appeal_is_heard(bank: Bank) -> None:
    body = {"measure": "suspension", "ground": "breach of secrecy", "effective_from": bank.today.isoformat()}
    proposed = await bank.assigner.post("/v1/managers/m1/disciplines", json=body)
    assert proposed.status_code == 202, proposed.text
    assert (await bank.assign("c1", bank.today, m1="1")).status_code == 200, "nothing is decided yet"
    proposal = f"/v1/proposals/{proposed.json()['proposal_id']}"
    content = (await bank.approver.get(proposal)).json()["content"]
    assert (await bank.approver.post(f"{proposal}/approve")).status_code == 200
    assert (await bank.auditor.get("/v1/managers/m1")).json()["status"] == "suspended"
    assert (await bank.welcome("c2")).status_code == 201
    assert (await bank.assign("c2", bank.today, m1="1")).json()["rule"] == "manager-is-at-work"
    appeal = f"/v1/managers/m1/disciplines/{content['discipline_id']}/appeal"
    grounds = {"grounds": "it was not me"}
    assert (await bank.manager("m2").post(appeal, json=grounds)).status_code == 404
    assert (await bank.auditor.post(appeal, json=grounds)).status_code == 403
    assert (await bank.manager("m1").post(appeal, json=grounds)).status_code == 201
    decision = {"upheld": False, "reason": "it was not"}
    for judge in ("bob", "ann", "m1"):
        caller = bank.service.client("approver", subject=judge)
        refused = await caller.post(f"{appeal}/decision", json=decision)
        assert (refused.status_code, refused.json()["rule"]) == (409, "four-eyes"), judge
    third = bank.service.client("approver", subject="cem")
    assert (await third.post(f"{appeal}/decision", json=decision)).status_code == 201
    assert (await bank.assign("c2", bank.today, m1="1")).status_code == 200


async def test_who_imposed_a_measure_is_told_to_nobody_outside(bank: Bank) -> None:
    body = {"measure": "warning", "ground": "late", "effective_from": bank.today.isoformat()}
    proposed = await bank.assigner.post("/v1/managers/m1/disciplines", json=body)
    await bank.approver.post(f"/v1/proposals/{proposed.json()['proposal_id']}/approve")
    await bank.service.caught_up()
    [told] = [
        record
        for record in await bank.service.published("assignment.events")
        if record.headers["ce_type"] == b"ManagerDisciplined"
    ]
    assert orjson.loads(told.value).keys() == {"manager_id", "discipline_id", *body}


async def test_a_career_shows_what_was_there_by_a_day(bank: Bank) -> None:
    await hire(bank, hired_on="2024-01-10")
    college = {"kind": "education", "name": "college", "obtained_on": "2019-07-01"}
    afp = {"kind": "certificate", "name": "AFP", "obtained_on": "2024-02-01", "expires_on": "2026-02-01"}
    for one in (college, afp):
        assert (await tell(bank, "qualifications", **one)).status_code == 201
    course = {"course": "Know your customer", "hours": "7.5", "taken_on": "2024-05-01"}
    await tell(bank, "trainings", **course)
    await tell(bank, "trainings", **{**course, "hours": "2", "taken_on": "2024-06-01"})
    await tell(bank, "leaves", effective_from="2024-09-01", reason="parental")
    body = {"measure": "fine", "ground": "late", "effective_from": "2024-07-01", "amount": "100.00"}
    proposed = await tell(bank, "disciplines", **body)
    await bank.approver.post(f"/v1/proposals/{proposed.json()['proposal_id']}/approve")

    async def career(day: str, caller: httpx.AsyncClient | None = None) -> Any:
        answer = await (caller or bank.auditor).get("/v1/managers/m3/career", params={"as_of": day})
        return answer.json()

    seen = await career("2024-06-30", bank.manager("m3"))
    assert seen["probation_ends_on"] == "2024-04-10"
    assert [one["status"] for one in seen["standings"]] == ["probation", "on-leave"]
    assert seen["leaves"] == [{"effective_from": "2024-09-01", "returned_on": None}]
    assert seen["qualifications"] == [
        {**college, "expires_on": None, "valid": True},
        {**afp, "valid": True},
    ]
    assert (len(seen["trainings"]), seen["training_hours"], seen["disciplines"]) == (2, "9.5", [])
    assert seen["next_grade"] == {"grade": "manager-4", "missing": ["2 years in banking"]}
    later = await career("2026-02-01")
    assert [one["valid"] for one in later["qualifications"]] == [True, False]
    [fine] = later["disciplines"]
    assert (fine["measure"], fine["amount"], fine["appeal"]) == ("fine", "100.00", None)
    assert "approved_by" not in fine

    appeal = f"/v1/managers/m3/disciplines/{fine['discipline_id']}/appeal"
    await bank.manager("m3").post(appeal, json={"grounds": "it was not me"})
    assert [one["appeal"] for one in (await career("2026-02-01"))["disciplines"]] == ["open"]
    third = bank.service.client("approver", subject="cem")
    await third.post(f"{appeal}/decision", json={"upheld": True, "reason": "it was"})
    assert [one["appeal"] for one in (await career("2026-02-01"))["disciplines"]] == ["upheld"]


async def test_a_career_is_for_the_office_auditors_and_the_manager(bank: Bank) -> None:
    for what in ("career", "history"):
        path = f"/v1/managers/m1/{what}"
        for caller in (bank.manager("m1"), bank.assigner, bank.approver, bank.auditor, bank.admin):
            assert (await caller.get(path)).status_code == 200, what
        assert (await bank.manager("m2").get(path)).status_code == 404
        assert (await bank.accountant.get(path)).status_code == 403
        assert (await bank.admin.get(f"/v1/managers/m9/{what}")).status_code == 404


async def test_who_is_on_probation_is_listed_and_probation_ends_one_way_or_the_other(bank: Bank) -> None:
    await hire(bank, hired_on="2024-01-10")

    async def on_probation(day: str) -> list[str]:
        wanted = {"status": "probation", "as_of": day}
        items = (await bank.auditor.get("/v1/managers", params=wanted)).json()["items"]
        return [one["manager_id"] for one in items if one["hired_on"] is not None]

    ending = {"departed_on": "2024-05-01", "reason": "probation-ended"}
    assert await on_probation("2024-05-01") == ["m3"]
    assert (await tell(bank, "confirmation", confirmed_on="2024-04-10")).status_code == 201
    assert await on_probation("2024-05-01") == []
    refused = await tell(bank, "departure", bank.approver, **ending)
    assert (refused.status_code, refused.json()["rule"]) == (409, "probation-runs")
    assert (await tell(bank, "departure", bank.approver, **{**ending, "departed_on": "2024-04-09"})).json()[
        "reason"
    ] == "probation-ended"


@pytest.mark.parametrize(
    ("what", "body", "field"),
    [
        ("confidentiality", {}, "signed_on"),
        ("trainings", {"course": "x", "hours": "0", "taken_on": "2024-01-01"}, "hours"),
        ("trainings", {"course": "x", "hours": 7.5, "taken_on": "2024-01-01"}, "hours"),
        ("qualifications", {"kind": "talent", "name": "x", "obtained_on": "2024-01-01"}, "kind"),
        (
            "disciplines",
            {"measure": "fine", "ground": "late", "effective_from": "2024-01-01", "amount": "0.001"},
            "amount",
        ),
    ],
)
async def test_what_cannot_be_read_is_named(bank: Bank, what: str, body: dict[str, Any], field: str) -> None:
    refused = await bank.assigner.post(f"/v1/managers/m1/{what}", json=body)
    assert refused.status_code == 422
    assert [one["field"].rpartition(".")[2] for one in refused.json()["errors"]] == [field]


@pytest.mark.parametrize("what", ["confidentiality", "departure", "grades", "disciplines"])
async def test_managers_do_not_write_their_own_careers(bank: Bank, what: str) -> None:
    assert (await bank.manager("m1").post(f"/v1/managers/m1/{what}", json={})).status_code == 403


def decided(number: int, grade: str, manager_id: str = "m1") -> CloudEvent:
    data = {
        "decision_id": f"g{number}",
        "manager_id": manager_id,
        "grade": grade,
        "effective_from": "2026-01-01",
        "reason": "four quarters A",
    }
    return CloudEvent(
        f"grade-{number}", "GradeChangeDecided", "appraisal", orjson.dumps(data), subject=manager_id
    )


async def test_grades_decided_by_the_appraisal_are_applied_once_and_impossible_ones_are_told(
    bank: Bank,
) -> None:
    rated = orjson.dumps(
        {"manager_id": "m1", "period": "2025-Q4", "rating": "A", "approved_on": "2026-01-05"}
    )
    await bank.service.publish(
        appraisal.TOPIC,
        CloudEvent("rated-1", "ScorecardApproved", "appraisal", rated, subject="m1"),
        CloudEvent("award-1", "AwardGranted", "appraisal", b"{}", subject="m1"),
        decided(1, "manager-3"),
        decided(1, "manager-3"),
        decided(2, "principal"),
        decided(3, "emperor"),
        decided(4, "manager-3", "m99"),
    )
    await bank.service.caught_up()
    shown = (await bank.auditor.get("/v1/managers/m1")).json()
    assert shown["grade"] == "manager-3"
    history = (await bank.auditor.get("/v1/managers/m1/history")).json()["items"]
    assert [one["type"] for one in history[1:]] == [
        "ScorecardApproved",
        "ManagerGraded",
        "GradeChangeRefused",
    ]
    assert history[1]["cause"].startswith("appraisal.events/")
    assert history[2]["event_id"] == "applied-grade-1", "the appraisal is to hear of it as of something new"
    letters = (await bank.admin.get("/v1/dead-letters")).json()["items"]
    assert sorted(one["reason"].partition(":")[0] for one in letters) == ["grade", "manager_id"]
    assert await bank.service.verify() is None
