"""What the rules say once and use everywhere: lines, contra centres, months, rounding, splitting."""

from calendar import monthrange
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import TypeVar

CENT = Decimal("0.01")
ZERO = Decimal(0)
STOCK_LINES = ("deposit_balance", "loan_balance")
LINES = (
    "deposit_balance",
    "loan_balance",
    "interest_income",
    "fee_income",
    "settlement_income",
    "credit_risk_income",
    "deposit_cost",
    "ftp_income",
    "ftp_cost",
    "risk_charge",
    "direct_cost",
    "allocated_cost",
)
FEE_LINES = {
    "intermediary": "fee_income",
    "settlement": "settlement_income",
    "credit_risk": "credit_risk_income",
}
PROVISION_RATES = {
    "normal": Decimal(0),
    "special_mention": Decimal(0),
    "substandard": Decimal(30),
    "doubtful": Decimal(50),
    "loss": Decimal(100),
}
POLICY = {
    "deposit_rate": Decimal("1.50"),
    "lend_out_rate": Decimal("2.40"),
    "borrow_in_rate": Decimal("3.00"),
    "day_basis": Decimal(360),
}
"""The terms of the default policy that the close goes by (§10)."""

DRIVERS = ("revenue", "balances", "entries")
NET_INTEREST = ("interest_income", "ftp_income", "ftp_cost", "deposit_cost")
MEASURES = {
    "net_interest_income": NET_INTEREST,
    "virtual_profit": (*NET_INTEREST, "fee_income", "settlement_income", "risk_charge"),
    "efficiency": (
        *NET_INTEREST,
        "credit_risk_income",
        "fee_income",
        "settlement_income",
        "direct_cost",
        "allocated_cost",
        "risk_charge",
    ),
}
"""Each measure is the sum of these lines (§9)."""


class Refused(Exception):
    """The fact must be booked nowhere; ``field`` is what the reason has to name."""

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


def contra_of(line: str) -> str:
    """The contra centre of a line (§4)."""
    match line:
        case "ftp_income" | "ftp_cost":
            return "treasury"
        case "risk_charge":
            return "risk-reserve"
        case "allocated_cost":
            return "overhead"
        case _:
            return "external"


# --- months ---


def month_of(day: date) -> str:
    """The month of a day."""
    return day.isoformat()[:7]


def last_day(month: str) -> date:
    """The last day of a month."""
    first = date.fromisoformat(f"{month}-01")
    return first.replace(day=monthrange(first.year, first.month)[1])


def month_after(month: str) -> str:
    """The month that follows."""
    year, number = int(month[:4]), int(month[5:])
    return f"{year + 1:04d}-01" if number == 12 else f"{year:04d}-{number + 1:02d}"


def months_between(first: str, last: str) -> Iterator[str]:
    """From the first month to the last one, both included."""
    while first <= last:
        yield first
        first = month_after(first)


def months_of(period: str) -> list[str]:
    """The months of a period by its name: ``2026-07``, ``2026-Q3``, ``2026-H2`` or ``2026``."""
    year, _, part = period.partition("-")
    if part.isdigit():
        return [period]
    length = {"": 12, "H": 6, "Q": 3}[part[:1]]
    start = (int(part[1:]) - 1) * length if part else 0
    return [f"{year}-{start + number:02d}" for number in range(1, length + 1)]


# --- rounding and splitting ---

Key = TypeVar("Key", str, tuple[str, str])


def rounded(exact: Fraction) -> Decimal:
    """Half-even to one hundredth, by Decimal arithmetic on a figure that is exact."""
    cents = exact * 100
    whole, rest = divmod(cents.numerator, cents.denominator)
    twice = 2 * rest
    if twice > cents.denominator or (twice == cents.denominator and whole % 2):
        whole += 1
    return Decimal(whole).scaleb(-2)


def split(amount: Decimal, weights: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """§2 over centres."""
    return dict(_parts(amount, tuple(weights.items()))) if amount else {}


@lru_cache(100_000)
def _parts(amount: Decimal, weights: tuple[tuple[str, Decimal], ...]) -> dict[str, Decimal]:
    return split_over(amount, dict(weights), "unallocated")


def split_over(amount: Decimal, weights: Mapping[Key, Decimal], nowhere: Key) -> dict[Key, Decimal]:
    """§2, one cent after the other: whoever lacks most of the exact share gets the next one."""
    positive = {centre: Fraction(weight) for centre, weight in weights.items() if weight > 0}
    if not positive:
        return {nowhere: amount} if amount else {}
    whole, total = abs(amount), sum(positive.values())
    exact = {centre: Fraction(whole) * weight / total for centre, weight in positive.items()}
    parts = {centre: Decimal(int(share * 100)).scaleb(-2) for centre, share in exact.items()}
    while sum(parts.values()) < whole:
        lacking = max(exact[centre] - Fraction(parts[centre]) for centre in parts)
        first = min(centre for centre in parts if exact[centre] - Fraction(parts[centre]) == lacking)
        parts[first] += CENT
    return {centre: part.copy_sign(amount) for centre, part in parts.items() if part}
