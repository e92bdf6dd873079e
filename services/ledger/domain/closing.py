"""The month close (月结), the calculation: what a month's stocks cost and earn inside the bank, and cost pools.

A manager's deposits cost ``deposit_rate``; deposits beyond loans are lent out inside the bank, loans beyond deposits
are borrowed, each on ten-day averages, N days of K a year. The manager's amounts are split over the departments by
the averages of what the manager has in each, so that both books get the same cells (manager, department).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from services.ledger.domain.ftp_curve import Curves
from services.ledger.domain.matched_pricing import DailyStocks, Priced, price
from services.ledger.domain.policy import Policies, Policy
from services.ledger.domain.statement import ten_day_average
from shared.contracts.ledger import CostPoolDeclared, Driver
from shared.kernel.books import Line
from shared.kernel.money import round_half_even
from shared.kernel.period import days_in, last_day
from shared.kernel.split import UNALLOCATED, split, split_over

Cell = tuple[str, str]
"""A manager centre and a department: where the two books meet."""

DEPOSITS, LOANS = Line.DEPOSIT_BALANCE.value, Line.LOAN_BALANCE.value
DEPOSIT_COST, FTP_INCOME, FTP_COST = Line.DEPOSIT_COST.value, Line.FTP_INCOME.value, Line.FTP_COST.value
ALLOCATED_COST = Line.ALLOCATED_COST.value

NO_CELL: Cell = (UNALLOCATED, UNALLOCATED)
"""Where a cost pool goes for which no cell has any weight."""


class StockMonth(NamedTuple):
    """What a month's legs add to a cell's stock: up to the 10th, up to the 20th, and in all."""

    by_10: int
    by_20: int
    amount: int


class LateStock(NamedTuple):
    """A leg on a stock that adjusts a closed month: booked in ``period``, dated before."""

    period: int
    business_date: date
    line: str
    cell: Cell
    amount: int


def ten_days_of(month: int) -> tuple[date, date, date]:
    """The days whose balances a ten-day average takes: the 10th, the 20th and the last."""
    end = last_day(month)
    return end.replace(day=10), end.replace(day=20), end


@dataclass(frozen=True, slots=True)
class StockHistory:
    """Stocks by line and cell: ``opening`` before the first of the ``months``, then what each month adds as booked.
    ``late`` are those legs again that were booked in a later month than they are dated in."""

    opening: Mapping[tuple[str, Cell], int] = field(default_factory=dict)
    months: Mapping[int, Mapping[tuple[str, Cell], StockMonth]] = field(default_factory=dict)
    late: Sequence[LateStock] = ()

    def balances(self, month: int) -> dict[tuple[str, Cell], tuple[int, int, int]]:
        """B(10), B(20) and B(last day) of a month by business date, with all that is known now."""
        stands: dict[tuple[str, Cell], int] = dict(self.opening)
        for earlier, movements in self.months.items():
            if earlier < month:
                for key, movement in movements.items():
                    stands[key] = stands.get(key, 0) + movement.amount
        on_10, on_20, on_last = dict(stands), dict(stands), dict(stands)
        for key, movement in self.months.get(month, {}).items():
            on_10[key] = on_10.get(key, 0) + movement.by_10
            on_20[key] = on_20.get(key, 0) + movement.by_20
            on_last[key] = on_last.get(key, 0) + movement.amount
        for leg in self.late:
            if leg.period > month:
                for day, on in zip(ten_days_of(month), (on_10, on_20, on_last), strict=True):
                    if leg.business_date <= day:
                        on[leg.line, leg.cell] = on.get((leg.line, leg.cell), 0) + leg.amount
        keys = {*on_10, *on_20, *on_last}
        return {key: (on_10.get(key, 0), on_20.get(key, 0), on_last.get(key, 0)) for key in keys}


@dataclass(frozen=True, slots=True)
class Averages:
    """The ten-day averages of a month by line: of each manager, and of each manager's stock in each department."""

    managers: Mapping[str, Mapping[str, int]]
    cells: Mapping[str, Mapping[Cell, int]]
    departments: Mapping[str, Mapping[str, Mapping[str, int]]]
    """The same as ``cells``, by manager."""

    @classmethod
    def of(cls, balances: Mapping[tuple[str, Cell], tuple[int, int, int]]) -> "Averages":
        totals: dict[str, dict[str, tuple[int, int, int]]] = {DEPOSITS: {}, LOANS: {}}
        cells: dict[str, dict[Cell, int]] = {DEPOSITS: {}, LOANS: {}}
        departments: dict[str, dict[str, dict[str, int]]] = {DEPOSITS: {}, LOANS: {}}
        for (line, cell), (on_10, on_20, on_last) in sorted(balances.items()):
            cells[line][cell] = ten_day_average(on_10, on_20, on_last)
            departments[line].setdefault(cell[0], {})[cell[1]] = cells[line][cell]
            before = totals[line].get(cell[0], (0, 0, 0))
            totals[line][cell[0]] = before[0] + on_10, before[1] + on_20, before[2] + on_last
        managers = {
            line: {manager: ten_day_average(*total) for manager, total in by_manager.items()}
            for line, by_manager in totals.items()
        }
        return cls(managers, cells, departments)


