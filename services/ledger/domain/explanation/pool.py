"""Why a month close gives its legs, continued: what a manager bears of the month's cost pools.

A pool is one split over the cells of all managers, so what an entry of one manager bears follows from the weights
that all entries of the same close hold. A cell without an entry got nothing, and no odd fen either.
"""

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import orjson

from services.ledger.domain.closing import NO_CELL, Cell
from services.ledger.domain.entry import EntryBooked, Leg
from services.ledger.domain.explanation.split import THE_REST, Part, Split, Term, Viewer
from services.ledger.domain.explanation.terms import Known, Reasons, Rule
from services.ledger.domain.timeline import share_text
from shared.contracts.ledger import Driver
from shared.kernel.money import format_money, parse_money

POOL = Rule(
    "cost-pool",
    "A cost pool is split over all cells of manager and department by its driver, in one split, and borne as a cost.",
)
_DRIVERS: Mapping[Driver, tuple[str, Callable[[int], str]]] = {
    Driver.REVENUE: ("revenue: interest, fee, settlement and credit-risk income of the month", format_money),
    Driver.BALANCES: ("balances: ten-day averages of deposits and loans", format_money),
    Driver.ENTRIES: ("entries: core events of the month, a shared customer's by the shares", share_text),
}


def pool_costs(entry: EntryBooked, leg: Leg | None, known: Known, viewer: Viewer) -> Reasons:
    """What a manager bears of each pool: in a leg's department or, without a leg, in all."""
    sentences, terms, splits = list[str](), list[Term](), list[Split]()
    for pool in orjson.loads(entry.source_data)["pools"]:
        borne = pool_split(pool, entry, known)
        driver, _ = _DRIVERS[Driver(pool["driver"])]
        sentences.append(f"Cost pool {pool['pool']} of {pool['amount']} is spread by {driver}.")
        for part in borne.parts[:-1]:
            if leg is None or part.department_id == leg.department_id:
                sentences += borne.sentences(part, viewer)
                terms += [Term(f"{borne.what}: {what}", amount) for what, amount in part.terms() if amount]
        splits.append(borne)
    figures = {"month": entry.business_date.isoformat()[:7]}
    return Reasons((POOL,), tuple(sentences), tuple(terms), figures, splits=tuple(splits))


def pool_split(pool: Mapping[str, Any], entry: EntryBooked, known: Known) -> Split:
    """A pool's split as costs: the cells of the entry's manager, and the rest as one part, the last."""
    _, unit = _DRIVERS[Driver(pool["driver"])]
    amount, total = parse_money(pool["amount"]), pool["weight_of_all"]
    weights: dict[Cell, int] = {}
    for peer in (entry, *known.peers):
        [manager] = peer.shares
        for other in orjson.loads(peer.source_data)["pools"]:
            if other["pool"] == pool["pool"]:
                weights |= {(manager, department): weight for department, weight in other["weights"].items()}
    shares = _shares(amount, weights, total) if total else {NO_CELL: amount}
    [manager] = entry.shares
    own: list[Part] = []
    for cell in sorted({*weights, *shares}):
        if cell[0] == manager:
            weight = weights.get(cell, 0)
            exact = Fraction(amount * max(weight, 0), total) if total else Fraction(shares.get(cell, 0))
            own.append(Part(*cell, unit(weight), -exact, -shares.get(cell, 0)))
    rest = Part(
        THE_REST,
        None,
        unit(total - sum(max(weight, 0) for cell, weight in weights.items() if cell[0] == manager)),
        -amount - sum((part.exact for part in own), Fraction(0)),
        -amount - sum(part.amount for part in own),
    )
    return Split(f"Cost pool {pool['pool']}", -amount, unit(total), (*own, rest))


def _shares(amount: int, weights: Mapping[Cell, int], total: int) -> dict[Cell, int]:
    """Each cell's share of the split over all cells, of which those without weight here got nothing."""
    shares: dict[Cell, int] = {}
    remainders: list[tuple[int, Cell]] = []
    for cell, weight in weights.items():
        shares[cell], remainder = divmod(amount * max(weight, 0), total)
        remainders.append((-remainder, cell))
    missing = amount - sum(shares.values())
    for _, cell in sorted(remainders)[:missing]:
        shares[cell] += 1
    return shares
