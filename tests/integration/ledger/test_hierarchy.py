"""The two hierarchies over the worked example: every level has the book's total, and both sides the bank's."""

from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from shared.contracts import assignment
from shared.contracts.envelope import CloudEvent
from tests.integration.ledger.bank import Bank, opened, registered
from tests.support.reference import WORKED_EXAMPLE, core_event

MANAGERS, DEPARTMENTS = "/v1/books/manager/hierarchy", "/v1/books/department/hierarchy"
PARTS = ("lines", "stocks", "averages", "measures")
LEVELS = [
    (MANAGERS, "branch"),
    (MANAGERS, "team"),
    (MANAGERS, "manager"),
    (DEPARTMENTS, "department"),
    (DEPARTMENTS, "product"),
]


async def register(bank: Bank, *messages: CloudEvent) -> None:
    """Let the assignment service say where managers belong."""
    await bank.service.publish(assignment.TOPIC, *messages)
    await bank.service.caught_up()


@pytest.fixture(scope="module")
async def closed(postgres_url: str) -> AsyncIterator[Bank]:
    """July closed: m1 in team t1 and m3 in none of branch b1, m2 in t2 of b2, m4 unknown, c9 unassigned, a pool."""
    async with opened(postgres_url) as bank:
        await register(
            bank,
            registered("r1", "m1", "b1", "t1"),
            registered("r2", "m2", "b2", "t2"),
            registered("r3", "m3", "b1"),
        )
        await bank.assign("c3", {"m3": "0.5", "m4": "0.5"})
        await bank.service.caught_up()
        fee = {"kind": "settlement", "product_code": "AGT", "amount": "100.01"}
        await bank.book(
            *WORKED_EXAMPLE,
            core_event("f-c3", "FeeCharged", "2026-07-18", customer_id="c3", **fee),
            core_event("f-c9", "FeeCharged", "2026-07-18", customer_id="c9", **fee),
        )
        await bank.declare("2026-07", "it", "1000.00", "revenue")
        await bank.close("2026-07")
        yield bank


async def ids(bank: Bank, path: str, **params: str) -> list[tuple[str | None, dict[str, str | None]]]:
    """The units of a level, each with where it belongs."""
    items = (await bank.get(path, period="2026-07", **params))["items"]
    return [(item["id"], item["parent"]) for item in items]


def summed(items: list[dict[str, Any]], part: str) -> dict[str, Decimal]:
    """One part of all items added up."""
    sums: Counter[str] = Counter()
    for item in items:
        sums.update({name: int(Decimal(figure) * 100) for name, figure in item[part].items()})
    return {name: Decimal(figure) / 100 for name, figure in sums.items()}


def decimals(figures: dict[str, str]) -> dict[str, Decimal]:
    return {name: Decimal(figure) for name, figure in figures.items()}


async def follow(bank: Bank, url: str) -> Any:
    """What an auditor finds under a link."""
    answer = await bank.service.client("auditor", subject="otto").get(url)
    assert answer.status_code == 200, answer.text
    return answer.json()


# --- the levels ---


async def test_the_units_of_each_level_stand_where_they_belong(closed: Bank) -> None:
    assert await ids(closed, MANAGERS) == [("b1", {}), ("b2", {}), (None, {})]
    assert await ids(closed, MANAGERS, level="team") == [
        ("t1", {"branch_id": "b1"}),
        (None, {"branch_id": "b1"}),
        ("t2", {"branch_id": "b2"}),
        (None, {"branch_id": None}),
    ]
    assert await ids(closed, MANAGERS, level="manager") == [
        ("m1", {"branch_id": "b1", "team_id": "t1"}),
        ("m3", {"branch_id": "b1", "team_id": None}),
        ("m2", {"branch_id": "b2", "team_id": "t2"}),
        ("m4", {"branch_id": None, "team_id": None}),
        ("unassigned", {"branch_id": None, "team_id": None}),
    ]
    departments = ["deposits", "intermediary", "lending"]
    assert await ids(closed, DEPARTMENTS) == [(one, {}) for one in departments]
    assert await ids(closed, DEPARTMENTS, level="product") == [
        (product, {"department_id": department})
        for department, code in zip(departments, ("DEM", "AGT", "TRM"), strict=True)
        for product in (code, None)
    ]


@pytest.mark.parametrize("period", ["2026-07", "2026-Q3", "2026"])
@pytest.mark.parametrize(("path", "level"), LEVELS)
async def test_every_level_adds_up_to_the_books_total_and_both_sides_agree(
    closed: Bank, path: str, level: str, period: str
) -> None:
    book = path.split("/")[3]
    stated = await closed.get(path, period=period, level=level)
    assert (stated["book"], stated["period"], stated["level"]) == (book, period, level)
    whole = (await closed.get(f"/v1/books/{book}/statements", period=period))["total"]
    other = (await closed.get(MANAGERS if path == DEPARTMENTS else DEPARTMENTS, period=period))["total"]
    parts = [part for part in PARTS if part in stated["total"]]
    assert parts == [part for part in PARTS if level != "product" or part != "averages"]
    for part in parts:
        assert stated["total"][part] == whole[part]
        assert summed(stated["items"], part) == decimals(whole[part])
        if part != "averages":
            assert stated["total"][part] == other[part]


