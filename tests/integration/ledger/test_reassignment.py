"""A shared customer with a long history, reassigned from years back: only what differs is booked."""

import time
from collections import Counter
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.integration.ledger.bank import Bank
from tests.support.reference import ReferenceLedger, core_event

START, DAYS, EVENTS = date(2030, 1, 1), 1826, 5000
SINCE = date(2032, 1, 1)


def history() -> list[dict[str, Any]]:
    """Five years of deposits on four accounts, and of fees, of one customer."""
    events = []
    for number in range(EVENTS):
        day = (START + timedelta(days=number * DAYS // EVENTS)).isoformat()
        about = {"customer_id": "five", "amount": f"{number % 997 + 1}.01"}
        if number % 3:
            account = {"account_id": f"a{number % 4}", "product_code": "DEM"}
            events.append(core_event(f"h{number}", "DepositPosted", day, **about, **account))
        else:
            fee = {"kind": "intermediary", "product_code": "AGT"}
            events.append(core_event(f"h{number}", "FeeCharged", day, **about, **fee))
    return events


async def legs_of(bank: Bank, *centres: str) -> list[dict[str, Any]]:
    """All legs of some managers."""
    found: list[dict[str, Any]] = []
    for centre in centres:
        for year in range(2030, 2036):
            cursor: dict[str, str] = {}
            while True:
                page = await bank.get(
                    f"/v1/books/manager/centres/{centre}/legs", period=str(year), limit=1000, **cursor
                )
                found += page["items"]
                if page["next"] is None:
                    break
                cursor = {"cursor": page["next"]}
    return found


@pytest.mark.timeout(120)
async def test_a_shared_customer_reassigned_from_three_years_back_books_only_differences(
    own_bank: Bank,
) -> None:
    await own_bank.assign("five", {"m1": "0.6", "m2": "0.4"}, START.isoformat())
    await own_bank.service.caught_up()
    await own_bank.book(*history())
    before = {leg["leg_id"] for leg in await legs_of(own_bank, "m1", "m2")}

    begun = time.process_time()  # of the ledger's own work, whatever else keeps the machine busy
    await own_bank.assign("five", {"m1": "0.3", "m3": "0.7"}, SINCE.isoformat())
    await own_bank.service.caught_up()
    assert time.process_time() - begun < 2
    after = await legs_of(own_bank, "m1", "m2", "m3")
    new = [leg for leg in after if leg["leg_id"] not in before]
    assert {leg["business_date"] for leg in new if leg["business_date"] < SINCE.isoformat()} == set()
    slots = Counter(
        tuple(leg[name] for name in ("centre_id", "line", "business_date", "account_id", "product_code"))
        for leg in new
    )
    assert set(slots.values()) == {1}
    assert all(Decimal(leg["amount"]) for leg in new)

    reference = ReferenceLedger()
    reference.products = [("DEM", date.min, "deposits"), ("AGT", date.min, "intermediary")]
    reference.assign("five", START, {"m1": "0.6", "m2": "0.4"})
    reference.assign("five", SINCE, {"m1": "0.3", "m3": "0.7"})
    for event in history():
        assert reference.take(event["id"], event["type"], event["data"]) == "accepted"
    reference.settle("all", "five")
    for year in range(2030, 2036):
        months = [f"{year}-{month:02d}" for month in range(1, 13)]
        stated = await own_bank.get("/v1/books/manager/statements", period=str(year))
        lines = {
            (one["centre_id"], line): Decimal(amount)
            for one in stated["items"] for line, amount in one["lines"].items() if Decimal(amount)
        }  # fmt: skip
        assert lines == {
            cell: amount for cell, amount in reference.totals("manager", months).items() if amount
        }

    await own_bank.assign("five", {"m1": "0.3", "m3": "0.7"}, SINCE.isoformat())
    await own_bank.service.caught_up()
    assert await legs_of(own_bank, "m1", "m2", "m3") == after
    assert await own_bank.service.verify() is None
