"""Explanations: why a leg has its amount, in words and figures that can be checked by hand.

A leg's reasons follow from what its entry holds and from what was known when it was booked. What is not the caller's
to know is left out or named "another manager".
"""

from typing import Any

import orjson

from services.ledger.domain.entry import EntryBooked, Leg
from services.ledger.domain.explanation.close import close_leg, close_line
from services.ledger.domain.explanation.move import HANDED_OVER, RE_SPLIT, move_leg
from services.ledger.domain.explanation.posting import posting_leg, whole_line, whose
from services.ledger.domain.explanation.split import Term, Viewer
from services.ledger.domain.explanation.terms import Known, Reasons, Rule, shares_shown, word_shown
from services.ledger.domain.period import CAUSE_TYPE as CLOSE
from shared.contracts.assignment import CustomerAssigned
from shared.kernel.money import format_money
from shared.kernel.period import format_month

CONTRA = Rule(
    "contra-leg",
    "What the centres of a book get on a line and department stands once more at the contra centre with the sign "
    "turned, so that the book adds up to zero.",
)
LATE = Rule(
    "first-open-month",
    "What is dated in a closed month is booked in the first open one; its business date stays.",
)


def is_move(entry: EntryBooked, number: int) -> bool:
    """Whether a leg, by its number in the entry, is one that changes hands: those come last."""
    return number > len(entry.legs) - len(entry.moves)


def explain_leg(entry: EntryBooked, number: int, known: Known, viewer: Viewer) -> dict[str, Any]:
    """Why the leg with this number (from 1 on) has its amount: rules, sentences, terms that add up to it, splits."""
    leg = entry.legs[number - 1]
    if is_move(entry, number):
        reasons = move_leg(entry, leg, known, viewer)
    elif leg.contra:
        reasons = _contra_leg(entry, leg)
    elif entry.cause_type == CLOSE:
        reasons = close_leg(entry, leg, known, viewer)
    else:
        reasons = posting_leg(entry, leg, known, viewer)
    shown = reasons.shown(viewer, entry.policy)
    if leg.adjusts_period is not None:
        shown["rules"].append(LATE._asdict())
        shown["sentences"].append(_late(leg.business_date.isoformat(), leg.adjusts_period, leg.period))
    return shown


def explain_entry(entry: EntryBooked, known: Known, viewer: Viewer) -> dict[str, Any]:
    """Why each line of an entry has its whole amount, whose it is, and what changes hands with it."""
    lines = []
    for line, amount in entry.lines.items():
        reasons = (close_line if entry.cause_type == CLOSE else whole_line)(entry, line, known, viewer)
        stated = reasons.shown(viewer, entry.policy)
        told = {name: stated[name] for name in ("rules", "sentences", "figures", "policy")}
        lines.append({"line": line, "amount": format_money(amount), **told})
    rules, sentences, word = list[Rule](), list[str](), None
    if entry.cause_type not in (CLOSE, CustomerAssigned.__name__):
        rule, sentence, word = whose(entry, known, viewer)
        rules, sentences = [rule], [sentence]
    if entry.moves:
        rules += [HANDED_OVER, RE_SPLIT]
        sentences.append(f"{len(entry.moves)} legs change hands; each is explained by itself.")
    if entry.adjusts_period is not None:
        rules.append(LATE)
        sentences.append(_late(entry.business_date.isoformat(), entry.adjusts_period, entry.period))
    return {
        "rules": [rule._asdict() for rule in rules],
        "sentences": sentences,
        "shares": shares_shown(entry.shares, viewer) if entry.cause_type != CLOSE else [],
        "assignment": word_shown(word),
        "lines": lines,
    }


def _contra_leg(entry: EntryBooked, leg: Leg) -> Reasons:
    """Contra legs stand in the entry's own lines only; only those who see everything see them."""
    place = leg.book, leg.line, leg.department_id
    own = [one for one in entry.legs[: len(entry.legs) - len(entry.moves)]
           if not one.contra and (one.book, one.line, one.department_id) == place]  # fmt: skip
    total = sum(one.amount for one in own)
    sentence = (
        f"In the {leg.book} book {leg.line} of department {leg.department_id} gets {format_money(total)} by this entry "
        f"({', '.join(f'{one.centre_id} {format_money(one.amount)}' for one in own)}): "
        f"{leg.centre_id} takes the opposite, {format_money(-total)}."
    )
    terms = tuple(Term(f"less {one.centre_id}", -one.amount) for one in own)
    return Reasons((CONTRA,), (sentence,), terms)


def _late(day: str, adjusts: int, period: int) -> str:
    closed, booked = format_month(adjusts), format_month(period)
    return (
        f"Booked late: {day} lies in {closed}, which was closed already, so this stands in {booked}, the first month "
        f"that was open, and adjusts {closed}."
    )


def data_seen(entry: EntryBooked, viewer: Viewer) -> dict[str, Any]:
    """The cause's own data without what is not the viewer's: other managers, and other departments of a close."""
    data: dict[str, Any] = orjson.loads(entry.source_data)
    if viewer.sees_all:
        return data
    if entry.cause_type == CLOSE:
        [manager] = entry.shares
        for stock in (*data["averages"].values(), *data.get("pooled", {}).values()):
            stock["departments"] = _own(stock["departments"], manager, viewer)
        if "matched" in data:
            data["matched"] = [one for one in data["matched"] if viewer.sees(manager, one["department_id"])]
        for pool in data["pools"]:
            pool["weights"] = _own(pool["weights"], manager, viewer)
    elif entry.cause_type == CustomerAssigned.__name__:
        data["shares"] = [
            share if viewer.sees(share["manager_id"]) else {"manager_id": viewer.name(share["manager_id"])}
            for share in data["shares"]
        ]
    elif data.get("manager_id"):
        data["manager_id"] = viewer.name(data["manager_id"])
    return data


def _own(by_department: dict[str, Any], manager: str, viewer: Viewer) -> dict[str, Any]:
    return {name: value for name, value in by_department.items() if viewer.sees(manager, name)}


def concerns(entry: EntryBooked, viewer: Viewer) -> bool:
    """Whether an entry is the viewer's to see: of the bank, of a customer of theirs or of their department, or with
    a leg of theirs."""
    if viewer.sees_all or viewer.manager in entry.shares or viewer.department == entry.department_id:
        return True
    if any(viewer.department in parts for parts in entry.department.values()):
        return True
    return any(move.centre_id == viewer.manager for move in entry.moves)
