"""Visits: recorded by those who look after a customer, and due when policy or promise say so."""

from datetime import date, timedelta
from random import Random

import httpx
import pytest
from sqlalchemy import text

from services.assignment.domain.month import months_later
from services.assignment.views.care.open_item import ItemKind, open_items_as_of
from shared.infrastructure.auth import Role
from tests.integration.assignment.bank import assignment, customer
from tests.integration.assignment.care.office import WRITTEN, Office, items, refused

DUE = "/v1/visits/due"


async def due(caller: httpx.AsyncClient, by: date | None = None, **query: str) -> list[tuple[object, ...]]:
    if by is not None:
        query["by"] = by.isoformat()
    return [
        (one["customer_id"], one["kind"], one["due_on"], one["manager_id"], one["overdue_days"])
        for one in await items(caller, DUE, **query)
    ]


async def test_a_visit_is_answered_without_its_note_and_listed_with_it(office: Office) -> None:
    revisit_on = office.bank.today + timedelta(days=7)
    answer = await office.visit(days_ago=2, revisit_on=revisit_on.isoformat())
    said = {
        "visit_id": answer.json()["visit_id"],
        "customer_id": "c1",
        "manager_id": "m1",
        "visited_on": office.day(2).isoformat(),
        "kind": "visit",
        "revisit_on": revisit_on.isoformat(),
    }
    assert (answer.status_code, answer.json()) == (201, said)
    assert await items(office.m1, "/v1/customers/c1/visits") == [{**said, "note": f"{WRITTEN}, visit"}]


async def test_the_office_names_the_manager_and_a_manager_is_nobody_else(office: Office) -> None:
    for by in (office.bank.assigner, office.bank.approver, office.bank.admin):
        answer = await office.visit("c3", by=by, manager_id="m2")
        assert (answer.status_code, answer.json()["manager_id"]) == (201, "m2")
        assert refused(await office.visit("c3", by=by)) == (422, "", "manager_id")
    unknown = await office.visit("c3", by=office.bank.assigner, manager_id="m9")
    assert refused(unknown) == (409, "manager-is-known", "manager_id")
    assert (await office.visit(manager_id="m1")).status_code == 201
    assert (await office.visit(manager_id="m2")).status_code == 403


async def test_only_those_who_care_for_customers_record_visits(office: Office) -> None:
    for by in (office.bank.auditor, office.bank.accountant, office.head):
        assert (await office.visit(by=by, manager_id="m1")).status_code == 403
    spying = office.service.client(Role.MANAGER, Role.AUDITOR, subject="m1")
    assert (await office.visit("c2", by=spying)).status_code == 404


async def test_what_breaks_a_rule_is_refused_by_name(office: Office) -> None:
    tomorrow = (office.bank.today + timedelta(days=1)).isoformat()
    assert refused(await office.visit(visited_on=tomorrow)) == (409, "day-has-come", "visited_on")
    same_day = await office.visit(revisit_on=office.bank.today.isoformat())
    assert refused(same_day) == (409, "revisit-follows-visit", "revisit_on")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("note", ""),
        ("note", "x" * 2001),
        ("note", "nul\0"),
        ("note", None),
        ("kind", "lunch"),
        ("visited_on", "2026-02-30"),
        ("visited_on", "1850-01-01"),
        ("revisit_on", "soon"),
        ("manager_id", "unassigned"),
    ],
)
async def test_what_cannot_be_read_is_named(office: Office, field: str, value: object) -> None:
    assert refused(await office.visit(**{field: value})) == (422, "", field)


async def test_half_a_character_is_no_note(office: Office) -> None:
    body = b'{"visited_on": "2026-01-15", "kind": "visit", "note": "\\ud83d"}'
    json = {"Content-Type": "application/json"}
    answer = await office.m1.post("/v1/customers/c1/visits", content=body, headers=json)
    assert answer.status_code == 422


async def test_visits_come_in_pages_in_the_order_of_recording(office: Office) -> None:
    made = [(await office.visit(days_ago=days)).json()["visit_id"] for days in (1, 3, 2)]
    path = "/v1/customers/c1/visits"
    first = (await office.m1.get(path, params={"limit": "2"})).json()
    second = (await office.m1.get(path, params={"limit": "2", "cursor": first["next"]})).json()
    assert [one["visit_id"] for one in (*first["items"], *second["items"])] == made
    assert second["next"] is None


