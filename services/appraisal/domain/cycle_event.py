"""What happens to a cycle (考核周期) and its scorecards; the rules are in ``cycle.py``."""

from enum import StrEnum
from typing import Any

from services.appraisal.domain.card import Inputs, ManualScore, Scored
from services.appraisal.domain.indicator import Figure
from shared.contracts.appraisal import Rating
from shared.contracts.ledger import ComputedFrom
from shared.contracts.types import BusinessDate, Contract, Id, Money, Text
from shared.kernel.books import Book


class CycleKind(StrEnum):
    """Regular cycles over a quarter 季度, half 半年 or year 年度; a promotion review 晋升评审 over any of them."""

    REGULAR = "regular"
    PROMOTION = "promotion"


class _CycleEvent(Contract):
    """What all events of a cycle carry."""

    cycle_id: Id
    business_date: BusinessDate

    @property
    def stream(self) -> str:
        return f"cycle-{self.cycle_id}"


class CycleOpened(_CycleEvent):
    """A cycle began."""

    period: str
    kind: CycleKind
    calibration_limit: Figure
    opened_by: str


class CycleFrozen(_CycleEvent):
    """What goes in is fixed: the ledger's position and hash of that moment, and what both sides and the ledger come
    to."""

    computed_from: ComputedFrom
    efficiency: dict[Book, Money]
    ledger_efficiency: Money
    cards: int


class CardFrozen(Contract):
    """The inputs of one scorecard; in the shard of its cycle, so that both keep their order."""

    cycle_id: Id
    inputs: Inputs
    business_date: BusinessDate

    @property
    def stream(self) -> str:
        return f"card-{self.cycle_id}#{self.inputs.side}~{self.inputs.centre_id}"


class ScoredByHand(_CycleEvent):
    """A figure was given by a person."""

    side: Book
    centre_id: Id
    score: ManualScore


class CycleScored(_CycleEvent):
    """All scorecards were computed."""

    scored_by: str
    cards: int


class CardScored(Contract):
    """One scorecard was computed."""

    cycle_id: Id
    side: Book
    centre_id: Id
    scored: Scored
    business_date: BusinessDate

    @property
    def stream(self) -> str:
        return f"card-{self.cycle_id}#{self.side}~{self.centre_id}"


class CardCalibrated(_CycleEvent):
    """A total was moved by the committee, and with it maybe the rating."""

    side: Book
    centre_id: Id
    scored: Scored
    calibrated_by: str


class CycleApproved(_CycleEvent):
    """Another person than those who scored and calibrated agreed."""

    approved_by: str


class CyclePublished(_CycleEvent):
    """Everybody sees the own scorecard."""


class CardAppealed(_CycleEvent):
    """Somebody objects to a scorecard."""

    side: Book
    centre_id: Id
    grounds: Text
    appealed_by: str


class CardAppealDecided(_CycleEvent):
    """What became of the objection; the published scorecard stays, the ``rating`` counts from now on."""

    side: Book
    centre_id: Id
    rating: Rating | None = None
    reason: Text
    decided_by: str


class CycleClosed(_CycleEvent):
    """The cycle is over."""


FACTS: tuple[Any, ...] = (
    CycleOpened,
    CycleFrozen,
    CardFrozen,
    ScoredByHand,
    CycleScored,
    CardScored,
    CardCalibrated,
    CycleApproved,
    CyclePublished,
    CardAppealed,
    CardAppealDecided,
    CycleClosed,
)
"""All of them."""
