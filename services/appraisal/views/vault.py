"""Tables ``award``, ``instalment`` and ``clawback``: what managers were awarded and what became of it = ``GET
/v1/vaults/{manager_id}``."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.appraisal.domain.vault_event import ClaimSettled
from shared.contracts.appraisal import AwardClawedBack, AwardGranted, AwardReleased, InstalmentPaid
from shared.infrastructure.database import copy, driver_of
from shared.kernel.event import StoredEvent
from shared.kernel.money import format_money
from shared.kernel.period import Period

_AWARD = (
    "award_id",
    "cycle_id",
    "manager_id",
    "first_month",
    "last_month",
    "granted_on",
    "amount",
    "immediate",
    "content",
)
_PARTS = """
    UPDATE instalment SET paid = instalment.paid + one.paid, cancelled = instalment.cancelled + one.cancelled,
                          paid_on = coalesce(one.paid_on, instalment.paid_on)
    FROM unnest($1::text[], $2::date[], $3::bigint[], $4::bigint[], $5::date[])
         AS one (award_id, due_on, paid, cancelled, paid_on)
    WHERE (instalment.award_id, instalment.due_on) = (one.award_id, one.due_on)
"""
_CLAIMS = """
    UPDATE award SET claimed = award.claimed + one.claimed, settled = award.settled + one.settled
    FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS one (award_id, claimed, settled)
    WHERE award.award_id = one.award_id
"""


class VaultView:
    """One row an award, one an instalment of it, and one each time something of it is clawed back or released.

    What several events do to one row is added up before it is written.
    """

    tables = ("award", "instalment", "clawback")
    takes = frozenset({AwardGranted, InstalmentPaid, AwardClawedBack, AwardReleased, ClaimSettled})

    async def project(self, connection: AsyncConnection, events: Sequence[StoredEvent]) -> None:
        granted = [(event.fact, event.data) for event in events if isinstance(event.fact, AwardGranted)]
        if granted:
            await copy(connection, "award", _AWARD, [_award(fact, data) for fact, data in granted])
            parts = [
                (fact.award_id, one.due_on, one.amount) for fact, _ in granted for one in fact.instalments
            ]
            await copy(connection, "instalment", ("award_id", "due_on", "amount"), parts)
        changes = _Changes()
        for event in events:
            changes.add(event)
        driver = await driver_of(connection)
        if changes.clawbacks:
            columns = ("clawback_id", "manager_id", "award_id", "released", "content")
            await copy(connection, "clawback", columns, changes.clawbacks)
        if changes.parts:
            parts_of = [(*key, *values) for key, values in sorted(changes.parts.items())]
            await driver.execute(_PARTS, *zip(*parts_of, strict=True))
        if changes.claims:
            claims = [(key, *values) for key, values in sorted(changes.claims.items())]
            await driver.execute(_CLAIMS, *zip(*claims, strict=True))


def _award(fact: AwardGranted, data: str) -> tuple[object, ...]:
    period = Period.parse(fact.period)
    return (
        fact.award_id,
        fact.cycle_id,
        fact.manager_id,
        period.first,
        period.last,
        fact.business_date,
        fact.amount,
        fact.immediate,
        data,
    )


class _Changes:
    """What events add to instalments (paid, cancelled, when paid) and to claims (claimed, settled)."""

    def __init__(self) -> None:
        self.parts: dict[tuple[str, date], tuple[int, int, date | None]] = {}
        self.claims: dict[str, tuple[int, int]] = {}
        self.clawbacks: list[tuple[object, ...]] = []

    def add(self, event: StoredEvent) -> None:
        """Take in an event, in order."""
        match event.fact:
            case InstalmentPaid() as fact:
                self._part(fact.award_id, fact.due_on, fact.amount, 0, fact.business_date)
            case AwardClawedBack() | AwardReleased() as fact:
                released = isinstance(fact, AwardReleased)
                sign = -1 if released else 1
                for one in fact.instalments:
                    self._part(fact.award_id, one.due_on, 0, sign * one.amount, None)
                self._claim(fact.award_id, sign * fact.claim, 0)
                row = fact.clawback_id, fact.manager_id, fact.award_id, released, event.data
                self.clawbacks.append(row)
            case ClaimSettled() as fact:
                self._claim(fact.award_id, 0, fact.amount)

    def _part(self, award_id: str, due_on: date, paid: int, cancelled: int, paid_on: date | None) -> None:
        before = self.parts.get((award_id, due_on), (0, 0, None))
        self.parts[award_id, due_on] = before[0] + paid, before[1] + cancelled, paid_on or before[2]

    def _claim(self, award_id: str, claimed: int, settled: int) -> None:
        before = self.claims.get(award_id, (0, 0))
        self.claims[award_id] = before[0] + claimed, before[1] + settled


async def due(connection: AsyncConnection, day: date, after: str, limit: int) -> list[str]:
    """Managers with something open that is due by a day, in order of id beyond a place."""
    rows = await connection.execute(
        text(
            "SELECT DISTINCT manager_id FROM instalment JOIN award USING (award_id) "
            "WHERE paid + cancelled < instalment.amount AND due_on <= :day AND manager_id > :after "
            "ORDER BY manager_id LIMIT :limit"
        ),
        {"day": day, "after": after, "limit": limit},
    )
    return list(rows.scalars())


@dataclass(frozen=True, slots=True)
class Part:
    """An instalment of an award, in minor units."""

    award_id: str
    due_on: date
    amount: int
    paid: int
    cancelled: int
    paid_on: date | None

    @property
    def open(self) -> int:
        """What is neither paid nor cancelled."""
        return self.amount - self.paid - self.cancelled

    def shown(self) -> dict[str, object]:
        """The wire form."""
        figures = {
            name: format_money(getattr(self, name)) for name in ("amount", "paid", "cancelled", "open")
        }
        return {"due_on": self.due_on, **figures, "paid_on": self.paid_on}


@dataclass(frozen=True, slots=True)
class Vault:
    """A manager's awards in the order in which they were granted, with their instalments, claims and clawbacks."""

    awards: Sequence[dict[str, object]]
    balance: int
    claimed: int

    def shown(self) -> dict[str, object]:
        """The wire form; ``balance`` is what is still open of all instalments, ``claim`` what is to be paid back."""
        sums = {"balance": format_money(self.balance), "claim": format_money(self.claimed)}
        return {**sums, "awards": self.awards}


