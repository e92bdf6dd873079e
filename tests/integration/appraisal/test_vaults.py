"""Vaults over HTTP: what is deferred is paid once, and a loan that turns bad years later reaches everybody it paid."""

import asyncio
from datetime import date, timedelta

import pytest

from services.appraisal.api.clawbacks import follow_up
from services.appraisal.domain.incentive import years_later
from services.appraisal.main import define
from tests.integration.appraisal.bonus import Bonus
from tests.support.services import ServiceUnderTest, running_service

TEN_DAYS = timedelta(days=10)


@pytest.fixture
async def bonus(appraisal: ServiceUnderTest) -> Bonus:
    """A published cycle."""
    one = Bonus(appraisal)
    await one.publish()
    return one


@pytest.fixture
async def granted_on(bonus: Bonus) -> date:
    """The day on which its awards were granted."""
    return await bonus.grant()


async def test_what_is_due_is_paid_once(bonus: Bonus, granted_on: date) -> None:
    due = years_later(granted_on, 1)
    assert (await bonus.pay(due - timedelta(days=1)))["instalments"] == 0
    assert await bonus.pay(due) == {"day": due.isoformat(), "instalments": 3, "amount": "825.60"}
    assert await bonus.pay(due) == {"day": due.isoformat(), "instalments": 0, "amount": "0.00"}
    assert await bonus.parts("m1") == [
        ("528.00", "0.00", "0.00"),
        ("0.00", "0.00", "528.00"),
        ("0.00", "0.00", "528.00"),
    ]
    assert (await bonus.vault("m1"))["balance"] == "1056.00"
    await bonus.replays()


async def test_a_loan_that_turns_bad_after_two_years_claws_back_from_all_it_paid_and_healing_releases(
    bonus: Bonus, granted_on: date
) -> None:
    """Shared by m1 and m2, and in part given to m3 by a late word; m3 has left since."""
    await bonus.depart("m3")
    await bonus.pay(years_later(granted_on, 1))
    second_due = years_later(granted_on, 2)
    await bonus.reclassify(second_due - TEN_DAYS, "special_mention")
    assert (await bonus.award("m1"))["clawbacks"] == []
    await bonus.reclassify(second_due - TEN_DAYS, "substandard", times=3)
    assert await bonus.parts("m1") == [
        ("528.00", "0.00", "0.00"),
        ("0.00", "528.00", "0.00"),
        ("0.00", "120.00", "408.00"),
    ]
    taken = {}
    for manager in ("m1", "m2", "m3"):
        [clawback] = (await bonus.award(manager))["clawbacks"]
        taken[manager] = clawback["amount"], clawback["from_instalments"], clawback["claim"]
    assert taken == {
        "m1": ("648.00", "648.00", "0.00"),
        "m2": ("453.60", "403.20", "50.40"),
        "m3": ("216.00", "192.00", "24.00"),
    }
    assert (await bonus.vault("m3"))["claim"] == "24.00"
    paid = await bonus.pay(second_due)
    assert paid["instalments"] == 0, "what was cancelled is not paid"
    await bonus.reclassify(second_due + TEN_DAYS, "normal")
    assert await bonus.parts("m1") == [
        ("528.00", "0.00", "0.00"),
        ("0.00", "528.00", "0.00"),
        ("0.00", "0.00", "528.00"),
    ]
    assert (await bonus.vault("m3"))["claim"] == "0.00"
    assert [one["kind"] for one in (await bonus.award("m3"))["clawbacks"]] == ["clawback", "release"]
    told = [
        record.headers["ce_type"].decode() for record in await bonus.service.published("appraisal.events")
    ]
    assert (told.count("AwardClawedBack"), told.count("AwardReleased")) == (3, 3)
    await bonus.replays()


async def test_a_clawback_is_explained_from_the_award_to_the_offset(bonus: Bonus, granted_on: date) -> None:
    day = years_later(granted_on, 2) - TEN_DAYS
    message_id = await bonus.reclassify(day, "doubtful", rate="50.0", policy="2027-01")
    [clawback] = (await bonus.award("m1"))["clawbacks"]
    path = f"/v1/vaults/m1/clawbacks/{clawback['clawback_id']}/explain"
    explained = (await bonus.manager("m1").get(path)).json()
    offset = explained["cause"]["offset"]
    [record] = [one for one in await bonus.service.published("ledger.events") if one.offset == offset]
    assert record.headers["ce_id"].decode() == explained["cause"]["message_id"] == message_id
    assert explained["cause"]["place"] == f"ledger.events/0/{offset}"
    assert explained["cause"]["core_event_id"] == "core-101"
    assert explained["loan_efficiency"] == {"2026-07": "180000.00", "2026-09": "-60000.00"}
    assert explained["provision"] == {"rate": "50.0", "month": f"{day:%Y-%m}", "policy": "2027-01"}
    assert explained["sentences"][2:] == [
        (
            "The part of the award from this loan is 3960.00 × 120000.00 ÷ 220000.00, rounded and at most the "
            "award: 2160.00."
        ),
        (
            f"On {day} the loan became doubtful, says message {message_id} (ledger.events/0/{offset}) of core event "
            "core-101. By the provision rate of that class in the ledger's policy in force for "
            f"{day:%Y-%m} (2027-01) 50.0 % of 2160.00 is clawed back: 1080.00."
        ),
        (
            "All loans together then wanted 1080.00 more of the award, which is never clawed back beyond itself: of "
            f"instalments not yet due 528.00 of the one due {years_later(granted_on, 2)}, 528.00 of the one due "
            f"{years_later(granted_on, 3)} is cancelled, and 24.00 is claimed."
        ),
    ]
    assert (await bonus.manager("m2").get(path)).status_code == 404
    assert (await bonus.auditor.get(path.replace("m1", "m2"))).status_code == 404


