"""Loans (贷款) as entries leave them: what is outstanding and of which class, as a note taken from each entry."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, NamedTuple

from shared.contracts.ledger import EntryBooked
from shared.kernel.books import LoanClass
from shared.kernel.money import format_money


class LoanNote(NamedTuple):
    """What a loan was after the entry at a ``position`` of its ledger shard; ``outstanding`` in minor units.

    ``department_id`` is that of its product on the entry's date. Entries are booked one after the other, but may be
    dated before others that were booked already: the note says how the loan stood when the entry was booked, not on its
    business date.
    """

    loan_id: str
    business_date: date
    position: int
    customer_id: str
    loan_class: str
    outstanding: int
    department_id: str | None = None

    def shown(self) -> list[object]:
        """As it is stored."""
        *plain, outstanding, department_id = self
        return [*plain, format_money(outstanding), *([] if department_id is None else [department_id])]


def note_of(booked: EntryBooked, position: int) -> LoanNote | None:
    """The note of an entry; None of one that is about no loan."""
    if booked.loan is None or booked.customer_id is None:
        return None
    loan = booked.loan
    return LoanNote(
        loan.loan_id,
        booked.business_date,
        position,
        booked.customer_id,
        loan.loan_class.value,
        loan.outstanding,
        booked.department_id,
    )


def read_note(stored: list[Any]) -> LoanNote:
    """Read a stored note back; older ones do not name the department."""
    loan_id, day, position, customer_id, loan_class, outstanding, *department_id = stored
    amount = int(outstanding.replace(".", ""))
    return LoanNote(
        loan_id,
        date.fromisoformat(day),
        position,
        customer_id,
        LoanClass(loan_class).value,
        amount,
        *department_id,
    )


Latest = tuple[date, int]
"""The latest business date and the highest position of a loan's notes."""


def late(notes: Iterable[LoanNote], latest: Mapping[str, Latest]) -> set[str]:
    """The loans of which one of these notes was booked before others that are known, or is dated before them.

    Only of these does a note not say what was outstanding on its business date.
    """
    known = dict(latest)
    found: set[str] = set()
    for note in notes:
        day, position = known.get(note.loan_id, (date.min, 0))
        if note.business_date < day or note.position < position:
            found.add(note.loan_id)
        known[note.loan_id] = max(day, note.business_date), max(position, note.position)
    return found
