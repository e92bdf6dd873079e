"""Sources: whatever the order in which others tell, the figures are those of a slow look at all that was told."""

import time
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Any

import pytest

from services.appraisal.api.clawbacks import follow_up
from services.appraisal.domain.source import Figures, figure
from services.appraisal.views import source, staff
from shared.contracts import assignment as told
from shared.contracts import ledger
from shared.contracts.envelope import CloudEvent
from shared.contracts.types import Contract
from shared.infrastructure.auth import Role
from shared.infrastructure.event_log import Message, shard_of
from shared.kernel.books import Book
from shared.kernel.money import format_money
from shared.kernel.period import Period
from tests.integration.appraisal.messages import entry
from tests.support.services import ServiceUnderTest

Q3 = Period.parse("2026-Q3")
FIRST, LAST = date(2026, 7, 1), date(2026, 9, 30)
MANAGERS = [f"m{number}" for number in range(4)]
CUSTOMERS = [f"c{number}" for number in range(12)]
DEPARTMENTS = ("lending", "cards")
BAD = ("substandard", "doubtful", "loss")


def message(event_id: str, fact: Contract) -> Message:
    """A fact as its service's relay publishes it."""
    key = fact.stream.partition("-")[2].partition("#")[0]  # type: ignore[attr-defined]
    event = CloudEvent(event_id, type(fact).__name__, told.SOURCE, fact.to_json(), subject=key)
    return Message.of(event, key)


def drawn(random: Random, day: date, number: int) -> Contract:
    """Something that happens between a customer and a manager on a day."""
    customer_id, manager_id = random.choice(CUSTOMERS), random.choice(MANAGERS)
    own = {"customer_id": customer_id, "manager_id": manager_id}
    kind = random.choice(["visit", "revisit", "call"])
    late = random.random() < 0.5
    rest = [one for one in MANAGERS if one != manager_id]
    shares = random.choice([{}, {manager_id: "1"}, {manager_id: "0.7", random.choice(rest): "0.3"}])
    return random.choice(
        [
            told.VisitMade(visit_id=f"v{number}", visited_on=day, kind=kind, **own),
            told.VisitMissed(due_on=day, **own),
            told.ComplaintAnswered(complaint_id=f"x{number}", answered_on=day, in_time=late, **own),
            told.CustomerSurveyed(survey_id=f"s{number}", score=random.randint(1, 5), surveyed_on=day, **own),
            told.TrainingTaken(manager_id=manager_id, course="risk", hours=Decimal("2.5"), taken_on=day),
            told.ReferralClosed(
                referral_id=f"r{number}", department_id=random.choice(DEPARTMENTS),
                outcome=random.choice(["won", "lost"]), closed_on=day, **own,
            ),
            told.CustomerAssigned(
                customer_id=customer_id,
                shares=tuple(told.ManagerShare(manager_id=m, share=Decimal(s)) for m, s in shares.items()),
                effective_from=day,
            ),
        ]
    )  # fmt: skip


class Loan:
    """Entries about one loan: when, of which class, and what was outstanding when each was booked."""

    def __init__(self, random: Random, number: int) -> None:
        self.loan_id, self.customer_id = f"l{number}", CUSTOMERS[number % len(CUSTOMERS)]
        self.shard = shard_of(self.customer_id)
        self.department_id = DEPARTMENTS[number % len(DEPARTMENTS)]
        self.booked: list[tuple[int, date, str, int]] = []
        outstanding = 0
        for turn in range(5):
            outstanding += 1 + random.randint(0, 90000)
            day = date(2026, 6, 1) + timedelta(days=random.randint(0, 140))
            loan_class = random.choice(["normal", "special_mention", *BAD])
            self.booked.append((number * 10 + turn + 1, day, loan_class, outstanding))

    def messages(self) -> list[Message]:
        return [
            entry(
                self.shard, position, {}, period=f"{day:%Y-%m}", business_date=day.isoformat(),
                customer_id=self.customer_id, department_id=self.department_id,
                loan={"loan_id": self.loan_id, "loan_class": loan_class, "held": "0.00", "closed": False,
                      "outstanding": format_money(outstanding)},
            )
            for position, day, loan_class, outstanding in self.booked
        ]  # fmt: skip

    def on(self, day: date) -> tuple[str, int] | None:
        """Class and outstanding on a business date, by the parts of the entries until then."""
        before, parts = 0, []
        for position, booked_on, loan_class, outstanding in self.booked:
            parts.append((booked_on, position, loan_class, outstanding - before))
            before = outstanding
        known = sorted(part for part in parts if part[0] <= day)
        return (known[-1][2], sum(part[3] for part in known)) if known else None


