"""The vocabulary of the two books: lines, centres, loan classes and measures (accounting terms in the README)."""

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType


class Book(StrEnum):
    """One complete view of the bank's management result (账本)."""

    MANAGER = "manager"
    DEPARTMENT = "department"


class Line(StrEnum):
    """What kind of result a leg states (科目). The order is that of statements."""

    DEPOSIT_BALANCE = "deposit_balance"
    LOAN_BALANCE = "loan_balance"
    INTEREST_INCOME = "interest_income"
    FEE_INCOME = "fee_income"
    SETTLEMENT_INCOME = "settlement_income"
    CREDIT_RISK_INCOME = "credit_risk_income"
    DEPOSIT_COST = "deposit_cost"
    FTP_INCOME = "ftp_income"
    FTP_COST = "ftp_cost"
    RISK_CHARGE = "risk_charge"
    DIRECT_COST = "direct_cost"
    ALLOCATED_COST = "allocated_cost"


STOCKS = (Line.DEPOSIT_BALANCE, Line.LOAN_BALANCE)
"""Lines whose balance is carried on (存量); all others are flows of one period (流量)."""

UNASSIGNED = "unassigned"
"""The manager-book centre of customers whom nobody looks after."""

EXTERNAL, TREASURY, RISK_RESERVE, OVERHEAD = "external", "treasury", "risk-reserve", "overhead"

CONTRA: Mapping[Line, str] = {
    line: {
        Line.FTP_INCOME: TREASURY,
        Line.FTP_COST: TREASURY,
        Line.RISK_CHARGE: RISK_RESERVE,
        Line.ALLOCATED_COST: OVERHEAD,
    }.get(line, EXTERNAL)
    for line in Line
}
"""The contra centre (对方科目) of each line: every leg has its contra leg there, in its own book."""

CONTRA_CENTRES = frozenset(CONTRA.values())

RESERVED_CENTRES = CONTRA_CENTRES | {UNASSIGNED, "unallocated"}
"""Ids that no manager and no department may bear."""


class LoanClass(StrEnum):
    """Five-category loan classification (五级分类), best first."""

    NORMAL = "normal"
    SPECIAL_MENTION = "special_mention"
    SUBSTANDARD = "substandard"
    DOUBTFUL = "doubtful"
    LOSS = "loss"


DEFAULT_PROVISION_RATES: Mapping[LoanClass, Decimal] = MappingProxyType(
    dict(zip(LoanClass, map(Decimal, (0, 0, 30, 50, 100)), strict=True))
)
"""Percent of what is outstanding that a class requires (拨备率) where no policy says otherwise."""


def measures(lines: Mapping[Line, int]) -> dict[str, int]:
    """The three measures of a centre and period, from the signed sums of its legs (minor units).

    ``efficiency`` (客户经理效益) is what appraisal pays on; ``virtual_profit`` (虚拟利润) leaves costs out.
    """

    def total(*names: Line) -> int:
        return sum(lines.get(name, 0) for name in names)

    net_interest = total(Line.INTEREST_INCOME, Line.FTP_INCOME, Line.FTP_COST, Line.DEPOSIT_COST)
    fees = total(Line.FEE_INCOME, Line.SETTLEMENT_INCOME)
    risk = total(Line.RISK_CHARGE)
    return {
        "net_interest_income": net_interest,
        "virtual_profit": net_interest + fees + risk,
        "efficiency": net_interest
        + fees
        + risk
        + total(Line.CREDIT_RISK_INCOME, Line.DIRECT_COST, Line.ALLOCATED_COST),
    }
