"""Awards over HTTP: proposed by one, granted by another, once, and only while both sides agree to the fen."""

from typing import Any

import pytest

from shared.infrastructure.auth import Role
from tests.integration.appraisal.bonus import AWARDS, CYCLE, Bonus
from tests.support.services import ServiceUnderTest


@pytest.fixture
async def bonus(appraisal: ServiceUnderTest) -> Bonus:
    """A published cycle."""
    one = Bonus(appraisal)
    await one.publish()
    return one


async def test_a_sheet_shows_every_award_and_the_proof_and_is_granted_by_another_person(bonus: Bonus) -> None:
    proposed = await bonus.accountant.post(AWARDS)
    assert (proposed.status_code, proposed.json()) == (202, {"cycle_id": "2026-Q3", "status": "proposed"})
    answer = await bonus.auditor.get(AWARDS)
    sheet = answer.json()
    assert [(one["manager_id"], one["amount"], one["deferred"]) for one in sheet["awards"]] == [
        ("m1", "3960.00", "1584.00"),
        ("m2", "1512.00", "604.80"),
        ("m3", "720.00", "288.00"),
    ]
    assert sheet["sums"] == {
        "amount": "6192.00",
        "immediate": "3715.20",
        "deferred": "2476.80",
        "funds": "6800.08",
    }
    assert sheet["proof"] == {
        "managers": "340004.00",
        "departments": "340004.00",
        "ledger": "340004.00",
        "both_sides_agree": True,
    }
    granted = await bonus.ann.post(f"{AWARDS}/approve", headers={"If-Match": answer.headers["etag"]})
    assert (granted.status_code, granted.json()["status"]) == (200, "granted")
    shown = (await bonus.auditor.get(AWARDS)).json()
    assert (shown["status"], shown["proposed_by"], shown["approved_by"]) == ("granted", "cora", "ann")
    for again in (await bonus.accountant.post(AWARDS), await bonus.bob.post(f"{AWARDS}/approve")):
        assert (again.status_code, again.json()["rule"]) == (409, "awards-are-granted-once")
    await bonus.replays()


async def test_each_manager_and_department_is_told_what_it_was_granted(bonus: Bonus) -> None:
    day = await bonus.grant()
    award = await bonus.award("m1")
    assert (award["award_id"], award["amount"], award["immediate"]) == ("2026-Q3:m1", "3960.00", "2376.00")
    assert (award["rate"], award["coefficient"], award["rating"], award["grade"]) == (
        "1.5",
        "1.2",
        "A",
        "manager-4",
    )
    assert [(one["due_on"], one["open"]) for one in award["instalments"]] == [
        (day.replace(year=day.year + years).isoformat(), "528.00") for years in (1, 2, 3)
    ]
    await bonus.service.caught_up()
    told = await bonus.service.published("appraisal.events")
    types = [record.headers["ce_type"].decode() for record in told]
    assert (types.count("AwardGranted"), types.count("DepartmentFundGranted")) == (3, 1)
    head = bonus.service.client(Role.DEPARTMENT_HEAD, subject="wang", department="lending")
    [fund] = (await head.get("/v1/department-funds/lending")).json()["items"]
    assert (fund["amount"], fund["rate"]) == ("6800.08", "2.0")
    assert (await head.get("/v1/department-funds/agency")).status_code == 404


async def test_a_pool_is_shared_whole_by_bonus_points(bonus: Bonus) -> None:
    proposed = await bonus.accountant.post(AWARDS, json={"mode": "pool", "pool": "10000.00"})
    assert proposed.status_code == 202, proposed.text
    sheet = (await bonus.auditor.get(AWARDS)).json()
    assert [one["amount"] for one in sheet["awards"]] == ["6395.35", "2441.86", "1162.79"]
    assert (sheet["sums"]["amount"], sheet["pool"], sheet["mode"]) == ("10000.00", "10000.00", "pool")
    assert (await bonus.ann.post(f"{AWARDS}/approve")).status_code == 200
    assert (await bonus.award("m2"))["amount"] == "2441.86"
    await bonus.replays()


async def test_nobody_approves_what_they_proposed_nor_what_was_proposed_anew_since(bonus: Bonus) -> None:
    await bonus.ann.post(AWARDS)
    seen = (await bonus.auditor.get(AWARDS)).headers["etag"]
    own = await bonus.ann.post(f"{AWARDS}/approve")
    assert (own.status_code, own.json()["rule"]) == (409, "four-eyes")
    await bonus.accountant.post(AWARDS, json={"mode": "pool", "pool": "1.00"})
    stale = await bonus.ann.post(f"{AWARDS}/approve", headers={"If-Match": seen})
    assert stale.status_code == 412
    winner = bonus.service.client(Role.APPROVER, subject="m1")
    assert (await winner.post(f"{AWARDS}/approve")).json()["rule"] == "four-eyes"
    assert (await bonus.auditor.get(AWARDS)).json()["status"] == "proposed"