async def test_each_class_claws_back_by_the_rate_that_the_ledger_states_with_it(
    bonus: Bonus, granted_on: date
) -> None:
    """Of 720.00 that m3 was awarded for the loan; a message from before rates were stated goes by the award's."""
    day = granted_on + TEN_DAYS
    for loan_class, rate, policy in (
        ("substandard", "41.70", "2026-10"),
        ("doubtful", "55", "2026-12"),
        ("loss", "100", "2026-12"),
        ("substandard", None, "2026-12"),
        ("doubtful", "29.99", "2027-02"),
        ("special_mention", "5", "2027-02"),
    ):
        await bonus.reclassify(day, loan_class, rate=rate, policy=policy)
        day += TEN_DAYS
    assert [
        (one["kind"], one["target"], one["amount"], one.get("provision_rate"), one.get("provision_policy"))
        for one in (await bonus.award("m3"))["clawbacks"]
    ] == [
        ("clawback", "300.24", "300.24", "41.70", "2026-10"),
        ("clawback", "396.00", "95.76", "55", "2026-12"),
        ("clawback", "720.00", "324.00", "100", "2026-12"),
        ("release", "216.00", "504.00", None, None),
        ("release", "215.93", "0.07", "29.99", "2027-02"),
        ("release", "0.00", "215.93", "5", "2027-02"),
    ]
    await bonus.replays()


async def test_a_worse_class_takes_the_difference_and_three_years_later_nothing(
    bonus: Bonus, granted_on: date
) -> None:
    await bonus.reclassify(granted_on + TEN_DAYS, "substandard")
    await bonus.reclassify(granted_on + 2 * TEN_DAYS, "loss")
    assert [one["amount"] for one in (await bonus.award("m3"))["clawbacks"]] == ["216.00", "504.00"]
    await bonus.reclassify(granted_on + 3 * TEN_DAYS, "normal")
    assert (await bonus.award("m3"))["clawbacks"][-1]["amount"] == "720.00"
    await bonus.reclassify(years_later(granted_on, 3) + TEN_DAYS, "loss")
    assert len((await bonus.award("m3"))["clawbacks"]) == 3
    assert await bonus.parts("m3") == [("0.00", "0.00", "96.00")] * 3
    await bonus.replays()


async def test_a_claim_is_settled_at_most_once_and_what_was_settled_is_not_released(
    bonus: Bonus, granted_on: date
) -> None:
    await bonus.reclassify(years_later(granted_on, 2) + TEN_DAYS, "loss")
    assert (await bonus.vault("m3"))["claim"] == "624.00"
    body = {"award_id": "2026-Q3:m3", "amount": "600.00", "reference": "transfer 17"}
    assert (await bonus.accountant.post("/v1/vaults/m3/settlements", json=body)).status_code == 201
    again = await bonus.accountant.post("/v1/vaults/m3/settlements", json=body)
    assert (again.status_code, again.json()["rule"]) == (409, "settled-within-claim")
    await bonus.reclassify(years_later(granted_on, 2) + 2 * TEN_DAYS, "normal")
    award = await bonus.award("m3")
    assert (award["claimed"], award["settled"]) == ("600.00", "600.00")
    assert (await bonus.vault("m3"))["claim"] == "0.00"
    await bonus.replays()


async def test_several_processes_at_once_follow_up_once(bonus: Bonus, granted_on: date) -> None:
    """And a loan that paid nobody, or a change that came before the grant, leaves nothing behind."""
    await bonus.reclassify(granted_on + TEN_DAYS, "loss", loan_id="l9")
    [task] = bonus.service.service.definition.tasks
    assert task.trouble == "ok"
    async with running_service(
        define,
        _server_of(bonus.service),
        database=bonus.service.database.url.database,
        log_database=bonus.service.log_database,
    ) as other:
        desks = [bonus.service.service.desk, other.service.desk]
        reclassified = asyncio.create_task(bonus.reclassify(granted_on + TEN_DAYS, "substandard"))
        while not reclassified.done():
            await asyncio.gather(*(follow_up(desk) for desk in desks * 2))
        await reclassified
    assert [one["amount"] for one in (await bonus.award("m1"))["clawbacks"]] == ["648.00"]
    await bonus.replays()


def _server_of(service: ServiceUnderTest) -> str:
    return service.database.url.render_as_string(hide_password=False)


async def test_a_manager_sees_the_own_vault_alone_and_who_has_none_is_unknown(
    bonus: Bonus, granted_on: date
) -> None:
    assert (await bonus.manager("m1").get("/v1/vaults/m1")).status_code == 200
    others = (await bonus.manager("m1").get("/v1/vaults/m2")).json()
    nobody = (await bonus.auditor.get("/v1/vaults/m2x")).json()
    assert others["status"] == nobody["status"] == 404
    assert nobody["detail"] == others["detail"] + "x"
