"""The month close: the worked example to the fen, cost pools, true-up, and that a closed month stays as it is."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from shared.contracts import ledger
from shared.contracts.envelope import CloudEvent, from_message
from tests.integration.ledger.bank import Bank, opened
from tests.support.reference import LINES, WORKED_EXAMPLE, core_event

RESULTS = {
    ("manager", "m1"): ("1500.00", "800.00", "1322.67", "0.00", "-1240.00", "-90000.00", "-87617.33"),
    ("manager", "m2"): ("1000.00", "0.00", "0.00", "-447.78", "-51.67", "-60000.00", "-59499.45"),
    ("department", "deposits"): ("0.00", "0.00", "1322.67", "0.00", "-1291.67", "0.00", "31.00"),
    ("department", "lending"): ("2500.00", "0.00", "0.00", "-447.78", "0.00", "-150000.00", "-147947.78"),
    ("department", "intermediary"): ("0.00", "800.00", "0.00", "0.00", "0.00", "0.00", "800.00"),
}
COLUMNS = ("interest_income", "fee_income", "ftp_income", "ftp_cost", "deposit_cost", "risk_charge")


@pytest.fixture(scope="module")
async def closed(postgres_url: str) -> AsyncIterator[Bank]:
    """The bank of the worked example, July closed."""
    async with opened(postgres_url) as bank:
        await bank.book(*WORKED_EXAMPLE)
        await bank.close("2026-07")
        yield bank


async def amounts(bank: Bank, book: str, centre: str, period: str, *lines: str) -> list[str]:
    """Some lines of a centre's statement."""
    stated = (await bank.statement(book, centre, period))["lines"]
    return [stated[line] for line in lines]


async def published(bank: Bank) -> list[CloudEvent]:
    """What the ledger told the others."""
    return [from_message(one.headers, one.value) for one in await bank.service.published(ledger.TOPIC)]


async def refusal(bank: Bank, path: str, **body: str) -> tuple[str, str]:
    """Rule and field of a refused request."""
    answer = await bank.accountant.post(path, **({"json": body} if body else {}))
    assert answer.status_code == 409, answer.text
    problem = answer.json()
    return problem["rule"], problem["errors"][0]["field"]


# --- the worked example ---


@pytest.mark.parametrize(("book", "centre"), RESULTS)
async def test_the_close_gives_every_centre_what_the_example_prints(
    closed: Bank, book: str, centre: str
) -> None:
    stated = await closed.statement(book, centre, "2026-07")
    *lines, virtual_profit = RESULTS[book, centre]
    assert [stated["lines"][line] for line in COLUMNS] == lines
    assert stated["measures"]["virtual_profit"] == virtual_profit


@pytest.mark.parametrize("book", ["manager", "department"])
async def test_both_books_of_the_closed_month_have_the_same_bottom_line(closed: Bank, book: str) -> None:
    total = (await closed.get(f"/v1/books/{book}/statements", period="2026-07"))["total"]
    assert total["measures"]["virtual_profit"] == total["measures"]["efficiency"] == "-147116.78"


async def test_a_close_answers_with_the_reconciliation_and_again_with_the_same(closed: Bank) -> None:
    first = await closed.get("/v1/reconciliation", period="2026-07")
    assert first["balanced"] is True
    assert await closed.close("2026-07") == first
    contra = {one["line"]: (one["centre_id"], one["manager_total"]) for one in first["contra"]}
    assert contra["ftp_income"] == ("treasury", "-1322.67")
    assert contra["deposit_cost"] == ("external", "1291.67")


async def test_the_close_is_told_with_the_results_of_everybody(closed: Bank) -> None:
    told = await published(closed)
    kinds = [message.type for message in told]
    assert kinds.count("PeriodClosed") == 1
    assert kinds.count("ManagerResultStated") == 2
    assert kinds.count("DepartmentResultStated") == 3
    assert kinds.count("CustomerResultStated") == 2
    by_id = {message.id: message for message in told}
    m1 = ledger.ManagerResultStated.model_validate_json(by_id["result-2026-07~manager~m1"].data)
    assert m1.measures["virtual_profit"] == -8761733
    closing = ledger.PeriodClosed.model_validate_json(by_id["close-2026-07"].data)
    assert closing.computed_from == m1.computed_from
    assert closing.business_date.isoformat() == "2026-07-31"
    c2 = ledger.CustomerResultStated.model_validate_json(by_id["result-2026-07~customer~c2"].data)
    assert {line.value: amount for line, amount in c2.lines.items()} == {
        "deposit_balance": 10000001,
        "loan_balance": 50000000,
        "interest_income": 250000,
        "risk_charge": -15000000,
    }
    c1 = ledger.CustomerResultStated.model_validate_json(by_id["result-2026-07~customer~c1"].data)
    assert (c1.products, c2.products) == (("AGT", "DEM"), ("DEM", "TRM"))


