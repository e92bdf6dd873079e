"""Which events a view is shown: those of the kinds it takes, and it takes every kind that its module tells apart."""

import ast
import inspect
import sys
from collections.abc import Collection, Iterator
from datetime import UTC, date, datetime

import pytest

from services.appraisal.main import define as appraisal
from services.assignment.main import define as assignment
from services.ledger.main import define as ledger
from services.ledger.settings import Settings
from shared.infrastructure.command_handler import Batch, View
from shared.infrastructure.dead_letters import READERS, MessageDismissed, MessageReplayed
from shared.kernel.event import Fact, StoredEvent

SERVICES = [define(Settings()) for define in (assignment, ledger, appraisal)]
VIEWS = {
    f"{service.name}: {type(view).__name__}": (view, {*service.readers, *READERS})
    for service in SERVICES
    for view in service.all_views
}
LETTER = MessageReplayed(dead_letter_id="d1", shard_key="c1", business_date=date(2026, 11, 29))
DISMISSAL = MessageDismissed(
    dead_letter_id="d2", shard_key="c1", reason="sent in error", business_date=date(2026, 11, 29)
)


class Shown:
    """A view of no tables."""

    tables = ()

    def __init__(self, takes: Collection[type] | None) -> None:
        self.takes = takes

    async def project(self, *_: object) -> None:
        """Nothing is written."""


def stored(*facts: Fact) -> list[StoredEvent]:
    now = datetime.now(UTC)
    return [
        StoredEvent(0, place, fact.stream, place, f"e{place}", type(fact).__name__, "{}", fact.business_date,
                    now, "test", "test", "{}", b"", fact)
        for place, fact in enumerate(facts, 1)
    ]  # fmt: skip


class Richer(MessageReplayed):
    """The same kind of event, as a service that knows more of it has it."""


Richer.__name__ = MessageReplayed.__name__


@pytest.mark.parametrize(
    ("takes", "shown"),
    [
        (None, [1, 2, 3]),
        ({MessageReplayed}, [1, 3]),
        ({MessageDismissed}, [2]),
        ({MessageReplayed, MessageDismissed}, [1, 2, 3]),
        ({Fact}, []),
    ],
)
def test_a_view_is_shown_the_events_of_the_kinds_it_takes_in_their_order(
    takes: Collection[type] | None, shown: list[int]
) -> None:
    first, second, third = stored(LETTER, DISMISSAL, Richer(**dict(LETTER)))
    batch = Batch([first._replace(type="OfAnOldShape"), second, third])
    assert [event.position for event in batch.taken_by(Shown(takes))] == shown


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_takes_every_kind_of_event_that_its_module_tells_apart_and_the_service_can_read_them(
    name: str,
) -> None:
    view, known = VIEWS[name]
    if view.takes is None:
        return
    taken = {kind.__name__ for kind in view.takes}
    assert taken
    assert taken <= known
    assert set(told_apart(view)) & known <= taken


def told_apart(view: View) -> Iterator[str]:
    """The classes by which a view's module distinguishes: in ``isinstance``, ``match`` and ``type(…) is``."""
    for node in ast.walk(ast.parse(inspect.getsource(sys.modules[type(view).__module__]))):
        match node:
            case ast.MatchClass(cls=ast.Name(id=kind)):
                yield kind
            case ast.Call(func=ast.Name(id="isinstance"), args=[_, kinds]):
                yield from (part.id for part in ast.walk(kinds) if isinstance(part, ast.Name))
            case ast.Compare(ops=[ast.Is() | ast.IsNot()], comparators=[ast.Name(id=kind)]):
                yield kind
