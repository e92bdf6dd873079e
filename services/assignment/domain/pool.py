"""Pools (候选池): the managers whom the rules of a list choose from, and who of them comes next."""

from collections.abc import Mapping, Sequence

from services.assignment.domain.allocation_rule import OWN_BRANCH, AllocationRule
from services.assignment.domain.placing import (
    Choice,
    LeastLoaded,
    Portion,
    Queue,
    Room,
    RoundRobin,
    Seat,
    Turn,
)


class Pools:
    """The managers of each rule's pool."""

    def __init__(self, rules: Sequence[AllocationRule], rooms: Mapping[str, Room]) -> None:
        teams: dict[str | None, set[str]] = {}
        self._branches: dict[str, set[str]] = {}
        for manager_id, room in rooms.items():
            if room.standing is not None:
                teams.setdefault(room.standing.team_id, set()).add(manager_id)
                self._branches.setdefault(room.standing.branch_id, set()).add(manager_id)
        self._pools: list[set[str] | None] = []
        for rule in rules:
            pool = rule.pool
            if pool.managers is not None:
                self._pools.append(rooms.keys() & set(pool.managers))
            elif pool.team_id is not None:
                self._pools.append(teams.get(pool.team_id, set()))
            elif pool.branch_id == OWN_BRANCH:
                self._pools.append(None)
            else:
                self._pools.append(self._branches.get(pool.branch_id or "", set()))

    def depends_on_branch(self, index: int) -> bool:
        """Whether a rule's pool is that of the customer's own branch."""
        return self._pools[index] is None

    def of(self, index: int, branch_id: str) -> set[str]:
        """The pool of a rule for a customer of a branch."""
        pool = self._pools[index]
        return self._branches.get(branch_id, set()) if pool is None else pool


class Queues:
    """Who of each pool comes next, for portions that differ by nothing but the customer."""

    def __init__(self, rules: Sequence[AllocationRule], pools: Pools, seats: Mapping[str, Seat]) -> None:
        self._rules = rules
        self._pools = pools
        self._seats = seats
        self._queues: dict[tuple[object, ...], Queue] = {}
        self._turns: dict[tuple[int, str | None], Turn] = {}

    def of(self, index: int, branch_id: str, portion: Portion) -> Queue:
        """The queue of a rule for such portions."""
        branch = branch_id if self._pools.depends_on_branch(index) else None
        key = (index, branch, *portion[1:])
        queue = self._queues.get(key)
        if queue is None:
            queue = self._queues[key] = self._new(index, branch, branch_id, portion)
        return queue

    def _new(self, index: int, branch: str | None, branch_id: str, portion: Portion) -> Queue:
        pool = self._pools.of(index, branch_id)
        seats = [self._seats[one] for one in sorted(pool) if self._seats[one].room.may_take(portion)]
        if self._rules[index].choice is Choice.ROUND_ROBIN:
            return RoundRobin(seats, self._turns.setdefault((index, branch), Turn()))
        return LeastLoaded(seats)
