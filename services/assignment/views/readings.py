"""What the assignment service shows of itself in ``/metrics``: customers, duties, and what is under way."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.assignment.views.portfolio import IN_FORCE
from shared.contracts.assignment import DutyKind
from shared.infrastructure.bank_time import today
from shared.infrastructure.metrics import gauge
from shared.infrastructure.reading import Reading

CUSTOMERS = gauge(
    "dualbook_assignment_customers",
    "Customers whom somebody looks after today (assigned) or nobody (unassigned).",
    ("state",),
)
DUTIES_OPEN = gauge("dualbook_assignment_duties_open", "Duties to be done, in time so far.", ("kind",))
DUTIES_BREACHED = gauge(
    "dualbook_assignment_duties_breached", "Duties told as breached and not done since.", ("kind",)
)
UNDER_WAY = {
    "tenders": gauge("dualbook_assignment_tenders_open", "Tenders that managers may bid for."),
    "hand_overs": gauge("dualbook_assignment_hand_overs_open", "Hand-overs planned and not completed yet."),
    "proposals": gauge("dualbook_assignment_proposals_open", "Proposals that wait for a decision."),
    "complaints": gauge("dualbook_assignment_complaints_open", "Complaints that were not answered yet."),
}

_CUSTOMERS = text(
    "SELECT (SELECT count(*) FROM customer) AS customers, "  # noqa: S608  # a constant
    f"(SELECT count(*) FROM (SELECT DISTINCT customer_id FROM portfolio WHERE {IN_FORCE}) AS held) AS assigned"
)
_DUTIES = text(
    "SELECT kind, count(*) FILTER (WHERE status = 'open') AS open, count(*) FILTER (WHERE status = 'breached') AS "
    "breached FROM duty WHERE done_on IS NULL GROUP BY kind"
)
_UNDER_WAY = text(
    """
    SELECT (SELECT count(*) FROM tender WHERE status = 'open') AS tenders,
           (SELECT count(*) FROM hand_over WHERE status = 'planned') AS hand_overs,
           (SELECT count(*) FROM proposal WHERE status = 'open') AS proposals,
           (SELECT count(*) FROM complaint WHERE status IN ('received', 'assigned')) AS complaints
    """
)


async def read_customers(connection: AsyncConnection) -> None:
    """How many customers there are, and how many of them are somebody's."""
    customers, assigned = (await connection.execute(_CUSTOMERS, {"day": today()})).one()
    CUSTOMERS.labels("assigned").set(assigned)
    CUSTOMERS.labels("unassigned").set(max(0, customers - assigned))


async def read_duties(connection: AsyncConnection) -> None:
    """What is still to be done, in time or no longer."""
    found = {row.kind: row for row in await connection.execute(_DUTIES)}
    for kind in DutyKind:
        row = found.get(kind)
        DUTIES_OPEN.labels(kind.value).set(row.open if row else 0)
        DUTIES_BREACHED.labels(kind.value).set(row.breached if row else 0)


async def read_under_way(connection: AsyncConnection) -> None:
    """What waits for somebody."""
    for name, number in (await connection.execute(_UNDER_WAY)).one()._mapping.items():
        UNDER_WAY[name].set(number)


READINGS = (
    Reading("customers", read_customers),
    Reading("duties", read_duties),
    Reading("under way", read_under_way),
)
