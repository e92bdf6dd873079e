"""Tables ``tender`` and, read in ``bid.py``, ``bid``: tenders = ``GET /v1/tenders``, ``/v1/tenders/{tender_id}``."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.assignment.domain.bid import objection
from services.assignment.domain.grade import Grade
from services.assignment.domain.tender import (
    BidMade,
    BidWithdrawn,
    TenderCancelled,
    TenderClosedWithoutAward,
    TenderOpened,
)
from services.assignment.views.bid import standings_on
from services.assignment.views.policy import policies
from shared.contracts.assignment import TenderAwarded
from shared.kernel.event import Fact, StoredEvent
from shared.kernel.money import format_money

_OPEN = text(
    "INSERT INTO tender (tender_id, customer_ids, baseline_profit, closes_at, lowest_grade, lowest_rank, "
    "effective_from, opened_by, opened_at, status) VALUES (:tender_id, :customer_ids, :baseline_profit, :closes_at, "
    ":lowest_grade, :lowest_rank, :effective_from, :opened_by, :opened_at, 'open')"
)
_BID = text(
    "INSERT INTO bid (tender_id, manager_id, number, bid_at, sealed) "
    "VALUES (:tender_id, :manager_id, :number, :bid_at, :sealed) ON CONFLICT (tender_id, manager_id) "
    "DO UPDATE SET number = excluded.number, bid_at = excluded.bid_at, sealed = excluded.sealed"
)
_WITHDRAW = text("DELETE FROM bid WHERE tender_id = :tender_id AND manager_id = :manager_id")
_END = text(
    "UPDATE tender SET status = :status, ended_at = :ended_at, manager_id = :manager_id, reason = :reason, "
    "committed_profit = :committed_profit, effective_from = coalesce(:effective_from, effective_from) "
    "WHERE tender_id = :tender_id"
)


class TenderView:
    """One row a tender, and one a bid that was neither replaced nor withdrawn."""

    tables = ("tender", "bid")

    async def project(self, connection: AsyncConnection, events: Sequence[StoredEvent]) -> None:
        for event in events:
            match event.fact:
                case TenderOpened() as fact:
                    values = fact.model_dump(exclude={"baseline_profit", "business_date"})
                    values["baseline_profit"] = fact.baseline_profit  # in minor units
                    values |= {"customer_ids": list(fact.customer_ids), "lowest_rank": fact.lowest_grade.rank}
                    values |= {"opened_by": event.actor, "opened_at": event.recorded_at}
                    await connection.execute(_OPEN, values)
                case BidMade() as fact:
                    values = fact.model_dump(exclude={"business_date"})
                    values |= {"number": event.version, "bid_at": event.recorded_at}
                    await connection.execute(_BID, values)
                case BidWithdrawn() as fact:
                    values = {"tender_id": fact.tender_id, "manager_id": fact.manager_id}
                    await connection.execute(_WITHDRAW, values)
                case TenderAwarded() | TenderClosedWithoutAward() | TenderCancelled() as fact:
                    values = {"tender_id": fact.tender_id, "ended_at": event.recorded_at, **_ending(fact)}
                    await connection.execute(_END, values)


def _ending(fact: Fact) -> dict[str, object]:
    """What the end of a tender changes of it."""
    nothing = dict.fromkeys(("manager_id", "committed_profit", "effective_from", "reason"))
    match fact:
        case TenderAwarded():
            named = {
                name: getattr(fact, name) for name in ("manager_id", "committed_profit", "effective_from")
            }
            return {**nothing, **named, "status": "awarded"}
        case TenderCancelled():
            return {**nothing, "status": "cancelled", "reason": fact.reason}
        case _:
            return {**nothing, "status": "not-awarded"}


@dataclass(frozen=True, slots=True)
class Tender:
    """A tender as it stands: open, closed to bids, awarded, not-awarded or cancelled; amounts in minor units a year."""

    tender_id: str
    status: str
    customer_ids: list[str]
    baseline_profit: int
    closes_at: datetime
    lowest_grade: str
    effective_from: date | None
    opened_by: str
    opened_at: datetime
    bids: int
    manager_id: str | None
    committed_profit: int | None
    ended_at: datetime | None
    reason: str | None

    @property
    def stream(self) -> str:
        return f"tender-{self.tender_id}"

    def shown(self, *, figures: bool) -> dict[str, object]:
        """As callers see it; what the winner committed to with ``figures`` only."""
        winner = None
        if self.manager_id is not None and self.committed_profit is not None:
            committed = format_money(self.committed_profit) if figures else None
            winner = {"manager_id": self.manager_id, "committed_profit": committed}
        return {
            "tender_id": self.tender_id,
            "status": self.status,
            "customer_ids": self.customer_ids,
            "baseline_profit": format_money(self.baseline_profit),
            "closes_at": self.closes_at,
            "lowest_grade": self.lowest_grade,
            "effective_from": self.effective_from,
            "opened_by": self.opened_by,
            "opened_at": self.opened_at,
            "bids": self.bids,
            "winner": winner,
            "ended_at": self.ended_at,
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True)
class Sight:
    """What a caller sees at a moment: everything, or, as a ``manager_id``, tenders with a bid of their own, and those
    that run and ask for no more than the grade of this ``rank``, with no customer of a tier that is ``barred``."""

    now: datetime
    manager_id: str | None = None
    rank: int = -1
    barred: Collection[str] = ()


async def sight_of(connection: AsyncConnection, manager_id: str, now: datetime, today: date) -> Sight:
    """What a manager sees of tenders: those that they may bid in, and those that they have bid in."""
    policy = (await policies(connection)).in_force(today)
    standing = (await standings_on(connection, [manager_id], today)).get(manager_id)
    if standing is None or objection(standing, Grade.TRAINEE, frozenset(), policy) is not None:
        return Sight(now, manager_id)
    barred = [tier for tier in policy.tiers if not policy.may_lead(standing.grade, tier)]
    return Sight(now, manager_id, standing.grade.rank, barred)


_TENDERS = """
    SELECT * FROM (
        SELECT tender_id, CASE WHEN status = 'open' AND closes_at <= :now THEN 'closed' ELSE status END AS status,
               customer_ids, baseline_profit, closes_at, lowest_grade, effective_from, opened_by, opened_at,
               (SELECT count(*) FROM bid WHERE bid.tender_id = tender.tender_id) AS bids,
               manager_id, committed_profit, ended_at, reason, lowest_rank
        FROM tender
    ) AS tender
    WHERE (
        cast(:manager_id AS text) IS NULL
        OR EXISTS (SELECT FROM bid WHERE bid.tender_id = tender.tender_id AND bid.manager_id = :manager_id)
        OR status = 'open' AND lowest_rank <= :rank AND NOT EXISTS (
            SELECT FROM customer WHERE customer_id = ANY(tender.customer_ids) AND tier = ANY(:barred)
        )
    )
