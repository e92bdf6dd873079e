"""Allotting (配对): the rules of a list applied to customers, which managers they get; the arithmetic of an allocation.

Customers who are looked after stay with who answers for them if that manager is in the pool of the first rule that
fits and may take on customers like them. The others are taken off their managers, and placed together with those whom
nobody looks after, the heaviest first. Who finds no manager stays as they were.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from services.assignment.domain.allocation_rule import AllocationRule, Matcher
from services.assignment.domain.assignment import lead_of
from services.assignment.domain.placing import Portion, Room, Seat, heaviest_first, units_of
from services.assignment.domain.policy import Policy
from services.assignment.domain.pool import Pools, Queues

MOST_ROUNDS = 20
"""How often it is tried anew without those who found no place, before all who have managers stay with them."""


class Candidate(NamedTuple):
    """A customer on the day of the allocation: ``shares`` are those of its managers, ``ends`` the next day from which
    its timeline says something already."""

    customer_id: str
    kind: str
    region: str
    industry: str
    tier: str
    branch_id: str
    ends: date | None = None
    shares: Sequence[tuple[str, Decimal]] = ()
    products: Sequence[str] = ()

    @property
    def lead(self) -> str | None:
        """Who answers for it; None where nobody looks after it."""
        return lead_of(dict(self.shares)) if self.shares else None


class Status(StrEnum):
    """What an allocation does with a customer."""

    PLACED = "placed"
    UNCHANGED = "unchanged"
    UNPLACED = "unplaced"


class Reason(StrEnum):
    """Why a customer found no manager."""

    NO_RULE = "no-rule-matches"
    NOBODY_MAY = "nobody-may"
    NO_ROOM = "nobody-has-room"


class Item(NamedTuple):
    """What becomes of a customer: ``manager_id`` answers for it afterwards, ``previous_id`` did before."""

    customer_id: str
    status: Status
    manager_id: str | None
    previous_id: str | None
    rule: str | None
    reason: Reason | None


class Change(NamedTuple):
    """What an allocation is for one manager, loads in units on the day: ``customers`` are those placed with them."""

    manager_id: str
    customers: int
    load_before: int
    load_after: int
    capacity: int


@dataclass(frozen=True, slots=True)
class Allotment:
    """All items by customer, and the managers for whom anything changes."""

    items: Sequence[Item]
    changes: Sequence[Change]


class _Waiting(NamedTuple):
    """A customer to be placed: the rules that fit, as bits, and what it weighs on its present managers."""

    portion: Portion
    candidate: Candidate
    fit: int
    present: Sequence[tuple[str, int]]


def allot(
    candidates: Iterable[Candidate],
    rules: Sequence[AllocationRule],
    rooms: Mapping[str, Room],
    policy: Policy,
) -> Allotment:
    """Who gets whom; the same whatever the order of the candidates, and nobody's load rises beyond the capacity.

    ``policy`` is that of the day, and ``rooms`` are all managers with all their loads, the candidates' included.
    """
    return _Allotting(rules, rooms, policy).work(candidates)


class _Allotting:
    def __init__(self, rules: Sequence[AllocationRule], rooms: Mapping[str, Room], policy: Policy) -> None:
        self._rules = rules
        self._rooms = rooms
        self._policy = policy
        self._matcher = Matcher(rules)
        self._weights: dict[str, int] = {}
        self._pools = Pools(rules, rooms)

    def work(self, candidates: Iterable[Candidate]) -> Allotment:
        items: list[Item] = []
        waiting: list[_Waiting] = []
        for one in candidates:
            fit = self._matcher.fitting(
                one.kind, one.region, one.industry, one.tier, one.branch_id, one.products
            )
            lead = one.lead
            if not fit:
                items.append(Item(one.customer_id, Status.UNPLACED, lead, lead, None, Reason.NO_RULE))
                continue
            portion = Portion(one.customer_id, self._weight(one.tier), one.tier, one.ends)
            if lead is not None and self._keeps(one, fit, lead, portion):
                rule = self._rules[_lowest(fit)].name
                items.append(Item(one.customer_id, Status.UNCHANGED, lead, lead, rule, None))
                continue
            present = [(manager_id, int(portion.load * share)) for manager_id, share in one.shares]
            waiting.append(_Waiting(portion, one, fit, present))
        waiting.sort(key=lambda one: heaviest_first(one.portion))
        placed, seats = self._rounds(waiting)
        items += placed
        items.sort()
        return Allotment(items, self._changes(placed, seats))

    def _weight(self, tier: str) -> int:
        weight = self._weights.get(tier)
        if weight is None:
            weight = self._weights[tier] = units_of(self._policy.tier(tier).weight)
        return weight

    def _keeps(self, one: Candidate, fit: int, lead: str, portion: Portion) -> bool:
        """Whether the first rule would have the present lead too, who may keep what there is, also beyond capacity."""
        pool = self._pools.of(_lowest(fit), one.branch_id)
        return lead in pool and self._rooms[lead].may_take(portion)

    def _rounds(self, waiting: Sequence[_Waiting]) -> tuple[list[Item], Mapping[str, Seat]]:
        """Place all who wait. Those with managers who find no place keep theirs, whose load then counts: so once more,
        without them."""
        stay: list[Item] = []
        rounds = 1
        items, seats = self._round(waiting)
        while stranded := _with_managers_unplaced(items):
            if rounds == MOST_ROUNDS:
                stranded = {one.portion.customer_id for one in waiting if one.present}
            stay += (_staying(item) for item in items if item.customer_id in stranded)
            waiting = [one for one in waiting if one.portion.customer_id not in stranded]
            items, seats = self._round(waiting)
            rounds += 1
        return [*stay, *items], seats

    def _round(self, waiting: Sequence[_Waiting]) -> tuple[list[Item], Mapping[str, Seat]]:
        seats = {manager_id: Seat(room) for manager_id, room in self._rooms.items()}
        for one in waiting:
            for manager_id, load in one.present:
                seats[manager_id].add(-load, one.portion.ends)
        queues = Queues(self._rules, self._pools, seats)
        return [self._place(one, queues) for one in waiting], seats

    def _place(self, one: _Waiting, queues: Queues) -> Item:
        customer_id, shares = one.portion.customer_id, one.candidate.shares
        previous = one.candidate.lead
        reason, fit = Reason.NOBODY_MAY, one.fit
        while fit:
            index = _lowest(fit)
            fit &= fit - 1
            queue = queues.of(index, one.candidate.branch_id, one.portion)
            manager_id = queue.take(one.portion)
            if manager_id is not None:
                alone = len(shares) == 1 and previous == manager_id
                status = Status.UNCHANGED if alone else Status.PLACED
                return Item(customer_id, status, manager_id, previous, self._rules[index].name, None)
            if queue.anybody:
                reason = Reason.NO_ROOM
        return Item(customer_id, Status.UNPLACED, previous, previous, None, reason)

    def _changes(self, items: Iterable[Item], seats: Mapping[str, Seat]) -> list[Change]:
        gained = dict.fromkeys(seats, 0)
        for item in items:
            if item.status is Status.PLACED and item.manager_id is not None:
                gained[item.manager_id] += 1
        return [
            Change(manager_id, gained[manager_id], seat.room.load, seat.load, seat.room.capacity)
            for manager_id, seat in seats.items()
            if gained[manager_id] or seat.load != seat.room.load
        ]


def _with_managers_unplaced(items: Iterable[Item]) -> set[str]:
    return {
        item.customer_id for item in items if item.status is Status.UNPLACED and item.previous_id is not None
    }


def _staying(item: Item) -> Item:
    """What becomes of somebody who stays with the managers there are, although the rules would have others."""
    reason = item.reason or Reason.NO_ROOM
    return Item(item.customer_id, Status.UNPLACED, item.previous_id, item.previous_id, None, reason)


def _lowest(bits: int) -> int:
    """The index of the lowest bit that is set."""
    return (bits & -bits).bit_length() - 1
