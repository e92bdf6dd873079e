"""Who may do what, what a path and a query may say, and that what is not yours looks as if it were not there."""

from typing import Any

import pytest

from tests.integration.ledger.bank import Bank
from tests.support.reference import core_event

STATEMENT = "/v1/books/manager/centres/m1/statement?period=2026-07"
STATEMENTS = "/v1/books/manager/statements?period=2026-07"
LEGS = "/v1/books/manager/centres/m1/legs?period=2026-07"
READ = [
    STATEMENT,
    STATEMENTS,
    LEGS,
    "/v1/entries/e1",
    "/v1/core-events/e1",
    "/v1/reconciliation?period=2026-07",
    "/v1/products",
    "/v1/policies",
    "/v1/periods",
    "/v1/ftp-curves",
    "/v1/dead-letters",
    "/v1/lag",
]
WRITE: list[tuple[str, str, Any]] = [
    ("POST", "/v1/core-events", []),
    ("PUT", "/v1/products/NEW", {"department_id": "new", "name": "new"}),
    ("PUT", "/v1/policies/2030-01", {"deposit_rate": "1.50"}),
    ("PUT", "/v1/ftp-curves/cny", {"effective_from": "2030-01-01", "rates": {"1Y": "2.50"}}),
    ("POST", "/v1/cost-pools", {"period": "2030-01", "pool": "it", "amount": "1.00", "driver": "revenue"}),
    ("POST", "/v1/periods/2030-01/close", None),
    ("POST", "/v1/dead-letters/none/replay", None),
    ("POST", "/v1/dead-letters/none/dismiss", {"reason": "sent by mistake"}),
]
ROLES = ("core", "assigner", "approver", "accountant", "manager", "department-head", "auditor", "admin")
BOOKS = {"accountant", "approver", "auditor", "manager", "department-head", "admin"}
WHO_READS = {
    STATEMENT: BOOKS,
    STATEMENTS: BOOKS,
    LEGS: BOOKS,
    "/v1/entries/e1": BOOKS,
    "/v1/core-events/e1": {"core", "accountant", "approver", "auditor", "admin"},
    "/v1/reconciliation?period=2026-07": {"accountant", "approver", "core", "auditor", "admin"},
    "/v1/products": set(ROLES),
    "/v1/policies": set(ROLES),
    "/v1/periods": set(ROLES),
    "/v1/ftp-curves": set(ROLES),
    "/v1/dead-letters": {"core", "accountant", "auditor", "admin"},
    "/v1/lag": set(ROLES),
}
WHO_WRITES = {
    "/v1/core-events": {"core", "admin"},
    "/v1/products/NEW": {"accountant", "admin"},
    "/v1/policies/2030-01": {"accountant", "admin"},
    "/v1/ftp-curves/cny": {"accountant", "admin"},
    "/v1/cost-pools": {"accountant", "admin"},
    "/v1/periods/2030-01/close": {"accountant", "admin"},
    "/v1/dead-letters/none/replay": {"core", "accountant", "admin"},
    "/v1/dead-letters/none/dismiss": {"core", "accountant", "admin"},
}


PERMITTED = {
    "/v1/dead-letters/none/replay": 404,
    "/v1/dead-letters/none/dismiss": 404,
    "/v1/cost-pools": 201,
    "/v1/periods/2030-01/close": 409,
}
"""What a permitted caller is answered, where it is not 200: there is no such letter, and July is to close first."""


@pytest.mark.parametrize("path", READ)
async def test_without_a_token_nothing_is_told(july: Bank, path: str) -> None:
    answer = await july.service.client().get(path)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize(("method", "path", "body"), WRITE)
