"""Money and rates: decimal strings on the wire, whole fen and exact decimals inside, nothing else ever."""

from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.kernel.errors import Malformed
from shared.kernel.money import (
    LARGEST_AMOUNT,
    format_money,
    parse_money,
    parse_rate,
    percent_of,
    round_half_even,
)

amounts = st.integers(-LARGEST_AMOUNT + 1, LARGEST_AMOUNT - 1)
rates = st.decimals(min_value=-999_999, max_value=999_999, places=6)

NO_DECIMAL_STRING = [
    "",
    " ",
    "1e5",
    "1E5",
    "+1",
    "--1",
    "-",
    ".",
    ".5",
    "1.",
    "1.-5",
    "1,234.50",
    "1_000",
    " 1",
    "1 ",
    "1\n",
    "0x10",
    "NaN",
    "Infinity",
    "-Infinity",
    "١٢",
    "１２",
    "12.٣",
    "壹",
    "1\0",
    1,
    1.5,
    1.0,
    float("nan"),
    True,
    None,
    Decimal("1.50"),
    b"1.50",
    ["1.50"],
    {"amount": "1.50"},
]


@given(amounts)
def test_every_amount_is_read_back_as_it_was_written(amount: int) -> None:
    assert parse_money(format_money(amount)) == amount


@given(amounts)
def test_an_amount_is_written_as_decimal_arithmetic_writes_it(amount: int) -> None:
    written = format_money(amount)
    assert Decimal(written) == Decimal(amount).scaleb(-2)
    assert written.rpartition(".")[2].isdigit()
    assert len(written.rpartition(".")[2]) == 2


@given(st.from_regex(r"-?[0-9]{1,15}(\.[0-9]{1,2})?", fullmatch=True))
def test_every_decimal_string_with_at_most_two_places_is_read_exactly(text: str) -> None:
    assert Decimal(parse_money(text)).scaleb(-2) == Decimal(text)


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("0", 0),
        ("-0.00", 0),
        ("1234.50", 123450),
        ("1234.5", 123450),
        ("0.05", 5),
        ("0.5", 50),
        ("-0.05", -5),
        ("007", 700),
        ("999999999999999.99", LARGEST_AMOUNT - 1),
    ],
)
def test_an_amount_is_read(text: str, amount: int) -> None:
    assert parse_money(text) == amount


@pytest.mark.parametrize(
    ("amount", "text"), [(0, "0.00"), (5, "0.05"), (-5, "-0.05"), (-100, "-1.00"), (123450, "1234.50")]
)
def test_an_amount_is_written_with_two_places(amount: int, text: str) -> None:
    assert format_money(amount) == text


@pytest.mark.parametrize(
    "text", [*NO_DECIMAL_STRING, "1.234", "0.001", "1000000000000000", "9" * 400], ids=repr
)
def test_anything_but_a_decimal_string_with_two_places_is_no_amount(text: object) -> None:
    with pytest.raises(Malformed, match="decimal string with at most two places"):
        parse_money(text)


@given(st.one_of(st.floats(), st.integers(), st.booleans(), st.none(), st.decimals()))
def test_no_number_is_an_amount_or_a_rate_only_text_is(value: object) -> None:
    with pytest.raises(Malformed):
        parse_money(value)
    with pytest.raises(Malformed):
        parse_rate(value)


@given(st.text())
def test_text_is_an_amount_or_malformed_and_nothing_else_happens(text: str) -> None:
    try:
        amount = parse_money(text)
    except Malformed:
        return
    assert Decimal(text) == Decimal(amount).scaleb(-2)
    assert text.isascii()


@given(rates)
def test_every_rate_is_read_back_as_it_was_written(rate: Decimal) -> None:
    text = format(rate, "f")
    assert parse_rate(text) == rate
    assert str(parse_rate(text)) == text


@pytest.mark.parametrize("text", [*NO_DECIMAL_STRING, "1.2345678", "1234567", "9" * 400], ids=repr)
def test_anything_but_a_decimal_string_with_six_places_is_no_rate(text: object) -> None:
    with pytest.raises(Malformed, match="decimal string in percent"):
        parse_rate(text)


@given(amounts, rates)
def test_a_percentage_is_rounded_half_even_as_decimal_does(amount: int, rate: Decimal) -> None:
    roomy = Context(prec=80)  # nothing is rounded but by the last step
    exact = roomy.divide(roomy.multiply(Decimal(amount), rate), Decimal(100))
    assert percent_of(amount, rate) == int(exact.quantize(Decimal(1), ROUND_HALF_EVEN, roomy))


@given(amounts, rates)
def test_a_percentage_is_symmetric_in_sign(amount: int, rate: Decimal) -> None:
    assert percent_of(-amount, rate) == -percent_of(amount, rate)


@pytest.mark.parametrize(
    ("amount", "rate", "expected"),
    [(1, "50", 0), (3, "50", 2), (5, "50", 2), (-1, "50", 0), (-3, "50", -2), (50_000_000, "30", 15_000_000)],
)
def test_half_a_unit_goes_to_the_even_one(amount: int, rate: str, expected: int) -> None:
    assert percent_of(amount, Decimal(rate)) == expected


@given(st.fractions())
def test_rounding_moves_by_half_a_unit_at_most_and_ties_are_even(exact: Fraction) -> None:
    whole = round_half_even(exact)
    assert abs(whole - exact) <= Fraction(1, 2)
    if abs(whole - exact) == Fraction(1, 2):
        assert whole % 2 == 0
