"""Tables ``deposit_sum`` and ``deposit_seen``: what customers paid in and drew a day, and which postings were counted.

What keeps a posting from being counted twice, and lets the watch go on where it was. Its own affair: no URL.
"""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from services.assignment.domain.compliance.large_value import (
    Consulted,
    CustomerDay,
    DepositsWatched,
    Sides,
    WatchDeposits,
    large_value_duty,
)
from services.assignment.views import policy
from shared.infrastructure.database import copy, driver_of
from shared.kernel.event import StoredEvent

_ADD = """
    INSERT INTO deposit_sum AS present (customer_id, business_date, paid_in, drawn)
    SELECT * FROM unnest($1::text[], $2::date[], $3::bigint[], $4::bigint[])
    ON CONFLICT (customer_id, business_date) DO UPDATE
        SET paid_in = present.paid_in + excluded.paid_in, drawn = present.drawn + excluded.drawn
"""


class DepositsView:
    """One row a customer and business day, amounts in minor units; and one a posting."""

    tables = ("deposit_sum", "deposit_seen")
    takes = frozenset({DepositsWatched})

    async def project(self, connection: AsyncConnection, events: Sequence[StoredEvent]) -> None:
        watched = [event.fact for event in events if isinstance(event.fact, DepositsWatched)]
        if not watched:
            return
        sums: dict[CustomerDay, Sides] = {}
        for fact in watched:
            for key, sides in fact.sums.items():
                sums[key] = sums.get(key, Sides()).plus(sides)
        rows = [(*key, *sums[key]) for key in sorted(sums)]
        driver = await driver_of(connection)
        await driver.execute(_ADD, *zip(*rows, strict=True))
        await copy(
            connection, "deposit_seen", ("event_id",), [(one,) for fact in watched for one in fact.event_ids]
        )


_SEEN = "SELECT event_id FROM deposit_seen WHERE event_id = ANY($1::text[])"
_SUMS = """
    SELECT asked.customer_id, asked.business_date, asked.duty_id, coalesce(paid_in, 0), coalesce(drawn, 0),
           duty.duty_id IS NOT NULL
    FROM unnest($1::text[], $2::date[], $3::text[]) AS asked (customer_id, business_date, duty_id)
    LEFT JOIN deposit_sum USING (customer_id, business_date)
    LEFT JOIN duty ON duty.duty_id = asked.duty_id
"""


async def consult(connection: AsyncConnection, commands: Sequence[WatchDeposits]) -> Consulted:
    """The postings known already, the sums so far and the duties raised for what the commands name."""
    deposits = [deposit for command in commands for deposit in command.deposits]
    keys = sorted({(deposit.customer_id, deposit.day) for deposit in deposits})
    asked = [(*key, large_value_duty(key)) for key in keys]
    driver = await driver_of(connection)
    seen = await driver.fetch(_SEEN, [deposit.event_id for deposit in deposits])
    rows = await driver.fetch(_SUMS, *zip(*asked, strict=True))
    return Consulted(
        frozenset(event_id for (event_id,) in seen),
        {(row[0], row[1]): Sides(row[3], row[4]) for row in rows},
        frozenset(row[2] for row in rows if row[5]),
        await policy.policies(connection),
    )
