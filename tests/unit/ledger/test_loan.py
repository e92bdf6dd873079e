"""Loans: outstanding balance, class, and the provision that they require."""

from collections.abc import Callable

import pytest

from services.ledger.domain.entry import EntryBooked
from services.ledger.domain.loan import Loan
from services.ledger.domain.policy import Policies, PolicyTerms
from shared.kernel.books import LoanClass
from shared.kernel.errors import Refusal
from tests.unit.ledger.desk import Desk, a_bank

Book = Callable[..., EntryBooked]


def loan_of(desk: Desk) -> Loan:
    return desk.books["customer-c2"].loans["l1"]


def test_a_new_loan_is_normal_and_needs_no_provision(lent: Book, desk: Desk) -> None:
    assert loan_of(desk) == Loan("l1", "c2", 100000, 0, LoanClass.NORMAL, closed=False)
    assert set(desk.entries["l1-0"].lines) == {"loan_balance"}


@pytest.mark.parametrize(
    ("to_class", "held"),
    [("normal", 0), ("special_mention", 0), ("substandard", 30000), ("doubtful", 50000), ("loss", 100000)],
)
def test_a_class_requires_its_percentage(lent: Book, desk: Desk, to_class: str, held: int) -> None:
    entry = lent("LoanReclassified", to_class=to_class)
    assert entry.lines == ({"risk_charge": -held} if held else {})
    assert loan_of(desk).held == held


def test_a_better_class_gives_the_provision_back(lent: Book, desk: Desk) -> None:
    lent("LoanReclassified", to_class="doubtful")
    assert lent("LoanReclassified", to_class="special_mention").lines == {"risk_charge": 50000}
    assert loan_of(desk).held == 0


def test_a_repayment_lowers_the_provision_with_the_balance(lent: Book) -> None:
    lent("LoanReclassified", to_class="substandard")
    entry = lent("LoanRepaid", principal="100.00", interest="7.00")
    assert entry.lines == {"loan_balance": -10000, "interest_income": 700, "risk_charge": 3000}


def test_a_further_tranche_of_a_bad_loan_is_provided_for_at_once(lent: Book) -> None:
    lent("LoanReclassified", to_class="loss")
    assert lent("LoanDisbursed", amount="50.00").lines == {"loan_balance": 5000, "risk_charge": -5000}


def test_interest_alone_leaves_balance_and_provision(lent: Book, desk: Desk) -> None:
    lent("LoanReclassified", to_class="substandard")
    assert lent("LoanRepaid", principal="0.00", interest="7.00").lines == {"interest_income": 700}
    assert loan_of(desk).outstanding == 100000


def test_the_whole_balance_may_be_repaid_and_the_loan_stays_open(lent: Book, desk: Desk) -> None:
    lent("LoanRepaid", principal="1000.00", interest="0.00")
    assert loan_of(desk).outstanding == 0
    assert lent("LoanDisbursed", amount="1.00").lines == {"loan_balance": 100}


def test_half_a_fen_of_provision_is_rounded_to_the_even_one(lent: Book, desk: Desk) -> None:
    lent("LoanReclassified", to_class="doubtful")
    lent("LoanRepaid", principal="999.97", interest="0.00")
    assert loan_of(desk).held == 2
    lent("LoanRepaid", principal="0.02", interest="0.00")
    assert loan_of(desk).held == 0


def test_a_write_off_charges_what_was_not_provided_for(lent: Book, desk: Desk) -> None:
    lent("LoanReclassified", to_class="doubtful")
    assert lent("LoanWrittenOff").lines == {"loan_balance": -100000, "risk_charge": -50000}
    assert loan_of(desk) == Loan("l1", "c2", 0, 0, LoanClass.DOUBTFUL, closed=True)


def test_a_write_off_of_a_fully_provided_loan_charges_nothing_more(lent: Book) -> None:
    lent("LoanReclassified", to_class="loss")
    assert lent("LoanWrittenOff").lines == {"loan_balance": -100000}


def test_a_write_off_of_nothing_closes_the_loan_without_a_leg(lent: Book, desk: Desk) -> None:
    lent("LoanRepaid", principal="1000.00", interest="0.00")
    entry = lent("LoanWrittenOff")
    assert list(entry.legs) == []
    assert loan_of(desk).closed


