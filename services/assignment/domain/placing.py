"""Placing (分派): who of a pool of managers takes a customer on, by authority, capacity and load.

Loads are whole units inside, as weights have at most six places and shares at most four: exact, and quick to compare.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from heapq import heapify, heappop, heapreplace
from itertools import accumulate
from typing import NamedTuple, Protocol

from services.assignment.domain.load import Burden
from services.assignment.domain.policy import Policies, Policy
from services.assignment.domain.standing import Career, Standing

_UNIT = Decimal("1e-10")


class Choice(StrEnum):
    """Who of a pool: the one with the smallest load 负荷最小, each in turn 轮流, or the one who is named 指定."""

    LEAST_LOADED = "least-loaded"
    ROUND_ROBIN = "round-robin"
    NAMED = "named"


def units_of(load: Decimal) -> int:
    """A load in units of 10⁻¹⁰."""
    return int(load / _UNIT)


def text_of(units: int) -> str:
    """A load from its units as a decimal string without needless zeros."""
    return format((units * _UNIT).normalize(), "f")


class Portion(NamedTuple):
    """A customer, or a share of it, that looks for a manager: its ``load`` in units until before ``ends``, None for
    ever. ``leads``: whoever takes it answers for the customer, so that the grade must be one that may."""

    customer_id: str
    load: int
    tier: str
    ends: date | None = None
    leads: bool = True


@dataclass(frozen=True, slots=True)
class Room:
    """A manager as of the day of placing: what they may take on, and the load that is there from day to day.

    ``capacity`` and ``steps`` (each a day, and the load from it on) in units; the first step is of the day itself.
    """

    manager_id: str
    standing: Standing | None
    departs_on: date | None
    policy: Policy
    capacity: int
    steps: tuple[tuple[date, int], ...]

    @property
    def load(self) -> int:
        """The load on the day itself."""
        return self.steps[0][1]

    def may_take(self, portion: Portion) -> bool:
        """At work, sworn, of a grade that may, and with the bank for as long as it lasts; whether there is room is
        another question."""
        standing = self.standing
        if standing is None or standing.objection(self.policy) is not None:
            return False
        if self.departs_on is not None and (portion.ends is None or portion.ends > self.departs_on):
            return False
        return not portion.leads or self.policy.may_lead(standing.grade, portion.tier)


def rooms(
    day: date,
    policies: Policies,
    careers: Mapping[str, Career],
    burdens: Mapping[str, Sequence[Burden]],
) -> dict[str, Room]:
    """The managers in order of id as of a day, today or later; ``burdens`` are all that they have from it on, and
    none that ended before."""
    policy = policies.in_force(day)
    return {
        manager_id: _room(manager_id, career, day, policy, burdens.get(manager_id, ()))
        for manager_id, career in sorted(careers.items())
    }


def _room(manager_id: str, career: Career, day: date, policy: Policy, burdens: Sequence[Burden]) -> Room:
    standing = career.on(day)
    capacity = policy.grades[standing.grade].capacity if standing is not None else Decimal(0)
    changes = {day: 0}
    for burden in burdens:
        load = units_of(burden.load)
        begins = max(burden.starts, day)
        changes[begins] = changes.get(begins, 0) + load
        if burden.ends is not None:
            changes[burden.ends] = changes.get(burden.ends, 0) - load
    days = sorted(changes)
    steps = zip(days, accumulate(changes[one] for one in days), strict=True)
    return Room(manager_id, standing, career.departed_on, policy, units_of(capacity), tuple(steps))


class Seat:
    """A manager whose load grows while customers are placed."""

    __slots__ = ("_days", "_loads", "room")

    def __init__(self, room: Room) -> None:
        self.room = room
        self._days = [day for day, _ in room.steps]
        self._loads = [load for _, load in room.steps]

    @property
    def load(self) -> int:
        """The load on the day itself, in units."""
        return self._loads[0]

    def has_room(self, portion: Portion) -> bool:
        """Whether no day sees the load above the capacity if this comes on top."""
        most = self.room.capacity - portion.load
        ends = portion.ends
        for day, load in zip(self._days, self._loads, strict=True):
            if ends is not None and day >= ends:
                break
            if load > most:
                return False
        return True

    def add(self, load: int, ends: date | None) -> None:
        """Put a load on top, or take it off where it is below zero, until before ``ends``."""
        last = len(self._days)
        if ends is not None:
            last = bisect_right(self._days, ends)
            if self._days[last - 1] == ends:
                last -= 1
            else:
                self._days.insert(last, ends)
                self._loads.insert(last, self._loads[last - 1])
        for index in range(last):
            self._loads[index] += load


class Queue(Protocol):
    """Managers who may take portions that differ by nothing but the customer, and whose turn it is."""

    anybody: bool
    """Whether there was anybody who may."""

    def take(self, portion: Portion) -> str | None:
        """Who takes it; None where nobody has room any more. As loads only grow, who has none is asked no more."""


class LeastLoaded:
    """By load, ties by id. The heap knows the loads as they were: one that has grown since is put back."""

    def __init__(self, seats: Sequence[Seat]) -> None:
        self.anybody = bool(seats)
        self._seats = {seat.room.manager_id: seat for seat in seats}
        self._heap = [(seat.load, seat.room.manager_id) for seat in seats]
        heapify(self._heap)

    def take(self, portion: Portion) -> str | None:
        heap = self._heap
        while heap:
            load, manager_id = heap[0]
            seat = self._seats[manager_id]
            if seat.load != load:
                heapreplace(heap, (seat.load, manager_id))
            elif seat.has_room(portion):
                seat.add(portion.load, portion.ends)
                heapreplace(heap, (seat.load, manager_id))
                return manager_id
            else:
                heappop(heap)
        return None


class Turn:
    """Whose turn was last."""

    __slots__ = ("last",)

    def __init__(self) -> None:
        self.last = ""


class RoundRobin:
    """In order of id, and from the beginning again; the ``turn`` goes on from one queue of a rule to the next."""

    def __init__(self, seats: Sequence[Seat], turn: Turn) -> None:
        self.anybody = bool(seats)
        self._seats = {seat.room.manager_id: seat for seat in seats}
        self._ids = sorted(self._seats)
        self._turn = turn

    def take(self, portion: Portion) -> str | None:
        ids = self._ids
        while ids:
            index = bisect_right(ids, self._turn.last) % len(ids)
            manager_id = ids[index]
            seat = self._seats[manager_id]
            if seat.has_room(portion):
                seat.add(portion.load, portion.ends)
                self._turn.last = manager_id
                return manager_id
            del ids[index]
        return None


def heaviest_first(portion: Portion) -> tuple[int, str]:
    """The order in which customers are placed: so that the big ones find room; ties by customer."""
    return -portion.load, portion.customer_id


def place(portions: Iterable[Portion], pool: Iterable[Room]) -> dict[str, str | None]:
    """Spread customers over the managers of a pool by least load: the manager by customer, None where nobody who may
    has room. The same whatever the order in which either is given; nobody gets beyond the capacity."""
    seats = [Seat(room) for room in sorted(pool, key=lambda room: room.manager_id)]
    queues: dict[tuple[object, ...], Queue] = {}
    placed: dict[str, str | None] = {}
    for portion in sorted(portions, key=heaviest_first):
        queue = queues.get(portion[1:])
        if queue is None:
            queue = LeastLoaded([seat for seat in seats if seat.room.may_take(portion)])
            queues[portion[1:]] = queue
        placed[portion.customer_id] = queue.take(portion)
    return placed
