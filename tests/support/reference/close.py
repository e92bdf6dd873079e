"""What a month close books (§8): figures by cell, which is a manager and a department."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from fractions import Fraction

from tests.support.reference.attribution import RefEvent
from tests.support.reference.books import Books
from tests.support.reference.rules import STOCK_LINES, ZERO, last_day, rounded, split, split_over

Cell = tuple[str, str]
Shared = tuple[RefEvent, Mapping[str, Decimal]]
NOWHERE = ("unallocated", "unallocated")
INTEREST_LINES = ("deposit_cost", "ftp_income", "ftp_cost")
REVENUE_LINES = ("interest_income", "fee_income", "settlement_income", "credit_risk_income")


def averages_by_cell(books: Books, month: str) -> dict[str, dict[Cell, Decimal]]:
    """For each stock line the ten-day average of each cell: of a manager's legs of one department's products."""
    found: dict[str, dict[Cell, Decimal]] = {}
    for line in STOCK_LINES:
        of_cell: dict[Cell, Books] = defaultdict(Books)
        for leg in books.legs:
            if leg.book == "manager" and leg.line == line and not leg.contra:
                assert leg.department is not None
                of_cell[leg.centre, leg.department].legs.append(leg)
        found[line] = {
            cell: its.average("manager", cell[0], line, last_day(month)) for cell, its in of_cell.items()
        }
    return found


def interest(books: Books, month: str, policy: Mapping[str, Decimal]) -> dict[str, dict[Cell, Decimal]]:
    """deposit_cost, ftp_income and ftp_cost of a month by cell, by all that is known."""
    of_cells = averages_by_cell(books, month)
    found: dict[str, dict[Cell, Decimal]] = {line: {} for line in INTEREST_LINES}
    for manager in sorted({manager for cells in of_cells.values() for manager, _ in cells}):
        deposits = books.average("manager", manager, "deposit_balance", last_day(month))
        loans = books.average("manager", manager, "loan_balance", last_day(month))
        whole = {
            "deposit_cost": -_at_rate("deposit_rate", max(deposits, ZERO), month, policy),
            "ftp_income": _at_rate("lend_out_rate", max(deposits - loans, ZERO), month, policy),
            "ftp_cost": -_at_rate("borrow_in_rate", max(loans - deposits, ZERO), month, policy),
        }
        for line, amount in whole.items():
            stocks = of_cells["loan_balance" if line == "ftp_cost" else "deposit_balance"]
            weights = {cell[1]: average for cell, average in stocks.items() if cell[0] == manager}
            for department, part in split(amount, weights).items():
                found[line][manager, department] = part
    return found


def _at_rate(rate: str, balance: Decimal, month: str, policy: Mapping[str, Decimal]) -> Decimal:
    of_a_year = Fraction(balance) * Fraction(policy[rate]) / 100
    return rounded(of_a_year * last_day(month).day / Fraction(policy["day_basis"]))


def weights_of(driver: str, books: Books, month: str, events: Iterable[Shared]) -> dict[Cell, Decimal]:
    """What a pool is spread by; ``events`` are the month's, each with the shares of its business date."""
    weights: dict[Cell, Decimal] = defaultdict(Decimal)
    match driver:
        case "revenue":
            for leg in books.legs:
                if leg.book == "manager" and leg.line in REVENUE_LINES and not leg.contra:
                    assert leg.department is not None
                    if leg.period == month:
                        weights[leg.centre, leg.department] += leg.amount
        case "balances":
            for cells in averages_by_cell(books, month).values():
                for cell, average in cells.items():
                    weights[cell] += average
        case _:
            assert driver == "entries"
            for event, shares in events:
                for manager, share in shares.items():
                    weights[manager, event.department] += share
    return weights


def spread(amount: Decimal, weights: Mapping[Cell, Decimal]) -> dict[Cell, Decimal]:
    """A pool over the cells."""
    return split_over(amount, weights, NOWHERE)
