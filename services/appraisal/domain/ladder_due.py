"""Who is due for another grade (应晋升、应降级), from ratings that cannot change any more. Pure.

No month counts twice in the same direction: after a promotion, counting of quarters begins anew with the one after.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from services.appraisal.domain.cycle_event import CycleKind
from services.appraisal.domain.ladder_policy import LADDER, LadderTerms, no_worse
from shared.contracts.appraisal import Rating
from shared.kernel.period import Period


class Direction(StrEnum):
    """Up 晋升 or down 降级, always by one grade."""

    UP = "up"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Rated:
    """What a closed cycle says of a manager. ``overruled`` where an appeal changed the rating: it then counts in place
    of the total."""

    cycle_id: str
    period: str
    kind: CycleKind
    rating: Rating
    total: Decimal
    overruled: bool = False

    @property
    def months(self) -> tuple[int, int]:
        """The first and the last month, YYYYMM."""
        period = Period.parse(self.period)
        return period.first, period.last

    @property
    def quarterly(self) -> bool:
        """Whether it is a regular quarter."""
        return self.kind is CycleKind.REGULAR and "Q" in self.period

    @property
    def yearly(self) -> bool:
        """Whether it is a regular year."""
        return self.kind is CycleKind.REGULAR and len(self.period) == 4


@dataclass(frozen=True, slots=True)
class Due:
    """A step that is due, and the cycles it rests on, oldest first."""

    direction: Direction
    cycles: tuple[Rated, ...]
    words: str

    @property
    def months(self) -> tuple[int, int]:
        """The first and the last month, YYYYMM, that the step rests on."""
        return self.cycles[0].months[0], self.cycles[-1].months[1]


def step(grade: str, direction: Direction) -> str | None:
    """The next grade in a direction; None above principal, below trainee, and for a grade that is in no ladder."""
    if grade not in LADDER:
        return None
    place = LADDER.index(grade) + (1 if direction is Direction.UP else -1)
    return LADDER[place] if 0 <= place < len(LADDER) else None


def quarter_before(period: str) -> str:
    """The name of the quarter before a quarter."""
    year, quarter = int(period[:4]), int(period[6])
    return f"{year}-Q{quarter - 1}" if quarter > 1 else f"{year - 1}-Q4"


def due(
    cycle: Rated, quarters: Mapping[str, Rated], terms: LadderTerms, settled: Mapping[Direction, int]
) -> Due | None:
    """What a manager is due for on account of a closed cycle. ``quarters`` are the closed regular ones by period, a
    missing one breaks a run; ``settled`` says up to which month YYYYMM steps in a direction were taken already."""
    found = _of(cycle, quarters, terms)
    if found is None or found.months[0] <= settled.get(found.direction, 0):
        return None
    return found


def _of(cycle: Rated, quarters: Mapping[str, Rated], terms: LadderTerms) -> Due | None:
    if cycle.kind is CycleKind.PROMOTION:
        if not _reviewed(cycle, terms):
            return None
        return Due(Direction.UP, (cycle,), f"{_points(cycle)} in the promotion review of {cycle.period}")
    if cycle.yearly:
        if not _failed(cycle, terms):
            return None
        return Due(Direction.DOWN, (cycle,), f"{_points(cycle)} in the year {cycle.period}")
    if not cycle.quarterly:
        return None
    up = _run(cycle, quarters, terms.quarters_up)
    if up and all(no_worse(one.rating, terms.rating_up) for one in up):
        return Due(Direction.UP, up, _in_a_row(up))
    down = _run(cycle, quarters, terms.quarters_down)
    if down and all(no_worse(terms.rating_down, one.rating) for one in down):
        return Due(Direction.DOWN, down, _in_a_row(down))
    return None


def _reviewed(cycle: Rated, terms: LadderTerms) -> bool:
    return no_worse(cycle.rating, terms.rating_up) if cycle.overruled else cycle.total >= terms.review_up


def _failed(cycle: Rated, terms: LadderTerms) -> bool:
    return no_worse(terms.rating_down, cycle.rating) if cycle.overruled else cycle.total < terms.year_down


def _run(cycle: Rated, quarters: Mapping[str, Rated], length: int) -> tuple[Rated, ...]:
    """So many quarters in a row up to this one, oldest first; empty where one is missing."""
    run = [cycle]
    while len(run) < length:
        before = quarters.get(quarter_before(run[-1].period))
        if before is None:
            return ()
        run.append(before)
    return tuple(reversed(run))


def _points(cycle: Rated) -> str:
    return f"rating {cycle.rating} after an appeal" if cycle.overruled else f"{cycle.total:f} points"


def _in_a_row(run: tuple[Rated, ...]) -> str:
    return "quarters in a row: " + ", ".join(f"{one.period} {one.rating}" for one in run)
