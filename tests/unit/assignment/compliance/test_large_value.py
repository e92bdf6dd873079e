"""The watch adds up each posting once, and raises one duty for a day on which either side comes to the limit."""

from collections.abc import Sequence
from datetime import date
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.assignment.domain.business_day import after_business_days
from services.assignment.domain.compliance import large_value
from services.assignment.domain.compliance.large_value import (
    DECIDER,
    Consulted,
    CustomerDay,
    Deposit,
    DepositsWatched,
    Sides,
    WatchDeposits,
    large_value_duty,
    read_deposits,
)
from services.assignment.domain.compliance.shards import SHARDS, stream_in
from services.assignment.domain.policy import Policies, PolicyTerms
from shared.contracts.assignment import DutyKind, DutyRaised
from shared.contracts.types import parse
from shared.infrastructure.event_log import PARTITIONS
from shared.infrastructure.event_store import shard_of_stream

DAY = date(2026, 9, 30)
LARGE = 5_000_000
DEFAULT = Policies()


def deposit(event_id: str, amount: int, customer_id: str = "c1", day: date = DAY, offset: int = 7) -> Deposit:
    return Deposit(event_id, customer_id, day, amount, offset)


class Memory:
    """What the views would remember, and the duties raised."""

    def __init__(self, policies: Policies = DEFAULT) -> None:
        self.policies = policies
        self.seen: set[str] = set()
        self.sums: dict[CustomerDay, Sides] = {}
        self.duties: list[DutyRaised] = []

    def watch(self, *deposits: Deposit) -> None:
        raised = frozenset(duty.duty_id for duty in self.duties)
        consulted = Consulted(frozenset(self.seen), dict(self.sums), raised, self.policies)
        for fact in large_value.decide(WatchDeposits(3, deposits), None, consulted):
            if isinstance(fact, DepositsWatched):
                assert self.seen.isdisjoint(fact.event_ids)
                self.seen.update(fact.event_ids)
                for key, sides in fact.sums.items():
                    self.sums[key] = self.sums.get(key, Sides()).plus(sides)
            else:
                assert isinstance(fact, DutyRaised)
                self.duties.append(fact)


def test_there_is_a_stream_for_each_partition_in_the_shard_of_the_same_number() -> None:
    assert SHARDS == PARTITIONS
    assert [shard_of_stream(stream_in("deposits", shard)) for shard in range(SHARDS)] == list(range(SHARDS))
    command = WatchDeposits(3, ())
    assert DECIDER.stream(command) == stream_in("deposits", 3)


def test_a_side_that_comes_to_the_limit_raises_the_duty_with_its_total() -> None:
    memory = Memory()
    memory.watch(deposit("e1", LARGE - 1), deposit("e2", -LARGE + 1))
    assert memory.duties == []
    memory.watch(deposit("e3", 1), deposit("e4", 500), deposit("e5", -1))
    [duty] = memory.duties
    assert parse(DutyRaised, duty.to_json()) == duty
    assert duty.model_dump() == {
        "duty_id": "large-value:c1:2026-09-30",
        "kind": DutyKind.LARGE_VALUE_REPORT,
        "customer_id": "c1",
        "raised_on": DAY,
        "due_on": date(2026, 10, 13),  # the golden week does not count, the Saturday worked for it does
        "reason": "50000.00 paid in on 2026-09-30, to be reported from 50000.00 on",
        "amount": "50000.00",
    }
    assert duty.amount == LARGE


def test_what_is_drawn_is_watched_for_itself() -> None:
    memory = Memory()
    memory.watch(deposit("e1", -LARGE - 50), deposit("e2", LARGE))
    [duty] = memory.duties
    assert (duty.amount, duty.reason[:14]) == (LARGE + 50, "50000.50 drawn")


def test_customers_and_days_are_watched_apart() -> None:
    memory = Memory()
    other = date(2026, 9, 29)
    memory.watch(deposit("e1", LARGE - 1), deposit("e2", 1, "c2"), deposit("e3", 1, day=other))
    assert memory.duties == []
    assert memory.sums == {
        ("c1", DAY): Sides(LARGE - 1, 0),
        ("c2", DAY): Sides(1, 0),
        ("c1", other): Sides(1, 0),
    }


def test_the_policy_of_the_business_day_says_how_much_is_much_and_by_when() -> None:
    policies = Policies.of([(date(2026, 9, 1), PolicyTerms(large_value="10.00", large_value_days=1))])
    memory = Memory(policies)
    memory.watch(deposit("e1", 1000), deposit("e2", 1000, day=date(2026, 8, 31)))
    [duty] = memory.duties
    assert (duty.raised_on, duty.due_on) == (DAY, after_business_days(DAY, 1))