async def test_a_customer_never_visited_is_due_so_long_after_somebody_first_looked_after_them(
    office: Office,
) -> None:
    first = months_later(office.bank.past, 3)  # a gold customer
    for by, expected in (
        (first - timedelta(days=1), []),
        (first, [("c1", "visit", first.isoformat(), "m1", 0), ("c2", "visit", first.isoformat(), "m2", 0)]),
    ):
        assert await due(office.bank.auditor, by) == expected
    overdue = await due(office.m1, first + timedelta(days=30))
    assert overdue == [("c1", "visit", first.isoformat(), "m1", 30)]


async def test_visits_and_revisits_put_it_off_and_calls_do_not(office: Office) -> None:
    for kind, days_ago in (("visit", 40), ("revisit", 20), ("call", 5)):
        await office.visit(kind=kind, days_ago=days_ago)
    following = months_later(office.day(20), 3)
    assert await due(office.m1, following - timedelta(days=1)) == []
    assert await due(office.m1, following) == [("c1", "visit", following.isoformat(), "m1", 0)]
    assert await due(office.m1, months_later(office.bank.past, 3)) == []


async def test_a_promised_revisit_is_due_on_its_day_until_a_later_visit_settles_it(office: Office) -> None:
    promised = office.day(3).isoformat()
    await office.visit(days_ago=30)
    made = (await office.visit(kind="call", days_ago=10, revisit_on=promised)).json()["visit_id"]
    expected = [("c1", "revisit", promised, "m1", 3)]
    assert await due(office.m1) == expected
    assert (await items(office.m1, DUE))[0]["promised_by"] == made
    assert await due(office.m1, office.day(4)) == []
    await office.visit(kind="call", days_ago=2)
    await office.visit(kind="visit", days_ago=11)
    assert await due(office.m1) == expected
    await office.visit(kind="revisit", days_ago=10)  # on the very day, but recorded later
    assert await due(office.m1) == []


async def test_the_policy_of_the_day_decides_how_often(office: Office) -> None:
    changed = office.bank.today + timedelta(days=30)
    terms = {"tiers": {"gold": {"visit_months": 1}}}
    answer = await office.bank.approver.put(f"/v1/policies/{changed.isoformat()}", json=terms)
    assert answer.status_code == 200
    await office.visit()
    await office.visit("c2", by=office.m2)
    one, three = months_later(office.bank.today, 1), months_later(office.bank.today, 3)
    assert await due(office.m1, changed - timedelta(days=1)) == []
    assert await due(office.m1, max(changed, one)) == [
        ("c1", "visit", one.isoformat(), "m1", (max(changed, one) - one).days)
    ]
    assert three > changed


async def test_what_was_due_goes_by_the_tier_of_that_day(office: Office) -> None:
    tiers = {"gold": {"visit_months": 1}, "basic": {"visit_months": 24}}
    terms = {"tiers": {name: {"weight": "1", **more} for name, more in tiers.items()}}
    policy = await office.bank.approver.put(f"/v1/policies/{office.bank.past}", json=terms)
    assert policy.status_code == 200, policy.text
    begun = [("c1", "visit", months_later(office.bank.past, 1).isoformat(), "m1")]
    assert [one[:4] for one in await due(office.m1)] == begun
    asked = await office.bank.assigner.post(
        "/v1/customers/c1/tier", json={"tier": "basic", "reason": "small"}
    )
    proposal = f"/v1/proposals/{asked.json()['proposal_id']}/approve"
    assert (await office.bank.approver.post(proposal)).status_code == 200
    assert await due(office.m1) == []
    assert [one[:4] for one in await due(office.m1, by=office.day(1))] == begun
    async with office.service.database.read() as connection:
        then = await open_items_as_of(connection, ["c1"], office.day(1))
    assert [(one.kind, one.item_id) for one in then] == [(ItemKind.VISIT, "c1")]


async def test_a_customer_is_due_with_the_largest_share_of_the_day_and_without_managers_not_at_all(
    office: Office,
) -> None:
    bank = office.bank
    day = months_later(bank.past, 3) + timedelta(days=60)
    await bank.assign("c1", day - timedelta(days=2), m1="0.4", m2="0.6")
    await bank.assign("c1", day - timedelta(days=1), m1="0.5", m2="0.5")
    await bank.assign("c1", day)
    for by, manager_id in ((3, "m1"), (2, "m2"), (1, "m1")):
        that = day - timedelta(days=by)
        leads = {one[0]: one[3] for one in await due(bank.auditor, that)}
        assert leads == {"c1": manager_id, "c2": "m2"}
        own = {one[0] for one in await due(bank.auditor, that, manager_id=manager_id)}
        assert own == {"c1", *(["c2"] if manager_id == "m2" else [])}
    assert {one[0] for one in await due(bank.auditor, day)} == {"c2"}


