"""Why a month close gives its legs: interest inside the bank, on ten-day averages or on a curve, and true-ups.

The entry holds the averages and rates it was computed from; what earlier closes booked for the same month is known
from their entries.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any, NamedTuple

import orjson

from services.ledger.domain.closing import ALLOCATED_COST, DEPOSIT_COST, DEPOSITS, FTP_INCOME, LOANS
from services.ledger.domain.entry import EntryBooked, Leg
from services.ledger.domain.explanation.pool import pool_costs
from services.ledger.domain.explanation.split import Split, Term, Viewer, about, exact_text, split_of
from services.ledger.domain.explanation.terms import Known, Reasons, Rule
from shared.kernel.money import format_money, parse_money, round_half_even
from shared.kernel.split import split

TRUE_UP = Rule(
    "true-up",
    "Where a closed month's stocks changed since it was computed, its interest is computed again with all that is "
    "known now, and the difference is booked.",
)
MATCHED = Rule(
    "matched-ftp",
    "A product that its policy prices on a curve takes no part in that: its balance at the end of each day is priced "
    "at the curve's rate of that day, and the days are added up exactly and rounded once.",
)
_FORMULA = "× rate × days of the month / days of the year / 100, rounded half-even to a fen"


class Pricing(NamedTuple):
    """How one of the interest lines is computed; ``said`` is the sentence about its averages."""

    rule: Rule
    rate: str
    sign: int
    stock: str
    said: str


_AVERAGE = "On ten-day average (of the 10th, the 20th and the last day) {name} had "
_COST = Pricing(
    Rule("deposit-cost", f"Deposits cost their ten-day average {_FORMULA}."),
    "deposit_rate",
    -1,
    DEPOSITS,
    _AVERAGE + "deposits of {deposits} in {month}.",
)
_LENT = Pricing(
    Rule("ftp-income", f"Deposits beyond loans are lent out inside the bank and earn the excess {_FORMULA}."),
    "lend_out_rate",
    1,
    DEPOSITS,
    _AVERAGE + "deposits of {deposits} and loans of {loans} in {month}: {base} was lent out inside the bank.",
)
_BORROWED = Pricing(
    Rule("ftp-cost", f"Loans beyond deposits are borrowed inside the bank and cost the excess {_FORMULA}."),
    "borrow_in_rate",
    -1,
    LOANS,
    _AVERAGE + "loans of {loans} and deposits of {deposits} in {month}: {base} was borrowed inside the bank.",
)


class Interest(NamedTuple):
    """A line of a manager and month: on what amount, exactly, rounded, and its parts by department; and, as computed
    by the close, what products on a curve add to the line."""

    how: Pricing
    deposits: int
    loans: int
    base: int
    exact: Fraction
    parts: Split
    matched: Sequence[Mapping[str, Any]]

    def on_curve(self, department_id: str | None = None) -> list[Mapping[str, Any]]:
        """What is priced on a curve: in a department, or in all."""
        return [one for one in self.matched if department_id in (None, one["department_id"])]


def interest_of(entry: EntryBooked, line: str) -> Interest:
    """What a month computes to for a line, from the averages and rates that the entry holds."""
    source = orjson.loads(entry.source_data)
    how = {DEPOSIT_COST: _COST, FTP_INCOME: _LENT}.get(line, _BORROWED)
    averages = source["averages"] if how is _COST else source.get("pooled", source["averages"])
    deposits, loans = (parse_money(averages[stock]["manager"]) for stock in (DEPOSITS, LOANS))
    base = max({_COST: deposits, _LENT: deposits - loans, _BORROWED: loans - deposits}[how], 0)
    exact = Fraction(base * source["days"]) * Fraction(source[how.rate]) / (source["day_basis"] * 100)
    whole = how.sign * round_half_even(exact)
    weights = {name: parse_money(average) for name, average in averages[how.stock]["departments"].items()}
    [manager] = entry.shares
    parts = split_of(f"Line {line}", whole, weights, split(whole, weights), format_money, manager)
    matched = [one for one in source.get("matched", ()) if one["line"] == line]
    return Interest(how, deposits, loans, base, how.sign * exact, parts, matched)


def computed_before(known: Known, line: str, department_id: str | None = None) -> int:
    """What earlier closes booked for the month on a line: in a department, or in all."""
    return sum(
        amount
        for entry in known.earlier
        for department, amount in entry.department.get(line, {}).items()
        if department_id in (None, department)
    )


def close_line(entry: EntryBooked, line: str, known: Known, viewer: Viewer) -> Reasons:
    """Why a close gives a manager the whole amount of a line."""
    if line == ALLOCATED_COST:
        return pool_costs(entry, None, known, viewer)
    interest = interest_of(entry, line)
    [manager] = entry.shares
    whole = _on_curves(entry, _interest(entry, interest, viewer), interest.on_curve())
    whole = replace(whole, terms=(Term("computed on averages", interest.parts.amount), *whole.terms))
    return _true_up(entry, whole, computed_before(known, line), viewer.name(manager))


def close_leg(entry: EntryBooked, leg: Leg, known: Known, viewer: Viewer) -> Reasons:
    """Why a cell of manager and department gets what it does; the same amount stands in both books."""
    if leg.line == ALLOCATED_COST:
        return pool_costs(entry, leg, known, viewer)
    interest = interest_of(entry, leg.line)
    whole = _interest(entry, interest, viewer)
    [manager] = entry.shares
    part = interest.parts.part_of(manager, leg.department_id)
    terms, said = list[Term](), list[str]()
    if part is not None:
        alone = len(interest.parts.parts) == 1
        terms = [Term("computed on averages", part.amount)] if alone else part.terms()
        said = interest.parts.sentences(part, viewer)
    cell = replace(whole, sentences=(*whole.sentences, *said), terms=tuple(terms), splits=(interest.parts,))
    cell = _on_curves(entry, cell, interest.on_curve(leg.department_id))
    where = f"{viewer.name(manager)} in {leg.department_id}"
    return _true_up(entry, cell, computed_before(known, leg.line, leg.department_id), where)


def _on_curves(entry: EntryBooked, reasons: Reasons, matched: Sequence[Mapping[str, Any]]) -> Reasons:
    """The reasons with what products on a curve add to them."""
    basis = orjson.loads(entry.source_data)["day_basis"]
    sentences, rates = list(reasons.sentences), dict(reasons.rates)
    for one in matched:
        point = f"{one['curve']} {one['tenor']}"
        by_day = [f"{rate} % from {day} on" for day, rate in one["rates"].items()]
        sentences.append(
            f"Product {one['product_code']} in {one['department_id']} is priced on curve {point} "
            f"({', '.join(by_day)}). Its balances at the end of each day add up to {one['sum_of_daily_balances']}; "
            f"each × rate / {basis} / 100, added up, rounded: {one['amount']}."
        )
        rates |= {f"{point} from {day}": rate for day, rate in one["rates"].items()}
    terms = [
        Term(f"product {one['product_code']} on its curve", parse_money(one["amount"])) for one in matched
    ]
    rules = (*reasons.rules, MATCHED) if matched else reasons.rules
    return replace(
        reasons, rules=rules, sentences=tuple(sentences), rates=rates, terms=(*reasons.terms, *terms)
    )


def _interest(entry: EntryBooked, interest: Interest, viewer: Viewer) -> Reasons:
    source, line = orjson.loads(entry.source_data), interest.how
    [manager] = entry.shares
    name, month = viewer.name(manager), source["month"]
    deposits, loans, base = map(format_money, (interest.deposits, interest.loans, interest.base))
    rate, days, basis = source[line.rate], source["days"], source["day_basis"]
    whole = format_money(interest.parts.amount)
    sign = "-" if line.sign < 0 and interest.base else ""
    sentences = (
        line.said.format(name=name, deposits=deposits, loans=loans, month=month, base=base),
        f"{sign}{base} × {rate} % × {days} / {basis} = {about(interest.exact)}, rounded {whole}.",
    )
    figures = {
        "month": month,
        "average_deposits": deposits,
        "average_loans": loans,
        "base": base,
        "days": str(days),
        "exact": exact_text(interest.exact),
        "rounded": whole,
    }
    rates = {line.rate: rate, "day_basis": str(basis)}
    return Reasons((line.rule,), sentences, figures=figures, rates=rates)


def _true_up(entry: EntryBooked, now: Reasons, before: int, where: str) -> Reasons:
    """The reasons and, of a month that was computed before, the difference to that."""
    if entry.adjusts_period is None:
        return replace(now, terms=_without_zeros(now.terms))
    computed = sum(term.amount for term in now.terms)
    sentence = (
        f"With all that is known now, {now.figures['month']} computes to {format_money(computed)} for {where}; "
        f"earlier closes had computed {format_money(before)}: the difference is {format_money(computed - before)}."
    )
    figures = {"computed_now": format_money(computed), "computed_before": format_money(before)}
    return replace(
        now,
        rules=(*now.rules, TRUE_UP),
        sentences=(*now.sentences, sentence),
        terms=_without_zeros([*now.terms, Term("less what closes computed before", -before)]),
        figures={**now.figures, **figures},
    )


def _without_zeros(terms: Iterable[Term]) -> tuple[Term, ...]:
    return tuple(term for term in terms if term.amount)
