"""Table ``cycle``: cycles and how far they are = ``GET /v1/cycles``; and what freezing one finds."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.appraisal.domain.cycle import CardKey, CardState, Consulted, ToFreeze
from services.appraisal.domain.cycle_command import (
    AppealCard,
    ApproveCycle,
    CalibrateCard,
    Command,
    DecideAppeal,
    FreezeCycle,
    PublishCycle,
    ScoreByHand,
    ScoreCycle,
)
from services.appraisal.domain.cycle_event import (
    CycleApproved,
    CycleClosed,
    CycleFrozen,
    CycleOpened,
    CyclePublished,
    CycleScored,
)
from services.appraisal.domain.scheme import Schemes
from services.appraisal.views import card as card_view
from services.appraisal.views import inputs, result
from services.appraisal.views.scheme import schemes
from shared.contracts.ledger import PeriodClosed
from shared.kernel.books import Book, Line, measures
from shared.kernel.event import StoredEvent
from shared.kernel.money import format_money
from shared.kernel.period import Period, format_month, months_between

_OPEN = text(
    "INSERT INTO cycle (cycle_id, period, kind, status, calibration_limit, opened_by, opened_at) "
    "VALUES (:cycle_id, :period, :kind, 'open', :calibration_limit, :opened_by, :at)"
)
_FREEZE = text(
    "UPDATE cycle SET status = 'frozen', frozen_at = :at, computed_from = :computed_from, cards = :cards, "
    "manager_efficiency = :manager, department_efficiency = :department, ledger_efficiency = :ledger "
    "WHERE cycle_id = :cycle_id"
)
_STEP = text("UPDATE cycle SET status = :status WHERE cycle_id = :cycle_id")
_SCORE = text("UPDATE cycle SET status = 'scored', scored_by = :by WHERE cycle_id = :cycle_id")
_APPROVE = text("UPDATE cycle SET status = 'approved', approved_by = :by WHERE cycle_id = :cycle_id")
_PUBLISH = text("UPDATE cycle SET status = 'published', published_at = :at WHERE cycle_id = :cycle_id")


class CycleView:
    """One row a cycle."""

    tables = ("cycle",)
    takes = frozenset({CycleOpened, CycleFrozen, CycleScored, CycleApproved, CyclePublished, CycleClosed})

    async def project(self, connection: AsyncConnection, events: Sequence[StoredEvent]) -> None:
        for event in events:
            match event.fact:
                case CycleOpened() as fact:
                    said = fact.model_dump(include={"cycle_id", "period", "kind", "opened_by"})
                    limit = {"calibration_limit": fact.calibration_limit, "at": event.recorded_at}
                    await connection.execute(_OPEN, {**said, **limit})
                case CycleFrozen() as fact:
                    await connection.execute(_FREEZE, _frozen(event, fact))
                case CycleScored() as fact:
                    await connection.execute(_SCORE, {"cycle_id": fact.cycle_id, "by": fact.scored_by})
                case CycleApproved() as fact:
                    await connection.execute(_APPROVE, {"cycle_id": fact.cycle_id, "by": fact.approved_by})
                case CyclePublished() as fact:
                    await connection.execute(_PUBLISH, {"cycle_id": fact.cycle_id, "at": event.recorded_at})
                case CycleClosed() as fact:
                    await connection.execute(_STEP, {"cycle_id": fact.cycle_id, "status": "closed"})


def _frozen(event: StoredEvent, fact: CycleFrozen) -> dict[str, object]:
    return {
        "cycle_id": fact.cycle_id,
        "at": event.recorded_at,
        "computed_from": fact.computed_from.model_dump_json(),
        "cards": fact.cards,
        "manager": fact.efficiency[Book.MANAGER],
        "department": fact.efficiency[Book.DEPARTMENT],
        "ledger": fact.ledger_efficiency,
    }


@dataclass(frozen=True, slots=True)
class Cycle:
    """A cycle as it stands; figures are null until it is frozen."""

    cycle_id: str
    period: str
    kind: str
    status: str
    calibration_limit: Decimal
    opened_by: str
    opened_at: datetime
    frozen_at: datetime | None
    published_at: datetime | None
    scored_by: str | None
    approved_by: str | None
    cards: int | None
    manager_efficiency: int | None
    department_efficiency: int | None
    ledger_efficiency: int | None
    computed_from: str | None

    @property
    def stream(self) -> str:
        return f"cycle-{self.cycle_id}"

    def shown(self, *, whole: bool) -> dict[str, object]:
        """As callers see it; what the bank has earned is not for those who see nothing but their own."""
        values = asdict(self)
        for name in ("manager_efficiency", "department_efficiency", "ledger_efficiency"):
            values[name] = format_money(values[name]) if whole and values[name] is not None else None
        values["calibration_limit"] = f"{self.calibration_limit:f}"
        del values["computed_from"]
        return values


_SELECT = """
    SELECT cycle_id, period, kind, status, calibration_limit, opened_by, opened_at, frozen_at, published_at,
           scored_by, approved_by, cards, manager_efficiency, department_efficiency, ledger_efficiency,
           computed_from::text AS computed_from
    FROM cycle
