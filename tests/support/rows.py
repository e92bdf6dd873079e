"""Rows of the event store, for what reads them without a database."""

from datetime import UTC, datetime

from shared.infrastructure.event_store import EventRow
from shared.kernel.event import Fact


def row_of(fact: Fact, event_id: str = "e1") -> EventRow:
    """The row of a fact that was stored first in its stream."""
    return EventRow(
        shard=0,
        position=1,
        stream=fact.stream,
        version=1,
        event_id=event_id,
        type=type(fact).__name__,
        data=fact.to_json().decode(),
        business_date=fact.business_date,
        recorded_at=datetime(2026, 1, 15, tzinfo=UTC),
        cause="m1",
        actor="tester",
        metadata="{}",
        hash=b"",
    )
