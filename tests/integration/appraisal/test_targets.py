"""Targets through HTTP: set, split and changed by an approver, and seen by those whom they concern."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import httpx
import pytest

from services.appraisal.main import define
from services.appraisal.views.target import targets
from shared.contracts import assignment
from shared.contracts.assignment import ManagerRegistered, TenderAwarded
from shared.contracts.envelope import CloudEvent
from shared.contracts.types import Contract
from shared.infrastructure.auth import Role
from shared.infrastructure.bank_time import today
from shared.kernel.books import Book
from shared.kernel.period import Period
from tests.support.services import ServiceUnderTest, running_service

YEAR = today().year + 1
"""A year of which nothing is over yet."""

PROFIT = "measure:efficiency"
BANK = {"kind": "bank"}


def unit(kind: str, id: str) -> dict[str, str]:
    return {"kind": kind, "id": id}


def parts(kind: str, **amounts: str) -> list[dict[str, str]]:
    return [{"kind": kind, "id": id, "amount": amount} for id, amount in amounts.items()]


class Office:
    """The appraisal, and an approver who sets targets."""

    def __init__(self, service: ServiceUnderTest) -> None:
        self.service = service
        self.approver = service.client(Role.APPROVER, subject="bob")

    async def set(self, of: dict[str, str], amount: str, *, year: int = YEAR, **more: Any) -> httpx.Response:
        body = {"source": PROFIT, "unit": of, "amount": amount, "reason": "budget", **more}
        return await self.approver.put(f"/v1/targets/{year}", json=body)

    async def cascade(
        self, of: dict[str, str], split: list[dict[str, str]], *, year: int = YEAR, **more: Any
    ) -> httpx.Response:
        body = {"source": PROFIT, "unit": of, "parts": split, "reason": "budget", **more}
        return await self.approver.post(f"/v1/targets/{year}/cascade", json=body)

    async def items(
        self, caller: httpx.AsyncClient | None = None, path: str = "", **params: str
    ) -> list[dict[str, Any]]:
        answer = await (caller or self.approver).get(f"/v1/targets/{YEAR}{path}", params=params)
        assert answer.status_code == 200, answer.text
        return list(answer.json()["items"])

    async def tree(self, caller: httpx.AsyncClient | None = None, source: str = PROFIT) -> dict[str, Any]:
        answer = await (caller or self.approver).get(f"/v1/targets/{YEAR}/tree", params={"source": source})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def of(self, period: str, side: Book = Book.MANAGER) -> dict[str, dict[str, Decimal]]:
        async with self.service.database.snapshot() as connection:
            return await targets(connection, side, Period.parse(period))

    async def told(self, *events: Contract) -> None:
        """The assignment service tells something."""
        messages = [
            CloudEvent(
                id=f"{type(event).__name__}-{number}",
                type=type(event).__name__,
                source=assignment.SOURCE,
                data=event.to_json(),
                subject=event.stream.partition("-")[2],  # type: ignore[attr-defined]
            )
            for number, event in enumerate(events)
        ]
        await self.service.publish(assignment.TOPIC, *messages)
        await self.service.caught_up()


@pytest.fixture
async def office(postgres_url: str) -> AsyncIterator[Office]:
    """An appraisal without any target."""
    async with running_service(define, postgres_url) as service:
        yield Office(service)


@pytest.fixture
async def cascaded(office: Office) -> Office:
    """The bank's target is split down to two managers on one side, over two departments on the other."""
    answers = [
        await office.set(BANK, "1000000.00"),
        await office.cascade(BANK, parts("branch", b1="600000.00", b2="400000.00")),
        await office.cascade(BANK, parts("department", lending="700000", deposits="300000")),
        await office.cascade(unit("branch", "b1"), parts("team", t1="600000.00")),
        await office.cascade(unit("team", "t1"), parts("manager", m1="400000.00", m2="200000.00")),
    ]
    assert [answer.status_code for answer in answers] == [200] * 5
    return office


async def test_a_target_is_set_and_shown(office: Office) -> None:
    answer = await office.set(unit("manager", "m1"), "1000.01")
    target = {
        "kind": "manager",
        "id": "m1",
        "amount": "1000.01",
        "quarters": ["250.01", "250.00", "250.00", "250.00"],
    }
    assert answer.json() == {"year": YEAR, "source": PROFIT, "targets": [target]}
    more = {"year": YEAR, "source": PROFIT, "whole": None, "unallocated": {}, "committed": None}
    assert await office.items() == [{**target, **more}]
    assert (await office.set(unit("manager", "m1"), "1000.01")).json()["targets"] == []


