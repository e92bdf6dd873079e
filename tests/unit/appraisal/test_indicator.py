"""Scores: exact, between zero and the cap, by the curve of the indicator; the total is rounded once."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.appraisal.domain.indicator import Indicator, lines_of, score, total
from shared.kernel.errors import Malformed


def indicator(**said: object) -> Indicator:
    values: dict[str, object] = {
        "code": "y",
        "name": "Efficiency",
        "source": "measure:efficiency",
        "weight": "100",
    }
    return Indicator.model_validate({**values, **said})


figures = st.decimals(min_value=-(10**9), max_value=10**9, places=2)
targets = st.decimals(min_value="0.01", max_value=10**9, places=2)


@pytest.mark.parametrize(
    ("curve", "actual", "target", "expected"),
    [
        ("higher", "90", "100", 90),
        ("higher", "150", "100", 120),
        ("higher", "-5", "100", 0),
        ("lower", "2", "2", 100),
        ("lower", "1", "2", 120),
        ("lower", "3", "2", 50),
        ("lower", "5", "2", 0),
    ],
)
def test_a_score_follows_its_curve_between_zero_and_the_cap(
    curve: str, actual: str, target: str, expected: int
) -> None:
    assert score(indicator(curve=curve), Decimal(actual), Decimal(target)) == expected


@given(figures, targets, st.sampled_from(["higher", "lower"]), st.integers(1, 200))
def test_a_score_is_exactly_what_the_formula_says(
    actual: Decimal, target: Decimal, curve: str, cap: int
) -> None:
    ratio = Fraction(actual) / Fraction(target)
    expected = 100 * ratio if curve == "higher" else 100 * (2 - ratio)
    found = score(indicator(curve=curve, cap=str(cap)), actual, target)
    assert found == max(0, min(expected, cap))


def test_bands_are_read_from_the_highest_that_is_reached() -> None:
    banded = indicator(
        curve="band",
        bands=[
            {"starts_at": "0", "score": "40"},
            {"starts_at": "3", "score": "80"},
            {"starts_at": "5", "score": "130"},
        ],
    )
    scores = [score(banded, Decimal(actual), None) for actual in ("-1", "0", "2.99", "3", "7")]
    assert scores == [0, 40, 40, 80, 120]


@pytest.mark.parametrize(
    ("curve", "target"),
    [
        ("higher", None),
        ("higher", Decimal(0)),
        ("higher", Decimal(-1)),
        ("lower", None),
        ("lower", Decimal(0)),
    ],
)
def test_a_target_of_zero_or_none_is_refused(curve: str, target: Decimal | None) -> None:
    with pytest.raises(Malformed, match="target above zero"):
        score(indicator(curve=curve), Decimal(1), target)


@pytest.mark.parametrize(
    ("actual", "expected"),
    [("-1000.00", 100), ("-1500.00", 50), ("-900.00", 110), ("-500.00", 120), ("-2000.01", 0), ("1.00", 120)],
)
def test_costs_are_below_zero_and_so_are_their_targets(actual: str, expected: int) -> None:
    costs = indicator(source="line:direct_cost", curve="lower", target="-1000.00")
    assert score(costs, Decimal(actual), costs.target) == expected


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("line:direct_cost", ["direct_cost"]),
        ("average:loan_balance", ["loan_balance"]),
        ("measure:net_interest_income", ["interest_income", "deposit_cost", "ftp_income", "ftp_cost"]),
        ("churn", []),
        ("manual:diligence", []),
    ],
)
def test_a_figure_of_the_ledger_knows_the_lines_that_it_is_made_of(source: str, lines: list[str]) -> None:
    assert list(lines_of(source)) == lines


@given(st.lists(st.tuples(st.integers(1, 40), st.fractions(0, 120)), min_size=1, max_size=20))
def test_a_total_is_the_exact_mean_rounded_once_half_even(parts: list[tuple[int, Fraction]]) -> None:
    scores = {str(index): exact for index, (_, exact) in enumerate(parts)}
    weights = {str(index): Decimal(weight) for index, (weight, _) in enumerate(parts)}
    exact = sum((weight * exact for weight, exact in parts), Fraction(0)) / 100
    found = total(scores, weights)
    assert found.as_tuple().exponent == -2
    assert abs(Fraction(found) - exact) <= Fraction(1, 200)
    assert Fraction(found) * 100 == round(exact * 100)


@pytest.mark.parametrize(
    "said",
    [
        {"source": "line:unknown"},
        {"source": "manual:"},
        {"source": "mood"},
        {"weight": "0"},
        {"weight": 25.5},
        {"cap": "-1"},
        {"target": "0"},
        {"target": "-1"},
        {"curve": "lower", "target": "0.00"},
        {"target": "12,5"},
        {"target": "1.1234567"},
        {"target": "1.x"},
        {"target": 5},
        {"curve": "band"},
        {"bands": [{"starts_at": "0", "score": "40"}]},
        {"curve": "band", "bands": [{"starts_at": "1", "score": "1"}, {"starts_at": "1", "score": "2"}]},
        {"colour": "red"},
    ],
)
def test_an_indicator_that_makes_no_sense_is_refused(said: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        indicator(**said)


@pytest.mark.parametrize("source", ["line:fee_income", "stock:loan_balance", "churn", "manual:diligence"])
def test_an_indicator_reads_back_as_it_was_written(source: str) -> None:
    one = indicator(source=source, target="12500.00", weight=Decimal("33.5"))
    assert Indicator.model_validate_json(one.to_json()) == one
    assert one.target == Decimal("12500.00")
    assert indicator(target=Decimal(1)).target == 1
