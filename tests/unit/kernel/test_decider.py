"""Deciders and events are values: two pure functions, and what they yield."""

from dataclasses import FrozenInstanceError, dataclass
from datetime import date

import pytest

from shared.kernel.decider import Decider
from shared.kernel.event import Fact, Origin


@dataclass(frozen=True)
class Counted:
    """A fact of a counter."""

    by: int
    business_date: date = date(2026, 7, 1)
    stream: str = "counter-1"

    def to_json(self) -> bytes:
        return b'{"by":%d}' % self.by


COUNTER: Decider[int, int, None] = Decider(
    stream=lambda _: "counter-1",
    initial=0,
    decide=lambda by, total, _: [Counted(by)] if total + by <= 10 else [],
    evolve=lambda total, fact: total + getattr(fact, "by", 0),
)


def test_a_decider_is_tested_with_values_alone() -> None:
    total = COUNTER.initial
    for command in (4, 5, 6, 1):
        facts: list[Fact] = list(COUNTER.decide(command, total, None))
        for fact in facts:
            total = COUNTER.evolve(total, fact)
    assert total == 10


def test_two_deciders_are_never_equal_so_that_each_may_be_a_key() -> None:
    twin = Decider(COUNTER.stream, COUNTER.initial, COUNTER.decide, COUNTER.evolve)
    assert twin != COUNTER
    assert {COUNTER: 1, twin: 2}[COUNTER] == 1


def test_a_decider_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        COUNTER.initial = 7  # type: ignore[misc]


def test_an_origin_without_a_message_has_no_message_id() -> None:
    assert Origin("anna", "http/1") == Origin("anna", "http/1", "{}", None)
