"""What goes to the payroll (工资发放): items of a month, each with its sign for the manager."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from services.appraisal.domain.measure_event import SIGNS, MeasureAppealDecided, MeasureApproved
from shared.kernel.event import Fact


class Entry(StrEnum):
    """What an item is for beside the measures, whose kinds are names of items too: the immediate part of an award
    当期发放, an instalment paid 延期发放, what is claimed back 追索, and what is taken back of that."""

    AWARD = "award"
    INSTALMENT = "instalment"
    CLAIM = "claim"
    CLAIM_RELEASED = "claim-released"


@dataclass(frozen=True, slots=True)
class Item:
    """An amount in minor units, positive where the manager gets it, with the month YYYYMM in which it is paid."""

    month: int
    manager_id: str
    item: str
    reference: str
    business_date: date
    amount: int


def items(fact: Fact) -> Iterator[Item]:
    """What a fact puts on the payroll; of a month that is over nothing changes any more."""
    match fact:
        case MeasureApproved() if fact.amount is not None:
            yield _of_measure(fact, fact.kind, SIGNS[fact.kind] * fact.amount)
        case MeasureAppealDecided() if fact.amount is not None and not fact.upheld:
            yield _of_measure(fact, f"{fact.kind}-lifted", -SIGNS[fact.kind] * fact.amount)
        case _:
            return


def _of_measure(fact: MeasureApproved | MeasureAppealDecided, item: str, amount: int) -> Item:
    return Item(fact.payable, fact.manager_id, item, fact.measure_id, fact.business_date, amount)
