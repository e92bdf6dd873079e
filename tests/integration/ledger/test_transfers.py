"""Managers who move (调动): a period goes by where each stands on its last day, as far as known at a moment."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from pathlib import Path
from shutil import copy
from typing import Any

import pytest
from sqlalchemy import text

from services.ledger.domain.organisation import SINCE_EVER, Place
from services.ledger.main import define
from services.ledger.settings import Settings
from services.ledger.views import organisation
from shared.contracts import assignment
from shared.contracts.envelope import CloudEvent
from shared.infrastructure.database import Database, ensure_database, url_of
from shared.infrastructure.migrate import STORE_MIGRATIONS, migrate
from tests.integration.ledger.bank import Bank, opened, registered, transferred
from tests.support.databases import fresh_name
from tests.support.reference import core_event

MANAGERS = "/v1/books/manager/hierarchy"
FEES = {"2026-07-18": "7.00", "2026-08-10": "8.00", "2026-09-10": "9.00", "2026-12-10": "12.00"}
DAYS = [SINCE_EVER, *(date(2026, *day) for day in ((8, 30), (8, 31), (9, 1), (12, 30), (12, 31)))]
PERIODS = ("2026-07", "2026-08", "2026-09", "2026-12", "2026-Q3", "2026-H2", "2026")
Shown = list[tuple[tuple[str | None, str | None], str]]
"""Branch and team, and what they earned."""


async def hear(bank: Bank, *messages: CloudEvent) -> str:
    """Let the assignment service say where managers belong; the moment after that."""
    await bank.service.publish(assignment.TOPIC, *messages)
    await bank.service.caught_up()
    return datetime.now(UTC).isoformat()


async def teams(bank: Bank, period: str, **params: str) -> Shown:
    """The teams with anything to show in a period."""
    items = (await bank.get(MANAGERS, period=period, level="team", **params))["items"]
    return [((item["parent"]["branch_id"], item["id"]), item["lines"]["fee_income"]) for item in items]


async def earn(bank: Bank) -> None:
    """A fee of m1 in each of some months."""
    await bank.assign("c5", {"m1": "1"}, "2026-01-01")
    await bank.service.caught_up()
    about = {"customer_id": "c5", "kind": "intermediary", "product_code": "AGT"}
    await bank.book(
        *(core_event(f"fee-{day}", "FeeCharged", day, **about, amount=fee) for day, fee in FEES.items())
    )


@pytest.fixture
async def earning(own_bank: Bank) -> Bank:
    """A bank where m1 earned something before, in and after the third quarter; registered in b1/t1."""
    await earn(own_bank)
    await hear(own_bank, registered("r1", "m1", "b1", "t1"))
    return own_bank


HISTORY = (
    transferred("t1", "m1", "2026-09-01", "b2", "t2"),
    transferred("t2", "m1", "2026-12-31", "b3"),
    transferred("t3", "m1", "2026-09-01", "b2", "t9"),
    registered("r2", "m1", "b0"),
    transferred("t4", "m1", "2026-08-31", "b4", "t4"),
)


@pytest.fixture(scope="module")
async def moved(postgres_url: str) -> AsyncIterator[tuple[Bank, list[str]]]:
    """A bank that heard of several moves of m1, and the moments after each word."""
    async with opened(postgres_url) as bank:
        await earn(bank)
        yield bank, [await hear(bank, word) for word in (registered("r1", "m1", "b1", "t1"), *HISTORY)]


# --- the place on a period's last day ---


async def test_a_month_before_the_transfer_stays_and_one_after_it_goes_along(earning: Bank) -> None:
    await hear(earning, transferred("t1", "m1", "2026-09-01", "b2", "t2"))
    assert await teams(earning, "2026-07") == [(("b1", "t1"), "7.00")]
    assert await teams(earning, "2026-08") == [(("b1", "t1"), "8.00")]
    assert await teams(earning, "2026-09") == [(("b2", "t2"), "9.00")]
    assert await teams(earning, "2026-12") == [(("b2", "t2"), "12.00")]


async def test_a_period_that_spans_the_transfer_goes_whole_where_the_manager_stands_at_its_end(
    earning: Bank,
) -> None:
    await hear(earning, transferred("t1", "m1", "2026-08-15", "b2"))
    assert await teams(earning, "2026-07") == [(("b1", "t1"), "7.00")]
    for period, whole in (("2026-08", "8.00"), ("2026-Q3", "24.00"), ("2026-H2", "36.00"), ("2026", "36.00")):
        assert await teams(earning, period) == [(("b2", None), whole)]
    assert await teams(earning, "2026-Q2") == []


async def test_a_transfer_on_the_last_day_counts_and_one_on_the_day_after_does_not(earning: Bank) -> None:
    await hear(
        earning, transferred("t1", "m1", "2026-09-30", "b2"), transferred("t2", "m1", "2026-10-01", "b3")
    )
    assert await teams(earning, "2026-Q3") == [(("b2", None), "24.00")]
    assert await teams(earning, "2026-H2") == [(("b3", None), "36.00")]


async def test_a_transfer_dated_in_the_future_takes_effect_by_itself(earning: Bank) -> None:
    await hear(earning, transferred("t1", "m1", "2199-12-01", "b2"))
    for period, whole in zip(
        PERIODS, ("7.00", "8.00", "9.00", "12.00", "24.00", "36.00", "36.00"), strict=True
    ):
        assert await teams(earning, period) == [(("b1", "t1"), whole)]
    async with earning.service.database.read() as connection:
        last = date(2199, 11, 30)
        assert await organisation.places(connection, last) == {"m1": Place("b1", "t1")}
        first = date(2199, 12, 1)
        assert await organisation.places(connection, first) == {"m1": Place("b2", None)}


async def test_a_later_word_for_the_same_day_replaces_the_earlier_one(earning: Bank) -> None:
    await hear(
        earning,
        transferred("t1", "m1", "2026-08-15", "b2", "t2"),
        transferred("t2", "m1", "2026-08-15", "b3"),
        transferred("t1", "m1", "2026-08-15", "b2", "t2"),
    )
    assert await teams(earning, "2026-08") == [(("b3", None), "8.00")]
    assert await rows(earning) == [("1900-01-01", "b1", "t1"), ("2026-08-15", "b3", None)]


async def test_a_registration_that_comes_again_changes_what_is_before_the_first_transfer(
    earning: Bank,
) -> None:
    await hear(earning, transferred("t1", "m1", "2026-08-15", "b2"), registered("r2", "m1", "b9"))
    assert await teams(earning, "2026-07") == [(("b9", None), "7.00")]
    assert await teams(earning, "2026-08") == [(("b2", None), "8.00")]


async def test_who_was_transferred_without_being_on_record_belongs_nowhere_before(own_bank: Bank) -> None:
    await earn(own_bank)
    await hear(own_bank, transferred("t1", "m1", "2026-08-01", "b2"))
    assert await teams(own_bank, "2026-07") == [((None, None), "7.00")]
    assert await teams(own_bank, "2026-08") == [(("b2", None), "8.00")]


async def test_links_lead_down_to_the_managers_who_stood_there(earning: Bank) -> None:
    await hear(earning, transferred("t1", "m1", "2026-08-15", "b2", "t2"))
    auditor = earning.service.client("auditor", subject="otto")
    for period, path in (("2026-07", ["b1", "t1", "m1"]), ("2026-Q3", ["b2", "t2", "m1"])):
        url, seen = f"{MANAGERS}?period={period}", []
        while url:
            [item] = (await auditor.get(url)).json()["items"]
            seen.append(item["id"])
            url = item["links"]["below"]
        assert seen == path


# --- what was known ---


async def test_a_hierarchy_as_known_at_a_moment_is_what_was_shown_then(earning: Bank) -> None:
    shown: dict[str, list[Any]] = {}

    async def note() -> None:
        shown[datetime.now(UTC).isoformat()] = [await teams(earning, period) for period in PERIODS]

    await note()
    for word in HISTORY:
        await hear(earning, word)
        await note()
    await earning.close("2026-07")
    await hear(earning, transferred("t5", "m1", "2026-07-31", "b5"))
    assert await teams(earning, "2026-07") == [(("b5", None), "7.00")]
    for moment, answered in shown.items():
        assert [await teams(earning, period, known_at=moment) for period in PERIODS] == answered


async def test_each_word_counts_from_the_moment_it_was_recorded(moved: tuple[Bank, list[str]]) -> None:
    bank, moments = moved
    september = [await teams(bank, "2026-09", known_at=moment) for moment in moments]
    assert [branch for [(branch, _)] in september] == [("b1", "t1"), *[("b2", "t2")] * 2, *[("b2", "t9")] * 3]
    year = [await teams(bank, "2026", known_at=moment) for moment in moments]
    assert [branch for [(branch, _)] in year] == [("b1", "t1"), ("b2", "t2"), *[("b3", None)] * 4]
    august = [await teams(bank, "2026-08", known_at=moment) for moment in moments]
    assert [branch for [(branch, _)] in august] == [*[("b1", "t1")] * 4, ("b0", None), ("b4", "t4")]


async def test_known_now_the_events_give_the_same_places_as_the_table(moved: tuple[Bank, list[str]]) -> None:
    bank, _ = moved
    async with bank.service.database.read() as connection:
        for day in DAYS:
            at_present = await organisation.places(connection, day)
            assert await organisation.places(connection, day, datetime.now(UTC)) == at_present


# --- stored, and rebuilt ---


async def rows(bank: Bank) -> list[tuple[str, str, str | None]]:
    """The timeline of m1 as the view has it."""
    found: list[Any] = await bank.service.rows(
        "SELECT effective_from::text, branch_id, team_id FROM manager_place ORDER BY manager_id, effective_from"
    )
    return found


async def test_a_bank_whose_managers_moved_verifies_and_replays(moved: tuple[Bank, list[str]]) -> None:
    bank, _ = moved
    timeline = [("1900-01-01", "b0", None), ("2026-08-31", "b4", "t4"), ("2026-09-01", "b2", "t9"),
                ("2026-12-31", "b3", None)]  # fmt: skip
    assert await rows(bank) == timeline
    assert await bank.service.verify() is None
    before = await bank.service.digests()
    await bank.service.replay()
    assert await bank.service.digests() == before
    assert await rows(bank) == timeline


async def test_a_place_stored_before_there_were_transfers_holds_since_ever(own_bank: Bank) -> None:
    """Its event names no effective date; it is put into the store as it was written then."""
    await earn(own_bank)
    moment = await hear(own_bank, registered("r1", "m1", "b1", "t1"))
    async with own_bank.service.database.begin() as connection:
        await connection.execute(text("ALTER TABLE event DISABLE TRIGGER USER"))
        await connection.execute(
            text(
                "UPDATE event SET data = (data::jsonb - 'effective_from')::text "
                "WHERE stream = 'manager-m1#place'"
            )
        )
        await connection.execute(text("ALTER TABLE event ENABLE TRIGGER USER"))
    await own_bank.service.replay()
    assert await rows(own_bank) == [("1900-01-01", "b1", "t1")]
    await hear(own_bank, registered("r1", "m1", "b1", "t1"), transferred("t1", "m1", "2026-08-01", "b2"))
    assert await teams(own_bank, "2026-07", known_at=moment) == [(("b1", "t1"), "7.00")]
    assert await teams(own_bank, "2026-07") == [(("b1", "t1"), "7.00")]
    assert await teams(own_bank, "2026-08", known_at=moment) == [(("b1", "t1"), "8.00")]
    assert await teams(own_bank, "2026-08") == [(("b2", None), "8.00")]


async def test_a_transfer_that_cannot_be_becomes_a_dead_letter(own_bank: Bank) -> None:
    await hear(
        own_bank,
        transferred("bad", "m1", "2026-02-30", "b1"),
        transferred("good", "m2", "2026-08-01", "b1"),
    )
    [letter] = (await own_bank.accountant.get("/v1/dead-letters")).json()["items"]
    assert (letter["event_id"], letter["type"]) == ("bad", "ManagerTransferred")
    assert "effective_from" in letter["reason"]
    assert await rows(own_bank) == [("2026-08-01", "b1", None)]


async def test_places_that_were_there_before_the_migration_hold_since_ever(
    postgres_url: str, tmp_path: Path
) -> None:
    present = define(Settings(data=tmp_path)).migrations
    for file in present.glob("2026_11_23_*.py"):
        copy(file, tmp_path)
    name = fresh_name("places")
    await ensure_database(postgres_url, name)
    database = Database(url_of(postgres_url, name), name=name)
    try:
        await migrate(database, [STORE_MIGRATIONS, tmp_path])
        async with database.begin() as connection:
            await connection.execute(text("INSERT INTO manager_place VALUES ('m1', NULL, 'b1')"))
        await migrate(database, [STORE_MIGRATIONS, present])
        async with database.read() as connection:
            for day in (SINCE_EVER, date(2026, 7, 31)):
                assert await organisation.places(connection, day) == {"m1": Place("b1", None)}
    finally:
        await database.close()
