"""Why an amount changes hands: what a manager held in a place before an entry, and holds by what is known with it.

A place is a line, business date, account, product and department. Both figures are worked out anew by the rule of
attribution, from the customer's postings and timeline before the entry and with it.
"""

from collections.abc import Sequence
from typing import NamedTuple

from services.ledger.domain.attribution import STOCK_LINES, Posting, attribute
from services.ledger.domain.booking import postings_of
from services.ledger.domain.entry import EntryBooked, Leg
from services.ledger.domain.explanation.split import Split, Term, Viewer, split_of
from services.ledger.domain.explanation.terms import Known, Reasons, Rule, shares_said
from services.ledger.domain.timeline import Timeline
from shared.contracts.assignment import CustomerAssigned
from shared.kernel.money import format_money
from shared.kernel.split import split

RE_SPLIT = Rule(
    "re-split",
    "What was posted belongs to the managers of its business date by all that is known; where that differs from "
    "what was booked, the difference is booked.",
)
HANDED_OVER = Rule(
    "stock-handed-over",
    "On an effective date the managers of the day before give up what they hold of an account, and its whole balance "
    "is split over the new shares.",
)


class Holding(NamedTuple):
    """What managers have of a place by one timeline: parts of each posting of its day and, of a stock, what they
    hold the day before and once it has changed hands."""

    posted: Sequence[tuple[Posting, dict[str, int]]]
    before: dict[str, int]
    after: dict[str, int]

    def posted_to(self, centre: str) -> int:
        return sum(parts.get(centre, 0) for _, parts in self.posted)

    def handed_to(self, centre: str) -> int:
        return self.after.get(centre, 0) - self.before.get(centre, 0)

    def of(self, centre: str) -> int:
        """All that a centre has in the place."""
        return self.posted_to(centre) + self.handed_to(centre)


def holding(leg: Leg, postings: Sequence[Posting], timeline: Timeline) -> Holding:
    """What the managers have of a leg's place."""
    day, line = leg.business_date, leg.line
    account = [one for one in postings if (one.line, one.account_id) == (line, leg.account_id)]
    piece = leg.product_code, leg.department_id
    weights = timeline.on(day)
    posted = [
        (one, split(one.amount, weights))
        for one in account
        if one.business_date == day and (one.product_code, one.department_id) == piece
    ]
    before: dict[str, int] = {}
    after: dict[str, int] = {}
    if line in STOCK_LINES and day in timeline.dates:
        earlier = [one for one in account if one.business_date < day]
        for slot, amount in attribute(earlier, timeline, day).items():
            if (slot.product_code, slot.department_id) == piece:
                after[slot.centre_id] = after.get(slot.centre_id, 0) + amount
                if slot.business_date < day:
                    before[slot.centre_id] = before.get(slot.centre_id, 0) + amount
    return Holding(posted, _without_zeros(before), _without_zeros(after))


def _without_zeros(parts: dict[str, int]) -> dict[str, int]:
    return {centre: part for centre, part in parts.items() if part}


def move_leg(entry: EntryBooked, leg: Leg, known: Known, viewer: Viewer) -> Reasons:
    """Why an amount changes hands, and which message or late event causes it."""
    caused_by_word = entry.cause_type == CustomerAssigned.__name__
    timeline = known.timeline()
    own = () if caused_by_word else postings_of(entry)
    then = holding(leg, known.postings, known.timeline(entry.cause_id) if caused_by_word else timeline)
    now = holding(leg, [*known.postings, *own], timeline)
    centre = leg.centre_id
    differs = {
        HANDED_OVER: then.handed_to(centre) != now.handed_to(centre),
        RE_SPLIT: then.posted_to(centre) != now.posted_to(centre),
    }
    return Reasons(
        tuple(rule for rule, applies in differs.items() if applies),
        tuple(_sentences(entry, leg, (then, now), known, viewer)),
        tuple(term for term in _terms(centre, then, now) if term.amount),
        _figures(centre, then, now),
        shares=timeline.on(leg.business_date),
        word=known.word_on(leg.business_date),
        splits=tuple(_splits(leg, now, timeline)),
    )


