"""Satisfaction: recorded by others than those it is about, and counted for them."""

from datetime import timedelta

import pytest

from shared.infrastructure.auth import Role
from tests.integration.assignment.care.office import WRITTEN, Office, items, refused, said_of


async def satisfaction(office: Office, manager_id: str, first: int, last: int) -> tuple[int, str | None]:
    days = {"from": office.day(first).isoformat(), "to": office.day(last).isoformat()}
    answer = await office.bank.auditor.get(f"/v1/managers/{manager_id}/satisfaction", params=days)
    shown = answer.json()
    assert {name: shown[name] for name in ("manager_id", *days)} == {"manager_id": manager_id, **days}
    return shown["count"], shown["mean"]


async def test_a_survey_concerns_who_had_the_largest_share_on_its_day(office: Office) -> None:
    await office.bank.assign("c1", office.bank.today, m1="0.3", m2="0.7")
    for days_ago, manager_id in ((0, "m2"), (1, "m1"), (200, None)):
        answer = await office.survey(days_ago=days_ago)
        assert (answer.status_code, answer.json()) == (
            201,
            {
                "survey_id": answer.json()["survey_id"],
                "customer_id": "c1",
                "manager_id": manager_id,
                "score": 4,
                "surveyed_on": office.day(days_ago).isoformat(),
            },
        )
    assert [one["comment"] for one in await items(office.m1, "/v1/customers/c1/surveys")] == [
        f"{WRITTEN}, comment"
    ] * 3


async def test_the_mean_is_of_the_surveys_between_two_days(office: Office) -> None:
    assert await satisfaction(office, "m1", 50, 0) == (0, None)
    for score, days_ago in ((5, 30), (4, 20), (4, 10), (1, 5)):
        await office.survey(score=score, days_ago=days_ago, comment=None)
    assert await satisfaction(office, "m1", 30, 10) == (3, "4.33")
    assert await satisfaction(office, "m1", 29, 5) == (3, "3.00")
    assert await satisfaction(office, "m1", 5, 5) == (1, "1.00")
    assert await satisfaction(office, "m2", 50, 0) == (0, None)


async def test_a_manager_sees_the_own_satisfaction_and_that_of_nobody_else(office: Office) -> None:
    days = {"from": office.day(9).isoformat(), "to": office.day(0).isoformat()}
    assert (await office.m1.get("/v1/managers/m1/satisfaction", params=days)).status_code == 200
    known, unknown = [
        await office.m1.get(f"/v1/managers/{one}/satisfaction", params=days) for one in ("m2", "m9")
    ]
    assert known.status_code == 404
    assert said_of("m2", known) == said_of("m9", unknown)
    assert (await office.bank.auditor.get("/v1/managers/m9/satisfaction", params=days)).status_code == 404
    assert (await office.head.get("/v1/managers/m1/satisfaction", params=days)).status_code == 403


async def test_a_time_has_a_beginning_and_an_end_in_that_order(office: Office) -> None:
    path, day = "/v1/managers/m1/satisfaction", office.bank.today
    for query, field in (
        ({"from": day.isoformat()}, "to"),
        ({"to": day.isoformat()}, "from"),
        ({"from": day.isoformat(), "to": (day - timedelta(days=1)).isoformat()}, "to"),
    ):
        assert refused(await office.bank.auditor.get(path, params=query)) == (422, "", field)


async def test_managers_record_no_surveys_least_of_all_about_themselves(office: Office) -> None:
    for by in (office.m1, office.bank.auditor, office.head):
        assert (await office.survey(by=by)).status_code == 403
    both = office.service.client(Role.MANAGER, Role.ASSIGNER, subject="m1")
    assert refused(await office.survey(by=both)) == (409, "four-eyes", "customer_id")
    assert (await office.survey("c2", by=both)).status_code == 201


@pytest.mark.parametrize(
    ("field", "value"),
    [("score", 0), ("score", 6), ("score", "4"), ("score", 4.5), ("score", True), ("comment", "x" * 2001)],
)
async def test_what_cannot_be_read_is_named(office: Office, field: str, value: object) -> None:
    assert refused(await office.survey(**{field: value})) == (422, "", field)


async def test_what_breaks_a_rule_is_refused_and_an_unknown_customer_not_found(office: Office) -> None:
    assert refused(await office.survey(days_ago=-1)) == (409, "day-has-come", "surveyed_on")
    assert (await office.survey("c9")).status_code == 404
