"""An allocation writes an assignment for each customer that is placed, if it comes out as it was previewed."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import orjson
import pytest
from pydantic import ValidationError

from services.assignment.domain.allocation import (
    DECIDER,
    MOST_CUSTOMERS,
    AllocationApplied,
    ApplyAllocation,
    Ground,
    Scope,
    Terms,
    allocate,
    decide,
    outcomes,
    summary_of,
)
from services.assignment.domain.allocation_rule import AllocationRulesSet
from services.assignment.domain.allotting import Candidate
from services.assignment.domain.load import Burden
from services.assignment.domain.standing import Career
from shared.contracts.assignment import CustomerAssigned
from shared.kernel.errors import Refusal
from tests.support.staff import capacity, standing

TODAY = date(2026, 3, 1)
RULES = AllocationRulesSet.model_validate(
    {
        "rules": [{"name": "all", "match": {"regions": ["north"]}, "pool": {"managers": ["m1", "m2"]}}],
        "effective_from": "2026-01-01",
        "business_date": "2026-01-01",
    }
)


def candidate(customer_id: str, held: str = "", region: str = "north") -> Candidate:
    shares = [(held, Decimal(1))] if held else []
    return Candidate(customer_id, "corporate", region, "trade", "silver", "b1", None, shares)


CANDIDATES = [candidate("c1"), candidate("c2", "m3"), candidate("c3", "m2"), candidate("c4", region="south")]
GROUND = Ground(
    CANDIDATES,
    RULES,
    capacity("9"),
    dict.fromkeys(("m1", "m2", "m3"), Career((standing(),))),
    {"m2": [Burden(TODAY, None, Decimal(1))], "m3": [Burden(TODAY, None, Decimal(1))]},
)
TERMS = Terms(TODAY, Scope(all=True))
APPLY = ApplyAllocation("a1", TERMS, TODAY)


def ground(**said: Any) -> Ground:
    values = {name: getattr(GROUND, name) for name in GROUND.__slots__}
    return Ground(**{**values, **said})


def refusal(command: ApplyAllocation, on: Ground, applied: bool = False) -> tuple[str, str, str]:
    with pytest.raises(Refusal) as refused:
        decide(command, applied, on)
    return refused.value.rule, refused.value.field, refused.value.detail


def test_who_is_placed_is_assigned_whole_and_the_allocation_says_what_was_done() -> None:
    applied, *assigned = decide(APPLY, False, GROUND)
    assert isinstance(applied, AllocationApplied)
    assert summary_of(applied) == {
        "allocation_id": "a1",
        "effective_from": "2026-03-01",
        "scope": {"all": True},
        "rules_from": "2026-01-01",
        "customers": 4,
        "placed": 2,
        "unchanged": 1,
        "unplaced": {"no-rule-matches": 1},
        "managers": [
            {"manager_id": "m1", "customers": 2, "load_before": "0", "load_after": "2", "capacity": "9"},
            {"manager_id": "m3", "customers": 0, "load_before": "1", "load_after": "0", "capacity": "9"},
        ],
    }
    assert applied.stream == DECIDER.stream(APPLY) == "allocation-bank#a1"
    assert applied.business_date == TODAY
    assert AllocationApplied.model_validate_json(applied.to_json()) == applied
    for customer_id, fact in zip(("c1", "c2"), assigned, strict=True):
        word = {"customer_id": customer_id, "shares": [{"manager_id": "m1", "share": "1"}],
                "effective_from": "2026-03-01", "reason": "allocation: all"}  # fmt: skip
        assert fact == CustomerAssigned.model_validate(word)
        assert orjson.loads(fact.to_json()) == word


def test_an_allocation_is_applied_once() -> None:
    applied, *_ = decide(APPLY, False, GROUND)
    assert DECIDER.evolve(DECIDER.initial, applied) is True
    assert refusal(APPLY, GROUND, applied=True)[:2] == ("allocation-is-new", "allocation_id")


def test_what_comes_out_otherwise_than_previewed_is_refused_with_how_many_differ() -> None:
    previewed = outcomes(allocate("a1", TERMS, GROUND, TODAY).items)
    command = ApplyAllocation("a1", TERMS, TODAY, previewed=True)
    assert len(decide(command, False, ground(previewed=previewed))) == 3
    gone = [*CANDIDATES[:1], candidate("c2", "m1"), candidate("c5")]
    rule, field, detail = refusal(command, ground(previewed=previewed, candidates=gone))
    assert (rule, field) == ("preview-is-current", "allocation_id")
    assert "4 customers" in detail  # c2 is with m1 already, c3 and c4 are gone, c5 has come


@pytest.mark.parametrize(
    ("command", "on", "rule", "field"),
    [
        (APPLY, ground(rules=None), "rules-are-in-force", "effective_from"),
        (
            ApplyAllocation("a1", Terms(TODAY - timedelta(days=1), Scope(all=True)), TODAY),
            GROUND,
            "allocation-lies-ahead",
            "effective_from",
        ),
        (
            ApplyAllocation("a1", Terms(TODAY, Scope(customer_ids=("c1", "c9"))), TODAY),
            GROUND,
            "customer-is-known",
            "scope.customer_ids",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(command: ApplyAllocation, on: Ground, rule: str, field: str) -> None:
    assert refusal(command, on)[:2] == (rule, field)


def test_customers_on_record_may_be_named() -> None:
    named = Terms(TODAY, Scope(customer_ids=("c1",)))
    allocation = allocate("a1", named, ground(candidates=CANDIDATES[:1]), TODAY)
    assert outcomes(allocation.items) == {"c1": ("placed", "m1")}


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"all": True, "unassigned": True},
        {"all": False},
        {"customer_ids": []},
        {"customer_ids": ["c1"] * (MOST_CUSTOMERS + 1)},
        {"everybody": True},
    ],
)
def test_a_scope_is_one_of_four(said: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Scope.model_validate(said)
