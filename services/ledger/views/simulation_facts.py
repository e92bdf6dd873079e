"""What a simulation is computed from: the closed months as they are known now.

All of it is read in one snapshot, which the caller has begun. Queries cost as much as the period has.
"""

from datetime import date

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ledger.domain.closing import ProductWeights
from services.ledger.domain.simulation import DepartmentProduct, MonthFacts, Proposal
from services.ledger.domain.simulation_of_loans import LoanStep
from services.ledger.views.closing_figures import figures_of, weights
from services.ledger.views.period import pools
from shared.contracts.ledger import Driver
from shared.infrastructure.database import driver_of
from shared.kernel.books import Line, LoanClass
from shared.kernel.money import parse_money
from shared.kernel.period import LAST_YEAR, Period, parse_month

_EVER = LAST_YEAR * 100 + 12


async def month_facts(connection: AsyncConnection, month: int, proposal: Proposal) -> MonthFacts:
    """A month with all that was booked for it later, and the weights that its pools need on either side."""
    drivers = {
        driver
        for pool in await pools(connection, month)
        for driver in (pool.driver, proposal.drivers.get(pool.pool, pool.driver))
    }
    products = {*proposal.products, *(proposal.policy.ftp or {})}
    revenue: ProductWeights = {}
    activity: ProductWeights = {}
    if Driver.REVENUE in drivers:
        revenue = await weights(connection, Driver.REVENUE, month)
    if Driver.ENTRIES in drivers:
        activity = await weights(connection, Driver.ENTRIES, month)
    figures = await figures_of(connection, month, month, (), products, late_through=_EVER)
    return MonthFacts(figures, revenue, activity)


_OF_PRODUCTS = """
    SELECT department_id, product_code, line::text,
           coalesce(sum(amount) FILTER (WHERE period >= $2), 0)::bigint, sum(amount)::bigint
    FROM centre_month
    WHERE book = 'department' AND NOT contra AND product_code = ANY($1) AND period <= $3
      AND (period >= $2 OR line IN ('deposit_balance', 'loan_balance'))
    GROUP BY department_id, product_code, line
"""


async def department_products(
    connection: AsyncConnection, period: Period, proposal: Proposal
) -> list[DepartmentProduct]:
    """What the department book has of the products that are to change department."""
    driver = await driver_of(connection)
    rows = await driver.fetch(_OF_PRODUCTS, sorted(proposal.products), period.first, period.last)
    return [
        DepartmentProduct(department, product, Line(line), movement, stock)
        for department, product, line, movement, stock in rows
    ]


# Every loan event between the period's first and last entry of a shard, those of other months among them: what a
# loan holds runs through all of them. An entry tells the class after it; before a reclassification it is the one
# that the customer's last entry on the loan told.
_STEPS = """
    WITH span AS (
        SELECT shard, min(first_position) AS first, max(last_position) AS last
        FROM month WHERE period BETWEEN $1 AND $2 GROUP BY shard
    )
    SELECT entry.cause ->> 'type', event.business_date, entry.period, entry.customer_id, entry.loan ->> 'loan_id',
           entry.product_code, entry.department_id, entry.lines::text, entry.loan::text,
           CASE WHEN entry.cause ->> 'type' = 'LoanReclassified' THEN (
               SELECT earlier.data::json #>> '{loan,loan_class}' FROM event AS earlier
               WHERE earlier.stream = event.stream AND earlier.version < event.version
                 AND earlier.type = 'EntryBooked'
                 AND earlier.data::json #>> '{loan,loan_id}' = entry.loan ->> 'loan_id'
               ORDER BY earlier.version DESC LIMIT 1
           ) END
    FROM span JOIN event ON event.shard = span.shard AND event.position BETWEEN span.first AND span.last,
         json_to_record(event.data::json) AS entry(
             cause json, period text, customer_id text, product_code text, department_id text, lines json, loan json)
    WHERE event.type = 'EntryBooked' AND entry.loan ->> 'loan_id' IS NOT NULL
    ORDER BY event.shard, event.position
"""


async def loan_steps(connection: AsyncConnection, period: Period) -> list[LoanStep]:
    """The loan events of a period, and those of other months that came between them, in booking order."""
    driver = await driver_of(connection)
    return [_step(*row) for row in await driver.fetch(_STEPS, period.first, period.last)]


def _step(kind: str, day: date, month: str, *rest: str) -> LoanStep:
    customer_id, loan_id, product_code, department_id, lines, loan, class_before = rest
    stands = orjson.loads(loan)
    return LoanStep(
        kind,
        day,
        parse_month(month),
        customer_id,
        loan_id,
        product_code,
        department_id,
        {line: parse_money(amount) for line, amount in orjson.loads(lines).items()},
        parse_money(stands["outstanding"]),
        parse_money(stands["held"]),
        LoanClass(stands["loan_class"]),
        LoanClass(class_before) if class_before else None,
    )
