"""What-if (模拟): a closed month or quarter computed once more under a proposal; nothing of it is booked.

Both sides, the base and the proposed one, are computed by the rules of the close, from the same facts as they are
known now, so that only the proposal shows in the differences. Amounts are minor units.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from services.ledger.domain.closing import (
    Cell,
    CellAmounts,
    Figures,
    ProductWeights,
    StockHistory,
    StockMonth,
    cells_of,
    month_results,
    ten_days_of,
)
from services.ledger.domain.entry import Unbalanced
from services.ledger.domain.matched_pricing import DailyStocks, PricedStock
from services.ledger.domain.policy import Policies, Policy, PolicyTerms
from shared.contracts.ledger import Driver
from shared.kernel.books import STOCKS, Book, Line, measures
from shared.kernel.money import format_money


@dataclass(frozen=True, slots=True)
class Proposal:
    """What is to be tried: terms of the policy, drivers of cost pools, departments of products."""

    policy: PolicyTerms = field(default_factory=PolicyTerms)
    drivers: Mapping[str, Driver] = field(default_factory=dict)
    products: Mapping[str, str] = field(default_factory=dict)

    def policy_for(self, month: int, policies: Policies) -> Policy:
        """The policy in force for a month with the proposed terms."""
        return policies.in_force(month).amended(self.policy, "proposed")

    def department_of(self, product_code: str, department_id: str) -> str:
        """The department for which a product counts that is booked for this one."""
        return self.products.get(product_code, department_id)


class MonthFacts(NamedTuple):
    """What a month is computed from. The weights of its cost pools are told by product; ``figures`` has none."""

    figures: Figures
    revenue: ProductWeights
    activity: ProductWeights


class DepartmentProduct(NamedTuple):
    """What the department book has of a product on a line: booked in the period, and in all at its end."""

    department_id: str
    product_code: str
    line: Line
    movement: int
    stock: int


LineAmounts = dict[tuple[str, Line], int]
"""Signed amounts by centre and line."""


def month_differences(facts: MonthFacts, proposal: Proposal) -> CellAmounts:
    """Proposed less base, of all that the close of a month computes; zeros are left out.

    Raises Refusal where a curve of the proposal has no rate for some day.
    """
    base = _result(replace(facts.figures, revenue=cells_of(facts.revenue), activity=cells_of(facts.activity)))
    differences = _result(_proposed(facts, proposal))
    for key, amount in base.items():
        differences[key] = differences.get(key, 0) - amount
    return {key: amount for key, amount in differences.items() if amount}


def _result(figures: Figures) -> CellAmounts:
    [result] = month_results(figures, [figures.month])
    return dict(result.amounts)


def _proposed(facts: MonthFacts, proposal: Proposal) -> Figures:
    figures = facts.figures
    month, products = figures.month, proposal.products
    return replace(
        figures,
        policies=Policies((month,), (proposal.policy_for(month, figures.policies),)),
        pools=[
            pool.model_copy(update={"driver": proposal.drivers.get(pool.pool, pool.driver)})
            for pool in figures.pools
        ],
        stocks=_moved_stocks(figures.stocks, figures.daily, month, products),
        daily=_moved_daily(figures.daily, products),
        revenue=cells_of(_moved_weights(facts.revenue, proposal)),
        activity=cells_of(_moved_weights(facts.activity, proposal)),
    )


def _moved_stocks(
    stocks: StockHistory, daily: DailyStocks, month: int, products: Mapping[str, str]
) -> StockHistory:
    """The history by which each manager's stock of a product stands in the proposed department in this month."""
    added = dict(stocks.months.get(month, {}))
    for stock in {*daily.opening, *daily.posted}:
        department = products.get(stock.product_code, stock.department)
        if department == stock.department:
            continue
        on = [daily.balance(stock, day) for day in ten_days_of(month)]
        for where, sign in ((stock.department, -1), (department, 1)):
            key = stock.line, (stock.manager, where)
            before = added.get(key, StockMonth(0, 0, 0))
            added[key] = StockMonth(*(was + sign * more for was, more in zip(before, on, strict=True)))
    return replace(stocks, months={**stocks.months, month: added})


