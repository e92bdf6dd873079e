"""Load (负荷): how much looking after a manager has to do, Σ tier weight × share, from day to day."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import NamedTuple

from services.assignment.domain.timeline import Timeline
from shared.contracts.assignment import CustomerAssigned


class Burden(NamedTuple):
    """A load that lasts from a day until another, which no longer counts; None for ever."""

    starts: date
    ends: date | None
    load: Decimal

    def on(self, day: date) -> Decimal:
        """What of it there is on a day."""
        return self.load if self.starts <= day and (self.ends is None or day < self.ends) else Decimal(0)


@dataclass(frozen=True)
class Looked:
    """A customer that is being assigned: its tier's weight, and who looks after it when."""

    weight: Decimal
    timeline: Timeline[CustomerAssigned] = field(default_factory=Timeline)

    def burdens(self, manager_id: str) -> Sequence[Burden]:
        """What it is for one manager."""
        return self._by_manager.get(manager_id, ())

    @cached_property
    def _by_manager(self) -> Mapping[str, Sequence[Burden]]:
        """Worked out once: where many customers are assigned together, each is looked at for every other."""
        found: dict[str, list[Burden]] = {}
        for entry in self.timeline.entries:
            ends = self.timeline.end_of(entry)
            for share in entry.shares:
                burden = Burden(entry.effective_from, ends, self.weight * share.share)
                found.setdefault(share.manager_id, []).append(burden)
        return found


@dataclass(frozen=True, slots=True)
class Loads:
    """The loads of managers: of each ``customer`` that is being assigned by itself, of all others in sum."""

    others: Mapping[str, Sequence[Burden]] = field(default_factory=dict)
    customers: Mapping[str, Looked] = field(default_factory=dict)

    def with_customer(self, customer_id: str, looked: Looked) -> "Loads":
        """With what is now known of a customer."""
        return replace(self, customers={**self.customers, customer_id: looked})

    def of(self, manager_id: str) -> "Profile":
        """A manager's load by day."""
        sums: dict[tuple[date, date | None], Decimal] = {}  # many are assigned from and to the same days
        for looked in self.customers.values():
            for starts, ends, load in looked.burdens(manager_id):
                sums[starts, ends] = sums.get((starts, ends), Decimal(0)) + load
        own = [Burden(*days, load) for days, load in sums.items()]
        return Profile((*self.others.get(manager_id, ()), *own))


@dataclass(frozen=True, slots=True)
class Profile:
    """A load as the sum of burdens."""

    burdens: Sequence[Burden]

    def on(self, day: date) -> Decimal:
        """The load on a day."""
        return sum((burden.on(day) for burden in self.burdens), Decimal(0))

    def rises(self, first: date, end: date | None) -> list[date]:
        """The days from ``first`` until before ``end`` on which the load may be higher than the day before."""
        days = {first, *(burden.starts for burden in self.burdens)}
        return sorted(day for day in days if day >= first and (end is None or day < end))


class Excess(NamedTuple):
    """A day on which a manager would have more than the capacity."""

    day: date
    load: Decimal


def first_excess(
    before: Profile, after: Profile, capacity: Decimal, first: date, end: date | None
) -> Excess | None:
    """The first day on which a change raises the load beyond the capacity.

    Who is beyond it already, since the capacity was lowered or a customer's tier was raised, may keep what there is.
    """
    for day in after.rises(first, end):
        load = after.on(day)
        if load > capacity and load > before.on(day):
            return Excess(day, load)
    return None
