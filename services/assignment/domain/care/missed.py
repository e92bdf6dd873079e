"""Visits missed (逾期未访): what is told of a visit that was due and not made by its day.

A visit that the cycle asks for is told as missed once, however long it stays overdue and however its due day moves
meanwhile, until the customer is visited; a promised revisit once for its day. What both ask for on one day is one
visit. Nobody misses a visit to a customer whom nobody looked after on the due day.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from shared.contracts.assignment import care as contract
from shared.contracts.types import Id


class VisitMissed(contract.VisitMissed):
    """The contract's event, and beside it whether the ``cycle`` asked for the visit, or else only a promise, and which
    visit was the last then."""

    cycle: bool
    last_visit_id: Id | None = None


@dataclass(frozen=True, slots=True)
class VisitDue:
    """A visit that was not told as missed: asked for by the ``cycle``, or else by a promise."""

    due_on: date
    cycle: bool
    last_visit_id: str | None = None


def missed(
    customer_id: str, visits: Iterable[VisitDue], day: date, leads: Mapping[tuple[str, date], str]
) -> list[VisitMissed]:
    """What is to be told of a customer's visits on a day, in order of their due days; ``leads`` says who had the
    largest share of a customer on a day."""
    by_day: dict[date, list[VisitDue]] = {}
    for visit in visits:
        if visit.due_on < day and (customer_id, visit.due_on) in leads:
            by_day.setdefault(visit.due_on, []).append(visit)
    return [
        VisitMissed(
            customer_id=customer_id,
            manager_id=leads[customer_id, due_on],
            due_on=due_on,
            cycle=any(visit.cycle for visit in due),
            last_visit_id=due[0].last_visit_id,
        )
        for due_on, due in sorted(by_day.items())
    ]
