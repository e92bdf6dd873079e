"""Rules say which managers take which customers; a whole list is in force from its day on."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.assignment.domain.allocation_rule import (
    DECIDER,
    MOST_RULES,
    AllocationRules,
    AllocationRulesSet,
    Match,
    Matcher,
    SetAllocationRules,
    decide,
    managers_of,
    shown,
)
from shared.kernel.errors import Refusal

TODAY = date(2026, 3, 1)


def rule(name: str = "one", **said: Any) -> dict[str, Any]:
    return {"name": name, "pool": {"team_id": "t1"}, **said}


def rules(*said: dict[str, Any]) -> AllocationRules:
    return AllocationRules.model_validate({"rules": said})


def test_a_list_is_set_whole_from_a_day_on() -> None:
    said = rules(rule(pool={"managers": ["m1", "m2"]}), rule("two", match={"tiers": ["gold"]}))
    command = SetAllocationRules(date(2026, 4, 1), said, TODAY)
    assert managers_of(command) == {"m1", "m2"}
    [fact] = decide(command, None, frozenset({"m1", "m2"}))
    assert isinstance(fact, AllocationRulesSet)
    assert (fact.rules, fact.effective_from, fact.business_date) == (said.rules, date(2026, 4, 1), TODAY)
    assert AllocationRulesSet.model_validate_json(fact.to_json()) == fact
    assert DECIDER.stream(command) == fact.stream == "allocation-bank#rules"
    assert DECIDER.evolve(None, fact) is None


def test_a_manager_who_is_not_on_record_is_refused() -> None:
    said = rules(rule(), rule("two", pool={"managers": ["m1", "m9"]}))
    with pytest.raises(Refusal) as refused:
        decide(SetAllocationRules(TODAY, said, TODAY), None, frozenset({"m1"}))
    assert (refused.value.rule, refused.value.field) == ("manager-is-known", "rules.1.pool.managers")


def test_what_was_left_out_is_left_out_of_what_is_shown() -> None:
    assert shown(rules(rule(match={"regions": ["north"]}))) == [
        {"name": "one", "match": {"regions": ["north"]}, "pool": {"team_id": "t1"}, "choice": "least-loaded"}
    ]


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ([rule(pool={})], "exactly one"),
        ([rule(pool={"team_id": "t1", "branch_id": "*"})], "exactly one"),
        ([rule(pool={"managers": []})], "at least 1"),
        ([rule(pool={"branch_id": "**"})], "pattern"),
        ([rule(choice="named")], "exactly one manager"),
        ([rule(choice="named", pool={"managers": ["m1", "m2"]})], "exactly one manager"),
        ([rule(choice="dearest")], "least-loaded"),
        ([rule(match={"regions": []})], "at least 1"),
        ([rule(match={"region": ["north"]})], "not permitted"),
        ([rule(), rule()], "same name"),
        ([rule("two\nlines")], "pattern"),
        ([rule(str(number)) for number in range(MOST_RULES + 1)], "at most"),
    ],
)
def test_a_list_that_makes_no_sense_is_malformed(said: list[dict[str, Any]], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        rules(*said)


VALUES = ("a", "b", "c")
WANTED = st.none() | st.lists(st.sampled_from(VALUES), min_size=1, max_size=2).map(tuple)
MATCHES = st.builds(
    Match, regions=WANTED, industries=WANTED, tiers=WANTED, kinds=WANTED, branches=WANTED, products=WANTED
)


@given(
    st.lists(MATCHES, max_size=5), st.tuples(*[st.sampled_from(VALUES)] * 5), st.sets(st.sampled_from(VALUES))
)
def test_a_rule_fits_where_all_that_it_says_fits(
    matches: list[Match], values: tuple[str, str, str, str, str], products: set[str]
) -> None:
    said = rules(*(rule(str(n), match=one.model_dump(exclude_none=True)) for n, one in enumerate(matches)))
    kind, region, industry, tier, branch_id = values
    expected = [
        all(
            wanted is None or value in wanted
            for wanted, value in (
                (one.kinds, kind),
                (one.regions, region),
                (one.industries, industry),
                (one.tiers, tier),
                (one.branches, branch_id),
            )
        )
        and (one.products is None or not products.isdisjoint(one.products))
        for one in matches
    ]
    fitting = Matcher(said.rules).fitting(kind, region, industry, tier, branch_id, products)
    assert [bool(fitting >> number & 1) for number in range(len(matches))] == expected
    assert fitting < 1 << len(matches)
