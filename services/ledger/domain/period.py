"""Closing a month (月结). The aggregate is the bank's calendar; a close books one entry a manager and month, states
everybody's results, and nothing is booked in the month after that.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from services.ledger.domain.calendar import Calendar
from services.ledger.domain.closing import (
    DEPOSITS,
    LOANS,
    Averages,
    CellAmounts,
    Figures,
    MonthResult,
    Spread,
    month_results,
)
from services.ledger.domain.entry import EntryBooked, check_balance
from services.ledger.domain.matched_pricing import Priced
from services.ledger.domain.policy import Policy
from services.ledger.domain.statement import Statement, with_amounts
from services.ledger.domain.timeline import SHARE_UNITS
from shared.contracts.ledger import (
    SOURCE,
    ComputedFrom,
    CustomerResultStated,
    DepartmentResultStated,
    ManagerResultStated,
    PeriodClosed,
    ResultStated,
)
from shared.kernel.books import Book, Line
from shared.kernel.decider import Decider
from shared.kernel.event import Fact
from shared.kernel.money import format_money
from shared.kernel.period import days_in, format_month, last_day, months_between

STREAM = "period-bank"

CAUSE_TYPE = PeriodClosed.__name__
"""The cause of the entries of a close."""

_FIELDS_OF_CUSTOMER = set(CustomerResultStated.model_fields)
"""Shared by all that a close states: each would have a set of its own, half a kilobyte a customer."""


@dataclass(frozen=True, slots=True)
class ClosePeriod:
    """Command: close this month. Closed already, it stays as it is."""

    month: int


@dataclass(frozen=True, slots=True)
class CustomerMonth:
    """A customer's lines in the closing month, the stocks at its end, and the codes of its products in order."""

    lines: Mapping[Line, int]
    stocks: Mapping[Line, int]
    products: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Position:
    """Where the ledger stands: the last position of each shard and the hash of all their chains."""

    positions: Mapping[int, int]
    hash: str


@dataclass(frozen=True, slots=True)
class BeforeClose:
    """All that the close of a month looks at. ``statements`` are those of both books before its entries."""

    figures: Figures
    statements: Mapping[Book, Sequence[Statement]]
    customers: Mapping[str, CustomerMonth]
    position: Position
    entries: int


@dataclass(frozen=True, slots=True)
class Consulted:
    """The calendar, and what the month's close looks at unless the month cannot close."""

    calendar: Calendar
    before: Mapping[int, BeforeClose] = field(default_factory=dict)


def decide(command: ClosePeriod, _: None, consulted: Consulted) -> Sequence[Fact]:
    """The close of the month; nothing when it is closed already. Raises Refusal out of order."""
    month, calendar = command.month, consulted.calendar
    if month <= calendar.closed_through:
        return []
    calendar.check_closable(month)
    before = consulted.before[month]
    figures = before.figures
    months = months_between(figures.first_to_recompute, month)
    entries = [entry for result in month_results(figures, months) for entry in _entries(month, result)]
    stated = list(_stated(month, before, entries))
    return [*entries, *stated, _closed(month, before, entries, stated)]


def _entries(month: int, result: MonthResult) -> Iterator[EntryBooked]:
    """One entry for each manager whom the month's result, or a difference to it, gives anything."""
    by_manager: dict[str, CellAmounts] = {}
    for (line, cell), amount in result.amounts.items():
        by_manager.setdefault(cell[0], {})[line, cell] = amount
    trued_up = result.month < month
    name = format_month(result.month)
    for manager, amounts in sorted(by_manager.items()):
        department: dict[str, dict[str, int]] = {}
        for line in (line.value for line in Line):
            own = {cell[1]: amount for (of, cell), amount in sorted(amounts.items()) if of == line}
            if own:
                department[line] = own
        lines = {line: sum(parts.values()) for line, parts in department.items()}
        own_book = {line: {manager: total} for line, total in lines.items()}
        check_balance(lines, own_book, department)
        yield EntryBooked(
            entry_id=f"{_close_id(month)}~{manager}" + (f"~{name}" if trued_up else ""),
            cause_id=_close_id(month),
            cause_type=CAUSE_TYPE,
            cause_source=SOURCE,
            business_date=last_day(result.month),
            period=month,
            adjusts_period=result.month if trued_up else None,
            customer_id=None,
            account_id=None,
            product_code=None,
            department_id=None,
            shares={manager: SHARE_UNITS},
            lines=lines,
            manager=own_book,
            department=department,
            policy=result.policy.version,
            loan=None,
            provision_rate=None,
            moves=(),
            source_data=orjson.dumps(_computed(manager, result)),
            stream=f"manager-{manager}",
        )


def _computed(manager: str, result: MonthResult) -> dict[str, Any]:
    """What a manager's entry was computed from: the averages, the rates and, for cost pools, the weights."""
    policy = result.policy
    return {
        "month": format_month(result.month),
        "days": days_in(result.month),
        **_rates(policy),
        "averages": _averages(manager, result.averages),
        **(_priced(manager, result) if result.priced else {}),
        "pools": [_computed_pool(manager, spread) for spread in result.spreads],
    }