async def test_an_entry_tells_its_loan_as_the_ledger_keeps_it(closed: Bank) -> None:
    entries = [
        ledger.EntryBooked.model_validate_json(message.data)
        for message in await published(closed)
        if message.type == "EntryBooked"
    ]
    told = {entry.loan.loan_id: entry.loan for entry in entries if entry.loan is not None}
    assert {entry.cause.type for entry in entries if entry.loan is not None} == {
        "LoanDisbursed",
        "LoanReclassified",
        "LoanRepaid",
    }
    kept = await closed.service.rows("SELECT loan_id, loan_class::text, outstanding, held, closed FROM loan")
    assert kept == [
        (loan_id, loan.loan_class.value, loan.outstanding, loan.held, loan.closed)
        for loan_id, loan in told.items()
    ]


async def test_an_entry_of_the_close_says_what_it_was_computed_from(closed: Bank) -> None:
    entry = await closed.get("/v1/entries/close-2026-07~m1")
    assert entry["cause"]["data"]["averages"]["deposit_balance"] == {
        "manager": "960000.01",
        "departments": {"deposits": "960000.01"},
    }
    assert (entry["cause"]["data"]["days"], entry["cause"]["data"]["deposit_rate"]) == (31, "1.50")


# --- order ---


async def test_months_close_in_order_and_the_first_is_the_first_booked(own_bank: Bank) -> None:
    await own_bank.book(*WORKED_EXAMPLE)
    early = ("months-close-in-order", "period")
    assert await refusal(own_bank, "/v1/periods/2026-08/close") == early
    await own_bank.close("2026-07")
    assert await refusal(own_bank, "/v1/periods/2026-09/close") == early
    await own_bank.close("2026-08")
    stated = await own_bank.get("/v1/periods")
    assert [(one["period"], one["status"]) for one in stated["items"]] == [
        ("2026-07", "closed"),
        ("2026-08", "closed"),
    ]
    assert stated["items"][0]["closed_by"] == "anna"


async def test_only_accountants_close_and_only_months(own_bank: Bank) -> None:
    refused = await own_bank.core.post("/v1/periods/2026-07/close")
    assert refused.status_code == 403
    for odd in ("2026-Q3", "2026", "2026-13", "x"):
        answer = await own_bank.accountant.post(f"/v1/periods/{odd}/close")
        assert answer.status_code == 422, odd


async def test_two_closes_at_once_are_one_close(own_bank: Bank) -> None:
    await own_bank.book(*WORKED_EXAMPLE)
    first, second = await asyncio.gather(own_bank.close("2026-07"), own_bank.close("2026-07"))
    assert first == second
    told = await published(own_bank)
    assert [message.type for message in told].count("PeriodClosed") == 1
    assert await own_bank.service.verify() is None


async def test_a_close_amid_postings_takes_each_in_its_month_or_the_next(own_bank: Bank) -> None:
    await own_bank.book(*WORKED_EXAMPLE)

    async def post(number: int) -> None:
        event = core_event(f"late-{number}", "FeeCharged", "2026-07-31", customer_id=f"c{number % 9}",
                           kind="intermediary", product_code="AGT", amount="1.00")  # fmt: skip
        await own_bank.book(event)

    answers = await asyncio.gather(
        *(post(n) for n in range(20)), own_bank.close("2026-07"), *(post(n) for n in range(20, 40))
    )
    reconciled = answers[20]
    assert reconciled is not None
    assert await own_bank.get("/v1/reconciliation", period="2026-07") == reconciled
    fees = [await amounts(own_bank, "department", "intermediary", month, "fee_income")
            for month in ("2026-07", "2026-08")]  # fmt: skip
    assert sum(Decimal(fee) for [fee] in fees) == 840
    assert await own_bank.service.verify() is None


