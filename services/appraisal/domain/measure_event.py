"""What happens to a measure (奖惩); its rules are in ``measure.py``."""

from enum import StrEnum

from shared.contracts.types import Amount, BusinessDate, CentreId, Contract, Id, Text


class Kind(StrEnum):
    """Commendation 表彰, extra award 嘉奖, bonus deduction 扣减绩效, rectification talk 整改谈话, transfer proposal
    调岗建议, demotion 降级, warning 警告, fine 罚款, end of contract 解除合同."""

    COMMENDATION = "commendation"
    EXTRA_AWARD = "extra-award"
    BONUS_DEDUCTION = "bonus-deduction"
    RECTIFICATION_TALK = "rectification-talk"
    TRANSFER_PROPOSAL = "transfer-proposal"
    DEMOTION = "demotion"
    WARNING = "warning"
    FINE = "fine"
    END_OF_CONTRACT = "end-of-contract"


SIGNS = {Kind.EXTRA_AWARD: 1, Kind.BONUS_DEDUCTION: -1, Kind.FINE: -1}
"""The kinds that have an amount, and whether the manager gets or gives it."""


class _MeasureEvent(Contract):
    """What all events of measures carry; they lie in the manager's shard."""

    measure_id: Id
    manager_id: CentreId
    business_date: BusinessDate

    @property
    def stream(self) -> str:
        return stream_of(self.manager_id, self.measure_id)


class MeasureProposed(_MeasureEvent):
    """Somebody, or a rule, wants a measure."""

    kind: Kind
    amount: Amount | None = None
    ground: Text
    effective_from: BusinessDate
    cycle_id: Id | None = None
    proposed_by: str


class MeasureApproved(_MeasureEvent):
    """Another person agreed: the measure counts, its amount in the salary of the month ``payable``, YYYYMM."""

    kind: Kind
    amount: Amount | None = None
    payable: int
    decided_by: str
    reason: Text | None = None


class MeasureRejected(_MeasureEvent):
    """Another person disagreed; nothing follows."""

    decided_by: str
    reason: Text | None = None


class MeasureAppealed(_MeasureEvent):
    """The manager objects."""

    grounds: Text


class MeasureAppealDecided(_MeasureEvent):
    """What a third person made of the appeal. Of a measure that does not stand the amount is given back in the month
    ``payable``, YYYYMM."""

    kind: Kind
    amount: Amount | None = None
    payable: int
    upheld: bool
    reason: Text
    decided_by: str


FACTS = (MeasureProposed, MeasureApproved, MeasureRejected, MeasureAppealed, MeasureAppealDecided)


def stream_of(manager_id: str, measure_id: str) -> str:
    """The stream of a measure, in the shard of the manager."""
    return f"measure-{manager_id}#{measure_id}"