def _averages(manager: str, averages: Averages) -> dict[str, Any]:
    return {
        stock: {
            "manager": format_money(averages.managers[stock].get(manager, 0)),
            "departments": {
                department: format_money(average)
                for department, average in averages.departments[stock].get(manager, {}).items()
            },
        }
        for stock in (DEPOSITS, LOANS)
    }


def _priced(manager: str, result: MonthResult) -> dict[str, Any]:
    """What is priced on a curve, and the averages of what is left to the pool."""
    return {
        "pooled": _averages(manager, result.pooled),
        "matched": [_computed_price(one) for one in result.priced if one.stock.manager == manager],
    }


def _computed_price(priced: Priced) -> dict[str, Any]:
    return {
        "line": priced.line,
        "product_code": priced.stock.product_code,
        "department_id": priced.stock.department,
        "curve": priced.method.curve,
        "tenor": priced.method.tenor,
        "rates": {day.isoformat(): rate for day, rate in priced.rates.items()},
        "sum_of_daily_balances": format_money(priced.sum_of_days),
        "amount": format_money(priced.amount),
    }


def _rates(policy: Policy) -> dict[str, Any]:
    """The rates of a policy that a close takes, in percent a year, and the days of its year."""
    return {
        "deposit_rate": str(policy.deposit_rate),
        "lend_out_rate": str(policy.lend_out_rate),
        "borrow_in_rate": str(policy.borrow_in_rate),
        "day_basis": policy.day_basis,
    }


def _computed_pool(manager: str, spread: Spread) -> dict[str, Any]:
    return {
        "pool": spread.pool.pool,
        "amount": format_money(spread.pool.amount),
        "driver": spread.pool.driver.value,
        "weight_of_all": spread.weight_of_all,
        "weights": spread.weights.get(manager, {}),
    }


def _stated(month: int, before: BeforeClose, entries: Sequence[EntryBooked]) -> Iterator[ResultStated]:
    """The month's result of every manager, department and customer, the close's own entries included."""
    booked: dict[Book, dict[str, dict[Line, int]]] = {Book.MANAGER: {}, Book.DEPARTMENT: {}}
    for entry in entries:
        for book, parts in ((Book.MANAGER, entry.manager), (Book.DEPARTMENT, entry.department)):
            for line, by_centre in parts.items():
                for centre, amount in by_centre.items():
                    own = booked[book].setdefault(centre, {})
                    own[Line(line)] = own.get(Line(line), 0) + amount
    period, computed_from = format_month(month), _computed_from(before.position)
    for book, kind in ((Book.MANAGER, ManagerResultStated), (Book.DEPARTMENT, DepartmentResultStated)):
        known = {statement.centre_id: statement for statement in before.statements[book]}
        for centre in sorted({*known, *booked[book]}):
            statement = known.get(centre) or Statement.empty(book.value, centre, period)
            statement = with_amounts(statement, booked[book].get(centre, {}))
            yield kind.model_construct(
                centre_id=centre,
                period=period,
                lines=dict(statement.lines),
                stocks=dict(statement.stocks),
                averages=dict(statement.averages),
                measures=dict(statement.measures),
                computed_from=computed_from,
            )
    for customer_id, customer in sorted(before.customers.items()):
        yield CustomerResultStated.model_construct(
            _FIELDS_OF_CUSTOMER,
            customer_id=customer_id,
            period=period,
            lines=dict(customer.lines),
            stocks=dict(customer.stocks),
            products=customer.products,
        )


def _closed(
    month: int, before: BeforeClose, entries: Sequence[EntryBooked], stated: Sequence[ResultStated]
) -> PeriodClosed:
    kinds = [type(one) for one in stated]
    totals = dict.fromkeys(Line, 0)
    for one in stated:
        if isinstance(one, ManagerResultStated):
            for line, amount in one.lines.items():
                totals[line] += amount
    return PeriodClosed.model_construct(
        period=format_month(month),
        entries=before.entries + len(entries),
        managers=kinds.count(ManagerResultStated),
        departments=kinds.count(DepartmentResultStated),
        customers=kinds.count(CustomerResultStated),
        trued_up=sorted({format_month(e.adjusts_period) for e in entries if e.adjusts_period is not None}),
        lines=totals,
        computed_from=_computed_from(before.position),
    )


def _computed_from(position: Position) -> ComputedFrom:
    return ComputedFrom(positions=dict(position.positions), hash=position.hash)


def _close_id(month: int) -> str:
    return f"close-{format_month(month)}"


DECIDER: Decider[ClosePeriod, None, Consulted] = Decider(
    stream=lambda _: STREAM, initial=None, decide=decide, evolve=lambda _, __: None
)
