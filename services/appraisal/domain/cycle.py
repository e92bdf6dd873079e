"""Cycles (考核周期): open → frozen → scored → approved → published → closed. The aggregate is the cycle.

What goes in is fixed when the cycle is frozen; a published scorecard never changes: what is learnt later is an addendum
of a later cycle.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum

from services.appraisal.domain.card import Inputs, ManualScore, Scored, scored, totals
from services.appraisal.domain.cycle_command import (
    AppealCard,
    ApproveCycle,
    CalibrateCard,
    CloseCycle,
    Command,
    DecideAppeal,
    FreezeCycle,
    OfCycle,
    OpenCycle,
    PublishCycle,
    ScoreByHand,
    ScoreCycle,
)
from services.appraisal.domain.cycle_event import (
    CardAppealDecided,
    CardAppealed,
    CardCalibrated,
    CardFrozen,
    CardScored,
    CycleApproved,
    CycleClosed,
    CycleFrozen,
    CycleKind,
    CycleOpened,
    CyclePublished,
    CycleScored,
    ScoredByHand,
)
from services.appraisal.domain.indicator import MANUAL
from services.appraisal.domain.scheme import SchemeTerms
from shared.contracts.appraisal import ScorecardApproved
from shared.contracts.ledger import ComputedFrom
from shared.kernel.books import Book
from shared.kernel.decider import Decider
from shared.kernel.errors import Refusal
from shared.kernel.event import Fact
from shared.kernel.money import format_money
from shared.kernel.period import Period, last_day


class Status(StrEnum):
    """Open 进行中, frozen 已冻结, scored 已评分, approved 已批准, published 已发布, closed 已结束."""

    OPEN = "open"
    FROZEN = "frozen"
    SCORED = "scored"
    APPROVED = "approved"
    PUBLISHED = "published"
    CLOSED = "closed"


CardKey = tuple[Book, str]
"""Side and centre of a scorecard."""

# --- state --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Cycle:
    """A cycle as it stands; without a status there is none. ``hands`` scored or calibrated."""

    status: Status | None = None
    period: str = ""
    kind: CycleKind = CycleKind.REGULAR
    calibration_limit: Decimal = Decimal(0)
    hands: AbstractSet[str] = frozenset()
    approved_by: str = ""
    frozen: tuple[int, int, int] = (0, 0, 0)
    appeals: Mapping[CardKey, str] = field(default_factory=dict)
    """Objections made, and by whom while they wait for a decision."""


@dataclass(frozen=True, slots=True)
class CardState:
    """A scorecard as the rules look at it."""

    inputs: Inputs
    terms: SchemeTerms | None
    manual: Mapping[str, ManualScore] = field(default_factory=dict)
    scored: Scored | None = None


@dataclass(frozen=True, slots=True)
class ToFreeze:
    """What freezing finds. ``missing`` are the months of the period that are not closed or not fully arrived."""

    inputs: Sequence[Inputs] = ()
    computed_from: ComputedFrom | None = None
    ledger_efficiency: int = 0
    missing: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Consulted:
    """By cycle: what it would freeze, and its scorecards so far."""

    to_freeze: Mapping[str, ToFreeze] = field(default_factory=dict)
    cards: Mapping[str, Mapping[CardKey, CardState]] = field(default_factory=dict)


# --- decide -------------------------------------------------------------------------------------------------

_NEEDS: Mapping[type[OfCycle], tuple[Status, ...]] = {
    FreezeCycle: (Status.OPEN,),
    ScoreByHand: (Status.FROZEN, Status.SCORED),
    ScoreCycle: (Status.FROZEN, Status.SCORED),
    CalibrateCard: (Status.SCORED,),
    ApproveCycle: (Status.SCORED,),
    PublishCycle: (Status.APPROVED,),
    AppealCard: (Status.PUBLISHED,),
    DecideAppeal: (Status.PUBLISHED,),
    CloseCycle: (Status.PUBLISHED,),
}


def decide(command: Command, cycle: Cycle, consulted: Consulted) -> Sequence[Fact]:
    """What happens to the cycle; raises Refusal naming field and rule."""
    if isinstance(command, OpenCycle):
        return [_opened(command, cycle)]
    if cycle.status is None:
        raise Refusal("cycle-is-known", "cycle_id", f"there is no cycle {command.cycle_id}")
    needed = _NEEDS[type(command)]
    if cycle.status not in needed:
        detail = f"the cycle is {cycle.status}, and must be {' or '.join(needed)} for this"
        raise Refusal("cycle-goes-step-by-step", "cycle_id", detail)
    cards = consulted.cards.get(command.cycle_id, {})
    match command:
        case FreezeCycle():
            return _frozen(command, consulted.to_freeze[command.cycle_id])
        case ScoreByHand():
            return [_by_hand(command, cards)]
        case ScoreCycle():
            return _scored(command, cards)
        case CalibrateCard():
            return [_calibrated(command, cycle, cards)]
        case ApproveCycle():
            return [_approved(command, cycle, cards)]
        case PublishCycle():
            return _published(command, cycle, cards)
        case AppealCard() | DecideAppeal():
            return [_appeal(command, cycle, cards)]
    return [_closed(command, cycle)]


def _opened(command: OpenCycle, cycle: Cycle) -> Fact:
    if cycle.status is not None:
        raise Refusal("cycle-is-new", "cycle_id", f"there is a cycle {command.cycle_id} already")
    return CycleOpened(
        cycle_id=command.cycle_id,
        business_date=command.today,
        period=command.period,
        kind=command.kind,
        calibration_limit=command.calibration_limit,
        opened_by=command.actor,
    )


def _frozen(command: FreezeCycle, found: ToFreeze) -> Sequence[Fact]:
    if found.missing or found.computed_from is None:
        detail = f"not closed, or not all of it has arrived yet: {', '.join(found.missing)}"
        raise Refusal("period-is-closed", "period", detail)
    sums = totals(found.inputs)
    check_sides(sums, found.ledger_efficiency)
    cards = [
        CardFrozen(cycle_id=command.cycle_id, inputs=inputs, business_date=command.today)
        for inputs in found.inputs
    ]
    frozen = CycleFrozen.model_construct(
        cycle_id=command.cycle_id,
        business_date=command.today,
        computed_from=found.computed_from,
        efficiency=sums,
        ledger_efficiency=found.ledger_efficiency,
        cards=len(cards),
    )
    return [frozen, *cards]


def check_sides(sums: Mapping[Book, int], ledger: int) -> None:
    """Σ Y over managers and ``unassigned`` = Σ Y over departments = the ledger's total, or Refusal."""
    managers, departments = sums[Book.MANAGER], sums[Book.DEPARTMENT]
    if not managers == departments == ledger:
        figures = f"{format_money(managers)}, departments {format_money(departments)}"
        detail = f"efficiency of managers is {figures}, of the ledger {format_money(ledger)}"
        raise Refusal("both-sides-agree", "cycle_id", detail)


