"""Products and policy through HTTP: effective from a day or a month on, and never for what is booked."""

from typing import Any

import pytest

from tests.integration.ledger.bank import Bank
from tests.support.reference import core_event


def deposit(event_id: str, day: str, product: str) -> dict[str, Any]:
    return core_event(event_id, "DepositPosted", day, customer_id="c1", account_id="a1",
                      product_code=product, amount="1.00")  # fmt: skip


async def department_of(bank: Bank, event_id: str) -> str:
    """The department for which an event was booked."""
    return str((await bank.get(f"/v1/entries/{event_id}"))["department_id"])


async def test_a_product_changes_its_department_for_later_dates_only(bank: Bank) -> None:
    await bank.define("MOVES", "old")
    await bank.book(deposit("moves-1", "2026-07-10", "MOVES"), deposit("moves-2", "2026-08-01", "MOVES"))
    await bank.define("MOVES", "new", effective_from="2026-08-01")
    await bank.book(deposit("moves-3", "2026-07-31", "MOVES"), deposit("moves-4", "2026-08-01", "MOVES"))
    departments = [await department_of(bank, f"moves-{number}") for number in (1, 2, 3, 4)]
    assert departments == ["old", "old", "old", "new"]


async def test_a_product_that_begins_on_a_day_is_unknown_before(bank: Bank) -> None:
    await bank.define("LATE", "late", effective_from="2026-08-01")
    body = await bank.post(deposit("late-1", "2026-07-31", "LATE"), deposit("late-2", "2026-08-01", "LATE"))
    assert [result["status"] for result in body["results"]] == ["rejected", "accepted"]
    assert body["results"][0]["reason"].startswith("product_code: LATE is no product on 2026-07-31")


async def test_a_new_product_counts_since_ever_and_a_known_one_moves_today(bank: Bank) -> None:
    first = (await bank.define("PLAIN", "one")).json()
    second = (await bank.define("PLAIN", "two")).json()
    assert first["effective_from"] == "1900-01-01"
    assert second["effective_from"] > "2026-01-01"


async def test_a_second_word_for_the_same_day_replaces_the_first(bank: Bank) -> None:
    await bank.define("TWICE", "wrong", effective_from="2026-07-01")
    await bank.define("TWICE", "right", effective_from="2026-07-01")
    await bank.book(deposit("twice", "2026-07-01", "TWICE"))
    assert await department_of(bank, "twice") == "right"


async def test_products_are_listed_page_by_page(bank: Bank) -> None:
    everything = (await bank.get("/v1/products", limit=1000))["items"]
    assert {"DEM", "TRM", "AGT"} <= {item["product_code"] for item in everything}
    places = [(item["product_code"], item["effective_from"]) for item in everything]
    assert places == sorted(places)
    items = []
    cursor: dict[str, str] = {}
    while True:
        page = await bank.get("/v1/products", limit=2, **cursor)
        items += page["items"]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert items == everything


async def test_a_product_has_a_version_that_a_caller_may_insist_on(bank: Bank) -> None:
    terms = {"department_id": "tagged", "name": "tagged"}
    first = await bank.accountant.put("/v1/products/TAG", json=terms)
    assert first.headers["ETag"] == '"1"'
    stale = await bank.accountant.put("/v1/products/TAG", json=terms, headers={"If-Match": '"7"'})
    assert stale.status_code == 412
    second = await bank.accountant.put("/v1/products/TAG", json=terms, headers={"If-Match": '"1"'})
    assert second.headers["ETag"] == '"2"'


@pytest.mark.parametrize(
    ("code", "terms", "field"),
    [
        ("X", {"department_id": "external", "name": "x"}, "department_id"),
        ("X", {"department_id": "unassigned", "name": "x"}, "department_id"),
        ("X", {"department_id": "d"}, "name"),
        ("X", {"department_id": "d", "name": "x", "effective_from": "tomorrow"}, "effective_from"),
        ("a b", {"department_id": "d", "name": "x"}, "code"),
    ],
)
async def test_a_malformed_product_names_its_field(bank: Bank, code: str, terms: Any, field: str) -> None:
    answer = await bank.accountant.put(f"/v1/products/{code}", json=terms)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)


# --- policy ---


