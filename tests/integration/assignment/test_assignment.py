"""Who looks after a customer, since when: one word a day, the last one counts."""

import asyncio
from datetime import timedelta

import pytest

from tests.integration.assignment.bank import Bank, assignment


async def test_an_assignment_is_answered_with_its_entry_and_version(bank: Bank) -> None:
    answer = await bank.assign("c1", bank.today, by=bank.assigner, m1="0.6", m2="0.4")
    assert (answer.status_code, answer.headers["etag"]) == (200, '"2"')
    entry = answer.json()
    assert entry.pop("recorded_at")
    assert entry == {
        "customer_id": "c1",
        "effective_from": bank.today.isoformat(),
        "effective_to": None,
        "shares": [{"manager_id": "m1", "share": "0.6"}, {"manager_id": "m2", "share": "0.4"}],
        "reason": "agreed",
        "actor": "ann",
    }


async def test_the_timeline_shows_from_when_to_when_whatever_the_order_of_the_words(bank: Bank) -> None:
    last = await bank.assign("c1", bank.today + timedelta(days=10), m2="1")
    first = await bank.assign("c1", bank.past, m1="1")
    middle = await bank.assign("c1", bank.today)
    assert first.json()["effective_to"] == last.json()["effective_from"]
    found = await bank.auditor.get("/v1/customers/c1/assignments")
    assert found.headers["etag"] == '"4"'
    items = found.json()["items"]
    assert [(item["effective_from"], item["effective_to"]) for item in items] == [
        (first.json()["effective_from"], middle.json()["effective_from"]),
        (middle.json()["effective_from"], last.json()["effective_from"]),
        (last.json()["effective_from"], None),
    ]
    assert [item["shares"] for item in items] == [[{"manager_id": "m1", "share": "1"}], [],
                                                  [{"manager_id": "m2", "share": "1"}]]  # fmt: skip


async def test_as_of_picks_the_entry_in_force(bank: Bank) -> None:
    await bank.assign("c1", bank.past, m1="1")
    await bank.assign("c1", bank.today, m2="1")
    path = "/v1/customers/c1/assignments"
    for day, managers in (
        (bank.past - timedelta(days=1), []),
        (bank.past, ["m1"]),
        (bank.today - timedelta(days=1), ["m1"]),
        (bank.today + timedelta(days=1), ["m2"]),
    ):
        items = (await bank.auditor.get(path, params={"as_of": day.isoformat()})).json()["items"]
        assert [item["shares"][0]["manager_id"] for item in items] == managers


async def test_a_portfolio_shows_what_a_manager_looks_after_on_a_day(bank: Bank) -> None:
    for customer_id in ("c2", "c3"):
        await bank.welcome(customer_id)
    await bank.assign("c1", bank.past, m1="1")
    await bank.assign("c1", bank.today, m1="0.5", m2="0.50")
    await bank.assign("c2", bank.past, m1="1")
    await bank.assign("c2", bank.today)
    await bank.assign("c3", bank.past, m1="0.3", m2="0.7")

    async def portfolio(manager_id: str, **query: str) -> dict[str, str]:
        answer = await bank.auditor.get(f"/v1/managers/{manager_id}/portfolio", params=query)
        return {item["customer_id"]: item["share"] for item in answer.json()["items"]}

    assert await portfolio("m1") == {"c1": "0.5", "c3": "0.3"}
    assert await portfolio("m2") == {"c1": "0.50", "c3": "0.7"}
    yesterday = (bank.today - timedelta(days=1)).isoformat()
    assert await portfolio("m1", as_of=yesterday) == {"c1": "1", "c2": "1", "c3": "0.3"}
    assert await portfolio("m1", as_of=(bank.past - timedelta(days=1)).isoformat()) == {}
    page = (await bank.auditor.get("/v1/managers/m1/portfolio", params={"limit": "1"})).json()
    rest = (await bank.auditor.get("/v1/managers/m1/portfolio", params={"cursor": page["next"]})).json()
    assert [item["customer_id"] for item in (*page["items"], *rest["items"])] == ["c1", "c3"]


async def test_the_same_sent_again_is_the_same_answer_and_no_event(bank: Bank) -> None:
    first = await bank.assign("c1", bank.past, m1="0.6", m2="0.4")
    for by in (bank.admin, bank.assigner):
        again = await bank.assign("c1", bank.past, by=by, m2="0.40", m1="0.6")
        assert (again.status_code, again.json(), again.headers["etag"]) == (200, first.json(), '"2"')
    events = await bank.service.rows("SELECT type FROM event WHERE stream = 'customer-c1' ORDER BY version")
    assert events == [("CustomerRegistered",), ("CustomerAssigned",)]


