"""Policy: the rates in force for a month, each change building on what was before."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.ledger.domain.policy import (
    DECIDER,
    DEFAULT,
    STREAM,
    Policies,
    PolicySet,
    PolicyTerms,
    SetPolicy,
)
from shared.kernel.books import LoanClass

months = st.sampled_from([year * 100 + month for year in (2025, 2026, 2027) for month in range(1, 13)])
rates = st.decimals(min_value=0, max_value=100, places=2).map(str)
a_change = st.fixed_dictionaries(
    {},
    optional={
        "deposit_rate": rates,
        "lend_out_rate": rates,
        "borrow_in_rate": rates,
        "day_basis": st.integers(360, 366),
        "provision_rates": st.dictionaries(st.sampled_from([one.value for one in LoanClass]), rates),
    },
)
changes = st.lists(st.tuples(months, a_change), max_size=10)


def terms(**said: Any) -> PolicyTerms:
    return PolicyTerms.model_validate(said)


def told(changes: list[tuple[int, dict[str, Any]]]) -> Policies:
    return Policies.of([(month, terms(**change)) for month, change in changes])


def slowly(changes: list[tuple[int, dict[str, Any]]], month: int) -> dict[str, Any]:
    """For each figure on its own: what the latest month up to this one said last."""
    figures: dict[str, Any] = {
        "deposit_rate": "1.50",
        "lend_out_rate": "2.40",
        "borrow_in_rate": "3.00",
        "day_basis": 360,
        "normal": "0",
        "special_mention": "0",
        "substandard": "30",
        "doubtful": "50",
        "loss": "100",
    }
    for _, change in sorted(((m, change) for m, change in changes if m <= month), key=lambda one: one[0]):
        flat = {**change, **change.get("provision_rates", {})}
        figures.update({name: value for name, value in flat.items() if name in figures})
    return {name: Decimal(value) for name, value in figures.items()}


@given(changes, months)
def test_every_figure_is_the_last_word_of_the_latest_month(
    changes: list[tuple[int, dict[str, Any]]], month: int
) -> None:
    policy = told(changes).in_force(month)
    assert {
        "deposit_rate": policy.deposit_rate,
        "lend_out_rate": policy.lend_out_rate,
        "borrow_in_rate": policy.borrow_in_rate,
        "day_basis": Decimal(policy.day_basis),
        **{name.value: rate for name, rate in policy.provision_rates.items()},
    } == slowly(changes, month)
    exact = (
        policy.deposit_rate,
        policy.lend_out_rate,
        policy.borrow_in_rate,
        *policy.provision_rates.values(),
    )
    assert all(isinstance(rate, Decimal) for rate in exact)


@given(changes, months)
def test_a_policy_is_known_by_the_month_of_its_last_change(
    changes: list[tuple[int, dict[str, Any]]], month: int
) -> None:
    version = told(changes).in_force(month).version
    latest = max((m for m, _ in changes if m <= month), default=None)
    assert version == (f"{latest // 100}-{latest % 100:02d}" if latest else "default")


def test_the_default_is_the_one_of_the_rules() -> None:
    assert Policies().in_force(202607) is DEFAULT
    assert (DEFAULT.deposit_rate, DEFAULT.lend_out_rate, DEFAULT.borrow_in_rate) == (
        Decimal("1.50"),
        Decimal("2.40"),
        Decimal("3.00"),
    )
    assert DEFAULT.day_basis == 360
    assert {name: str(rate) for name, rate in DEFAULT.provision_rates.items()} == {
        LoanClass.NORMAL: "0",
        LoanClass.SPECIAL_MENTION: "0",
        LoanClass.SUBSTANDARD: "30",
        LoanClass.DOUBTFUL: "50",
        LoanClass.LOSS: "100",
    }


def test_a_second_change_for_a_month_adds_to_the_first() -> None:
    policy = told(
        [
            (202608, {"deposit_rate": "1.6", "provision_rates": {"substandard": "40"}}),
            (202608, {"provision_rates": {"doubtful": "60"}}),
            (202608, {"lend_out_rate": "2.5"}),
        ]
    ).in_force(202608)
    assert policy.deposit_rate == Decimal("1.6")
    assert policy.provision_rates[LoanClass.SUBSTANDARD] == 40
    assert policy.provision_rates[LoanClass.DOUBTFUL] == 60
    assert policy.lend_out_rate == Decimal("2.5")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("deposit_rate", "-0.01"),
        ("deposit_rate", "100.01"),
        ("lend_out_rate", 2.4),
        ("borrow_in_rate", "1e1"),
        ("borrow_in_rate", ""),
        ("day_basis", 359),
        ("day_basis", 367),
        ("provision_rates", {"rotten": "1"}),
        ("provision_rates", {"loss": "101"}),
    ],
)
def test_terms_out_of_bounds_are_refused_with_the_field_named(field: str, value: object) -> None:
    with pytest.raises(ValidationError, match=field):
        terms(**{field: value})


@given(a_change, months)
def test_setting_a_policy_is_one_event_that_reads_back(change: dict[str, Any], month: int) -> None:
    command = SetPolicy(month, terms(**change))
    [fact] = DECIDER.decide(command, DECIDER.initial, None)
    assert isinstance(fact, PolicySet)
    assert DECIDER.stream(command) == fact.stream == STREAM == "policy-bank"
    assert (fact.business_date.year * 100 + fact.business_date.month, fact.business_date.day) == (month, 1)
    assert PolicySet.model_validate_json(fact.to_json()) == fact
    assert {name: getattr(fact, name) for name in PolicyTerms.model_fields} == {
        name: getattr(command.terms, name) for name in PolicyTerms.model_fields
    }
    assert DECIDER.evolve(None, fact) is None
