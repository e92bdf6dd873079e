"""What people write about customers is kept sealed, published nowhere, and shown to those it is for."""

from collections.abc import Awaitable, Callable

import httpx
from structlog.testing import capture_logs

from shared.contracts.assignment import ComplaintAssigned
from shared.infrastructure.auth import Role
from tests.integration.assignment.care.office import SPELLINGS, WRITTEN, Office, items, said_of

TABLES = ("visit", "complaint", "survey", "feedback", "referral")
PATHS = (
    ("/v1/customers/c1/visits", ("note",)),
    ("/v1/complaints", ("text", "answer")),
    ("/v1/customers/c1/surveys", ("comment",)),
    ("/v1/feedback", ("subject", "text", "answer")),
    ("/v1/referrals", ("need", "reason")),
)


async def everything(office: Office) -> None:
    """One of each, whole, about c1."""
    complaint_id = await office.complaint(days_ago=9, manager_id="m1")
    feedback_id = (await office.feedback(customer_id="c1")).json()["feedback_id"]
    referral_id = (await office.refer()).json()["referral_id"]
    for answer in (
        await office.visit(),
        await office.answer(complaint_id),
        await office.confirm(complaint_id, satisfied=False),
        await office.survey(),
        await office.reply(feedback_id),
        await office.close(referral_id),
    ):
        assert answer.status_code in (200, 201)


async def texts(caller: httpx.AsyncClient) -> set[object]:
    """All that people wrote, as one caller sees it, without its spelling of what it belongs to."""
    return {
        str(one[field]).partition(",")[0] if one[field] is not None else None
        for path, fields in PATHS
        for one in await items(caller, path)
        for field in fields
    }


async def test_no_text_is_published_or_kept_in_the_clear(office: Office) -> None:
    keyed = {"Idempotency-Key": "k"}
    callers = (office.m1, office.head, office.bank.assigner, office.bank.approver)
    with capture_logs() as logged:
        for caller in callers:
            caller.headers.update(keyed)
        await everything(office)
        for caller in callers:
            del caller.headers["Idempotency-Key"]
        assert (await office.visit(days_ago=-1)).status_code == 409
        assert (await office.visit(kind="lunch")).status_code == 422
    await office.service.caught_up()
    records = await office.service.published("assignment.events")
    mine = {"VisitMade", "CustomerSurveyed", "CustomerReferred", "ReferralClosed"}
    steps = {"ComplaintReceived", "ComplaintAssigned", "ComplaintAnswered", "ComplaintConfirmed"}
    types = {record.headers["ce_type"].decode() for record in records}
    assert mine | steps <= types
    assert not {"FeedbackGiven", "FeedbackAnswered"} & types
    published = [repr(tuple(record)) for record in records]
    assert not any("sealed" in words or "answered_by" in words for words in published)
    receipts = await office.service.rows("SELECT convert_from(answer, 'UTF8') FROM receipt")
    assert len(receipts) == 10
    assert not any("v1." in answer or "sealed" in answer for (answer,) in receipts)
    kept = [
        str(await office.service.rows(f"SELECT * FROM {table}")) for table in ("event", "receipt", *TABLES)
    ]
    assert logged
    for words in (*published, *kept, str(logged)):
        assert not any(spelling in words for spelling in SPELLINGS)


async def test_feedback_that_names_no_customer_is_kept_as_it_is_and_published_nowhere(office: Office) -> None:
    await office.feedback()
    [(data,)] = await office.service.rows("SELECT data FROM event WHERE type = 'FeedbackGiven'")
    assert f"{WRITTEN}, feedback" in data
    await office.service.caught_up()
    records = await office.service.published("assignment.events")
    assert not any(spelling in repr(tuple(record)) for record in records for spelling in SPELLINGS)


async def test_texts_are_for_those_who_look_after_the_customer_and_for_auditors(office: Office) -> None:
    await everything(office)
    for caller in (office.m1, office.bank.auditor, office.bank.admin):
        assert await texts(caller) == {WRITTEN}
    for caller in (office.bank.assigner, office.bank.approver):
        assert await texts(caller) == {None}
    await office.bank.assign("c1", office.bank.today, m2="1")
    assert await texts(office.m2) >= {WRITTEN}