def _card(cards: Mapping[CardKey, CardState], side: Book, centre_id: str) -> CardState:
    card = cards.get((side, centre_id))
    if card is None:
        raise Refusal("card-is-known", "centre_id", f"the cycle has no scorecard of {side} {centre_id}")
    return card


def _by_hand(command: ScoreByHand, cards: Mapping[CardKey, CardState]) -> Fact:
    card = _card(cards, command.side, command.centre_id)
    sources = {one.source for one in card.terms.indicators} if card.terms is not None else set()
    if not command.source.startswith(MANUAL) or command.source not in sources:
        detail = f"the scheme of {command.centre_id} has no source {command.source} that people score"
        raise Refusal("source-is-manual", "source", detail)
    if command.actor == command.centre_id:
        raise Refusal("four-eyes", "centre_id", "nobody scores themselves")
    given = ManualScore(
        source=command.source, figure=command.figure, evidence=command.evidence, scored_by=command.actor
    )
    return ScoredByHand(
        cycle_id=command.cycle_id,
        business_date=command.today,
        side=command.side,
        centre_id=command.centre_id,
        score=given,
    )


def _scored(command: ScoreCycle, cards: Mapping[CardKey, CardState]) -> Sequence[Fact]:
    """Every card that a scheme is for; what the committee moved stays moved."""
    facts: list[Fact] = []
    for (side, centre_id), card in sorted(cards.items()):
        if card.terms is None:
            continue
        before = card.scored
        moved = (before.calibration, before.calibration_reason) if before is not None else (Decimal(0), "")
        facts.append(
            CardScored(
                cycle_id=command.cycle_id,
                side=side,
                centre_id=centre_id,
                scored=scored(card.inputs, card.terms, card.manual, *moved),
                business_date=command.today,
            )
        )
    done = CycleScored(
        cycle_id=command.cycle_id, business_date=command.today, scored_by=command.actor, cards=len(facts)
    )
    return [*facts, done]


def _calibrated(command: CalibrateCard, cycle: Cycle, cards: Mapping[CardKey, CardState]) -> Fact:
    card = _card(cards, command.side, command.centre_id)
    if card.terms is None or card.scored is None:
        raise Refusal("card-is-scored", "centre_id", f"{command.centre_id} has no scheme, so no score")
    if abs(command.points) > cycle.calibration_limit:
        detail = f"the committee may move a total by {cycle.calibration_limit} points at most"
        raise Refusal("calibration-has-limits", "points", detail)
    if command.actor == command.centre_id:
        raise Refusal("four-eyes", "centre_id", "nobody calibrates their own scorecard")
    return CardCalibrated(
        cycle_id=command.cycle_id,
        business_date=command.today,
        side=command.side,
        centre_id=command.centre_id,
        scored=scored(card.inputs, card.terms, card.manual, command.points, command.reason),
        calibrated_by=command.actor,
    )


