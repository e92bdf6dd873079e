"""The product catalogue: a product's department on a day, and how products get in."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.ledger.domain.catalogue import DECIDER, EVER, Catalogue, DefineProduct, ProductDefined
from shared.kernel.errors import Refusal
from tests.support.reference import ReferenceLedger, Refused

TODAY = date(2026, 7, 26)
days = st.dates(date(2026, 1, 1), date(2026, 3, 31))
rows = st.lists(st.tuples(st.sampled_from(["DEM", "TRM"]), days, st.sampled_from(["d1", "d2", "d3"])))


@given(rows, st.sampled_from(["DEM", "TRM", "AGT"]), days)
def test_the_latest_department_up_to_the_day_holds(
    rows: list[tuple[str, date, str]], code: str, day: date
) -> None:
    try:
        expected = ReferenceLedger(products=rows).department_of(code, day)
    except Refused as refused:
        with pytest.raises(Refusal, match=rf"^{refused.field}: {code} is no product on {day}"):
            Catalogue.of(rows).department_of(code, day)
    else:
        assert Catalogue.of(rows).department_of(code, day) == expected


def test_a_change_concerns_later_dates_only() -> None:
    catalogue = Catalogue.of([("DEM", EVER, "deposits"), ("DEM", date(2026, 8, 1), "retail")])
    assert catalogue.department_of("DEM", date(2026, 7, 31)) == "deposits"
    assert catalogue.department_of("DEM", date(2026, 8, 1)) == "retail"


def defined(exists: bool, effective_from: date | None) -> ProductDefined:
    command = DefineProduct("DEM", "deposits", "Demand deposit", effective_from, TODAY)
    state = DECIDER.initial
    if exists:
        state = DECIDER.evolve(state, defined(False, None))
    [fact] = DECIDER.decide(command, state, None)
    assert isinstance(fact, ProductDefined)
    assert DECIDER.stream(command) == fact.stream == "product-DEM"
    return fact


def test_a_new_product_has_its_department_since_ever() -> None:
    assert defined(False, None).effective_from == EVER


def test_a_known_product_moves_today() -> None:
    assert defined(True, None).effective_from == TODAY


@pytest.mark.parametrize("exists", [False, True])
def test_a_date_that_is_given_is_kept(exists: bool) -> None:
    fact = defined(exists, date(2026, 8, 1))
    assert fact.effective_from == fact.business_date == date(2026, 8, 1)
    assert ProductDefined.model_validate_json(fact.to_json()) == fact


@pytest.mark.parametrize("department", ["external", "unassigned", "", "two words"])
def test_a_special_centre_is_no_department(department: str) -> None:
    with pytest.raises(ValidationError, match="department_id"):
        ProductDefined(product_code="DEM", department_id=department, name="x", effective_from=TODAY)
