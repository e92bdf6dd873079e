"""Table ``measure``: rewards and penalties and what became of them = ``GET /v1/measures``."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass
from datetime import date, datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.appraisal.domain.measure import Command, ProposeMeasure, Status
from services.appraisal.domain.measure_event import (
    MeasureAppealDecided,
    MeasureAppealed,
    MeasureApproved,
    MeasureProposed,
    MeasureRejected,
    stream_of,
)
from services.appraisal.views import staff
from shared.kernel.event import StoredEvent
from shared.kernel.money import format_money
from shared.kernel.period import format_month

_OPEN = text(
    "INSERT INTO measure (measure_id, manager_id, kind, amount, ground, effective_from, cycle_id, status, "
    "proposed_by, proposed_at) VALUES (:measure_id, :manager_id, :kind, :amount, :ground, :effective_from, "
    ":cycle_id, 'proposed', :proposed_by, :at)"
)
_DECIDE = text(
    "UPDATE measure SET status = :status, decided_by = :decided_by, reason = :reason, payable = :payable "
    "WHERE measure_id = :measure_id"
)
_APPEAL = text("UPDATE measure SET status = 'appealed', grounds = :grounds WHERE measure_id = :measure_id")
_HEAR = text(
    "UPDATE measure SET status = :status, appeal_decided_by = :decided_by, appeal_reason = :reason "
    "WHERE measure_id = :measure_id"
)


class MeasureView:
    """One row a measure."""

    tables = ("measure",)
    takes = frozenset(
        {MeasureProposed, MeasureApproved, MeasureRejected, MeasureAppealed, MeasureAppealDecided}
    )

    async def project(self, connection: AsyncConnection, events: Sequence[StoredEvent]) -> None:
        for event in events:
            match event.fact:
                case MeasureProposed() as fact:
                    said = dict(fact)
                    del said["business_date"]
                    await connection.execute(_OPEN, {**said, "at": event.recorded_at})
                case MeasureApproved() | MeasureRejected() as decided:
                    await connection.execute(_DECIDE, _decision(decided))
                case MeasureAppealed() as appeal:
                    values = {"measure_id": appeal.measure_id, "grounds": appeal.grounds}
                    await connection.execute(_APPEAL, values)
                case MeasureAppealDecided() as heard:
                    status = Status.UPHELD if heard.upheld else Status.LIFTED
                    said = {"decided_by": heard.decided_by, "reason": heard.reason, "status": status}
                    await connection.execute(_HEAR, {"measure_id": heard.measure_id, **said})


def _decision(fact: MeasureApproved | MeasureRejected) -> dict[str, object]:
    approved = isinstance(fact, MeasureApproved)
    return {
        "measure_id": fact.measure_id,
        "status": Status.APPROVED if approved else Status.REJECTED,
        "decided_by": fact.decided_by,
        "reason": fact.reason,
        "payable": fact.payable if isinstance(fact, MeasureApproved) else None,
    }


@dataclass(frozen=True, slots=True)
class Measure:
    """A measure as it stands; the amount in minor units, ``payable`` a month YYYYMM."""

    measure_id: str
    manager_id: str
    kind: str
    amount: int | None
    ground: str
    effective_from: date
    cycle_id: str | None
    status: str
    proposed_by: str
    proposed_at: datetime
    decided_by: str | None
    reason: str | None
    payable: int | None
    grounds: str | None
    appeal_decided_by: str | None
    appeal_reason: str | None

    @property
    def stream(self) -> str:
        return stream_of(self.manager_id, self.measure_id)

    @property
    def counts(self) -> bool:
        """Whether it was approved once: from then on the manager sees it."""
        return self.status not in (Status.PROPOSED, Status.REJECTED)

    def shown(self) -> dict[str, object]:
        """As callers see it; the month of the payroll only where there is an amount."""
        payable = self.payable if self.amount is not None else None
        return {
            **asdict(self),
            "amount": None if self.amount is None else format_money(self.amount),
            "payable": None if payable is None else format_month(payable),
        }


_SELECT = """
    SELECT measure_id, manager_id, kind, amount, ground, effective_from, cycle_id, status, proposed_by,
           proposed_at, decided_by, reason, payable, grounds, appeal_decided_by, appeal_reason
    FROM measure
"""


async def find(connection: AsyncConnection, measure_id: str) -> Measure | None:
    """A measure."""
    rows = await connection.execute(text(_SELECT + " WHERE measure_id = :id"), {"id": measure_id})
    row = rows.first()
    return Measure(**row._mapping) if row else None


async def listed(
    connection: AsyncConnection, after: str, limit: int, manager_id: str | None, *, only_counting: bool
) -> list[Measure]:
    """Measures in order of id beyond a place; of all or of one manager, all or those that were approved once."""
    rows = await connection.execute(
        text(
            _SELECT + " WHERE measure_id > :after "
            "AND (cast(:manager_id AS text) IS NULL OR manager_id = :manager_id) "
            "AND (NOT :counting OR status NOT IN ('proposed', 'rejected')) ORDER BY measure_id LIMIT :limit"
        ),
        {"after": after, "limit": limit, "manager_id": manager_id, "counting": only_counting},
    )
    return [Measure(**row._mapping) for row in rows]


async def consult(connection: AsyncConnection, commands: Sequence[Command]) -> AbstractSet[str]:
    """The managers on record of those whom measures are proposed for."""
    named = {command.manager_id for command in commands if isinstance(command, ProposeMeasure)}
    return {manager_id for manager_id in named if await staff.is_known(connection, manager_id)}