def _approved(command: ApproveCycle, cycle: Cycle, cards: Mapping[CardKey, CardState]) -> Fact:
    if command.actor in cycle.hands:
        raise Refusal("four-eyes", "cycle_id", "nobody approves what they scored or calibrated")
    managers, departments, ledger = cycle.frozen
    sums = totals([card.inputs for card in cards.values()])
    check_sides(sums, ledger)
    assert (sums[Book.MANAGER], sums[Book.DEPARTMENT]) == (managers, departments)  # inputs never change
    return CycleApproved(cycle_id=command.cycle_id, business_date=command.today, approved_by=command.actor)


def _published(command: PublishCycle, cycle: Cycle, cards: Mapping[CardKey, CardState]) -> Sequence[Fact]:
    """The cycle's word, and to the other services each manager's rating."""
    published = CyclePublished(cycle_id=command.cycle_id, business_date=command.today)
    ratings = [
        ScorecardApproved(
            manager_id=centre_id,
            period=cycle.period,
            rating=card.scored.rating,
            approved_on=command.today,
            cycle_id=command.cycle_id,
            total=card.scored.total,
        )
        for (side, centre_id), card in sorted(cards.items())
        if side is Book.MANAGER and card.scored is not None
    ]
    return [published, *ratings]


def _appeal(command: AppealCard | DecideAppeal, cycle: Cycle, cards: Mapping[CardKey, CardState]) -> Fact:
    key = command.side, command.centre_id
    _card(cards, *key)
    said = {
        "cycle_id": command.cycle_id,
        "business_date": command.today,
        "side": command.side,
        "centre_id": command.centre_id,
    }
    if isinstance(command, AppealCard):
        if key in cycle.appeals:
            raise Refusal("one-appeal", "centre_id", "an appeal was made already")
        return CardAppealed(**said, grounds=command.grounds, appealed_by=command.actor)
    appealed_by = cycle.appeals.get(key)
    if not appealed_by:
        raise Refusal("one-appeal", "centre_id", "no appeal waits for a decision")
    if command.actor in {command.centre_id, appealed_by, cycle.approved_by}:
        detail = "nobody decides on an appeal of their own, or against what they approved"
        raise Refusal("four-eyes", "centre_id", detail)
    return CardAppealDecided(**said, rating=command.rating, reason=command.reason, decided_by=command.actor)


def _closed(command: CloseCycle, cycle: Cycle) -> Fact:
    waiting = sorted(centre_id for (_, centre_id), waits in cycle.appeals.items() if waits)
    if waiting:
        raise Refusal("appeals-are-decided", "cycle_id", f"appeals wait for a decision: {', '.join(waiting)}")
    return CycleClosed(cycle_id=command.cycle_id, business_date=command.today)


# --- evolve -------------------------------------------------------------------------------------------------


def evolve(cycle: Cycle, fact: Fact) -> Cycle:
    """The cycle after a fact; the cards' own facts are on other streams."""
    match fact:
        case CycleOpened():
            return Cycle(Status.OPEN, fact.period, fact.kind, fact.calibration_limit)
        case CycleFrozen():
            sums = fact.efficiency[Book.MANAGER], fact.efficiency[Book.DEPARTMENT]
            return replace(cycle, status=Status.FROZEN, frozen=(*sums, fact.ledger_efficiency))
        case ScoredByHand():
            return replace(cycle, hands={*cycle.hands, fact.score.scored_by})
        case CycleScored():
            return replace(cycle, status=Status.SCORED, hands={*cycle.hands, fact.scored_by})
        case CardCalibrated():
            return replace(cycle, hands={*cycle.hands, fact.calibrated_by})
        case CycleApproved():
            return replace(cycle, status=Status.APPROVED, approved_by=fact.approved_by)
        case CyclePublished():
            return replace(cycle, status=Status.PUBLISHED)
        case CardAppealed():
            return replace(cycle, appeals={**cycle.appeals, (fact.side, fact.centre_id): fact.appealed_by})
        case CardAppealDecided():
            return replace(cycle, appeals={**cycle.appeals, (fact.side, fact.centre_id): ""})
        case CycleClosed():
            return replace(cycle, status=Status.CLOSED)
        case _:
            return cycle


def last_day_of(period: str) -> date:
    """The day as of which grades, places and schemes count for a cycle."""
    return last_day(Period.parse(period).last)


DECIDER: Decider[Command, Cycle, Consulted] = Decider(
    stream=lambda command: command.stream, initial=Cycle(), decide=decide, evolve=evolve
)