async def test_the_tree_leads_from_the_bank_down_on_both_sides(cascaded: Office) -> None:
    [bank] = (await cascaded.tree())["roots"]
    assert bank["unallocated"] == {"manager": "0.00", "department": "0.00"}
    assert [part["id"] for part in bank["parts"]] == ["b1", "b2", "deposits", "lending"]
    [team] = bank["parts"][0]["parts"]
    assert [(part["id"], part["amount"]) for part in team["parts"]] == [
        ("m1", "400000.00"),
        ("m2", "200000.00"),
    ]
    assert team["parts"][0]["quarters"] == ["100000.00"] * 4


async def test_a_change_shows_what_is_unallocated_until_it_is_spread(cascaded: Office) -> None:
    assert await cascaded.items(path="/gaps") == []
    await cascaded.set(BANK, "1100000.00")
    [gap] = await cascaded.items(path="/gaps")
    assert (gap["kind"], gap["unallocated"]) == (
        "bank",
        {"manager": "100000.00", "department": "100000.00"},
    )
    answer = await cascaded.set(BANK, "1100000.00", spread=True)
    assert len(answer.json()["targets"]) == 8
    assert await cascaded.items(path="/gaps") == []
    assert {one["id"]: one["amount"] for one in await cascaded.items(kind="manager")} == {
        "m1": "440000.00",
        "m2": "220000.00",
    }


async def test_a_changed_part_is_a_gap_of_its_whole(cascaded: Office) -> None:
    await cascaded.set(unit("manager", "m2"), "250000.00")
    [gap] = await cascaded.items(path="/gaps", source=PROFIT)
    assert (gap["id"], gap["unallocated"]) == ("t1", {"manager": "-50000.00"})
    assert await cascaded.items(path="/gaps", source="measure:virtual_profit") == []


async def test_parts_that_do_not_add_up_are_refused(cascaded: Office) -> None:
    answer = await cascaded.cascade(BANK, parts("branch", b1="600000.00", b2="399999.99"))
    assert answer.status_code == 409
    problem = answer.json()
    assert problem["rule"] == "parts-add-up"
    assert "the difference is 0.01" in problem["detail"]
    assert problem["errors"][0]["field"] == "parts"


async def test_a_year_that_is_over_stays_as_it_was(office: Office) -> None:
    over = today().year - 1
    assert (await office.set(unit("manager", "m1"), "100.00", year=over)).status_code == 200
    answer = await office.set(unit("manager", "m1"), "120.00", year=over)
    assert answer.json()["rule"] == "closed-quarters-stand"


async def test_percent_is_the_same_in_every_quarter_and_is_not_split(office: Office) -> None:
    answer = await office.set(BANK, "95", source="visits-done")
    assert answer.json()["targets"][0]["quarters"] == ["95"] * 4
    answer = await office.cascade(BANK, parts("branch", b1="95"), source="visits-done")
    assert answer.json()["rule"] == "source-adds-up"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"source": "luck"}, "source"),
        ({"unit": {"kind": "branch"}}, "unit.id"),
        ({"unit": {"kind": "bank", "id": "b1"}}, "unit.id"),
        ({"unit": {"kind": "manager", "id": "unassigned"}}, "unit.id"),
        ({"unit": {"kind": "region", "id": "r1"}}, "unit.kind"),
        ({"amount": "0.001"}, "amount"),
        ({"amount": 5}, "amount"),
        ({"quarters": ["1", "2", "3"]}, "quarters"),
        ({"quarters": ["1", "2", "3", "4.001"]}, "quarters.3"),
        ({"reason": ""}, "reason"),
    ],
)
async def test_a_malformed_target_is_told_its_field(
    office: Office, change: dict[str, Any], field: str
) -> None:
    body = {"source": PROFIT, "unit": BANK, "amount": "10.00", "reason": "budget", **change}
    answer = await office.approver.put(f"/v1/targets/{YEAR}", json=body)
    assert answer.status_code == 422
    assert all(error["field"].startswith(field) for error in answer.json()["errors"])


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("2500", "year"),
        ("soon/gaps", "year"),
        ("2027?kind=region", "kind"),
        ("2027/tree", "source"),
        ("2027/tree?source=luck", "source"),
        ("2027/gaps?cursor=nonsense", "cursor"),
    ],
)
async def test_a_malformed_question_is_told_its_field(office: Office, path: str, field: str) -> None:
    answer = await office.approver.get(f"/v1/targets/{path}")
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]


