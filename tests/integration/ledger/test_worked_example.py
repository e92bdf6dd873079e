"""The worked example of the accounting rules through HTTP, to the fen, up to the close of July."""

from decimal import Decimal
from itertools import chain
from typing import Any

import pytest

from tests.integration.ledger.bank import Bank, opened
from tests.support.reference import LINES, WORKED_EXAMPLE, contra_of, core_event

ZEROS = dict.fromkeys(LINES, "0.00")
M1 = {
    "deposit_balance": "960000.01",
    "loan_balance": "300000.00",
    "interest_income": "1500.00",
    "fee_income": "800.00",
    "risk_charge": "-90000.00",
}
M2 = {
    "deposit_balance": "40000.00",
    "loan_balance": "200000.00",
    "interest_income": "1000.00",
    "risk_charge": "-60000.00",
}
DEPOSITS = {"deposit_balance": "1000000.01"}
LENDING = {"loan_balance": "500000.00", "interest_income": "2500.00", "risk_charge": "-150000.00"}
INTERMEDIARY = {"fee_income": "800.00"}
BANK = {**DEPOSITS, **LENDING, **INTERMEDIARY}
BY_BOOK = {
    "manager": {"m1": M1, "m2": M2},
    "department": {"deposits": DEPOSITS, "lending": LENDING, "intermediary": INTERMEDIARY},
}
CENTRES = [(book, centre) for book, centres in BY_BOOK.items() for centre in centres]


@pytest.mark.parametrize(("book", "centre"), CENTRES)
async def test_every_centre_has_the_lines_of_the_example(july: Bank, book: str, centre: str) -> None:
    stated = await july.statement(book, centre, "2026-07")
    lines = BY_BOOK[book][centre]
    assert stated["lines"] == {**ZEROS, **lines}
    assert stated["stocks"] == {line: lines.get(line, "0.00") for line in ("deposit_balance", "loan_balance")}
    assert (stated["book"], stated["centre_id"], stated["period"]) == (book, centre, "2026-07")


@pytest.mark.parametrize(
    ("book", "centre", "deposits", "loans"),
    [
        ("manager", "m1", "960000.01", "320000.00"),
        ("manager", "m2", "40000.00", "213333.33"),
        ("department", "deposits", "1000000.01", "0.00"),
        ("department", "lending", "0.00", "533333.33"),
    ],
)
async def test_the_ten_day_averages_are_those_of_the_example(
    july: Bank, book: str, centre: str, deposits: str, loans: str
) -> None:
    stated = await july.statement(book, centre, "2026-07")
    assert stated["averages"] == {"deposit_balance": deposits, "loan_balance": loans}


async def test_the_measures_are_their_formulas_over_the_lines(july: Bank) -> None:
    stated = await july.statement("manager", "m1", "2026-07")
    assert stated["measures"] == {
        "net_interest_income": "1500.00",
        "virtual_profit": "-87700.00",
        "efficiency": "-87700.00",
    }


@pytest.mark.parametrize("book", BY_BOOK)
async def test_both_books_state_the_same_bank(july: Bank, book: str) -> None:
    stated = await july.get(f"/v1/books/{book}/statements", period="2026-07")
    assert [item["centre_id"] for item in stated["items"]] == sorted(BY_BOOK[book])
    assert stated["total"]["lines"] == {**ZEROS, **BANK}
    assert stated["total"]["centre_id"] == "total"
    twin = "manager" if book == "department" else "department"
    other = await july.get(f"/v1/books/{twin}/statements", period="2026-07")
    assert stated["total"]["lines"] == other["total"]["lines"]
    assert stated["total"]["measures"] == other["total"]["measures"]
    assert stated["total"]["stocks"] == other["total"]["stocks"]


@pytest.mark.parametrize("book", BY_BOOK)
async def test_the_total_is_the_sum_of_the_statements(july: Bank, book: str) -> None:
    stated = await july.get(f"/v1/books/{book}/statements", period="2026-07")
    for part in ("lines", "stocks", "averages", "measures"):
        for name, figure in stated["total"][part].items():
            assert Decimal(figure) == sum(Decimal(item[part][name]) for item in stated["items"]), name