def test_postings_that_are_known_come_to_nothing() -> None:
    memory = Memory()
    memory.watch(deposit("e1", LARGE))
    memory.watch(deposit("e1", LARGE), deposit("e1", LARGE))
    assert memory.sums == {("c1", DAY): Sides(LARGE, 0)}
    assert large_value.decide(WatchDeposits(3, ()), None, Consulted()) == []
    assert DECIDER.evolve(None, memory.duties[0]) is None


def test_a_deadline_never_lies_beyond_the_calendar() -> None:
    memory = Memory()
    memory.watch(deposit("e1", LARGE, day=date(2199, 12, 31)))
    assert [duty.due_on for duty in memory.duties] == [date(2199, 12, 31)]


def test_what_was_watched_says_where_in_the_log_it_was_found_and_is_read_back_as_it_was() -> None:
    deposits = [
        deposit("e2", -150, offset=9),
        deposit("e1", 10**18 + 1, "客户", offset=8),
        deposit("e3", 7, day=date(2026, 10, 1)),
    ]
    [watched, *_] = large_value.decide(WatchDeposits(3, deposits), None, Consulted())
    assert isinstance(watched, DepositsWatched)
    assert (watched.first_offset, watched.last_offset, watched.event_ids) == (7, 9, ("e2", "e1", "e3"))
    assert watched.business_date == date(2026, 10, 1)
    assert (watched.partition, watched.stream) == (3, stream_in("deposits", 3))
    assert read_deposits(watched.to_json().decode()) == watched


numbered = st.lists(
    st.tuples(
        st.sampled_from(["c1", "c2"]),
        st.sampled_from([DAY, date(2026, 10, 9)]),
        st.integers(-LARGE, LARGE).filter(bool),
    ),
    max_size=12,
)


def _plain(deposits: Sequence[Deposit]) -> tuple[set[str], dict[CustomerDay, Sides]]:
    """Ids of the duties and the sums, the way one would do it by hand."""
    sums: dict[CustomerDay, Sides] = {}
    for _, customer_id, day, amount, _ in deposits:
        paid_in, drawn = sums.get((customer_id, day), Sides())
        sums[customer_id, day] = Sides(paid_in + max(amount, 0), drawn + max(-amount, 0))
    return {large_value_duty(key) for key, sides in sums.items() if max(sides) >= LARGE}, sums


@given(numbered, st.data())
def test_any_order_and_batches_with_repetitions_come_to_the_same(
    facts: list[tuple[str, date, int]], data: st.DataObject
) -> None:
    deposits = [deposit(f"e{n}", amount, who, day) for n, (who, day, amount) in enumerate(facts)]
    duties, sums = _plain(deposits)
    again = data.draw(st.lists(st.sampled_from(deposits), max_size=6)) if deposits else []
    shuffled = data.draw(st.permutations([*deposits, *again]))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(shuffled)), max_size=5)))
    memory = Memory()
    for first, last in pairwise([0, *cuts, len(shuffled)]):
        memory.watch(*shuffled[first:last])
    assert sorted(duty.duty_id for duty in memory.duties) == sorted(duties)
    assert memory.sums == sums


@given(numbered, st.integers(1, 12))
def test_the_same_order_in_other_batches_gives_the_very_same_duties(
    facts: list[tuple[str, date, int]], size: int
) -> None:
    deposits = [deposit(f"e{n}", amount, who, day) for n, (who, day, amount) in enumerate(facts)]
    at_once, in_parts = Memory(), Memory()
    at_once.watch(*deposits)
    for start in range(0, len(deposits), size):
        in_parts.watch(*deposits[start : start + size])
    assert at_once.duties == in_parts.duties


@given(numbered)
def test_no_duty_is_raised_below_the_limit(facts: list[tuple[str, date, int]]) -> None:
    memory = Memory()
    for n, (who, day, amount) in enumerate(facts):
        memory.watch(deposit(f"e{n}", amount, who, day))
    for duty in memory.duties:
        assert duty.amount is not None
        assert duty.amount >= LARGE
        assert duty.amount <= max(memory.sums[duty.customer_id, duty.raised_on])


@pytest.mark.parametrize("amount", [1, -1])
def test_sides_are_never_below_zero(amount: int) -> None:
    memory = Memory()
    memory.watch(deposit("e1", amount))
    assert min(memory.sums["c1", DAY]) == 0