@pytest.mark.parametrize(
    ("split", "field"),
    [
        ([], "parts"),
        ([{"kind": "branch", "id": "b1", "amount": "1"}] * 2, "parts.1"),
        ([{"kind": "branch", "id": "b1", "amount": "0.001"}], "parts.0.amount"),
        ([{"kind": "branch", "id": "b1", "amount": "1"}] * 1001, "parts"),
    ],
)
async def test_a_malformed_split_is_told_its_field(
    office: Office, split: list[dict[str, str]], field: str
) -> None:
    answer = await office.cascade(BANK, split)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]


async def test_only_an_approver_sets_targets(cascaded: Office) -> None:
    body = {"source": PROFIT, "unit": BANK, "amount": "1.00", "reason": "budget"}
    for role in (Role.MANAGER, Role.DEPARTMENT_HEAD, Role.ASSIGNER, Role.ACCOUNTANT, Role.AUDITOR):
        caller = cascaded.service.client(role, subject="m1")
        assert (await caller.put(f"/v1/targets/{YEAR}", json=body)).status_code == 403
        split = {"source": PROFIT, "unit": BANK, "parts": parts("branch", b1="1"), "reason": "x"}
        assert (await caller.post(f"/v1/targets/{YEAR}/cascade", json=split)).status_code == 403


async def test_those_who_answer_for_the_bank_see_all_targets(cascaded: Office) -> None:
    for role in (Role.APPROVER, Role.ACCOUNTANT, Role.AUDITOR, Role.ADMIN):
        assert len(await cascaded.items(cascaded.service.client(role))) == 8
    assert (await cascaded.service.client(Role.CORE).get(f"/v1/targets/{YEAR}")).status_code == 403


async def test_a_manager_sees_the_own_target_alone(cascaded: Office) -> None:
    caller = cascaded.service.client(Role.MANAGER, subject="m2")
    await cascaded.set(unit("manager", "m2"), "1.00")
    assert [one["id"] for one in await cascaded.items(caller)] == ["m2"]
    assert await cascaded.items(caller, id="m1") == []
    assert await cascaded.items(caller, path="/gaps") == []
    [root] = (await cascaded.tree(caller))["roots"]
    assert (root["id"], root["parts"]) == ("m2", [])
    nobody = cascaded.service.client(Role.MANAGER, subject="b1")
    assert await cascaded.items(nobody) == []


async def test_a_department_head_sees_the_own_department_alone(cascaded: Office) -> None:
    caller = cascaded.service.client(Role.DEPARTMENT_HEAD, subject="wang", department="lending")
    assert [(one["kind"], one["id"]) for one in await cascaded.items(caller)] == [("department", "lending")]
    assert [root["id"] for root in (await cascaded.tree(caller))["roots"]] == ["lending"]