# --- what comes late ---


async def test_a_late_event_is_booked_in_the_first_open_month_and_keeps_its_date(own_bank: Bank) -> None:
    await own_bank.book(*WORKED_EXAMPLE)
    await own_bank.close("2026-07")
    before = await own_bank.get("/v1/books/manager/statements", period="2026-07")
    await own_bank.book(
        core_event("late", "DepositPosted", "2026-07-12", customer_id="c1",
                   account_id="a1", product_code="DEM", amount="3000.00")
    )  # fmt: skip
    assert await own_bank.get("/v1/books/manager/statements", period="2026-07") == before
    legs = (await own_bank.get("/v1/books/manager/centres/m1/legs", period="2026-08"))["items"]
    [leg] = legs
    assert (leg["business_date"], leg["period"], leg["adjusts_period"]) == (
        "2026-07-12",
        "2026-08",
        "2026-07",
    )

    await own_bank.close("2026-08")
    entry = await own_bank.get("/v1/entries/close-2026-08~m1~2026-07")
    # July again: B(10) 960000.01, B(20) and B(31) 963000.01, on average 962000.01
    assert entry["lines"] == {"deposit_cost": "-2.58", "ftp_income": "4.13"}
    assert {leg["adjusts_period"] for leg in entry["legs"]} == {"2026-07"}
    assert await own_bank.get("/v1/books/manager/statements", period="2026-07") == before
    assert await own_bank.service.verify() is None


async def test_a_late_fee_makes_its_month_take_the_policy_that_is_in_force_for_it_now(own_bank: Bank) -> None:
    await own_bank.book(*WORKED_EXAMPLE)
    await own_bank.close("2026-07")
    answer = await own_bank.accountant.put("/v1/policies/2026-07", json={"deposit_rate": "3.00"})
    assert answer.status_code == 200, answer.text
    await own_bank.accountant.put("/v1/policies/2026-08", json={"deposit_rate": "1.50"})
    await own_bank.close("2026-08")  # nothing late, so July stays as it was computed
    assert await amounts(own_bank, "manager", "m1", "2026-08", "deposit_cost") == ["-1240.00"]
    await own_bank.book(
        core_event("late", "FeeCharged", "2026-07-31", customer_id="c2",
                   kind="settlement", product_code="AGT", amount="1.00")
    )  # fmt: skip
    await own_bank.close("2026-09")
    july = await own_bank.get("/v1/entries/close-2026-09~m1~2026-07")
    assert july["lines"] == {"deposit_cost": "-1240.00"}  # 960000.01 at 3.00 for 31 days cost 2480.00


async def test_a_month_with_a_cost_pool_alone_closes_before_those_after_it(own_bank: Bank) -> None:
    await own_bank.book(*WORKED_EXAMPLE)
    await own_bank.declare("2026-06", "it", "12.00", "entries")
    early = ("months-close-in-order", "period")
    assert await refusal(own_bank, "/v1/periods/2026-07/close") == early
    await own_bank.close("2026-06")
    assert await amounts(own_bank, "manager", "unallocated", "2026-06", "allocated_cost") == ["-12.00"]
    await own_bank.close("2026-07")


async def test_a_hand_over_lets_stocks_change_hands_and_is_trued_up(own_bank: Bank) -> None:
    await own_bank.book(*WORKED_EXAMPLE)
    await own_bank.close("2026-07")
    await own_bank.assign("c2", {"m2": "1"}, "2026-07-10")
    await own_bank.service.caught_up()
    m1 = (await own_bank.get("/v1/books/manager/centres/m1/legs", period="2026-08"))["items"]
    moved = {(leg["line"], leg["business_date"], leg["account_id"]): leg["amount"] for leg in m1}
    assert moved == {
        ("deposit_balance", "2026-07-10", "a2"): "-60000.01",
        ("loan_balance", "2026-07-10", "l1"): "-360000.00",
        ("loan_balance", "2026-07-15", "l1"): "60000.00",
        ("interest_income", "2026-07-15", "l1"): "-1500.00",
        ("risk_charge", "2026-07-25", "l1"): "90000.00",
    }
    again = len((await own_bank.get("/v1/books/manager/centres/m2/legs", period="2026-08"))["items"])
    await own_bank.assign("c2", {"m2": "1"}, "2026-07-10")
    await own_bank.service.caught_up()
    assert len((await own_bank.get("/v1/books/manager/centres/m2/legs", period="2026-08"))["items"]) == again
    await own_bank.close("2026-08")
    for book in ("manager", "department"):
        total = (await own_bank.get(f"/v1/books/{book}/statements", period="2026-08"))["total"]
        assert total["stocks"] == {"deposit_balance": "1000000.01", "loan_balance": "500000.00"}
    assert (await own_bank.get("/v1/reconciliation", period="2026-08"))["balanced"] is True
    assert await own_bank.service.verify() is None


