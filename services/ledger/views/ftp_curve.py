"""Table ``ftp_curve``: what money of a tenor costs inside the bank from a date on = ``GET /v1/ftp-curves``."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ledger.domain.ftp_curve import Curves, FtpCurveSet
from shared.infrastructure.database import driver_of
from shared.kernel.event import StoredEvent


class FtpCurveView:
    """The latest word for each curve and effective date."""

    tables = ("ftp_curve",)
    takes = frozenset({FtpCurveSet})

    async def project(self, connection: AsyncConnection, events: Sequence[StoredEvent]) -> None:
        for event in events:
            if type(event.fact) is FtpCurveSet:
                rates = {tenor: str(rate) for tenor, rate in event.fact.rates.items()}
                await connection.execute(
                    text(
                        "INSERT INTO ftp_curve (name, effective_from, rates) VALUES (:name, :day, :rates) "
                        "ON CONFLICT (name, effective_from) DO UPDATE SET rates = excluded.rates"
                    ),
                    {
                        "name": event.fact.name,
                        "day": event.fact.effective_from,
                        "rates": orjson.dumps(rates).decode(),
                    },
                )


async def curves(connection: AsyncConnection) -> Curves:
    """All curves, as the rules want them."""
    driver = await driver_of(connection)
    rows = await driver.fetch("SELECT name, effective_from, rates::text FROM ftp_curve")
    return Curves.of(
        [
            (name, day, {tenor: Decimal(rate) for tenor, rate in orjson.loads(rates).items()})
            for name, day, rates in rows
        ]
    )


async def listed(connection: AsyncConnection, after: tuple[str, date], limit: int) -> list[dict[str, Any]]:
    """Curves in order of name and effective date, beyond a place."""
    rows = await connection.execute(
        text(
            "SELECT name, effective_from, rates::text AS rates FROM ftp_curve "
            "WHERE (name, effective_from) > (:name, :day) ORDER BY name, effective_from LIMIT :limit"
        ),
        {"name": after[0], "day": after[1], "limit": limit},
    )
    return [
        {"name": row.name, "effective_from": row.effective_from, "rates": orjson.loads(row.rates)}
        for row in rows
    ]