async def test_the_default_policy_is_listed_first(bank: Bank) -> None:
    [default, *_] = (await bank.get("/v1/policies"))["items"]
    assert default == {
        "effective_from": "default",
        "deposit_rate": "1.50",
        "lend_out_rate": "2.40",
        "borrow_in_rate": "3.00",
        "day_basis": 360,
        "provision_rates": {
            "normal": "0",
            "special_mention": "0",
            "substandard": "30",
            "doubtful": "50",
            "loss": "100",
        },
        "ftp": {},
    }


async def test_provision_rates_hold_from_their_month_on(own_bank: Bank) -> None:
    loan = {"customer_id": "c2", "product_code": "TRM", "loan_id": "l1"}
    bad = {**loan, "to_class": "substandard"}
    await own_bank.book(
        core_event("p1", "LoanDisbursed", "2026-07-01", **loan, amount="1000.00"),
        core_event("p2", "LoanReclassified", "2026-07-31", **bad),
    )
    for rates in ({"substandard": "40"}, {"doubtful": "60"}):  # the second leaves what the first said
        answer = await own_bank.accountant.put("/v1/policies/2026-08", json={"provision_rates": rates})
        assert answer.status_code == 200
    await own_bank.book(
        core_event("p3", "LoanRepaid", "2026-07-31", **loan, principal="100.00", interest="0.00"),
        core_event("p4", "LoanRepaid", "2026-08-01", **loan, principal="100.00", interest="0.00"),
        core_event("p5", "LoanReclassified", "2026-09-15", **{**bad, "to_class": "doubtful"}),
    )
    entries = [await own_bank.get(f"/v1/entries/p{number}") for number in (2, 3, 4, 5)]
    assert [entry["lines"]["risk_charge"] for entry in entries] == ["-300.00", "30.00", "-50.00", "-160.00"]
    assert [entry["rule"]["loan"]["held"] for entry in entries] == ["300.00", "270.00", "320.00", "480.00"]
    assert [entry["rule"]["policy"] for entry in entries] == ["default", "default", "2026-08", "2026-08"]
    listed = (await own_bank.get("/v1/policies"))["items"]
    assert [one["effective_from"] for one in listed] == ["default", "2026-08"]
    assert listed[1]["provision_rates"]["substandard"] == "40"
    assert listed[1]["provision_rates"]["doubtful"] == "60"
    assert await own_bank.service.verify() is None


@pytest.mark.parametrize(
    ("month", "terms", "field"),
    [
        ("2026-Q3", {}, "month"),
        ("2026", {}, "month"),
        ("2026-13", {}, "month"),
        ("soon", {}, "month"),
        ("2026-08", {"deposit_rate": "-1"}, "deposit_rate"),
        ("2026-08", {"deposit_rate": 1.5}, "deposit_rate"),
        ("2026-08", {"lend_out_rate": "101"}, "lend_out_rate"),
        ("2026-08", {"borrow_in_rate": "1e1"}, "borrow_in_rate"),
        ("2026-08", {"day_basis": 12}, "day_basis"),
        ("2026-08", {"provision_rates": {"loss": "100.5"}}, "provision_rates.loss"),
        ("2026-08", {"provision_rates": {"rotten": "1"}}, "provision_rates.rotten"),
    ],
)
async def test_a_malformed_policy_names_its_field(bank: Bank, month: str, terms: Any, field: str) -> None:
    answer = await bank.accountant.put(f"/v1/policies/{month}", json=terms)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"].startswith(field)


async def test_a_rate_whose_name_is_misspelt_is_refused(bank: Bank) -> None:
    answer = await bank.accountant.put("/v1/policies/2027-01", json={"deposit_rat": "1.60"})
    assert answer.status_code == 422
    assert answer.json()["detail"] == "deposit_rat: is not known here"


async def test_policies_come_in_pages(bank: Bank) -> None:
    for month in ("2027-03", "2027-02"):
        assert (
            await bank.accountant.put(f"/v1/policies/{month}", json={"day_basis": 365})
        ).status_code == 200
    whole = (await bank.get("/v1/policies"))["items"]
    found: list[Any] = []
    page = await bank.get("/v1/policies?limit=1")
    while page["next"] is not None:
        found += page["items"]
        page = await bank.get(f"/v1/policies?limit=1&cursor={page['next']}")
    assert [*found, *page["items"]] == whole
