"""A message of each event as it was once written: it must be readable for ever.

The files here are never changed. An event that gets a new shape gets another file beside the old one
(``<Event>.<what>.json``).
"""

from pathlib import Path

import orjson
import pytest

from shared.contracts.asyncapi import TOPICS
from shared.contracts.types import parse

GOLDEN = sorted((Path(__file__).parent / "golden").glob("*.json"))
EVENTS = {name: event for topic in TOPICS for name, event in topic.events.items()}


def test_every_event_has_a_golden_message() -> None:
    assert {path.name.partition(".")[0] for path in GOLDEN} == set(EVENTS)


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_a_message_of_the_past_is_read_and_none_of_its_fields_is_lost(path: Path) -> None:
    written = orjson.loads(path.read_bytes())
    event = parse(EVENTS[path.name.partition(".")[0]], path.read_bytes())
    assert set(written) <= set(type(event).model_fields)
    again = parse(type(event), event.to_json())
    assert again == event
    assert set(written) <= set(orjson.loads(event.to_json()))
