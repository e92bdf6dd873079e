"""Splitting: the parts always add up, and nobody is a whole fen away from the exact share."""

from decimal import Decimal
from fractions import Fraction

from hypothesis import example, given
from hypothesis import strategies as st

from shared.kernel.books import RESERVED_CENTRES
from shared.kernel.split import UNALLOCATED, split, split_over
from tests.support import reference

amounts = st.integers(-(10**17), 10**17)
small_amounts = st.integers(-60, 60)
centres = st.text("abcmM01-", min_size=1, max_size=3)
weights = st.dictionaries(centres, st.integers(-5, 10_000), max_size=8)
positive_weights = st.dictionaries(centres, st.integers(1, 10_000), min_size=1, max_size=8)


@given(st.one_of(amounts, small_amounts), weights)
def test_the_parts_add_up_to_the_amount(amount: int, weights: dict[str, int]) -> None:
    assert sum(split(amount, weights).values()) == amount


@given(st.one_of(amounts, small_amounts), positive_weights)
def test_every_part_differs_from_the_exact_share_by_less_than_one_unit(
    amount: int, weights: dict[str, int]
) -> None:
    parts = split(amount, weights)
    for centre, weight in weights.items():
        exact = Fraction(amount * weight, sum(weights.values()))
        assert abs(parts.get(centre, 0) - exact) < 1


@given(st.one_of(amounts, small_amounts), weights)
def test_turning_the_sign_turns_every_part(amount: int, weights: dict[str, int]) -> None:
    assert split(-amount, weights) == {centre: -part for centre, part in split(amount, weights).items()}


@given(small_amounts, weights)
def test_negative_weights_count_as_zero(amount: int, weights: dict[str, int]) -> None:
    assert split(amount, weights) == split(amount, {centre: max(0, w) for centre, w in weights.items()})
    assert all(weights.get(centre, 0) > 0 for centre in split(amount, weights) if centre != UNALLOCATED)


@given(amounts, st.dictionaries(centres, st.integers(-5, 0), max_size=4))
def test_without_a_positive_weight_the_whole_amount_is_unallocated(
    amount: int, weights: dict[str, int]
) -> None:
    assert split(amount, weights) == ({UNALLOCATED: amount} if amount else {})


@given(st.one_of(amounts, small_amounts), weights)
def test_parts_of_zero_are_left_out(amount: int, weights: dict[str, int]) -> None:
    assert 0 not in split(amount, weights).values()


@given(small_amounts, positive_weights)
def test_the_order_in_which_weights_are_given_does_not_matter(amount: int, weights: dict[str, int]) -> None:
    parts = split(amount, dict(reversed(weights.items())))
    assert list(split(amount, weights).items()) == list(parts.items()) == sorted(parts.items())


@given(small_amounts, positive_weights, st.integers(2, 1000))
def test_only_the_proportions_of_the_weights_matter(
    amount: int, weights: dict[str, int], factor: int
) -> None:
    assert split(amount, weights) == split(amount, {centre: w * factor for centre, w in weights.items()})


@given(st.integers(1, 30), st.sets(centres, min_size=1, max_size=8))
def test_of_equal_fractions_the_smaller_centre_ids_get_the_missing_units(
    amount: int, equals: set[str]
) -> None:
    whole, missing = divmod(amount, len(equals))
    expected = {centre: whole + (place < missing) for place, centre in enumerate(sorted(equals))}
    assert split(amount, dict.fromkeys(equals, 7)) == {c: part for c, part in expected.items() if part}


@given(st.integers(1, 10**9), positive_weights)
def test_a_missing_unit_goes_to_a_larger_fraction_before_a_smaller(
    amount: int, weights: dict[str, int]
) -> None:
    parts = split(amount, weights)
    total = sum(weights.values())
    exact = {centre: Fraction(amount * weight, total) for centre, weight in weights.items()}
    got_one = [exact[c] % 1 for c in weights if parts.get(c, 0) > exact[c]]
    got_none = [exact[c] % 1 for c in weights if parts.get(c, 0) <= exact[c]]
    assert min(got_one, default=Fraction(1)) >= max(got_none, default=Fraction(0))


@given(st.integers(-(10**9), 10**9), weights)
@example(10000001, {"m1": 6000, "m2": 4000})
def test_it_splits_as_the_reference_does(amount: int, weights: dict[str, int]) -> None:
    slowly = reference.split(Decimal(amount).scaleb(-2), {c: Decimal(w) for c, w in weights.items()})
    assert {c: Decimal(part).scaleb(-2) for c, part in split(amount, weights).items()} == slowly


def test_the_worked_example_splits_to_the_fen() -> None:
    assert split(10000001, {"m1": 6000, "m2": 4000}) == {"m1": 6000001, "m2": 4000000}
    assert split(-10000001, {"m1": 6000, "m2": 4000}) == {"m1": -6000001, "m2": -4000000}


cells = st.tuples(centres, centres)


@given(st.integers(-(10**9), 10**9), st.dictionaries(cells, st.integers(-5, 10_000), max_size=8))
def test_cells_of_two_centres_are_split_over_as_the_reference_does(
    amount: int, weights: dict[tuple[str, str], int]
) -> None:
    nowhere = (UNALLOCATED, UNALLOCATED)
    slowly = reference.split_over(
        Decimal(amount).scaleb(-2), {cell: Decimal(weight) for cell, weight in weights.items()}, nowhere
    )
    parts = split_over(amount, weights, nowhere)
    assert {cell: Decimal(part).scaleb(-2) for cell, part in parts.items()} == slowly
    assert sum(parts.values()) == amount


def test_of_equal_cells_the_smaller_first_centre_and_then_the_smaller_second_gets_the_missing_unit() -> None:
    equals = [("m2", "a"), ("m1", "b"), ("m1", "a")]
    assert split_over(1, dict.fromkeys(equals, 1), ("x", "x")) == {("m1", "a"): 1}
    assert split_over(-2, dict.fromkeys(equals, 1), ("x", "x")) == {("m1", "a"): -1, ("m1", "b"): -1}


@given(amounts, st.dictionaries(cells, st.integers(-5, 0), max_size=4), cells)
def test_where_no_cell_has_a_positive_weight_the_one_named_for_that_takes_all(
    amount: int, weights: dict[tuple[str, str], int], otherwise: tuple[str, str]
) -> None:
    assert split_over(amount, weights, otherwise) == ({otherwise: amount} if amount else {})


def test_unallocated_is_no_id_that_a_manager_may_bear() -> None:
    assert UNALLOCATED in RESERVED_CENTRES
