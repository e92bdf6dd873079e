"""Succession (接任): what becomes of a customer's timeline when one manager's share goes to another.

The successor takes the share over, on top of what they have; the other managers keep theirs. A tail (过渡份额) leaves
the old manager falling shares for so many months each, then nothing.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Annotated

from pydantic import Field

from services.assignment.domain.assignment import lead_of
from services.assignment.domain.month import months_later
from services.assignment.domain.placing import Portion, units_of
from services.assignment.domain.timeline import Timeline
from shared.contracts.assignment import CustomerAssigned, ManagerShare, Shares
from shared.contracts.types import BusinessDate, Contract, Share


class Kept(Contract):
    """What of a customer the old manager keeps, and for how many months."""

    share: Share
    months: Annotated[int, Field(ge=1, le=60, strict=True)]


class Step(Contract):
    """Who looks after a customer from a day on, until the next step's."""

    effective_from: BusinessDate
    shares: Shares

    @property
    def parts(self) -> dict[str, Decimal]:
        """The shares by manager."""
        return {one.manager_id: one.share for one in self.shares}


def from_day(timeline: Timeline[CustomerAssigned], day: date) -> tuple[Step, ...]:
    """A timeline from a day on: what holds on it, as of that day, and all that comes later."""
    present = timeline.on(day)
    parts = {one.manager_id: one.share for one in present.shares} if present is not None else {}
    later = [
        _step(entry.effective_from, {one.manager_id: one.share for one in entry.shares})
        for entry in timeline.entries
        if entry.effective_from > day
    ]
    return (_step(day, parts), *later)


def holds(steps: Sequence[Step], manager_id: str) -> bool:
    """Whether a manager has a share on any day."""
    return any(manager_id in step.parts for step in steps)


def tail_end(day: date, tail: Sequence[Kept]) -> date:
    """The first day on which nothing of a tail is left."""
    return months_later(day, sum(kept.months for kept in tail))


def handed_over(
    before: Sequence[Step], manager_id: str, successor_id: str, tail: Sequence[Kept] = ()
) -> tuple[Step, ...]:
    """The timeline when the successor has taken over from the first day of ``before`` on."""
    start = before[0].effective_from
    keeps = {tail_end(start, tail[:index]): kept.share for index, kept in enumerate(tail)}
    keeps[tail_end(start, tail)] = Decimal(0)
    present = {step.effective_from: step.parts for step in before}
    share, parts = Decimal(0), present[start]
    after = []
    for day in sorted({*keeps, *present}):
        share, parts = keeps.get(day, share), present.get(day, parts)
        after.append(_step(day, _moved(parts, manager_id, successor_id, share)))
    return tuple(after)


def portion_of(
    customer_id: str, before: Sequence[Step], manager_id: str, tier: str, weight: Decimal
) -> Portion:
    """What a manager's part of a customer weighs on whoever takes it over: the most that it ever does, for ever."""
    parts = [step.parts for step in before]
    share = max(one.get(manager_id, Decimal(0)) for one in parts)
    leads = any(lead_of(one) == manager_id for one in parts)
    return Portion(customer_id, units_of(weight * share), tier, leads=leads)


def _moved(
    parts: Mapping[str, Decimal], manager_id: str, successor_id: str, keeps: Decimal
) -> dict[str, Decimal]:
    held = parts.get(manager_id, Decimal(0))
    kept = min(held, keeps)
    taken = parts.get(successor_id, Decimal(0)) + held - kept
    moved = {**parts, manager_id: kept, successor_id: taken}
    return {one: share for one, share in moved.items() if share}


def _step(day: date, parts: Mapping[str, Decimal]) -> Step:
    shares = tuple(
        ManagerShare(manager_id=manager_id, share=share.normalize())
        for manager_id, share in sorted(parts.items())
    )
    return Step(effective_from=day, shares=shares)
