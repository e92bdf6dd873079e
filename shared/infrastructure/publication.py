"""From a row of the event store to the message that tells it to the others."""

from collections.abc import Callable, Mapping
from datetime import date
from functools import lru_cache

import orjson

from shared.contracts.envelope import CloudEvent
from shared.infrastructure.event_log import LARGEST_MESSAGE_BYTES, Message, MessageTooLarge, check_size
from shared.infrastructure.event_store import EventRow
from shared.kernel.errors import Refusal
from shared.kernel.event import StoredEvent

Publication = Callable[[EventRow], tuple[str, Message]]
"""From a row of the event table to the topic and message that tell it to the others."""

_SURELY_FITS = LARGEST_MESSAGE_BYTES // 5
"""Characters of data: up to four bytes each, and headers beside them."""


def size_check(publications: Mapping[str, Publication]) -> Callable[[StoredEvent], None]:
    """A check that raises Refusal for an event that the log would not take: once stored, it would stop the relay."""

    def check(event: StoredEvent) -> None:
        if len(event.data) <= _SURELY_FITS or event.type not in publications:
            return
        topic, message = publications[event.type](EventRow._make(event[:-1]))
        try:
            check_size(topic, [message])
        except MessageTooLarge as error:
            raise Refusal(
                "event-fits-the-log", "data", f"{event.type} would be too large to publish: {error}"
            ) from None

    return check


@lru_cache(maxsize=1024)
def _text(moment: date) -> str:
    """A day or moment in ISO form. The events of a batch share one moment, and their days are few."""
    return moment.isoformat()


def publish_as(
    topic: str,
    source: str,
    row: EventRow,
    *,
    partition: int | None = None,
    data: bytes | None = None,
    extensions: Mapping[str, str] | None = None,
) -> tuple[str, Message]:
    """The stored data, or ``data`` in its place, as a CloudEvent keyed by the stream's aggregate."""
    key = row.stream.partition("-")[2].partition("#")[0]
    attributes = {"businessdate": _text(row.business_date), **(extensions or {})}
    if "traceparent" in row.metadata:
        attributes["traceparent"] = orjson.loads(row.metadata)["traceparent"]
    event = CloudEvent(
        id=row.event_id,
        type=row.type,
        source=source,
        data=row.data.encode() if data is None else data,
        time=_text(row.recorded_at),
        subject=key,
        extensions=attributes,
    )
    return topic, Message(key.encode(), event.data, event.headers(), partition)