"""


async def find(connection: AsyncConnection, cycle_id: str) -> Cycle | None:
    """A cycle."""
    rows = await connection.execute(text(_SELECT + " WHERE cycle_id = :id"), {"id": cycle_id})
    row = rows.first()
    return Cycle(**row._mapping) if row else None


async def listed(connection: AsyncConnection, after: str, limit: int) -> list[Cycle]:
    """Cycles in order of id beyond a place."""
    rows = await connection.execute(
        text(_SELECT + " WHERE cycle_id > :after ORDER BY cycle_id LIMIT :limit"),
        {"after": after, "limit": limit},
    )
    return [Cycle(**row._mapping) for row in rows]


async def consult(connection: AsyncConnection, commands: Sequence[Command]) -> Consulted:
    """What freezing finds, and the scorecards that the commands speak of."""
    to_freeze: dict[str, ToFreeze] = {}
    states: dict[str, dict[CardKey, CardState]] = {}
    known: Schemes | None = None
    for command in commands:
        if isinstance(command, FreezeCycle):
            found = await find(connection, command.cycle_id)
            if found is not None:
                to_freeze[command.cycle_id] = await what_to_freeze(connection, Period.parse(found.period))
        elif isinstance(command, ScoreCycle | ApproveCycle | PublishCycle | _OF_ONE_CARD):
            known = known or await schemes(connection)
            only = [(command.side, command.centre_id)] if isinstance(command, _OF_ONE_CARD) else None
            states[command.cycle_id] = await card_view.states(connection, command.cycle_id, known, only)
    return Consulted(to_freeze, states)


_OF_ONE_CARD = ScoreByHand | CalibrateCard | AppealCard | DecideAppeal


async def what_to_freeze(connection: AsyncConnection, period: Period) -> ToFreeze:
    """The inputs of all scorecards of a period, and the ledger's word on what they come to; or what is missing."""
    months = list(months_between(period.first, period.last))
    closed = await _closed(connection, months)
    missing = [format_month(month) for month in months if month not in closed]
    if missing:
        return ToFreeze(missing=missing)
    found = await result.scorecards(connection, period)
    told = {line: sum(one.lines.get(line, 0) for one in closed.values()) for line in Line}
    arrived = {line: sum(one.lines[line] for one in found.managers) for line in Line}
    if arrived != told:
        return ToFreeze(missing=[format_month(month) for month in months])
    lines = {
        **{(Book.MANAGER, one.centre_id): one.lines for one in found.managers},
        **{(Book.DEPARTMENT, one.centre_id): one.lines for one in found.departments},
    }
    found_inputs = await inputs.of_all(connection, period, lines)
    return ToFreeze(found_inputs, closed[period.last].computed_from, measures(told)["efficiency"])


async def _closed(connection: AsyncConnection, months: Sequence[int]) -> dict[int, PeriodClosed]:
    """The ledger's word on those of these months that are closed, straight from the store."""
    rows = await connection.execute(
        text("SELECT data FROM event WHERE stream = 'period-bank' AND type = 'PeriodClosed'")
    )
    told = [PeriodClosed.model_validate_json(row.data) for row in rows]
    names = {format_month(month): month for month in months}
    return {names[one.period]: one for one in told if one.period in names}
