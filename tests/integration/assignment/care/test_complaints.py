"""Complaints: from the customer's word to the customer's word, with a deadline between."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from services.assignment.domain.business_day import after_business_days
from shared.infrastructure.auth import Role
from tests.integration.assignment.care.office import WRITTEN, Office, items, refused, said_of

LIST = "/v1/complaints"


async def ids(caller: Any, **query: str) -> list[str]:
    return [one["complaint_id"] for one in await items(caller, LIST, **query)]


async def test_a_complaint_goes_its_way_to_a_satisfied_customer(office: Office) -> None:
    due_on = after_business_days(office.day(20), 5).isoformat()
    received = await office.complain(days_ago=20)
    complaint_id = received.json()["complaint_id"]
    base = {"complaint_id": complaint_id, "customer_id": "c1"}
    assert (received.status_code, received.json()) == (
        201,
        {
            **base,
            "received_on": office.day(20).isoformat(),
            "channel": "phone",
            "due_on": due_on,
            "status": "received",
        },
    )
    assigned = await office.assign(complaint_id, "m1")
    assert (assigned.status_code, assigned.json()) == (
        200,
        {**base, "manager_id": "m1", "status": "assigned"},
    )
    answered = await office.answer(complaint_id, days_ago=18)
    assert (answered.status_code, answered.json()) == (
        200,
        {
            **base,
            "manager_id": "m1",
            "answered_on": office.day(18).isoformat(),
            "in_time": True,
            "status": "answered",
        },
    )
    confirmed = await office.confirm(complaint_id, satisfied=True, days_ago=17)
    assert (confirmed.status_code, confirmed.json()["status"]) == (200, "confirmed")
    found = await office.m1.get(f"{LIST}/{complaint_id}")
    assert (found.status_code, found.headers["etag"]) == (200, '"4"')
    assert found.json() == {
        **base,
        "received_on": office.day(20).isoformat(),
        "channel": "phone",
        "due_on": due_on,
        "status": "confirmed",
        "manager_id": "m1",
        "assigned_on": office.bank.today.isoformat(),
        "answered_on": office.day(18).isoformat(),
        "answered_by": "m1",
        "in_time": True,
        "confirmed_on": office.day(17).isoformat(),
        "confirmed_by": "bob",
        "satisfied": True,
        "text": f"{WRITTEN}, complaint",
        "answer": f"{WRITTEN}, answer",
    }


async def test_a_customer_not_satisfied_opens_it_again_with_a_new_deadline(office: Office) -> None:
    complaint_id = await office.complaint(days_ago=40, manager_id="m1")
    assert (await office.answer(complaint_id, days_ago=10)).json()["in_time"] is False
    confirmed = await office.confirm(complaint_id, satisfied=False, days_ago=9)
    due_on = after_business_days(office.day(9), 5)
    assert (confirmed.json()["status"], confirmed.json()["due_on"]) == ("assigned", due_on.isoformat())
    found = (await office.m1.get(f"{LIST}/{complaint_id}")).json()
    assert (found["status"], found["satisfied"], found["due_on"]) == ("assigned", False, due_on.isoformat())
    assert refused(await office.answer(complaint_id, days_ago=10)) == (409, "dates-go-forward", "answered_on")
    again = await office.answer(complaint_id, days_ago=9)
    assert again.json()["in_time"] is True
    found = (await office.m1.get(f"{LIST}/{complaint_id}")).json()
    assert (found["status"], found["satisfied"], found["confirmed_on"]) == ("answered", None, None)


async def test_the_policy_of_the_day_sets_the_deadline(office: Office) -> None:
    await office.bank.approver.put(f"/v1/policies/{office.day(10).isoformat()}", json={"complaint_days": 1})
    for days_ago, number in ((11, 5), (10, 1)):
        due_on = after_business_days(office.day(days_ago), number).isoformat()
        assert (await office.complain(days_ago=days_ago)).json()["due_on"] == due_on


async def test_a_complaint_is_assigned_anew_until_it_is_answered(office: Office) -> None:
    complaint_id = await office.complaint(manager_id="m1")
    assert (await office.assign(complaint_id, "m2")).status_code == 200
    assert refused(await office.assign(complaint_id, "m9")) == (409, "manager-is-known", "manager_id")
    assert refused(await office.answer(complaint_id)) == (409, "assigned-manager-answers", "complaint_id")
    assert (await office.answer(complaint_id, by=office.m2)).status_code == 200
    assert refused(await office.assign(complaint_id, "m1"))[:2] == (409, "complaint-is-unanswered")
    events = await office.service.rows("SELECT version FROM event WHERE type = 'ComplaintAssigned'")
    assert len(events) == 2


async def test_the_office_answers_for_a_manager_and_another_person_confirms(office: Office) -> None:
    complaint_id = await office.complaint(manager_id="m1")
    assert (await office.answer(complaint_id, by=office.bank.approver)).json()["manager_id"] == "m1"
    assert refused(await office.confirm(complaint_id, satisfied=True)) == (409, "four-eyes", "complaint_id")
    admin = office.service.client(Role.ADMIN, subject="bob")
    assert refused(await office.confirm(complaint_id, satisfied=True, by=admin))[1] == "four-eyes"
    assert (await office.confirm(complaint_id, satisfied=True, by=office.bank.assigner)).status_code == 200


async def test_who_may_not_do_a_step_is_forbidden_it(office: Office) -> None:
    complaint_id = await office.complaint(manager_id="m1")
    for by in (office.bank.auditor, office.bank.accountant, office.head):
        assert (await office.complain(by=by)).status_code == 403
        assert (await office.answer(complaint_id, by=by)).status_code == 403
    for by in (office.m1, office.bank.auditor):
        assert (await office.assign(complaint_id, "m1", by=by)).status_code == 403
        assert (await office.confirm(complaint_id, satisfied=True, by=by)).status_code == 403
    assert (await office.complain(by=office.m1)).status_code == 201


async def test_a_manager_sees_what_to_answer_and_what_concerns_the_own_customers(office: Office) -> None:
    of_c1 = await office.complaint("c1")
    of_c2 = await office.complaint("c2")
    to_m1 = await office.complaint("c3", manager_id="m1")
    assert await ids(office.m1) == [of_c1, to_m1]
    assert await ids(office.m2) == [of_c2]
    assert await ids(office.bank.auditor) == [of_c1, of_c2, to_m1]
    for one in (of_c1, to_m1):
        assert (await office.m1.get(f"{LIST}/{one}")).json()["text"] == f"{WRITTEN}, complaint"
    known, unknown = await office.m1.get(f"{LIST}/{of_c2}"), await office.m1.get(f"{LIST}/none")
    assert said_of(of_c2, known) == said_of("none", unknown)
    assert known.status_code == 404
    answers = [await office.answer(one) for one in (of_c2, "none")]
    assert said_of(of_c2, answers[0]) == said_of("none", answers[1])
    assert (await office.bank.auditor.get(f"{LIST}/none")).status_code == 404


async def test_complaints_are_found_by_what_is_asked_for(office: Office) -> None:
    late = await office.complaint("c1", days_ago=60, manager_id="m1")
    fresh = await office.complaint("c2")
    done = await office.complaint("c1", days_ago=60, manager_id="m1")
    await office.answer(done)
    auditor = office.bank.auditor
    assert await ids(auditor, status="received") == [fresh]
    assert await ids(auditor, status="assigned", manager_id="m1") == [late]
    assert await ids(auditor, customer_id="c1") == [late, done]
    assert await ids(auditor, overdue="true") == [late]
    assert await ids(auditor, overdue="false") == [fresh, done]
    assert await ids(office.m1, manager_id="m2") == []
    assert (await auditor.get(LIST, params={"status": "lost"})).status_code == 422
    page = (await auditor.get(LIST, params={"limit": "2"})).json()
    rest = (await auditor.get(LIST, params={"cursor": page["next"]})).json()
    assert [one["complaint_id"] for one in (*page["items"], *rest["items"])] == [late, fresh, done]


async def test_of_two_answers_at_once_one_counts(office: Office) -> None:
    complaint_id = await office.complaint(manager_id="m1")
    answers = await asyncio.gather(*(office.answer(complaint_id) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]
    events = await office.service.rows("SELECT version FROM event WHERE type = 'ComplaintAnswered'")
    assert events == [(3,)]


async def test_a_decision_on_an_older_version_is_stale(office: Office) -> None:
    complaint_id = await office.complaint(manager_id="m1")
    path, body = f"{LIST}/{complaint_id}/assign", {"manager_id": "m2"}
    version = (await office.bank.assigner.get(f"{LIST}/{complaint_id}")).headers["etag"]
    for status in (200, 412):
        answer = await office.bank.assigner.post(path, json=body, headers={"If-Match": version})
        assert answer.status_code == status


@pytest.mark.parametrize(
    ("field", "value"), [("channel", "pigeon"), ("text", " "), ("received_on", "yesterday"), ("text", None)]
)
async def test_what_cannot_be_read_is_named(office: Office, field: str, value: object) -> None:
    assert refused(await office.complain(**{field: value})) == (422, "", field)


async def test_no_day_lies_in_the_future(office: Office) -> None:
    tomorrow = (office.bank.today + timedelta(days=1)).isoformat()
    assert refused(await office.complain(received_on=tomorrow)) == (409, "day-has-come", "received_on")
    complaint_id = await office.complaint(manager_id="m1")
    assert refused(await office.answer(complaint_id, days_ago=-1))[1:] == ("day-has-come", "answered_on")
    assert refused(await office.answer(complaint_id, days_ago=1))[1:] == ("dates-go-forward", "answered_on")


async def test_an_answer_must_be_a_plain_yes_or_no(office: Office) -> None:
    complaint_id = await office.complaint(manager_id="m1")
    await office.answer(complaint_id)
    body = {"satisfied": "yes", "confirmed_on": office.bank.today.isoformat()}
    answer = await office.bank.approver.post(f"{LIST}/{complaint_id}/confirm", json=body)
    assert refused(answer) == (422, "", "satisfied")
