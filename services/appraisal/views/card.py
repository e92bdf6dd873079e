"""Tables ``card`` and ``appeal``: the scorecards of cycles = ``GET /v1/cycles/{cycle_id}/cards``."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.appraisal.domain.card import Inputs, ManualScore, Scored
from services.appraisal.domain.cycle import CardKey, CardState
from services.appraisal.domain.cycle_event import (
    CardAppealDecided,
    CardAppealed,
    CardCalibrated,
    CardFrozen,
    CardScored,
    CyclePublished,
    ScoredByHand,
)
from services.appraisal.domain.indicator import MANUAL, lines_of
from services.appraisal.domain.scheme import Schemes
from shared.contracts.appraisal import Rating
from shared.infrastructure.database import copy, driver_of
from shared.kernel.books import Book
from shared.kernel.event import StoredEvent
from shared.kernel.money import format_money

_FROZEN = ("cycle_id", "side", "centre_id", "group_id", "scheme_id", "scheme_version", "efficiency", "inputs")
_SCORED = """
    UPDATE card SET scored = one.scored, total = one.total, rating = one.rating
    FROM unnest($1::text[], $2::text[], $3::text[], $4::json[], $5::numeric[], $6::text[])
         AS one (cycle_id, side, centre_id, scored, total, rating)
    WHERE (card.cycle_id, card.side, card.centre_id) = (one.cycle_id, one.side, one.centre_id)
"""
_BY_HAND = text(
    "UPDATE card SET manual = "
    "(manual::jsonb || jsonb_build_object(cast(:source AS text), cast(:score AS jsonb)))::json "
    "WHERE (cycle_id, side, centre_id) = (:cycle_id, :side, :centre_id)"
)
_PUBLISHED = text("UPDATE card SET published = true WHERE cycle_id = :cycle_id")
_APPEALED = text(
    "INSERT INTO appeal (cycle_id, side, centre_id, grounds, appealed_by, status) "
    "VALUES (:cycle_id, :side, :centre_id, :grounds, :appealed_by, 'open')"
)
_DECIDED = text(
    "UPDATE appeal SET status = :status, rating = :rating, reason = :reason, decided_by = :decided_by "
    "WHERE (cycle_id, side, centre_id) = (:cycle_id, :side, :centre_id)"
)


class CardView:
    """One row a scorecard, and one an appeal against it."""

    tables = ("card", "appeal")
    takes = frozenset(
        {
            CardFrozen,
            CardScored,
            CardCalibrated,
            ScoredByHand,
            CyclePublished,
            CardAppealed,
            CardAppealDecided,
        }
    )

    async def project(self, connection: AsyncConnection, events: Sequence[StoredEvent]) -> None:
        facts = [event.fact for event in events]
        frozen = [_frozen(fact) for fact in facts if isinstance(fact, CardFrozen)]
        if frozen:
            await copy(connection, "card", _FROZEN, frozen)
        latest = {
            (fact.cycle_id, fact.side.value, fact.centre_id): fact.scored
            for fact in facts
            if isinstance(fact, CardScored | CardCalibrated)
        }
        if latest:
            rows = [
                (*key, one.model_dump_json(), one.total, one.rating.value)
                for key, one in sorted(latest.items())
            ]
            driver = await driver_of(connection)
            await driver.execute(_SCORED, *zip(*rows, strict=True))
        for fact in facts:
            await _one(connection, fact)


def _frozen(fact: CardFrozen) -> tuple[object, ...]:
    inputs = fact.inputs
    return (
        fact.cycle_id,
        inputs.side.value,
        inputs.centre_id,
        inputs.group,
        inputs.scheme_id,
        inputs.scheme_version,
        inputs.efficiency,
        inputs.model_dump_json(),
    )


async def _one(connection: AsyncConnection, fact: object) -> None:
    """What changes a single row."""
    match fact:
        case ScoredByHand():
            score = fact.score.model_dump_json()
            await connection.execute(_BY_HAND, {**_key(fact), "source": fact.score.source, "score": score})
        case CyclePublished():
            await connection.execute(_PUBLISHED, {"cycle_id": fact.cycle_id})
        case CardAppealed():
            said = {"grounds": fact.grounds, "appealed_by": fact.appealed_by}
            await connection.execute(_APPEALED, {**_key(fact), **said})
        case CardAppealDecided():
            decided = {
                "status": "rejected" if fact.rating is None else "upheld",
                "rating": None if fact.rating is None else fact.rating.value,
                "reason": fact.reason,
                "decided_by": fact.decided_by,
            }
            await connection.execute(_DECIDED, {**_key(fact), **decided})


def _key(fact: ScoredByHand | CardAppealed | CardAppealDecided) -> dict[str, Any]:
    return {"cycle_id": fact.cycle_id, "side": fact.side.value, "centre_id": fact.centre_id}


@dataclass(frozen=True, slots=True)
class Final:
    """What of a scorecard counts for pay and grade: a rating that an appeal changed is the new one."""

    side: Book
    centre_id: str
    group: str | None
    efficiency: int
    total: Decimal | None
    rating: Rating | None


async def finals(connection: AsyncConnection, cycle_id: str) -> list[Final]:
    """All scorecards of a cycle, in order of side and centre."""
    rows = await connection.execute(
        text(
            "SELECT side, centre_id, group_id, efficiency, total, coalesce(appeal.rating, card.rating) AS rating "
            "FROM card LEFT JOIN appeal USING (cycle_id, side, centre_id) WHERE cycle_id = :cycle_id "
            "ORDER BY side, centre_id"
        ),
        {"cycle_id": cycle_id},
    )
    return [
        Final(
            Book(row.side),
            row.centre_id,
            row.group_id,
            row.efficiency,
            row.total,
            None if row.rating is None else Rating(row.rating),
        )
        for row in rows
    ]


async def states(
    connection: AsyncConnection, cycle_id: str, schemes: Schemes, only: Collection[CardKey] | None = None
) -> dict[CardKey, CardState]:
    """The scorecards of a cycle as the rules look at them: all, or those named."""
    driver = await driver_of(connection)
    named = None if only is None else [f"{side.value}/{centre_id}" for side, centre_id in only]
    rows = await driver.fetch(
        "SELECT side, centre_id, scheme_id, scheme_version, inputs::text, manual::text, scored::text FROM card "
        "WHERE cycle_id = $1 AND ($2::text[] IS NULL OR side || '/' || centre_id = ANY($2))",
        cycle_id,
        named,
    )
    return {
        (Book(side), centre_id): CardState(
            Inputs.model_validate_json(inputs),
            schemes.version(scheme_id, version).terms if scheme_id is not None else None,
            {name: ManualScore.model_validate(one) for name, one in orjson.loads(manual).items()},
            None if scored is None else Scored.model_validate_json(scored),
        )
        for side, centre_id, scheme_id, version, inputs, manual, scored in rows
    }


_SELECT = """
    SELECT side, centre_id, group_id, scheme_id, scheme_version, efficiency, total, rating, published,
           inputs::text AS inputs, manual::text AS manual, scored::text AS scored
    FROM card WHERE cycle_id = :cycle_id