def _terms(centre: str, then: Holding, now: Holding) -> list[Term]:
    """They add up to what the centre holds now less what it held before."""
    return [
        Term("part of what was posted that day", now.posted_to(centre)),
        Term("part of the balance from that day on", now.after.get(centre, 0)),
        Term("less what was held of it the day before", -now.before.get(centre, 0)),
        Term("less what stood in this place before this entry", -then.of(centre)),
    ]


def _figures(centre: str, then: Holding, now: Holding) -> dict[str, str]:
    figures = {
        "held_in_place_before": then.of(centre),
        "held_in_place_now": now.of(centre),
        "posted": sum(posting.amount for posting, _ in now.posted),
        "balance": sum(now.after.values()),
        "held_the_day_before": now.before.get(centre, 0),
        "held_from_that_day": now.after.get(centre, 0),
    }
    return {name: format_money(amount) for name, amount in figures.items()}


def _splits(leg: Leg, now: Holding, timeline: Timeline) -> list[Split]:
    """What was posted that day, one by one, and the balance that changes hands, over the shares of the day."""
    weights, account = timeline.on(leg.business_date), leg.account_id or f"customer {leg.customer_id}"
    splits = [
        split_of(f"Posted to {account} on {leg.business_date}", posting.amount, weights, parts)
        for posting, parts in now.posted
    ]
    if now.after != now.before:
        balance = sum(now.after.values())
        splits.append(split_of(f"Balance of {account} on {leg.business_date}", balance, weights, now.after))
    return splits


def _sentences(
    entry: EntryBooked, leg: Leg, held: tuple[Holding, Holding], known: Known, viewer: Viewer
) -> list[str]:
    then, now = held
    day, centre, name = leg.business_date, leg.centre_id, viewer.name(leg.centre_id)
    account = f"account {leg.account_id}" if leg.account_id else f"customer {leg.customer_id}"
    timeline, word = known.timeline(), known.word_on(day)
    said = [_cause(entry, timeline, viewer)]
    if word is not None and word.event_id != entry.cause_id:
        shares = shares_said(timeline.on(day), viewer)
        said.append(
            f"On {day} customer {leg.customer_id} is looked after by {shares}, says message {word.event_id}."
        )
    if now.posted:
        posted = format_money(sum(posting.amount for posting, _ in now.posted))
        was, has = format_money(then.posted_to(centre)), format_money(now.posted_to(centre))
        said.append(
            f"Of {posted} posted to {leg.line} of {account} on {day}, {name} had {was} and now has {has}."
        )
    if then.handed_to(centre) != now.handed_to(centre):
        balance, before = format_money(sum(now.after.values())), format_money(now.before.get(centre, 0))
        after = format_money(now.after.get(centre, 0))
        said.append(
            f"On {day}, an effective date, {account} changes hands with a {leg.line} of {balance}: "
            f"{name} held {before} of it the day before and holds {after} from then on."
        )
    said.append(
        f"In this place (line, business date, account, product and department) {name} held "
        f"{format_money(then.of(centre))} before this entry and holds {format_money(now.of(centre))} by it: "
        f"the difference, {format_money(leg.amount)}, changes hands."
    )
    return said


def _cause(entry: EntryBooked, timeline: Timeline, viewer: Viewer) -> str:
    day, customer = entry.business_date, entry.customer_id
    if entry.cause_type != CustomerAssigned.__name__:
        return (
            f"{entry.cause_type} {entry.cause_id} of {day} came after a later change of hands of customer "
            f"{customer} was known: it moves on with the stock."
        )
    shares = shares_said(timeline.on(day), viewer)
    return (
        f"Message {entry.cause_id} says that from {day} on customer {customer} is looked after by {shares}."
    )