async def test_due_visits_come_in_pages_customer_by_customer(office: Office) -> None:
    far = office.bank.today + timedelta(days=400)
    await office.visit(days_ago=9, kind="call", revisit_on=office.day(8).isoformat())
    await office.visit("c2", by=office.m2, days_ago=9)
    whole = await items(office.bank.auditor, DUE, by=far.isoformat())
    assert [(one["customer_id"], one["kind"]) for one in whole] == [
        ("c1", "revisit"), ("c1", "visit"), ("c2", "visit")
    ]  # fmt: skip
    seen, cursor = [], None
    while True:
        query = {"limit": "1", "by": far.isoformat(), **({"cursor": cursor} if cursor else {})}
        page = (await office.bank.auditor.get(DUE, params=query)).json()
        seen += page["items"]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == whole
    answer = await office.bank.auditor.get(DUE, params={"cursor": "x"})
    assert refused(answer) == (422, "", "cursor")


async def test_a_manager_sees_the_own_due_visits_only(office: Office) -> None:
    assert (await office.m1.get(DUE, params={"manager_id": "m1"})).status_code == 200
    answers = [await office.m1.get(DUE, params={"manager_id": one}) for one in ("m2", "m9")]
    assert {answer.status_code for answer in answers} == {404}
    assert (await office.bank.auditor.get(DUE, params={"manager_id": "m9"})).status_code == 404
    assert (await office.head.get(DUE)).status_code == 403


async def test_postgresql_adds_months_as_the_rule_does(office: Office) -> None:
    random = Random(7)
    days = [date(1900, 1, 1) + timedelta(days=random.randrange(109_000)) for _ in range(3000)]
    days += [date(year, 1, last) for year in (2023, 2024, 2100) for last in (28, 29, 30, 31)]
    months = [random.randint(1, 120) for _ in days]
    async with office.service.database.read() as connection:
        rows = await connection.execute(
            text(
                "SELECT (day + make_interval(months => months))::date "
                "FROM unnest(cast(:days AS date[]), cast(:months AS int[])) WITH ORDINALITY "
                "     AS one (day, months, number) ORDER BY number"
            ),
            {"days": days, "months": months},
        )
        found = list(rows.scalars())
    assert found == [months_later(day, number) for day, number in zip(days, months, strict=True)]


async def test_what_is_due_is_what_the_rules_say_of_any_history(office: Office) -> None:
    """Against the rules said once more, visit by visit, without SQL."""
    random, bank = Random(11), office.bank
    tiers = {"basic": 12, "gold": 3, "private": 1, "none-of-these": 12}
    known: dict[str, tuple[int, date]] = {}
    made: dict[str, list[tuple[date, str, str, date | None]]] = {}
    for number in range(12):
        customer_id, tier = f"x{number}", random.choice(list(tiers))
        since = office.day(random.randint(30, 100))
        body = {**customer(customer_id, "恒瑞"), "tier": tier}
        assert (await bank.assigner.post("/v1/customers", json=body)).status_code == 201
        answer = await bank.approver.put(
            f"/v1/customers/{customer_id}/assignment", json=assignment(since, m1="1")
        )
        assert answer.status_code == 200
        known[customer_id] = tiers[tier], since
        for _ in range(random.randint(0, 5)):
            visited_on, kind = office.day(random.randint(0, 90)), random.choice(["visit", "revisit", "call"])
            promise = random.choice([None, visited_on + timedelta(days=random.randint(1, 60))])
            more = {} if promise is None else {"revisit_on": promise.isoformat()}
            done = await office.visit(customer_id, kind=kind, visited_on=visited_on.isoformat(), **more)
            made.setdefault(customer_id, []).append((visited_on, done.json()["visit_id"], kind, promise))
    for by in (office.day(40), bank.today, bank.today + timedelta(days=45), bank.today + timedelta(days=400)):
        expected = set()
        for customer_id, (months, since) in known.items():
            if since > by:
                continue
            past = [one for one in made.get(customer_id, []) if one[0] <= by]
            visits = [one for one in past if one[2] != "call"]
            due_on = months_later(max(visits)[0] if visits else since, months)
            if due_on <= by:
                expected.add((customer_id, "visit", due_on.isoformat(), "m1", (by - due_on).days))
            for visited_on, visit_id, _, promise in past:
                settled = any((other[0], other[1]) > (visited_on, visit_id) for other in visits)
                if promise is not None and promise <= by and not settled:
                    expected.add((customer_id, "revisit", promise.isoformat(), "m1", (by - promise).days))
        found = [one for one in await due(office.m1, by) if str(one[0]).startswith("x")]
        assert len(found) == len(set(found))
        assert set(found) == expected
