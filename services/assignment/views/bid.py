"""Table ``bid``: the bids that stand, sealed; shown with their tenders. Written by ``TenderView``.

A bid is opened here and nowhere else: for whoever made it, and for the office once the tender is closed.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.assignment.domain.load import Profile
from services.assignment.domain.standing import Standing
from services.assignment.domain.tender import (
    AwardTender,
    CloseWithoutAward,
    Command,
    Consulted,
    MakeBid,
    OpenTender,
    ProposeAward,
)
from services.assignment.views import manager
from services.assignment.views.claim import claims
from services.assignment.views.customer import tiers_of
from services.assignment.views.policy import policies
from services.assignment.views.portfolio import burdens
from services.assignment.views.proposal import waiting_for
from services.assignment.views.register import contributions
from shared.infrastructure import event_store
from shared.infrastructure.sealed import keys_for, keys_of, seal, unseal
from shared.kernel.money import format_money


@dataclass(frozen=True, slots=True)
class Bid:
    """A bid, opened; the profit in minor units a year."""

    manager_id: str
    committed_profit: int
    plan: str
    bid_at: datetime

    def shown(self) -> dict[str, object]:
        """As those see it who may."""
        return {
            "manager_id": self.manager_id,
            "committed_profit": format_money(self.committed_profit),
            "plan": self.plan,
            "bid_at": self.bid_at,
        }


class SealedBid(NamedTuple):
    """A bid that stands. ``number`` tells which was made earlier; it is sealed until ``closes_at``."""

    manager_id: str
    number: int
    bid_at: datetime
    sealed: str
    closes_at: datetime


async def standing_bids(connection: AsyncConnection, tender_id: str) -> list[SealedBid]:
    """The bids for a tender that stand now."""
    rows = await connection.execute(
        text(
            "SELECT bid.manager_id, number, bid_at, sealed, closes_at FROM bid JOIN tender USING (tender_id) "
            "WHERE tender_id = :tender_id"
        ),
        {"tender_id": tender_id},
    )
    return [SealedBid._make(row) for row in rows]


async def opened_bids(
    connection: AsyncConnection,
    tender_id: str,
    bids: Iterable[SealedBid],
    now: datetime,
    reader: str | None,
) -> list[Bid]:
    """Those of a tender's bids that may be read at a moment, the earlier first: the own one of a ``reader`` at any
    time, those of all for no reader in particular once the tender is closed to bids."""
    found = sorted(
        (one for one in bids if one.manager_id == reader or (reader is None and one.closes_at <= now)),
        key=lambda one: one.number,
    )
    owner = f"tender-{tender_id}"
    keys = await keys_of(connection, [owner]) if found else {}
    opened = []
    for one in found:
        data = unseal(keys[owner], owner, one.sealed)
        opened.append(Bid(one.manager_id, int(data["committed_profit"]), data["plan"], one.bid_at))
    return opened


async def standings_on(
    connection: AsyncConnection, manager_ids: Collection[str], day: date
) -> dict[str, Standing]:
    """What these managers are on a day; absent is who is not with the bank."""
    careers = await manager.careers(connection, manager_ids)
    standings = {manager_id: career.on(day) for manager_id, career in careers.items()}
    return {manager_id: standing for manager_id, standing in standings.items() if standing is not None}


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
                standings=await standings_on(connection, [command.manager_id], command.today),
                sealed=await _sealed(connection, command),
            )
        case ProposeAward() | CloseWithoutAward():
            return await _with_bids(connection, command, consulted)
        case AwardTender():
            customers = list(command.awarded.customer_ids)
            return replace(
                consulted, later=await _later(connection, customers, command.awarded.effective_from)
            )
        case _:
            return consulted


async def _with_bids(
    connection: AsyncConnection, command: ProposeAward | CloseWithoutAward, consulted: Consulted
) -> Consulted:
    """The bids of a tender, if it is closed, with what is to be known of those who made them."""
    standing = await standing_bids(connection, command.tender_id)
    bids = await opened_bids(connection, command.tender_id, standing, consulted.now, None)
    bidders = [bid.manager_id for bid in bids]
    customers = await _customers(connection, command.tender_id)
    carried = await burdens(connection, bidders, [], consulted.policy, command.today)
    day = (await _effective_from(connection, command.tender_id)) or command.today
    return replace(
        consulted,
        tiers=await tiers_of(connection, customers),
        standings=await standings_on(connection, bidders, command.today),
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