async def test_both_sides_are_proved_to_agree_before_proposing_and_again_before_granting(
    bonus: Bonus,
) -> None:
    await bonus.accountant.post(AWARDS)
    await bonus.service.execute("UPDATE card SET efficiency = efficiency + 1 WHERE centre_id = 'm2'")
    for refused in (await bonus.accountant.post(AWARDS), await bonus.ann.post(f"{AWARDS}/approve")):
        assert (refused.status_code, refused.json()["rule"]) == (409, "both-sides-agree")


async def test_results_that_one_cycle_paid_for_no_other_pays_for_again(bonus: Bonus) -> None:
    review = f"{CYCLE}-promotion"
    opened = await bonus.ann.post("/v1/cycles", json={"period": "2026-Q3", "kind": "promotion"})
    assert opened.status_code == 201, opened.text
    for step, by in (
        ("freeze", bonus.ann),
        ("score", bonus.ann),
        ("approve", bonus.bob),
        ("publish", bonus.ann),
    ):
        assert (await by.post(f"{review}/{step}")).status_code == 200, step
    assert (await bonus.accountant.post(f"{review}/awards")).status_code == 202, "nothing was paid yet"
    await bonus.grant()
    for refused in (
        await bonus.accountant.post(f"{review}/awards"),
        await bonus.ann.post(f"{review}/awards/approve"),
    ):
        assert (refused.status_code, refused.json()["rule"]) == (409, "results-are-paid-once")
        assert "2026-Q3" in refused.json()["detail"]


async def test_an_appeal_must_be_decided_first_and_its_rating_counts(bonus: Bonus) -> None:
    await bonus.accountant.post(AWARDS)
    card = f"{CYCLE}/cards/manager/m2"
    assert (await bonus.manager("m2").post(f"{card}/appeal", json={"grounds": "why"})).status_code == 201
    waiting = await bonus.ann.post(f"{AWARDS}/approve")
    assert (waiting.status_code, waiting.json()["rule"]) == (409, "appeals-are-decided")
    decision = {"upheld": True, "rating": "C", "reason": "it cuts both ways"}
    decided = await bonus.ann.post(f"{card}/appeal/decision", json=decision)
    assert decided.status_code == 200, decided.text
    changed = await bonus.ann.post(f"{AWARDS}/approve")
    assert (changed.status_code, changed.json()["rule"]) == (409, "awards-are-as-proposed")
    await bonus.grant()
    assert ((await bonus.award("m2"))["rating"], (await bonus.award("m2"))["amount"]) == ("C", "756.00")


async def test_a_cycle_that_is_not_published_or_not_known_has_no_awards(appraisal: ServiceUnderTest) -> None:
    bonus = Bonus(appraisal)
    assert (await bonus.accountant.post(AWARDS)).json()["rule"] == "cycle-is-known"
    await bonus.earn()
    await bonus.appraise()
    early = await bonus.accountant.post(AWARDS)
    assert (early.status_code, early.json()["rule"]) == (409, "cycle-is-published")
    assert (await bonus.auditor.get(AWARDS)).status_code == 404


async def test_the_policy_of_the_cycles_last_day_counts(bonus: Bonus) -> None:
    terms = {"bonus_rates": {"assistant": "2"}, "deferred_parts": {"assistant": "0"}, "fund_rate": "0"}
    put = await bonus.ann.put("/v1/incentive-policies/2026-09-30", json=terms)
    assert put.status_code == 200, put.text
    await bonus.ann.put("/v1/incentive-policies/2026-10-01", json={"bonus_rates": {"assistant": "9"}})
    listed = (await bonus.manager("m3").get("/v1/incentive-policies")).json()["items"]
    assert [(one["effective_from"], one["bonus_rates"]["assistant"]) for one in listed] == [
        ("default", "1.0"),
        ("2026-09-30", "2"),
        ("2026-10-01", "9"),
    ]
    await bonus.grant()
    award = await bonus.award("m3")
    assert (award["amount"], award["immediate"], award["instalments"]) == ("1440.00", "1440.00", [])
    assert award["policy"] == "2026-09-30"
    await bonus.replays()


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("awards", {"mode": "pool"}, "pool"),
        ("awards", {"pool": "10.00"}, "pool"),
        ("awards", {"mode": "pool", "pool": "0.00"}, "pool"),
        ("awards", {"mode": "lottery"}, "mode"),
    ],
)
async def test_what_cannot_be_read_is_named(
    appraisal: ServiceUnderTest, path: str, body: dict[str, Any], field: str
) -> None:
    refused = await Bonus(appraisal).accountant.post(f"{CYCLE}/{path}", json=body)
    assert refused.status_code == 422
    [error] = refused.json()["errors"]
    assert field in f"{error['field']} {error}"


async def test_who_may_propose_grant_and_see_awards(bonus: Bonus) -> None:
    assert (await bonus.manager("m1").get(AWARDS)).status_code == 403
    assert (await bonus.manager("m1").post(AWARDS)).status_code == 403
    assert (await bonus.auditor.post(AWARDS)).status_code == 403
    assert (await bonus.accountant.post(f"{AWARDS}/approve")).status_code == 403
    assert (await bonus.accountant.put("/v1/incentive-policies/2026-01-01", json={})).status_code == 403
    assert (await bonus.ann.post("/v1/vaults/pay", json={"day": "2027-01-01"})).status_code == 403
