"""Matched FTP: daily balances on a curve, rounded once, and what is priced so leaves the pool."""

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ledger.domain.closing import (
    DEPOSITS,
    FTP_COST,
    FTP_INCOME,
    LOANS,
    Figures,
    StockHistory,
    StockMonth,
    month_results,
)
from services.ledger.domain.ftp_curve import DECIDER, CurvePoints, Curves, FtpCurveSet, SetFtpCurve
from services.ledger.domain.matched_pricing import DailyStocks, PricedStock, price
from services.ledger.domain.policy import DECIDER as POLICY_DECIDER
from services.ledger.domain.policy import MatchedFtp, Policies, Policy, PolicyTerms, SetPolicy
from shared.kernel.errors import Refusal

JULY = 202607
CURVES = Curves.of(
    [
        ("cny", date(2026, 7, 16), {"1Y": Decimal("2.40")}),
        ("cny", date(2026, 1, 1), {"1Y": Decimal("2.60"), "ON": Decimal("1.10")}),
        ("flat", date(2026, 1, 1), {"1Y": Decimal("2.60")}),
    ]
)
MATCHED = Policy(matched={"TRM": MatchedFtp("cny", "1Y")})
M1 = PricedStock(LOANS, "m1", "lending", "TRM")
LENT = DailyStocks(posted={M1: {date(2026, 7, 8): 36000000, date(2026, 7, 15): -6000000}})


def terms(method: str, **point: str) -> PolicyTerms:
    """A policy that says how TRM is priced."""
    return PolicyTerms.model_validate({"ftp": {"TRM": {"method": method, **point}}})


def test_a_loan_is_charged_day_by_day_at_the_rate_of_the_day() -> None:
    [priced] = price(LENT, CURVES, MATCHED, JULY)
    # 360000 × 7 days × 2.60 + 300000 × 1 × 2.60 + 300000 × 16 × 2.40, over 36000
    assert (priced.line, priced.amount) == (FTP_COST, -52367)
    assert priced.exact == -Fraction(18_852_000_00, 36000)
    assert priced.sum_of_days == 36000000 * 7 + 30000000 * 17
    assert priced.rates == {date(2026, 7, 8): "2.60", date(2026, 7, 16): "2.40"}


def test_a_deposit_is_credited_and_an_overdraft_charged() -> None:
    policy = Policy(matched={"TRM": MatchedFtp("flat", "1Y")})
    for amount, credited in ((36000000, 80600), (-36000000, -80600)):
        stock = PricedStock(DEPOSITS, "m1", "deposits", "TRM")
        [priced] = price(DailyStocks(opening={stock: amount}), CURVES, policy, JULY)
        assert (priced.line, priced.amount) == (FTP_INCOME, credited)


def test_a_product_that_goes_by_the_pool_is_not_priced() -> None:
    assert list(price(LENT, CURVES, Policy(), JULY)) == []


def test_an_empty_stock_needs_no_rate() -> None:
    [priced] = price(DailyStocks(opening={M1: 0}), Curves(), MATCHED, JULY)
    assert (priced.amount, priced.rates) == (0, {})


def test_a_day_without_a_rate_is_refused_naming_curve_tenor_and_day() -> None:
    with pytest.raises(Refusal, match="curve cny has no rate for 1Y on 2026-07-08") as refused:
        list(price(LENT, Curves(), MATCHED, JULY))
    assert refused.value.rule == "curve-has-rate"


postings = st.dictionaries(st.dates(date(2026, 6, 20), date(2026, 8, 3)), st.integers(-(10**9), 10**9))


@given(st.integers(-(10**9), 10**9), postings)
def test_the_runs_of_days_are_the_balances_of_each_day(opening: int, posted: dict[date, int]) -> None:
    stocks = DailyStocks({M1: opening}, {M1: posted})
    by_day = {
        first + timedelta(days=number): balance
        for balance, first, last in stocks.spells(M1, JULY)
        for number in range((last - first).days + 1)
    }
    days = [date(2026, 7, day) for day in range(1, 32)]
    assert by_day == {day: opening + sum(a for on, a in posted.items() if on <= day) for day in days}
    assert by_day == {day: stocks.balance(M1, day) for day in days}


