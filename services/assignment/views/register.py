"""Tables ``customer_result``, ``customer_loan`` and ``closed_month``: the register = ``GET
/v1/customers/{customer_id}/register``, ``/v1/register``."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.assignment.domain.month import last_month_ended
from services.assignment.domain.register import (
    Command,
    Consulted,
    LoanClassNoted,
    LoanState,
    TakeLoan,
    Trend,
    contribution,
    trend,
)
from services.assignment.views.portfolio import IN_FORCE
from shared.contracts.ledger import CustomerResultStated, PeriodClosed
from shared.infrastructure.database import copy, driver_of
from shared.kernel.books import Line, LoanClass
from shared.kernel.event import StoredEvent
from shared.kernel.money import format_money
from shared.kernel.period import LAST_YEAR, format_month, parse_month

_RESULT = ("customer_id", "month", "deposits", "loans", "contribution", "products")
_LOANS = """
    INSERT INTO customer_loan (customer_id, loan_id, loan_class, closed, since, ledger_position)
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::boolean[], $5::date[], $6::bigint[])
    ON CONFLICT (customer_id, loan_id) DO UPDATE
        SET loan_class = excluded.loan_class, closed = excluded.closed, since = excluded.since,
            ledger_position = excluded.ledger_position
"""
CLASSES = [one.value for one in LoanClass]
MONTHS_OF_YEAR = 12


class RegisterView:
    """One row a customer and closed month, one a loan, one a closed month."""

    tables = ("customer_result", "customer_loan", "closed_month")
    takes = frozenset({CustomerResultStated, LoanClassNoted, PeriodClosed})

    async def project(self, connection: AsyncConnection, events: Sequence[StoredEvent]) -> None:
        results = [_result(event.fact) for event in events if isinstance(event.fact, CustomerResultStated)]
        if results:
            await copy(connection, "customer_result", _RESULT, results)
        loans = {
            (event.fact.customer_id, event.fact.loan_id): event.fact
            for event in events
            if isinstance(event.fact, LoanClassNoted)
        }
        driver = await driver_of(connection)
        if loans:
            rows = [
                (*key, one.loan_class.value, one.closed, one.business_date, one.ledger_position)
                for key, one in sorted(loans.items())
            ]
            await driver.execute(_LOANS, *zip(*rows, strict=True))
        closed = [
            (parse_month(event.fact.period),) for event in events if isinstance(event.fact, PeriodClosed)
        ]
        if closed:
            await copy(connection, "closed_month", ("month",), closed)


def _result(stated: CustomerResultStated) -> tuple[object, ...]:
    return (
        stated.customer_id,
        parse_month(stated.period),
        stated.stocks[Line.DEPOSIT_BALANCE],
        stated.stocks[Line.LOAN_BALANCE],
        contribution(stated.lines),
        list(stated.products),
    )


async def consult(connection: AsyncConnection, commands: Sequence[Command]) -> Consulted:
    """The loans that the batch speaks of."""
    named = sorted({(one.customer_id, one.loan.loan_id) for one in commands if isinstance(one, TakeLoan)})
    if not named:
        return Consulted()
    driver = await driver_of(connection)
    rows = await driver.fetch(
        "SELECT customer_id, loan_id, loan_class, closed, ledger_position FROM customer_loan "
        "JOIN unnest($1::text[], $2::text[]) AS named (customer_id, loan_id) USING (customer_id, loan_id)",
        *zip(*named, strict=True),
    )
    return Consulted(
        {
            (customer, loan): LoanState(LoanClass(name), closed, position)
            for customer, loan, name, closed, position in rows
        }
    )


@dataclass(frozen=True, slots=True)
class Entry:
    """A customer in the register: the latest stocks, the worst class of its open loans, and what it brought in the
    last twelve closed months; amounts in minor units."""

    customer_id: str
    tier: str
    loan_class: str | None
    deposits: int
    loans: int
    deposits_before: int
    loans_before: int
    contribution: int

    def shown(self) -> dict[str, object]:
        """As callers see it."""
        return {
            "customer_id": self.customer_id,
            "tier": self.tier,
            "loan_class": self.loan_class,
            "deposits": format_money(self.deposits),
            "loans": format_money(self.loans),
            "deposit_trend": self.deposit_trend,
            "loan_trend": trend(self.loans_before, self.loans),
            "contribution": format_money(self.contribution),
        }

    @property
    def deposit_trend(self) -> Trend:
        return trend(self.deposits_before, self.deposits)


# The stocks of months without a result stand as stated last; a year before, or the earliest month since.
_ENTRIES = f"""
    WITH year AS (
        SELECT coalesce(min(month), 0) AS first FROM (
            SELECT month FROM closed_month WHERE month <= :through ORDER BY month DESC LIMIT {MONTHS_OF_YEAR}
        ) AS latest
    ), chosen AS (
        SELECT customer_id, tier FROM customer
        WHERE customer_id > :after
          AND (cast(:only AS text[]) IS NULL OR customer_id = ANY(:only))
          AND (cast(:manager_id AS text) IS NULL OR EXISTS (
              SELECT FROM portfolio WHERE portfolio.customer_id = customer.customer_id
                AND manager_id = :manager_id AND {IN_FORCE}
          ))
        ORDER BY customer_id LIMIT :limit
    )
    SELECT customer_id, tier,
           (SELECT (array_agg(loan_class ORDER BY array_position(cast(:classes AS text[]), loan_class) DESC))[1]
            FROM customer_loan WHERE customer_loan.customer_id = chosen.customer_id AND NOT closed) AS loan_class,
           coalesce(latest.deposits, 0) AS deposits, coalesce(latest.loans, 0) AS loans,
           coalesce(before.deposits, earliest.deposits, 0) AS deposits_before,
           coalesce(before.loans, earliest.loans, 0) AS loans_before,
           coalesce(brought.contribution, 0)::bigint AS contribution
    FROM chosen
    LEFT JOIN LATERAL (
        SELECT deposits, loans FROM customer_result AS one
        WHERE one.customer_id = chosen.customer_id AND month <= :through ORDER BY month DESC LIMIT 1
    ) AS latest ON true
    LEFT JOIN LATERAL (
        SELECT deposits, loans FROM customer_result AS one, year
        WHERE one.customer_id = chosen.customer_id AND month <= year.first ORDER BY month DESC LIMIT 1
    ) AS before ON true
    LEFT JOIN LATERAL (
        SELECT deposits, loans FROM customer_result AS one
        WHERE one.customer_id = chosen.customer_id AND month <= :through ORDER BY month LIMIT 1
    ) AS earliest ON true
    LEFT JOIN LATERAL (
        SELECT sum(contribution) AS contribution FROM customer_result AS one, year
        WHERE one.customer_id = chosen.customer_id AND month BETWEEN year.first AND :through
    ) AS brought ON true
    ORDER BY customer_id
