"""What the appraisal shows of itself in ``/metrics``: cycles, and what waits for a decision."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.appraisal.domain.cycle import Status
from shared.infrastructure.metrics import gauge
from shared.infrastructure.reading import Reading

CYCLES = gauge("dualbook_appraisal_cycles", "Cycles of appraisal, by status.", ("status",))
APPEALS = gauge("dualbook_appraisal_appeals_open", "Appeals against ratings that wait for a decision.")
GRADE_CHANGES = gauge(
    "dualbook_appraisal_grade_changes_open", "Changes of grade proposed that wait for a decision."
)

_WAITING = text(
    """
    SELECT (SELECT count(*) FROM appeal WHERE status = 'open') AS appeals,
           (SELECT count(*) FROM grade_change WHERE status = 'open') AS grade_changes
    """
)


async def read_cycles(connection: AsyncConnection) -> None:
    """How many cycles stand where."""
    rows = await connection.execute(text("SELECT status, count(*) AS number FROM cycle GROUP BY status"))
    found = {row.status: row.number for row in rows}
    for status in Status:
        CYCLES.labels(status.value).set(found.get(status, 0))


async def read_waiting(connection: AsyncConnection) -> None:
    """What somebody is to decide."""
    appeals, grade_changes = (await connection.execute(_WAITING)).one()
    APPEALS.set(appeals)
    GRADE_CHANGES.set(grade_changes)


READINGS = (Reading("cycles", read_cycles), Reading("waiting", read_waiting))