async def test_a_late_event_before_a_hand_over_moves_on_with_the_stock(own_bank: Bank) -> None:
    await own_bank.assign("c1", {"m2": "0.5", "m3": "0.5"}, "2026-08-01")
    await own_bank.service.caught_up()
    await own_bank.book(*WORKED_EXAMPLE)
    stocks = {centre: (await own_bank.statement("manager", centre, "2026-08"))["stocks"]["deposit_balance"]
              for centre in ("m1", "m2", "m3")}  # fmt: skip
    assert stocks == {"m1": "60000.01", "m2": "490000.00", "m3": "450000.00"}
    assert (await own_bank.statement("manager", "m1", "2026-07"))["stocks"]["deposit_balance"] == "960000.01"


# --- cost pools ---


@pytest.mark.parametrize(
    ("driver", "shares"),
    [
        # interest 1500 and 1000 (lending), fee 800 (intermediary): 3300 in all
        ("revenue", {"m1": "-696.97", "m2": "-303.03"}),
        # 960000.01 + 320000.00 and 40000.00 + 213333.33
        ("balances", {"m1": "-834.78", "m2": "-165.22"}),
        # c1 had 2 events, c2 4 at 0.6 and 0.4; three cells of m1 and two of m2 share the odd fen
        ("entries", {"m1": "-733.34", "m2": "-266.66"}),
    ],
)
async def test_a_cost_pool_is_spread_by_its_driver(
    own_bank: Bank, driver: str, shares: dict[str, str]
) -> None:
    await own_bank.book(*WORKED_EXAMPLE)
    await own_bank.declare("2026-07", "it", "5.00", driver)
    await own_bank.declare("2026-07", "it", "1000.00", driver)
    await own_bank.close("2026-07")
    found = {m: (await amounts(own_bank, "manager", m, "2026-07", "allocated_cost"))[0] for m in shares}
    assert found == shares
    total = (await own_bank.get("/v1/books/department/statements", period="2026-07"))["total"]
    assert total["lines"]["allocated_cost"] == "-1000.00"
    assert await refusal(own_bank, "/v1/cost-pools", period="2026-07", pool="more", amount="1.00",
                         driver=driver) == ("pool-before-close", "period")  # fmt: skip


async def test_a_pool_without_any_weight_is_unallocated_in_both_books(own_bank: Bank) -> None:
    await own_bank.declare("2026-07", "it", "1000.00", "revenue")
    await own_bank.close("2026-07")
    for book in ("manager", "department"):
        assert await amounts(own_bank, book, "unallocated", "2026-07", "allocated_cost") == ["-1000.00"]


@pytest.mark.parametrize(
    ("field", "odd"),
    [("amount", "0"), ("amount", "-1.00"), ("driver", "mood"), ("period", "2026-Q3"), ("pool", "")],
)
async def test_an_odd_pool_is_refused_naming_the_field(closed: Bank, field: str, odd: str) -> None:
    body = {"period": "2026-09", "pool": "it", "amount": "1.00", "driver": "revenue", field: odd}
    answer = await closed.accountant.post("/v1/cost-pools", json=body)
    assert (answer.status_code, answer.json()["errors"][0]["field"].split(".")[-1]) == (422, field)


# --- matched FTP ---


