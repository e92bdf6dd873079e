"""Deposits from the log: each counts once, and a large day raises one duty, come what may."""

import asyncio
from datetime import date

import orjson
import pytest

from services.assignment.main import define
from shared.contracts.core_banking import TOPIC
from shared.contracts.envelope import CloudEvent
from shared.infrastructure.auth import Role
from shared.infrastructure.event_log import Message, shard_of
from tests.integration.assignment.bank import Bank
from tests.integration.assignment.compliance.deposits import duties, letters, post, posted, sums
from tests.support.databases import fresh_name
from tests.support.services import running_service

DAY = date(2026, 9, 30)


async def test_a_large_day_raises_a_duty_and_says_so(bank: Bank) -> None:
    await bank.assign("c1", bank.past, m1="0.6", m2="0.4")
    await post(bank, posted("c1", DAY, "49999.99"), posted("c1", DAY, "-49999.99"))
    assert await duties(bank.admin) == []
    await post(bank, posted("c1", DAY, "0.01"), posted("c1", DAY, "-0.01"), posted("c1", DAY, "9.00"))
    [duty] = await duties(bank.admin)
    assert duty == {
        "duty_id": "large-value:c1:2026-09-30",
        "kind": "large-value-report",
        "customer_id": "c1",
        "raised_on": "2026-09-30",
        "due_on": "2026-10-13",
        "reason": "50000.00 paid in on 2026-09-30, to be reported from 50000.00 on",
        "amount": "50000.00",
        "status": "open",
        "manager_id": "m1",
        "breach": None,
        "done_on": None,
        "in_time": None,
        "note": None,
    }
    assert await sums(bank) == [("c1", DAY, 5000900, 5000000)]
    records = await bank.service.published("assignment.events")
    [raised] = [record for record in records if record.headers["ce_type"] == b"DutyRaised"]
    assert raised.key == b"c1"
    assert orjson.loads(raised.value)["amount"] == "50000.00"


async def test_the_same_posting_again_is_the_same_in_one_batch_in_another_and_after_a_replay(
    bank: Bank,
) -> None:
    twice = posted("c1", DAY, "30000.00", "dep-x")
    await post(bank, twice, twice)
    await post(bank, twice)
    wrong = Message(b"c1", twice.data, twice.headers(), partition=(shard_of("c1") + 1) % 8)
    await post(bank, wrong)
    assert await sums(bank) == [("c1", DAY, 3000000, 0)]
    assert await duties(bank.admin) == []
    assert (await bank.service.rows("SELECT event_id FROM deposit_seen")) == [("dep-x",)]


async def test_a_customer_who_is_not_on_record_is_watched_all_the_same(bank: Bank) -> None:
    await post(bank, posted("stranger", DAY, "-70000.00"))
    [duty] = await duties(bank.admin)
    assert (duty["customer_id"], duty["amount"], duty["manager_id"]) == ("stranger", "70000.00", None)
    assert await duties(bank.manager("m1")) == []
    assert (await bank.manager("m1").get(f"/v1/duties/{duty['duty_id']}")).status_code == 404
    noted = await bank.approver.post(
        f"/v1/duties/{duty['duty_id']}/done", json={"done_on": bank.today.isoformat(), "note": "sent"}
    )
    assert (noted.status_code, noted.json()["rule"]) == (409, "personal-data-is-kept")
    plain = await bank.approver.post(
        f"/v1/duties/{duty['duty_id']}/done", json={"done_on": bank.today.isoformat()}
    )
    assert (plain.status_code, plain.json()["manager_id"]) == (200, None)


