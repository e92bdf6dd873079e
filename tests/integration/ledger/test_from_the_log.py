"""What arrives through the log: assignments, core events in both modes, and dead letters among good messages."""

from collections.abc import Mapping
from typing import Any

import orjson
import pytest

from shared.contracts import core_banking, ledger
from shared.contracts.envelope import CloudEvent, from_mapping
from shared.infrastructure import dead_letters
from shared.infrastructure.event_log import Message, Record, shard_of
from tests.integration.ledger.bank import Bank, assigned, opened
from tests.support.reference import WORKED_EXAMPLE, core_event

DEAD_LETTERS = core_banking.TOPIC + ".dead-letter"


def deposit(event_id: str, customer_id: str = "c1", amount: str = "1.00", **more: Any) -> dict[str, Any]:
    data = {"customer_id": customer_id, "account_id": "a", "product_code": "DEM", "amount": amount, **more}
    return core_event(event_id, "DepositPosted", "2026-07-09", **data)


def binary(event: Mapping[str, Any]) -> Message:
    """In binary content mode, keyed by the customer."""
    return Message.of(from_mapping(event), event["subject"])


def structured(event: Mapping[str, Any]) -> Message:
    """In structured content mode: the whole event is the value."""
    headers = [("content-type", b"application/cloudevents+json")]
    return Message(event["subject"].encode(), orjson.dumps(event), headers)


async def send(bank: Bank, *messages: Message) -> None:
    """Core banking writes to the log, and the ledger works it off."""
    await bank.service.publish(core_banking.TOPIC, *messages)
    await bank.service.caught_up()


async def letters(bank: Bank) -> list[dict[str, Any]]:
    """All dead letters, as operators list them."""
    listed = await bank.accountant.get("/v1/dead-letters", params={"limit": 1000})
    items: list[dict[str, Any]] = listed.json()["items"]
    return items


@pytest.mark.parametrize("mode", [binary, structured])
async def test_the_worked_example_may_come_through_the_log_as_well(own_bank: Bank, mode: Any) -> None:
    await send(own_bank, *map(mode, WORKED_EXAMPLE))
    totals = await own_bank.get("/v1/books/manager/statements", period="2026-07")
    assert [item["centre_id"] for item in totals["items"]] == ["m1", "m2"]
    assert totals["total"]["lines"]["risk_charge"] == "-150000.00"
    assert totals["total"]["lines"]["deposit_balance"] == "1000000.01"
    entry = await own_bank.get("/v1/entries/e4")
    partition = shard_of("c2")
    assert entry["cause"]["position"].startswith(f"{core_banking.TOPIC}/{partition}/")
    assert entry["cause"]["actor"] == "core-banking"
    assert (await own_bank.accountant.get("/v1/lag")).json()["total"] == 0


async def test_an_event_is_booked_once_whichever_door_it_comes_by(bank: Bank) -> None:
    event = deposit("both-doors")
    await send(bank, binary(event), structured(event), binary(event))
    assert (await bank.post(event))["duplicate"] == 1
    await bank.book(deposit("other-door"))
    await send(bank, binary(deposit("other-door")))
    rows = await bank.service.rows(
        "SELECT event_id FROM event WHERE event_id IN ('both-doors', 'other-door')"
    )
    assert len(rows) == 2
    assert "both-doors" not in {letter["event_id"] for letter in await letters(bank)}


async def test_who_looks_after_a_customer_arrives_through_the_log(bank: Bank) -> None:
    await bank.book(deposit("before", "n1"))
    await bank.assign("n1", {"m7": "0.25", "m8": "0.75"})
    await bank.service.caught_up()
    await bank.book(deposit("after", "n1"))
    first, second = [await bank.get(f"/v1/entries/{event_id}") for event_id in ("before", "after")]
    assert first["rule"]["shares"] == {"unassigned": "1"}
    assert second["rule"]["shares"] == {"m7": "0.25", "m8": "0.75"}