async def test_an_erased_customers_lists_are_there_without_texts_and_nothing_more_is_written(
    office: Office,
) -> None:
    await everything(office)
    complaint_id = await office.complaint(manager_id="m1")
    feedback_id = (await office.feedback(customer_id="c1")).json()["feedback_id"]
    referral_id = (await office.refer()).json()["referral_id"]
    before = {path: len(await items(office.bank.auditor, path)) for path, _ in PATHS}
    await office.erase("c1")
    for caller in (office.m1, office.bank.auditor):
        assert await texts(caller) == {None}
        assert {path: len(await items(caller, path)) for path, _ in PATHS} == before
    for answer in (
        await office.visit(),
        await office.complain(),
        await office.answer(complaint_id),
        await office.survey(),
        await office.feedback(customer_id="c1"),
        await office.reply(feedback_id),
        await office.refer(),
        await office.close(referral_id),
    ):
        assert (answer.status_code, answer.json()["rule"]) == (409, "personal-data-is-kept")
    assert (await office.survey(comment=None)).status_code == 201
    assert (await office.m1.get(f"/v1/complaints/{complaint_id}")).json()["text"] is None
    assert await office.service.verify() is None


async def test_to_a_manager_foreign_customers_do_not_exist_in_the_very_same_words(office: Office) -> None:
    def reading(path: str) -> Callable[[str], Awaitable[httpx.Response]]:
        return lambda customer_id: office.m1.get(path.format(customer_id))

    async def feedback(customer_id: str) -> httpx.Response:
        return await office.feedback(customer_id=customer_id)

    for ask in (
        office.visit,
        lambda customer_id: office.complain(customer_id, by=office.m1),
        feedback,
        office.refer,
        reading("/v1/customers/{}/visits"),
        reading("/v1/customers/{}/surveys"),
    ):
        foreign, unknown = await ask("c2"), await ask("c9")
        assert foreign.status_code == 404
        assert said_of("c2", foreign) == said_of("c9", unknown)
    for customer_id in ("c1", "c2", "c9"):
        found = await items(office.m1, "/v1/complaints", customer_id=customer_id)
        assert found == []
    for path in ("/v1/customers/c9/visits", "/v1/customers/c9/surveys"):
        assert (await office.bank.auditor.get(path)).status_code == 404


async def test_a_department_head_reads_no_customers_visits(office: Office) -> None:
    for path in ("/v1/customers/c1/visits", "/v1/complaints", "/v1/customers/c1/surveys"):
        for caller in (office.head, office.bank.accountant, office.service.client(Role.CORE)):
            assert (await caller.get(path)).status_code == 403


async def test_a_repeated_request_gets_its_first_answer_and_is_one_fact(office: Office) -> None:
    key = {"Idempotency-Key": "visit-1"}
    body = {"visited_on": office.bank.today.isoformat(), "kind": "visit", "note": WRITTEN}
    path = "/v1/customers/c1/visits"
    first, again = [await office.m1.post(path, json=body, headers=key) for _ in range(2)]
    assert (first.status_code, first.content) == (again.status_code, again.content)
    other = await office.m1.post(path, json={**body, "kind": "call"}, headers=key)
    assert (other.status_code, other.json()["rule"]) == (409, "idempotency-key-names-one-request")
    assert len(await items(office.m1, path)) == 1


async def test_the_views_are_a_function_of_the_events(office: Office) -> None:
    await everything(office)
    await office.feedback()
    complaint_id = await office.complaint(manager_id="m1")
    await office.assign(complaint_id, "m2")
    await office.answer(complaint_id, by=office.m2)
    await office.confirm(complaint_id, satisfied=True)
    before = await office.service.digests()
    assert set(TABLES) <= set(before)
    assert not any(before[table].startswith("0 rows") for table in TABLES)
    assert await office.service.verify() is None
    await office.service.replay()
    assert await office.service.digests() == before
    assert await texts(office.bank.auditor) >= {WRITTEN}
    assert ComplaintAssigned.__name__ in {
        kind for (kind,) in await office.service.rows("SELECT DISTINCT type FROM event")
    }