def holders(facts: Sequence[Contract], day: date) -> dict[str, dict[str, Decimal]]:
    """Who has which share of each customer on a day."""
    held: dict[str, tuple[date, dict[str, Decimal]]] = {}
    for fact in facts:
        if isinstance(fact, told.CustomerAssigned) and fact.effective_from <= day:
            since, _ = held.get(fact.customer_id, (date.min, {}))
            if fact.effective_from >= since:
                shares = {one.manager_id: one.share for one in fact.shares}
                held[fact.customer_id] = (fact.effective_from, shares)
    return {customer_id: shares for customer_id, (_, shares) in held.items()}


def expected(manager_id: str, facts: Sequence[Contract], loans: Sequence[Loan]) -> Figures:
    """The figures of a manager's conduct and customers in the third quarter, one look at everything for each."""

    def mine(kind: type[Any]) -> list[Any]:
        own = [one for one in facts if isinstance(one, kind) and one.manager_id == manager_id]
        return [one for one in own if FIRST <= one.business_date <= LAST]

    made = sum(one.kind != "call" for one in mine(told.VisitMade))
    missed, answered = len(mine(told.VisitMissed)), mine(told.ComplaintAnswered)
    scores = [one.score for one in mine(told.CustomerSurveyed)]
    before = {c for c, s in holders(facts, FIRST - timedelta(days=1)).items() if manager_id in s}
    shares = holders(facts, LAST)
    after = {customer_id for customer_id, own in shares.items() if manager_id in own}
    ratios: dict[str, tuple[Fraction | int, Fraction | int]] = {
        "visits-done": (made * 100, made + missed),
        "complaints-in-time": (100 * sum(one.in_time for one in answered), len(answered)),
        "satisfaction": (sum(scores), len(scores)),
        "churn": (100 * len(before - after), len(before)),
    }
    parts = [(on, shares[loan.customer_id].get(manager_id, 0)) for loan in loans
             if (on := loan.on(LAST)) is not None and loan.customer_id in shares]  # fmt: skip
    bad = sum(Fraction(amount) * Fraction(share) for (kind, amount), share in parts if kind in BAD)
    ratios["bad-loan-ratio"] = 100 * bad, sum(Fraction(on[1]) * Fraction(share) for on, share in parts)
    return {
        "customers-gained": Decimal(len(after - before)),
        "customers-lost": Decimal(len(before - after)),
        "training-hours": sum((one.hours for one in mine(told.TrainingTaken)), Decimal(0)),
        "breaches": Decimal(0),
        "referrals-won": Decimal(sum(one.outcome == "won" for one in mine(told.ReferralClosed))),
        **{name: figure(Fraction(part) / Fraction(whole)) for name, (part, whole) in ratios.items() if whole},
    }


def expected_of(department_id: str, facts: Sequence[Contract], loans: Sequence[Loan]) -> Figures:
    """The figures of a department beside those of the ledger, one look at everything for each."""
    won = [
        one
        for one in facts
        if isinstance(one, told.ReferralClosed) and one.outcome == "won" and FIRST <= one.closed_on <= LAST
    ]
    parts = [on for one in loans if one.department_id == department_id and (on := one.on(LAST)) is not None]
    bad = sum(amount for kind, amount in parts if kind in BAD)
    return {
        "referrals-won": Decimal(sum(one.department_id == department_id for one in won)),
        "bad-loan-ratio": figure(Fraction(100 * bad, sum(amount for _, amount in parts))),
    }


def of_conduct(figures: Figures) -> Figures:
    """Those that are not the ledger's."""
    ledgers = ("line:", "measure:", "average:", "stock:")
    return {name: one for name, one in figures.items() if not name.startswith(ledgers)}


