"""Rewards and penalties from proposal to payroll, over HTTP."""

import csv
import io
from typing import Any

import httpx
import orjson
import pytest

from shared.contracts import appraisal as contract
from shared.contracts.appraisal import AwardGranted, InstalmentPaid
from shared.infrastructure.auth import Role
from shared.infrastructure.bank_time import today
from tests.integration.appraisal.closed import cycle, write
from tests.integration.appraisal.quarter import Quarter
from tests.support.services import ServiceUnderTest

Answer = httpx.Response


class Office:
    """Those who propose, decide, hear and pay."""

    def __init__(self, service: ServiceUnderTest) -> None:
        self.service = service
        self.zoe = service.client(Role.ASSIGNER, subject="zoe")
        self.ann = service.client(Role.APPROVER, subject="ann")
        self.bob = service.client(Role.APPROVER, subject="bob")
        self.auditor = service.client(Role.AUDITOR, subject="otto")

    def manager(self, manager_id: str) -> httpx.AsyncClient:
        return self.service.client(Role.MANAGER, subject=manager_id)

    async def propose(self, manager_id: str, kind: str, amount: str | None = None) -> str:
        body = {
            "manager_id": manager_id,
            "kind": kind,
            "amount": amount,
            "ground": "audit of the vault",
            "effective_from": "2026-07-01",
        }
        answer = await self.zoe.post("/v1/measures", json=body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["measure_id"])

    async def act(self, by: httpx.AsyncClient, measure_id: str, what: str, body: Any = None) -> Answer:
        return await by.post(f"/v1/measures/{measure_id}/{what}", json=body)

    async def approved(self, manager_id: str, kind: str, amount: str | None = None) -> str:
        measure_id = await self.propose(manager_id, kind, amount)
        answer = await self.act(self.ann, measure_id, "approve")
        assert (answer.status_code, answer.json()["status"]) == (200, "approved"), answer.text
        return measure_id

    async def told(self) -> list[dict[str, Any]]:
        await self.service.caught_up()
        records = await self.service.published(contract.TOPIC)
        return [orjson.loads(one.value) for one in records if one.headers["ce_type"] == b"GradeChangeDecided"]


@pytest.fixture
async def office(appraisal: ServiceUnderTest) -> Office:
    """Two managers of a grade."""
    quarter = Quarter(appraisal)
    for manager in ("m1", "m2"):
        await quarter.hire(manager)
    await appraisal.caught_up()
    return Office(appraisal)


async def test_a_fine_is_proposed_approved_objected_to_and_lifted_by_a_third(office: Office) -> None:
    own = office.manager("m1")
    fine = await office.propose("m1", "fine", "200.00")
    assert (await own.get(f"/v1/measures/{fine}")).status_code == 404, "not decided yet"
    assert (await office.act(office.ann, fine, "approve")).json()["status"] == "approved"
    shown = (await own.get(f"/v1/measures/{fine}")).json()
    assert (shown["status"], shown["amount"], shown["proposed_by"]) == ("approved", "200.00", "zoe")
    assert shown["payable"] == f"{today():%Y-%m}", "approved after the month from which it counts"

    other = await office.manager("m2").get(f"/v1/measures/{fine}")
    nothing = await office.manager("m2").get("/v1/measures/x")
    assert (other.status_code, nothing.status_code) == (404, 404)
    assert other.json()["detail"].replace(fine, "x") == nothing.json()["detail"]
    grounds = {"grounds": "it was not my vault"}
    assert (await office.act(office.manager("m2"), fine, "appeal", grounds)).status_code == 404
    assert (await office.act(own, fine, "appeal", grounds)).json()["status"] == "appealed"
    again = await office.act(own, fine, "appeal", grounds)
    assert (again.status_code, again.json()["rule"]) == (409, "one-appeal")

    hearing = {"upheld": False, "reason": "it was another's"}
    refused = await office.act(office.ann, fine, "appeal/decision", hearing)
    assert (refused.status_code, refused.json()["rule"]) == (409, "third-person")
    assert (await office.act(office.bob, fine, "appeal/decision", hearing)).json()["status"] == "lifted"
    listed = (await own.get("/v1/measures")).json()["items"]
    assert [(one["status"], one["appeal_decided_by"]) for one in listed] == [("lifted", "bob")]
    assert await office.service.verify() is None


