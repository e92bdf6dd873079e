"""A visit that was due and not made is told once, whether the cycle asked for it or a promise."""

import time
from datetime import timedelta

import orjson

from services.assignment.domain.month import months_later
from services.assignment.views.compliance.look import concerned
from shared.contracts.assignment import TOPIC
from tests.integration.assignment.care.office import Office


async def look(office: Office) -> int:
    """How many visits a look at today told as missed."""
    answer = await office.bank.approver.post("/v1/duties/look", json={})
    assert answer.status_code == 200, answer.text
    return int(answer.json()["missed"])


async def monthly(office: Office, months: int = 1) -> None:
    """Gold customers are to be visited every so many months."""
    terms = {"tiers": {"gold": {"visit_months": months}}}
    answer = await office.bank.approver.put("/v1/policies/2020-01-01", json=terms)
    assert answer.status_code == 200, answer.text


async def told(office: Office) -> list[tuple[str, str, str]]:
    """Customer, manager and due day of every visit that was told to the others as missed."""
    await office.service.caught_up()
    data = [orjson.loads(one.value) for one in await office.service.published(TOPIC)
            if one.headers["ce_type"] == b"VisitMissed"]  # fmt: skip
    assert all(set(one) == {"customer_id", "manager_id", "due_on"} for one in data)
    return sorted((one["customer_id"], one["manager_id"], one["due_on"]) for one in data)


async def test_a_visit_long_overdue_is_told_once_until_the_customer_is_visited(office: Office) -> None:
    await monthly(office)
    assert await look(office) == 2
    assert await look(office) == 0
    due = months_later(office.bank.past, 1).isoformat()
    assert await told(office) == [("c1", "m1", due), ("c2", "m2", due)]
    await monthly(office, months=2)  # another due day, and still the same visit
    assert await look(office) == 0
    await monthly(office)
    assert (await office.visit(days_ago=40)).status_code == 201
    assert await look(office) == 1
    assert (await office.visit(days_ago=3)).status_code == 201
    assert await look(office) == 0
    live = await office.service.digests()
    assert await office.service.verify() is None
    await office.service.replay()
    assert await office.service.digests() == live


async def test_a_promised_revisit_is_missed_on_its_day_by_who_led_then(office: Office) -> None:
    promised = office.day(5)
    await office.visit(days_ago=20, revisit_on=promised.isoformat())
    await office.bank.assign("c1", promised + timedelta(days=1), m2="1")
    await office.visit("c2", days_ago=20, revisit_on=promised.isoformat(), by=office.m2)
    await office.visit("c2", days_ago=6, kind="revisit", by=office.m2)
    assert (await look(office), await look(office)) == (1, 0)
    assert await told(office) == [("c1", "m1", promised.isoformat())]
    assert await office.service.verify() is None


async def test_nobody_misses_what_fell_due_while_nobody_looked_after_the_customer(office: Office) -> None:
    await monthly(office)
    await office.bank.assign("c1", office.bank.past + timedelta(days=10))
    assert await look(office) == 1
    assert [customer_id for customer_id, _, _ in await told(office)] == ["c2"]


async def test_a_day_on_which_nothing_is_missed_is_looked_at_quickly(office: Office) -> None:
    """Printed, not asserted: machines differ."""
    await look(office)
    await office.service.execute(
        "INSERT INTO visit_cycle SELECT 'k' || n, 'gold', current_date, NULL, NULL, false "
        "FROM generate_series(1, 100000) AS n",
        "INSERT INTO visit_cycle SELECT 'l' || n, 'gold', date '2020-01-01', NULL, NULL, true "
        "FROM generate_series(1, 100000) AS n",
        "ANALYZE",
    )
    begun = time.perf_counter()
    async with office.service.database.snapshot() as connection:
        found = await concerned(connection, office.bank.today, "", 1000)
    print(f"\na look at 200,000 customers in {time.perf_counter() - begun:.3f} s")
    assert found == []
