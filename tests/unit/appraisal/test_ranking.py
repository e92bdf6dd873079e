"""Positions and quartiles of a group."""

import statistics
from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from services.appraisal.domain.ranking import Entrant, quartiles, rank
from shared.contracts.appraisal import Rating

TOTALS = st.lists(st.decimals(0, 150, places=2), min_size=1, max_size=40)


def entrants(*totals: str | Decimal) -> list[Entrant]:
    return [Entrant(f"m{index}", Decimal(total), Rating.B) for index, total in enumerate(totals, 1)]


def test_who_has_the_same_total_has_the_same_position() -> None:
    ranking = rank(entrants("80", "95", "80", "60"))
    assert ranking.positions == {"m2": 1, "m1": 2, "m3": 2, "m4": 4}
    assert [one.manager_id for one in ranking.entrants] == ["m2", "m1", "m3", "m4"]


def test_quartiles_lie_in_proportion_between_totals() -> None:
    assert quartiles([Decimal(one) for one in (60, 70, 80, 95)]) == (
        Decimal("67.50"),
        Decimal("75.00"),
        Decimal("83.75"),
    )
    assert quartiles([Decimal("71.5")]) == (Decimal("71.50"),) * 3


@given(TOTALS)
def test_quartiles_are_those_of_the_textbook(totals: list[Decimal]) -> None:
    if len(totals) == 1:
        return
    exact = statistics.quantiles([Fraction(one) for one in totals], n=4, method="inclusive")
    assert list(quartiles(totals)) == [Decimal(round(one * 100)).scaleb(-2) for one in exact]


@given(TOTALS)
def test_a_position_is_one_more_than_those_who_are_better(totals: list[Decimal]) -> None:
    ranking = rank(entrants(*totals))
    for one in ranking.entrants:
        better = sum(other > one.total for other in totals)
        assert ranking.positions[one.manager_id] == better + 1
    lower, median, upper = ranking.quartiles
    assert min(totals) <= lower <= median <= upper <= max(totals)
