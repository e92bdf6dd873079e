"""What is said about targets, and the targets that follow from it: the events and the state of domain/target.py."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import Field

from services.appraisal.domain.indicator import Figure
from services.appraisal.domain.quarters import Quarters, figure_of, units_of
from services.appraisal.domain.unit import Unit, UnitKind
from shared.contracts.types import BusinessDate, CentreId, Contract, Id, Text
from shared.kernel.books import Book
from shared.kernel.event import Fact
from shared.kernel.period import FIRST_YEAR, LAST_YEAR

Year = Annotated[int, Field(ge=FIRST_YEAR, le=LAST_YEAR)]


def stream_of(source: str, year: int) -> str:
    """The stream of a source in a year; sources spread over the shards."""
    return f"target-{source}#{year}"


# --- events -------------------------------------------------------------------------------------------------


class UnitTarget(Contract):
    """A unit's target of a year: the annual figure and its quarters."""

    kind: UnitKind
    id: CentreId
    amount: Figure
    quarters: tuple[Figure, Figure, Figure, Figure]

    @property
    def unit(self) -> Unit:
        return Unit(self.kind, self.id)


class _TargetEvent(Contract):
    year: Year
    source: Id
    reason: Text
    business_date: BusinessDate

    @property
    def stream(self) -> str:
        return stream_of(self.source, self.year)


class TargetSet(_TargetEvent):
    """A unit has a target that had none."""

    target: UnitTarget


class TargetChanged(_TargetEvent):
    """A unit has another target, and so have those ``below`` that were rescaled with it."""

    target: UnitTarget
    below: tuple[UnitTarget, ...] = ()


class TargetCascaded(_TargetEvent):
    """A unit's target is split over these parts; what was a part on their side and is not named stands by itself."""

    kind: UnitKind
    id: CentreId
    parts: Annotated[tuple[UnitTarget, ...], Field(min_length=1)]

    @property
    def unit(self) -> Unit:
        return Unit(self.kind, self.id)

    @property
    def side(self) -> Book:
        """The side on which the target is split."""
        return self.parts[0].kind.side


FACTS = (TargetSet, TargetChanged, TargetCascaded)

# --- state --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Target:
    """A unit's annual figure and its quarters; ``whole`` is the unit whose target it is a part of."""

    amount: int
    quarters: Quarters
    whole: Unit | None = None

    @property
    def figures(self) -> tuple[int, Quarters]:
        """What it is, wherever it comes from."""
        return self.amount, self.quarters


@dataclass(frozen=True, slots=True)
class Targets:
    """The targets of a source in a year, by unit."""

    by_unit: Mapping[Unit, Target] = field(default_factory=dict)

    def parts(self) -> dict[tuple[Unit, Book], dict[Unit, Target]]:
        """The parts of every unit that is split, by side, in order of unit."""
        found: dict[tuple[Unit, Book], dict[Unit, Target]] = {}
        for unit, target in sorted(self.by_unit.items(), key=lambda one: one[0]):
            if target.whole is not None:
                found.setdefault((target.whole, unit.kind.side), {})[unit] = target
        return found


def told_of(source: str, unit: Unit, target: Target) -> UnitTarget:
    """A target as it is told: in figures, not in units of the source."""
    first, second, third, fourth = (figure_of(source, quarter) for quarter in target.quarters)
    return UnitTarget(
        kind=unit.kind,
        id=unit.id,
        amount=figure_of(source, target.amount),
        quarters=(first, second, third, fourth),
    )


# --- evolve -------------------------------------------------------------------------------------------------


def evolve(targets: Targets, fact: Fact) -> Targets:
    """The targets after one more word."""
    by_unit = dict(targets.by_unit)
    if isinstance(fact, TargetCascaded):
        for unit, target in targets.by_unit.items():
            if target.whole == fact.unit and unit.kind.side is fact.side:
                by_unit[unit] = Target(target.amount, target.quarters)
        by_unit |= {one.unit: _read(fact.source, one, fact.unit) for one in fact.parts}
        return Targets(by_unit)
    assert isinstance(fact, TargetSet | TargetChanged)  # its stream has no other
    for one in (fact.target, *(fact.below if isinstance(fact, TargetChanged) else ())):
        present = by_unit.get(one.unit)
        by_unit[one.unit] = _read(fact.source, one, present.whole if present else None)
    return Targets(by_unit)


def _read(source: str, told: UnitTarget, whole: Unit | None) -> Target:
    first, second, third, fourth = (units_of(source, quarter) for quarter in told.quarters)
    return Target(units_of(source, told.amount), (first, second, third, fourth), whole)
