"""Table ``simulation``: what was asked, how far it is, and the answer = ``GET /v1/simulations``; and the work itself.

The table is operational state and no view of events. Whoever works on a simulation lets its heart beat there; where
it has not beaten for a minute the process is gone, and the simulation counts as interrupted.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import orjson
import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ledger.domain.closing import CellAmounts
from services.ledger.domain.simulation import Differences, Proposal, department_moves, month_differences
from services.ledger.domain.simulation_of_loans import charge_differences, charges
from services.ledger.views.assignment import timelines
from services.ledger.views.policy import policies
from services.ledger.views.simulation_facts import department_products, loan_steps, month_facts
from shared.infrastructure.database import Database
from shared.kernel.errors import Refusal
from shared.kernel.period import Period, format_month, months_between

log = structlog.get_logger()

BEAT_SECONDS, STALE_SECONDS = 10, 60
WAITING = "waiting to begin"


async def ask(
    connection: AsyncConnection,
    simulation_id: str,
    asked_by: str,
    period: Period,
    proposal: Mapping[str, Any],
) -> None:
    """Note a simulation that is about to run: a step a month, and one for all of the period."""
    await connection.execute(
        text(
            "INSERT INTO simulation (simulation_id, asked_by, period, proposal, status, done, total, doing) "
            "VALUES (:id, :asked_by, :period, :proposal, 'running', 0, :total, :doing)"
        ),
        {
            "id": simulation_id,
            "asked_by": asked_by,
            "period": period.name,
            "proposal": orjson.dumps(proposal).decode(),
            "total": len(list(months_between(period.first, period.last))) + 1,
            "doing": WAITING,
        },
    )


_SELECT = """
    SELECT simulation_id, asked_by, asked_at, period, proposal::text AS proposal, done, total, doing,
           CASE WHEN status = 'running' AND updated_at < now() - make_interval(secs => :stale)
                THEN 'interrupted' ELSE status END AS status,
           {result} AS result, error::text AS error
    FROM simulation
"""


async def get(connection: AsyncConnection, simulation_id: str) -> dict[str, Any] | None:
    """A simulation with its result, if there is such a one."""
    rows = await connection.execute(
        text(_SELECT.format(result="result::text") + "WHERE simulation_id = :id"),
        {"stale": STALE_SECONDS, "id": simulation_id},
    )
    row = rows.first()
    return None if row is None else _shown(row)


async def listed(connection: AsyncConnection, before: str | None, limit: int) -> list[dict[str, Any]]:
    """Simulations without their results, newest first, older than one."""
    rows = await connection.execute(
        text(
            _SELECT.format(result="NULL")
            + "WHERE cast(:before AS text) IS NULL OR simulation_id < :before "
            + "ORDER BY simulation_id DESC LIMIT :limit"
        ),
        {"stale": STALE_SECONDS, "before": before, "limit": limit},
    )
    found = [_shown(row) for row in rows]
    for one in found:
        del one["result"]
    return found


def _shown(row: Any) -> dict[str, Any]:
    return {
        "simulation_id": row.simulation_id,
        "status": row.status,
        "period": row.period,
        "proposal": orjson.loads(row.proposal),
        "asked_by": row.asked_by,
        "asked_at": row.asked_at.isoformat().replace("+00:00", "Z"),
        "progress": {"done": row.done, "of": row.total, "doing": row.doing},
        "result": row.result and orjson.loads(row.result),
        "error": row.error and orjson.loads(row.error),
        "links": {"self": f"/v1/simulations/{row.simulation_id}"},
    }


class Simulation:
    """One simulation at work."""

    def __init__(self, database: Database, simulation_id: str, period: Period, proposal: Proposal) -> None:
        self._database = database
        self._id = simulation_id
        self._period = period
        self._proposal = proposal

    async def run(self) -> None:
        """Compute and keep the result, or why there is none; raises nothing but its own cancellation."""
        heart = asyncio.create_task(self._beat())
        try:
            result = await self._compute()
            await self._set(status="done", doing="", result=orjson.dumps(result).decode())
        except asyncio.CancelledError:
            await self._end("interrupted", {"detail": "the process that computed it was stopped"})
            raise
        except Refusal as refusal:
            error = {"rule": refusal.rule, "field": refusal.field, "detail": refusal.detail}
            await self._end("failed", error)
        except Exception as error:  # whatever it is, the one who asked learns that there will be no result
            log.error("simulation failed", simulation_id=self._id, exc_info=error)
            await self._end(
                "failed", {"detail": "Something unexpected went wrong; quote the simulation's id."}
            )
        finally:
            heart.cancel()

    async def _compute(self) -> dict[str, Any]:
        """Month by month, then what concerns the whole period, all in one snapshot of the books."""
        period, proposal = self._period, self._proposal
        computed: list[CellAmounts] = []
        months = list(months_between(period.first, period.last))
        async with self._database.snapshot() as connection:
            await connection.execute(text("SELECT 1"))  # begins the transaction
            for number, month in enumerate(months):
                await self._set(done=number, doing=f"reading {format_month(month)}")
                facts = await month_facts(connection, month, proposal)
                await self._set(doing=f"computing {format_month(month)}")
                computed.append(await asyncio.to_thread(month_differences, facts, proposal))
                del facts  # a month's cells at a time
            await self._set(done=len(months), doing=f"loans and departments of {period.name}")
            computed.append(await self._loans(connection))
            booked = await department_products(connection, period, proposal) if proposal.products else []
        moves = department_moves(booked, proposal.products)
        result = await asyncio.to_thread(lambda: Differences.of(computed, moves).shown())
        await self._set(done=len(months) + 1)
        return result

    async def _loans(self, connection: AsyncConnection) -> CellAmounts:
        """What loans charge otherwise; nothing unless provision rates are proposed."""
        if self._proposal.policy.provision_rates is None:
            return {}
        steps, known = await loan_steps(connection, self._period), await policies(connection)
        charged = await asyncio.to_thread(lambda: list(charges(steps, self._period, known, self._proposal)))
        looked_after = await timelines(connection, {one.step.customer_id for one in charged})
        return await asyncio.to_thread(charge_differences, charged, looked_after, self._proposal)

    async def _beat(self) -> None:
        """Show that the process is still there, however long a step takes."""
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            await _quietly(self._set)

    async def _end(self, status: str, error: Mapping[str, str]) -> None:
        """Leave word of a bad end; where even that fails, the heart no longer beats."""
        await _quietly(lambda: self._set(status=status, error=orjson.dumps(error).decode()))

    async def _set(self, **values: str | int) -> None:
        """Write columns of the simulation's row, and its heartbeat; what has ended stays as it is."""
        columns = "".join(f"{name} = :{name}, " for name in values)
        async with self._database.begin() as connection:
            await connection.execute(
                text(
                    f"UPDATE simulation SET {columns}updated_at = now() "  # noqa: S608
                    "WHERE simulation_id = :id AND status = 'running'"
                ),
                {**values, "id": self._id},
            )


async def _quietly(write: Callable[[], Any]) -> None:
    """Write, or say in the log that the database would not have it."""
    try:
        await write()
    except Exception as error:  # the database may be away for any reason, of which /readyz speaks itself
        log.warning("simulation could not leave word", reason=str(error))