async def test_targets_come_in_pages_and_by_kind_and_source(cascaded: Office) -> None:
    await cascaded.set(BANK, "5", source="customers-gained")
    seen, cursor = [], None
    while True:
        params = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = (await cascaded.approver.get(f"/v1/targets/{YEAR}", params=params)).json()
        seen += [(one["source"], one["kind"], one["id"]) for one in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == sorted(seen)
    assert len(seen) == 9
    assert len(await cascaded.items(source=PROFIT, kind="branch")) == 2
    assert await cascaded.items(source="breaches") == []
    bad = await cascaded.approver.get(f"/v1/targets/{YEAR}", params={"cursor": "nonsense"})
    assert bad.status_code == 422


async def test_a_stale_version_is_refused(cascaded: Office) -> None:
    answer = await cascaded.approver.get(f"/v1/targets/{YEAR}/tree", params={"source": PROFIT})
    assert answer.headers["ETag"] == '"5"'
    body = {"source": PROFIT, "unit": BANK, "amount": "1.00", "reason": "budget"}
    stale = await cascaded.approver.put(f"/v1/targets/{YEAR}", json=body, headers={"If-Match": '"4"'})
    assert stale.status_code == 412
    untouched = await cascaded.approver.get(f"/v1/targets/{YEAR}/tree", params={"source": "breaches"})
    assert (untouched.headers["ETag"], untouched.json()["roots"]) == ('"0"', [])


async def test_parts_belong_to_the_whole_as_the_staff_on_record_do(office: Office) -> None:
    hired = {"grade": "manager-2", "business_date": "2020-01-01", "branch_id": "b1"}
    await office.told(
        ManagerRegistered.model_validate({"manager_id": "m1", "team_id": "t1", **hired}),
        ManagerRegistered.model_validate({"manager_id": "m2", **hired}),
    )
    await office.set(unit("branch", "b1"), "100.00")
    await office.set(unit("branch", "b2"), "100.00")
    for branch, split in (("b2", parts("team", t1="100.00")), ("b1", parts("manager", m1="100.00"))):
        answer = await office.cascade(unit("branch", branch), split)
        assert (answer.status_code, answer.json()["rule"]) == (409, "part-is-below")
    split = [*parts("team", t1="60.00"), *parts("manager", m2="30.00", m9="10.00")]
    assert (await office.cascade(unit("branch", "b1"), split)).status_code == 200


async def test_what_a_winner_committed_to_comes_on_top_of_the_target(office: Office) -> None:
    source = "measure:virtual_profit"
    awarded = TenderAwarded.model_validate(
        {
            "tender_id": "t1",
            "manager_id": "m1",
            "committed_profit": "120000.01",
            "baseline_profit": "60000.00",
            "customer_ids": ["c1"],
            "effective_from": f"{YEAR}-11-10",
            "effective_to": f"{YEAR + 1}-11-10",
            "business_date": today(),
        }
    )
    await office.told(awarded, awarded.model_copy(update={"tender_id": "t2", "manager_id": "m2"}))
    await office.set(unit("manager", "m1"), "1200.00", source=source)
    await office.set(unit("manager", "m1"), "1200.00")
    [own] = await office.items(source=source)
    assert (own["amount"], own["committed"]) == ("1200.00", "20000.01")
    assert (await office.of(f"{YEAR}"))["m1"][source] == Decimal("21200.01")
    assert (await office.of(f"{YEAR}-10"))["m1"][source] == Decimal("100.00")
    assert (await office.of(f"{YEAR}-11"))["m1"][source] == Decimal("10100.01")
    assert await office.of(f"{YEAR + 1}-Q1") == {"m1": {source: 30000}, "m2": {source: 30000}}
    assert await office.of(f"{YEAR}", Book.DEPARTMENT) == {}
    assert await office.service.verify() is None


async def test_targets_of_a_period_add_up(cascaded: Office) -> None:
    await cascaded.set(unit("manager", "m1"), "1000.00", source="average:deposit_balance")
    of = {
        period: await cascaded.of(period) for period in (f"{YEAR}", f"{YEAR}-H1", f"{YEAR}-Q3", f"{YEAR}-08")
    }
    assert [found["m1"][PROFIT] for found in of.values()] == [
        Decimal(figure) for figure in ("400000.00", "200000.00", "100000.00", "33333.33")
    ]
    assert {found["m1"]["average:deposit_balance"] for found in of.values()} == {Decimal(1000)}
    departments = await cascaded.of(f"{YEAR}-Q1", Book.DEPARTMENT)
    assert departments == {"lending": {PROFIT: 175000}, "deposits": {PROFIT: 75000}}


async def test_two_who_split_at_once_leave_a_cascade_that_adds_up(office: Office) -> None:
    await office.set(unit("team", "t1"), "100.00")
    splits = [{"m1": f"{number}.00", f"x{number}": f"{100 - number}.00"} for number in range(1, 20)]
    answers = await asyncio.gather(
        *(office.cascade(unit("team", "t1"), parts("manager", **split)) for split in splits)
    )
    assert {answer.status_code for answer in answers} == {200}
    [team] = [root for root in (await office.tree())["roots"] if root["id"] == "t1"]
    assert (len(team["parts"]), team["unallocated"]) == (2, {"manager": "0.00"})
    assert await office.items(path="/gaps") == []


async def test_replay_gives_what_is_live_and_verify_finds_nothing(cascaded: Office) -> None:
    await cascaded.set(BANK, "1234567.89", spread=True)
    await cascaded.set(unit("manager", "m1"), "0.01")
    await cascaded.cascade(unit("team", "t1"), parts("manager", m2="740740.73"))
    await cascaded.set(unit("manager", "m2"), "4.5", source="satisfaction")
    service = cascaded.service
    live, shown = await service.digests(), await cascaded.items()
    assert await service.verify() is None
    await service.replay()
    assert await service.digests() == live
    assert await cascaded.items() == shown


async def test_nothing_of_a_target_is_told_to_others(cascaded: Office) -> None:
    assert await cascaded.service.published("appraisal.events") == []