def _moved_daily(daily: DailyStocks, products: Mapping[str, str]) -> DailyStocks:
    """A manager's stocks of a product in several departments become one."""
    opening: dict[PricedStock, int] = {}
    posted: dict[PricedStock, dict[Any, int]] = {}
    for stock in sorted({*daily.opening, *daily.posted}):
        moved = stock._replace(department=products.get(stock.product_code, stock.department))
        opening[moved] = opening.get(moved, 0) + daily.opening.get(stock, 0)
        days = posted.setdefault(moved, {})
        for day, amount in daily.posted.get(stock, {}).items():
            days[day] = days.get(day, 0) + amount
    return DailyStocks(opening, posted)


def _moved_weights(weights: ProductWeights, proposal: Proposal) -> ProductWeights:
    moved: dict[tuple[Cell, str], int] = {}
    for ((manager, department), product), weight in weights.items():
        key = (manager, proposal.department_of(product, department)), product
        moved[key] = moved.get(key, 0) + weight
    return moved


def department_moves(
    booked: Iterable[DepartmentProduct], products: Mapping[str, str]
) -> tuple[LineAmounts, LineAmounts]:
    """What changes department with its product, by line: of what was booked in the period, and of the stocks at its
    end. The department book alone has this; to a manager the department of a product makes no difference."""
    lines: LineAmounts = {}
    stocks: LineAmounts = {}
    for own in booked:
        for where, sign in (
            (own.department_id, -1),
            (products.get(own.product_code, own.department_id), 1),
        ):
            lines[where, own.line] = lines.get((where, own.line), 0) + sign * own.movement
            if own.line in STOCKS:
                stocks[where, own.line] = stocks.get((where, own.line), 0) + sign * own.stock
    return lines, stocks


@dataclass(frozen=True, slots=True)
class Differences:
    """Proposed less base over a period, in both books by centre and line; ``stocks`` are those at the end, which the
    department book alone can have."""

    manager: LineAmounts
    department: LineAmounts
    stocks: LineAmounts

    @classmethod
    def of(
        cls, computed: Sequence[CellAmounts], moves: tuple[LineAmounts, LineAmounts] = ({}, {})
    ) -> "Differences":
        """From what was computed month by month or for loans, and from what changes department. Raises Unbalanced
        (I2) where the books would not change by the same total on each line."""
        lines, stocks = moves
        manager: LineAmounts = {}
        department = dict(lines)
        for amounts in computed:
            for (name, cell), amount in amounts.items():
                line = Line(name)
                manager[cell[0], line] = manager.get((cell[0], line), 0) + amount
                department[cell[1], line] = department.get((cell[1], line), 0) + amount
        found = cls(manager, department, stocks)
        found.check()
        return found

    def check(self) -> None:
        """I2: on each line both books change by the same total; raises Unbalanced."""
        ours, theirs = _totals(self.manager), _totals(self.department)
        for line in Line:
            if ours[line] != theirs[line]:
                raise Unbalanced(f"{line}: the simulated books do not change by the same total")

    def shown(self) -> dict[str, Any]:
        """The wire form: each book's centres with a difference, in order of id, and what both books change by."""
        return {
            Book.MANAGER.value: _centres(self.manager, {}),
            Book.DEPARTMENT.value: _centres(self.department, self.stocks),
            "total": _shown(_totals(self.manager), _totals(self.stocks)),
        }


def _totals(amounts: LineAmounts) -> dict[Line, int]:
    totals = dict.fromkeys(Line, 0)
    for (_, line), amount in amounts.items():
        totals[line] += amount
    return totals


def _centres(lines: LineAmounts, stocks: LineAmounts) -> list[dict[str, Any]]:
    shown = []
    for centre in sorted({centre for centre, _ in (*lines, *stocks)}):
        own = {line: lines.get((centre, line), 0) for line in Line}
        at_end = {line: stocks.get((centre, line), 0) for line in STOCKS}
        if any(own.values()) or any(at_end.values()):
            shown.append({"centre_id": centre, **_shown(own, at_end)})
    return shown


def _shown(lines: Mapping[Line, int], stocks: Mapping[Line, int]) -> dict[str, Any]:
    """Lines and stocks without a difference are left out; measures are all there."""
    return {
        "lines": {line.value: format_money(amount) for line, amount in lines.items() if amount},
        "stocks": {line.value: format_money(amount) for line, amount in stocks.items() if amount},
        "measures": {name: format_money(amount) for name, amount in measures(lines).items()},
    }
