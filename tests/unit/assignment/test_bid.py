"""Who may bid, and which bid is the best: a total order, whatever the order in which bids are looked at."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.assignment.domain.bid import Ranked, objection, ranking
from services.assignment.domain.grade import Grade
from services.assignment.domain.policy import Policy
from services.assignment.domain.standing import Standing, Status
from tests.support.staff import standing

DAY = date(2026, 1, 15)

bids = st.lists(
    st.builds(
        Ranked,
        manager_id=st.text("abc", min_size=1, max_size=3),
        committed_profit=st.integers(1, 4),
        grade=st.sampled_from(Grade),
        load=st.integers(0, 3).map(Decimal),
        number=st.integers(1, 1000),
        objection=st.sampled_from(("", "", "above-baseline")),
    ),
    unique_by=lambda bid: bid.number,
    max_size=8,
)


def better(one: Ranked, other: Ranked) -> bool:
    """The rule in so many words."""
    if bool(one.objection) != bool(other.objection):
        return not one.objection
    if one.committed_profit != other.committed_profit:
        return one.committed_profit > other.committed_profit
    if one.grade is not other.grade:
        return one.grade.rank > other.grade.rank
    if one.load != other.load:
        return one.load < other.load
    return one.number < other.number


@given(bids, st.randoms(use_true_random=False))
def test_the_order_is_total_and_the_same_however_the_bids_come(found: list[Ranked], random: object) -> None:
    best_first = ranking(found)
    shuffled = list(found)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert ranking(shuffled) == best_first
    for index, one in enumerate(best_first):
        assert all(better(one, other) and not better(other, one) for other in best_first[index + 1 :])


@pytest.mark.parametrize(
    ("manager", "rule"),
    [
        (None, "manager-is-there"),
        (standing(status=Status.SUSPENDED), "manager-is-at-work"),
        (standing(sworn=False), "confidentiality-is-signed"),
        (standing(grade=Grade.TRAINEE), "grade-may-hold"),
        (standing(grade=Grade.MANAGER_4), "grade-is-enough"),
        (standing(grade=Grade.MANAGER_3), "grade-may-lead"),
    ],
)
def test_who_may_not_have_the_customers_may_not_bid(manager: Standing | None, rule: str) -> None:
    found = objection(manager, Grade.MANAGER_3, frozenset({"gold", "private"}), Policy())
    assert found is not None
    assert found[0] == rule


def test_who_may_have_them_all_may_bid() -> None:
    tiers = frozenset({"gold", "private", "some-tier-that-no-policy-knows"})
    assert objection(standing(), Grade.MANAGER_3, tiers, Policy()) is None


def test_a_ranked_bid_shows_its_figures_and_why_it_does_not_count() -> None:
    bid = Ranked("m1", 12_345, Grade.MANAGER_2, Decimal("1.5"), 3)
    assert bid.shown() == {
        "manager_id": "m1",
        "committed_profit": "123.45",
        "grade": "manager-2",
        "load": "1.5",
        "objection": None,
    }
    assert bid._replace(objection="above-baseline").shown()["objection"] == "above-baseline"
