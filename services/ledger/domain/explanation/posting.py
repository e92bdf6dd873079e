"""Why a core event gives its legs: the whole amount of a line, and whose it is in either book.

All of it follows from the entry itself; the provision rate is the only figure that is looked up, as the entry names
the policy that it was booked with.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction

import orjson

from services.ledger.domain.entry import DEPARTMENT, EntryBooked, Leg
from services.ledger.domain.explanation.split import Term, Viewer, about, exact_text, split_of
from services.ledger.domain.explanation.terms import Known, Reasons, Rule, Word, shares_said
from services.ledger.domain.loan import INTEREST_INCOME, LOAN_BALANCE, RISK_CHARGE
from services.ledger.domain.timeline import NOBODY, SHARE_UNITS
from shared.contracts.core_banking import CostIncurred
from shared.kernel.books import UNASSIGNED, Line
from shared.kernel.money import format_money
from shared.kernel.period import month_of

# --- the whole amount -------------------------------------------------------------------------------------------

_DEPOSIT = (
    Rule(
        "deposit-as-posted",
        "What is paid into a deposit account adds to deposit_balance, what is drawn takes away.",
    ),
    "Customer {customer} {moved} {amount} on account {account} (product {product}) on {day}.",
)
_FEE = (
    Rule("fee-by-kind", "A fee is income of the line of its kind: intermediary, settlement or credit_risk."),
    "Customer {customer} was charged a fee of {amount} (kind {kind}, product {product}) on {day}.",
)
_SAID: Mapping[tuple[str, str], tuple[Rule, str]] = {
    ("DepositPosted", Line.DEPOSIT_BALANCE.value): _DEPOSIT,
    ("LoanDisbursed", LOAN_BALANCE): (
        Rule("loan-as-disbursed", "What is paid out of a loan adds to loan_balance."),
        "{amount} of loan {account} (product {product}) was paid out to customer {customer} on {day}.",
    ),
    ("LoanRepaid", LOAN_BALANCE): (
        Rule("principal-repaid", "Principal paid back takes away from loan_balance."),
        "Customer {customer} paid back {amount} of the principal of loan {account} (product {product}) on {day}.",
    ),
    ("LoanRepaid", INTEREST_INCOME): (
        Rule("interest-received", "Interest that the borrower pays is interest_income."),
        "Customer {customer} paid {amount} interest on loan {account} (product {product}) on {day}.",
    ),
    ("LoanWrittenOff", LOAN_BALANCE): (
        Rule("balance-written-off", "A write-off gives up the outstanding balance and closes the loan."),
        "Loan {account} of customer {customer} was written off on {day}: its outstanding {amount} is given up.",
    ),
    ("FeeCharged", Line.FEE_INCOME.value): _FEE,
    ("FeeCharged", Line.SETTLEMENT_INCOME.value): _FEE,
    ("FeeCharged", Line.CREDIT_RISK_INCOME.value): _FEE,
    ("CostIncurred", Line.DIRECT_COST.value): (
        Rule("cost-as-incurred", "A direct cost takes away from the result of those who caused it."),
        "{causer} caused a direct cost of {amount} (product {product}) on {day}.",
    ),
}


def whole_line(entry: EntryBooked, line: str, known: Known, viewer: Viewer) -> Reasons:
    """Why a core event moves a line by what it does, before anybody's part of it."""
    if line == RISK_CHARGE:
        return _RISK.get(entry.cause_type, _provision)(entry, known)
    rule, said = _SAID[entry.cause_type, line]
    amount, manager = entry.lines[line], named_manager(entry)
    sentence = said.format(
        customer=entry.customer_id,
        moved="paid in" if amount > 0 else "drew",
        amount=format_money(abs(amount)),
        account=entry.account_id,
        product=entry.product_code,
        day=entry.business_date,
        kind=orjson.loads(entry.source_data).get("kind"),
        causer=f"Manager {viewer.name(manager)}" if manager else f"Customer {entry.customer_id}",
    )
    return Reasons((rule,), (sentence,), (Term("the whole amount", amount),))


def _provision(entry: EntryBooked, known: Known) -> Reasons:
    """The provision that a loan requires after an event, against what was held before it."""
    loan, charge = entry.loan, entry.lines[RISK_CHARGE]
    assert loan is not None  # nothing else changes a provision
    before = loan.held + charge
    rate = known.policies.in_force(month_of(entry.business_date)).provision_rates[loan.loan_class]
    exact = Fraction(loan.outstanding) * Fraction(rate) / 100
    required, outstanding = format_money(loan.held), format_money(loan.outstanding)
    rule = Rule(
        "change-of-provision",
        "After each event the provision required is the outstanding balance times the rate of the loan's class, "
        "rounded; risk_charge gets what was held before less what is required.",
    )
    sentence = (
        f"After this event of {entry.business_date} loan {loan.loan_id} is {loan.loan_class.value} with {outstanding} "
        f"outstanding. {rate} % of that is {about(exact)}, so {required} is required (policy {entry.policy}); "
        f"{format_money(before)} was held before: {format_money(before)} - {required} = {format_money(charge)}."
    )
    figures = {
        "outstanding": outstanding,
        "loan_class": loan.loan_class.value,
        "exact": exact_text(exact),
        "required": required,
        "held_before": format_money(before),
        "held_after": required,
    }
    terms = Term("provision held before", before), Term("less provision required", -loan.held)
    rates = {"provision_rate": str(rate)}
    return Reasons((rule,), (sentence,), tuple(term for term in terms if term.amount), figures, rates)