async def test_nobody_approves_their_own_proposal_or_an_older_state(office: Office) -> None:
    body = {"manager_id": "m1", "kind": "warning", "ground": "late", "effective_from": "2026-12-01"}
    warning = (await office.ann.post("/v1/measures", json=body)).json()["measure_id"]
    seen = (await office.auditor.get(f"/v1/measures/{warning}")).headers["etag"]
    own = await office.act(office.ann, warning, "approve")
    assert (own.status_code, own.json()["rule"]) == (409, "four-eyes")
    rejected = await office.act(office.bob, warning, "reject", {"reason": "was never told"})
    assert rejected.json()["status"] == "rejected"
    path = f"/v1/measures/{warning}/approve"
    assert (await office.bob.post(path, headers={"If-Match": seen})).status_code == 412
    assert (await office.bob.post(path)).json()["rule"] == "measure-is-open"


async def test_a_demotion_is_told_with_its_approval_and_taken_back_with_its_lifting(office: Office) -> None:
    demotion = await office.approved("m1", "demotion")
    [told] = await office.told()
    assert (told["grade"], told["decision_id"]) == ("manager-3", demotion)
    assert "vault" not in told["reason"], "the ground is nobody else's"
    await office.act(office.manager("m1"), demotion, "appeal", {"grounds": "no"})
    await office.act(office.bob, demotion, "appeal/decision", {"upheld": False, "reason": "so it is"})
    _, lifted = await office.told()
    assert (lifted["grade"], lifted["decision_id"]) == ("manager-2", f"{demotion}-lifted")
    listed = (await office.auditor.get("/v1/grade-changes")).json()["items"]
    assert [(one["direction"], one["status"], one["cycle_id"]) for one in listed] == [
        ("down", "approved", None),
        ("up", "approved", None),
    ]


async def test_a_demotion_that_cannot_be_leaves_the_measure_undecided(office: Office) -> None:
    await Quarter(office.service).hire("m9", "trainee")
    await office.service.caught_up()
    demotion = await office.propose("m9", "demotion")
    refused = await office.act(office.ann, demotion, "approve")
    assert (refused.status_code, refused.json()["rule"]) == (409, "ladder-has-ends")
    assert (await office.auditor.get(f"/v1/measures/{demotion}")).json()["status"] == "proposed"


async def test_the_rule_proposes_a_talk_with_everybody_rated_d_once(office: Office) -> None:
    await write(office.service, cycle("2026-Q3", {"m1": "41", "m2": "93"}))
    made = (await office.zoe.post("/v1/cycles/2026-Q3/measures")).json()["items"]
    assert [one["manager_id"] for one in made] == ["m1"]
    assert (await office.ann.post("/v1/cycles/2026-Q3/measures")).json()["items"] == []
    [talk] = (await office.auditor.get("/v1/measures")).json()["items"]
    assert (talk["kind"], talk["proposed_by"], talk["ground"]) == (
        "rectification-talk",
        "rule",
        "rating D in 2026-Q3",
    )
    assert (await office.act(office.ann, talk["measure_id"], "approve")).status_code == 200
    await write(office.service, cycle("2026-Q4", {"m1": "41"}, until="published"))
    refused = await office.zoe.post("/v1/cycles/2026-Q4/measures")
    assert (refused.status_code, refused.json()["rule"]) == (409, "cycle-is-closed")


@pytest.mark.parametrize(
    ("changes", "status", "field"),
    [
        ({"kind": "flogging"}, 422, "kind"),
        ({"amount": "0.00"}, 422, "amount"),
        ({"amount": 5}, 422, "amount"),
        ({"amount": None}, 409, "amount"),
        ({"manager_id": "m7"}, 409, "manager_id"),
        ({"ground": ""}, 422, "ground"),
    ],
)
async def test_what_is_no_measure_names_its_field(
    office: Office, changes: dict[str, Any], status: int, field: str
) -> None:
    body = {
        "manager_id": "m1", "kind": "fine", "amount": "5.00", "ground": "late", "effective_from": "2026-07-01",
    }  # fmt: skip
    refused = await office.zoe.post("/v1/measures", json={**body, **changes})
    assert refused.status_code == status
    assert refused.json()["errors"][0]["field"].endswith(field)


