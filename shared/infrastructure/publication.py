"""From a row of the event store to the message that tells it to the others."""

from collections.abc import Mapping
from typing import Any

import orjson

from shared.contracts.envelope import CloudEvent
from shared.infrastructure.event_log import Message


def publish_as(
    topic: str,
    source: str,
    row: Mapping[str, Any],
    *,
    partition: int | None = None,
    data: bytes | None = None,
    extensions: Mapping[str, str] | None = None,
) -> tuple[str, Message]:
    """The stored data, or ``data`` in its place, as a CloudEvent keyed by the stream's aggregate."""
    key = row["stream"].partition("-")[2].partition("#")[0]
    attributes = {"businessdate": row["business_date"].isoformat(), **(extensions or {})}
    if "traceparent" in row["metadata"]:
        attributes["traceparent"] = orjson.loads(row["metadata"])["traceparent"]
    event = CloudEvent(
        id=row["event_id"],
        type=row["type"],
        source=source,
        data=row["data"].encode() if data is None else data,
        time=row["recorded_at"].isoformat(),
        subject=key,
        extensions=attributes,
    )
    return topic, Message(key.encode(), event.data, event.headers(), partition)
