"""An entry (记账凭证) in both books: the split over centres, the contra legs, and the two invariants.

Invariants, for each entry and each line: **I1**, within a book the legs sum to zero, contra centres included;
**I2**, without the contra centres both books have the same sum. The database checks them once more on every write.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

import orjson

from services.ledger.domain.loan import Amounts, Loan
from services.ledger.domain.timeline import SHARE_UNITS, Weights, share_text
from shared.kernel.books import CONTRA, STOCKS, Book, LoanClass
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
    """One signed amount on one line for one centre in one book (分录), with what it is about."""

    book: str
    line: str
    centre_id: str
    contra: bool
    amount: int
    business_date: date
    period: int
    adjusts_period: int | None
    customer_id: str | None
    account_id: str | None
    product_code: str | None
    department_id: str


class Move(NamedTuple):
    """An amount that changes hands in the manager book; those of an entry and line add up to zero each day."""

    line: str
    centre_id: str
    amount: int
    business_date: date
    period: int
    adjusts_period: int | None
    account_id: str | None
    product_code: str
    department_id: str


class EntryBooked(NamedTuple):
    """One cause, booked in both books. ``source_data`` is the cause's own data, as it arrived or was computed.

    Its ``legs`` follow from the parts of both books and from ``moves``, and are not stored with it. The entry of a
    core event has one ``department_id``; that of a month close has one manager and, by line, all departments.
    ``adjusts_period`` is the closed month in which the entry's date lies, if it does. ``provision_rate`` is that of the
    ``loan``, in percent; entries from before it was stored have none.
    """

    entry_id: str
    cause_id: str
    cause_type: str
    cause_source: str
    business_date: date
    period: int
    adjusts_period: int | None
    customer_id: str | None
    account_id: str | None
    product_code: str | None
    department_id: str | None
    shares: Weights
    lines: Amounts
    manager: Parts
    department: Parts
    policy: str | None
    loan: Loan | None
    provision_rate: Decimal | None
    moves: tuple[Move, ...]
    source_data: bytes
    stream: str

    @property
    def own_event_id(self) -> str:
        """An entry names its own event."""
        return self.entry_id

    @property
    def legs(self) -> list[Leg]:
        """The legs of both books in a fixed order: by line, manager book first, the contra leg last of its book;
        then what changes hands."""
        legs: list[Leg] = []
        add = legs.append
        when = self.business_date, self.period, self.adjusts_period
        what = self.customer_id, self.account_id, self.product_code
        for line in self.lines:
            contra, manager, department = _CONTRA[line], self.manager[line], self.department[line]
            if self.department_id is None:
                [centre] = manager
                for department_id, amount in department.items():
                    for book, own in ((MANAGER, centre), (DEPARTMENT, department_id)):
                        add(Leg(book, line, own, False, amount, *when, *what, department_id))
                        add(Leg(book, line, contra, True, -amount, *when, *what, department_id))
                continue
            for book, parts in ((MANAGER, manager), (DEPARTMENT, department)):
                for centre, amount in parts.items():
                    add(Leg(book, line, centre, False, amount, *when, *what, self.department_id))
                add(Leg(book, line, contra, True, -sum(parts.values()), *when, *what, self.department_id))
        for move in self.moves:
            add(Leg(MANAGER, move.line, move.centre_id, False, move.amount, move.business_date, move.period,
                    move.adjusts_period, self.customer_id, *move[6:]))  # fmt: skip
        return legs

    def to_json(self) -> bytes:
        """The contract's EntryBooked, with the shares, policy, moves and source data that explain it."""
        lines = _money(self.lines)
        adjusts = self.adjusts_period
        return orjson.dumps(
            {
                "entry_id": self.entry_id,
                "cause": {"id": self.cause_id, "type": self.cause_type, "source": self.cause_source},
                "business_date": self.business_date,
                "period": format_month(self.period),
                **({} if adjusts is None else {"adjusts_period": format_month(adjusts)}),
                "customer_id": self.customer_id,
                "account_id": self.account_id,
                "product_code": self.product_code,
                "department_id": self.department_id,
                "shares": {manager: share_text(weight) for manager, weight in self.shares.items()},
                "lines": lines,
                "books": {MANAGER: _parts(self.manager, lines), DEPARTMENT: _parts(self.department, lines)},
                "policy": self.policy,
                "loan": _loan_json(self.loan, self.provision_rate),
                **({"moves": [_move_json(move) for move in self.moves]} if self.moves else {}),
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


def check_moves(moves: Sequence[Move]) -> None:
    """What one centre gains another gives up: each line's moves of a day add up to zero; raises Unbalanced."""
    sums: dict[tuple[str, date], int] = {}
    for move in moves:
        sums[move.line, move.business_date] = sums.get((move.line, move.business_date), 0) + move.amount
    for (line, day), total in sums.items():
        if total:
            raise Unbalanced(f"{line}: what changes hands on {day} does not add up to zero")


def _move_json(move: Move) -> dict[str, Any]:
    stated = move._asdict() | {"amount": format_money(move.amount), "period": format_month(move.period)}
    if move.adjusts_period is None:
        del stated["adjusts_period"]
        return stated
    return stated | {"adjusts_period": format_month(move.adjusts_period)}


def _read_move(stored: Mapping[str, Any]) -> Move:
    adjusts = stored.get("adjusts_period")
    return Move(
        stored["line"],
        stored["centre_id"],
        parse_money(stored["amount"]),
        date.fromisoformat(stored["business_date"]),
        parse_month(stored["period"]),
        adjusts and parse_month(adjusts),
        stored["account_id"],
        stored["product_code"],
        stored["department_id"],
    )


def summary_of_moves(data: str) -> bytes:
    """A stored entry with its moves added up by line, centre and period, those of flows also by account, as others
    need them: a customer's long history may change hands at once, and a message is bounded."""
    stored = orjson.loads(data)
    sums: dict[tuple[str, ...], int] = {}
    for move in stored["moves"]:
        period, adjusts = move["period"], move.get("adjusts_period") or ""
        account = "" if move["line"] in STOCKS else move["account_id"] or ""
        key = move["line"], move["centre_id"], period, adjusts, account
        sums[key] = sums.get(key, 0) + parse_money(move["amount"])
    stored["moves"] = [
        {
            **dict(zip(("line", "centre_id", "period"), key, strict=False)),
            **({"adjusts_period": key[3]} if key[3] else {}),
            **({"account_id": key[4]} if key[4] else {}),
            "amount": format_money(amount),
        }
        for key, amount in sums.items()
        if amount
    ]
    return orjson.dumps(stored)


def _loan_json(loan: Loan | None, rate: Decimal | None) -> dict[str, Any] | None:
    if loan is None:
        return None
    return {
        "loan_id": loan.loan_id,
        "outstanding": format_money(loan.outstanding),
        "held": format_money(loan.held),
        "loan_class": loan.loan_class.value,
        "closed": loan.closed,
        **({} if rate is None else {"provision_rate": str(rate)}),
    }


def read_entry(data: str) -> EntryBooked:
    """Read a stored EntryBooked back."""
    stored = orjson.loads(data)
    loan, customer_id, adjusts = stored["loan"], stored["customer_id"], stored.get("adjusts_period")
    lines = _amounts(stored["lines"])
    manager = {line: _amounts(parts) for line, parts in stored["books"][MANAGER].items()}
    department = {line: _amounts(parts) for line, parts in stored["books"][DEPARTMENT].items()}
    return EntryBooked(
        entry_id=stored["entry_id"],
        cause_id=stored["cause"]["id"],
        cause_type=stored["cause"]["type"],
        cause_source=stored["cause"]["source"],
        business_date=date.fromisoformat(stored["business_date"]),
        period=parse_month(stored["period"]),
        adjusts_period=adjusts and parse_month(adjusts),
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
        provision_rate=Decimal(loan["provision_rate"]) if loan and "provision_rate" in loan else None,
        moves=tuple(_read_move(move) for move in stored.get("moves", ())),
        source_data=orjson.dumps(stored["source_data"]),
        stream=f"manager-{next(iter(stored['shares']))}"
        if customer_id is None
        else f"customer-{customer_id}",
    )


def _amounts(texts: Mapping[str, str]) -> dict[str, int]:
    return {name: parse_money(text) for name, text in texts.items()}


def _weight(share: str) -> int:
    return int(Decimal(share) * SHARE_UNITS)