def test_what_is_priced_on_a_curve_leaves_the_pool_and_still_costs() -> None:
    cell = ("m1", "lending")
    stocks = StockHistory(
        months={
            JULY: {
                (LOANS, cell): StockMonth(36000000, 30000000, 30000000),
                (DEPOSITS, ("m1", "deposits")): StockMonth(96000001, 96000001, 96000001),
            }
        }
    )
    policies = Policies((JULY,), (MATCHED,))
    figures = Figures(JULY, JULY, stocks, {}, policies, daily=LENT, curves=CURVES)
    [result] = month_results(figures, [JULY])
    assert result.averages.managers[LOANS]["m1"] == 32000000
    assert result.pooled.managers[LOANS]["m1"] == 0
    assert result.amounts == {
        ("deposit_cost", ("m1", "deposits")): -124000,
        (FTP_INCOME, ("m1", "deposits")): 198400,
        (FTP_COST, cell): -52367,
    }


def test_a_curve_is_in_force_until_its_next_date() -> None:
    assert CURVES.rate_on("cny", "1Y", date(2026, 7, 15)) == Decimal("2.60")
    assert CURVES.rate_on("cny", "1Y", date(2026, 7, 16)) == Decimal("2.40")
    for name, tenor, day in (("cny", "1Y", date(2025, 12, 31)), ("cny", "ON", date(2026, 7, 16)),
                             ("usd", "1Y", date(2026, 7, 16))):  # fmt: skip
        with pytest.raises(Refusal, match=name):
            CURVES.rate_on(name, tenor, day)


def test_setting_a_curve_is_a_fact_of_its_effective_date() -> None:
    points = CurvePoints.model_validate({"effective_from": "2026-07-01", "rates": {"3M": "1.95"}})
    command = SetFtpCurve("cny", points)
    [fact] = DECIDER.decide(command, None, None)
    assert isinstance(fact, FtpCurveSet)
    assert fact.stream == DECIDER.stream(command) == "curve-cny"
    assert (fact.business_date, fact.rates) == (date(2026, 7, 1), {"3M": Decimal("1.95")})
    assert DECIDER.evolve(None, fact) is None


@pytest.mark.parametrize("rates", [{}, {"soon": "1"}, {"0M": "1"}, {"1Y": "100.01"}, {"1Y": 2.5}])
def test_an_odd_curve_is_refused(rates: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="rates"):
        CurvePoints.model_validate({"effective_from": "2026-07-01", "rates": rates})


# --- policy ---


def test_a_policy_says_how_each_product_is_priced_until_it_says_otherwise() -> None:
    policies = Policies.of([(JULY, terms("matched", curve="cny", tenor="1Y")), (202609, terms("pool"))])
    assert policies.in_force(202608).matched == {"TRM": MatchedFtp("cny", "1Y")}
    assert policies.in_force(202609).matched == {}
    assert policies.matched_products(202606, 202612) == ["TRM"]
    assert policies.matched_products(202609, 202612) == []


def test_a_later_word_for_the_same_month_adds_its_products() -> None:
    other = PolicyTerms.model_validate({"ftp": {"DEM": {"method": "matched", "curve": "cny", "tenor": "ON"}}})
    policies = Policies.of([(JULY, terms("matched", curve="cny", tenor="1Y")), (JULY, other)])
    assert sorted(policies.in_force(JULY).matched) == ["DEM", "TRM"]


@pytest.mark.parametrize(
    ("method", "point"),
    [("matched", {}), ("matched", {"curve": "cny"}), ("pool", {"curve": "cny", "tenor": "1Y"})],
)
def test_a_method_that_is_not_whole_is_refused(method: str, point: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="matched needs a curve and a tenor, pool has neither"):
        terms(method, **point)


def test_a_policy_names_a_point_that_its_curve_has() -> None:
    for method in (terms("matched", curve="cny", tenor="1Y"), terms("pool")):
        assert POLICY_DECIDER.decide(SetPolicy(JULY, method), None, CURVES)
    with pytest.raises(Refusal, match="curve cny has no rate for 2Y on 2026-07-01"):
        POLICY_DECIDER.decide(SetPolicy(JULY, terms("matched", curve="cny", tenor="2Y")), None, CURVES)
