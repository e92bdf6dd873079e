"""Who may look after whom: on record, at work, sworn, of a grade that may, and never beyond capacity."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.assignment.domain import customer as customers
from services.assignment.domain.assignment import Staff, check_assignment, lead_of
from services.assignment.domain.customer import AssignCustomer, Consulted, Customer
from services.assignment.domain.grade import Grade
from services.assignment.domain.load import Burden, Loads, Looked, Profile, first_excess
from services.assignment.domain.standing import Career, Status
from services.assignment.domain.timeline import Timeline
from shared.contracts.assignment import CustomerAssigned, CustomerTierChanged, ManagerShare
from shared.kernel.errors import Refusal
from tests.support.staff import capacity, staff, standing

TODAY = date(2026, 1, 15)
NEVER: Timeline[CustomerAssigned] = Timeline()


def day(number: int) -> date:
    return TODAY + timedelta(days=number)


def assigned(effective_from: date, customer_id: str = "c1", **shares: str) -> CustomerAssigned:
    parts = tuple(ManagerShare(manager_id=one, share=share) for one, share in shares.items())
    return CustomerAssigned(customer_id=customer_id, shares=parts, effective_from=effective_from)


def refusal(
    change: CustomerAssigned,
    judged_by: Staff,
    timeline: Timeline[CustomerAssigned] = NEVER,
    tier: str = "gold",
) -> tuple[str, str] | None:
    try:
        check_assignment(change, timeline, tier, judged_by, TODAY)
    except Refusal as refused:
        return refused.rule, refused.field
    return None


def test_a_confirmed_and_sworn_manager_may_look_after_a_customer() -> None:
    assert refusal(assigned(TODAY, m1="1"), staff("m1")) is None


def test_a_manager_who_is_not_on_record_is_named_by_path() -> None:
    assert refusal(assigned(TODAY, m1="0.5", m9="0.5"), staff("m1")) == (
        "manager-is-known",
        "shares.1.manager_id",
    )


@pytest.mark.parametrize(
    ("career", "rule"),
    [
        (Career((standing(sworn=False),)), "confidentiality-is-signed"),
        (Career((standing(grade=Grade.TRAINEE),)), "grade-may-hold"),
        (Career((standing(), standing(day(-5), Status.ON_LEAVE))), "manager-is-at-work"),
        (Career((standing(), standing(day(-5), Status.SUSPENDED))), "manager-is-at-work"),
        (Career((standing(), standing(day(-5), Status.DEPARTED))), "manager-is-there"),
        (Career((standing(), standing(day(30), Status.DEPARTED))), "manager-is-there"),
        (Career((standing(day(1)),)), "manager-is-there"),
    ],
)
def test_who_may_not_take_on_a_customer_is_told_why(career: Career, rule: str) -> None:
    assert refusal(assigned(TODAY, m1="1"), staff(m1=career)) == (rule, "shares.0.manager_id")


def test_probation_does_not_keep_a_sworn_manager_from_customers() -> None:
    assert refusal(assigned(TODAY, m1="1"), staff(m1=Career((standing(status=Status.PROBATION),)))) is None


def test_the_standing_of_the_day_of_the_assignment_counts_not_that_of_today() -> None:
    career = Career((standing(sworn=False), standing(day(-10))))
    assert refusal(assigned(day(-11), m1="1"), staff(m1=career)) is not None
    assert refusal(assigned(day(-10), m1="1"), staff(m1=career)) is None


def test_who_leaves_may_keep_a_share_until_then() -> None:
    career = Career((standing(), standing(day(30), Status.DEPARTED)))
    timeline = Timeline((assigned(day(30), m2="1"),))
    assert refusal(assigned(TODAY, m1="1"), staff("m2", m1=career), timeline) is None


def test_who_is_away_keeps_what_there_is_but_takes_on_no_more() -> None:
    away = staff("m2", m1=Career((standing(), standing(day(-5), Status.ON_LEAVE))))
    timeline = Timeline((assigned(day(-9), m1="0.5", m2="0.5"),))
    assert refusal(assigned(TODAY, m1="0.4", m2="0.6"), away, timeline) is None
    assert refusal(assigned(TODAY, m1="0.6", m2="0.4"), away, timeline) == (
        "manager-is-at-work",
        "shares.0.manager_id",
    )


def test_only_a_grade_that_may_lead_the_tier_gets_the_largest_share() -> None:
    young = staff("m1", m2=Career((standing(grade=Grade.MANAGER_4),)))
    assert refusal(assigned(TODAY, m1="0.6", m2="0.4"), young, tier="private") is None
    assert refusal(assigned(TODAY, m1="0.4", m2="0.6"), young, tier="private") == (
        "grade-may-lead",
        "shares.1.manager_id",
    )
    assert refusal(assigned(TODAY, m1="0.4", m2="0.6"), young, tier="gold") is None


def test_a_lead_whom_a_demotion_took_the_tier_from_may_stay_lead() -> None:
    young = staff("m1", m2=Career((standing(grade=Grade.MANAGER_4),)))
    timeline = Timeline((assigned(day(-9), m2="1"),))
    assert refusal(assigned(TODAY, m1="0.4", m2="0.6"), young, timeline, tier="private") is None


def test_the_lead_is_the_largest_share_and_among_equals_the_smaller_id() -> None:
    assert lead_of({"m2": Decimal("0.5"), "m1": Decimal("0.5")}) == "m1"
    assert lead_of({"m2": Decimal("0.6"), "m1": Decimal("0.4")}) == "m2"
    assert lead_of({}) is None


def loaded(limit: str, *burdens: Burden) -> Staff:
    base = staff("m1", "m2", policies=capacity(limit))
    return Staff(base.careers, base.policies, Loads({"m1": burdens}))


def test_a_load_up_to_the_capacity_is_taken_and_one_beyond_is_refused_naming_the_day() -> None:
    full = loaded("10", Burden(day(-100), None, Decimal(8)))
    assert refusal(assigned(TODAY, m1="1"), full) is None  # gold weighs 2
    later = loaded("10", Burden(day(-100), None, Decimal(8)), Burden(day(40), None, Decimal("0.5")))
    with pytest.raises(Refusal) as refused:
        check_assignment(assigned(TODAY, m1="1"), NEVER, "gold", later, TODAY)
    assert (refused.value.rule, refused.value.field) == ("within-capacity", "shares.0.manager_id")
    assert refused.value.detail == f"m1 would have a load of 10.5 of 10 on {day(40)}"
    ended = Timeline((assigned(day(40), m2="1"),))
    assert refusal(assigned(TODAY, m1="1"), later, ended) is None


def test_who_is_beyond_capacity_already_may_give_up_and_keep_but_not_take_on() -> None:
    over = loaded("10", Burden(day(-100), None, Decimal(20)))
    timeline = Timeline((assigned(day(-9), m1="0.5", m2="0.5"),))
    assert refusal(assigned(TODAY, m1="0.4", m2="0.6"), over, timeline) is None
    assert refusal(assigned(TODAY, m1="0.6", m2="0.4"), over, timeline) is not None


def test_days_gone_by_weigh_on_nobody() -> None:
    full = loaded("10", Burden(day(-100), None, Decimal(10)))
    timeline = Timeline((assigned(day(-9), m2="1"),))
    assert refusal(assigned(day(-90), m1="1"), full, timeline) is None
    assert refusal(assigned(day(-90), m1="1"), full) is not None


days = st.integers(-20, 20).map(day)
burdens = st.builds(
    Burden, days, st.none() | st.integers(21, 40).map(day), st.sampled_from(["0.5", "1", "2"]).map(Decimal)
)


@given(st.lists(burdens, max_size=5), st.lists(burdens, max_size=5), st.integers(0, 8).map(Decimal), days)
def test_the_first_excess_is_what_going_through_day_by_day_would_find(
    before: list[Burden], more: list[Burden], limit: Decimal, first: date
) -> None:
    old, new = Profile(before), Profile((*before, *more))
    found = first_excess(old, new, limit, first, day(60))
    over = [
        one
        for one in (first + timedelta(days=index) for index in range((day(60) - first).days))
        if new.on(one) > limit and new.on(one) > old.on(one)
    ]
    assert (found.day if found else None) == min(over, default=None)


@example([("c1", day(0), "1"), ("c2", day(0), "0.5"), ("c2", day(-1), "1"), ("c2", day(0), "1")])
@given(
    st.lists(st.tuples(st.sampled_from(["c1", "c2", "c3"]), days, st.sampled_from(["1", "0.5"])), max_size=12)
)
def test_one_batch_judges_each_assignment_by_those_before_it(
    wishes: Sequence[tuple[str, date, str]],
) -> None:
    """Whatever is asked for in one batch, no day from today on sees the manager beyond capacity."""
    judged_by = staff("m1", "m2", policies=capacity("3"))
    consulted = Consulted(staff=judged_by)
    for one in ("c1", "c2", "c3"):
        consulted = Consulted(staff=consulted.staff.with_customer(one, Looked(Decimal(2))))
    states = dict.fromkeys(("c1", "c2", "c3"), Customer(tier="gold"))
    refusals: set[str] = set()
    for customer_id, effective_from, share in wishes:
        shares = {"m1": share} if share == "1" else {"m1": share, "m2": share}
        command = AssignCustomer(assigned(effective_from, customer_id, **shares), TODAY, approved=True)
        try:
            facts = customers.decide(command, states[customer_id], consulted)
        except Refusal as refused:
            refusals.add(refused.rule)
            continue
        for fact in facts:
            states[customer_id] = customers.evolve(states[customer_id], fact)
            consulted = customers.follow(consulted, fact)
    profile = consulted.staff.loads.of("m1")
    assert all(profile.on(day(number)) <= 3 for number in range(60))
    assert refusals <= {"within-capacity"}


def test_another_tier_makes_the_customer_weigh_otherwise_for_what_follows() -> None:
    consulted = Consulted(staff=staff("m1").with_customer("c1", Looked(Decimal(2))))
    changed = CustomerTierChanged(
        customer_id="c1", tier="private", previous_tier="gold", reason="agreed", business_date=TODAY
    )
    assert customers.follow(consulted, changed).staff.loads.customers["c1"].weight == 5