"""


@dataclass(frozen=True, slots=True)
class Card:
    """A scorecard as it stands."""

    side: str
    centre_id: str
    group_id: str | None
    scheme_id: str | None
    scheme_version: int | None
    efficiency: int
    total: Decimal | None
    rating: str | None
    published: bool
    inputs: str
    manual: str
    scored: str | None

    def summary(self) -> dict[str, object]:
        """As lists show it."""
        return {
            "side": self.side,
            "centre_id": self.centre_id,
            "group": self.group_id,
            "efficiency": format_money(self.efficiency),
            "total": None if self.total is None else f"{self.total:f}",
            "rating": self.rating,
        }

    def shown(self, cycle_id: str, period: str) -> bytes:
        """The whole scorecard. Once published these bytes are the same for ever: nothing of it can change any more."""
        return orjson.dumps(
            {
                "cycle_id": cycle_id,
                "period": period,
                **self.summary(),
                "scheme": {"scheme_id": self.scheme_id, "version": self.scheme_version},
                "inputs": orjson.Fragment(self.inputs),
                "manual": orjson.Fragment(self.manual),
                "scored": None if self.scored is None else orjson.Fragment(self.scored),
                "links": links(self.side, self.centre_id, period, self._sources()),
            }
        )

    def _sources(self) -> dict[str, str]:
        """By indicator its source."""
        scored = orjson.loads(self.scored) if self.scored is not None else {"indicators": ()}
        return {one["code"]: one["source"] for one in scored["indicators"]}


def links(side: str, centre_id: str, period: str, sources: Mapping[str, str]) -> dict[str, object]:
    """Where the ledger explains the figures of a scorecard: the statement, all legs, and by indicator the legs of every
    line that it is made of; for other figures, where they are shown. What people score is explained by themselves."""
    centre = f"/v1/books/{side}/centres/{centre_id}"
    legs = f"{centre}/legs?period={period}"
    figures = f"/v1/sources/{side}/{centre_id}?period={period}"
    return {
        "legs": legs,
        "statement": f"{centre}/statement?period={period}",
        "indicators": {
            code: [f"{legs}&line={line}" for line in lines_of(source)] or [figures]
            for code, source in sources.items()
            if not source.startswith(MANUAL)
        },
    }


async def find(connection: AsyncConnection, cycle_id: str, side: Book, centre_id: str) -> Card | None:
    """One scorecard of a cycle."""
    rows = await connection.execute(
        text(_SELECT + " AND side = :side AND centre_id = :centre_id"),
        {"cycle_id": cycle_id, "side": side.value, "centre_id": centre_id},
    )
    row = rows.first()
    return Card(**row._mapping) if row else None


async def listed(
    connection: AsyncConnection, cycle_id: str, after: tuple[str, str], limit: int
) -> list[Card]:
    """The scorecards of a cycle in order of side and centre beyond a place."""
    rows = await connection.execute(
        text(_SELECT + " AND (side, centre_id) > (:side, :centre_id) ORDER BY side, centre_id LIMIT :limit"),
        {"cycle_id": cycle_id, "side": after[0], "centre_id": after[1], "limit": limit},
    )
    return [Card(**row._mapping) for row in rows]


async def appeals(connection: AsyncConnection, cycle_id: str) -> Sequence[Mapping[str, object]]:
    """The appeals of a cycle, in order of side and centre."""
    rows = await connection.execute(
        text(
            "SELECT side, centre_id, grounds, appealed_by, status, rating, reason, decided_by FROM appeal "
            "WHERE cycle_id = :cycle_id ORDER BY side, centre_id"
        ),
        {"cycle_id": cycle_id},
    )
    return [dict(row._mapping) for row in rows]
