"""Random histories in random batches, on a real database: the books balance and equal the reference's, to the fen."""

from collections.abc import AsyncIterator
from datetime import date
from decimal import Decimal
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.integration.ledger.bank import Bank, opened
from tests.support.reference import PRODUCTS, ReferenceLedger, Refused, random_history

RATES = {"2026-08": {"substandard": Decimal(45), "special_mention": Decimal("2.5")}}
SHARES = [
    ("c1", "2026-07-01", {"m1": "1"}),
    ("c2", "2026-07-01", {"m1": "0.6", "m2": "0.4"}),
    ("c2", "2026-08-10", {"m1": "0.3333", "m2": "0.3333", "m3": "0.3334"}),
    ("c3", "2026-07-15", {"m3": "1"}),
    ("c3", "2026-08-15", {}),
]
LAST_DAYS = [date(2026, 6, 30), date(2026, 7, 31), date(2026, 8, 31), date(2026, 9, 30)]

batches = st.lists(st.integers(1, 12), min_size=1, max_size=8)
examples = count()


@pytest.fixture(scope="module")
async def books(postgres_url: str) -> AsyncIterator[Bank]:
    """A bank in which each example has customers, loans, managers and products of its own."""
    async with opened(postgres_url) as bank:
        rates = {name: str(rate) for name, rate in RATES["2026-08"].items()}
        await bank.accountant.put("/v1/policies/2026-08", json={"provision_rates": rates})
        yield bank


class Example:
    """One history under names of its own, told to the ledger and to the reference."""

    def __init__(self, bank: Bank) -> None:
        self.bank = bank
        self.prefix = f"x{next(examples)}-"
        self.reference = ReferenceLedger(provision_rates=dict(RATES))

    async def begin(self) -> None:
        """Define the products and say who looks after whom."""
        for code, department in PRODUCTS.items():
            await self.bank.define(self.prefix + code, self.prefix + department)
            self.reference.products.append((self.prefix + code, date(1900, 1, 1), self.prefix + department))
        for customer, since, shares in SHARES:
            named = {self.prefix + manager: share for manager, share in shares.items()}
            await self.bank.assign(self.prefix + customer, named, since)
            self.reference.assignments.append((self.prefix + customer, date.fromisoformat(since), named))
        await self.bank.service.caught_up()

    def named(self, event: dict[str, Any]) -> dict[str, Any]:
        """The event under the names of this example."""
        data = dict(event["data"])
        for field in ("customer_id", "manager_id", "loan_id", "product_code"):
            if field in data:
                data[field] = self.prefix + data[field]
        return {**event, "id": self.prefix + event["id"], "data": data}

    def expected(self, event: dict[str, Any]) -> str:
        """What the reference makes of an event."""
        try:
            return self.reference.book(event["id"], event["type"], event["data"])
        except Refused:
            return "rejected"

    async def legs(self) -> list[tuple[Any, ...]]:
        """All legs that the ledger has booked for this example."""
        return sorted(
            await self.bank.service.rows(
                "SELECT event_id, book::text, line::text, centre_id, contra, amount, leg.business_date "
                "FROM leg JOIN event USING (shard, position) WHERE event_id LIKE $1",
                self.prefix + "%",
            )
        )

    async def stated(self, book: str, last_day: date) -> dict[str, Any]:
        """The statements of this example's centres for a month, by centre."""
        answer = await self.bank.get(f"/v1/books/{book}/statements", period=last_day.isoformat()[:7])
        return {
            item["centre_id"]: item for item in answer["items"] if item["centre_id"].startswith(self.prefix)
        }


@settings(
    max_examples=12,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # the rules' own test of histories shrinks faster
)
@given(history=random_history(least=20, most=60), sizes=batches)
async def test_random_histories_in_random_batches_equal_the_reference(
    books: Bank, history: list[dict[str, Any]], sizes: list[int]
) -> None:
    example = Example(books)
    await example.begin()
    events = [example.named(event) for event in history]
    while events:
        size = sizes[0]
        sizes = [*sizes[1:], size]
        batch, events = events[:size], events[size:]
        answer = await books.post(*batch)
        expected = [example.expected(event) for event in batch]
        assert [result["status"] for result in answer["results"]] == expected
    assert await example.legs() == sorted(
        (leg.event_id, leg.book, leg.line, leg.centre, leg.contra, int(leg.amount * 100), leg.day)
        for leg in example.reference.legs
    )
    for book in ("manager", "department"):
        for last_day in LAST_DAYS:
            await compare_statements(example, book, last_day)


async def compare_statements(example: Example, book: str, last_day: date) -> None:
    """Every line, balance and average of every centre of a month."""
    reference, month = example.reference, last_day.isoformat()[:7]
    stated = await example.stated(book, last_day)
    sums = reference.totals(book, [month])
    seen = {
        leg.centre for leg in reference.legs if leg.book == book and not leg.contra and leg.day <= last_day
    }
    for centre in {centre for centre in seen if centre.startswith(example.prefix)}:
        if centre not in stated:  # neither a balance nor a result: nothing to state
            assert not any(leg.centre == centre and leg.month == month for leg in reference.legs)
            continue
        statement = stated[centre]
        assert {line: Decimal(figure) for line, figure in statement["lines"].items()} == {
            line: sums.get((centre, line), Decimal(0)) for line in statement["lines"]
        }
        for line in ("deposit_balance", "loan_balance"):
            assert Decimal(statement["stocks"][line]) == reference.stock(book, centre, line, last_day)
            assert Decimal(statement["averages"][line]) == reference.average(book, centre, line, last_day)


async def test_after_all_histories_both_invariants_hold_for_every_entry_and_line(books: Bank) -> None:
    broken = await books.service.rows(
        """
        SELECT shard, position, line,
               sum(amount) FILTER (WHERE book = 'manager') AS manager,
               sum(amount) FILTER (WHERE book = 'department') AS department,
               sum(amount) FILTER (WHERE book = 'manager' AND NOT contra) AS managers,
               sum(amount) FILTER (WHERE book = 'department' AND NOT contra) AS departments
        FROM leg GROUP BY shard, position, line
        HAVING sum(amount) FILTER (WHERE book = 'manager') IS DISTINCT FROM 0
            OR sum(amount) FILTER (WHERE book = 'department') IS DISTINCT FROM 0
            OR sum(amount) FILTER (WHERE book = 'manager' AND NOT contra)
               IS DISTINCT FROM sum(amount) FILTER (WHERE book = 'department' AND NOT contra)
        """
    )
    assert broken == []
    assert (await books.service.rows("SELECT count(*) > 100 FROM leg")) == [(True,)]


async def test_after_all_histories_the_books_reconcile_and_verify(books: Bank) -> None:
    for period in ("2026-06", "2026-Q3", "2026"):
        assert (await books.get("/v1/reconciliation", period=period))["balanced"] is True
    assert await books.service.verify() is None
