"""Targets (考核目标): what a year is to bring, for every unit of the bank, cascaded from the bank down (目标分解).

The aggregate is one source in one year, with all units that have a target of it: what is split over parts, and what
is rescaled below, is one word. The bank's target is one for both sides, split over branches and over departments.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from services.appraisal.domain.indicator import CONDUCT, OF_DEPARTMENTS
from services.appraisal.domain.quarters import (
    Nature,
    Quarters,
    check_quarters,
    closed_by,
    figure_of,
    nature_of,
    over_parts,
    over_year,
    rescaled,
)
from services.appraisal.domain.target_event import (
    Target,
    TargetCascaded,
    TargetChanged,
    Targets,
    TargetSet,
    evolve,
    stream_of,
    told_of,
)
from services.appraisal.domain.unit import BELOW, Places, Unit, UnitKind
from shared.kernel.books import Book
from shared.kernel.decider import Decider
from shared.kernel.errors import Refusal
from shared.kernel.event import Fact

MOST_PARTS = 1000
"""Into how many parts a target is split at most."""

# --- commands -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SetTarget:
    """Set, or change, the annual target of a unit; figures in the smallest units of the source.

    Without ``quarters`` they follow from the amount; with ``spread`` all parts below are rescaled.
    """

    year: int
    source: str
    unit: Unit
    amount: int
    reason: str
    today: date
    quarters: Quarters | None = None
    spread: bool = False

    @property
    def stream(self) -> str:
        return stream_of(self.source, self.year)


@dataclass(frozen=True, slots=True)
class CascadeTarget:
    """Split a unit's annual target over units one level below."""

    year: int
    source: str
    unit: Unit
    parts: Mapping[Unit, int] = field(hash=False)
    reason: str
    today: date

    @property
    def stream(self) -> str:
        return stream_of(self.source, self.year)


Command = SetTarget | CascadeTarget


# --- events and state (beside those of domain/target_event.py) -----------------------------------------------


@dataclass(frozen=True, slots=True)
class Consulted:
    """Where managers and teams belong today; of who is absent it is not known."""

    places: Places = field(default_factory=Places)


# --- decide -------------------------------------------------------------------------------------------------


def decide(command: Command, targets: Targets, consulted: Consulted) -> Sequence[Fact]:
    """The word on a target, if it says anything new; raises Refusal naming field and rule."""
    if isinstance(command, CascadeTarget):
        return _cascaded(command, targets, consulted)
    _check_source(command.source, command.unit, "unit.kind")
    _check_amount(command.amount, "amount")
    present = targets.by_unit.get(command.unit)
    closed = closed_by(command.year, command.today)
    kept = present.quarters[:closed] if present else ()
    quarters = command.quarters or over_year(command.source, command.amount, kept)
    check_quarters(command.source, command.amount, quarters)
    if quarters[: len(kept)] != kept:
        raise Refusal("closed-quarters-stand", "quarters", f"the first {len(kept)} must stay as they are")
    said = {
        "year": command.year,
        "source": command.source,
        "reason": command.reason,
        "business_date": command.today,
    }
    target = Target(command.amount, quarters)
    own = told_of(command.source, command.unit, target)
    if present is None:
        return [TargetSet(**said, target=own)]
    changed = _below(command, target, targets, closed) if command.spread else {}
    below = [
        told_of(command.source, unit, one)
        for unit, one in changed.items()
        if one.figures != targets.by_unit[unit].figures
    ]
    if target.figures == present.figures and not below:
        return []
    return [TargetChanged(**said, target=own, below=tuple(below))]


def _below(command: SetTarget, target: Target, targets: Targets, closed: int) -> dict[Unit, Target]:
    """All units below, rescaled level by level so that each level adds up to the one above it."""
    source, parts = command.source, targets.parts()
    found: dict[Unit, Target] = {}
    waiting = [(command.unit, target)]
    while waiting:
        unit, whole = waiting.pop()
        for own in (parts[unit, side] for side in Book if (unit, side) in parts):
            kept = {part: one.quarters[:closed] for part, one in own.items()}
            amounts = rescaled(source, whole.amount, {part: one.amount for part, one in own.items()}, kept)
            quarters = over_parts(source, whole.quarters, amounts, kept, closed)
            level = {part: Target(amounts[part], quarters[part]) for part in own}
            found |= level
            waiting += level.items()
    return found


def _cascaded(command: CascadeTarget, targets: Targets, consulted: Consulted) -> Sequence[Fact]:
    source, unit, parts = command.source, command.unit, command.parts
    if nature_of(source) is Nature.RATE:
        raise Refusal("source-adds-up", "source", f"{source} does not add up over units: set it for each")
    whole = targets.by_unit.get(unit)
    if whole is None:
        raise Refusal("target-is-set", "unit", f"{unit} has no target of {source} in {command.year}")
    _check_parts(command, targets, consulted)
    if missing := whole.amount - sum(parts.values()):
        difference = figure_of(source, missing)
        raise Refusal("parts-add-up", "parts", f"must add up to the whole; the difference is {difference:f}")
    closed = closed_by(command.year, command.today)
    known = {part: targets.by_unit[part] for part in parts if part in targets.by_unit}
    kept = {part: target.quarters[:closed] for part, target in known.items()}
    quarters = over_parts(source, whole.quarters, parts, kept, closed)
    split = {part: Target(parts[part], quarters[part], unit) for part in sorted(parts)}
    side = next(iter(parts)).kind.side
    if split == targets.parts().get((unit, side)):
        return []
    fact = TargetCascaded(
        year=command.year,
        source=source,
        reason=command.reason,
        business_date=command.today,
        kind=unit.kind,
        id=unit.id,
        parts=tuple(told_of(source, part, target) for part, target in split.items()),
    )
    return [fact]


def _check_parts(command: CascadeTarget, targets: Targets, consulted: Consulted) -> None:
    whole = targets.by_unit[command.unit]
    sides = {part.kind.side for part in command.parts}
    for index, (part, amount) in enumerate(command.parts.items()):
        place = f"parts.{index}"
        if part.kind not in BELOW[command.unit.kind] or len(sides) > 1:
            detail = f"must be one level below {command.unit}, and all of one side"
            raise Refusal("parts-are-one-level-below", f"{place}.kind", detail)
        _check_source(command.source, part, f"{place}.kind")
        _check_amount(amount, f"{place}.amount")
        if amount * whole.amount < 0:
            raise Refusal("parts-have-the-sign-of-the-whole", f"{place}.amount", "must not have another sign")
        present = targets.by_unit.get(part)
        if present is not None and present.whole not in (None, command.unit):
            raise Refusal("part-of-one-whole", f"{place}.id", f"{part} is a part of {present.whole} already")
        if not consulted.places.belongs(part, command.unit):
            raise Refusal("part-is-below", f"{place}.id", f"{part} does not belong to {command.unit}")


def _check_source(source: str, unit: Unit, path: str) -> None:
    of_managers = source in CONDUCT and source not in OF_DEPARTMENTS
    if of_managers and unit.kind is UnitKind.DEPARTMENT:
        raise Refusal("source-is-of-managers", path, f"{source} is not measured for departments")


def _check_amount(amount: int, path: str) -> None:
    """Nothing can be measured against 0; a unit that is to bring nothing is left out."""
    if amount == 0:
        raise Refusal("target-is-not-zero", path, "a target of 0 cannot be measured against")


DECIDER: Decider[Command, Targets, Consulted] = Decider(
    stream=lambda command: command.stream, initial=Targets(), decide=decide, evolve=evolve
)