async def test_a_branch_has_the_sums_of_its_managers(closed: Bank) -> None:
    b1, b2, nowhere = (await closed.get(MANAGERS, period="2026-07"))["items"]
    m1, m2, m3, m4, nobody = [
        await closed.statement("manager", centre, "2026-07")
        for centre in ("m1", "m2", "m3", "m4", "unassigned")
    ]
    for part in PARTS:
        assert decimals(b1[part]) == summed([m1, m3], part)
        assert b2[part] == m2[part]
        assert decimals(nowhere[part]) == summed([m4, nobody], part)
    assert b2["lines"]["ftp_cost"] == "-447.78"


async def test_products_add_up_to_their_department_to_the_fen(closed: Bank) -> None:
    departments = (await closed.get(DEPARTMENTS, period="2026-07"))["items"]
    for department in departments:
        below = await closed.get(
            DEPARTMENTS, period="2026-07", level="product", department_id=department["id"]
        )
        for part in ("lines", "stocks", "measures"):
            assert summed(below["items"], part) == decimals(department[part])
            assert below["total"][part] == department[part]
    deposits = {item["id"]: item for item in (await closed.get(
        DEPARTMENTS, period="2026-07", level="product", department_id="deposits"))["items"]}  # fmt: skip
    assert deposits["DEM"]["stocks"]["deposit_balance"] == "1000000.01"
    assert deposits["DEM"]["lines"]["ftp_income"] == deposits[None]["lines"]["deposit_balance"] == "0.00"
    assert deposits[None]["lines"]["ftp_income"] == "1322.67"


LATE = {"customer_id": "c1", "account_id": "a1", "product_code": "DEM"}


async def test_products_add_up_whatever_comes_late_moves_or_changes_hands(own_bank: Bank) -> None:
    """A product that moved stands under each department it was booked for."""
    await own_bank.book(*WORKED_EXAMPLE)
    await own_bank.close("2026-07")
    await own_bank.define("DEM", "retail", effective_from="2026-08-01")
    await own_bank.book(
        core_event("drawn", "DepositPosted", "2026-08-05", **LATE, amount="-0.01"),
        core_event("late", "DepositPosted", "2026-07-05", **LATE, amount="3000.00"),
    )
    await own_bank.assign("c2", {"m2": "1"}, "2026-07-10")
    await own_bank.service.caught_up()
    await own_bank.close("2026-08")
    products = (await own_bank.get(DEPARTMENTS, period="2026-08", level="product"))["items"]
    deposits = {
        item["parent"]["department_id"]: item["stocks"]["deposit_balance"]
        for item in products
        if item["id"] == "DEM"
    }
    assert deposits == {"deposits": "1003000.01", "retail": "-0.01"}
    for department in (await own_bank.get(DEPARTMENTS, period="2026-08"))["items"]:
        below = [item for item in products if item["parent"]["department_id"] == department["id"]]
        for part in ("lines", "stocks", "measures"):
            assert summed(below, part) == decimals(department[part])
    of_legs = """
        SELECT shard, period, department_id, coalesce(product_code, ''), line::text, count(*), sum(amount)::bigint
        FROM leg WHERE book = 'department' AND NOT contra GROUP BY 1, 2, 3, 4, 5
    """
    kept = await own_bank.service.rows(
        "SELECT shard, period, department_id, product_code, line::text, legs, amount FROM centre_month "
        "WHERE book = 'department' AND NOT contra"
    )
    assert sorted(kept) == sorted(await own_bank.service.rows(of_legs))
    assert await own_bank.service.verify() is None


# --- drill-down ---


@pytest.mark.parametrize("path", [MANAGERS, DEPARTMENTS])
async def test_links_lead_down_to_the_same_figures(closed: Bank, path: str) -> None:
    async def descend(url: str | None, above: dict[str, Any] | None) -> int:
        """Follow all links below a unit; the number of statements found."""
        stated = await follow(closed, url or f"{path}?period=2026-Q3")
        assert stated["items"]
        found = 0
        for part in stated["total"] if above else ():
            assert stated["total"][part] == above[part]  # type: ignore[index]
        for item in stated["items"]:
            links = item["links"]
            if links["statement"]:
                figures = await follow(closed, links["statement"])
                assert {part: figures[part] for part in PARTS} == {part: item[part] for part in PARTS}
                assert figures["period"] == "2026-Q3"
                found += 1
            if links["below"]:
                found += await descend(links["below"], item)
        return found

    assert await descend(None, None) == (5 if path == MANAGERS else 3)