"""
_FIND = text(_TENDERS + " AND tender_id = :tender_id")
_LISTED = text(
    _TENDERS + " AND tender_id > :after AND (cast(:status AS text) IS NULL OR status = :status) "
    "ORDER BY tender_id LIMIT :limit"
)


def _values(sight: Sight) -> dict[str, object]:
    return {
        "now": sight.now,
        "manager_id": sight.manager_id,
        "rank": sight.rank,
        "barred": list(sight.barred),
    }


def _tender(row: Mapping[str, object]) -> Tender:
    return Tender(**{name: value for name, value in row.items() if name != "lowest_rank"})  # type: ignore[arg-type]


async def find(connection: AsyncConnection, tender_id: str, sight: Sight) -> Tender | None:
    """A tender that is there to be seen."""
    row = (await connection.execute(_FIND, {**_values(sight), "tender_id": tender_id})).first()
    return _tender(dict(row._mapping)) if row else None


async def listed(
    connection: AsyncConnection, sight: Sight, after: str, limit: int, status: str | None
) -> list[Tender]:
    """Tenders that are there to be seen, in the order in which they were opened, beyond a place."""
    values = {**_values(sight), "after": after, "limit": limit, "status": status}
    return [_tender(dict(row._mapping)) for row in await connection.execute(_LISTED, values)]
