"""Names: seen by those who should, sealed wherever they are kept, erased for ever when asked to."""

from datetime import timedelta

import httpx
from structlog.testing import capture_logs

from shared.infrastructure.auth import Role
from shared.infrastructure.sealed import erase
from tests.integration.assignment.bank import Bank

SPELLINGS = [
    spelling
    for name in ("王小明", "李娜", "恒瑞纺织")
    for spelling in (name, repr(name.encode())[2:-1], name.encode("unicode_escape").decode())
]
"""The names in all forms in which they could turn up in a text: plain, as bytes, and escaped as in JSON."""


async def name(caller: httpx.AsyncClient, path: str) -> object:
    return (await caller.get(path)).json()["name"]


def said_of(one: str, answer: httpx.Response) -> tuple[int, str]:
    """What an error says of somebody, but for their id and that of the request."""
    words = answer.text.replace(answer.json()["request_id"], "")
    return answer.status_code, words.replace(one, "")


async def test_auditors_and_admins_see_all_names_assigners_and_approvers_those_of_staff(bank: Bank) -> None:
    for caller, customer_name in (
        (bank.auditor, "恒瑞纺织"),
        (bank.admin, "恒瑞纺织"),
        (bank.assigner, "恒**"),
        (bank.approver, "恒**"),
    ):
        assert await name(caller, "/v1/managers/m1") == "王小明"
        assert await name(caller, "/v1/customers/c1") == customer_name


async def test_others_see_names_masked(bank: Bank) -> None:
    await bank.assign("c1", bank.today, m1="1")
    for caller in (bank.accountant, bank.service.client(Role.DEPARTMENT_HEAD, subject="dora")):
        assert await name(caller, "/v1/managers/m1") == "王**"
        assert await name(caller, "/v1/customers/c1") == "恒**"
        for path, masked in (
            ("/v1/managers", ["王**", "李**"]),
            ("/v1/customers", ["恒**"]),
            ("/v1/managers/m1/portfolio", ["恒**"]),
        ):
            assert [item["name"] for item in (await caller.get(path)).json()["items"]] == masked


async def test_managers_see_themselves_and_the_customers_they_look_after(bank: Bank) -> None:
    await bank.welcome("c2")
    await bank.assign("c1", bank.today, m1="0.5", m2="0.5")
    caller = bank.manager("m1")
    assert await name(caller, "/v1/managers/m1") == "王小明"
    assert await name(caller, "/v1/customers/c1") == "恒瑞纺织"
    for path, names in (
        ("/v1/managers", ["王小明"]),
        ("/v1/customers", ["恒瑞纺织"]),
        ("/v1/managers/m1/portfolio", ["恒瑞纺织"]),
    ):
        assert [item["name"] for item in (await caller.get(path)).json()["items"]] == names
    assert len((await caller.get("/v1/customers/c1/assignments")).json()["items"]) == 1


async def test_to_a_manager_what_is_not_theirs_does_not_exist_in_the_very_same_words(bank: Bank) -> None:
    await bank.assign("c1", bank.today, m2="1")
    caller = bank.manager("m1")
    for known, unknown in (
        ("/v1/managers/m2", "/v1/managers/m9"),
        ("/v1/managers/m2/portfolio", "/v1/managers/m9/portfolio"),
        ("/v1/customers/c1", "/v1/customers/c9"),
        ("/v1/customers/c1/assignments", "/v1/customers/c9/assignments"),
    ):
        answer, other = await caller.get(known), await caller.get(unknown)
        assert answer.status_code == 404
        assert said_of(known.split("/")[3], answer) == said_of(unknown.split("/")[3], other)


async def test_a_manager_loses_sight_of_a_customer_who_is_handed_over(bank: Bank) -> None:
    await bank.assign("c1", bank.past, m1="1")
    await bank.assign("c1", bank.today, m2="1")
    caller = bank.manager("m1")
    assert (await caller.get("/v1/customers/c1")).status_code == 404
    yesterday = {"as_of": (bank.today - timedelta(days=1)).isoformat()}
    [former] = (await caller.get("/v1/managers/m1/portfolio", params=yesterday)).json()["items"]
    assert (former["customer_id"], former["name"]) == ("c1", "恒**")


async def test_an_accountant_who_is_a_manager_too_sees_the_own_names_whole(bank: Bank) -> None:
    await bank.welcome("c2", "天鹰")
    await bank.assign("c1", bank.today, m1="1")
    caller = bank.service.client(Role.ACCOUNTANT, Role.MANAGER, subject="m1")
    items = (await caller.get("/v1/customers")).json()["items"]
    assert [item["name"] for item in items] == ["恒瑞纺织", "天**"]
    assert [item["name"] for item in (await caller.get("/v1/managers")).json()["items"]] == ["王小明", "李**"]


