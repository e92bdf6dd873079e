"""Results of loans (贷款业绩): what each loan brought each manager, month by month, and when its class changed.

An award is clawed back in the part that came from a loan that turns bad; so what is kept here is each manager's
efficiency from the legs of one account, and from entry to entry the class of the loan (五级分类).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from shared.contracts.ledger import EntryBooked
from shared.kernel.books import STOCKS, UNASSIGNED, Book, LoanClass
from shared.kernel.money import format_money
from shared.kernel.period import format_month, parse_month

LoanCell = tuple[str, str, int]
"""Loan, manager and month ``YYYYMM``."""

LoanSums = Mapping[LoanCell, int]
"""Efficiency (客户经理效益) from a loan's own legs: all its flows, in minor units, signed for the manager."""


@dataclass(frozen=True, slots=True)
class Reclassified:
    """A loan is of a class from an entry on; ``position`` is the entry's place in the ledger's shard.

    ``entry_id`` is the message's id, ``log_offset`` its place in the log's partition, ``cause_id`` the core event's id.
    ``provision_rate`` (percent) is what the ledger's ``provision_policy``, in force for the month of ``business_date``,
    gives the class; both are None where the entry is from before the ledger stated rates.
    """

    loan_id: str
    loan_class: LoanClass
    position: int
    log_offset: int
    business_date: date
    entry_id: str
    cause_id: str
    provision_rate: Decimal | None = None
    provision_policy: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The stored form, without what is None."""
        said = {name: getattr(self, name) for name in Reclassified.__slots__}
        if self.provision_rate is not None:
            said["provision_rate"] = str(self.provision_rate)
        return {name: value for name, value in said.items() if value is not None}


Known = tuple[int, LoanClass]
"""The position from which on a loan is of a class."""


def loan_results_of(booked: EntryBooked) -> dict[LoanCell, int]:
    """What an entry, and what changes hands with it, adds to the managers' efficiency from a loan.

    Flows that are of an account are always a loan's; nobody is awarded for what is nobody's.
    """
    sums: dict[LoanCell, int] = {}
    account = booked.account_id or (booked.loan.loan_id if booked.loan is not None else None)
    month = parse_month(booked.period)
    for line, parts in booked.books.get(Book.MANAGER, {}).items():
        if account is not None and line not in STOCKS:
            for centre_id, amount in parts.items():
                _add(sums, (account, centre_id, month), amount)
    for move in booked.moves:
        if move.account_id is not None and move.line not in STOCKS:
            _add(sums, (move.account_id, move.centre_id, parse_month(move.period)), move.amount)
    return sums


def _add(sums: dict[LoanCell, int], cell: LoanCell, amount: int) -> None:
    if cell[1] != UNASSIGNED and amount:
        sums[cell] = sums.get(cell, 0) + amount


def class_of(booked: EntryBooked, position: int, log_offset: int) -> Reclassified | None:
    """The class in which an entry leaves its loan, if it has one; a loan that is written off is a loss."""
    if booked.loan is None:
        return None
    rate = booked.loan.provision_rate
    return Reclassified(
        loan_id=booked.loan.loan_id,
        loan_class=LoanClass.LOSS if booked.loan.closed else booked.loan.loan_class,
        position=position,
        log_offset=log_offset,
        business_date=booked.business_date,
        entry_id=booked.entry_id,
        cause_id=booked.cause.id,
        provision_rate=rate,
        provision_policy=None if rate is None else booked.policy,
    )


def changes(seen: Iterable[Reclassified], known: Mapping[str, Known]) -> tuple[Reclassified, ...]:
    """Those that change a loan's class, in order of position. A loan that nothing is known of is normal; what comes
    late, from before what is known, changes nothing."""
    classes = dict(known)
    changed: list[Reclassified] = []
    for one in sorted(seen, key=lambda each: each.position):
        position, loan_class = classes.get(one.loan_id, (0, LoanClass.NORMAL))
        if one.position > position and one.loan_class is not loan_class:
            classes[one.loan_id] = one.position, one.loan_class
            changed.append(one)
    return tuple(changed)


def shown(sums: LoanSums) -> dict[str, dict[str, dict[str, str]]]:
    """The stored form: by loan, manager and month, in a fixed order."""
    loans: dict[str, dict[str, dict[str, str]]] = {}
    for (loan_id, manager_id, month), amount in sorted(sums.items()):
        months = loans.setdefault(loan_id, {}).setdefault(manager_id, {})
        months[format_month(month)] = format_money(amount)
    return loans


def read(stored: Mapping[str, Mapping[str, Mapping[str, str]]]) -> dict[LoanCell, int]:
    """What was stored, read back."""
    return {
        (loan_id, manager_id, parse_month(month)): int(amount.replace(".", ""))
        for loan_id, managers in stored.items()
        for manager_id, months in managers.items()
        for month, amount in months.items()
    }


def read_class(stored: Mapping[str, Any]) -> Reclassified:
    """A change of class, read back."""
    rate = stored.get("provision_rate")
    typed = {
        "business_date": date.fromisoformat(stored["business_date"]),
        "loan_class": LoanClass(stored["loan_class"]),
        "provision_rate": None if rate is None else Decimal(rate),
    }
    return Reclassified(**{**stored, **typed})