async def test_without_a_token_nothing_is_done(july: Bank, method: str, path: str, body: Any) -> None:
    assert (await july.service.client().request(method, path, json=body)).status_code == 401


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("path", READ)
async def test_a_role_reads_what_is_its_affair(july: Bank, path: str, role: str) -> None:
    answer = await july.service.client(role, subject="m1", department="deposits").get(path)
    allowed = role in WHO_READS[path]
    if allowed and role == "department-head" and path in (STATEMENT, LEGS):
        assert answer.status_code == 404, "another's centre"
    else:
        assert answer.status_code == (200 if allowed else 403)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(("method", "path", "body"), WRITE)
async def test_a_role_does_what_is_its_affair(
    july: Bank, method: str, path: str, body: Any, role: str
) -> None:
    answer = await july.service.client(role, subject="somebody").request(method, path, json=body)
    if role not in WHO_WRITES[path]:
        assert answer.status_code == 403
    else:
        assert answer.status_code == PERMITTED.get(path, 200)


# --- what is not yours ---


@pytest.mark.parametrize("what", ["statement", "legs"])
@pytest.mark.parametrize("book", ["manager", "department"])
async def test_anothers_centre_is_unknown_in_the_words_of_an_unknown_one(
    july: Bank, book: str, what: str
) -> None:
    own, others = ("m1", "m2") if book == "manager" else ("deposits", "lending")
    role = "manager" if book == "manager" else "department-head"
    caller = july.service.client(role, subject=own)
    path = f"/v1/books/{book}/centres/{{}}/{what}?period=2026-07"
    assert (await caller.get(path.format(own))).status_code == 200
    there, nowhere = [await caller.get(path.format(centre)) for centre in (others, "nowhere")]
    assert (there.status_code, nowhere.status_code) == (404, 404)
    assert there.json()["detail"].replace(others, "?") == nowhere.json()["detail"].replace("nowhere", "?")
    assert there.json()["title"] == nowhere.json()["title"]


async def test_a_manager_lists_the_own_statement_only(july: Bank) -> None:
    stated = (await july.service.client("manager", subject="m2").get(STATEMENTS)).json()
    assert [item["centre_id"] for item in stated["items"]] == ["m2"]
    assert stated["total"]["lines"] == stated["items"][0]["lines"]


@pytest.mark.parametrize("special", ["external", "risk-reserve", "unassigned"])
async def test_a_token_that_bears_the_name_of_a_special_centre_does_not_open_it(
    july: Bank, special: str
) -> None:
    client = july.service.client("manager", subject=special)
    assert (await client.get(STATEMENTS)).json()["items"] == []
    own = f"/v1/books/manager/centres/{special}/statement?period=2026-07"
    assert (await client.get(own)).status_code == 404


async def test_a_manager_has_no_statement_in_the_department_book(july: Bank) -> None:
    caller = july.service.client("manager", subject="m2")
    stated = (await caller.get("/v1/books/department/statements?period=2026-07")).json()
    assert stated["items"] == []
    assert set(stated["total"]["lines"].values()) == {"0.00"}


async def test_a_manager_of_nothing_has_an_empty_statement(july: Bank) -> None:
    stated = (await july.service.client("manager", subject="m77").get(STATEMENTS)).json()
    assert [item["centre_id"] for item in stated["items"]] == ["m77"]
    assert set(stated["items"][0]["lines"].values()) == {"0.00"}


async def test_a_manager_sees_the_own_legs_and_share_of_an_entry(july: Bank) -> None:
    entry = (await july.service.client("manager", subject="m2").get("/v1/entries/e4")).json()
    assert {(leg["book"], leg["centre_id"]) for leg in entry["legs"]} == {("manager", "m2")}
    assert entry["rule"]["shares"] == {"m2": "0.4"}


async def test_a_department_head_sees_the_own_legs_of_an_entry(july: Bank) -> None:
    caller = july.service.client("department-head", subject="dora", department="lending")
    entry = (await caller.get("/v1/entries/e4")).json()
    assert {(leg["book"], leg["centre_id"]) for leg in entry["legs"]} == {("department", "lending")}
    assert entry["rule"]["shares"] == {}


