"""Cycles as their events tell them, written past the steps that lead to them."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal

from services.appraisal.domain.card import Inputs, Scored
from services.appraisal.domain.cycle_event import (
    CardAppealDecided,
    CardAppealed,
    CardFrozen,
    CardScored,
    CycleApproved,
    CycleClosed,
    CycleFrozen,
    CycleKind,
    CycleOpened,
    CyclePublished,
    CycleScored,
)
from shared.contracts.appraisal import Rating
from shared.contracts.ledger import ComputedFrom
from shared.infrastructure import event_store
from shared.infrastructure.command_handler import Batch
from shared.infrastructure.event_log import PARTITIONS
from shared.infrastructure.event_store import Appender
from shared.kernel.books import Book, Line
from shared.kernel.event import Fact, Origin
from tests.support.services import ServiceUnderTest

DAY = date(2026, 11, 24)


async def write(service: ServiceUnderTest, facts: Sequence[Fact]) -> None:
    """Put facts into the store and the views, as the command handler does with what was decided."""
    async with service.database.begin() as connection:
        heads = await event_store.lock(connection, range(PARTITIONS))
        known = await event_store.versions(connection, {fact.stream for fact in facts})
        appender = Appender(heads, known, event_store.now())
        for fact in facts:
            appender.add(event_store.new_id(), fact, Origin("test", "test"))
        await appender.write(connection)
        stored = Batch(appender.events)
        for view in service.service.definition.all_views:
            await view.project(connection, stored.taken_by(view))


def cycle(
    period: str,
    totals: Mapping[str, str],
    *,
    kind: CycleKind = CycleKind.REGULAR,
    appealed: Mapping[str, Rating] | None = None,
    grade: str = "manager-2",
    until: str = "closed",
) -> list[Fact]:
    """A cycle with these totals by manager, rated by the usual thresholds, up to a step: scored, published, closed."""
    cycle_id = period + ("-promotion" if kind is CycleKind.PROMOTION else "")
    of = {"cycle_id": cycle_id, "business_date": DAY}
    facts: list[Fact] = [
        CycleOpened(**of, period=period, kind=kind, calibration_limit=Decimal(5), opened_by="ann"),
        CycleFrozen.model_construct(
            **of,
            computed_from=ComputedFrom(positions={0: 1}, hash="00"),
            efficiency=dict.fromkeys(Book, 0),
            ledger_efficiency=0,
            cards=len(totals),
        ),
        *(CardFrozen(**of, inputs=_inputs(manager_id, grade)) for manager_id in totals),
        *(
            CardScored(**of, side=Book.MANAGER, centre_id=manager_id, scored=_scored(Decimal(total)))
            for manager_id, total in totals.items()
        ),
        CycleScored(**of, scored_by="ann", cards=len(totals)),
    ]
    if until != "scored":
        facts += [CycleApproved(**of, approved_by="bob"), CyclePublished(**of)]
    for manager_id, rating in (appealed or {}).items():
        card = {**of, "side": Book.MANAGER, "centre_id": manager_id}
        facts += [
            CardAppealed(**card, grounds="unfair", appealed_by=manager_id),
            CardAppealDecided(**card, rating=rating, reason="heard", decided_by="cem"),
        ]
    return [*facts, CycleClosed(**of)] if until == "closed" else facts


def _inputs(manager_id: str, grade: str) -> Inputs:
    return Inputs.model_construct(
        side=Book.MANAGER,
        centre_id=manager_id,
        group=grade,
        scheme_id=None,
        scheme_version=None,
        lines=dict.fromkeys(Line, 0),
        actuals={},
        targets={},
        vetoes=(),
        addenda=(),
    )


def _scored(total: Decimal) -> Scored:
    rating = next(
        (rating for rating, least in zip(Rating, (90, 75, 60), strict=False) if total >= least), Rating.D
    )
    return Scored(indicators=(), computed=total, total=total, rating=rating)
