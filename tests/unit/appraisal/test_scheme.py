"""Schemes: weights add up to 100, ratings follow thresholds and vetoes, the version in force is found."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from services.appraisal.domain import scheme as schemes
from services.appraisal.domain.scheme import Scheme, Schemes, SchemeSet, SchemeTerms, SetScheme, Veto
from shared.contracts.appraisal import Rating
from shared.kernel.books import Book
from shared.kernel.errors import Refusal

SPRING, SUMMER, TODAY = date(2026, 3, 1), date(2026, 6, 1), date(2026, 1, 15)


def terms(*weights: str, **said: Any) -> SchemeTerms:
    indicators = [
        {"code": f"i{index}", "name": "Fees", "source": "line:fee_income", "weight": weight}
        for index, weight in enumerate(weights or ("100",))
    ]
    return SchemeTerms.model_validate({"name": "Usual", "side": "manager", "indicators": indicators, **said})


def put(scheme_id: str, day: date, said: SchemeTerms, before: Scheme | None = None) -> SchemeSet:
    [fact] = schemes.decide(SetScheme(scheme_id, day, said, TODAY), before or Scheme(), None)
    assert isinstance(fact, SchemeSet)
    return fact


def test_a_scheme_is_set_in_versions_and_reads_back() -> None:
    first = put("usual", SPRING, terms("60", "40"))
    second = put("usual", SUMMER, terms("50", "50"), schemes.evolve(Scheme(), first))
    assert (first.version, second.version, second.stream) == (1, 2, "scheme-usual")
    assert SchemeSet.model_validate_json(first.to_json()) == first
    assert schemes.DECIDER.stream(SetScheme("usual", SPRING, terms(), TODAY)) == first.stream


def test_a_scheme_stays_on_its_side() -> None:
    before = schemes.evolve(Scheme(), put("usual", SPRING, terms()))
    with pytest.raises(Refusal) as refused:
        put("usual", SUMMER, terms(side="department"), before)
    assert refused.value.rule == "scheme-keeps-its-side"


@pytest.mark.parametrize(
    "said",
    [
        {"indicators": []},
        {"thresholds": {"A": "60", "B": "75", "C": "90"}},
        {"thresholds": {"D": "10"}},
        {"thresholds": {"A": "90", "B": "90"}},
        {"side": "bank"},
        {
            "side": "department",
            "indicators": [{"code": "v", "name": "Visits", "source": "visits-done", "weight": "100"}],
        },
        {
            "indicators": [
                {"code": "v", "name": "One", "source": "churn", "weight": "50"},
                {"code": "v", "name": "Two", "source": "churn", "weight": "50"},
            ]
        },
    ],
)
def test_a_scheme_that_makes_no_sense_is_refused(said: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        terms(**said)


def test_departments_are_measured_by_their_bad_loans_and_referrals_too() -> None:
    sources = ("line:fee_income", "bad-loan-ratio", "referrals-won", "manual:service")
    own = [
        {"code": f"i{index}", "name": "One", "source": one, "weight": "25", "target": "5"}
        for index, one in enumerate(sources)
    ]
    assert [one.source for one in terms(side="department", indicators=own).indicators] == list(sources)


def test_weights_add_up_to_exactly_a_hundred() -> None:
    with pytest.raises(ValidationError, match=r"weights must add up to exactly 100, not 99\.99"):
        terms("60", "39.99")
    assert len(terms("33.34", "33.33", "33.33").indicators) == 3


@pytest.mark.parametrize(
    ("total", "rating"),
    [("90", "A"), ("89.99", "B"), ("75", "B"), ("74.99", "C"), ("60", "C"), ("59.99", "D")],
)
def test_a_total_gives_its_rating(total: str, rating: str) -> None:
    assert terms().rating(Decimal(total)) == rating


def test_a_veto_caps_the_rating_and_never_raises_it() -> None:
    scheme = terms()
    assert scheme.rating(Decimal(100), [Veto.SERIOUS_BREACH]) is Rating.C
    assert scheme.rating(Decimal(100), [Veto.UNREPORTED_LARGE_VALUE]) is Rating.B
    assert scheme.rating(Decimal(100), list(Veto)) is Rating.C
    assert scheme.rating(Decimal(10), list(Veto)) is Rating.D
    assert terms(vetoes={}).rating(Decimal(100), list(Veto)) is Rating.A


def test_the_scheme_of_a_day_is_the_latest_version_and_one_that_names_the_group_first() -> None:
    first = put("all", SPRING, terms())
    again = put("all", SPRING, terms(name="Again"), schemes.evolve(Scheme(), first))
    known = Schemes(
        {
            "all": [first, again, put("all", SUMMER, terms(name="Summer"), schemes.evolve(Scheme(), again))],
            "old": [put("old", SPRING, terms(groups=["senior-1", "principal"]))],
            "shops": [put("shops", SPRING, terms(side="department"))],
        }
    )
    assert known.of(Book.MANAGER, "assistant", date(2026, 2, 28)) is None
    assert known.of(Book.MANAGER, "assistant", SPRING) == again
    found = known.of(Book.MANAGER, None, SUMMER)
    assert found is not None
    assert found.terms.name == "Summer"
    senior = known.of(Book.MANAGER, "principal", SUMMER)
    assert senior is not None
    assert senior.scheme_id == "old"
    shop = known.of(Book.DEPARTMENT, "lending", SUMMER)
    assert shop is not None
    assert shop.scheme_id == "shops"
    assert known.version("all", 2) == again
