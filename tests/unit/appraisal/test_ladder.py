"""Ratings move a grade by one step at a time, each is used once, and nobody decides on their own."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.appraisal.domain import ladder, ladder_policy
from services.appraisal.domain.cycle_event import CycleKind
from services.appraisal.domain.ladder import (
    Command,
    Consulted,
    DecideGradeChange,
    Ladder,
    OrderGradeChange,
    ProposeGradeChange,
    month_after,
)
from services.appraisal.domain.ladder_due import Direction, Due, Rated, due, quarter_before, step
from services.appraisal.domain.ladder_event import GradeChangeApproved, GradeChangeProposed
from services.appraisal.domain.ladder_policy import LADDER, LadderPolicies, LadderTerms, SetLadderPolicy
from shared.contracts.appraisal import GradeChangeDecided, Rating
from shared.kernel.errors import Refusal

DAY = date(2026, 11, 24)
TERMS = LadderTerms()
QUARTERS = [f"{year}-Q{quarter}" for year in range(2024, 2028) for quarter in range(1, 5)]


def quarter(period: str, rating: str, total: str = "70") -> Rated:
    return Rated(period, period, CycleKind.REGULAR, Rating(rating), Decimal(total))


def year(total: str, rating: str = "D", *, overruled: bool = False) -> Rated:
    return Rated("2026", "2026", CycleKind.REGULAR, Rating(rating), Decimal(total), overruled)


def review(total: str, rating: str = "B", *, overruled: bool = False) -> Rated:
    return Rated(
        "2026-Q3-promotion", "2026-Q3", CycleKind.PROMOTION, Rating(rating), Decimal(total), overruled
    )


def history(ratings: str, last: str = "2026-Q3") -> tuple[Rated, dict[str, Rated]]:
    """Quarters up to the last, their ratings oldest first; a dot is a quarter without one."""
    found: dict[str, Rated] = {}
    period = last
    for rating in reversed(ratings):
        if rating != ".":
            found[period] = quarter(period, rating)
        period = quarter_before(period)
    return found[last], found


def found(ratings: str, terms: LadderTerms = TERMS, **settled: int) -> Due | None:
    return due(*history(ratings), terms, {Direction(way): month for way, month in settled.items()})


def test_four_quarters_a_in_a_row_lead_up() -> None:
    step_due = found("AAAA")
    assert step_due is not None
    assert step_due.direction is Direction.UP
    assert step_due.months == (202510, 202609)
    assert step_due.words == "quarters in a row: 2025-Q4 A, 2026-Q1 A, 2026-Q2 A, 2026-Q3 A"


@pytest.mark.parametrize("ratings", ["AAA", "ABAA", "A.AAA", "AAAB", "DCD", "D", "D.D", "CC"])
def test_a_missing_or_another_rating_breaks_a_run(ratings: str) -> None:
    assert found(ratings) is None


def test_two_quarters_d_in_a_row_lead_down() -> None:
    step_due = found("AADD")
    assert step_due is not None
    assert (step_due.direction, len(step_due.cycles)) == (Direction.DOWN, 2)


def test_a_rating_of_the_policy_includes_the_better_up_and_the_worse_down() -> None:
    lenient = LadderTerms(quarters_up=2, rating_up=Rating.B, quarters_down=2, rating_down=Rating.C)
    up, down = found("AB", lenient), found("CD", lenient)
    assert up is not None
    assert down is not None
    assert (up.direction, down.direction) == (Direction.UP, Direction.DOWN)


def test_after_a_promotion_counting_begins_anew_with_the_quarter_after() -> None:
    assert found("AAAA", up=202512) is None
    assert found("AAAA", up=202509) is not None
    assert found("DD", up=202609) is not None, "a step up uses up no quarters for a step down"
    assert found("DD", down=202604) is None


@pytest.mark.parametrize(
    ("cycle", "direction"),
    [
        (review("90"), Direction.UP),
        (review("89.99"), None),
        (review("80", "A", overruled=True), Direction.UP),
        (review("95", "B", overruled=True), None),
        (year("59.99"), Direction.DOWN),
        (year("60"), None),
        (year("50", "C", overruled=True), None),
        (year("70", "D", overruled=True), Direction.DOWN),
        (replace(year("10"), period="2026-H1"), None),
    ],
)
def test_reviews_and_years_go_by_points_unless_an_appeal_changed_the_rating(
    cycle: Rated, direction: Direction | None
) -> None:
    step_due = due(cycle, {}, TERMS, {})
    assert (step_due and step_due.direction) == direction
    if step_due is not None:
        assert ("after an appeal" in step_due.words) is cycle.overruled


def test_nobody_steps_above_principal_or_below_trainee() -> None:
    assert step("principal", Direction.UP) is None
    assert step("trainee", Direction.DOWN) is None
    assert step("wizard", Direction.UP) is None
    assert (step("manager-1", Direction.UP), step("manager-1", Direction.DOWN)) == ("senior-2", "manager-2")


def test_a_policy_is_in_force_from_its_day_on_and_its_ratings_lie_apart() -> None:
    [fact] = ladder_policy.DECIDER.decide(
        SetLadderPolicy(DAY, LadderTerms(quarters_up=3), DAY), ladder_policy.DECIDER.initial, None
    )
    assert isinstance(fact, ladder_policy.LadderPolicySet)
    assert (fact.stream, fact.terms.quarters_up) == ("ladder_policy-bank", 3)
    assert ladder_policy.DECIDER.stream(SetLadderPolicy(DAY, TERMS, DAY)) == fact.stream
    assert ladder_policy.DECIDER.evolve(None, fact) is None
    known = LadderPolicies({DAY: fact.terms})
    assert known.in_force(date(2026, 11, 23)) == TERMS
    assert known.in_force(DAY).quarters_up == 3
    with pytest.raises(ValueError, match="rating_down must be worse"):
        LadderTerms(rating_up=Rating.B, rating_down=Rating.B)


# --- the ladder of one manager ------------------------------------------------------------------------------

UP = due(*history("AAAA"), TERMS, {})
assert UP is not None
STAFF = Consulted({"m1": "manager-2"})


def propose(step_due: Due = UP, grade: str = "manager-2", change_id: str = "g1") -> ProposeGradeChange:
    return ProposeGradeChange(change_id, "m1", "ann", DAY, step_due.cycles[-1].cycle_id, grade, step_due)


def decide(
    actor: str = "bob", *, approve: bool = True, day: date = DAY, change_id: str = "g1"
) -> DecideGradeChange:
    return DecideGradeChange(change_id, "m1", actor, day, approve, "well done")


def order(direction: Direction = Direction.DOWN, day: date = DAY, change_id: str = "x1") -> OrderGradeChange:
    return OrderGradeChange(change_id, "m1", "bob", day, direction, "demotion by measure x1")


def after(*commands: tuple[Command, Consulted]) -> Ladder:
    state = Ladder()
    for command, consulted in commands:
        for fact in ladder.decide(command, state, consulted):
            state = ladder.evolve(state, fact)
    return state


def refusal(command: Command, state: Ladder, consulted: Consulted = STAFF) -> str:
    with pytest.raises(Refusal) as refused:
        ladder.decide(command, state, consulted)
    return refused.value.rule


def test_what_is_due_is_proposed_approved_by_another_and_told() -> None:
    [proposed] = ladder.decide(propose(), Ladder(), Consulted())
    assert isinstance(proposed, GradeChangeProposed)
    assert (proposed.grade_before, proposed.grade, proposed.stream) == ("manager-2", "manager-1", "ladder-m1")
    assert proposed.cycles == ("2025-Q4", "2026-Q1", "2026-Q2", "2026-Q3")
    approved, told = ladder.decide(decide(), after((propose(), STAFF)), STAFF)
    assert isinstance(approved, GradeChangeApproved)
    assert isinstance(told, GradeChangeDecided)
    assert (told.decision_id, told.grade, told.effective_from) == ("g1", "manager-1", date(2026, 12, 1))
    assert told.reason == UP.words
    assert ladder.DECIDER.stream(propose()) == "ladder-m1"


def test_nobody_decides_on_what_they_proposed_or_on_their_own_grade() -> None:
    state = after((propose(), STAFF))
    assert refusal(decide("ann"), state) == refusal(decide("m1"), state) == "four-eyes"
    assert refusal(decide(change_id="g2"), state) == refusal(decide(), Ladder()) == "change-is-open"


def test_a_rejected_step_may_be_proposed_again() -> None:
    state = after((propose(), STAFF), (decide(approve=False), STAFF))
    assert state == Ladder()
    assert ladder.decide(propose(change_id="g2"), state, STAFF)


def test_one_step_waits_at_a_time_and_ends_of_the_ladder_are_ends() -> None:
    assert refusal(propose(change_id="g2"), after((propose(), STAFF))) == "one-step-at-a-time"
    assert refusal(propose(grade="principal"), Ladder()) == "ladder-has-ends"


def test_results_that_moved_a_grade_do_not_move_it_again() -> None:
    state = after((propose(), STAFF), (decide(), STAFF))
    assert refusal(propose(change_id="g2"), state) == "results-are-used-once"


def test_a_grade_that_has_changed_since_must_be_proposed_anew() -> None:
    state = after((propose(), STAFF))
    assert refusal(decide(), state, Consulted({"m1": "manager-3"})) == "grade-is-unchanged"
    assert refusal(decide(), state, Consulted()) == "manager-is-there"
    assert refusal(decide(), state, Consulted({"m1": "wizard"})) == "ladder-has-ends"


def test_a_demotion_is_told_at_once_and_taken_back_within_the_month() -> None:
    ordered, told = ladder.decide(order(), Ladder(), STAFF)
    assert isinstance(told, GradeChangeDecided)
    assert (told.grade, told.effective_from) == ("manager-3", date(2026, 12, 1))
    state = ladder.evolve(ladder.evolve(Ladder(), ordered), told)
    _, lifted = ladder.decide(order(Direction.UP, change_id="x1-lifted"), state, STAFF)
    assert isinstance(lifted, GradeChangeDecided)
    assert lifted.grade == "manager-2", "the record may not know of the demotion yet"
    later = order(Direction.UP, date(2026, 12, 3))
    _, lifted = ladder.decide(later, state, Consulted({"m1": "manager-3"}))
    assert isinstance(lifted, GradeChangeDecided)
    assert (lifted.grade, lifted.effective_from) == ("manager-2", date(2027, 1, 1))
    assert refusal(order(), Ladder(), Consulted({"m1": "trainee"})) == "ladder-has-ends"


def test_no_second_step_counts_from_the_same_day() -> None:
    state = after((propose(), STAFF), (order(), STAFF))
    assert refusal(decide(), state) == "one-step-at-a-time"
    assert month_after(date(2026, 12, 31)) == date(2027, 1, 1)


@given(st.text("AABCD.", min_size=1, max_size=len(QUARTERS)))
def test_whatever_the_ratings_no_quarter_is_used_twice_and_no_two_steps_are_one(ratings: str) -> None:
    """Every quarter's close is followed by proposal and approval in the month after, as the record keeps up."""
    state, grade, closed = Ladder(), "manager-2", dict[str, Rated]()
    used: dict[Direction, set[str]] = {way: set() for way in Direction}
    days: list[date] = []
    for index, (period, rating) in enumerate(zip(QUARTERS, ratings, strict=False)):
        if rating == ".":
            continue
        cycle = closed[period] = quarter(period, rating)
        step_due = due(cycle, closed, TERMS, state.settled)
        following = step(grade, step_due.direction) if step_due else None
        if step_due is None or following is None:
            continue
        months = index * 3 + 3
        day = date(2024 + months // 12, months % 12 + 1, 20)
        decided: Sequence[Command] = (
            propose(step_due, grade, period),
            decide(day=day, change_id=period),
        )
        for command in decided:
            for fact in ladder.decide(command, state, Consulted({"m1": grade})):
                state = ladder.evolve(state, fact)
        names = {one.period for one in step_due.cycles}
        assert not names & used[step_due.direction], "a quarter moves a grade once in a direction"
        assert len(names) == (4 if step_due.direction is Direction.UP else 2)
        used[step_due.direction] |= names
        assert abs(LADDER.index(following) - LADDER.index(grade)) == 1
        assert state.latest is not None
        days.append(state.latest[0])
        grade = following
    assert len(set(days)) == len(days), "no two steps count from the same day"