async def test_a_product_on_a_curve_is_charged_day_by_day_and_leaves_the_pool(own_bank: Bank) -> None:
    for day, rate in (("2026-01-01", "2.60"), ("2026-07-16", "2.40")):
        points = {"effective_from": day, "rates": {"1Y": rate}}
        assert (await own_bank.accountant.put("/v1/ftp-curves/cny", json=points)).status_code == 200
    method = {"ftp": {"TRM": {"method": "matched", "curve": "cny", "tenor": "1Y"}}}
    assert (await own_bank.accountant.put("/v1/policies/2026-07", json=method)).status_code == 200
    await own_bank.book(*WORKED_EXAMPLE)
    await own_bank.close("2026-07")
    for centre, income, cost in (("m1", "1984.00", "-523.67"), ("m2", "82.67", "-349.11")):
        assert await amounts(own_bank, "manager", centre, "2026-07", "ftp_income", "ftp_cost") == [
            income,
            cost,
        ]
    for centre, income, cost in (("deposits", "2066.67", "0.00"), ("lending", "0.00", "-872.78")):
        found = await amounts(own_bank, "department", centre, "2026-07", "ftp_income", "ftp_cost")
        assert found == [income, cost]
    contra = {one["line"]: one for one in (await own_bank.close("2026-07"))["contra"]}
    assert contra["ftp_cost"]["centre_id"] == "treasury"
    assert contra["ftp_cost"]["manager_total"] == "872.78"
    assert [one["name"] for one in (await own_bank.get("/v1/ftp-curves"))["items"]] == ["cny", "cny"]


async def test_a_late_posting_to_a_product_on_a_curve_is_trued_up_day_by_day(own_bank: Bank) -> None:
    points = {"effective_from": "2026-01-01", "rates": {"1Y": "3.60"}}
    assert (await own_bank.accountant.put("/v1/ftp-curves/cny", json=points)).status_code == 200
    method = {"ftp": {"DEM": {"method": "matched", "curve": "cny", "tenor": "1Y"}}}
    assert (await own_bank.accountant.put("/v1/policies/2026-07", json=method)).status_code == 200
    await own_bank.book(*WORKED_EXAMPLE)
    await own_bank.close("2026-07")
    late = core_event("late", "DepositPosted", "2026-07-22", customer_id="c1",
                      account_id="a1", product_code="DEM", amount="1000.00")  # fmt: skip
    await own_bank.book(late)
    await own_bank.close("2026-08")
    entry = await own_bank.get("/v1/entries/close-2026-08~m1~2026-07")
    # ten days of 1000.00 at 3.60 %; the averages take the last day only: 1000.00 / 3 × 1.5 % × 31 / 360
    assert entry["lines"] == {"deposit_cost": "-0.43", "ftp_income": "1.00"}
    assert await own_bank.service.verify() is None


async def test_a_policy_on_a_curve_that_is_not_there_is_refused(closed: Bank) -> None:
    method = {"ftp": {"TRM": {"method": "matched", "curve": "none", "tenor": "1Y"}}}
    answer = await closed.accountant.put("/v1/policies/2026-09", json=method)
    assert (answer.status_code, answer.json()["rule"]) == (409, "curve-has-rate")


# --- known_at ---


async def test_a_statement_as_it_was_known_is_what_was_answered_then(own_bank: Bank) -> None:
    answers: dict[str, Any] = {}

    async def note() -> None:
        answers[datetime.now(UTC).isoformat()] = [
            await own_bank.get(f"/v1/books/{book}/statements", period=period)
            for book in ("manager", "department") for period in ("2026-07", "2026-08", "2026-Q3")
        ]  # fmt: skip

    await note()
    for event in WORKED_EXAMPLE:
        await own_bank.book(event)
        await note()
    await own_bank.close("2026-07")
    await note()
    await own_bank.assign("c2", {"m2": "1"}, "2026-07-10")
    await own_bank.service.caught_up()
    await note()
    await own_bank.close("2026-08")
    await note()
    for moment, answered in answers.items():
        known = [
            await own_bank.get(f"/v1/books/{book}/statements", period=period, known_at=moment)
            for book in ("manager", "department") for period in ("2026-07", "2026-08", "2026-Q3")
        ]  # fmt: skip
        assert known == answered, moment
    stated = await own_bank.get("/v1/books/manager/centres/m1/statement", period="2026-07",
                                known_at=next(iter(answers)))  # fmt: skip
    assert stated["lines"] == dict.fromkeys(LINES, "0.00")
