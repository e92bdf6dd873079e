"""Tables ``loan_result`` and ``reclassification``: what loans brought whom each month, and when their class changed.

What a clawback is reckoned from; seen at ``GET /v1/vaults/{manager_id}/clawbacks/{clawback_id}/explain``.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.appraisal.domain.clawback import ReclassificationsWorked, WorkReclassifications
from services.appraisal.domain.loan_result import Known, LoanCell, Reclassified
from services.appraisal.domain.results import ResultsReceived
from shared.infrastructure.database import copy, driver_of
from shared.kernel.books import LoanClass
from shared.kernel.event import StoredEvent
from shared.kernel.period import Period, format_month

_ADD = """
    INSERT INTO loan_result AS present (loan_id, manager_id, period, efficiency)
    SELECT * FROM unnest($1::text[], $2::text[], $3::int[], $4::bigint[])
    ON CONFLICT (loan_id, manager_id, period)
        DO UPDATE SET efficiency = present.efficiency + excluded.efficiency
"""
_CHANGED = (
    "ledger_shard",
    "position",
    "loan_id",
    "loan_class",
    "business_date",
    "log_offset",
    "entry_id",
    "cause_id",
    "provision_rate",
    "provision_policy",
)
_WORKED = """
    UPDATE reclassification SET worked = true
    FROM unnest($1::smallint[], $2::bigint[]) AS done (shard, place)
    WHERE ledger_shard = shard AND position = place
"""


class LoanResultView:
    """One row a loan, manager and month; and one a change of a loan's class, with whether it was followed up."""

    tables = ("loan_result", "reclassification")
    takes = frozenset({ResultsReceived, ReclassificationsWorked})

    async def project(self, connection: AsyncConnection, events: Sequence[StoredEvent]) -> None:
        received = [event.fact for event in events if isinstance(event.fact, ResultsReceived)]
        worked = [event.fact for event in events if isinstance(event.fact, ReclassificationsWorked)]
        driver = await driver_of(connection)
        sums: dict[LoanCell, int] = {}
        for fact in received:
            for cell, amount in fact.loan_results.items():
                sums[cell] = sums.get(cell, 0) + amount
        if sums:
            cells = sorted(sums)
            await driver.execute(_ADD, *zip(*cells, strict=True), [sums[cell] for cell in cells])
        changed = [_row(fact.ledger_shard, one) for fact in received for one in fact.reclassified]
        if changed:
            await copy(connection, "reclassification", _CHANGED, changed)
        done = [(fact.ledger_shard, position) for fact in worked for position in fact.positions]
        if done:
            await driver.execute(_WORKED, *zip(*done, strict=True))


def _row(ledger_shard: int, one: Reclassified) -> tuple[object, ...]:
    return (
        ledger_shard,
        one.position,
        one.loan_id,
        one.loan_class.value,
        one.business_date,
        one.log_offset,
        one.entry_id,
        one.cause_id,
        one.provision_rate,
        one.provision_policy,
    )


async def classes(connection: AsyncConnection, loan_ids: Collection[str]) -> dict[str, Known]:
    """The latest class of those of these loans that ever changed it, and the position from which on they have it."""
    if not loan_ids:
        return {}
    driver = await driver_of(connection)
    rows = await driver.fetch(
        "SELECT DISTINCT ON (loan_id) loan_id, position, loan_class FROM reclassification "
        "WHERE loan_id = ANY($1) ORDER BY loan_id, position DESC",
        sorted(set(loan_ids)),
    )
    return {loan_id: (position, LoanClass(loan_class)) for loan_id, position, loan_class in rows}


@dataclass(frozen=True, slots=True)
class Pending:
    """A change of class that was not followed up yet, in its ledger shard."""

    ledger_shard: int
    change: Reclassified


async def pending(connection: AsyncConnection, limit: int) -> list[Pending]:
    """Changes of class that were not followed up, each shard's in order."""
    rows = await connection.execute(
        text(
            "SELECT ledger_shard, loan_id, loan_class, position, log_offset, business_date, entry_id, cause_id, "
            "provision_rate, provision_policy FROM reclassification WHERE NOT worked "
            "ORDER BY ledger_shard, position LIMIT :limit"
        ),
        {"limit": limit},
    )
    return [
        Pending(row.ledger_shard, Reclassified(row.loan_id, LoanClass(row.loan_class), *row[3:]))
        for row in rows
    ]


async def unworked(
    connection: AsyncConnection, commands: Sequence[WorkReclassifications]
) -> frozenset[tuple[int, int]]:
    """Of the changes that the commands speak of, those not followed up yet: by ledger shard and position."""
    asked = [(command.ledger_shard, position) for command in commands for position in command.positions]
    driver = await driver_of(connection)
    rows = await driver.fetch(
        "SELECT ledger_shard, position FROM reclassification "
        "JOIN unnest($1::smallint[], $2::bigint[]) AS asked (shard, place) "
        "ON ledger_shard = shard AND position = place WHERE NOT worked",
        *zip(*asked, strict=True),
    )
    return frozenset((shard, position) for shard, position in rows)


async def months(
    connection: AsyncConnection, loan_id: str, manager_id: str, period: Period
) -> dict[str, int]:
    """What a loan brought a manager in each month of a period, in minor units."""
    rows = await connection.execute(
        text(
            "SELECT period, efficiency FROM loan_result WHERE loan_id = :loan_id AND manager_id = :manager_id "
            "AND period BETWEEN :first AND :last ORDER BY period"
        ),
        {"loan_id": loan_id, "manager_id": manager_id, "first": period.first, "last": period.last},
    )
    return {format_month(row.period): row.efficiency for row in rows}


@dataclass(frozen=True, slots=True)
class Concerned:
    """An award to which a loan contributed, and the manager's efficiency from it in the award's cycle."""

    loan_id: str
    award_id: str
    manager_id: str
    efficiency: int


async def concerned(connection: AsyncConnection, loan_ids: Collection[str]) -> list[Concerned]:
    """The awards to which these loans contributed, in order of loan and award.

    The months of a cycle were closed and had arrived when it was frozen, so that these sums do not change any more.
    """
    rows = await connection.execute(
        text(
            "SELECT loan_id, award_id, award.manager_id, sum(loan_result.efficiency)::bigint AS efficiency "
            "FROM loan_result JOIN award ON award.manager_id = loan_result.manager_id "
            "AND loan_result.period BETWEEN award.first_month AND award.last_month "
            "WHERE loan_id = ANY(:loan_ids) GROUP BY loan_id, award_id, award.manager_id "
            "HAVING sum(loan_result.efficiency) > 0 ORDER BY loan_id, award_id"
        ),
        {"loan_ids": sorted(set(loan_ids))},
    )
    return [Concerned(**row._mapping) for row in rows]
