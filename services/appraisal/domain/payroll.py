"""What goes to the payroll (工资发放): items of a month, each with its sign for the manager."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from services.appraisal.domain.measure_event import SIGNS, MeasureAppealDecided, MeasureApproved
from shared.contracts.appraisal import AwardClawedBack, AwardGranted, AwardReleased, InstalmentPaid
from shared.kernel.event import Fact
from shared.kernel.period import month_of


class Entry(StrEnum):
    """What an item is for beside the measures, whose kinds are names of items too: the immediate part of an award
    当期发放, an instalment paid 延期发放, what is claimed back 追索, and what of that is no longer claimed."""

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


def items(fact: Fact, recorded: int) -> Iterator[Item]:
    """What a fact puts on the payroll, one item at most: in the month YYYYMM for which it is meant, or in that in which
    it was ``recorded`` where this is later. So nothing is added to a month that is over."""
    match fact:
        case MeasureApproved() if fact.amount is not None:
            amount, item = SIGNS[fact.kind] * fact.amount, str(fact.kind)
            reference, meant = fact.measure_id, fact.payable
        case MeasureAppealDecided() if fact.amount is not None and not fact.upheld:
            amount, item = -SIGNS[fact.kind] * fact.amount, f"{fact.kind}-lifted"
            reference, meant = fact.measure_id, fact.payable
        case AwardGranted():
            amount, item = fact.immediate, Entry.AWARD
            reference, meant = fact.award_id, month_of(fact.business_date)
        case InstalmentPaid():
            amount, item = fact.amount, Entry.INSTALMENT
            reference, meant = f"{fact.award_id}@{fact.due_on}", month_of(fact.business_date)
        case AwardClawedBack():
            amount, item = -fact.claim, Entry.CLAIM
            reference, meant = fact.clawback_id, month_of(fact.business_date)
        case AwardReleased():
            amount, item = fact.claim, Entry.CLAIM_RELEASED
            reference, meant = fact.clawback_id, month_of(fact.business_date)
        case _:
            return
    if amount:
        yield Item(max(meant, recorded), fact.manager_id, item, reference, fact.business_date, amount)
