"""Bids (投标): who may make one, and which of them is the best."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from decimal import Decimal
from typing import NamedTuple

from services.assignment.domain.grade import Grade
from services.assignment.domain.policy import Policy
from services.assignment.domain.standing import Standing
from shared.kernel.money import format_money


def objection(
    standing: Standing | None, lowest: Grade, tiers: AbstractSet[str], policy: Policy
) -> tuple[str, str] | None:
    """The rule, and why, that keeps a manager out of a tender; None for one who may bid."""
    if standing is None:
        return "manager-is-there", "is not with the bank"
    general = standing.objection(policy)
    if general is not None:
        return general
    if standing.grade.rank < lowest.rank:
        return "grade-is-enough", f"is {standing.grade}, below {lowest}"
    for tier in sorted(tiers):
        if not policy.may_lead(standing.grade, tier):
            return "grade-may-lead", f"is {standing.grade}, which may not lead customers of tier {tier}"
    return None


class Ranked(NamedTuple):
    """A bid in its place. ``objection`` is the rule because of which it does not count, "" for none; ``number`` says
    how early it was made."""

    manager_id: str
    committed_profit: int
    grade: Grade
    load: Decimal
    number: int
    objection: str = ""

    def shown(self) -> dict[str, object]:
        """As it is proposed."""
        return {
            "manager_id": self.manager_id,
            "committed_profit": format_money(self.committed_profit),
            "grade": self.grade,
            "load": str(self.load),
            "objection": self.objection or None,
        }


def ranking(bids: Sequence[Ranked]) -> list[Ranked]:
    """The best first: what counts before what does not, then the higher commitment, the higher grade, the smaller load
    and the earlier bid. A total order, as no two bids are made at once."""
    return sorted(
        bids,
        key=lambda bid: (bid.objection != "", -bid.committed_profit, -bid.grade.rank, bid.load, bid.number),
    )
