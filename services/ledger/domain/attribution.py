"""Attribution (归属): which manager holds what of a customer's postings, under a timeline.

The rule is retroactive equivalence: the manager book equals, at every moment, what it would be had the whole
timeline been known from the start. So legs are a pure function of postings and timeline, and what a late message
changes is the difference of two of them.

Flows and postings to stocks are split over the shares of their business date. On each effective date the stocks
change hands: for each account the managers of the day before give up what they hold, and its whole balance of that
moment is split over the new shares.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from services.ledger.domain.timeline import Timeline, Weights
from shared.kernel.books import STOCKS
from shared.kernel.split import split

STOCK_LINES = frozenset(line.value for line in STOCKS)


class Posting(NamedTuple):
    """What was posted to one line of a customer's account: the whole amount in minor units, before any split."""

    business_date: date
    line: str
    account_id: str | None
    product_code: str
    department_id: str
    amount: int


class Slot(NamedTuple):
    """Where an attributed amount lies; differences are booked net per slot."""

    business_date: date
    line: str
    account_id: str | None
    product_code: str
    department_id: str
    centre_id: str


Attribution = dict[Slot, int]
"""Signed amounts of the manager book, contra centres left out."""

_Slice = tuple[str, str]
"""Product and department: an account keeps apart what it holds for each."""


def attribute(postings: Iterable[Posting], timeline: Timeline, last: date | None = None) -> Attribution:
    """What the postings of a customer give each manager under a timeline.

    With ``last``, an effective date, only what is dated before it and the change of hands on it.
    """
    legs: Attribution = {}
    accounts: dict[tuple[str, str | None], list[Posting]] = {}
    for posting in postings:
        if last is not None and posting.business_date >= last:
            continue
        if posting.line in STOCK_LINES:
            accounts.setdefault((posting.line, posting.account_id), []).append(posting)
        else:
            _post(legs, posting, timeline.on(posting.business_date))
    for account in accounts.values():
        _attribute_stock(legs, sorted(account), timeline, last)
    return legs


def _post(legs: Attribution, posting: Posting, weights: Weights) -> None:
    for centre, part in split(posting.amount, weights).items():
        slot = Slot(*posting[:5], centre)
        legs[slot] = legs.get(slot, 0) + part


def _attribute_stock(
    legs: Attribution, postings: Sequence[Posting], timeline: Timeline, last: date | None
) -> None:
    """One account's postings in order of date, and its changes of hands between them and behind them."""
    line, account_id = postings[0].line, postings[0].account_id
    held: dict[_Slice, dict[str, int]] = {}
    opened = postings[0].business_date
    ahead = [day for day in timeline.dates if day > opened and (last is None or day <= last)]
    ahead.reverse()
    for posting in postings:
        while ahead and ahead[-1] <= posting.business_date:
            day = ahead.pop()
            _hand_over(legs, (day, line, account_id), held, timeline.on(day))
        weights = timeline.on(posting.business_date)
        _post(legs, posting, weights)
        mine = held.setdefault((posting.product_code, posting.department_id), {})
        for centre, part in split(posting.amount, weights).items():
            mine[centre] = mine.get(centre, 0) + part
    while ahead:
        day = ahead.pop()
        _hand_over(legs, (day, line, account_id), held, timeline.on(day))


def _hand_over(
    legs: Attribution,
    place: tuple[date, str, str | None],
    held: dict[_Slice, dict[str, int]],
    weights: Weights,
) -> None:
    """The whole balance is split over the new shares; what that gives each beyond what they held is the transfer."""
    after = _split_slices({piece: sum(parts.values()) for piece, parts in held.items()}, weights)
    for piece, before in held.items():
        for centre in {*before, *after[piece]}:
            if moved := after[piece].get(centre, 0) - before.get(centre, 0):
                slot = Slot(*place, *piece, centre)
                legs[slot] = legs.get(slot, 0) + moved
    held.update(after)


def _split_slices(balances: Mapping[_Slice, int], weights: Weights) -> dict[_Slice, dict[str, int]]:
    """Each slice's parts. They are split one on top of the other, so that each slice keeps its total and all
    together are split exactly as the whole balance of the account is."""
    if len(balances) == 1:
        [(only, balance)] = balances.items()
        return {only: split(balance, weights)}
    parts: dict[_Slice, dict[str, int]] = {}
    height, below = 0, dict[str, int]()
    for piece in sorted(balances):
        height += balances[piece]
        upto = split(height, weights)
        own = {centre: upto.get(centre, 0) - below.get(centre, 0) for centre in {*upto, *below}}
        parts[piece] = {centre: part for centre, part in own.items() if part}
        below = upto
    return parts


def later_moves(late: Posting, postings: Iterable[Posting], timeline: Timeline) -> Attribution:
    """What a posting to a stock changes on the effective dates behind it: there, more (or less) changes hands.

    ``postings`` are those known before; only their sums up to each effective date matter.
    """
    piece = late.product_code, late.department_id
    behind = [
        posting for posting in postings if (posting.line, posting.account_id) == (late.line, late.account_id)
    ]
    carried: dict[tuple[_Slice, str], int] = {
        (piece, centre): part for centre, part in split(late.amount, timeline.on(late.business_date)).items()
    }
    moves: Attribution = {}
    for day in timeline.dates:
        if day <= late.business_date:
            continue
        balances: dict[_Slice, int] = {piece: 0}
        for posting in behind:
            if posting.business_date < day:
                own = posting.product_code, posting.department_id
                balances[own] = balances.get(own, 0) + posting.amount
        weights = timeline.on(day)
        before = _split_slices(balances, weights)
        balances[piece] += late.amount
        after = _split_slices(balances, weights)
        gained = {
            (own, centre): after[own].get(centre, 0) - before[own].get(centre, 0)
            for own in after
            for centre in {*after[own], *before[own]}
        }
        for cell in {*gained, *carried}:
            if moved := gained.get(cell, 0) - carried.get(cell, 0):
                moves[Slot(day, late.line, late.account_id, *cell[0], cell[1])] = moved
        carried = gained
    return {slot: moves[slot] for slot in sorted(moves, key=_in_order)}


def difference(before: Attribution, after: Attribution) -> Attribution:
    """What has to be booked to get from one attribution to another, in a fixed order; slots without a difference
    are left out."""
    changes = {slot: after.get(slot, 0) - before.get(slot, 0) for slot in {*before, *after}}
    return {slot: changes[slot] for slot in sorted(changes, key=_in_order) if changes[slot]}


def _in_order(slot: Slot) -> tuple[object, ...]:
    return (*slot[:2], slot.account_id or "", *slot[3:])
