"""Targets: who may have which, how they are split, and that nothing is lost on the way down."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.appraisal.domain.quarters import Quarters, closed_by
from services.appraisal.domain.target import DECIDER, CascadeTarget, Command, Consulted, SetTarget
from services.appraisal.domain.target_event import (
    FACTS,
    Target,
    TargetCascaded,
    TargetChanged,
    Targets,
    TargetSet,
    stream_of,
)
from services.appraisal.domain.unit import Place, Places, Unit, UnitKind
from shared.kernel.books import Book
from shared.kernel.errors import Refusal
from shared.kernel.event import Fact

PROFIT, STOCK, RATE = "measure:efficiency", "stock:loan_balance", "satisfaction"
BANK = Unit(UnitKind.BANK, "bank")
B1, B2 = Unit(UnitKind.BRANCH, "b1"), Unit(UnitKind.BRANCH, "b2")
T1, T2 = Unit(UnitKind.TEAM, "t1"), Unit(UnitKind.TEAM, "t2")
M1, M2, M3 = (Unit(UnitKind.MANAGER, name) for name in ("m1", "m2", "m3"))
D1, D2 = Unit(UnitKind.DEPARTMENT, "lending"), Unit(UnitKind.DEPARTMENT, "deposits")
MARCH, JULY = date(2026, 3, 10), date(2026, 7, 10)


def set_target(unit: Unit, amount: int, today: date = MARCH, source: str = PROFIT, **more: Any) -> SetTarget:
    return SetTarget(2026, source, unit, amount, "agreed", today, **more)


def cascade(
    unit: Unit, parts: Mapping[Unit, int], today: date = MARCH, source: str = PROFIT
) -> CascadeTarget:
    return CascadeTarget(2026, source, unit, parts, "agreed", today)


def decide(command: Command, targets: Targets, places: Mapping[str, Place] | None = None) -> Sequence[Fact]:
    return DECIDER.decide(command, targets, Consulted(Places.of(places or {})))


def told(fact: Fact, targets: Targets) -> Targets:
    """The targets after a fact, which is read back from what is stored of it first."""
    [kind] = [one for one in FACTS if one is type(fact)]
    return DECIDER.evolve(targets, kind.model_validate_json(fact.to_json()))


def after(*commands: Command) -> Targets:
    targets = DECIDER.initial
    for command in commands:
        for fact in decide(command, targets):
            targets = told(fact, targets)
    return targets


def refused(
    command: Command, targets: Targets, places: Mapping[str, Place] | None = None
) -> tuple[str, str, str]:
    with pytest.raises(Refusal) as caught:
        decide(command, targets, places)
    return caught.value.rule, caught.value.field, caught.value.detail


def amounts(targets: Targets) -> dict[str, int]:
    return {unit.id: target.amount for unit, target in targets.by_unit.items()}


CASCADED = after(
    set_target(BANK, 1000),
    cascade(BANK, {B1: 600, B2: 400}),
    cascade(BANK, {D1: 700, D2: 300}),
    cascade(B1, {T1: 450, T2: 150}),
    cascade(T1, {M1: 300, M2: 150}),
)


def test_a_target_is_set_with_even_quarters() -> None:
    command = set_target(M1, 1001)
    [fact] = decide(command, Targets())
    assert isinstance(fact, TargetSet)
    assert fact.stream == command.stream == "target-measure:efficiency#2026"
    assert fact.business_date == MARCH
    assert (
        fact.to_json()
        == b'{"year":2026,"source":"measure:efficiency","reason":"agreed","business_date":"2026-03-10",'
        b'"target":{"kind":"manager","id":"m1","amount":"10.01","quarters":["2.51","2.50","2.50","2.50"]}}'
    )


def test_a_target_is_set_with_the_quarters_that_are_given() -> None:
    targets = after(set_target(M1, 1000, quarters=(400, 300, 200, 100)))
    assert targets.by_unit[M1] == Target(1000, (400, 300, 200, 100))
    assert refused(set_target(M1, 1000, quarters=(1, 2, 3, 4)), Targets())[0] == "quarters-add-up"


def test_a_target_set_late_for_the_first_time_is_for_the_whole_year() -> None:
    assert after(set_target(M1, 1000, JULY)).by_unit[M1].quarters == (250, 250, 250, 250)


def test_a_change_in_the_third_quarter_leaves_the_first_two() -> None:
    before = set_target(M1, 1000)
    assert after(before, set_target(M1, 1400, JULY)).by_unit[M1] == Target(1400, (250, 250, 450, 450))
    rule, field, _ = refused(set_target(M1, 1400, JULY, quarters=(350, 350, 350, 350)), after(before))
    assert (rule, field) == ("closed-quarters-stand", "quarters")
    assert refused(set_target(M1, 499, JULY), after(before))[0] == "closed-quarters-stand"


def test_the_same_said_again_is_nothing_new() -> None:
    assert decide(set_target(BANK, 1000), CASCADED) == []
    assert decide(set_target(BANK, 1000, spread=True), CASCADED) == []
    assert decide(cascade(BANK, {B2: 400, B1: 600}), CASCADED) == []


def test_a_change_leaves_the_parts_where_they_are() -> None:
    [fact] = decide(set_target(BANK, 1200), CASCADED)
    assert isinstance(fact, TargetChanged)
    assert fact.below == ()
    assert amounts(told(fact, CASCADED)) == amounts(CASCADED) | {"bank": 1200}


def test_a_spread_rescales_all_below_on_both_sides() -> None:
    [fact] = decide(set_target(BANK, 2000, spread=True), CASCADED)
    found = told(fact, CASCADED)
    assert amounts(found) == {name: 2 * amount for name, amount in amounts(CASCADED).items()}
    assert found.by_unit[T1].whole == B1


def test_a_spread_tells_of_those_alone_who_have_another_target() -> None:
    targets = after(set_target(B1, 101), cascade(B1, {T1: 100, T2: 1}))
    [fact] = decide(set_target(B1, 102, spread=True), targets)
    assert isinstance(fact, TargetChanged)
    assert [one.id for one in fact.below] == ["t1"]


def test_a_spread_closes_the_gaps_below() -> None:
    torn = after(
        set_target(BANK, 1000), cascade(BANK, {B1: 600, B2: 400}), set_target(B1, 700), set_target(B2, 350)
    )
    [fact] = decide(set_target(BANK, 1000, spread=True), torn)
    assert amounts(told(fact, torn)) == {"bank": 1000, "b1": 667, "b2": 333}


def test_a_spread_in_the_third_quarter_leaves_the_first_two_of_everybody() -> None:
    [fact] = decide(set_target(BANK, 2000, JULY, spread=True), CASCADED)
    found = told(fact, CASCADED)
    for unit, target in found.by_unit.items():
        assert target.quarters[:2] == CASCADED.by_unit[unit].quarters[:2]
    assert amounts(found)["b1"] == 1200


def test_parts_that_do_not_add_up_are_refused_with_the_difference() -> None:
    for parts, difference in (({B1: 600, B2: 399}, "0.01"), ({B1: 600, B2: 500}, "-1.00")):
        rule, field, detail = refused(cascade(BANK, parts), CASCADED)
        assert (rule, field) == ("parts-add-up", "parts")
        assert detail == f"must add up to the whole; the difference is {difference}"


@pytest.mark.parametrize(
    ("unit", "parts"),
    [
        (BANK, {T1: 1000}),
        (BANK, {M1: 1000}),
        (BANK, {B1: 500, D1: 500}),
        (B1, {B2: 600}),
        (T1, {T2: 450}),
        (M1, {M2: 300}),
        (D1, {D2: 700}),
    ],
)
def test_parts_are_one_level_below_and_of_one_side(unit: Unit, parts: dict[Unit, int]) -> None:
    assert refused(cascade(unit, parts), CASCADED)[0] == "parts-are-one-level-below"


def test_what_does_not_add_up_over_units_is_not_split() -> None:
    targets = after(set_target(BANK, 4_000_000, source=RATE))
    rule, field, _ = refused(cascade(BANK, {B1: 4_000_000}, source=RATE), targets)
    assert (rule, field) == ("source-adds-up", "source")


def test_what_is_not_set_cannot_be_split() -> None:
    assert refused(cascade(BANK, {B1: 1}), Targets())[:2] == ("target-is-set", "unit")


def test_parts_have_the_sign_of_the_whole() -> None:
    rule, field, _ = refused(cascade(BANK, {B1: 1100, B2: -100}), CASCADED)
    assert (rule, field) == ("parts-have-the-sign-of-the-whole", "parts.1.amount")
    costs = after(set_target(BANK, -100), cascade(BANK, {B1: -70, B2: -30}))
    assert (costs.by_unit[B1].quarters, costs.by_unit[B2].quarters) == (
        (-18, -17, -18, -17),
        (-7, -8, -7, -8),
    )


def test_a_target_of_zero_is_refused_of_the_whole_and_of_a_part() -> None:
    assert refused(set_target(M1, 0), CASCADED)[:2] == ("target-is-not-zero", "amount")
    assert refused(cascade(BANK, {B1: 1000, B2: 0}), CASCADED)[:2] == ("target-is-not-zero", "parts.1.amount")


def test_a_unit_is_part_of_one_whole() -> None:
    targets = after(set_target(T2, 100), set_target(T1, 100), cascade(T1, {M1: 100}))
    assert refused(cascade(T2, {M1: 100}), targets)[:2] == ("part-of-one-whole", "parts.0.id")


def test_who_is_not_named_any_more_stands_by_themselves() -> None:
    [fact] = decide(cascade(T1, {M1: 450}), CASCADED)
    assert isinstance(fact, TargetCascaded)
    found = told(fact, CASCADED)
    assert (found.by_unit[M1].whole, found.by_unit[M2].whole) == (T1, None)
    assert found.by_unit[M2].amount == 150
    released = told(decide(cascade(T2, {M2: 150}), found)[0], found)
    assert released.by_unit[M2].whole == T2


def test_splitting_one_side_of_the_bank_leaves_the_other() -> None:
    [fact] = decide(cascade(BANK, {D1: 1000}), CASCADED)
    found = told(fact, CASCADED)
    assert {unit for unit, target in found.by_unit.items() if target.whole == BANK} == {B1, B2, D1}


def test_a_manager_without_a_team_is_a_part_of_the_branch() -> None:
    targets = after(set_target(B1, 100), cascade(B1, {T1: 60, M3: 40}))
    assert targets.by_unit[M3].whole == B1


PLACES = {"m1": Place("b1", "t1"), "m2": Place("b1", None)}


@pytest.mark.parametrize(
    ("unit", "part", "fits"),
    [
        (T1, M1, True),
        (T2, M1, False),
        (B1, M1, False),
        (T1, M2, False),
        (B1, M2, True),
        (B2, M2, False),
        (B1, T1, True),
        (B2, T1, False),
        (B2, T2, True),
        (B2, M3, True),
    ],
)
def test_parts_belong_to_the_whole_as_far_as_is_known(unit: Unit, part: Unit, fits: bool) -> None:
    targets = after(set_target(unit, 100))
    if fits:
        assert decide(cascade(unit, {part: 100}), targets, PLACES)
    else:
        assert refused(cascade(unit, {part: 100}), targets, PLACES)[:2] == ("part-is-below", "parts.0.id")


def test_departments_have_no_targets_of_what_only_managers_do() -> None:
    source = "customers-gained"
    rule, field, _ = refused(set_target(D1, 5, source=source), Targets())
    assert (rule, field) == ("source-is-of-managers", "unit.kind")
    targets = after(set_target(BANK, 5, source=source))
    rule, field, _ = refused(cascade(BANK, {D1: 5}, source=source), targets)
    assert (rule, field) == ("source-is-of-managers", "parts.0.kind")


def test_departments_have_targets_of_the_conduct_that_is_theirs() -> None:
    assert after(set_target(D1, 5, source="referrals-won")).by_unit[D1].amount == 5


def test_sources_and_years_are_streams_of_their_own() -> None:
    commands = set_target(BANK, 1, source="breaches"), cascade(BANK, {B1: 1}, source="breaches")
    assert (
        {DECIDER.stream(one) for one in commands} == {stream_of("breaches", 2026)} == {"target-breaches#2026"}
    )


UNITS: Mapping[Unit, Sequence[Unit]] = {BANK: [B1, B2, D1, D2], B1: [T1, T2], T1: [M1, M2], T2: [M3]}
DAYS = [date(2026, 1, 5), date(2026, 5, 5), date(2026, 8, 5), date(2026, 11, 5), date(2027, 2, 5)]

everybody = st.sampled_from([BANK, B1, B2, D1, D2, T1, T2, M1, M2, M3])
steps = st.lists(
    st.one_of(
        st.tuples(st.just("set"), everybody, st.integers(-300, 3000), st.booleans()),
        st.tuples(
            st.just("cascade"),
            st.sampled_from([BANK, B1, T1, T2]),
            st.sampled_from(Book),
            st.lists(st.integers(0, 9), min_size=2, max_size=2),
        ),
        st.just(("later",)),
    ),
    max_size=20,
)


def next_command(step: Any, targets: Targets, day: date, source: str) -> Command:
    if step[0] == "set":
        _, unit, amount, spread = step
        return set_target(unit, amount, day, source, spread=spread)
    _, unit, side, weights = step
    parts = [part for part in UNITS[unit] if part.kind.side is side] or list(UNITS[unit])
    whole = targets.by_unit[unit].amount if unit in targets.by_unit else 0
    first = whole * weights[0] // (sum(weights) or 1) if len(parts) > 1 else whole
    return cascade(unit, dict(zip(parts, (first, whole - first), strict=False)), day, source)


def adds_up(targets: Targets, unit: Unit) -> None:
    """The parts of a unit on each side add up to it, and so on downwards."""
    for (whole, _), parts in targets.parts().items():
        if whole == unit:
            assert sum(part.amount for part in parts.values()) == targets.by_unit[unit].amount
            for part in parts:
                adds_up(targets, part)


@given(steps, st.sampled_from([PROFIT, STOCK]))
def test_after_any_sequence_nothing_is_lost(sequence: list[Any], source: str) -> None:
    """Quarters come to the year, closed ones stay, parts to the whole wherever it was split or spread just now."""
    targets, days = DECIDER.initial, list(DAYS)
    for step in sequence:
        if step[0] == "later":
            days = days[1:] or days
            continue
        command, before = next_command(step, targets, days[0], source), targets
        try:
            for fact in decide(command, targets):
                targets = told(fact, targets)
        except Refusal:
            continue
        closed = closed_by(2026, days[0])
        for unit, target in targets.by_unit.items():
            assert comes_to(source, target.quarters) == target.amount
            if unit in before.by_unit:
                assert target.quarters[:closed] == before.by_unit[unit].quarters[:closed]
        if isinstance(command, CascadeTarget):
            parts = [targets.by_unit[part] for part in command.parts]
            assert sum(part.amount for part in parts) == targets.by_unit[command.unit].amount
        elif command.spread and command.unit in before.by_unit:
            adds_up(targets, command.unit)


def comes_to(source: str, quarters: Quarters) -> int:
    return sum(quarters) if source == PROFIT else quarters[-1]