async def test_the_books_reconcile_line_by_line(july: Bank) -> None:
    found = await july.get("/v1/reconciliation", period="2026-07")
    assert (found["balanced"], found["entries"], found["period"]) == (True, len(WORKED_EXAMPLE), "2026-07")
    assert found["lines"] == [
        {
            "line": line,
            "manager_total": BANK.get(line, "0.00"),
            "department_total": BANK.get(line, "0.00"),
            "difference": "0.00",
        }
        for line in LINES
    ]
    for contra in found["contra"]:
        assert contra["centre_id"] == contra_of(contra["line"])
        total = Decimal(BANK.get(contra["line"], "0.00"))
        assert Decimal(contra["manager_total"]) == Decimal(contra["department_total"]) == -total


async def test_an_entry_shows_both_books_its_cause_and_its_rule(july: Bank) -> None:
    entry = await july.get("/v1/entries/e4")
    assert entry["cause"]["data"] == WORKED_EXAMPLE[3]["data"]
    assert (entry["cause"]["type"], entry["cause"]["source"]) == ("LoanRepaid", "core-banking")
    assert entry["cause"]["actor"] == "core-system"
    assert entry["rule"] == {
        "shares": {"m1": "0.6", "m2": "0.4"},
        "policy": "default",
        "loan": {
            "loan_id": "l1",
            "outstanding": "500000.00",
            "held": "0.00",
            "loan_class": "normal",
            "closed": False,
            "provision_rate": "0",
        },
    }
    assert entry["lines"] == {"loan_balance": "-100000.00", "interest_income": "2500.00"}
    assert [(leg["book"], leg["line"], leg["centre_id"], leg["amount"]) for leg in entry["legs"]] == [
        ("manager", "loan_balance", "m1", "-60000.00"),
        ("manager", "loan_balance", "m2", "-40000.00"),
        ("manager", "loan_balance", "external", "100000.00"),
        ("department", "loan_balance", "lending", "-100000.00"),
        ("department", "loan_balance", "external", "100000.00"),
        ("manager", "interest_income", "m1", "1500.00"),
        ("manager", "interest_income", "m2", "1000.00"),
        ("manager", "interest_income", "external", "-2500.00"),
        ("department", "interest_income", "lending", "2500.00"),
        ("department", "interest_income", "external", "-2500.00"),
    ]
    assert {(leg["entry_id"], leg["business_date"], leg["period"]) for leg in entry["legs"]} == {
        ("e4", "2026-07-15", "2026-07")
    }


async def test_the_contra_leg_of_a_risk_charge_lies_with_the_risk_reserve(july: Bank) -> None:
    legs = (await july.get("/v1/entries/e6"))["legs"]
    assert [(leg["book"], leg["centre_id"], leg["amount"]) for leg in legs] == [
        ("manager", "m1", "-90000.00"),
        ("manager", "m2", "-60000.00"),
        ("manager", "risk-reserve", "150000.00"),
        ("department", "lending", "-150000.00"),
        ("department", "risk-reserve", "150000.00"),
    ]


@pytest.mark.parametrize(("book", "centre"), CENTRES)
async def test_the_legs_of_a_centre_add_up_to_its_statement(july: Bank, book: str, centre: str) -> None:
    legs = (await july.get(f"/v1/books/{book}/centres/{centre}/legs", period="2026-07"))["items"]
    sums = {line: Decimal(0) for line in LINES}
    for leg in legs:
        sums[leg["line"]] += Decimal(leg["amount"])
    stated = await july.statement(book, centre, "2026-07")
    assert {line: Decimal(figure) for line, figure in stated["lines"].items()} == sums


async def test_a_core_event_tells_what_became_of_it(july: Bank) -> None:
    told = await july.get("/v1/core-events/e2")
    assert (told["id"], told["status"], told["entry_id"], told["type"]) == (
        "e2",
        "accepted",
        "e2",
        "DepositPosted",
    )
    assert told["data"] == WORKED_EXAMPLE[1]["data"]