async def test_the_payroll_has_a_line_an_item_and_control_totals_at_the_end(office: Office) -> None:
    award = await office.approved("m2", "extra-award", "1500.50")
    fine = await office.approved("m1", "fine", "200.00")
    lifted = await office.approved("m1", "bonus-deduction", "80.00")
    await office.approved("m1", "warning")
    await office.act(office.manager("m1"), lifted, "appeal", {"grounds": "no"})
    await office.act(office.bob, lifted, "appeal/decision", {"upheld": False, "reason": "so it is"})
    month, day = f"{today():%Y-%m}", today().isoformat()
    payer = office.service.client(Role.ACCOUNTANT, subject="pay")

    answer = await payer.get(f"/v1/payroll/{month}")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    head, *lines = list(csv.reader(io.StringIO(answer.text)))
    assert head == ["month", "manager_id", "item", "reference", "business_date", "amount"]
    assert lines == [
        [month, "m1", "bonus-deduction", lifted, day, "-80.00"],
        [month, "m1", "bonus-deduction-lifted", lifted, day, "80.00"],
        [month, "m1", "fine", fine, day, "-200.00"],
        [month, "m2", "extra-award", award, day, "1500.50"],
        [month, "control", "4", "", "", "1300.50"],
    ]
    rows = (await payer.get(f"/v1/payroll/{month}", params={"format": "ndjson"})).text.splitlines()
    told = [orjson.loads(row) for row in rows]
    assert [list(one.values()) for one in told[:-1]] == lines[:-1]
    assert told[-1] == {"control": {"month": month, "count": 4, "sum": "1300.50"}}

    over = [(await payer.get("/v1/payroll/2026-06")).content for _ in range(2)]
    assert over[0] == over[1]
    assert over[0].decode().splitlines()[1:] == ["2026-06,control,0,,,0.00"]
    assert (await payer.get("/v1/payroll/2026-Q3")).status_code == 422
    assert (await payer.get(f"/v1/payroll/{month}", params={"format": "xml"})).status_code == 422
    assert (await office.ann.get(f"/v1/payroll/{month}")).status_code == 403
    assert await office.service.verify() is None
    digests = await office.service.digests()
    await office.service.replay()
    assert await office.service.digests() == digests


def award(kind: Any, **said: Any) -> Any:
    """A fact of m1's vault, recorded today and dated in July."""
    of = {"award_id": "2026-Q2:m1", "cycle_id": "2026-Q2", "manager_id": "m1", "business_date": "2026-07-20"}
    return kind.model_validate({**of, **said})


async def test_awards_and_instalments_are_paid_in_the_month_in_which_they_are_recorded(
    office: Office,
) -> None:
    granted = award(
        AwardGranted,
        period="2026-Q2",
        amount="100.00",
        immediate="60.00",
        instalments=[{"due_on": "2027-07-20", "amount": "40.00"}],
        efficiency="1000.00",
        rate="10",
        coefficient="1",
        rating="B",
        policy="default",
        clawback_until="2029-07-20",
        clawback_rates={},
    )
    paid = award(InstalmentPaid, due_on="2027-07-20", amount="40.00")
    await write(office.service, [granted, paid])
    payer = office.service.client(Role.ACCOUNTANT, subject="pay")
    lines = (await payer.get(f"/v1/payroll/{today():%Y-%m}")).text.splitlines()
    month = f"{today():%Y-%m}"
    assert lines[1:] == [
        f"{month},m1,award,2026-Q2:m1,2026-07-20,60.00",
        f"{month},m1,instalment,2026-Q2:m1@2027-07-20,2026-07-20,40.00",
        f"{month},control,2,,,100.00",
    ]
    assert (await payer.get("/v1/payroll/2026-07")).text.splitlines()[1:] == ["2026-07,control,0,,,0.00"]
