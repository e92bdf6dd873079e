"""Tables ``tender`` and, read in ``bid.py``, ``bid``: tenders = ``GET /v1/tenders``, ``/v1/tenders/{tender_id}``."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import NamedTuple

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
from services.assignment.views.bid import SealedBid, standings_on
from services.assignment.views.policy import policies
from shared.contracts.assignment import TenderAwarded
from shared.infrastructure.database import copy, driver_of
from shared.infrastructure.fold import Fold, put, readers
from shared.kernel.event import StoredEvent
from shared.kernel.money import format_money

_COLUMNS = (
    "tender_id",
    "customer_ids",
    "baseline_profit",
    "closes_at",
    "lowest_grade",
    "lowest_rank",
    "effective_from",
    "opened_by",
    "opened_at",
    "status",
    "ended_at",
    "manager_id",
    "committed_profit",
    "reason",
)


class TenderView:
    """One row a tender, and one a bid that was neither replaced nor withdrawn."""

    tables = ("tender", "bid")
    takes = frozenset(
        {TenderOpened, BidMade, BidWithdrawn, TenderAwarded, TenderClosedWithoutAward, TenderCancelled}
    )

    async def project(self, connection: AsyncConnection, events: Sequence[StoredEvent]) -> None:
        states = (await TENDERS.after(connection, events)).values()
        if not states:
            return
        await put(connection, "tender", [one.tender for one in states], _COLUMNS)
        driver = await driver_of(connection)
        tender_ids = [one.tender.tender_id for one in states]
        await driver.execute("DELETE FROM bid WHERE tender_id = ANY($1)", tender_ids)
        bids = [
            (one.tender.tender_id, bid.manager_id, bid.number, bid.bid_at, bid.sealed)
            for one in states
            for bid in one.bids.values()
        ]
        await copy(connection, "bid", ("tender_id", "manager_id", "number", "bid_at", "sealed"), bids)


@dataclass(frozen=True, slots=True)
class Tender:
    """A tender as it stands: open, closed to bids, awarded, not-awarded or cancelled; amounts in minor units a year."""

    tender_id: str
    status: str
    customer_ids: list[str]
    baseline_profit: int
    closes_at: datetime
    lowest_grade: str
    lowest_rank: int
    effective_from: date | None
    opened_by: str
    opened_at: datetime
    bids: int = 0
    manager_id: str | None = None
    committed_profit: int | None = None
    ended_at: datetime | None = None
    reason: str | None = None

    @property
    def stream(self) -> str:
        return f"tender-{self.tender_id}"

    def at(self, now: datetime) -> "Tender":
        """The same at a moment, from which on it may be closed to bids."""
        closed = self.status == "open" and self.closes_at <= now
        return replace(self, status="closed") if closed else self

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


class Tendering(NamedTuple):
    """A tender, and the bids that stand, by manager."""

    tender: Tender
    bids: Mapping[str, SealedBid]


def _begin(event: StoredEvent) -> Tendering:
    fact = event.fact
    assert isinstance(fact, TenderOpened)  # what the stream of a tender begins with
    tender = Tender(
        tender_id=fact.tender_id,
        status="open",
        customer_ids=list(fact.customer_ids),
        baseline_profit=fact.baseline_profit,
        closes_at=fact.closes_at,
        lowest_grade=fact.lowest_grade.value,
        lowest_rank=fact.lowest_grade.rank,
        effective_from=fact.effective_from,
        opened_by=event.actor,
        opened_at=event.recorded_at,
    )
    return Tendering(tender, {})


def _evolve(state: Tendering, event: StoredEvent) -> Tendering:
    tender, fact = state.tender, event.fact
    match fact:
        case BidMade():
            bid = SealedBid(fact.manager_id, event.version, event.recorded_at, fact.sealed, tender.closes_at)
            return _with_bids(tender, {**state.bids, fact.manager_id: bid})
        case BidWithdrawn():
            return _with_bids(tender, {one: bid for one, bid in state.bids.items() if one != fact.manager_id})
        case TenderAwarded():
            tender = replace(
                tender,
                status="awarded",
                manager_id=fact.manager_id,
                committed_profit=fact.committed_profit,
                effective_from=fact.effective_from,
            )
        case TenderCancelled():
            tender = replace(tender, status="cancelled", reason=fact.reason)
        case _:
            tender = replace(tender, status="not-awarded")
    return Tendering(replace(tender, ended_at=event.recorded_at), state.bids)


def _with_bids(tender: Tender, bids: Mapping[str, SealedBid]) -> Tendering:
    return Tendering(replace(tender, bids=len(bids)), bids)


TENDERS = Fold(
    _begin,
    _evolve,
    readers(TenderOpened, BidMade, BidWithdrawn, TenderAwarded, TenderClosedWithoutAward, TenderCancelled),
)


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


async def find(connection: AsyncConnection, tender_id: str, sight: Sight) -> Tender | None:
    """A tender that is there to be seen."""
    row = (await connection.execute(_FIND, {**_values(sight), "tender_id": tender_id})).first()
    return Tender(**row._mapping) if row else None


async def listed(
    connection: AsyncConnection, sight: Sight, status: str | None, after: str, limit: int
) -> list[Tender]:
    """Tenders that are there to be seen, in the order in which they were opened, beyond a place."""
    values = {**_values(sight), "after": after, "limit": limit, "status": status}
    return [Tender(**row._mapping) for row in await connection.execute(_LISTED, values)]


async def as_of(
    connection: AsyncConnection, day: date, moment: datetime, streams: Collection[str]
) -> dict[str, Tender]:
    """The tenders of these streams as they were on a day, at its last moment."""
    states = await TENDERS.as_of(connection, streams, day)
    return {stream: state.tender.at(moment) for stream, state in states.items()}
