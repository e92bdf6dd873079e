"""Everything that a bank tells its ledger, in random order of arrival, on a real database: late events and
assignments, policies, cost pools, products that move, and closes in between. The ledger says what the reference
says, to the fen; what is closed stands still, and what was known once can be asked for again.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import httpx
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from services.ledger.main import define
from shared.contracts import core_banking
from shared.contracts.envelope import from_mapping
from tests.integration.ledger.bank import Bank
from tests.support.reference import (
    BANK_PRODUCTS,
    BOOKS,
    LINES,
    MONTHS,
    MOVING,
    Assigned,
    BankFact,
    Books,
    Closed,
    PolicySet,
    PoolDeclared,
    Posted,
    ProductMoved,
    ReferenceLedger,
    core_event,
    months_of,
    random_bank_history,
)
from tests.support.services import running_service

PERIODS = [*MONTHS, "2026-Q2", "2026-Q3", "2026-Q4", "2026"]
LONG = ["2026-Q3", "2026"]
PARTS = ("lines", "stocks", "averages", "measures")
Figures = dict[str, dict[str, dict[str, Decimal]]]
Answer = dict[str, Any]


@dataclass
class Moment:
    """What was answered at a time between two facts."""

    time: str
    facts: int
    answers: Mapping[tuple[str, str], Answer]


@dataclass
class WholeLedger:
    """A ledger and its reference, which hear the same facts."""

    bank: Bank
    reference: ReferenceLedger = field(default_factory=ReferenceLedger)
    through_log: bool = False
    moments: list[Moment] = field(default_factory=list)
    closed: dict[tuple[str, str], Answer] = field(default_factory=dict)

    # --- facts ---

    async def tell(self, fact: BankFact) -> None:
        """Tell both a fact; they make the same of it."""
        closing = fact.month_for(self.reference) if isinstance(fact, Closed) else ""
        expected = fact.tell(self.reference)
        match fact:
            case Posted(events) if self.through_log:
                for event in events:
                    message = from_mapping(event)
                    await self.bank.service.publish(core_banking.TOPIC, message)
                    await self.bank.service.caught_up()
            case Posted(events):
                results = (await self.bank.post(*events))["results"]
                assert [result["status"] for result in results] == expected, fact
            case Assigned(customer_id, since, shares):
                await self.bank.assign(customer_id, shares, since.isoformat())
                await self.bank.service.caught_up()
            case ProductMoved(code, since, department):
                await self.bank.define(code, department, effective_from=since.isoformat())
            case PolicySet(month, terms):
                answer = await self.bank.accountant.put(f"/v1/policies/{month}", json=terms)
                assert answer.status_code == 200, answer.text
            case PoolDeclared(period, pool, amount, driver):
                body = {"period": period, "pool": pool, "amount": amount, "driver": driver}
                answer = await self.bank.accountant.post("/v1/cost-pools", json=body)
                check_answer(answer, expected)
            case Closed():
                answer = await self.bank.accountant.post(f"/v1/periods/{closing}/close")
                check_answer(answer, expected)
                if expected == ["accepted"]:
                    assert answer.json()["balanced"] is True

    # --- questions ---

    async def stated(self, book: str, period: str, **more: str) -> Answer:
        """A book's statements as the ledger answers."""
        answer: Answer = await self.bank.get(f"/v1/books/{book}/statements", period=period, **more)
        return answer

    async def check_statements(self) -> None:
        """For both books and every month, quarter and the year: all figures of all centres and of the bank."""
        for period in PERIODS:
            totals = []
            for book in BOOKS:
                answer = await self.stated(book, period)
                assert_same(answer, self.reference, book, period)
                totals.append(answer["total"])
            manager, department = totals
            assert manager["lines"] == department["lines"]
            assert manager["stocks"] == department["stocks"]
            assert manager["measures"] == department["measures"]

    async def check_invariants(self) -> None:
        """(I1) and (I2), for every entry and line that the database holds, and for the reference's."""
        assert await self.bank.service.rows(_BROKEN) == []
        self.reference.invariants()

    async def check_reconciliation(self) -> None:
        """Both books have the reference's totals."""
        for period in PERIODS:
            found = await self.bank.get("/v1/reconciliation", period=period)
            assert found["balanced"] is True, found
            for book in BOOKS:
                sums = dict.fromkeys(LINES, Decimal(0))
                for (_, line), amount in self.reference.totals(book, months_of(period)).items():
                    sums[line] += amount
                assert {one["line"]: Decimal(one[f"{book}_total"]) for one in found["lines"]} == sums

    async def check_legs(self) -> None:
        """The legs behind the statements of 2026 are those of the reference, and no entry has two at one place."""
        for book in BOOKS:
            for centre in {leg.centre for leg in self.reference.legs if leg.book == book and not leg.contra}:
                path = f"/v1/books/{book}/centres/{centre}/legs"
                page = await self.bank.get(path, period="2026", limit=1000)
                assert page["next"] is None
                places = [(leg["entry_id"], *place_of(leg)) for leg in page["items"]]
                assert [place for place in places if places.count(place) > 1] == []
                found = [(place_of(leg), Decimal(leg["amount"])) for leg in page["items"]]
                expected = [
                    ((leg.line, leg.day.isoformat(), leg.period, leg.adjusts_period, leg.account,
                      leg.product_code, leg.department), leg.amount)
                    for leg in self.reference.legs
                    if (leg.book, leg.centre, leg.period[:4]) == (book, centre, "2026")
                ]  # fmt: skip
                assert Counter(found) == Counter(expected), (book, centre)

    # --- time ---

    async def note(self) -> None:
        """Note what the ledger answers now."""
        answers = {(book, period): await self.stated(book, period) for book in BOOKS for period in LONG}
        self.moments.append(Moment(datetime.now(UTC).isoformat(), self.reference.facts, answers))
        for month in filter(self.reference.is_closed, MONTHS):
            for book in BOOKS:
                answer = await self.stated(book, month)
                assert self.closed.setdefault((book, month), answer) == answer, "a closed month moved"

    async def check_moments(self) -> None:
        """Asked for what it knew at a moment, the ledger answers what it answered then, and for all else what the
        reference knew."""
        for moment in self.moments:
            for (book, period), then in moment.answers.items():
                assert await self.stated(book, period, known_at=moment.time) == then
            known = self.reference.known(moment.facts)
            for book in BOOKS:
                for period in MONTHS:
                    answer = await self.stated(book, period, known_at=moment.time)
                    assert_same(answer, known, book, period)

    async def check_replay(self) -> None:
        """What the ledger shows is what its events give."""
        live = await self.bank.service.digests()
        assert await self.bank.service.verify() is None
        await self.bank.service.replay()
        assert await self.bank.service.digests() == live


