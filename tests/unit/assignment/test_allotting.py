"""The rules of a list applied to customers: who keeps whom, who moves, who is placed and who is not."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.assignment.domain.allocation_rule import AllocationRule
from services.assignment.domain.allotting import MOST_ROUNDS, Allotment, Candidate, Item, allot
from services.assignment.domain.grade import Grade
from services.assignment.domain.load import Burden
from services.assignment.domain.placing import Room, rooms, text_of, units_of
from services.assignment.domain.policy import Policies
from services.assignment.domain.standing import Career, Status
from tests.support.staff import capacity, standing

DAY = date(2026, 3, 1)
NEXT_WEEK = DAY + timedelta(days=7)
ABSENT = Career((standing(status=Status.ON_LEAVE),))
JUNIOR = Career((standing(grade=Grade.ASSISTANT),))


def customer(customer_id: str, held: str = "", **said: Any) -> Candidate:
    """A silver customer of branch b1, looked after by those whom ``held`` names, all equally."""
    managers = held.split()
    shares = [(manager_id, Decimal(1) / len(managers)) for manager_id in managers]
    usual = Candidate(customer_id, "corporate", "north", "trade", "silver", "b1", None, shares, ())
    return usual._replace(**said)


def rule(
    pool: str | dict[str, str], name: str = "", choice: str = "least-loaded", **match: str
) -> AllocationRule:
    chosen = {"managers": pool.split()} if isinstance(pool, str) else pool
    return AllocationRule.model_validate(
        {
            "name": name or str(pool),
            "match": {field: value.split() for field, value in match.items()},
            "pool": chosen,
            "choice": choice,
        }
    )


class Bank:
    """Managers with what the customers weigh on them."""

    def __init__(self, limit: str = "9", /, **careers: Career | None) -> None:
        self.policies: Policies = capacity(limit)
        self.careers = {name: one or Career((standing(),)) for name, one in careers.items()}

    def rooms(self, candidates: Sequence[Candidate]) -> Mapping[str, Room]:
        burdens: dict[str, list[Burden]] = {}
        for one in candidates:
            weight = self.policies.in_force(DAY).tier(one.tier).weight
            for manager_id, share in one.shares:
                burdens.setdefault(manager_id, []).append(Burden(DAY, one.ends, weight * share))
        return rooms(DAY, self.policies, self.careers, burdens)

    def allot(self, candidates: Sequence[Candidate], *rules: AllocationRule) -> Allotment:
        return allot(candidates, rules, self.rooms(candidates), self.policies.in_force(DAY))


def fates(allotment: Allotment) -> dict[str, tuple[str, str | None, str | None]]:
    return {
        one.customer_id: (one.status.value, one.manager_id, one.rule or one.reason) for one in allotment.items
    }


def test_the_first_rule_that_fits_decides() -> None:
    bank = Bank(m1=None, m2=None, m3=None, m4=None, m5=None)
    found = bank.allot(
        [
            customer("c1", products=["TRM"]),
            customer("c2", tier="gold"),
            customer("c3", region="south"),
            customer("c4", industry="farming", kind="individual"),
            customer("c5"),
        ],
        rule("m1", products="TRM FEE"),
        rule("m2", tiers="gold private"),
        rule("m3", regions="south"),
        rule("m4", industries="farming", kinds="individual", branches="b1"),
        rule("m5", choice="named"),
    )
    assert fates(found) == {f"c{n}": ("placed", f"m{n}", f"m{n}") for n in range(1, 6)}


def test_where_nobody_of_the_pool_is_free_the_next_rule_decides() -> None:
    bank = Bank("1", m1=None, m2=ABSENT, m3=None)
    found = bank.allot(
        [customer("c1"), customer("c2"), customer("c3")], rule("m2 m9"), rule("m1"), rule("m3")
    )
    assert fates(found) == {
        "c1": ("placed", "m1", "m1"),
        "c2": ("placed", "m3", "m3"),
        "c3": ("unplaced", None, "nobody-has-room"),
    }


def test_who_cannot_be_placed_is_told_why() -> None:
    bank = Bank("1", m1=ABSENT, m2=None)
    candidates = [
        customer("c1", region="south"), customer("c2"), customer("c3", tier="gold"), customer("c4", "m2"),
        customer("c5", "m2", region="south"),
    ]  # fmt: skip
    found = bank.allot(candidates, rule("m1", regions="north", tiers="silver"), rule("m2", tiers="gold"))
    assert fates(found) == {
        "c1": ("unplaced", None, "no-rule-matches"),
        "c2": ("unplaced", None, "nobody-may"),
        "c3": ("unplaced", None, "nobody-has-room"),
        "c4": ("unplaced", "m2", "nobody-may"),
        "c5": ("unplaced", "m2", "no-rule-matches"),
    }
    assert found.changes == []


def test_pools_are_teams_and_branches_and_the_customers_own() -> None:
    bank = Bank(
        m1=Career((standing(team_id="t2"),)),
        m2=Career((standing(branch_id="b2"),)),
        m3=Career((standing(DAY + timedelta(days=1), branch_id="b2"),)),
    )
    found = bank.allot(
        [
            customer("c1", tier="gold"),
            customer("c2", tier="basic"),
            customer("c3", branch_id="b2"),
            customer("c4", branch_id="b3"),
        ],
        rule({"team_id": "t2"}, "team", tiers="gold"),
        rule({"team_id": "t9"}, "no team", tiers="basic"),
        rule({"branch_id": "b2"}, "branch", tiers="basic"),
        rule({"branch_id": "b9"}, "no branch"),
        rule({"branch_id": "*"}, "own"),
    )
    assert fates(found) == {
        "c1": ("placed", "m1", "team"),
        "c2": ("placed", "m2", "branch"),
        "c3": ("placed", "m2", "own"),
        "c4": ("unplaced", None, "nobody-may"),
    }


def test_turns_go_round_from_customer_to_customer_and_over_tiers() -> None:
    bank = Bank("3", m1=None, m2=None, m3=None, m4=ABSENT)
    candidates = [customer(f"c{n}", tier="gold" if n < 2 else "silver") for n in range(6)]
    found = bank.allot(candidates, rule("m3 m1 m2 m4", choice="round-robin"))
    assert [one.manager_id for one in found.items] == ["m1", "m2", "m3", "m1", "m2", "m3"]
    more = bank.allot(
        [*candidates, customer("c6"), customer("c7")], rule("m3 m1 m2 m4", choice="round-robin")
    )
    assert [one.manager_id for one in more.items] == ["m1", "m2", "m3", "m1", "m2", "m3", "m3", None]


def test_each_branch_takes_turns_of_its_own() -> None:
    other = Career((standing(branch_id="b2"),))
    bank = Bank(m1=None, m2=None, m3=other, m4=other)
    candidates = [customer(f"c{n}", branch_id=f"b{n % 2 + 1}") for n in range(4)]
    found = bank.allot(candidates, rule({"branch_id": "*"}, "own", choice="round-robin"))
    assert [one.manager_id for one in found.items] == ["m1", "m3", "m2", "m4"]


def test_who_answers_for_a_customer_keeps_it_if_the_first_rule_would_have_them_too() -> None:
    bank = Bank("2", m1=None, m2=None, m3=None)
    candidates = [customer("c1", "m1 m3"), customer("c2", "m1"), customer("c3", "m1"), customer("c4")]
    found = bank.allot(candidates, rule("m1 m2", "pool"))
    assert fates(found) == {
        "c1": ("unchanged", "m1", "pool"),
        "c2": ("unchanged", "m1", "pool"),
        "c3": ("unchanged", "m1", "pool"),  # m1 is beyond the capacity already, and may keep what there is
        "c4": ("placed", "m2", "pool"),
    }


def test_who_may_no_longer_lead_a_customer_gives_it_up() -> None:
    bank = Bank(m1=ABSENT, m2=JUNIOR, m3=None)
    candidates = [customer("c1", "m1"), customer("c2", "m2", tier="private"), customer("c3", "m2")]
    found = bank.allot(candidates, rule("m1 m2 m3", "pool"))
    assert fates(found) == {
        "c1": ("placed", "m2", "pool"),
        "c2": ("placed", "m3", "pool"),
        "c3": ("unchanged", "m2", "pool"),
    }
    assert [
        (one.manager_id, one.customers, text_of(one.load_before), text_of(one.load_after))
        for one in found.changes
    ] == [("m1", 0, "1", "0"), ("m2", 1, "6", "2"), ("m3", 1, "0", "5")]
    assert [text_of(one.capacity) for one in found.changes] == ["9", "300", "9"]


def test_two_full_managers_can_change_customers() -> None:
    bank = Bank("1", m1=None, m2=None)
    candidates = [customer("c1", "m1", region="a"), customer("c2", "m2", region="b")]
    found = bank.allot(candidates, rule("m2", regions="a"), rule("m1", regions="b"))
    assert fates(found) == {"c1": ("placed", "m2", "m2"), "c2": ("placed", "m1", "m1")}
    assert found.changes[0].load_before == found.changes[0].load_after


def test_a_mover_who_comes_back_to_the_same_manager_is_unchanged_and_a_shared_one_becomes_whole() -> None:
    bank = Bank(m1=None, m2=ABSENT)
    candidates = [customer("c1", "m1"), customer("c2", "m1 m2")]
    found = bank.allot(candidates, rule("m2", "absent"), rule("m1", "rest"))
    assert fates(found) == {"c1": ("unchanged", "m1", "rest"), "c2": ("placed", "m1", "rest")}


def test_who_finds_no_place_stays_and_still_weighs_on_the_managers() -> None:
    bank = Bank("1", m1=None, m2=ABSENT)
    candidates = [customer("c1", "m1", region="a"), customer("c2")]
    found = bank.allot(candidates, rule("m2", regions="a"), rule("m1"))
    assert fates(found)["c1"] == ("unchanged", "m1", "m1")
    assert fates(found)["c2"] == ("unplaced", None, "nobody-has-room")
    stay = bank.allot(candidates, rule("m2", regions="a"), rule("m1", regions="north"))
    assert fates(stay) == {
        "c1": ("unplaced", "m1", "nobody-may"),
        "c2": ("unplaced", None, "nobody-has-room"),
    }


@pytest.mark.parametrize("length", [3, MOST_ROUNDS + 5])
def test_of_a_chain_whose_end_is_stuck_nobody_moves(length: int) -> None:
    names = [f"m{number:02d}" for number in range(length + 1)]
    bank = Bank("1", **dict.fromkeys(names))
    rules = [rule(names[n + 1], regions=f"r{n}") for n in range(length)]
    candidates = [customer(f"c{n:02d}", names[n], region=f"r{n}") for n in range(length)]
    stuck = customer("c99", names[-1], region="last")
    found = bank.allot([*candidates, stuck, customer("d1", region="new")], *rules, rule(names[-1]))
    assert {fate for key, fate in fates(found).items() if key < "c99"} == {
        ("unplaced", name, "nobody-has-room") for name in names[:-1]
    }
    assert fates(found)["d1"] == ("unplaced", None, "nobody-has-room")
    assert found.changes == []


def test_what_the_timeline_says_for_later_stays_and_is_reckoned_with() -> None:
    bank = Bank("1", m1=None)
    found = bank.allot([customer("c1", ends=NEXT_WEEK), customer("c2")], rule("m1"))
    assert fates(found) == {"c1": ("placed", "m1", "m1"), "c2": ("unplaced", None, "nobody-has-room")}


# --- properties ---------------------------------------------------------------------------------------------

NAMES = ("m1", "m2", "m3", "m4")
CAREERS = st.sampled_from([None, None, ABSENT, JUNIOR, Career((standing(team_id="t2", branch_id="b2"),))])
BANKS = st.builds(
    lambda limit, careers: Bank(limit, **dict(zip(NAMES, careers, strict=True))),
    st.sampled_from(["2", "4", "6"]),
    st.lists(CAREERS, min_size=4, max_size=4),
)
POOLS: st.SearchStrategy[str | dict[str, str]] = st.sampled_from(
    ["m1", "m1 m2", "m2 m3 m4", {"branch_id": "*"}, {"team_id": "t1"}, {"branch_id": "b2"}]
)
RULES = st.lists(
    st.tuples(
        POOLS, st.sampled_from(["least-loaded", "round-robin"]), st.sampled_from(["", "north", "south"])
    ),
    max_size=4,
).map(
    lambda said: [
        rule(pool, str(n), choice, **({"regions": region} if region else {}))
        for n, (pool, choice, region) in enumerate(said)
    ]
)
CANDIDATES = st.lists(
    st.builds(
        lambda number, held, tier, region, branch, ends: customer(
            f"c{number:02d}", held, tier=tier, region=region, branch_id=branch, ends=ends
        ),
        st.integers(0, 99),
        st.sampled_from(["", "", "m1", "m2", "m3 m4"]),
        st.sampled_from(["basic", "silver", "gold", "private"]),
        st.sampled_from(["north", "south"]),
        st.sampled_from(["b1", "b2"]),
        st.sampled_from([None, None, NEXT_WEEK]),
    ),
    max_size=14,
    unique_by=lambda one: one.customer_id,
)


def after(candidates: Sequence[Candidate], items: Sequence[Item]) -> list[Candidate]:
    """The customers with the managers whom they have afterwards."""
    placed = {one.customer_id: one.manager_id for one in items if one.status.value == "placed"}
    return [
        one._replace(shares=[(str(placed[one.customer_id]), Decimal(1))])
        if one.customer_id in placed
        else one
        for one in candidates
    ]


@given(BANKS, CANDIDATES, RULES)
def test_nobody_comes_to_be_beyond_capacity_or_authority(
    bank: Bank, candidates: list[Candidate], rules: list[AllocationRule]
) -> None:
    found = bank.allot(candidates, *rules)
    before, behind = bank.rooms(candidates), bank.rooms(after(candidates, found.items))
    for manager_id, room in behind.items():
        was = {
            day: max(step for step in before[manager_id].steps if step[0] <= day)[1] for day, _ in room.steps
        }
        assert all(load <= max(room.capacity, was[day]) for day, load in room.steps)
    kinds = {one.customer_id: one for one in candidates}
    policy = bank.policies.in_force(DAY)
    for item in found.items:
        if item.status.value == "placed":
            at = behind[str(item.manager_id)].standing
            assert at is not None
            assert at.objection(policy) is None
            assert policy.may_lead(at.grade, kinds[item.customer_id].tier)
    changed = {one.manager_id: (one.load_before, one.load_after) for one in found.changes}
    for manager_id, room in before.items():
        assert changed.get(manager_id, (room.load, room.load)) == (room.load, behind[manager_id].load)


@given(BANKS, CANDIDATES, RULES, st.integers())
def test_the_order_of_customers_does_not_matter(
    bank: Bank, candidates: list[Candidate], rules: list[AllocationRule], seed: int
) -> None:
    found = bank.allot(candidates, *rules)
    assert [one.customer_id for one in found.items] == sorted(one.customer_id for one in candidates)
    Random(seed).shuffle(candidates)
    assert bank.allot(candidates, *rules) == found


@given(BANKS, CANDIDATES, RULES)
def test_a_new_customer_is_unplaced_only_where_truly_nobody_has_room(
    bank: Bank, candidates: list[Candidate], rules: list[AllocationRule]
) -> None:
    found = bank.allot(candidates, *rules)
    spaces = bank.rooms(after(candidates, found.items))
    policy = bank.policies.in_force(DAY)
    for one, item in zip(sorted(candidates), found.items, strict=True):
        if item.status.value != "unplaced" or one.shares:
            continue
        weight = units_of(policy.tier(one.tier).weight)
        for said in rules:
            if said.match.regions is not None and one.region not in said.match.regions:
                continue
            for room in spaces.values():
                at = room.standing
                assert at is not None
                if at.objection(policy) is not None or not policy.may_lead(at.grade, one.tier):
                    continue
                if said.pool.managers is not None and room.manager_id not in said.pool.managers:
                    continue
                if said.pool.team_id not in (None, at.team_id):
                    continue
                if said.pool.branch_id is not None and at.branch_id != said.pool.branch_id.replace(
                    "*", one.branch_id
                ):
                    continue
                lasting = [load for day, load in room.steps if one.ends is None or day < one.ends]
                assert max(lasting) + weight > room.capacity


@given(st.integers(1, 4), st.integers(0, 20))
def test_turns_are_fair_within_one(number: int, count: int) -> None:
    names = NAMES[:number]
    found = Bank("99", **dict.fromkeys(names)).allot(
        [customer(f"c{n:02d}") for n in range(count)], rule(" ".join(names), choice="round-robin")
    )
    taken = [sum(one.manager_id == name for one in found.items) for name in names]
    assert max(taken) - min(taken) <= 1
    assert sum(taken) == count
