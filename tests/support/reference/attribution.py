"""Who has what in the manager book, had everything been known from the start (§7)."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from tests.support.reference.rules import STOCK_LINES, ZERO, split

UNASSIGNED = {"unassigned": Decimal(1)}


@dataclass(frozen=True)
class RefEvent:
    """An accepted core event: what it moves, and where both books look for it."""

    event_id: str
    customer_id: str | None
    manager_id: str | None
    day: date
    account: str | None
    product_code: str
    department: str
    totals: Mapping[str, Decimal]
    period: str


class Place(NamedTuple):
    """What a difference is netted by."""

    centre: str
    line: str
    day: date
    account: str | None
    product_code: str
    department: str


class Timeline:
    """Who looks after one customer: shares by effective date."""

    def __init__(self, told: Iterable[tuple[date, Mapping[str, str]]]) -> None:
        """From what was told, in order of telling: the later word for a date replaces the earlier."""
        self.by_date = {
            since: {manager: Decimal(share) for manager, share in shares.items()} or UNASSIGNED
            for since, shares in told
        }

    def on(self, day: date) -> Mapping[str, Decimal]:
        """The shares of a day."""
        known = [since for since in self.by_date if since <= day]
        return self.by_date[max(known)] if known else UNASSIGNED


def manager_book(events: Iterable[RefEvent], timeline: Timeline) -> dict[Place, Decimal]:
    """One customer's legs in the manager book: of all events as if they came now, and of every hand-over."""
    legs: dict[Place, Decimal] = defaultdict(Decimal)
    for event in events:
        shares = {event.manager_id: Decimal(1)} if event.manager_id else timeline.on(event.day)
        for line, total in event.totals.items():
            for centre, part in split(total, shares).items():
                place = Place(centre, line, event.day, event.account, event.product_code, event.department)
                legs[place] += part
    stocks = {(place.line, place.account) for place in legs if place.line in STOCK_LINES}
    for since in sorted(timeline.by_date):
        for line, account in sorted(stocks, key=str):
            _hand_over(legs, line, account, since, timeline.by_date[since])
    return {place: amount for place, amount in legs.items() if amount}


def _hand_over(
    legs: dict[Place, Decimal], line: str, account: str | None, since: date, shares: Mapping[str, Decimal]
) -> None:
    """What everybody holds of an account on the eve goes back, and its whole balance is split anew."""
    held: dict[tuple[str, str], dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for place, amount in list(legs.items()):
        if (place.line, place.account) == (line, account) and place.day < since:
            held[place.product_code, place.department][place.centre] += amount
    run = ZERO
    before: dict[str, Decimal] = {}
    for product_code, department in sorted(held):
        given_up = held[product_code, department]
        run += sum(given_up.values(), ZERO)
        after = split(run, shares)
        for centre in {*given_up, *before, *after}:
            part = after.get(centre, ZERO) - before.get(centre, ZERO)
            place = Place(centre, line, since, account, product_code, department)
            legs[place] += part - given_up.get(centre, ZERO)
        before = after