async def test_a_link_repeats_the_moment_and_says_none_for_nothing(closed: Bank) -> None:
    moment = datetime.now(UTC).isoformat()
    stated = await closed.get(MANAGERS, period="2026-07", known_at=moment)
    url = stated["items"][-1]["links"]["below"]
    assert "&branch_id=(none)" in url
    below = await follow(closed, url)
    assert below["total"] == {part: stated["items"][-1][part] for part in PARTS}
    assert "known_at=" in url
    assert below["items"][0]["links"]["below"].endswith("level=manager&branch_id=(none)&team_id=(none)")


async def test_what_is_not_there_is_empty_and_zero(closed: Bank) -> None:
    for path, wanted in ((MANAGERS, {"branch_id": "b9"}), (DEPARTMENTS, {"department_id": "b9"})):
        stated = await closed.get(path, period="2026-07", **wanted)
        assert stated["items"] == []
        assert set(stated["total"]["lines"].values()) == {"0.00"}


# --- the latest word, and what was known ---


async def test_a_manager_registered_again_counts_where_the_latest_word_says(own_bank: Bank) -> None:
    await own_bank.book(*WORKED_EXAMPLE)
    answers: dict[str, Any] = {}

    async def note() -> None:
        answers[datetime.now(UTC).isoformat()] = [
            await own_bank.get(path, period="2026-07", level=level) for path, level in LEVELS
        ]

    await note()
    await register(own_bank, registered("r1", "m1", "b1", "t1"), registered("r2", "m2", "b1", "t1"))
    await note()
    await register(own_bank, registered("r3", "m1", "b2", "t3"))
    await note()
    await register(own_bank, registered("r3", "m1", "b2", "t3"), registered("r1", "m1", "b1", "t1"))
    assert await ids(own_bank, MANAGERS, level="team") == [("t1", {"branch_id": "b1"}),
                                                           ("t3", {"branch_id": "b2"})]  # fmt: skip
    await own_bank.close("2026-07")
    await register(own_bank, registered("r4", "m1", "b2"))
    assert await ids(own_bank, MANAGERS, level="team") == [("t1", {"branch_id": "b1"}),
                                                           (None, {"branch_id": "b2"})]  # fmt: skip
    for moment, answered in answers.items():
        known = [
            await own_bank.get(path, period="2026-07", level=level, known_at=moment) for path, level in LEVELS
        ]
        assert [_without_links(one) for one in known] == [_without_links(one) for one in answered]
    places = await own_bank.service.rows(
        "SELECT manager_id, team_id, branch_id FROM manager_place ORDER BY manager_id"
    )
    assert places == [("m1", None, "b2"), ("m2", "t1", "b1")]
    assert await own_bank.service.verify() is None
    before = await own_bank.service.digests()
    await own_bank.service.replay()
    assert await own_bank.service.digests() == before


def _without_links(stated: dict[str, Any]) -> dict[str, Any]:
    items = [{name: item[name] for name in item if name != "links"} for item in stated["items"]]
    return {**stated, "items": items}


async def test_a_place_that_cannot_be_becomes_a_dead_letter_and_the_next_goes_on(own_bank: Bank) -> None:
    await register(own_bank, registered("bad", "unassigned", "b1"), registered("good", "m2", "b1"))
    listed = (await own_bank.accountant.get("/v1/dead-letters")).json()["items"]
    assert [(letter["event_id"], letter["type"]) for letter in listed] == [("bad", "ManagerRegistered")]
    assert "manager_id" in listed[0]["reason"]
    places = await own_bank.service.rows("SELECT manager_id, team_id, branch_id FROM manager_place")
    assert places == [("m2", None, "b1")]


async def test_costs_of_a_manager_alone_and_the_place_do_not_disturb_each_other(own_bank: Bank) -> None:
    cost = core_event(
        "cost", "CostIncurred", "2026-07-09", manager_id="m1", product_code="AGT", amount="5.00"
    )
    await register(own_bank, registered("before", "m1", "b1"))
    await own_bank.book(cost)
    await register(own_bank, registered("after", "m1", "b2"))
    [branch] = (await own_bank.get(MANAGERS, period="2026-07"))["items"]
    assert (branch["id"], branch["lines"]["direct_cost"]) == ("b2", "-5.00")
    streams = await own_bank.service.rows("SELECT DISTINCT stream FROM event WHERE stream LIKE 'manager-m1%'")
    assert sorted(streams) == [("manager-m1",), ("manager-m1#place",)]


# --- replay ---


async def test_a_bank_that_had_places_verifies_and_replays(closed: Bank) -> None:
    assert await closed.service.verify() is None
    before = await closed.service.digests()
    assert not any(before[table].startswith("0 rows") for table in ("manager_place", "centre_month"))
    await closed.service.replay()
    assert await closed.service.digests() == before