async def actuals(appraisal: ServiceUnderTest, side: Book = Book.MANAGER) -> dict[str, Figures]:
    async with appraisal.database.snapshot() as connection:
        return await source.actuals(connection, side, Q3)


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_figures_are_those_of_a_slow_look_whatever_the_order_and_repetitions(
    appraisal: ServiceUnderTest, seed: int
) -> None:
    random = Random(seed)
    days = [date(2026, 6, 1) + timedelta(days=index) for index in range(150)]
    facts = {f"e{number}": drawn(random, random.choice(days), number) for number in range(400)}
    loans = [Loan(random, number) for number in range(20)]
    order = random.sample(sorted(facts), len(facts))
    entries = [one for loan in loans for one in loan.messages()]
    random.shuffle(entries)
    again = [*order, *random.choices(order, k=100)]
    for start in range(0, len(again), 90):
        batch = [message(one, facts[one]) for one in again[start : start + 90]]
        await appraisal.publish(told.TOPIC, *batch)
        await appraisal.publish(ledger.TOPIC, *entries[start // 5 : start // 5 + 30])
        await appraisal.caught_up()
    found = await actuals(appraisal)
    in_order = [facts[one] for one in order]
    for manager_id in MANAGERS:
        assert of_conduct(found[manager_id]) == expected(manager_id, in_order, loans)
    departments = await actuals(appraisal, Book.DEPARTMENT)
    for department_id in DEPARTMENTS:
        assert of_conduct(departments[department_id]) == expected_of(department_id, in_order, loans)
    await follow_up(appraisal.service.desk)  # or the task would mark changes of class between the looks
    live = await appraisal.digests()
    assert await appraisal.verify() is None
    await appraisal.replay()
    assert await appraisal.digests() == live


def stated(kind: type[Any], centre_id: str, period: str, deposits: str, average: str) -> Message:
    """What a month that closed gave a centre: deposits alone."""
    none = {"deposit_balance": deposits, "loan_balance": "0.00"}
    averages = {"deposit_balance": average, "loan_balance": "0.00"}
    result = kind.model_validate(
        {"centre_id": centre_id, "period": period, "lines": {}, "stocks": none, "averages": averages,
         "measures": {}, "computed_from": {"positions": {}, "hash": ""}}
    )  # fmt: skip
    return message(result.own_event_id, result)


async def test_stated_results_come_beside_entries_and_count_once(appraisal: ServiceUnderTest) -> None:
    manager, department = ledger.ManagerResultStated, ledger.DepartmentResultStated
    batch = [
        stated(manager, "m1", "2026-06", "10.00", "1.00"),
        stated(manager, "m1", "2026-07", "20.00", "10.01"),
        stated(manager, "m2", "2026-08", "1.00", "2.00"),
        stated(manager, "m1", "2026-08", "30.00", "0.00"),
        stated(department, "lending", "2026-08", "7.00", "8.00"),
        entry(shard_of("m1"), 1, {"m1": "60.00"}),
        entry(shard_of("m1"), 2, {"m1": "40.00"}),
        stated(manager, "unassigned", "2026-08", "7.00", "8.00"),
    ]
    for _ in range(2):
        await appraisal.publish(ledger.TOPIC, *batch)
        await appraisal.caught_up()
    found = await actuals(appraisal)
    assert sorted(found) == ["m1", "m2"]
    assert found["m1"]["average:deposit_balance"] == Decimal("5.00")
    assert (found["m1"]["stock:deposit_balance"], found["m1"]["measure:efficiency"]) == (30, 100)
    assert found["m2"]["average:deposit_balance"] == 1
    departments = await actuals(appraisal, Book.DEPARTMENT)
    assert departments["lending"]["stock:deposit_balance"] == 7
    assert "churn" not in departments["lending"]
    assert await appraisal.verify() is None
    letters = await appraisal.admin.get("/v1/dead-letters")
    assert letters.json()["items"] == []


def hired(manager_id: str, day: date | None = None) -> told.ManagerRegistered:
    return told.ManagerRegistered(
        manager_id=manager_id,
        branch_id="b1",
        team_id="t1",
        grade="manager-2",
        hired_on=day,
        business_date=LAST,
    )


LIFE = {
    "r1": hired("m1"),
    "r2": hired("m2", date(2026, 9, 1)),
    "g1": told.ManagerGraded(
        manager_id="m1", grade="senior-2", previous_grade="manager-2", effective_from=date(2026, 8, 1),
        ground=told.GradeGround.EXAM, reference="exam",
    ),
    "t1": told.ManagerTransferred(
        manager_id="m1", branch_id="b2", effective_from=date(2026, 8, 1), reason="needed"
    ),
    "d1": told.ManagerDeparted(
        manager_id="m1", departed_on=date(2026, 9, 15), reason=told.DepartureReason.RETIRED
    ),
}  # fmt: skip


async def test_staff_are_what_they_are_on_each_day_whatever_was_told_first(
    appraisal: ServiceUnderTest,
) -> None:
    for event_id in ("d1", "t1", "g1", "r2", "r1", "g1"):
        await appraisal.publish(told.TOPIC, message(event_id, LIFE[event_id]))
        await appraisal.caught_up()
    async with appraisal.database.snapshot() as connection:
        assert await staff.grades(connection, FIRST) == {"m1": "manager-2"}
        assert await staff.grades(connection, date(2026, 9, 14)) == {"m1": "senior-2", "m2": "manager-2"}
        assert await staff.grades(connection, LAST) == {"m2": "manager-2"}
        assert await staff.places(connection, FIRST) == {"m1": ("b1", "t1")}
        assert await staff.places(connection, date(2026, 9, 14)) == {"m1": ("b2", None), "m2": ("b1", "t1")}
        assert await staff.departed(connection, LAST) == {"m1": date(2026, 9, 15)}
        assert await staff.departed(connection, FIRST) == {}
        assert await staff.present(connection, FIRST, LAST) == ["m1", "m2"]
    assert await appraisal.verify() is None


async def test_figures_and_vetoes_are_shown_to_those_whom_they_concern(appraisal: ServiceUnderTest) -> None:
    duty = {"duty_id": "d1", "kind": told.DutyKind.LARGE_VALUE_REPORT, "customer_id": "c1"}
    done = told.DutyDone(done_on=date(2026, 9, 1), manager_id="m1", in_time=False, **duty)
    breached = told.DutyBreached(due_on=date(2026, 7, 20), manager_id="m1", serious=True, **duty)
    award = told.TenderAwarded(
        tender_id="t1", manager_id="m1", committed_profit="400.00", baseline_profit="0.00", customer_ids=("c1",),
        effective_from=FIRST, effective_to=date(2027, 7, 1), business_date=FIRST,
    )  # fmt: skip
    facts = {"done": done, "breach": breached, "award": award, "r1": hired("m1"), "r2": hired("m2")}
    await appraisal.publish(told.TOPIC, *(message(name, fact) for name, fact in facts.items()))
    await appraisal.publish(ledger.TOPIC, entry(0, 1, {"m1": "50.00"}))
    await appraisal.caught_up()
    path, query = "/v1/sources/manager/m1", {"period": "2026-Q3"}
    own = appraisal.client(Role.MANAGER, subject="m1")
    for caller in (own, *map(appraisal.client, (Role.AUDITOR, Role.APPROVER, Role.ACCOUNTANT, Role.ADMIN))):
        shown = (await caller.get(path, params=query)).json()
        assert (shown["actuals"]["commitment-met"], shown["actuals"]["breaches"]) == ("50", "1")
        assert shown["vetoes"] == [
            {"veto": "unreported-large-value", "event_id": "breach", "business_date": "2026-07-20"},
            {"veto": "serious-breach", "event_id": "breach", "business_date": "2026-08-19"},
        ]
    idle = (await appraisal.admin.get("/v1/sources/manager/m2", params=query)).json()
    assert (idle["actuals"]["line:fee_income"], idle["vetoes"], idle["closed_months"]) == ("0.00", [], [])
    other = await own.get("/v1/sources/manager/m2", params=query)
    unknown = await own.get("/v1/sources/manager/m9", params=query)
    assert (other.status_code, unknown.status_code) == (404, 404)
    assert other.json()["detail"].replace("m2", "m9") == unknown.json()["detail"]
    head = appraisal.client(Role.DEPARTMENT_HEAD, subject="dora", department="lending")
    assert (await head.get("/v1/sources/department/lending", params=query)).status_code == 200
    assert (await head.get(path, params=query)).status_code == 404
    assert (await appraisal.client(Role.ASSIGNER).get(path, params=query)).status_code == 403


async def test_two_thousand_managers_are_measured(appraisal: ServiceUnderTest) -> None:
    """Printed, not asserted: machines differ."""
    await appraisal.execute(
        "INSERT INTO staff SELECT 'm' || n, 'registered', date '1900-01-01', 'b', NULL, 'manager-2' "
        "FROM generate_series(0, 1999) AS n",
        "INSERT INTO holding (customer_id, effective_from, manager_id, share, effective_to) "
        "SELECT 'c' || n, date '2026-01-01', 'm' || n % 2000, 1, CASE WHEN n % 9 = 0 THEN date '2026-08-01' END "
        "FROM generate_series(0, 49999) AS n",
        "INSERT INTO loan_state SELECT 'l' || n, date '2026-01-15' + 30 * turn, turn, 'c' || n, 'normal', 100, 100 "
        "FROM generate_series(0, 19999) AS n, generate_series(0, 11) AS turn",
        "INSERT INTO result SELECT shard, 202607 + month, 'manager', 'm' || n, line, 5 "
        "FROM generate_series(0, 7) AS shard, generate_series(0, 2) AS month, generate_series(0, 1999) AS n, "
        "unnest(enum_range(NULL::line_name)) AS line",
        "INSERT INTO stated SELECT 'manager', 'm' || n, 202601 + month, 1, 2, 3, 4 "
        "FROM generate_series(0, 1999) AS n, generate_series(0, 8) AS month",
        "INSERT INTO conduct SELECT shard, 202607 + month, 'm' || n, counted, 1 "
        "FROM generate_series(0, 7) AS shard, generate_series(0, 2) AS month, generate_series(0, 1999) AS n, "
        "unnest(ARRAY['visits-made', 'answered', 'surveys', 'breaches']) AS counted",
    )
    await appraisal.execute("ANALYZE")
    begun = time.perf_counter()
    found = await actuals(appraisal)
    print(f"\nactuals of {len(found)} managers in {time.perf_counter() - begun:.2f} s")
    assert len(found) == 2000
