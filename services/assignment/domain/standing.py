"""Standing (任职状态): what a manager is on a day, and what follows from it for looking after customers."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from services.assignment.domain.grade import Grade
from services.assignment.domain.policy import Policy

EVER = date(1900, 1, 1)
"""From when those are with the bank whose day of hiring nobody knows."""


class Status(StrEnum):
    """Probation 试用, confirmed 转正, on-leave 休假, suspended 停职, departed 离职."""

    PROBATION = "probation"
    CONFIRMED = "confirmed"
    ON_LEAVE = "on-leave"
    SUSPENDED = "suspended"
    DEPARTED = "departed"


@dataclass(frozen=True, slots=True)
class Standing:
    """What a manager is from a day on. ``sworn``: the confidentiality undertaking (保密承诺) is signed."""

    effective_from: date
    status: Status
    grade: Grade
    branch_id: str
    team_id: str | None
    sworn: bool

    def objection(self, policy: Policy) -> tuple[str, str] | None:
        """The rule, and why, that forbids to take on customers; None where there is none."""
        match self.status:
            case Status.DEPARTED:
                return "manager-is-there", "has left the bank"
            case Status.ON_LEAVE:
                return "manager-is-at-work", "is on leave"
            case Status.SUSPENDED:
                return "manager-is-at-work", "is suspended"
        if not self.sworn:
            return "confidentiality-is-signed", "has not signed the confidentiality undertaking"
        if not policy.grades[self.grade].may_hold:
            return "grade-may-hold", f"is {self.grade}, a grade that holds no customers"
        return None


@dataclass(frozen=True, slots=True)
class Career:
    """A manager's standings in order of their days; what stands last stays."""

    standings: tuple[Standing, ...] = ()

    def on(self, day: date) -> Standing | None:
        """The standing on a day; None before the manager came to the bank."""
        index = bisect_right(self.standings, day, key=_effective_from)
        return self.standings[index - 1] if index else None

    @property
    def departed_on(self) -> date | None:
        """The first day on which the manager is no longer with the bank."""
        days = (one.effective_from for one in self.standings if one.status is Status.DEPARTED)
        return min(days, default=None)


def career(standings: Sequence[Standing]) -> Career:
    """From standings of all days on which anything may change: those that say something new."""
    said: list[Standing] = []
    for one in sorted(standings, key=_effective_from):
        if not said or _content(said[-1]) != _content(one):
            said.append(one)
    return Career(tuple(said))


def _content(standing: Standing) -> tuple[object, ...]:
    return standing.status, standing.grade, standing.branch_id, standing.team_id, standing.sworn


def _effective_from(standing: Standing) -> date:
    return standing.effective_from
