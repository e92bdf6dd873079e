"""Who looks after a customer, and since when: the assignment timeline (客户归属时间线)."""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache

from shared.contracts.assignment import CustomerAssigned
from shared.kernel.books import UNASSIGNED

SHARE_UNITS = 10_000
"""Shares have at most four places: as whole ten-thousandths they are exact weights."""

Weights = Mapping[str, int]
"""Ten-thousandths by manager id, in order of id; they add up to SHARE_UNITS."""

NOBODY: Weights = {UNASSIGNED: SHARE_UNITS}


@dataclass(frozen=True, slots=True)
class Timeline:
    """The shares from each effective date on, until the next one. Before the first: nobody."""

    dates: tuple[date, ...] = ()
    weights: tuple[Weights, ...] = ()

    def on(self, day: date) -> Weights:
        """The shares that hold on a business date."""
        index = bisect_right(self.dates, day)
        return self.weights[index - 1] if index else NOBODY

    def next_after(self, day: date) -> date | None:
        """The first effective date after a day, if there is one."""
        index = bisect_right(self.dates, day)
        return self.dates[index] if index < len(self.dates) else None

    def before(self, day: date) -> date | None:
        """The last effective date before a day, if there is one."""
        index = bisect_left(self.dates, day)
        return self.dates[index - 1] if index else None

    def with_assignment(self, assigned: CustomerAssigned) -> "Timeline":
        """The timeline with one more assignment; a later one for the same effective date replaces the earlier."""
        entries = dict(zip(self.dates, self.weights, strict=True))
        entries[assigned.effective_from] = weights_of(assigned)
        dates = tuple(sorted(entries))
        return Timeline(dates, tuple(entries[day] for day in dates))


def weights_of(assigned: CustomerAssigned) -> Weights:
    """The assignment's shares as whole ten-thousandths; an empty list means ``unassigned``."""
    if not assigned.shares:
        return NOBODY
    return {
        share.manager_id: int(share.share * SHARE_UNITS)
        for share in sorted(assigned.shares, key=lambda share: share.manager_id)
    }


@lru_cache(maxsize=SHARE_UNITS + 1)
def share_text(weight: int) -> str:
    """Ten-thousandths as the decimal string of the contract: 6000 is ``"0.6"``."""
    return format((Decimal(weight) / SHARE_UNITS).normalize(), "f")
