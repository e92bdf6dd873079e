"""Visits (走访、回访): each is a fact by itself, and may promise another one."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from services.assignment.domain.record import (
    check_has_come,
    check_manager,
    customer_stream,
    sealed_text,
)
from shared.contracts.assignment import care as contract
from shared.kernel.decider import Decider
from shared.kernel.errors import Refusal
from shared.kernel.event import Fact


class VisitKind(StrEnum):
    """visit 走访, revisit 回访, call 电话联系. A call is care as well, but settles no visit that is due."""

    VISIT = "visit"
    REVISIT = "revisit"
    CALL = "call"


# --- commands -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MakeVisit:
    """Record a visit. The note is personal data and never leaves the service."""

    particulars: contract.VisitMade
    note: str = field(repr=False)
    today: date

    @property
    def stream(self) -> str:
        return self.particulars.stream

    @property
    def owner(self) -> str:
        return customer_stream(self.particulars.customer_id)

    @property
    def texts(self) -> Mapping[str, str]:
        return {"note": self.note}


# --- events -------------------------------------------------------------------------------------------------


class VisitMade(contract.VisitMade):
    """The contract's event with the note beside it: sealed, and left out of what is published."""

    sealed: str


# --- state --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Consulted:
    """The notes, sealed with the customers' keys, and the managers on record."""

    sealed: Mapping[MakeVisit, str] = field(default_factory=dict)
    managers: AbstractSet[str] = frozenset()


# --- decide -------------------------------------------------------------------------------------------------


def decide(command: MakeVisit, _: None, consulted: Consulted) -> Sequence[Fact]:
    """The visit; raises Refusal naming field and rule."""
    visit = command.particulars
    check_has_come(visit.visited_on, command.today, "visited_on")
    if visit.revisit_on is not None and visit.revisit_on <= visit.visited_on:
        detail = f"{visit.revisit_on} does not lie after the visit of {visit.visited_on}"
        raise Refusal("revisit-follows-visit", "revisit_on", detail)
    check_manager(visit.manager_id, consulted.managers)
    return [VisitMade(**visit.model_dump(), sealed=sealed_text(consulted.sealed, command, "note"))]


# --- evolve -------------------------------------------------------------------------------------------------


def evolve(_: None, __: Fact) -> None:
    """A visit has no state: nothing follows upon it in its stream."""


def stream(command: MakeVisit) -> str:
    """The visit's stream."""
    return command.stream


DECIDER: Decider[MakeVisit, None, Consulted] = Decider(stream, None, decide, evolve)