async def test_before_and_after_july_only_the_balances_stand(july: Bank) -> None:
    before, after = [await july.statement("manager", "m1", month) for month in ("2026-06", "2026-08")]
    assert before["lines"] == after["lines"] == ZEROS
    assert before["stocks"] == {"deposit_balance": "0.00", "loan_balance": "0.00"}
    assert after["stocks"] == {"deposit_balance": "960000.01", "loan_balance": "300000.00"}
    assert after["averages"] == after["stocks"]


@pytest.fixture(scope="module")
async def year(postgres_url: str) -> Any:
    """A bank with a fee, a deposit and a loan event on many days of 2026."""
    async with opened(postgres_url) as bank:
        loan = {"customer_id": "c2", "product_code": "TRM", "loan_id": "l1"}
        deposit = {"customer_id": "c2", "product_code": "DEM", "account_id": "a2"}
        fee = {"customer_id": "c2", "product_code": "AGT", "kind": "settlement"}
        events = [core_event("l", "LoanDisbursed", "2026-01-01", **loan, amount="5000000.01")]
        for month in range(1, 13):
            for day in (1, 10, 11, 20, 21, 28):
                date = f"2026-{month:02d}-{day:02d}"
                events += [
                    core_event(
                        f"d{date}", "DepositPosted", date, **deposit, amount=f"{day}.0{month % 10 or 1}"
                    ),
                    core_event(f"f{date}", "FeeCharged", date, **fee, amount=f"0.{month + day:02d}"),
                    core_event(
                        f"r{date}", "LoanRepaid", date, **loan, principal=f"{month}.33", interest="0.07"
                    ),
                ]
        await bank.book(*events)
        yield bank


@pytest.mark.parametrize(
    ("period", "parts"),
    [
        *((f"2026-Q{q}", [f"2026-{3 * q - 2 + month:02d}" for month in range(3)]) for q in (1, 2, 3, 4)),
        ("2026-H1", ["2026-Q1", "2026-Q2"]),
        ("2026-H2", ["2026-Q3", "2026-Q4"]),
        ("2026", ["2026-H1", "2026-H2"]),
    ],
)
async def test_a_longer_period_is_the_sum_of_its_months(year: Bank, period: str, parts: list[str]) -> None:
    for book, centre in (("manager", "m1"), ("manager", "m2"), ("department", "lending")):
        whole = await year.statement(book, centre, period)
        pieces = [await year.statement(book, centre, part) for part in parts]
        for part in ("lines", "measures"):
            for name, figure in whole[part].items():
                assert Decimal(figure) == sum(Decimal(piece[part][name]) for piece in pieces), name
        assert whole["stocks"] == pieces[-1]["stocks"]
        assert whole["averages"] == pieces[-1]["averages"]


@pytest.mark.parametrize(("limit", "period"), [(1, "2026-07"), (7, "2026-Q3"), (100, "2026")])
async def test_pages_of_legs_cover_all_of_them_exactly_once(year: Bank, limit: int, period: str) -> None:
    path = "/v1/books/manager/centres/m1/legs"
    everything = (await year.get(path, period=period, limit=1000))["items"]
    assert len({leg["leg_id"] for leg in everything}) == len(everything) > limit
    page = await year.get(path, period=period, limit=limit)
    pages = [page["items"]]
    while page["next"] is not None:
        page = await year.get(path, period=period, limit=limit, cursor=page["next"])
        pages.append(page["items"])
    assert list(chain.from_iterable(pages)) == everything
    assert all(len(items) == limit for items in pages[:-1])


async def test_legs_of_one_line_are_those_of_all_lines_filtered(year: Bank) -> None:
    path = "/v1/books/manager/centres/m2/legs"
    everything = (await year.get(path, period="2026-Q3", limit=1000))["items"]
    for line in LINES:
        only = (await year.get(path, period="2026-Q3", limit=1000, line=line))["items"]
        assert only == [leg for leg in everything if leg["line"] == line]