def _write_off(entry: EntryBooked, _: Known) -> Reasons:
    """What is lost beyond the provision that was held."""
    given_up, charge = -entry.lines.get(LOAN_BALANCE, 0), entry.lines[RISK_CHARGE]
    held = given_up + charge
    rule = Rule(
        "write-off", "A write-off charges what was outstanding, less the provision that was held against it."
    )
    sentence = (
        f"Loan {entry.account_id} of customer {entry.customer_id} was written off on {entry.business_date}: "
        f"{format_money(given_up)} was outstanding and {format_money(held)} held against it, "
        f"so {format_money(-charge)} is lost. No provision remains."
    )
    figures = {"outstanding": format_money(given_up), "held_before": format_money(held), "held_after": "0.00"}
    terms = Term("provision held before", held), Term("less what was outstanding", -given_up)
    return Reasons((rule,), (sentence,), tuple(term for term in terms if term.amount), figures)


def _recovery(entry: EntryBooked, _: Known) -> Reasons:
    """Money that comes in on a loan beyond what is owed, or after its write-off."""
    rule = Rule(
        "recovery", "What is recovered on a loan is credited to risk_charge; its provision stays as it is."
    )
    recovered = entry.lines[RISK_CHARGE]
    sentence = (
        f"{format_money(recovered)} was recovered on loan {entry.account_id} of customer {entry.customer_id} "
        f"on {entry.business_date}: it makes good what was charged, or comes in beyond what was owed."
    )
    return Reasons((rule,), (sentence,), (Term("the whole amount", recovered),))


_RISK: Mapping[str, Callable[[EntryBooked, Known], Reasons]] = {
    "LoanWrittenOff": _write_off,
    "LoanRecovered": _recovery,
}

# --- whose it is ------------------------------------------------------------------------------------------------


def posting_leg(entry: EntryBooked, leg: Leg, known: Known, viewer: Viewer) -> Reasons:
    """Why a centre gets what it does of a core event's amount."""
    whole = whole_line(entry, leg.line, known, viewer)
    if leg.book == DEPARTMENT:
        return _of_department(entry, leg, whole)
    rule, sentence, word = whose(entry, known, viewer)
    split = split_of(f"Line {leg.line}", entry.lines[leg.line], entry.shares, entry.manager[leg.line])
    part = split.part_of(leg.centre_id)
    assert part is not None  # every centre of a split has its part
    return replace(
        whole,
        rules=(*whole.rules, rule),
        sentences=(*whole.sentences, sentence, *split.sentences(part, viewer)),
        terms=tuple(term for term in part.terms() if term.amount) if len(split.parts) > 1 else whole.terms,
        shares=entry.shares,
        word=word,
        splits=(split,),
    )


def _of_department(entry: EntryBooked, leg: Leg, whole: Reasons) -> Reasons:
    rule = Rule(
        "department-of-product",
        "In the department book all of it belongs to the product's department of the day.",
    )
    sentence = (
        f"By the catalogue product {entry.product_code} belonged to department {leg.centre_id} "
        f"on {entry.business_date}: it gets the whole amount, {format_money(leg.amount)}."
    )
    split = split_of(
        f"Line {leg.line}", leg.amount, {leg.centre_id: SHARE_UNITS}, {leg.centre_id: leg.amount}
    )
    return replace(whole, rules=(*whole.rules, rule), sentences=(*whole.sentences, sentence), splits=(split,))


def whose(entry: EntryBooked, known: Known, viewer: Viewer) -> tuple[Rule, str, Word | None]:
    """Which managers a core event concerns by what was known when it was booked, and the message that said so."""
    day, customer = entry.business_date, entry.customer_id
    if named_manager(entry):
        rule = Rule("manager-named-by-cost", "A cost that names its manager is that manager's alone.")
        return rule, f"The event itself names the manager: {shares_said(entry.shares, viewer)}.", None
    word = known.word_on(day)
    said = f", says message {word.event_id} ({word.position})" if word else ""
    if entry.shares == NOBODY:
        rule = Rule(
            "nobody-looks-after", f"What concerns a customer without a manager lies with {UNASSIGNED}."
        )
        return (
            rule,
            f"On {day} nobody looked after customer {customer}{said or ', as far as was known'}.",
            word,
        )
    assert word is not None  # no manager without a message
    rule = Rule(
        "shares-of-the-day",
        "In the manager book each manager of the customer gets their share on the business date, as known on arrival.",
    )
    since = f"from {word.assigned.effective_from} on{said}"
    return (
        rule,
        f"On {day} customer {customer} was looked after by {shares_said(entry.shares, viewer)}, {since}.",
        word,
    )


def named_manager(entry: EntryBooked) -> str | None:
    """The manager whom a cost names, if the entry is such a cost's. Other events may carry a field of that name."""
    if entry.cause_type != CostIncurred.__name__:
        return None
    manager: str | None = orjson.loads(entry.source_data).get("manager_id")
    return manager
