"""The permanent watch: whoever wrote it, a break in the books is found and named, month by month."""

import pytest

from services.ledger.views.balance import BalanceWatch
from shared.infrastructure.watch import FINE
from tests.integration.ledger.bank import Bank
from tests.support.reference import WORKED_EXAMPLE, core_event

AUGUST = core_event("aug", "FeeCharged", "2026-08-02", customer_id="c1",
                    kind="intermediary", product_code="AGT", amount="1.00")  # fmt: skip


async def change(bank: Bank, *statements: str) -> None:
    """What nobody may do: touch the legs behind the ledger's back."""
    await bank.service.execute(
        "ALTER TABLE leg DISABLE TRIGGER USER", *statements, "ALTER TABLE leg ENABLE TRIGGER USER"
    )


@pytest.fixture
async def two_months(own_bank: Bank) -> Bank:
    await own_bank.book(*WORKED_EXAMPLE, AUGUST)
    await own_bank.close("2026-07")
    return own_bank


async def test_books_that_nobody_touched_are_fine_whatever_month_is_looked_at(two_months: Bank) -> None:
    watch = BalanceWatch()
    assert [await watch(two_months.service.database) for _ in range(4)] == [FINE] * 4


FEE = "book = 'manager' AND NOT contra AND centre_id = 'm1' AND line = 'fee_income'"
LENT = "book = 'department' AND contra AND line = 'ftp_cost'"


@pytest.mark.parametrize(
    ("where", "found"),
    [
        (FEE, "2026-07, fee_income: out of balance at entry e5"),
        (LENT, "2026-07, ftp_cost: out of balance at entry close-2026-07~m2"),
    ],
)
async def test_a_leg_that_was_changed_is_found_and_its_entry_named(
    two_months: Bank, where: str, found: str
) -> None:
    await change(two_months, f"UPDATE leg SET amount = amount + 1 WHERE period = 202607 AND {where}")
    watch = BalanceWatch()
    assert await watch(two_months.service.database) == found
    await change(two_months, f"UPDATE leg SET amount = amount - 1 WHERE period = 202607 AND {where}")
    assert await watch(two_months.service.database) == FINE


async def test_sums_that_are_not_those_of_the_legs_are_found(two_months: Bank) -> None:
    await two_months.service.execute(
        "UPDATE centre_month SET amount = amount + 1 WHERE period = 202608 AND NOT contra"
    )
    found = await BalanceWatch()(two_months.service.database)
    assert found == "2026-08, fee_income: the statements are not the sums of the legs (dualbook replay)"


async def test_a_ledger_whose_books_do_not_balance_is_not_ready_and_says_where(
    two_months: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    [watch] = two_months.service.service.definition.watches
    monkeypatch.setattr(watch, "finding", "2026-07, fee_income: out of balance at entry e5")
    answer = await two_months.accountant.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"]["books"] == "2026-07, fee_income: out of balance at entry e5"