async def test_those_who_post_core_events_see_nobody(bank: Bank) -> None:
    caller = bank.service.client(Role.CORE, subject="core-banking")
    assert (await caller.get("/v1/customers/c1")).status_code == 403
    assert (await bank.service.client().get("/v1/customers/c1")).status_code == 401


async def test_no_name_is_published_or_kept_in_the_clear(bank: Bank) -> None:
    key = {"Idempotency-Key": "k"}
    body = {"manager_id": "m3", "name": "王小明", "branch_id": "b1", "grade": "trainee"}
    with capture_logs() as logged:
        assert (await bank.admin.post("/v1/managers", json=body, headers=key)).status_code == 201
        assert (await bank.admin.post("/v1/managers", json=body)).status_code == 409
        assert (await bank.admin.post("/v1/managers", json={**body, "grade": "x"})).status_code == 422
    await bank.assign("c1", bank.today, m1="1")
    await bank.service.caught_up()
    records = await bank.service.published("assignment.events")
    types = sorted(record.headers["ce_type"].decode() for record in records)
    assert types == ["CustomerAssigned", "CustomerRegistered", *["ManagerRegistered"] * 3]
    assert {record.key for record in records} == {b"c1", b"m1", b"m2", b"m3"}
    tables = ("event", "manager", "customer", "receipt", "personal_key")
    kept = [str(await bank.service.rows(f"SELECT * FROM {table}")) for table in tables]
    published = [repr(tuple(record)) for record in records]
    assert not any("sealed" in text for text in published)
    assert logged
    for text in (*published, *kept, str(logged)):
        assert not any(spelling in text for spelling in SPELLINGS)


async def test_the_views_are_a_function_of_the_events(bank: Bank) -> None:
    for day, shares in (
        (bank.past, {"m1": "0.6", "m2": "0.4"}),
        (bank.today, {"m1": "1"}),
        (bank.today, {"m2": "1.0"}),
        (bank.past, {}),
    ):
        assert (await bank.assign("c1", day, by=None, **shares)).status_code == 200
    for shares, verdict in (
        ({"m1": "1"}, "approve"),
        ({"m2": "1"}, "reject"),
        ({"m1": "0.1", "m2": "0.9"}, ""),
    ):
        made = await bank.assign("c1", bank.past, by=bank.assigner, **shares)
        if verdict:
            await bank.approver.post(f"/v1/proposals/{made.json()['proposal_id']}/{verdict}")
    before = await bank.service.digests()
    keys = await bank.service.rows("SELECT owner, key FROM personal_key ORDER BY owner")
    assert await bank.service.verify() is None
    assert await bank.service.replay() == 13
    assert await bank.service.digests() == before
    assert await bank.service.rows("SELECT owner, key FROM personal_key ORDER BY owner") == keys
    assert await name(bank.admin, "/v1/customers/c1") == "恒瑞纺织"


async def test_an_erased_name_is_gone_for_everybody_and_nothing_else_is(bank: Bank) -> None:
    await bank.assign("c1", bank.today, m1="1")
    for owner in ("customer-c1", "manager-m1"):
        async with bank.service.database.begin() as connection:
            assert await erase(connection, owner)
        async with bank.service.database.begin() as connection:
            assert not await erase(connection, owner)
    for caller in (bank.admin, bank.accountant, bank.manager("m1")):
        assert await name(caller, "/v1/customers/c1") is None
        assert await name(caller, "/v1/managers/m1") is None
        [held] = (await caller.get("/v1/managers/m1/portfolio")).json()["items"]
        assert (held["customer_id"], held["name"]) == ("c1", None)
    assert await bank.service.verify() is None
    await bank.service.replay()
    assert await name(bank.admin, "/v1/customers/c1") is None


async def test_who_was_erased_gets_no_new_key_by_being_registered_again(bank: Bank) -> None:
    async with bank.service.database.begin() as connection:
        await erase(connection, "manager-m1")
    assert (await bank.hire("m1")).status_code == 409
    assert await bank.service.rows("SELECT owner FROM personal_key WHERE owner = 'manager-m1'") == []


async def test_a_refused_registration_leaves_no_key_behind(bank: Bank) -> None:
    [(before,)] = await bank.service.rows("SELECT count(*) FROM personal_key")
    await bank.hire("m1", "赵敏")
    assert await bank.service.rows("SELECT count(*) FROM personal_key") == [(before,)]