CellAmounts = dict[tuple[str, Cell], int]
"""Signed amounts in minor units by line and cell."""


def interest_results(
    averages: Averages, month: int, policy: Policy, pooled: Averages | None = None
) -> CellAmounts:
    """deposit_cost, ftp_income and ftp_cost of a month in every cell; zeros are left out.

    All deposits cost; lent out and borrowed inside the bank is what is ``pooled``, which is all of it unless some
    products are priced on a curve.
    """
    pooled = pooled or averages
    results: CellAmounts = {}
    for manager in sorted({*averages.managers[DEPOSITS], *averages.managers[LOANS]}):
        cost = _interest(
            max(averages.managers[DEPOSITS].get(manager, 0), 0), policy.deposit_rate, month, policy
        )
        amounts = [(DEPOSIT_COST, -cost, averages.departments[DEPOSITS])]
        surplus = pooled.managers[DEPOSITS].get(manager, 0) - pooled.managers[LOANS].get(manager, 0)
        if surplus > 0:
            lent_out = _interest(surplus, policy.lend_out_rate, month, policy)
            amounts.append((FTP_INCOME, lent_out, pooled.departments[DEPOSITS]))
        else:
            borrowed = _interest(-surplus, policy.borrow_in_rate, month, policy)
            amounts.append((FTP_COST, -borrowed, pooled.departments[LOANS]))
        for line, amount, weights in amounts:
            for department, part in split(amount, weights.get(manager, {})).items():
                results[line, (manager, department)] = part
    return results


def _interest(average: int, rate: Decimal, month: int, policy: Policy) -> int:
    """round(average × rate × N / K / 100), half-even to a minor unit."""
    return round_half_even(Fraction(average * days_in(month)) * Fraction(rate) / (policy.day_basis * 100))


class Spread(NamedTuple):
    """A cost pool, the weight of each cell by its driver, and what each cell bears (negative amounts)."""

    pool: CostPoolDeclared
    weight_of_all: int
    weights: Mapping[str, Mapping[str, int]]
    """By manager and department."""
    amounts: Mapping[Cell, int]


def spread(pool: CostPoolDeclared, weights: Mapping[Cell, int]) -> Spread:
    """The whole pool is one split over all cells, ordered by manager and department."""
    shares = split_over(pool.amount, weights, NO_CELL)
    by_manager: dict[str, dict[str, int]] = {}
    for (manager, department), weight in sorted(weights.items()):
        by_manager.setdefault(manager, {})[department] = weight
    weight_of_all = sum(weight for weight in weights.values() if weight > 0)
    return Spread(pool, weight_of_all, by_manager, {cell: -share for cell, share in shares.items()})