async def find(connection: AsyncConnection, manager_id: str) -> Vault | None:
    """A manager's vault; None where nothing was ever awarded."""
    values = {"id": manager_id}
    awards = (
        await connection.execute(
            text(
                "SELECT award_id, claimed, settled, content::text AS content FROM award "
                "WHERE manager_id = :id ORDER BY granted_on, award_id"
            ),
            values,
        )
    ).all()
    if not awards:
        return None
    found = await connection.execute(
        text(
            "SELECT award_id, due_on, instalment.amount, paid, cancelled, paid_on FROM instalment "
            "JOIN award USING (award_id) WHERE manager_id = :id ORDER BY due_on"
        ),
        values,
    )
    parts: dict[str, list[Part]] = {}
    for row in found:
        parts.setdefault(row.award_id, []).append(Part(**row._mapping))
    clawbacks: dict[str, list[dict[str, object]]] = {}
    for award_id, one in await _clawbacks(connection, manager_id):
        clawbacks.setdefault(award_id, []).append(one)
    shown = [
        {
            **orjson.loads(award.content),
            "instalments": [part.shown() for part in parts.get(award.award_id, ())],
            "claimed": format_money(award.claimed),
            "settled": format_money(award.settled),
            "clawbacks": clawbacks.get(award.award_id, []),
        }
        for award in awards
    ]
    balance = sum(part.open for of_award in parts.values() for part in of_award)
    return Vault(shown, balance, sum(award.claimed - award.settled for award in awards))


async def _clawbacks(connection: AsyncConnection, manager_id: str) -> list[tuple[str, dict[str, object]]]:
    """Clawbacks and releases of a manager by award, in the order of the days of their loans' changes."""
    rows = await connection.execute(
        text("SELECT award_id, released, content::text AS content FROM clawback WHERE manager_id = :id"),
        {"id": manager_id},
    )
    found = [
        (row.award_id, {"kind": "release" if row.released else "clawback", **orjson.loads(row.content)})
        for row in rows
    ]
    return sorted(found, key=lambda one: (one[1]["business_date"], one[1]["clawback_id"]))


async def clawback(
    connection: AsyncConnection, manager_id: str, clawback_id: str
) -> tuple[AwardGranted, AwardClawedBack | AwardReleased] | None:
    """A clawback or release of a manager, and the award that it concerns."""
    rows = await connection.execute(
        text(
            "SELECT released, clawback.content::text AS content, award.content::text AS award "
            "FROM clawback JOIN award USING (award_id) "
            "WHERE clawback_id = :clawback_id AND clawback.manager_id = :manager_id"
        ),
        {"clawback_id": clawback_id, "manager_id": manager_id},
    )
    row = rows.first()
    if row is None:
        return None
    kind = AwardReleased if row.released else AwardClawedBack
    return AwardGranted.model_validate_json(row.award), kind.model_validate_json(row.content)
