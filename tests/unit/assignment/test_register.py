"""The register: classes of loans, contribution, trend, and the tiers that contribution suggests."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.assignment.domain import register
from services.assignment.domain.policy import DEFAULT, TierBand
from services.assignment.domain.register import (
    Consulted,
    LoanClassNoted,
    TakeLoan,
    TakeResult,
    Trend,
    contribution,
    suggested_tiers,
    trend,
)
from shared.contracts.ledger import CustomerResultStated, LoanAfter
from shared.kernel.books import Line, LoanClass

DAY = date(2026, 7, 8)
RESULT = CustomerResultStated(
    customer_id="c1",
    period="2026-07",
    lines=dict.fromkeys(Line, "10.00"),  # type: ignore[misc]  # read as on the wire
    stocks={Line.DEPOSIT_BALANCE: "500.00", Line.LOAN_BALANCE: "0.00"},  # type: ignore[dict-item]
)


def loan(loan_class: LoanClass = LoanClass.NORMAL, position: int = 1, *, closed: bool = False) -> TakeLoan:
    after = LoanAfter(
        loan_id="l1",
        loan_class=loan_class,
        outstanding="1.00",
        held="0.00",
        closed=closed,  # type: ignore[arg-type]
    )
    return TakeLoan("c1", after, DAY, position)


def test_a_result_is_entered_as_it_was_stated() -> None:
    assert register.decide(TakeResult(RESULT), None, Consulted()) == [RESULT]
    assert register.DECIDER.stream(TakeResult(RESULT)) == "customer-c1#results"
    assert register.DECIDER.evolve(None, RESULT) is None
    assert register.follow(Consulted(), RESULT) == Consulted()


def test_a_loan_is_entered_where_its_class_is_another_and_not_otherwise() -> None:
    consulted = Consulted()
    entered = []
    steps = (loan(), loan(position=2), loan(LoanClass.LOSS, 3), loan(LoanClass.LOSS, 4, closed=True))
    for command in (*steps, *steps):  # all of them come again
        for fact in register.decide(command, None, consulted):
            assert isinstance(fact, LoanClassNoted)
            entered.append((fact.loan_class.value, fact.closed))
            consulted = register.follow(consulted, fact)
    assert entered == [("normal", False), ("loss", False), ("loss", True)]
    assert register.DECIDER.stream(loan()) == fact.stream == "customer-c1#loans"


def test_contribution_is_what_flows_bring_and_no_stock() -> None:
    assert contribution(RESULT.lines) == 10 * 1000


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        (100, 111, Trend.GROWING),
        (100, 110, Trend.STEADY),
        (100, 90, Trend.STEADY),
        (100, 89, Trend.SHRINKING),
        (0, 0, Trend.STEADY),
        (0, 1, Trend.GROWING),
    ],
)
def test_more_than_a_tenth_is_a_move(before: int, now: int, expected: Trend) -> None:
    assert trend(before, now) is expected


def test_the_few_who_bring_most_are_of_the_highest_tiers() -> None:
    brought = [("c1", 60), ("c2", 25), ("c3", 10), ("c4", 4), ("c5", 1), ("c6", 0), ("c7", -5)]
    assert suggested_tiers(brought, DEFAULT.tier_bands, "basic") == {
        "c1": "platinum",  # reaches into the first 50 %
        "c2": "gold",
        "c3": "silver",
        "c4": "basic",
        "c5": "basic",
        "c6": "basic",
        "c7": "basic",
    }


@given(
    st.dictionaries(st.text("abcdef", min_size=1, max_size=3), st.integers(-100, 1000), max_size=30),
    st.integers(1, 99),
)
def test_the_band_is_the_smallest_group_that_brings_so_many_percent(
    brought: dict[str, int], percent: int
) -> None:
    tiers = suggested_tiers(brought.items(), [TierBand(tier="key", up_to_percent=Decimal(percent))], "other")
    key: Sequence[int] = sorted(brought[one] for one in brought if tiers[one] == "key")
    total = sum(amount for amount in brought.values() if amount > 0)
    assert set(tiers) == set(brought)
    assert sum(key) * 100 >= percent * total or not total
    assert not key or sum(key[1:]) * 100 < percent * total, "without its least it would not"
    assert all(amount >= max(key, default=0) or tiers[one] == "key" or amount <= min(key, default=amount)
               for one, amount in brought.items())  # fmt: skip
