"""Tables ``assignment`` and ``portfolio``: who looks after whom, seen from the customers and from the managers.

``GET /v1/customers/{customer_id}/assignments`` and, in ``portfolio.py``, ``GET /v1/managers/{manager_id}/portfolio``.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import orjson
from pydantic import TypeAdapter
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.assignment.domain.timeline import Timeline
from shared.contracts.assignment import CustomerAssigned, ManagerShare
from shared.infrastructure.database import copy, driver_of
from shared.kernel.event import StoredEvent

_PUT = """
    INSERT INTO assignment (customer_id, effective_from, shares, reason, recorded_at, actor)
    SELECT * FROM unnest($1::text[], $2::date[], $3::json[], $4::text[], $5::timestamptz[], $6::text[])
    ON CONFLICT (customer_id, effective_from) DO UPDATE
        SET shares = excluded.shares, reason = excluded.reason,
            recorded_at = excluded.recorded_at, actor = excluded.actor
"""
_REPLACED = """
    DELETE FROM portfolio USING unnest($1::text[], $2::date[]) AS assigned (customer_id, effective_from)
    WHERE portfolio.customer_id = assigned.customer_id AND portfolio.effective_from = assigned.effective_from
"""
# What held until then ends where the new entry begins.
_ENDED = """
    UPDATE portfolio SET effective_to = following.day
    FROM (
        SELECT customer_id, effective_from,
               lead(effective_from) OVER (PARTITION BY customer_id ORDER BY effective_from) AS day
        FROM assignment WHERE customer_id = ANY($1)
    ) AS following
    WHERE portfolio.customer_id = following.customer_id
      AND portfolio.effective_from = following.effective_from
      AND portfolio.effective_to IS DISTINCT FROM following.day
"""
_ASSIGNMENT = ("customer_id", "effective_from", "shares", "reason", "recorded_at", "actor")
_PORTFOLIO = ("customer_id", "effective_from", "manager_id", "share")
_SHARES = TypeAdapter(tuple[ManagerShare, ...])


class AssignmentView:
    """One row a customer and effective date in ``assignment``, and one for each manager in ``portfolio``; of a
    batch, the last word for each."""

    tables = ("assignment", "portfolio")
    takes = frozenset({CustomerAssigned})

    async def project(self, connection: AsyncConnection, events: Sequence[StoredEvent]) -> None:
        latest = {
            (event.fact.customer_id, event.fact.effective_from): Entry.of(event)
            for event in events
            if isinstance(event.fact, CustomerAssigned)
        }
        if not latest:
            return
        entries = sorted(latest.items(), key=lambda item: item[0])
        # The first word on a customer replaces nothing and ends nothing, so it is just appended.
        first: list[tuple[object, ...]] = []
        further: list[tuple[object, ...]] = []
        several = await _with_several(connection, [customer_id for (customer_id, _), _ in entries])
        for (customer_id, day), entry in entries:
            row = (customer_id, day, entry.shares_json(), entry.reason, entry.recorded_at, entry.actor)
            (further if customer_id in several else first).append(row)
        driver = await driver_of(connection)
        await copy(connection, "assignment", _ASSIGNMENT, first)
        if further:
            await driver.execute(_PUT, *zip(*further, strict=True))
            await driver.execute(_REPLACED, [row[0] for row in further], [row[1] for row in further])
        held = [
            (customer_id, day, share.manager_id, share.share)
            for (customer_id, day), entry in entries
            for share in entry.shares
        ]
        await copy(connection, "portfolio", _PORTFOLIO, held)
        if further:
            await driver.execute(_ENDED, sorted(several))


async def _with_several(connection: AsyncConnection, customer_ids: Sequence[str]) -> set[str]:
    """Those of these customers who are there already, or more than once among these."""
    driver = await driver_of(connection)
    rows = await driver.fetch(
        "SELECT DISTINCT customer_id FROM assignment WHERE customer_id = ANY($1)", customer_ids
    )
    named = Counter(customer_ids)
    return {row[0] for row in rows} | {one for one, times in named.items() if times > 1}


@dataclass(frozen=True, slots=True)
class Entry:
    """An assignment as it was recorded."""

    effective_from: date
    shares: tuple[ManagerShare, ...]
    reason: str
    recorded_at: datetime
    actor: str

    @classmethod
    def of(cls, event: StoredEvent) -> "Entry":
        """From a CustomerAssigned in the store."""
        assigned = event.fact
        assert isinstance(assigned, CustomerAssigned)  # the callers know
        return cls(assigned.effective_from, assigned.shares, assigned.reason, event.recorded_at, event.actor)

    def shares_json(self) -> str:
        """The shares as the contract has them."""
        return _SHARES.dump_json(self.shares).decode()

    def shown(self, effective_to: date | None) -> dict[str, object]:
        """As callers see it; ``effective_to`` is the first day on which it no longer holds."""
        return {
            "effective_from": self.effective_from,
            "effective_to": effective_to,
            "shares": orjson.Fragment(self.shares_json()),
            "reason": self.reason,
            "recorded_at": self.recorded_at,
            "actor": self.actor,
        }


async def timeline(connection: AsyncConnection, customer_id: str) -> Timeline[Entry]:
    """Who looks after a customer since when; no entries for one that was never assigned."""
    rows = await connection.execute(
        text(
            "SELECT effective_from, shares::text AS shares, reason, recorded_at, actor FROM assignment "
            "WHERE customer_id = :id ORDER BY effective_from"
        ),
        {"id": customer_id},
    )
    return Timeline(
        tuple(
            Entry(
                row.effective_from, _SHARES.validate_json(row.shares), row.reason, row.recorded_at, row.actor
            )
            for row in rows
        )
    )


async def timelines(
    connection: AsyncConnection, customer_ids: Collection[str]
) -> Mapping[str, Timeline[CustomerAssigned]]:
    """The timelines of these customers as the rules want them; absent are those never assigned."""
    driver = await driver_of(connection)
    rows = await driver.fetch(
        "SELECT customer_id, effective_from, shares::text, reason FROM assignment "
        "WHERE customer_id = ANY($1) ORDER BY customer_id, effective_from",
        list(customer_ids),
    )
    entries: dict[str, list[CustomerAssigned]] = {}
    for customer_id, day, shares, reason in rows:
        assigned = CustomerAssigned.model_construct(
            customer_id=customer_id,
            shares=_SHARES.validate_json(shares),
            effective_from=day,
            reason=reason,
        )
        entries.setdefault(customer_id, []).append(assigned)
    return {customer_id: Timeline(tuple(own)) for customer_id, own in entries.items()}
