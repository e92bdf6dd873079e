"""Fixtures of the ledger's unit tests."""

from collections.abc import Callable
from typing import Any

import pytest

from services.ledger.domain.entry import EntryBooked
from tests.support.reference import core_event
from tests.unit.ledger.desk import Desk, a_bank


@pytest.fixture
def desk() -> Desk:
    """A desk of the bank of the worked example, its customers assigned."""
    return Desk(a_bank())


@pytest.fixture
def lent(desk: Desk) -> Callable[..., EntryBooked]:
    """Books an event on loan l1 of c2, of which 1000.00 are outstanding."""

    def book(kind: str, day: str = "2026-07-09", **data: Any) -> EntryBooked:
        loan = {"customer_id": "c2", "product_code": "TRM", "loan_id": "l1", **data}
        return desk.book(core_event(f"l1-{len(desk.entries)}", kind, day, **loan))

    book("LoanDisbursed", "2026-07-08", amount="1000.00")
    return book
