"""The actual figures (实际值) that indicators go by = ``GET /v1/sources/{side}/{centre_id}``.

No table of its own: set-based questions to the others, put together by the definitions of ``domain/source.py``.
"""

from datetime import date, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.appraisal.domain import source
from services.appraisal.domain.source import Customers, Figures, VetoFact
from services.appraisal.views import conduct, holding, loan, staff, stated
from services.appraisal.views.conduct import days_of
from shared.infrastructure.database import driver_of
from shared.kernel.books import RESERVED_CENTRES, Book, Line, measures
from shared.kernel.period import Period

Lines = dict[Line, int]

_LINES = """
    SELECT centre_id, line::text, sum(amount)::bigint FROM result
    WHERE period BETWEEN $1 AND $2 AND book = $3::text::book_name AND ($4::text IS NULL OR centre_id = $4)
    GROUP BY centre_id, line
"""
_EVER = """
    SELECT 1 FROM result WHERE book = cast(:book AS book_name) AND centre_id = :centre_id
    UNION ALL
    SELECT 1 FROM stated WHERE book = cast(:book AS book_name) AND centre_id = :centre_id
    LIMIT 1
"""


async def actuals(
    connection: AsyncConnection, side: Book, period: Period, only: str | None = None
) -> dict[str, Figures]:
    """By centre and source the actual figures of a period, as known now; of all centres, or of that one.

    There are figures of every manager who was with the bank in the period, and of every centre with results or
    stocks; the special centres, for which nobody answers, have none. Months that are not closed yet count with what
    is known of them, but have no averages.
    """
    lines = await _lines(connection, side, period, only)
    averages, months = await stated.averages(connection, side, period, only)
    stocks = await stated.stocks(connection, side, period, only)
    managers: set[str] = set()
    if side is Book.MANAGER:
        first, last = days_of(period)
        found = await _of_managers(connection, period, lines, only)
        managers = {*found, *await staff.present(connection, first, last, only)}
    else:
        found = await _of_departments(connection, period, {*lines, *averages, *stocks}, only)
    for centre_id in sorted({*lines, *averages, *stocks, *found, *managers} - RESERVED_CENTRES):
        own = source.results(lines.get(centre_id, {}))
        if centre_id in averages:
            own |= source.averages(averages[centre_id], months)
        if centre_id in stocks:
            own |= source.stocks(stocks[centre_id])
        if side is Book.MANAGER and centre_id not in found:
            found[centre_id] = source.customers(Customers()) | source.conduct({})
        found[centre_id] = own | found.get(centre_id, {})
    return found


async def _lines(
    connection: AsyncConnection, side: Book, period: Period, only: str | None
) -> dict[str, Lines]:
    await connection.execute(text("SELECT"))  # the driver is used directly; this opens the transaction
    driver = await driver_of(connection)
    lines: dict[str, Lines] = {}
    for centre_id, line, amount in await driver.fetch(_LINES, period.first, period.last, side.value, only):
        lines.setdefault(centre_id, {})[Line(line)] = amount
    return lines


async def _of_managers(
    connection: AsyncConnection, period: Period, lines: dict[str, Lines], only: str | None
) -> dict[str, Figures]:
    """What only managers have, of those of whom there is anything to tell."""
    first, last = days_of(period)
    customers = await holding.customers(connection, first - timedelta(days=1), last, only)
    loans = await loan.outstanding(connection, last, only)
    counts = await conduct.counts(connection, period, only)
    commitments = await conduct.commitments(connection, first, last, only)
    found: dict[str, Figures] = {}
    for manager_id in {*customers, *loans, *counts, *commitments}:
        profit = measures(lines.get(manager_id, {}))["virtual_profit"]
        found[manager_id] = {
            **source.customers(customers.get(manager_id, Customers())),
            **source.conduct(counts.get(manager_id, {})),
            **(source.bad_loan_ratio(*loans[manager_id]) if manager_id in loans else {}),
            **source.commitment_met(profit, commitments.get(manager_id, ()), period),
        }
    return found


async def _of_departments(
    connection: AsyncConnection, period: Period, known: set[str], only: str | None
) -> dict[str, Figures]:
    """What departments have beside the ledger's figures: of those with any, and of those known by results or stocks."""
    _, last = days_of(period)
    loans = await loan.outstanding_of_departments(connection, last, only)
    counts = await conduct.counts_of_departments(connection, period, only)
    return {
        department_id: {
            **source.department_conduct(counts.get(department_id, {})),
            **(source.bad_loan_ratio(*loans[department_id]) if department_id in loans else {}),
        }
        for department_id in {*known, *loans, *counts} - RESERVED_CENTRES
    }


async def vetoes(
    connection: AsyncConnection, period: Period, only: str | None = None, by: date | None = None
) -> dict[str, list[VetoFact]]:
    """What caps the rating of each manager, or of that one, in a period: of vetoed managers, by id and day.

    ``by`` is the last day that has come, of a period that is not over yet.
    """
    first, last = days_of(period)
    last = last if by is None else min(last, by)
    found: dict[str, list[VetoFact]] = {}
    for manager_id, breaches in (await conduct.breaches(connection, first, last, only)).items():
        facts = [fact for breach in breaches for fact in source.vetoes_of(breach, first, last)]
        if facts:
            found[manager_id] = sorted(facts, key=lambda fact: (fact.business_date, fact.event_id))
    return found


async def is_known(connection: AsyncConnection, side: Book, centre_id: str) -> bool:
    """Whether there ever was such a centre: one with results, or a manager on record."""
    if centre_id in RESERVED_CENTRES:
        return False
    rows = await connection.execute(text(_EVER), {"book": side.value, "centre_id": centre_id})
    return rows.first() is not None or (side is Book.MANAGER and await staff.is_known(connection, centre_id))