async def test_a_later_word_for_the_same_day_replaces_the_earlier_and_history_is_kept(bank: Bank) -> None:
    await bank.assign("c1", bank.today, m1="1")
    second = await bank.assign("c1", bank.today, m2="1")
    found = await bank.auditor.get("/v1/customers/c1/assignments")
    assert found.json()["items"] == [{k: v for k, v in second.json().items() if k != "customer_id"}]
    events = await bank.service.rows(
        "SELECT data FROM event WHERE type = 'CustomerAssigned' ORDER BY position"
    )
    assert ['"m1"' in data for (data,) in events] == [True, False]


async def test_a_change_on_an_older_version_is_stale(bank: Bank) -> None:
    path, body = "/v1/customers/c1/assignment", assignment(bank.today, m1="1")
    version = (await bank.assigner.get("/v1/customers/c1")).headers["etag"]
    done = await bank.assigner.put(path, json=body, headers={"If-Match": version})
    late = await bank.assigner.put(path, json=assignment(bank.today, m2="1"), headers={"If-Match": version})
    assert (done.status_code, late.status_code) == (200, 412)
    past = await bank.assigner.put(path, json=assignment(bank.past, m2="1"), headers={"If-Match": version})
    assert past.status_code == 412
    assert (await bank.assigner.get("/v1/proposals")).json()["items"] == []
    again = await bank.assigner.put(path, json=body, headers={"If-Match": done.headers["etag"]})
    assert (again.status_code, again.json()) == (200, done.json())


async def test_a_repeated_change_gets_its_first_answer_whatever_happened_since(bank: Bank) -> None:
    path, key = "/v1/customers/c1/assignment", {"Idempotency-Key": "change-1", "If-Match": '"1"'}
    first = await bank.assigner.put(path, json=assignment(bank.today, m1="1"), headers=key)
    await bank.assign("c1", bank.today, m2="1")
    again = await bank.assigner.put(path, json=assignment(bank.today, m1="1"), headers=key)
    assert (again.status_code, again.content) == (first.status_code, first.content)


async def test_many_changes_at_once_are_all_done_one_after_the_other(bank: Bank) -> None:
    days = [bank.today + timedelta(days=number) for number in range(8)]
    answers = await asyncio.gather(*(bank.assign("c1", day, m1="1") for day in days))
    assert {answer.status_code for answer in answers} == {200}
    assert sorted(int(answer.headers["etag"].strip('"')) for answer in answers) == list(range(2, 10))
    for answer in answers:  # each says what came next when it was its turn
        version = int(answer.headers["etag"].strip('"'))
        known = sorted(
            other.json()["effective_from"]
            for other in answers
            if int(other.headers["etag"].strip('"')) <= version
        )
        later = [day for day in known if day > answer.json()["effective_from"]]
        assert answer.json()["effective_to"] == (later[0] if later else None)


@pytest.mark.parametrize(
    ("shares", "field"),
    [
        ([{"manager_id": "m1", "share": "0.6"}], "shares"),
        ([{"manager_id": "m1", "share": "0.5"}, {"manager_id": "m1", "share": "0.5"}], "shares"),
        ([{"manager_id": "m1", "share": "0.33333"}], "shares.0.share"),
        ([{"manager_id": "m1", "share": 1.0}], "shares.0.share"),
        ([{"manager_id": "external", "share": "1"}], "shares.0.manager_id"),
    ],
)
async def test_malformed_shares_are_named(bank: Bank, shares: list[object], field: str) -> None:
    body = {**assignment(bank.today), "shares": shares}
    answer = await bank.admin.put("/v1/customers/c1/assignment", json=body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)


async def test_a_reason_is_required_and_is_words_on_one_line(bank: Bank) -> None:
    for reason in (None, " ", "two\nlines", "null\0byte"):
        body = {**assignment(bank.today, m1="1"), "reason": reason}
        answer = await bank.admin.put("/v1/customers/c1/assignment", json=body)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "reason")


async def test_an_unknown_manager_is_refused_and_an_unknown_customer_not_found(bank: Bank) -> None:
    refused = await bank.assign("c1", bank.today, m1="0.5", m9="0.5")
    assert refused.status_code == 409
    assert refused.json()["rule"] == "manager-is-known"
    assert refused.json()["errors"][0]["field"] == "shares.1.manager_id"
    assert (await bank.assign("c9", bank.today, m1="1")).status_code == 404
