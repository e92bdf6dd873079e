"""Matched FTP (期限匹配法): products whose policy says so are priced day by day on a curve, not by the pool.

What a manager holds of such a product in a department is priced at the end of every calendar day: balance × the
curve's rate of that day for the product's tenor / K / 100. The days of a month are added up exactly and rounded once
a cell and product, half-even. Deposits are credited (``ftp_income``), loans are charged (``ftp_cost``, negative); the
treasury is the contra centre of both, so credits, charges and the treasury come to zero. The pool then takes no
account of these stocks; what deposits cost the bank is not touched by any of this.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction
from typing import NamedTuple

from services.ledger.domain.ftp_curve import Curves
from services.ledger.domain.policy import MatchedFtp, Policy
from shared.kernel.books import Line
from shared.kernel.money import round_half_even
from shared.kernel.period import last_day


class PricedStock(NamedTuple):
    """A manager's stock of one product in one department."""

    line: str
    manager: str
    department: str
    product_code: str


@dataclass(frozen=True, slots=True)
class DailyStocks:
    """Stocks of priced products: ``opening`` balances, and what was posted since by business date (minor units)."""

    opening: Mapping[PricedStock, int] = field(default_factory=dict)
    posted: Mapping[PricedStock, Mapping[date, int]] = field(default_factory=dict)

    def balance(self, stock: PricedStock, day: date) -> int:
        """The balance at the end of a day."""
        postings = self.posted.get(stock, {})
        return self.opening.get(stock, 0) + sum(amount for on, amount in postings.items() if on <= day)

    def spells(self, stock: PricedStock, month: int) -> Iterator[tuple[int, date, date]]:
        """The balances of a month at the end of each day, as runs of days with the same balance."""
        end = last_day(month)
        first = end.replace(day=1)
        postings = self.posted.get(stock, {})
        balance = self.opening.get(stock, 0) + sum(amount for day, amount in postings.items() if day <= first)
        since = first
        for day in sorted(day for day in postings if first < day <= end):
            yield balance, since, day - timedelta(days=1)
            balance, since = balance + postings[day], day
        yield balance, since, end


class Priced(NamedTuple):
    """What a stock earns (+) or costs (−) in a month; ``exact`` before rounding, in minor units. ``sum_of_days`` is
    the sum of the balances at the end of each day; ``rates`` those that held, by their first day."""

    stock: PricedStock
    method: MatchedFtp
    line: str
    amount: int
    exact: Fraction
    sum_of_days: int
    rates: Mapping[date, str]


_SIDES = {
    Line.DEPOSIT_BALANCE.value: (Line.FTP_INCOME.value, 1),
    Line.LOAN_BALANCE.value: (Line.FTP_COST.value, -1),
}


def price(stocks: DailyStocks, curves: Curves, policy: Policy, month: int) -> Iterator[Priced]:
    """Every stock of a month whose product is matched; raises Refusal where a curve lacks a day's rate."""
    for stock in sorted({*stocks.opening, *stocks.posted}):
        method = policy.matched.get(stock.product_code)
        if method is None:
            continue
        line, sign = _SIDES[stock.line]
        total, sum_of_days = Fraction(0), 0
        rates: dict[date, str] = {}
        for balance, first, last in stocks.spells(stock, month):
            for day in _days(first, last) if balance else ():
                rate = curves.rate_on(method.curve, method.tenor, day)
                if str(rate) not in list(rates.values())[-1:]:
                    rates[day] = str(rate)
                total += balance * Fraction(rate)
                sum_of_days += balance
        exact = sign * total / (policy.day_basis * 100)
        yield Priced(stock, method, line, round_half_even(exact), exact, sum_of_days, rates)


def _days(first: date, last: date) -> Iterator[date]:
    while first <= last:
        yield first
        first += timedelta(days=1)
