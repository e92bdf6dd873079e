"""From core events to payroll and grade, on real Kafka: every bonus is what a calculation from statements gives."""

from collections.abc import AsyncIterator
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import httpx
import orjson
import pytest

from shared.contracts.envelope import from_message
from shared.infrastructure.event_log import Record
from tests.end_to_end.committee import Committee, scheme
from tests.end_to_end.office import Office
from tests.support.logs import eventually
from tests.support.system import System, running_system

pytestmark = pytest.mark.timeout(900)

FEN = Decimal("0.01")
RATES = {
    "assistant": "1.0", "manager-4": "1.5", "manager-3": "1.8", "manager-2": "2.1",
    "manager-1": "2.4", "senior-2": "2.7", "senior-1": "3.0", "principal": "3.5",
}  # fmt: skip
COEFFICIENTS = {"A": "1.2", "B": "1.0", "C": "0.6", "D": "0"}


@pytest.fixture
async def system(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[System]:
    """An installation of its own: months close for the whole bank."""
    async with running_system(tmp_path_factory.mktemp("appraised"), "kafka") as system:
        yield system


async def pages(client: httpx.AsyncClient, path: str, **params: str) -> list[dict[str, Any]]:
    """All items of a list."""
    found: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        page = (
            await client.get(
                path, params={"limit": "1000", **params, **({"cursor": cursor} if cursor else {})}
            )
        ).json()
        found += page["items"]
        cursor = page["next"]
    return found


async def test_a_quarter_from_events_to_payroll(system: System) -> None:
    await system.said(
        "simulate", "--managers", "200", "--customers", "400", "--start", "2026-01-01", "--months", "3"
    )
    await system.said("close", "2026-01", "2026-03")
    await system.settle()
    committee = Committee(system)
    answer = await committee.ann.put("/v1/schemes/usual/2026-01-01", json=scheme("1500.00"))
    assert answer.status_code == 200, answer.text
    await committee.appraise("2026-Q1")
    sheet = await committee.award("2026-Q1")

    auditor = system.client("ledger", "auditor", subject="otto")
    stated = (await auditor.get("/v1/books/manager/statements", params={"period": "2026-Q1"})).json()
    efficiency = {one["centre_id"]: Decimal(one["measures"]["efficiency"]) for one in stated["items"]}
    people = await pages(system.client("assignment", "auditor", subject="otto"), "/v1/managers")
    cards = await pages(committee.ann, "/v1/cycles/2026-Q1/cards")
    ratings = {one["centre_id"]: one["rating"] for one in cards if one["side"] == "manager"}
    assert len(people) == 200
    assert set(COEFFICIENTS) == set(ratings.values()) - {None}, "the sample has all ratings"
    expected = {}
    for one in people:
        earned = max(Decimal(0), efficiency.get(one["manager_id"], Decimal(0)))
        rate = Decimal(RATES[one["grade"]]) / 100 * Decimal(COEFFICIENTS[ratings[one["manager_id"]]])
        expected[one["manager_id"]] = (earned * rate).quantize(FEN, ROUND_HALF_EVEN)
    found = {one["manager_id"]: Decimal(one["amount"]) for one in sheet["awards"]}
    assert {one: amount for one, amount in expected.items() if amount} == {
        one: amount for one, amount in found.items() if amount
    }

    reconciled = (await auditor.get("/v1/reconciliation", params={"period": "2026-Q1"})).json()
    assert reconciled["balanced"] is True
    proof = sheet["proof"]
    assert proof["both_sides_agree"] is True
    assert (
        proof["ledger"]
        == proof["managers"]
        == proof["departments"]
        == stated["total"]["measures"]["efficiency"]
    )

    month = f"{Office(system, 'x').today:%Y-%m}"
    lines = (await committee.payer.get(f"/v1/payroll/{month}", params={"format": "ndjson"})).text.splitlines()
    *items, control = [orjson.loads(line) for line in lines]
    paid = {one["manager_id"]: Decimal(one["amount"]) for one in items if one["item"] == "award"}
    immediate = {
        one: amount - (amount * Decimal("0.4")).quantize(FEN, ROUND_HALF_EVEN)
        for one, amount in expected.items()
        if amount
    }
    assert paid == immediate
    assert control["control"]["count"] == len(items)
    assert Decimal(control["control"]["sum"]) == sum(immediate.values())
    await _the_past_changes_hands(system, committee)
    for service in ("assignment", "ledger", "appraisal"):
        assert "as it should be" in await system.said("verify", service)


async def _the_past_changes_hands(system: System, committee: Committee) -> None:
    """Customers are reassigned from a day of the published quarter: its scorecards stay, the next ones carry exactly
    the difference that the ledger booked, and both sides still agree."""
    approver = system.client("assignment", "approver", subject="bob")
    customers = await pages(system.client("assignment", "auditor", subject="otto"), "/v1/customers")
    published = {
        centre: (await committee.ann.get(f"/v1/cycles/2026-Q1/cards/manager/{centre}")).content
        for centre in ("m0001", "m0002", "m0003")
    }
    shares = [{"manager_id": "m0001", "share": "0.5"}, {"manager_id": "m0002", "share": "0.5"}]
    terms = {"shares": shares, "effective_from": "2026-01-15", "reason": "agreed late"}
    moved = 0
    for customer in customers[:40]:
        answer = await approver.put(f"/v1/customers/{customer['customer_id']}/assignment", json=terms)
        moved += answer.status_code == 200
    assert moved > 30
    await system.settle()
    await system.said("close", "2026-04", "2026-06")
    await system.settle()
    for centre, content in published.items():
        again = await committee.ann.get(f"/v1/cycles/2026-Q1/cards/manager/{centre}")
        assert again.content == content, "a published scorecard never changes"

    await committee.appraise("2026-Q2")
    adjusted = await system.rows(
        "ledger",
        "SELECT book::text, centre_id, sum(amount)::bigint FROM leg WHERE period BETWEEN 202604 AND 202606 "
        "AND adjusts_period <= 202603 AND line NOT IN ('deposit_balance', 'loan_balance') AND NOT contra "
        "GROUP BY 1, 2 HAVING sum(amount) <> 0",
    )
    expected = {(book, centre): Decimal(amount) / 100 for book, centre, amount in adjusted}
    assert {("manager", "m0001"), ("manager", "m0002")} <= set(expected)
    sums = dict.fromkeys(("manager", "department"), Decimal(0))
    for (book, centre), amount in expected.items():
        card = (await committee.ann.get(f"/v1/cycles/2026-Q2/cards/{book}/{centre}")).json()
        assert sum(Decimal(one["efficiency"]) for one in card["inputs"]["addenda"]) == amount, centre
        sums[book] += amount
    assert sums["manager"] == sums["department"], "what was trued up is the same on both sides"
    cycle = (await committee.ann.get("/v1/cycles/2026-Q2")).json()
    assert cycle["manager_efficiency"] == cycle["department_efficiency"] == cycle["ledger_efficiency"]


async def test_four_a_quarters_lift_a_grade_the_next_cycle_pays_its_rate_and_a_loan_claws_back(
    system: System,
) -> None:
    office, committee = Office(system, "o1"), Committee(system)
    await office.open()
    await office.hire("m1", grade="manager-3")
    await office.hire("m2")
    for customer, shares in (("c1", {"m1": "1"}), ("c2", {"m1": "0.6", "m2": "0.4"})):
        await office.welcome(customer)
        assert (await office.assign(customer, "2025-01-01", shares)).status_code == 200
    for what in (
        {"kind": "experience", "name": "banking", "obtained_on": "2015-01-01"},
        {"kind": "education", "name": "bachelor", "obtained_on": "2014-07-01"},
        {"kind": "certificate", "name": "AFP", "obtained_on": "2018-07-01"},
    ):
        assert (await office.tell("m1", "qualifications", **what)).status_code == 201
    fee = {"customer_id": "c1", "currency": "CNY", "product_code": "AGT", "kind": "intermediary"}
    days = ("2025-02-03", "2025-05-05", "2025-08-04", "2025-11-03", "2026-11-03")
    for number, day in enumerate(days, 1):
        await office.post(number, "FeeCharged", day, **fee, amount="1000.00")
    loan = {"customer_id": "c2", "currency": "CNY", "product_code": "TRM", "loan_id": "l1"}
    await office.post(6, "LoanDisbursed", "2026-11-02", **loan, amount="500000.00")
    await office.post(7, "LoanRepaid", "2026-11-20", **loan, principal="0.00", interest="10000.00")
    await system.settle()
    await system.said("close", "2025-01", "2025-12")
    await system.settle()
    answer = await committee.ann.put("/v1/schemes/usual/2025-01-01", json=scheme("100.00"))
    assert answer.status_code == 200, answer.text
    for period in ("2025-Q1", "2025-Q2", "2025-Q3", "2025-Q4"):
        await committee.appraise(period)
        await committee.done(f"/v1/cycles/{period}/close")
    await system.settle()  # the assignment service hears of the ratings, which the next grade asks for

    proposed = await committee.done("/v1/cycles/2025-Q4/grade-changes")
    [change] = [one for one in proposed["items"] if one["manager_id"] == office.id("m1")]
    own = await committee.ann.post(f"/v1/grade-changes/{change['change_id']}/approve")
    assert own.status_code == 409, "nobody approves what they proposed"
    await committee.done(f"/v1/grade-changes/{change['change_id']}/approve", committee.bob)
    await system.settle()
    shown = await system.get("assignment", f"/v1/managers/{office.id('m1')}", as_of="2026-12-31")
    assert shown["grade"] == "manager-2"

    await system.said("close", "2026-01", "2026-12")
    await system.settle()
    await committee.appraise("2026-Q4")
    sheet = await committee.award("2026-Q4")
    [award] = [one for one in sheet["awards"] if one["manager_id"] == office.id("m1")]
    assert (award["grade"], award["rating"]) == ("manager-2", "A")
    assert Decimal(award["amount"]) == (
        Decimal(award["efficiency"]) * Decimal("0.021") * Decimal("1.2")
    ).quantize(FEN, ROUND_HALF_EVEN)
    await _a_loan_of_a_departed_manager_sours_and_heals(system, office, committee)


async def _a_loan_of_a_departed_manager_sours_and_heals(
    system: System, office: Office, committee: Committee
) -> None:
    """m2 held 0.4 of the loan when its interest was booked, and has left since; m1 holds all of it now."""
    leaving = {"departed_on": office.today.isoformat(), "reason": "resigned"}
    assert (await office.assign("c2", office.today.isoformat(), {"m1": "1"})).status_code == 200
    assert (await office.tell("m2", "departure", office.approver, **leaving)).status_code == 201
    m1, m2 = office.id("m1"), office.id("m2")
    [of_m2] = (await _vault(system, m2))["awards"]
    dues = [date.fromisoformat(one["due_on"]) for one in of_m2["instalments"]]
    await committee.done("/v1/vaults/pay", committee.payer, day=dues[0].isoformat())

    loan = {"customer_id": "c2", "currency": "CNY", "product_code": "TRM", "loan_id": "l1"}
    sour = dues[1] - timedelta(days=10)
    await _provide(system, sour, "45.50")
    await office.post(8, "LoanReclassified", sour.isoformat(), **loan, to_class="substandard")
    for manager, of_loan in ((m1, "6000.00"), (m2, "4000.00")):
        award, [clawback] = await _followed_up(system, manager, 1)
        part = Decimal(award["amount"]) * Decimal(of_loan) / Decimal(award["efficiency"])
        part = min(Decimal(award["amount"]), part.quantize(FEN, ROUND_HALF_EVEN))
        assert clawback["loan_efficiency"] == of_loan, "by the shares of when it was booked"
        assert Decimal(clawback["amount"]) == (part * Decimal("0.455")).quantize(FEN, ROUND_HALF_EVEN) > 0
        assert Decimal(clawback["amount"]) == _cancelled(award) + Decimal(award["claimed"])
        assert award["instalments"][0]["cancelled"] == "0.00", "what was due is paid and stays"

    path = f"/v1/vaults/{m2}/clawbacks/{clawback['clawback_id']}/explain"
    explained = (await system.client("appraisal", "manager", subject=m2).get(path)).json()
    assert explained["award"]["award_id"] == clawback["award_id"] == f"2026-Q4:{m2}"
    month = f"{sour:%Y-%m}"
    assert explained["provision"] == {"rate": "45.50", "month": month, "policy": month}
    place = explained["cause"]["place"]
    [entry] = [one for one in await system.records("ledger.events") if _place(one) == place]
    assert entry.headers["ce_id"].decode() == office.id("e8")
    booked = await system.get("ledger", explained["links"]["core_event"])
    [event] = [one for one in await system.records("core-banking.postings") if _place(one) == booked["cause"]]
    said = from_message(event.headers, event.value)
    assert (said.id, said.type) == (office.id("e8"), "LoanReclassified")

    healed = (sour + timedelta(days=5)).isoformat()
    await office.post(9, "LoanReclassified", healed, **loan, to_class="normal")
    for manager in (m1, m2):
        award, [taken, released] = await _followed_up(system, manager, 2)
        assert (released["kind"], released["amount"]) == ("release", taken["amount"])
        assert (_cancelled(award), award["claimed"]) == (0, "0.00")


async def _provide(system: System, day: date, substandard: str) -> None:
    """From the month of a day on, the ledger's policy has this provision rate for substandard loans."""
    accountant = system.client("ledger", "accountant", subject="carl")
    terms = {"provision_rates": {"substandard": substandard}}
    answer = await accountant.put(f"/v1/policies/{day:%Y-%m}", json=terms)
    assert answer.status_code == 200, answer.text


async def _vault(system: System, manager_id: str) -> dict[str, Any]:
    found: dict[str, Any] = await system.get("appraisal", f"/v1/vaults/{manager_id}")
    return found


async def _followed_up(
    system: System, manager_id: str, times: int
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The one award of a manager, and what became of it, once so much has."""

    async def known() -> bool:
        return len((await _vault(system, manager_id))["awards"][0]["clawbacks"]) == times

    await eventually(known, within_seconds=120)
    [award] = (await _vault(system, manager_id))["awards"]
    return award, award["clawbacks"]


def _cancelled(award: dict[str, Any]) -> Decimal:
    return sum((Decimal(one["cancelled"]) for one in award["instalments"]), Decimal(0))


def _place(record: Record) -> str:
    return f"{record.topic}/{record.partition}/{record.offset}"
