"""Units (考核单元): who has targets, and what is one level below whom."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from shared.kernel.books import Book

BANK = "bank"
"""The id of the bank as a unit."""


class UnitKind(StrEnum):
    """Who has targets: the bank, on one side branches, teams and managers, on the other departments."""

    BANK = "bank"
    BRANCH = "branch"
    TEAM = "team"
    MANAGER = "manager"
    DEPARTMENT = "department"

    @property
    def side(self) -> Book:
        """The side on which a unit of this kind is a part."""
        return Book.DEPARTMENT if self is UnitKind.DEPARTMENT else Book.MANAGER


BELOW: Mapping[UnitKind, frozenset[UnitKind]] = {
    UnitKind.BANK: frozenset({UnitKind.BRANCH, UnitKind.DEPARTMENT}),
    UnitKind.BRANCH: frozenset({UnitKind.TEAM, UnitKind.MANAGER}),
    UnitKind.TEAM: frozenset({UnitKind.MANAGER}),
    UnitKind.MANAGER: frozenset(),
    UnitKind.DEPARTMENT: frozenset(),
}
"""What is one level below a unit; below a branch, beside its teams, are the managers who belong to none."""


class Unit(NamedTuple):
    """A unit by kind and id."""

    kind: UnitKind
    id: str

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


class Place(NamedTuple):
    """Where a manager belongs."""

    branch_id: str | None
    team_id: str | None


@dataclass(frozen=True, slots=True)
class Places:
    """Where managers and teams belong, as far as is known."""

    managers: Mapping[str, Place] = field(default_factory=dict)
    teams: Mapping[str, Collection[str | None]] = field(default_factory=dict)

    @classmethod
    def of(cls, managers: Mapping[str, Place]) -> "Places":
        """A team belongs to the branches of its managers."""
        teams: dict[str, set[str | None]] = {}
        for place in managers.values():
            if place.team_id is not None:
                teams.setdefault(place.team_id, set()).add(place.branch_id)
        return cls(managers, teams)

    def belongs(self, part: Unit, whole: Unit) -> bool:
        """Whether a part is one level below a unit, for all that is known; who belongs to a team is below the team."""
        if part.kind is UnitKind.MANAGER:
            place = self.managers.get(part.id)
            if place is None:
                return True
            return whole.id == place.team_id if whole.kind is UnitKind.TEAM else place == (whole.id, None)
        if part.kind is UnitKind.TEAM:
            return whole.id in self.teams.get(part.id, (whole.id,))
        return True