async def test_a_customers_messages_are_worked_in_their_order(bank: Bank) -> None:
    """One customer's assignments and postings come by two topics; within each the order stands."""
    loan = {"customer_id": "n2", "product_code": "TRM", "loan_id": "ordered"}
    events = [core_event("o1", "LoanDisbursed", "2026-07-09", **loan, amount="100.00")]
    events += [
        core_event(f"o{number}", "LoanRepaid", "2026-07-09", **loan, principal="1.00", interest="0.00")
        for number in range(2, 102)
    ]
    await send(bank, *map(binary, events))
    [row] = await bank.service.rows("SELECT outstanding, closed FROM loan WHERE loan_id = 'ordered'")
    assert row == (0, False)


async def test_a_later_word_for_the_same_day_replaces_the_earlier(bank: Bank) -> None:
    await bank.assign("n3", {"m7": "1"})
    await bank.assign("n3", {"m8": "1"})
    await bank.assign("n3", {}, "2026-07-20")
    await bank.service.caught_up()
    await bank.book(deposit("replaced", "n3"), {**deposit("nobody", "n3"), "data": {
        **deposit("nobody", "n3")["data"], "business_date": "2026-07-20"}})  # fmt: skip
    assert (await bank.get("/v1/entries/replaced"))["rule"]["shares"] == {"m8": "1"}
    assert (await bank.get("/v1/entries/nobody"))["rule"]["shares"] == {"unassigned": "1"}


async def test_the_other_words_of_the_assignment_service_are_passed_over(bank: Bank) -> None:
    before = len(await letters(bank))
    event = CloudEvent(
        "graded-1", "ManagerGraded", "assignment", b'{"manager_id":"m1","grade":"2"}', subject="m1"
    )
    await bank.service.publish("assignment.events", event)
    await bank.service.caught_up()
    assert len(await letters(bank)) == before
    assert await bank.service.rows("SELECT 1 FROM event WHERE event_id = 'graded-1'") == []


async def test_an_assignment_that_cannot_be_becomes_a_dead_letter(bank: Bank) -> None:
    event = assigned("half", "n4", {"m7": "0.5"}, "2026-07-01")
    await bank.service.publish("assignment.events", event)
    await bank.service.caught_up()
    [letter] = [letter for letter in await letters(bank) if letter["event_id"] == "half"]
    assert (letter["topic"], letter["type"]) == ("assignment.events", "CustomerAssigned")
    assert "add up to exactly 1" in letter["reason"]


async def test_entries_are_told_to_the_others_in_the_order_of_their_shard(bank: Bank) -> None:
    await bank.book(*(deposit(f"told-{number}", f"t{number % 3}") for number in range(12)))
    await bank.service.caught_up()
    told = [record for record in await bank.service.published(ledger.TOPIC) if b"told-" in record.value]
    assert len(told) == 12
    for record in told:
        entry = ledger.EntryBooked.model_validate_json(record.value)
        headers = {name: value.decode() for name, value in record.headers.items()}
        assert (headers["ce_id"], headers["ce_type"], headers["ce_source"]) == (
            entry.entry_id,
            "EntryBooked",
            "ledger",
        )
        assert headers["ce_businessdate"] == "2026-07-09"
        shard, position = headers["ce_ledgerposition"].split("-")
        assert int(shard) == record.partition == shard_of(entry.customer_id or "")
        found = await bank.get(f"/v1/entries/{entry.entry_id}")
        assert found["chain"] == {"shard": int(shard), "position": int(position)}
    places = [(record.partition, int(record.headers["ce_ledgerposition"].split(b"-")[1])) for record in told]
    assert places == sorted(places)


async def test_a_trace_goes_with_an_event_from_one_log_to_the_next(bank: Bank) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    await send(bank, binary({**deposit("traced"), "traceparent": trace}))
    [(metadata,)] = await bank.service.rows("SELECT metadata FROM event WHERE event_id = 'traced'")
    assert orjson.loads(metadata) == {"time": "2026-07-09T09:30:00+08:00", "traceparent": trace}
    [told] = [one for one in await bank.service.published(ledger.TOPIC) if one.headers["ce_id"] == b"traced"]
    assert told.headers["traceparent"].decode() == trace


# --- dead letters ---

REFUSED = deposit("bad-product", product_code="SOON")
BAD_AMOUNT = deposit("bad-amount", amount="1.234")


