"""An entry (记账凭证) in both books: the split over centres, the contra legs, and the two invariants.

Invariants, for each entry and each line: **I1**, within a book the legs sum to zero, contra centres included;
**I2**, without the contra centres both books have the same sum. The database checks them once more on every write.
"""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

import orjson

from services.ledger.domain.loan import Amounts, Loan
from services.ledger.domain.timeline import SHARE_UNITS, Weights, share_text
from shared.kernel.books import CONTRA, Book, LoanClass
from shared.kernel.money import format_money, parse_money
from shared.kernel.period import format_month, parse_month
from shared.kernel.split import split

Parts = dict[str, dict[str, int]]
"""Signed amounts of one book: line → centre id → minor units."""

MANAGER, DEPARTMENT = Book.MANAGER.value, Book.DEPARTMENT.value
_CONTRA = {line.value: centre for line, centre in CONTRA.items()}


class Unbalanced(Exception):
    """An entry would break I1 or I2. A defect, never a caller's fault: the writer fails and leaves nothing behind."""


class Leg(NamedTuple):
    """One signed amount on one line for one centre in one book (分录)."""

    book: str
    line: str
    centre_id: str
    contra: bool
    amount: int


class EntryBooked(NamedTuple):
    """One cause, booked in both books. ``source_data`` is the cause's own data, as it arrived.

    Its ``legs`` follow from the parts of both books and are not stored with it.
    """

    entry_id: str
    cause_type: str
    cause_source: str
    business_date: date
    period: int
    customer_id: str | None
    account_id: str | None
    product_code: str
    department_id: str
    shares: Weights
    lines: Amounts
    manager: Parts
    department: Parts
    policy: str
    loan: Loan | None
    source_data: bytes
    stream: str

    @property
    def legs(self) -> list[Leg]:
        """The legs of both books in a fixed order: by line, manager book first, the contra leg last of its book."""
        legs = []
        for line in self.lines:
            contra = _CONTRA[line]
            for book, parts in ((MANAGER, self.manager[line]), (DEPARTMENT, self.department[line])):
                legs += [Leg(book, line, centre, False, amount) for centre, amount in parts.items()]
                legs.append(Leg(book, line, contra, True, -sum(parts.values())))
        return legs

    def to_json(self) -> bytes:
        """The contract's EntryBooked, with the shares, loan and source data that explain it."""
        lines = _money(self.lines)
        return orjson.dumps(
            {
                "entry_id": self.entry_id,
                "cause": {"id": self.entry_id, "type": self.cause_type, "source": self.cause_source},
                "business_date": self.business_date,
                "period": format_month(self.period),
                "customer_id": self.customer_id,
                "account_id": self.account_id,
                "product_code": self.product_code,
                "department_id": self.department_id,
                "shares": {manager: share_text(weight) for manager, weight in self.shares.items()},
                "lines": lines,
                "books": {MANAGER: _parts(self.manager, lines), DEPARTMENT: _parts(self.department, lines)},
                "policy": self.policy,
                "loan": _loan_json(self.loan),
                "source_data": orjson.Fragment(self.source_data),
            }
        )


def both_books(lines: Amounts, weights: Weights, department_id: str) -> tuple[Parts, Parts]:
    """Book totals by line for the managers, by their shares, and for the department; raises Unbalanced."""
    manager = {line: split(amount, weights) for line, amount in lines.items()}
    department = {line: {department_id: amount} for line, amount in lines.items()}
    check_balance(lines, manager, department)
    return manager, department


def check_balance(lines: Mapping[str, int], manager: Parts, department: Parts) -> None:
    """I2 on an entry's parts; with it I1, since each contra leg is the negative of its book's parts."""
    for line, total in lines.items():
        if not sum(manager[line].values()) == sum(department[line].values()) == total:
            raise Unbalanced(f"{line}: the books do not add up to {format_money(total)}")


def _money(amounts: Mapping[str, int]) -> dict[str, str]:
    return {name: format_money(amount) for name, amount in amounts.items()}


def _parts(parts: Parts, lines: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Each line's parts as text; a sole part is the line's total, whose text is there already."""
    return {
        line: dict.fromkeys(by_centre, lines[line]) if len(by_centre) == 1 else _money(by_centre)
        for line, by_centre in parts.items()
    }


def _loan_json(loan: Loan | None) -> dict[str, Any] | None:
    if loan is None:
        return None
    return {
        "loan_id": loan.loan_id,
        "outstanding": format_money(loan.outstanding),
        "held": format_money(loan.held),
        "loan_class": loan.loan_class.value,
        "closed": loan.closed,
    }


def read_entry(data: str) -> EntryBooked:
    """Read a stored EntryBooked back."""
    stored = orjson.loads(data)
    loan, customer_id = stored["loan"], stored["customer_id"]
    lines = _amounts(stored["lines"])
    manager = {line: _amounts(parts) for line, parts in stored["books"][MANAGER].items()}
    department = {line: _amounts(parts) for line, parts in stored["books"][DEPARTMENT].items()}
    return EntryBooked(
        entry_id=stored["entry_id"],
        cause_type=stored["cause"]["type"],
        cause_source=stored["cause"]["source"],
        business_date=date.fromisoformat(stored["business_date"]),
        period=parse_month(stored["period"]),
        customer_id=customer_id,
        account_id=stored["account_id"],
        product_code=stored["product_code"],
        department_id=stored["department_id"],
        shares={manager: _weight(share) for manager, share in stored["shares"].items()},
        lines=lines,
        manager=manager,
        department=department,
        policy=stored["policy"],
        loan=loan
        and Loan(
            loan["loan_id"],
            customer_id,
            parse_money(loan["outstanding"]),
            parse_money(loan["held"]),
            LoanClass(loan["loan_class"]),
            loan["closed"],
        ),
        source_data=orjson.dumps(stored["source_data"]),
        stream=f"manager-{next(iter(stored['shares']))}"
        if customer_id is None
        else f"customer-{customer_id}",
    )


def _amounts(texts: Mapping[str, str]) -> dict[str, int]:
    return {name: parse_money(text) for name, text in texts.items()}


def _weight(share: str) -> int:
    return int(Decimal(share) * SHARE_UNITS)
