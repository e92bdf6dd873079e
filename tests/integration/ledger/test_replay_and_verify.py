"""Replay gives the same bytes; verify passes, and names the first event or row that somebody touched."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from shared.contracts import assignment, core_banking
from shared.infrastructure.event_log import Message
from tests.integration.ledger.bank import Bank, opened, registered, transferred
from tests.support.reference import WORKED_EXAMPLE, core_event

L1 = {"customer_id": "c2", "product_code": "TRM", "loan_id": "l1"}


async def fill(bank: Bank) -> None:
    """Something in every table of the views, of several months, customers and batches."""
    await bank.book(*WORKED_EXAMPLE)
    answer = await bank.accountant.put(
        "/v1/policies/2026-08", json={"deposit_rate": "1.6", "provision_rates": {"substandard": "40"}}
    )
    assert answer.status_code == 200
    await bank.define("DEM", "retail", effective_from="2026-08-01")
    await bank.assign("c1", {"m1": "0.3333", "m2": "0.3333", "m3": "0.3334"}, "2026-08-01")
    await bank.service.publish(
        core_banking.TOPIC, Message(b"c1", b"no JSON", [("ce_type", b"DepositPosted")])
    )
    await bank.service.publish(
        assignment.TOPIC, registered("r1", "m1", "b1", "t1"), registered("r2", "m2", "b1"),
        registered("r3", "m1", "b2", "t3"), transferred("t1", "m1", "2026-08-15", "b1"),
    )  # fmt: skip
    await bank.service.caught_up()
    for number in range(8):
        customer = {"customer_id": f"c{number}", "product_code": "DEM", "account_id": f"a{number}"}
        await bank.book(
            core_event(
                f"x{number}",
                "DepositPosted",
                f"2026-0{number % 3 + 7}-2{number}",
                **customer,
                amount="100.01",
            ),
            core_event(
                f"y{number}", "LoanRepaid", "2026-08-05", **L1, principal=f"0.0{number + 1}", interest="7.77"
            ),
        )
    points = {"effective_from": "2026-01-01", "rates": {"1Y": "2.5"}}
    assert (await bank.accountant.put("/v1/ftp-curves/cny", json=points)).status_code == 200
    await bank.declare("2026-07", "it", "1000.00", "entries")
    await bank.close("2026-07")
    await bank.assign("c2", {"m2": "1"}, "2026-07-06")
    await bank.service.caught_up()
    await bank.close("2026-08")


@pytest.fixture(scope="module")
async def filled(postgres_url: str) -> AsyncIterator[Bank]:
    """A bank with a history; tests that touch it put it back."""
    async with opened(postgres_url) as bank:
        await fill(bank)
        yield bank


async def test_a_history_that_nobody_touched_is_as_it_should_be(filled: Bank) -> None:
    assert await filled.service.verify() is None
    empty = [
        table for table, digest in (await filled.service.digests()).items() if digest.startswith("0 rows")
    ]
    assert empty == []


async def test_replay_gives_the_same_bytes_and_the_bank_goes_on(own_bank: Bank) -> None:
    service = own_bank.service
    await fill(own_bank)
    before = await service.digests()
    [(events,)] = await service.rows("SELECT count(*) FROM event")
    assert await service.replay() == events
    assert await service.digests() == before
    await own_bank.book(
        core_event("after", "LoanRepaid", "2026-08-06", **L1, principal="1.00", interest="1.00")
    )
    assert await service.verify() is None
    assert await service.digests() != before


async def test_replay_mends_views_that_were_spoilt(own_bank: Bank) -> None:
    service = own_bank.service
    await fill(own_bank)
    before = await service.digests()
    await service.execute(
        "UPDATE centre_month SET amount = amount + 1",
        "DELETE FROM loan",
        "INSERT INTO assignment SELECT 'c9', effective_from, shares, event_id FROM assignment LIMIT 1",
        "ALTER TABLE leg DISABLE TRIGGER leg_is_append_only",
        "TRUNCATE leg",
        "ALTER TABLE leg ENABLE TRIGGER leg_is_append_only",
    )
    assert await service.digests() != before
    await service.replay()
    assert await service.digests() == before
    triggers = await service.rows("SELECT tgname, tgenabled FROM pg_trigger WHERE tgrelid = 'leg'::regclass")
    assert {enabled for _, enabled in triggers} == {b"O"}


# --- an event that somebody touched ---

CHANGES = {
    "data": "overlay(data placing 'X' from 20)",
    "business_date": "business_date + 1",
    "recorded_at": "recorded_at + interval '1 microsecond'",
    "actor": "actor || 'x'",
    "cause": "cause || 'x'",
    "metadata": "'{}'",
    "type": "'CustomerAssigned'",
    "stream": "stream || 'x'",
    "version": "version + 100",
    "event_id": "event_id || 'x'",
    "hash": "sha256(hash)",
}


@asynccontextmanager
async def unguarded(bank: Bank, table: str, *statements: str) -> AsyncIterator[None]:
    """The table changed by hand, past its guards, and put back as it was."""
    service = bank.service
    off, on = [f"ALTER TABLE {table} {word} TRIGGER USER" for word in ("DISABLE", "ENABLE")]
    await service.execute(f"CREATE TABLE kept AS TABLE {table}", off, *statements, on)
    try:
        yield
    finally:
        await service.execute(
            off, f"DELETE FROM {table}", f"INSERT INTO {table} TABLE kept", on, "DROP TABLE kept"
        )


@pytest.mark.parametrize("event_id", ["e1", "e4", "y7"])
@pytest.mark.parametrize("column", CHANGES)
async def test_an_event_of_which_a_column_was_changed_is_named(
    filled: Bank, column: str, event_id: str
) -> None:
    changed = f"UPDATE event SET {column} = {CHANGES[column]} WHERE event_id = '{event_id}'"
    async with unguarded(filled, "event", changed):
        found = await filled.service.verify()
    assert found is not None
    assert found.what == "hash chain broken"
    [(shard, position)] = await filled.service.rows(
        "SELECT shard, position FROM event WHERE event_id = $1", event_id
    )
    named = event_id + "x" if column == "event_id" else event_id
    assert found.where == f"shard {shard}, position {position}, event {named}"


async def test_an_event_that_was_moved_is_named(filled: Bank) -> None:
    moved = "UPDATE event SET position = position + 1000 WHERE event_id = 'e1'"
    async with unguarded(filled, "event", moved):
        found = await filled.service.verify()
    assert found is not None
    assert found.what == "hash chain broken"


async def test_the_end_that_was_cut_off_is_noticed(filled: Bank) -> None:
    [(shard, last)] = await filled.service.rows(
        "SELECT shard, position FROM shard ORDER BY position DESC LIMIT 1"
    )
    cut = f"DELETE FROM event WHERE (shard, position) = ({shard}, {last})"
    async with unguarded(filled, "event", cut):
        found = await filled.service.verify()
    assert str(found) == f"hash chain broken: shard {shard} should end at position {last}, not {last - 1}"


async def test_an_event_that_was_taken_out_of_the_middle_is_noticed(filled: Bank) -> None:
    [(shard, position)] = await filled.service.rows("SELECT shard, position FROM event WHERE event_id = 'e2'")
    async with unguarded(filled, "event", "DELETE FROM event WHERE event_id = 'e2'"):
        found = await filled.service.verify()
    assert found is not None
    assert found.where.startswith(f"shard {shard}, position {position}, event ")


async def test_an_event_that_was_put_in_by_hand_is_named(filled: Bank) -> None:
    forged = (
        "INSERT INTO event SELECT shard, position + 1, stream, version + 1, 'forged', type, data, business_date, "
        "recorded_at, cause, actor, metadata, hash FROM event WHERE (shard, position) = "
        "(SELECT shard, position FROM shard ORDER BY position DESC LIMIT 1)"
    )
    async with unguarded(filled, "event", forged):
        found = await filled.service.verify()
    assert found is not None
    assert found.where.endswith("event forged")


async def test_an_end_that_was_rewritten_is_noticed_by_the_head(filled: Bank) -> None:
    [(shard,)] = await filled.service.rows("SELECT shard FROM shard ORDER BY position DESC LIMIT 1")
    async with unguarded(filled, "shard", f"UPDATE shard SET hash = 'x' WHERE shard = {shard}"):
        found = await filled.service.verify()
    assert found is not None
    assert found.where.startswith(f"shard {shard} ")


# --- a row of a view that somebody touched ---

ROWS = {
    "leg": "customer_id = 'somebody'",
    "centre_month": "amount = amount + 1",
    "month": "entries = entries - 1",
    "loan": "held = held + 1",
    "assignment": "shares = '{\"m9\":10000}'",
    "manager_place": "team_id = 'other'",
    "ftp_curve": "rates = '{}'",
    "product": "name = name || '!'",
    "policy": "terms = '{}'",
    "period": "closed_by = 'somebody'",
    "cost_pool": "amount = amount + 1",
    "computed_result": "amount = amount + 1",
    "customer_stock": "deposit_balance = deposit_balance + 1",
    "dead_letter": "reason = 'other'",
}


async def test_every_table_of_the_views_is_tried(filled: Bank) -> None:
    assert set(ROWS) == set(await filled.service.digests())


@pytest.mark.parametrize("table", ROWS)
async def test_a_row_of_a_view_that_was_changed_is_shown(filled: Bank, table: str) -> None:
    one = f"ctid = (SELECT ctid FROM {table} LIMIT 1)"
    async with unguarded(filled, table, f"UPDATE {table} SET {ROWS[table]} WHERE {one}"):
        found = await filled.service.verify()
    assert found is not None
    assert found.what == f"view {table} has a row that the events do not give"
    assert found.where.startswith("(")


@pytest.mark.parametrize("table", ROWS)
async def test_a_row_of_a_view_that_is_missing_is_shown(filled: Bank, table: str) -> None:
    one = f"ctid = (SELECT ctid FROM {table} LIMIT 1)"
    async with unguarded(filled, table, f"DELETE FROM {table} WHERE {one}"):
        found = await filled.service.verify()
    assert found is not None
    assert found.what == f"view {table} lacks a row that the events give"


async def test_after_all_that_the_bank_is_as_it_was(filled: Bank) -> None:
    assert await filled.service.verify() is None