@pytest.fixture(scope="module")
async def mixed(postgres_url: str) -> Any:
    """A bank to which refused and unreadable messages came in the middle of good ones, all of one partition."""
    async with opened(postgres_url) as bank:
        await send(
            bank,
            binary(deposit("good-1")),
            binary(REFUSED),
            binary(deposit("good-2")),
            Message(b"c1", b"this is no JSON", [("ce_type", b"DepositPosted"), ("ce_id", b"no-json"),
                                                ("ce_source", b"core-banking")]),
            Message(b"c1", b"nor is this", []),
            binary(BAD_AMOUNT),
            structured({**deposit("gambled"), "type": "Gambled"}),
            Message(b"c1", b"\xff\xfe", [("ce_type", b"DepositPosted")]),
            binary(deposit("good-3")),
        )  # fmt: skip
        yield bank


async def test_the_good_ones_are_booked_and_the_others_listed_with_their_reason(mixed: Bank) -> None:
    for number in (1, 2, 3):
        assert (await mixed.get(f"/v1/core-events/good-{number}"))["status"] == "accepted"
    listed = {letter["offset"]: letter for letter in await letters(mixed)}
    assert {offset: letter["event_id"] for offset, letter in listed.items()} == {
        1: "bad-product",
        3: "no-json",
        4: None,
        5: "bad-amount",
        6: "gambled",
        7: None,
    }
    reasons = {offset: letter["reason"] for offset, letter in listed.items()}
    assert reasons[1].startswith("product_code: SOON is no product on 2026-07-09")
    assert reasons[3].startswith("data: is not JSON")
    assert reasons[4].startswith("message: is not JSON")
    assert reasons[5].startswith("amount: must be a decimal string")
    assert reasons[6] == "type: Gambled is no core event"
    assert reasons[7].startswith("id: ")
    for letter in listed.values():
        assert (letter["topic"], letter["partition"]) == (core_banking.TOPIC, shard_of("c1"))
        assert (letter["attempts"], letter["replayed_at"]) == (1, None)


async def test_a_dead_core_event_tells_why(mixed: Bank) -> None:
    told = await mixed.get("/v1/core-events/bad-product")
    assert told["status"] == "rejected"
    assert told["reason"].startswith("product_code: SOON")
    assert told["cause"] == f"{core_banking.TOPIC}/{shard_of('c1')}/1"


async def test_dead_letters_are_published_with_the_original_message_and_the_reason(mixed: Bank) -> None:
    await mixed.service.caught_up()
    published = {
        record.headers.get("ce_id"): record for record in await mixed.service.published(DEAD_LETTERS)
    }
    assert len(await mixed.service.published(DEAD_LETTERS)) == 6
    record: Record = published[b"bad-product"]
    original = binary(REFUSED)
    assert (record.key, record.value) == (original.key, original.value)
    assert {name: record.headers[name] for name, _ in original.headers} == dict(original.headers)
    assert record.headers["dl_reason"].startswith(b"product_code: SOON")
    assert (record.headers["dl_service"], record.headers["dl_attempts"]) == (b"ledger", b"1")
    assert record.headers["dl_first_seen"].startswith(b"20")
    assert published[b"no-json"].value == b"this is no JSON"


async def test_dead_letters_come_in_pages(mixed: Bank) -> None:
    everything, items = await letters(mixed), []
    cursor: dict[str, str] = {}
    while True:
        page = (await mixed.accountant.get("/v1/dead-letters", params={"limit": 4, **cursor})).json()
        items += page["items"]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert items == everything


async def test_a_refused_letter_replayed_before_its_cause_is_mended_stays_one(mixed: Bank) -> None:
    [letter] = [letter for letter in await letters(mixed) if letter["event_id"] == "bad-amount"]
    again = await mixed.accountant.post(f"/v1/dead-letters/{letter['id']}/replay")
    assert again.status_code == 422
    assert "amount" in again.json()["detail"]
    [refused] = [letter for letter in await letters(mixed) if letter["event_id"] == "bad-product"]
    again = await mixed.accountant.post(f"/v1/dead-letters/{refused['id']}/replay")
    assert (again.status_code, again.json()["rule"]) == (409, "product-is-in-catalogue")
    assert again.json()["errors"][0]["field"] == "product_code"
    assert all(letter["replayed_at"] is None for letter in await letters(mixed))


