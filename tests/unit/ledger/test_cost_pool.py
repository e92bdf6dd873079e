"""Cost pools: declared before the month closes; the last word on a pool counts."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import orjson
import pytest

from services.ledger.domain.calendar import Calendar
from services.ledger.domain.cost_pool import DECIDER, DeclareCostPool
from shared.contracts.ledger import CostPoolDeclared, Driver
from shared.contracts.types import parse
from shared.kernel.errors import Refusal
from shared.kernel.event import Fact

RENT = DeclareCostPool(202607, "rent", 1234567, Driver.BALANCES)
OPEN = Calendar(202606)


def declare(command: DeclareCostPool, *before: Fact, calendar: Calendar = OPEN) -> Sequence[Fact]:
    """What a command adds to the pool's history."""
    present = DECIDER.initial
    for fact in before:
        present = DECIDER.evolve(present, fact)
    return DECIDER.decide(command, present, calendar)


def test_a_pool_is_declared_on_the_last_day_of_its_month() -> None:
    [declared] = declare(RENT)
    assert isinstance(declared, CostPoolDeclared)
    assert declared.stream == DECIDER.stream(RENT) == "pool-2026-07:rent"
    assert declared.business_date == date(2026, 7, 31)
    assert orjson.loads(declared.to_json()) == {
        "period": "2026-07",
        "pool": "rent",
        "amount": "12345.67",
        "driver": "balances",
    }


def test_declaring_the_same_again_changes_nothing_also_when_it_was_read_back() -> None:
    [declared] = declare(RENT)
    assert declare(RENT, declared) == []
    assert declare(RENT, parse(CostPoolDeclared, declared.to_json())) == []


@pytest.mark.parametrize(
    "other", [replace(RENT, amount=1234568), replace(RENT, driver=Driver.REVENUE)], ids=["amount", "driver"]
)
def test_another_word_on_the_same_pool_replaces_the_earlier(other: DeclareCostPool) -> None:
    assert DECIDER.stream(other) == DECIDER.stream(RENT)
    [first] = declare(RENT)
    [second] = declare(other, first)
    assert isinstance(second, CostPoolDeclared)
    assert (second.amount, second.driver) == (other.amount, other.driver)
    assert declare(other, first, second) == []
    assert declare(RENT, first, second) == [first]


@pytest.mark.parametrize("closed_through", [202607, 202612])
def test_a_pool_of_a_closed_month_is_refused_whether_it_was_declared_or_not(closed_through: int) -> None:
    for before in ([], declare(RENT)):
        with pytest.raises(Refusal, match=r"^period: 2026-07 is closed") as refused:
            declare(RENT, *before, calendar=Calendar(closed_through))
        assert (refused.value.rule, refused.value.field) == ("pool-before-close", "period")


def test_pools_of_two_months_or_names_have_histories_of_their_own() -> None:
    commands = [RENT, replace(RENT, month=202608), replace(RENT, pool="energy")]
    assert [DECIDER.stream(one) for one in commands] == [
        "pool-2026-07:rent",
        "pool-2026-08:rent",
        "pool-2026-07:energy",
    ]
