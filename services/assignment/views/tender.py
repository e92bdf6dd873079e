"""Tables ``tender`` and ``bid``: tenders, and the bids that stand = ``GET /v1/tenders``, ``/v1/tenders/{tender_id}``.

A bid is opened here and nowhere else: for whoever made it, and for the office once the tender is closed.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.assignment.domain.bid import objection
from services.assignment.domain.grade import Grade
from services.assignment.domain.load import Profile
from services.assignment.domain.policy import Policy
from services.assignment.domain.standing import Standing
from services.assignment.domain.tender import (
    AwardTender,
    BidMade,
    BidWithdrawn,
    CloseWithoutAward,
    Command,
    Consulted,
    MakeBid,
    OpenTender,
    ProposeAward,
    TenderCancelled,
    TenderClosedWithoutAward,
    TenderOpened,
)
from services.assignment.views import manager
from services.assignment.views.claim import claims
from services.assignment.views.customer import tiers_of
from services.assignment.views.policy import policies
from services.assignment.views.portfolio import burdens
from services.assignment.views.proposal import waiting_for
from services.assignment.views.register import contributions
from shared.contracts.assignment import TenderAwarded
from shared.infrastructure import event_store
from shared.infrastructure.sealed import keys_for, keys_of, seal, unseal
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
            named = {name: getattr(fact, name) for name in ("manager_id", "committed_profit", "effective_from")}
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
class Bid:
    """A bid, opened; the profit in minor units a year. ``number`` tells which was made earlier."""

    manager_id: str
    committed_profit: int
    plan: str
    bid_at: datetime
    number: int

    def shown(self) -> dict[str, object]:
        """As those see it who may."""
        return {
            "manager_id": self.manager_id,
            "committed_profit": format_money(self.committed_profit),
            "plan": self.plan,
            "bid_at": self.bid_at,
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
    standing = (await _standings(connection, [manager_id], today)).get(manager_id)
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


async def opened_bids(
    connection: AsyncConnection, tender_id: str, now: datetime, reader: str | None
) -> list[Bid]:
    """The bids that may be read at a moment, the earlier first: the own one of a ``reader`` at any time, those of all
    for no reader in particular once the tender is closed to bids."""
    rows = await connection.execute(
        text(
            "SELECT manager_id, number, bid_at, sealed FROM bid JOIN tender USING (tender_id) "
            "WHERE tender_id = :tender_id "
            "AND (bid.manager_id = :reader OR cast(:reader AS text) IS NULL AND closes_at <= :now) ORDER BY number"
        ).columns(),
        {"tender_id": tender_id, "now": now, "reader": reader},
    )
    found = rows.all()
    owner = f"tender-{tender_id}"
    keys = await keys_of(connection, [owner]) if found else {}
    bids = []
    for row in found:
        data = unseal(keys[owner], owner, row.sealed)
        bids.append(Bid(row.manager_id, int(data["committed_profit"]), data["plan"], row.bid_at, row.number))
    return bids


# --- what the rules consult -----------------------------------------------------------------------------------


async def consult(connection: AsyncConnection, commands: Sequence[Command]) -> Consulted:
    """What the one command wants to know. ``now`` is read behind all locks, so not before the recorded time."""
    [command] = commands
    policy = (await policies(connection)).in_force(command.today)
    consulted = Consulted(event_store.now(), policy)
    match command:
        case OpenTender():
            await keys_for(connection, [command.stream])
            return replace(
                consulted,
                tiers=await tiers_of(connection, command.customer_ids),
                claims=await claims(connection, command.customer_ids),
                brought=await contributions(connection, command.customer_ids),
            )
        case MakeBid():
            customers = await _customers(connection, command.tender_id)
            return replace(
                consulted,
                tiers=await tiers_of(connection, customers),
                standings=await _standings(connection, [command.manager_id], command.today),
                sealed=await _sealed(connection, command),
            )
        case ProposeAward() | CloseWithoutAward():
            return await _with_bids(connection, command, consulted)
        case AwardTender():
            customers = command.awarded.customer_ids
            return replace(
                consulted, later=await _later(connection, customers, command.awarded.effective_from)
            )
        case _:
            return consulted


async def _with_bids(
    connection: AsyncConnection, command: ProposeAward | CloseWithoutAward, consulted: Consulted
) -> Consulted:
    """The bids of a tender, if it is closed, with what is to be known of those who made them."""
    bids = await opened_bids(connection, command.tender_id, consulted.now, None)
    bidders = [bid.manager_id for bid in bids]
    customers = await _customers(connection, command.tender_id)
    carried = await burdens(connection, bidders, [], consulted.policy, command.today)
    day = (await _effective_from(connection, command.tender_id)) or command.today
    return replace(
        consulted,
        tiers=await tiers_of(connection, customers),
        standings=await _standings(connection, bidders, command.today),
        loads={one: Profile(carried.get(one, ())).on(command.today) for one in bidders},
        commitments={bid.manager_id: bid.committed_profit for bid in bids},
        later=await _later(connection, customers, day),
        waiting=await waiting_for(connection, [command.tender_id]),
    )


async def _sealed(connection: AsyncConnection, command: MakeBid) -> str:
    [key] = (await keys_of(connection, [command.stream])).values()
    bid = {"committed_profit": str(command.committed_profit), "plan": command.plan}
    return seal(key, command.stream, bid)


async def _customers(connection: AsyncConnection, tender_id: str) -> list[str]:
    rows = await connection.execute(
        text("SELECT customer_ids FROM tender WHERE tender_id = :id"), {"id": tender_id}
    )
    return list(rows.scalar_one())


async def _effective_from(connection: AsyncConnection, tender_id: str) -> date | None:
    rows = await connection.execute(
        text("SELECT effective_from FROM tender WHERE tender_id = :id"), {"id": tender_id}
    )
    day: date | None = rows.scalar_one()
    return day


async def _standings(
    connection: AsyncConnection, manager_ids: Collection[str], day: date
) -> dict[str, Standing]:
    careers = await manager.careers(connection, manager_ids)
    standings = {manager_id: career.on(day) for manager_id, career in careers.items()}
    return {manager_id: standing for manager_id, standing in standings.items() if standing is not None}


async def _later(
    connection: AsyncConnection, customer_ids: Collection[str], day: date
) -> frozenset[tuple[str, date]]:
    """The days after a day on which the timelines of these customers go on."""
    rows = await connection.execute(
        text(
            "SELECT customer_id, effective_from FROM assignment "
            "WHERE customer_id = ANY(:ids) AND effective_from > :day"
        ),
        {"ids": list(customer_ids), "day": day},
    )
    return frozenset((row.customer_id, row.effective_from) for row in rows)
