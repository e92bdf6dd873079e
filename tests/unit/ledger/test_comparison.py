"""Two statements side by side: change, percent, and centres that are on one side only."""

from decimal import ROUND_HALF_EVEN, Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ledger.domain.comparison import Change, Comparison, compare
from services.ledger.domain.statement import Statement, with_amounts
from shared.kernel.books import Line

amounts = st.integers(-(10**17), 10**17)


def stated(centre_id: str, period: str, fees: int = 0) -> Statement:
    return with_amounts(Statement.empty("manager", centre_id, period), {Line.FEE_INCOME: fees})


@pytest.mark.parametrize(
    ("this", "that", "percent"),
    [
        (150, 100, "50.00"),
        (50, 100, "-50.00"),
        (0, 100, "-100.00"),
        (100, 0, None),
        (0, 0, None),
        (100, 100, "0.00"),
        (-150, -100, "-50.00"),  # a loss that grew
        (-50, -100, "50.00"),
        (100, -100, "200.00"),
        (4, 3, "33.33"),
        (5, 3, "66.67"),
        (20001, 20000, "0.00"),  # 0.005, ties to the even one
        (20003, 20000, "0.02"),  # 0.015
        (19999, 20000, "0.00"),
    ],
)
def test_a_change_in_percent_has_its_own_sign(this: int, that: int, percent: str | None) -> None:
    assert Change(this, that).percent == percent


@given(amounts, amounts)
def test_a_change_is_the_difference_and_its_percentage_rounded_half_even(this: int, that: int) -> None:
    shown = Change(this, that).shown()
    sides = {name: Decimal(shown[name] or "") for name in ("this", "that", "change")}
    assert sides["this"] - sides["that"] == sides["change"]
    if that == 0:
        assert shown["percent"] is None
        return
    with localcontext(prec=80):
        exact = Decimal(100) * sides["change"] / abs(sides["that"])
        assert shown["percent"] is not None
        assert Decimal(shown["percent"]) == exact.quantize(Decimal("0.01"), ROUND_HALF_EVEN)


def test_a_comparison_has_every_figure_of_a_statement() -> None:
    shown = Comparison(stated("m1", "2026-08", 300), stated("m1", "2026-07", 200)).shown()
    statement = Statement.empty("manager", "m1", "2026-08").shown()
    assert (shown["book"], shown["centre_id"], shown["period"], shown["with"]) == (
        "manager",
        "m1",
        "2026-08",
        "2026-07",
    )
    for part in ("lines", "stocks", "averages", "measures"):
        assert list(shown[part]) == list(statement[part])
    grown = {"this": "3.00", "that": "2.00", "change": "1.00", "percent": "50.00"}
    nothing = {"this": "0.00", "that": "0.00", "change": "0.00", "percent": None}
    assert shown["lines"]["fee_income"] == shown["measures"]["virtual_profit"] == grown
    assert shown["lines"]["risk_charge"] == shown["stocks"]["loan_balance"] == nothing


def test_centres_of_either_side_are_compared_in_order_the_missing_side_being_zero() -> None:
    these = [stated("m3", "2026-08", 300), stated("m1", "2026-08", 100)]
    those = [stated("m2", "2026-07", 20), stated("m3", "2026-07", 30)]
    compared = compare("manager", ("2026-08", "2026-07"), these, those)
    sides = [(one.this.centre_id, one.this.lines[Line.FEE_INCOME], one.that.lines[Line.FEE_INCOME])
             for one in compared]  # fmt: skip
    assert sides == [("m1", 100, 0), ("m2", 0, 20), ("m3", 300, 30)]
    for one in compared:
        assert one.this.centre_id == one.that.centre_id
        assert (one.this.period, one.that.period) == ("2026-08", "2026-07")


def test_nothing_compared_with_nothing_is_nothing() -> None:
    assert compare("manager", ("2026-08", "2026-07"), [], []) == []