async def test_the_policy_of_the_business_day_holds(bank: Bank) -> None:
    terms = {"large_value": "100.00", "large_value_days": 1}
    assert (await bank.approver.put("/v1/policies/2026-09-30", json=terms)).status_code == 200
    await post(bank, posted("c1", date(2026, 9, 29), "100.00"), posted("c1", DAY, "100.00"))
    [duty] = await duties(bank.admin)
    assert (duty["raised_on"], duty["due_on"]) == ("2026-09-30", "2026-10-08")


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"currency": "USD"}, "currency: deposits are watched in CNY (one-base-currency)"),
        ({"amount": 5.5}, "amount: must be a decimal string with at most two places"),
        ({"amount": "0.00"}, "amount: must not be zero"),
        ({"account_id": None}, "account_id"),
        ({"business_date": "1.7.2026"}, "business_date: must be a date written YYYY-MM-DD"),
    ],
)
async def test_what_cannot_be_read_is_a_dead_letter_and_the_others_go_on(
    bank: Bank, more: dict[str, object], reason: str
) -> None:
    spoilt = posted("c1", DAY, "1.00")
    spoilt = spoilt._replace(data=orjson.dumps({**orjson.loads(spoilt.data), **more}))
    await post(bank, posted("c1", DAY, "1.00"), spoilt, posted("c1", DAY, "2.00", currency="CNY"))
    [found] = await letters(bank)
    assert found.startswith(reason)
    assert await sums(bank) == [("c1", DAY, 300, 0)]
    published = await bank.service.published(f"{TOPIC}.dead-letter")
    assert [record.headers["dl_service"] for record in published] == [b"assignment"]


async def test_a_message_in_another_customers_partition_is_refused(bank: Bank) -> None:
    event, home = posted("c1", DAY, "60000.00"), shard_of("c1")
    await post(bank, Message(b"c1", event.data, event.headers(), partition=(home + 1) % 8))
    assert await letters(bank) == [f"customer_id: c1 belongs in partition {home} (keyed-by-customer)"]
    assert await sums(bank) == []
    [letter] = (await bank.admin.get("/v1/dead-letters")).json()["items"]
    again = await bank.admin.post(f"/v1/dead-letters/{letter['id']}/replay")
    assert again.status_code == 422


async def test_what_else_core_banking_says_is_no_affair_of_this_service(bank: Bank) -> None:
    await post(bank, CloudEvent("fee-1", "FeeCharged", "core", b"{}", "", "c1"))
    assert (await letters(bank), await sums(bank)) == ([], [])


async def test_a_restart_goes_on_where_it_was_and_the_views_are_what_the_events_say(
    postgres_url: str,
) -> None:
    database, log = fresh_name("assignment"), fresh_name("log")
    for part in range(2):
        async with running_service(define, postgres_url, database=database, log_database=log) as service:
            bank = Bank(service)
            customers = [f"c{number}" for number in range(40)]
            events = [
                posted(one, DAY, "10000.00", f"{one}-{number}")
                for number in range(part * 2, part * 2 + 4)
                for one in customers
            ]
            await post(bank, *events)
            expected = 6_000_000 if part else 4_000_000
            assert {paid_in for _, _, paid_in, _ in await sums(bank)} == {expected}
            assert len(await duties(bank.admin)) == (40 if part else 0)
            assert {one["amount"] for one in await duties(bank.admin)} <= {"50000.00"}
            before = await service.digests()
            assert await service.verify() is None
            await service.replay()
            assert await service.digests() == before


async def test_two_processes_side_by_side_count_each_posting_once(postgres_url: str) -> None:
    database, log = fresh_name("assignment"), fresh_name("log")
    async with (
        running_service(define, postgres_url, database=database, log_database=log) as one,
        running_service(define, postgres_url, database=database, log_database=log) as other,
    ):
        for number in range(5):
            events = [posted(f"c{n}", DAY, "25000.00", f"e{number}-{n}") for n in range(50)]
            await asyncio.gather(one.publish(TOPIC, *events), other.publish(TOPIC, *events))
        await one.caught_up()
        await other.caught_up()
        bank = Bank(one)
        assert {row[2:] for row in await sums(bank)} == {(12_500_000, 0)}
        assert len(await duties(bank.admin)) == 50
        assert await one.verify() is None


async def test_an_assigner_sees_the_duties_and_core_banking_does_not(bank: Bank) -> None:
    await post(bank, posted("c1", DAY, "60000.00"))
    assert len(await duties(bank.assigner)) == 1
    core = bank.service.client(Role.CORE, subject="core")
    assert (await core.get("/v1/duties")).status_code == 403