_BROKEN = """
    SELECT event_id, line, amounts FROM (
        SELECT shard, position, line, ARRAY[
            coalesce(sum(amount) FILTER (WHERE book = 'manager'), 0),
            coalesce(sum(amount) FILTER (WHERE book = 'department'), 0),
            coalesce(sum(amount) FILTER (WHERE book = 'manager' AND NOT contra), 0)
            - coalesce(sum(amount) FILTER (WHERE book = 'department' AND NOT contra), 0)
        ] AS amounts
        FROM leg GROUP BY shard, position, line
    ) AS sums JOIN event USING (shard, position)
    WHERE amounts <> '{0,0,0}'
"""


def check_answer(answer: httpx.Response, expected: list[str]) -> None:
    """A refusal names the period; everything else was taken."""
    if expected == ["rejected"]:
        assert answer.status_code == 409, answer.text
        assert answer.json()["errors"][0]["field"] == "period"
    else:
        assert answer.status_code in (200, 201), answer.text


CARRIED = (
    "line", "business_date", "period", "adjusts_period", "account_id", "product_code", "department_id",
)  # fmt: skip


def place_of(leg: Mapping[str, Any]) -> tuple[object, ...]:
    """What the legs of a centre are netted by."""
    return tuple(leg[name] for name in CARRIED)


def assert_same(answer: Answer, books: Books, book: str, period: str) -> None:
    """Every figure of every centre; one that has nothing to state may be missing on either side."""
    expected = figures_of(books.statements(book, months_of(period)), vars)
    stated = figures_of({item["centre_id"]: item for item in answer["items"]}, dict)
    assert stated == expected, (book, period)
    for part in PARTS:
        for name, figure in answer["total"][part].items():
            assert Decimal(figure) == sum(
                (parts[part].get(name, Decimal(0)) for parts in expected.values()), Decimal(0)
            ), (book, period, part, name)


def figures_of(
    statements: Mapping[str, Any], read: Callable[[Any], Mapping[str, Mapping[str, str | Decimal]]]
) -> Figures:
    """The figures that are not zero, by centre and part."""
    shown: Figures = {}
    for centre, statement in statements.items():
        parts = read(statement)
        figures = {
            part: {name: Decimal(figure) for name, figure in parts[part].items() if Decimal(figure)}
            for part in PARTS
        }
        if any(figures.values()):
            shown[centre] = figures
    return shown