@dataclass(frozen=True, slots=True)
class Figures:
    """What the close of a month is computed from, as the ledger stands when it has all locks.

    ``computed`` is what earlier closes booked for each closed month, by month, line and cell. ``revenue`` are the
    cells' income lines of the month, ``activity`` their core events in ten-thousandths of an event. ``daily`` are
    the stocks of products that some month's policy prices on one of the ``curves``.
    """

    month: int
    first_to_recompute: int
    stocks: StockHistory
    computed: Mapping[tuple[int, str, Cell], int]
    policies: Policies
    pools: Sequence[CostPoolDeclared] = ()
    revenue: Mapping[Cell, int] = field(default_factory=dict)
    activity: Mapping[Cell, int] = field(default_factory=dict)
    daily: DailyStocks = field(default_factory=DailyStocks)
    curves: Curves = field(default_factory=Curves)

    def weights(self, driver: Driver, averages: Averages) -> Mapping[Cell, int]:
        """The weight of every cell by a driver."""
        if driver is Driver.REVENUE:
            return self.revenue
        if driver is Driver.ENTRIES:
            return self.activity
        deposits, loans = averages.cells[DEPOSITS], averages.cells[LOANS]
        return {cell: deposits.get(cell, 0) + loans.get(cell, 0) for cell in {*deposits, *loans}}


ProductWeights = Mapping[tuple[Cell, str], int]
"""Weights for a cost pool by cell and product."""


def cells_of(weights: ProductWeights) -> dict[Cell, int]:
    """The weights of the cells, all products together."""
    cells: dict[Cell, int] = {}
    for (cell, _), weight in weights.items():
        cells[cell] = cells.get(cell, 0) + weight
    return cells


class MonthResult(NamedTuple):
    """What a close books for one month: all of it for the month that closes, the differences for earlier ones."""

    month: int
    averages: Averages
    pooled: Averages
    policy: Policy
    amounts: CellAmounts
    priced: Sequence[Priced]
    spreads: Sequence[Spread]


def month_results(figures: Figures, months: Iterable[int]) -> Iterable[MonthResult]:
    """The true-up of each closed month since the first that a late stock changes, then the month itself.

    A month that is recomputed takes the policy in force for it; its cost pools stay as they were spread.
    """
    for month in months:
        balances, policy = figures.stocks.balances(month), figures.policies.in_force(month)
        averages = pooled = Averages.of(balances)
        priced = list(price(figures.daily, figures.curves, policy, month))
        if priced:
            pooled = Averages.of(_without(balances, figures.daily, priced, month))
        amounts = interest_results(averages, month, policy, pooled)
        for one in priced:
            _add(amounts, (one.line, (one.stock.manager, one.stock.department)), one.amount)
        if month < figures.month:
            changes = _beyond(amounts, figures.computed, month)
            yield MonthResult(month, averages, pooled, policy, changes, priced, ())
            continue
        spreads = [spread(pool, figures.weights(pool.driver, averages)) for pool in figures.pools]
        for spread_ in spreads:
            for cell, amount in spread_.amounts.items():
                _add(amounts, (ALLOCATED_COST, cell), amount)
        amounts = {key: amount for key, amount in amounts.items() if amount}
        yield MonthResult(month, averages, pooled, policy, amounts, priced, spreads)


def _add(amounts: CellAmounts, key: tuple[str, Cell], amount: int) -> None:
    amounts[key] = amounts.get(key, 0) + amount


def _without(
    balances: Mapping[tuple[str, Cell], tuple[int, int, int]],
    daily: DailyStocks,
    priced: Iterable[Priced],
    month: int,
) -> dict[tuple[str, Cell], tuple[int, int, int]]:
    """The balances less what is priced on a curve."""
    rest = dict(balances)
    days = ten_days_of(month)
    for one in priced:
        key = one.stock.line, (one.stock.manager, one.stock.department)
        before = rest.get(key, (0, 0, 0))
        on = [daily.balance(one.stock, day) for day in days]
        rest[key] = before[0] - on[0], before[1] - on[1], before[2] - on[2]
    return rest


def _beyond(amounts: CellAmounts, computed: Mapping[tuple[int, str, Cell], int], month: int) -> CellAmounts:
    before = {(line, cell): amount for (of, line, cell), amount in computed.items() if of == month}
    changes = {key: amounts.get(key, 0) - before.get(key, 0) for key in {*amounts, *before}}
    return {key: change for key, change in changes.items() if change}