"""  # noqa: S608  # constants


async def entries(
    connection: AsyncConnection,
    *,
    day: date,
    after: str = "",
    limit: int = 1,
    only: Collection[str] | None = None,
    manager_id: str | None = None,
    as_of: date | None = None,
) -> list[Entry]:
    """Customers in the register in order of id beyond a place: all, those named, or those of a manager on a day.

    ``as_of`` a day, the figures are those of the months that had ended by then; see ``register_past`` for the rest.
    """
    rows = await connection.execute(
        text(_ENTRIES),
        {
            "after": after,
            "limit": limit,
            "only": None if only is None else list(only),
            "manager_id": manager_id,
            "classes": CLASSES,
            "through": _through(as_of),
            "day": day,
        },
    )
    return [Entry(**row._mapping) for row in rows]


def _through(day: date | None) -> int:
    """The last month whose figures count as of a day; the last of all where no day is given."""
    return LAST_YEAR * 100 + MONTHS_OF_YEAR if day is None else last_month_ended(day)


async def months(
    connection: AsyncConnection, customer_id: str, limit: int, as_of: date | None = None
) -> list[dict[str, object]]:
    """What a customer's latest months were, of those that had ended by a day; newest first."""
    rows = await connection.execute(
        text(
            "SELECT month, deposits, loans, contribution, products FROM customer_result "
            "WHERE customer_id = :customer_id AND month <= :through ORDER BY month DESC LIMIT :limit"
        ),
        {"customer_id": customer_id, "limit": limit, "through": _through(as_of)},
    )
    return [
        {
            "period": format_month(row.month),
            "deposits": format_money(row.deposits),
            "loans": format_money(row.loans),
            "contribution": format_money(row.contribution),
            "products": row.products,
        }
        for row in rows
    ]


async def loans(connection: AsyncConnection, customer_id: str) -> list[dict[str, object]]:
    """The loans of a customer by id, each with its class and since when."""
    rows = await connection.execute(
        text(
            "SELECT loan_id, loan_class, closed, since FROM customer_loan "
            "WHERE customer_id = :customer_id ORDER BY loan_id"
        ),
        {"customer_id": customer_id},
    )
    return [dict(row._mapping) for row in rows]


async def contributions(
    connection: AsyncConnection, customer_ids: Collection[str] | None = None
) -> Mapping[str, int]:
    """What these customers, or all, brought in the last twelve closed months, in minor units; absent: nothing."""
    driver = await driver_of(connection)
    rows = await driver.fetch(
        """
        SELECT customer_id, sum(contribution)::bigint FROM customer_result
        WHERE ($1::text[] IS NULL OR customer_id = ANY($1)) AND month >= (
            SELECT min(month) FROM (SELECT month FROM closed_month ORDER BY month DESC LIMIT $2) AS latest
        )
        GROUP BY customer_id
        """,
        None if customer_ids is None else list(customer_ids),
        MONTHS_OF_YEAR,
    )
    return dict(rows)


async def tiers_with_contributions(
    connection: AsyncConnection,
) -> list[tuple[str, str, int]]:
    """Every customer on record with its tier and what it brought in the last twelve closed months; none as long as
    no month is closed, when nothing can be said of anybody."""
    closed = await connection.execute(text("SELECT EXISTS (SELECT FROM closed_month)"))
    if not closed.scalar_one():
        return []
    brought = await contributions(connection)
    rows = await connection.execute(text("SELECT customer_id, tier FROM customer ORDER BY customer_id"))
    return [(row.customer_id, row.tier, brought.get(row.customer_id, 0)) for row in rows]
