"""The watch over a year of a real bank, 1993 of the PKDD'99 ("Berka") data set: every large day, and no other."""

import csv
import os
from collections import Counter
from collections.abc import AsyncIterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from deploy.local.berka import read_berka
from services.assignment.domain.business_day import is_business_day
from services.assignment.main import define
from shared.contracts.core_banking import CORE_EVENTS, TOPIC
from tests.support.services import ServiceUnderTest, running_service

ROOT = Path(__file__).resolve().parents[4]
SHARED = ROOT.parent / "shared"
FOLDER = SHARED / "data" / "berka"
MUST_RUN = os.environ.get("CI") == "true" and SHARED.is_dir()

pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir() and not MUST_RUN,
    reason=f"the Berka data set is not part of this repository and not at {FOLDER}",
)

LARGE, DAYS = 50_000_00, 5
"""The policy unless another is set, in minor units and business days."""


def records(file: str) -> list[dict[str, str]]:
    """The records of a file as they stand there."""
    with (FOLDER / file).open(newline="") as lines:
        return list(csv.DictReader(lines, delimiter=";"))


def large_days() -> set[tuple[str, date]]:
    """The customers and days of the file on which either side comes to the limit."""
    owners = {one["account_id"]: one["client_id"] for one in records("disp.asc") if one["type"] == "OWNER"}
    sums: Counter[tuple[str, str, bool]] = Counter()
    for one in records("trans.asc"):
        side = f"c{owners[one['account_id']]}", one["date"], one["type"] == "PRIJEM"
        sums[side] += int(Decimal(one["amount"]) * 100)
    return {
        (customer, date(1900 + int(day[:2]), int(day[2:4]), int(day[4:])))
        for (customer, day, _), total in sums.items()
        if total >= LARGE
    }


@pytest.fixture(scope="module")
async def berka(postgres_url: str) -> AsyncIterator[ServiceUnderTest]:
    """The year's core events have gone through the log, the last thousand of them twice."""
    events = [one for one in read_berka(FOLDER) if one.type in CORE_EVENTS]
    async with running_service(define, postgres_url) as service:
        for start in range(0, len(events), 5000):
            await service.publish(TOPIC, *events[start : start + 5000])
        await service.publish(TOPIC, *events[-1000:])
        await service.caught_up(within_seconds=100)
        yield service


async def test_the_duties_are_those_of_the_file_to_the_day(berka: ServiceUnderTest) -> None:
    expected = large_days()
    rows = await berka.rows("SELECT customer_id, raised_on, kind, status FROM duty")
    assert len(expected) > 100
    assert {(customer, day) for customer, day, _, _ in rows} == expected
    assert len(rows) == len(expected)
    assert {(kind, status) for _, _, kind, status in rows} == {("large-value-report", "open")}


async def test_their_deadlines_skip_weekends_and_holidays(berka: ServiceUnderTest) -> None:
    rows = await berka.rows("SELECT raised_on, due_on FROM duty")
    for raised_on, due_on in rows:
        between = [raised_on + timedelta(days=index) for index in range(1, (due_on - raised_on).days + 1)]
        assert due_on.weekday() < 5
        assert is_business_day(due_on)
        assert sum(map(is_business_day, between)) == DAYS
    skipped = [(raised, due) for raised, due in rows if raised == date(1993, 9, 30)]
    assert set(skipped) <= {(date(1993, 9, 30), date(1993, 10, 8))}
    assert max(due - raised for raised, due in rows) > timedelta(days=7)  # a holiday lies in between


async def test_every_posting_is_added_up_once(berka: ServiceUnderTest) -> None:
    transactions = records("trans.asc")
    [(seen,)] = await berka.rows("SELECT count(*) FROM deposit_seen")
    [(paid_in, drawn)] = await berka.rows("SELECT sum(paid_in)::bigint, sum(drawn)::bigint FROM deposit_sum")
    totals = Counter[bool]()
    for one in transactions:
        totals[one["type"] == "PRIJEM"] += int(Decimal(one["amount"]) * 100)
    assert (seen, paid_in, drawn) == (len(transactions), totals[True], totals[False])
    assert (await berka.admin.get("/v1/dead-letters")).json()["items"] == []


async def test_the_chain_and_the_views_are_sound(berka: ServiceUnderTest) -> None:
    assert await berka.verify() is None
