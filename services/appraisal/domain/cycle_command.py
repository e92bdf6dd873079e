"""What can be asked of a cycle (考核周期); its rules are in ``cycle.py``."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from services.appraisal.domain.cycle_event import CycleKind
from shared.contracts.appraisal import Rating
from shared.kernel.books import Book


@dataclass(frozen=True, slots=True)
class OfCycle:
    """What all commands to a cycle say. ``actor`` is who gives it."""

    cycle_id: str
    actor: str
    today: date

    @property
    def stream(self) -> str:
        return f"cycle-{self.cycle_id}"


@dataclass(frozen=True, slots=True)
class OpenCycle(OfCycle):
    """Begin a cycle over a period; a committee may move totals by so many points."""

    period: str
    kind: CycleKind
    calibration_limit: Decimal


@dataclass(frozen=True, slots=True)
class FreezeCycle(OfCycle):
    """Fix what the scorecards are computed from."""


@dataclass(frozen=True, slots=True)
class ScoreByHand(OfCycle):
    """Give a figure for a source that people score."""

    side: Book
    centre_id: str
    source: str
    figure: Decimal
    evidence: str


@dataclass(frozen=True, slots=True)
class ScoreCycle(OfCycle):
    """Compute all scorecards from what was frozen, and what was scored by hand since."""


@dataclass(frozen=True, slots=True)
class CalibrateCard(OfCycle):
    """Move a total, as the committee (考核委员会) decided; a later word replaces the earlier."""

    side: Book
    centre_id: str
    points: Decimal
    reason: str


@dataclass(frozen=True, slots=True)
class ApproveCycle(OfCycle):
    """Agree to all scorecards."""


@dataclass(frozen=True, slots=True)
class PublishCycle(OfCycle):
    """Show everybody the own scorecard, from now on as it is."""


@dataclass(frozen=True, slots=True)
class AppealCard(OfCycle):
    """Object to a scorecard (考核申诉)."""

    side: Book
    centre_id: str
    grounds: str


@dataclass(frozen=True, slots=True)
class DecideAppeal(OfCycle):
    """Say what becomes of an objection; ``rating`` is the one that counts from now on, where it is upheld."""

    side: Book
    centre_id: str
    rating: Rating | None
    reason: str


@dataclass(frozen=True, slots=True)
class CloseCycle(OfCycle):
    """End a cycle."""


Command = (
    OpenCycle
    | FreezeCycle
    | ScoreByHand
    | ScoreCycle
    | CalibrateCard
    | ApproveCycle
    | PublishCycle
    | AppealCard
    | DecideAppeal
    | CloseCycle
)
