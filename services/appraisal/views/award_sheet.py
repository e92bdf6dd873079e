"""Table ``award_sheet``: the latest proposal of each cycle's awards = ``GET /v1/cycles/{cycle_id}/awards``."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.appraisal.domain.award import AwardsApproved, AwardsProposed, Basis, Command, Consulted
from services.appraisal.domain.cycle import Status, last_day_of
from services.appraisal.domain.incentive import Achieved
from services.appraisal.views import card, cycle
from services.appraisal.views.incentive_policy import policies
from shared.kernel.books import Book
from shared.kernel.event import StoredEvent
from shared.kernel.money import format_money
from shared.kernel.period import Period

_PROPOSE = text(
    "INSERT INTO award_sheet (cycle_id, status, proposed_by, proposed_at, content) "
    "VALUES (:cycle_id, 'proposed', :proposed_by, :at, :content) ON CONFLICT (cycle_id) DO UPDATE "
    "SET proposed_by = excluded.proposed_by, proposed_at = excluded.proposed_at, content = excluded.content"
)
_GRANT = text(
    "UPDATE award_sheet SET status = 'granted', approved_by = :by, approved_at = :at WHERE cycle_id = :cycle_id"
)

_PAID = text(
    "SELECT cycle_id, period FROM award_sheet JOIN cycle USING (cycle_id) "
    "WHERE award_sheet.status = 'granted' AND cycle_id <> :own ORDER BY cycle_id"
)


class AwardSheetView:
    """One row a cycle whose awards were proposed."""

    tables = ("award_sheet",)
    takes = frozenset({AwardsProposed, AwardsApproved})

    async def project(self, connection: AsyncConnection, events: Sequence[StoredEvent]) -> None:
        for event in events:
            fact = event.fact
            if isinstance(fact, AwardsProposed):
                said = {"cycle_id": fact.cycle_id, "proposed_by": fact.proposed_by}
                await connection.execute(_PROPOSE, {**said, "at": event.recorded_at, "content": event.data})
            elif isinstance(fact, AwardsApproved):
                said = {"cycle_id": fact.cycle_id, "by": fact.approved_by}
                await connection.execute(_GRANT, {**said, "at": event.recorded_at})


@dataclass(frozen=True, slots=True)
class AwardSheet:
    """The awards of a cycle as they are proposed or were granted."""

    status: str
    proposed: AwardsProposed
    proposed_at: datetime
    approved_by: str | None
    approved_at: datetime | None

    def shown(self) -> dict[str, object]:
        """The wire form: awards and funds, what they come to, and the proof that both sides agree."""
        one = self.proposed
        content = one.model_dump(mode="json", exclude={"efficiency", "ledger_efficiency", "business_date"})
        managers, departments = one.efficiency[Book.MANAGER], one.efficiency[Book.DEPARTMENT]
        return {
            **content,
            "status": self.status,
            "proposed_at": self.proposed_at,
            "approved_by": self.approved_by,
            "approved_at": self.approved_at,
            "sums": {
                "amount": format_money(sum(award.amount for award in one.awards)),
                "immediate": format_money(sum(award.immediate for award in one.awards)),
                "deferred": format_money(sum(award.deferred for award in one.awards)),
                "funds": format_money(sum(fund.amount for fund in one.funds)),
            },
            "proof": {
                "managers": format_money(managers),
                "departments": format_money(departments),
                "ledger": format_money(one.ledger_efficiency),
                "both_sides_agree": managers == departments == one.ledger_efficiency,
            },
        }


async def find(connection: AsyncConnection, cycle_id: str) -> AwardSheet | None:
    """The sheet of a cycle."""
    rows = await connection.execute(
        text(
            "SELECT status, content::text AS content, proposed_at, approved_by, approved_at FROM award_sheet "
            "WHERE cycle_id = :cycle_id"
        ),
        {"cycle_id": cycle_id},
    )
    row = rows.first()
    if row is None:
        return None
    proposed = AwardsProposed.model_validate_json(row.content)
    return AwardSheet(row.status, proposed, row.proposed_at, row.approved_by, row.approved_at)


async def consult(connection: AsyncConnection, commands: Sequence[Command]) -> Consulted:
    """What the awards of the cycles named are computed from."""
    cycles = {command.cycle_id: await _basis(connection, command.cycle_id) for command in commands}
    return Consulted({cycle_id: basis for cycle_id, basis in cycles.items() if basis is not None})


async def _basis(connection: AsyncConnection, cycle_id: str) -> Basis | None:
    found = await cycle.find(connection, cycle_id)
    if found is None:
        return None
    appeals = await card.appeals(connection, cycle_id)
    own = Period.parse(found.period)
    paid = [(one, Period.parse(period)) for one, period in await connection.execute(_PAID, {"own": cycle_id})]
    return Basis(
        status=Status(found.status),
        period=found.period,
        waiting=tuple(str(one["centre_id"]) for one in appeals if one["status"] == "open"),
        paid=tuple(one for one, period in paid if period.first <= own.last and own.first <= period.last),
        ledger_efficiency=found.ledger_efficiency or 0,
        achieved=tuple(
            Achieved(one.side, one.centre_id, one.group, one.efficiency, one.rating)
            for one in await card.finals(connection, cycle_id)
        ),
        policy=(await policies(connection)).in_force(last_day_of(found.period)),
    )