@pytest.mark.parametrize(
    ("role", "own"), [("manager", "m2"), ("manager", "external"), ("department-head", "intermediary")]
)
async def test_anothers_entry_is_unknown_in_the_words_of_an_unknown_one(
    july: Bank, role: str, own: str
) -> None:
    caller = july.service.client(role, subject=own)
    there, nowhere = await caller.get("/v1/entries/e1"), await caller.get("/v1/entries/nothing")
    assert (there.status_code, nowhere.status_code) == (404, 404)
    assert there.json()["detail"].replace("e1", "?") == nowhere.json()["detail"].replace("nothing", "?")


async def test_an_entry_without_legs_is_no_business_of_other_managers(own_bank: Bank) -> None:
    loan = {"customer_id": "c1", "product_code": "TRM", "loan_id": "l1"}
    await own_bank.book(
        core_event("lent", "LoanDisbursed", "2026-07-09", **loan, amount="1.00"),
        core_event("seen", "LoanReclassified", "2026-07-10", **loan, to_class="special_mention"),
    )
    statuses = {
        caller: (await own_bank.service.client(role, subject=caller).get("/v1/entries/seen")).status_code
        for role, caller in [("manager", "m1"), ("manager", "m2"), ("department-head", "lending"),
                             ("department-head", "deposits"), ("auditor", "otto")]
    }  # fmt: skip
    assert statuses == {"m1": 200, "m2": 404, "lending": 200, "deposits": 404, "otto": 200}
    assert (await own_bank.get("/v1/entries/seen"))["legs"] == []


# --- what a path and a query may say ---


@pytest.mark.parametrize("path", READ)
async def test_an_unknown_query_parameter_is_refused(july: Bank, path: str) -> None:
    answer = await july.service.admin.get(path + ("&" if "?" in path else "?") + "perod=2026-08")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "perod")


@pytest.mark.parametrize(
    "period", ["", "2026-7", "2026-13", "2026-Q5", "2026-07-01", "July", "1899", "２０２６"]
)
@pytest.mark.parametrize(
    "path",
    ["/v1/books/manager/statements", "/v1/books/manager/centres/m1/statement",
     "/v1/books/manager/centres/m1/legs", "/v1/reconciliation"],
)  # fmt: skip
async def test_a_bad_period_is_malformed(july: Bank, path: str, period: str) -> None:
    answer = await july.service.admin.get(path, params={"period": period})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "period")


async def test_a_missing_period_is_malformed(july: Bank) -> None:
    answer = await july.service.admin.get("/v1/reconciliation")
    assert (answer.status_code, answer.json()["errors"][0]) == (
        422,
        {"field": "period", "detail": "is required"},
    )


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/v1/books/teller/statements?period=2026-07", "book"),
        (LEGS + "&line=salary", "line"),
        (LEGS + "&limit=0", "limit"),
        (LEGS + "&limit=1001", "limit"),
        (LEGS + "&cursor=nonsense", "cursor"),
        (LEGS + "&cursor=WyJhIiwxLDFd", "cursor"),
        ("/v1/products?cursor=WyJhIiwieCJd", "cursor"),
    ],
)
async def test_what_cannot_be_meant_is_malformed_with_the_field_named(
    july: Bank, path: str, field: str
) -> None:
    answer = await july.service.admin.get(path)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)


async def test_a_cursor_beyond_every_shard_is_the_end(july: Bank) -> None:
    answer = await july.service.admin.get(LEGS + "&cursor=Wzk5OTk5OTk5LDEsOTk5OTk5OTld")
    assert answer.json() == {"items": [], "next": None}


@pytest.mark.parametrize("path", ["/v1/entries/nothing", "/v1/core-events/nothing", "/v1/nothing"])
async def test_what_does_not_exist_is_unknown(july: Bank, path: str) -> None:
    answer = await july.service.admin.get(path)
    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/problem+json"
