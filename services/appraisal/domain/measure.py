"""Rewards and penalties (奖惩): proposed by a person or a rule, decided on by another, appealed once, heard by a third.

The aggregate is the measure. Amounts are minor units; they are paid or kept back with the salary of a month.
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Any

from services.appraisal.domain.measure_event import (
    SIGNS,
    Kind,
    MeasureAppealDecided,
    MeasureAppealed,
    MeasureApproved,
    MeasureProposed,
    MeasureRejected,
    stream_of,
)
from shared.kernel.decider import Decider
from shared.kernel.errors import Refusal
from shared.kernel.event import Fact
from shared.kernel.period import month_of

RULE = "rule"
"""Who proposes what the policy asks for."""


class Status(StrEnum):
    """Proposed 提议, approved 批准, rejected 否决, appealed 申诉中, upheld 维持, lifted 撤销."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    REJECTED = "rejected"
    APPEALED = "appealed"
    UPHELD = "upheld"
    LIFTED = "lifted"


# --- commands -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _OfMeasure:
    """What all commands say. ``actor`` is who gives it."""

    measure_id: str
    manager_id: str
    actor: str
    today: date

    @property
    def stream(self) -> str:
        return stream_of(self.manager_id, self.measure_id)


@dataclass(frozen=True, slots=True)
class ProposeMeasure(_OfMeasure):
    """Ask for a measure; of a rule, on account of a closed cycle."""

    kind: Kind
    amount: int | None
    ground: str
    effective_from: date
    cycle_id: str | None = None


@dataclass(frozen=True, slots=True)
class DecideMeasure(_OfMeasure):
    """Approve or reject what another proposed."""

    approve: bool
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class AppealMeasure(_OfMeasure):
    """Object, as the manager whom it concerns (申诉)."""

    grounds: str


@dataclass(frozen=True, slots=True)
class DecideMeasureAppeal(_OfMeasure):
    """Say whether the measure stands."""

    upheld: bool
    reason: str


Command = ProposeMeasure | DecideMeasure | AppealMeasure | DecideMeasureAppeal

# --- state --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Measure:
    """A measure as it stands; without a proposal there is none."""

    proposed: MeasureProposed | None = None
    status: Status = Status.PROPOSED
    decided_by: str = ""
    payable: int = 0
    appealed: bool = False


# --- decide -------------------------------------------------------------------------------------------------


def decide(command: Command, measure: Measure, managers: AbstractSet[str]) -> Sequence[Fact]:
    """What is to be recorded; ``managers`` are those on record of those named. Raises Refusal naming field and rule."""
    if isinstance(command, ProposeMeasure):
        return [_proposed(command, measure, managers)]
    proposed = measure.proposed
    assert proposed is not None  # whoever asks has seen it
    if isinstance(command, DecideMeasure):
        return [_decided(command, measure, proposed)]
    if isinstance(command, AppealMeasure):
        return [_appealed(command, measure)]
    return [_heard(command, measure, proposed)]


def _proposed(command: ProposeMeasure, measure: Measure, managers: AbstractSet[str]) -> Fact:
    if measure.proposed is not None:
        raise Refusal("measure-is-new", "measure_id", "this was proposed already")
    if command.manager_id not in managers:
        raise Refusal("manager-is-known", "manager_id", f"there is no manager {command.manager_id}")
    if (command.kind in SIGNS) != (command.amount is not None):
        detail = f"{', '.join(SIGNS)} have an amount, other measures have none"
        raise Refusal("amount-fits-measure", "amount", detail)
    return MeasureProposed.model_construct(
        measure_id=command.measure_id,
        manager_id=command.manager_id,
        business_date=command.today,
        kind=command.kind,
        amount=command.amount,
        ground=command.ground,
        effective_from=command.effective_from,
        cycle_id=command.cycle_id,
        proposed_by=command.actor,
    )


def _said(command: Command) -> dict[str, Any]:
    return {
        "measure_id": command.measure_id,
        "manager_id": command.manager_id,
        "business_date": command.today,
    }


def _decided(command: DecideMeasure, measure: Measure, proposed: MeasureProposed) -> Fact:
    if measure.status is not Status.PROPOSED:
        raise Refusal("measure-is-open", "measure_id", f"the measure is {measure.status}")
    if command.actor in {proposed.proposed_by, command.manager_id}:
        raise Refusal(
            "four-eyes", "measure_id", "nobody decides on what they proposed, or what concerns them"
        )
    said = {**_said(command), "decided_by": command.actor, "reason": command.reason}
    if not command.approve:
        return MeasureRejected(**said)
    payable = max(month_of(proposed.effective_from), month_of(command.today))
    return MeasureApproved.model_construct(
        **said, kind=proposed.kind, amount=proposed.amount, payable=payable
    )


def _appealed(command: AppealMeasure, measure: Measure) -> Fact:
    if measure.appealed:
        raise Refusal("one-appeal", "measure_id", "an appeal was made already")
    if measure.status is not Status.APPROVED:
        raise Refusal("measure-counts", "measure_id", f"the measure is {measure.status}")
    if command.actor != command.manager_id:
        raise Refusal("own-measure", "measure_id", "only the manager whom it concerns objects")
    return MeasureAppealed(**_said(command), grounds=command.grounds)


def _heard(command: DecideMeasureAppeal, measure: Measure, proposed: MeasureProposed) -> Fact:
    if measure.status is not Status.APPEALED:
        raise Refusal("one-appeal", "measure_id", "no appeal waits for a decision")
    if command.actor in {proposed.proposed_by, measure.decided_by, command.manager_id}:
        detail = "a third person decides: neither who proposed, nor who approved, nor whom it concerns"
        raise Refusal("third-person", "measure_id", detail)
    return MeasureAppealDecided.model_construct(
        **_said(command),
        kind=proposed.kind,
        amount=proposed.amount,
        payable=max(measure.payable, month_of(command.today)),
        upheld=command.upheld,
        reason=command.reason,
        decided_by=command.actor,
    )


# --- evolve -------------------------------------------------------------------------------------------------


def evolve(measure: Measure, fact: Fact) -> Measure:
    """The measure after a fact."""
    match fact:
        case MeasureProposed():
            return Measure(fact)
        case MeasureApproved():
            return replace(measure, status=Status.APPROVED, decided_by=fact.decided_by, payable=fact.payable)
        case MeasureRejected():
            return replace(measure, status=Status.REJECTED, decided_by=fact.decided_by)
        case MeasureAppealed():
            return replace(measure, status=Status.APPEALED, appealed=True)
        case _:
            assert isinstance(fact, MeasureAppealDecided)  # its stream has no other
            return replace(measure, status=Status.UPHELD if fact.upheld else Status.LIFTED)


DECIDER: Decider[Command, Measure, AbstractSet[str]] = Decider(
    stream=lambda command: command.stream, initial=Measure(), decide=decide, evolve=evolve
)
