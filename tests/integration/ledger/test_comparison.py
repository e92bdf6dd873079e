"""Two periods side by side, and one period as it was known at two moments."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.integration.ledger.bank import Bank, opened
from tests.support.reference import WORKED_EXAMPLE, core_event

CENTRE = "/v1/books/manager/centres/m1/comparison"
BOOK = "/v1/books/manager/comparison"
AUGUST = {"period": "2026-08", "with": "2026-07"}
PARTS = ("lines", "stocks", "averages", "measures")


def fee(event_id: str, day: str, amount: str, customer_id: str = "c1") -> dict[str, Any]:
    return core_event(event_id, "FeeCharged", day, customer_id=customer_id, kind="intermediary",
                      product_code="AGT", amount=amount)  # fmt: skip


@pytest.fixture(scope="module")
async def two_months(postgres_url: str) -> AsyncIterator[Bank]:
    """July as in the worked example, and a little of August; m3 has something in August only."""
    async with opened(postgres_url) as bank:
        await bank.assign("c3", {"m3": "1"})
        await bank.service.caught_up()
        await bank.book(*WORKED_EXAMPLE, fee("f1", "2026-08-05", "1200.00"),
                        fee("f2", "2026-08-06", "7.00", "c3"))  # fmt: skip
        yield bank


def sides(compared: dict[str, Any], side: str) -> dict[str, dict[str, str]]:
    """One side of a comparison, in the shape of a statement."""
    return {part: {name: figure[side] for name, figure in compared[part].items()} for part in PARTS}


async def test_a_centre_is_compared_figure_by_figure(two_months: Bank) -> None:
    compared = await two_months.get(CENTRE, **AUGUST)
    assert [compared[name] for name in ("book", "centre_id", "period", "with")] == [
        "manager",
        "m1",
        "2026-08",
        "2026-07",
    ]
    assert compared["lines"]["fee_income"] == {
        "this": "1200.00",
        "that": "800.00",
        "change": "400.00",
        "percent": "50.00",
    }
    assert compared["measures"]["virtual_profit"] == {
        "this": "1200.00",
        "that": "-87700.00",
        "change": "88900.00",
        "percent": "101.37",
    }
    assert compared["lines"]["direct_cost"]["percent"] is None
    assert compared["stocks"]["deposit_balance"]["change"] == "0.00"
    for side, period in (("this", "2026-08"), ("that", "2026-07")):
        stated = await two_months.statement("manager", "m1", period)
        assert sides(compared, side) == {part: stated[part] for part in PARTS}


@pytest.mark.parametrize("book", ["manager", "department"])
async def test_a_book_is_compared_centre_by_centre_and_as_a_whole(two_months: Bank, book: str) -> None:
    compared = await two_months.get(f"/v1/books/{book}/comparison", **AUGUST)
    assert (compared["book"], compared["period"], compared["with"]) == (book, "2026-08", "2026-07")
    for item in compared["items"]:
        path = f"/v1/books/{book}/centres/{item['centre_id']}/comparison"
        assert item == await two_months.get(path, **AUGUST)
    for side, period in (("this", "2026-08"), ("that", "2026-07")):
        whole = (await two_months.get(f"/v1/books/{book}/statements", period=period))["total"]
        assert sides(compared["total"], side) == {part: whole[part] for part in PARTS}
    other = "department" if book == "manager" else "manager"
    total = (await two_months.get(f"/v1/books/{other}/comparison", **AUGUST))["total"]
    for part in ("lines", "stocks", "measures"):
        assert total[part] == compared["total"][part]


async def test_a_centre_of_one_period_only_is_there_with_a_zero_side(two_months: Bank) -> None:
    items = (await two_months.get(BOOK, **AUGUST))["items"]
    assert [item["centre_id"] for item in items] == ["m1", "m2", "m3"]
    assert items[2]["lines"]["fee_income"] == {
        "this": "7.00",
        "that": "0.00",
        "change": "7.00",
        "percent": None,
    }


async def test_periods_of_different_length_may_be_compared(two_months: Bank) -> None:
    compared = await two_months.get(CENTRE, **{"period": "2026-Q3", "with": "2026-07"})
    assert compared["lines"]["fee_income"]["change"] == "1200.00"


async def test_a_period_is_compared_with_itself_as_it_was_known_earlier(own_bank: Bank) -> None:
    await own_bank.book(*WORKED_EXAMPLE)
    before = datetime.now(UTC).isoformat()
    await own_bank.book(fee("late", "2026-07-30", "200.00"))
    after = datetime.now(UTC).isoformat()
    await own_bank.book(fee("later", "2026-07-31", "1.00"))
    same = {"period": "2026-07", "with": "2026-07"}
    for path in (CENTRE, BOOK):
        compared = await own_bank.get(path, **same, with_known_at=before)
        compared = compared.get("total", compared)
        assert compared["lines"]["fee_income"]["change"] == "201.00"
        compared = await own_bank.get(path, **same, known_at=after, with_known_at=before)
        compared = compared.get("total", compared)
        assert compared["lines"]["fee_income"] == {
            "this": "1000.00",
            "that": "800.00",
            "change": "200.00",
            "percent": "25.00",
        }
        compared = await own_bank.get(path, **same, known_at=before)
        assert compared.get("total", compared)["lines"]["fee_income"]["change"] == "-201.00"


# --- who may see what ---


async def test_a_manager_compares_the_own_centre_only(two_months: Bank) -> None:
    caller = two_months.service.client("manager", subject="m1")
    query = "?period=2026-08&with=2026-07"
    own = (await caller.get(BOOK + query)).json()
    assert [item["centre_id"] for item in own["items"]] == ["m1"]
    assert own["total"]["lines"] == own["items"][0]["lines"]
    assert (await caller.get(CENTRE + query)).json() == own["items"][0]
    there, nowhere = [
        await caller.get(f"/v1/books/manager/centres/{centre}/comparison{query}")
        for centre in ("m2", "nowhere")
    ]
    assert (there.status_code, nowhere.status_code) == (404, 404)
    assert there.json()["detail"].replace("m2", "?") == nowhere.json()["detail"].replace("nowhere", "?")
    department = (await caller.get(f"/v1/books/department/comparison{query}")).json()
    assert department["items"] == []


@pytest.mark.parametrize("path", [CENTRE, BOOK])
async def test_a_comparison_is_for_readers_of_the_books(two_months: Bank, path: str) -> None:
    for role, status in [("core", 403), ("assigner", 403), ("accountant", 200), ("approver", 200),
                         ("auditor", 200), ("admin", 200)]:  # fmt: skip
        answer = await two_months.service.client(role, subject="somebody").get(path, params=AUGUST)
        assert answer.status_code == status, role
    assert (await two_months.service.client().get(path, params=AUGUST)).status_code == 401


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("period=2026-08", "with"),
        ("with=2026-08", "period"),
        ("period=2026-08&with=July", "with"),
        ("period=2026-08&with=2026-07&with_known_at=now", "with_known_at"),
        ("period=2026-08&with=2026-07&base=2026-07", "base"),
    ],
)
@pytest.mark.parametrize("path", [CENTRE, BOOK])
async def test_what_cannot_be_meant_is_malformed_with_the_field_named(
    two_months: Bank, path: str, query: str, field: str
) -> None:
    answer = await two_months.service.admin.get(f"{path}?{query}")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)