def test_money_after_a_write_off_lightens_the_risk_charge(lent: Book, desk: Desk) -> None:
    lent("LoanWrittenOff")
    before = loan_of(desk)
    assert lent("LoanRecovered", amount="300.00").lines == {"risk_charge": 30000}
    assert loan_of(desk) == before


def test_an_open_loan_may_be_recovered_on_as_well(lent: Book, desk: Desk) -> None:
    assert lent("LoanRecovered", amount="300.00").lines == {"risk_charge": 30000}
    assert loan_of(desk).outstanding == 100000


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("LoanDisbursed", {"amount": "1.00"}),
        ("LoanRepaid", {"principal": "0.00", "interest": "1.00"}),
        ("LoanReclassified", {"to_class": "normal"}),
        ("LoanWrittenOff", {}),
    ],
)
def test_nothing_but_a_recovery_is_booked_on_a_closed_loan(
    lent: Book, kind: str, data: dict[str, str]
) -> None:
    lent("LoanWrittenOff")
    with pytest.raises(Refusal, match=r"^loan_id: loan l1 was written off .*\(loan-is-open\)"):
        lent(kind, **data)


@pytest.fixture
def dearer(desk: Desk) -> None:
    """From August on a substandard loan needs 40 percent."""
    terms = PolicyTerms.model_validate({"provision_rates": {"substandard": "40"}})
    desk.bank = a_bank(policies=Policies.of([(202608, terms)]))


@pytest.mark.usefixtures("dearer")
def test_an_event_is_provided_for_at_the_rate_of_its_month(lent: Book) -> None:
    july = lent("LoanReclassified", "2026-07-31", to_class="substandard")
    assert (july.lines, july.policy) == ({"risk_charge": -30000}, "default")
    august = lent("LoanRepaid", "2026-08-01", principal="500.00", interest="0.00")
    assert (august.lines, august.policy) == ({"loan_balance": -50000, "risk_charge": 10000}, "2026-08")


@pytest.mark.usefixtures("dearer")
def test_an_entry_states_the_rate_that_the_policy_of_its_month_gives_the_class(
    lent: Book, desk: Desk
) -> None:
    july = lent("LoanReclassified", "2026-07-31", to_class="substandard")
    assert (july.provision_rate, july.policy) == (30, "default")
    august = lent("LoanRepaid", "2026-08-01", principal="0.00", interest="1.00")
    assert (august.provision_rate, august.policy) == (40, "2026-08"), "also where nothing is provided anew"
    assert lent("LoanReclassified", "2026-08-02", to_class="doubtful").provision_rate == 50
    assert lent("LoanReclassified", "2026-07-30", to_class="substandard").provision_rate == 30, (
        "it comes late"
    )
    assert lent("LoanReclassified", "2026-08-03", to_class="normal").provision_rate == 0


def test_an_entry_of_a_loan_that_is_written_off_states_the_rate_of_a_loss(lent: Book, desk: Desk) -> None:
    lent("LoanReclassified", to_class="doubtful")
    assert lent("LoanWrittenOff").provision_rate == 100
    assert loan_of(desk).loan_class is LoanClass.DOUBTFUL
    assert lent("LoanRecovered", amount="5.00").provision_rate == 100


@pytest.mark.usefixtures("dearer")
def test_an_event_that_changes_neither_balance_nor_class_leaves_the_provision(lent: Book, desk: Desk) -> None:
    lent("LoanReclassified", "2026-07-31", to_class="substandard")
    interest_only = lent("LoanRepaid", "2026-08-01", principal="0.00", interest="1.00")
    assert interest_only.lines == {"interest_income": 100}
    assert lent("LoanReclassified", "2026-08-01", to_class="substandard").lines == {}
    assert loan_of(desk).held == 30000


def test_no_loan_grows_beyond_what_one_event_could_repay(lent: Book, desk: Desk) -> None:
    with pytest.raises(Refusal, match=r"^amount: .*\(loan-within-bounds\)"):
        lent("LoanDisbursed", amount="9999999999001.00")
    lent("LoanDisbursed", amount="9999999999000.00")
    assert lent("LoanWrittenOff").lines["loan_balance"] == -(10**15)