def paid(event_id: str, day: str, amount: str, product: str = "DEM", customer: str = "c1") -> dict[str, Any]:
    """A payment into a customer's only account, whatever the product."""
    account = {"customer_id": customer, "account_id": f"a-{customer}", "product_code": product}
    return core_event(event_id, "DepositPosted", day, **account, amount=amount)


def charged(event_id: str, day: str, amount: str, customer: str = "c1") -> dict[str, Any]:
    """A fee."""
    fee = {"customer_id": customer, "kind": "settlement", "product_code": "AGT"}
    return core_event(event_id, "FeeCharged", day, **fee, amount=amount)


HALVES = {"m1": "0.5", "m2": "0.5"}
THIRDS = {"m1": "0.3333", "m2": "0.3333", "m3": "0.3334"}
LOAN = {"customer_id": "c2", "loan_id": "l2", "product_code": "TRM"}
EVERYTHING: list[BankFact] = [
    Assigned("c1", date(2026, 7, 20), HALVES),
    Assigned("c2", date(2026, 7, 1), THIRDS),
    Posted((paid("e1", "2026-07-01", "360000.01"), paid("e2", "2026-07-19", "0.01", MOVING))),
    Posted((paid("e3", "2026-07-20", "0.01", "AGT"), paid("e4", "2026-08-10", "0.01", MOVING))),
    Posted((core_event("e5", "LoanDisbursed", "2026-07-08", **LOAN, amount="1000000.00"),)),
    Posted((core_event("e6", "LoanReclassified", "2026-08-01", **LOAN, to_class="doubtful"),)),
    Posted((charged("e7", "2026-07-20", "0.01"), charged("e8", "2026-07-19", "5.55", "c2"))),
    PoolDeclared("2026-07", "it", "100.00", "entries"),
    PoolDeclared("2026-07", "hr", "0.05", "revenue"),
    PoolDeclared("2026-08", "it", "77.77", "balances"),
    PoolDeclared("2026-08", "hr", "12.34", "revenue"),
    Closed(),
    PoolDeclared("2026-07", "it", "1.00", "entries"),  # too late
    Assigned("c1", date(2026, 7, 20), {"m3": "0.6667", "m2": "0.3333"}),  # replaces, in a closed month
    Assigned("c2", date(2026, 8, 10), {}),
    Assigned("c2", date(2026, 8, 31), THIRDS),
    Assigned("c1", date(2026, 8, 11), HALVES),
    Assigned("c1", date(2026, 8, 20), HALVES),  # the same shares, split anew
    Posted((paid("e9", "2026-07-20", "9999.99", "DEM"), paid("e10", "2026-06-30", "0.03", MOVING))),
    Posted((core_event("e11", "LoanRepaid", "2026-07-31", **LOAN, principal="0.01", interest="7.00"),)),
    PolicySet("2026-08", {"deposit_rate": "3", "day_basis": 365, "provision_rates": {"doubtful": "60"}}),
    Posted((core_event("e12", "LoanWrittenOff", "2026-08-31", **LOAN),)),
    Posted((core_event("e13", "LoanRecovered", "2026-09-01", **LOAN, amount="100.01"),)),
    Closed("2026-09"),  # out of turn
    Closed(),
    Posted((paid("e14", "2026-08-10", "-360000.00"), charged("e15", "2026-07-01", "0.01"))),
    PolicySet(
        "2026-07", {"deposit_rate": "9.99"}
    ),  # of a closed month, which the late fee makes be computed anew
    PoolDeclared("2026-09", "it", "0.10", "entries"),
    Closed(),
]
"""One of each kind that is rare by chance: odd cents in several products of one account, facts dated on effective
dates, words that replace, repeat and empty, and late facts about closed months and the time before."""


@settings(
    max_examples=12,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # each example starts a service on fresh databases
)
@example(history=EVERYTHING, doors=[False])
@given(history=random_bank_history(), doors=st.lists(st.booleans(), min_size=1, max_size=5))
async def test_whatever_a_bank_tells_in_whatever_order_the_ledger_equals_the_reference(
    postgres_url: str, history: list[BankFact], doors: list[bool]
) -> None:
    async with running_service(define, postgres_url) as service:
        ledger = WholeLedger(Bank(service))
        for code, since, department in BANK_PRODUCTS:
            await ledger.tell(ProductMoved(code, since, department))
        for number, fact in enumerate(history):
            ledger.through_log = doors[number % len(doors)]
            await ledger.tell(fact)
            await ledger.check_invariants()
            await ledger.note()
            if isinstance(fact, Closed):
                await ledger.check_statements()
        await ledger.check_statements()
        await ledger.check_legs()
        await ledger.check_reconciliation()
        await ledger.check_moments()
        await ledger.check_replay()