async def test_a_letter_whose_cause_is_mended_is_booked_once(mixed: Bank) -> None:
    await mixed.define("SOON", "deposits")
    [letter] = [letter for letter in await letters(mixed) if letter["event_id"] == "bad-product"]
    path = f"/v1/dead-letters/{letter['id']}/replay"
    first = await mixed.accountant.post(path)
    assert (first.status_code, first.json()) == (200, {"id": letter["id"], "status": "accepted"})
    entry = await mixed.get("/v1/entries/bad-product")
    assert entry["cause"]["data"] == REFUSED["data"]
    second = await mixed.accountant.post(path)
    assert (second.status_code, second.json()["rule"]) == (409, "dead-letter-replayed-once")
    [replayed] = [letter for letter in await letters(mixed) if letter["event_id"] == "bad-product"]
    assert replayed["replayed_at"] is not None
    assert await mixed.service.verify() is None
    before = await mixed.service.digests()
    await mixed.service.replay()
    assert await mixed.service.digests() == before


async def test_a_letter_that_came_again_by_another_way_is_a_duplicate_on_replay(own_bank: Bank) -> None:
    await send(own_bank, binary(REFUSED))
    await own_bank.define("SOON", "deposits")
    await own_bank.book(REFUSED)
    [letter] = await letters(own_bank)
    answer = await own_bank.accountant.post(f"/v1/dead-letters/{letter['id']}/replay")
    assert answer.json() == {"id": letter["id"], "status": "duplicate"}


async def test_a_letter_that_will_never_be_booked_is_dismissed_with_a_reason_once(own_bank: Bank) -> None:
    await send(own_bank, binary(REFUSED))
    [letter] = await letters(own_bank)
    path = f"/v1/dead-letters/{letter['id']}"
    first = await own_bank.accountant.post(f"{path}/dismiss", json={"reason": "sent by mistake"})
    assert (first.status_code, first.json()) == (200, {"id": letter["id"], "status": "dismissed"})
    second = await own_bank.accountant.post(f"{path}/dismiss", json={"reason": "once more"})
    assert (second.status_code, second.json()["rule"]) == (409, "dead-letter-dismissed-once")
    [listed] = await letters(own_bank)
    assert (listed["dismissed_because"], listed["replayed_at"]) == ("sent by mistake", None)
    assert listed["dismissed_at"] is not None
    async with own_bank.service.database.read() as connection:
        assert await dead_letters.waiting(connection) == 0
    assert (await own_bank.get("/v1/core-events/bad-product"))["status"] == "rejected"
    assert await own_bank.service.verify() is None


async def test_a_dismissed_letter_may_be_booked_after_all_and_a_booked_one_not_be_dismissed(
    own_bank: Bank,
) -> None:
    await send(own_bank, binary(REFUSED))
    [letter] = await letters(own_bank)
    path = f"/v1/dead-letters/{letter['id']}"
    await own_bank.accountant.post(f"{path}/dismiss", json={"reason": "sent by mistake"})
    await own_bank.define("SOON", "deposits")
    assert (await own_bank.accountant.post(f"{path}/replay")).json()["status"] == "accepted"
    late = await own_bank.accountant.post(f"{path}/dismiss", json={"reason": "sent by mistake"})
    assert (late.status_code, late.json()["rule"]) == (409, "dead-letter-replayed-once")


@pytest.mark.parametrize("poison", [b"NaN", b"-Infinity", b"1e999"])
async def test_what_is_json_to_some_readers_only_is_a_dead_letter(bank: Bank, poison: bytes) -> None:
    event = deposit(f"poison-{poison.decode()}")
    data = orjson.dumps(event["data"])[:-1] + b',"note":' + poison + b"}"
    message = binary(event)
    await send(bank, Message(message.key, data, message.headers), binary(deposit(f"next-{poison.decode()}")))
    assert (await bank.get(f"/v1/core-events/poison-{poison.decode()}"))["status"] == "rejected"
    assert (await bank.get(f"/v1/core-events/next-{poison.decode()}"))["status"] == "accepted"
    assert await bank.service.verify() is None
