"""The command handler: read once for the whole system.

A batch of commands is one transaction: lock the shards, drop what is known already, load the states, decide and
evolve each in order, append the events, project the views. An HTTP request is a batch of one; five hundred
messages of the log are a batch of five hundred and cost hardly more statements. Nobody else writes events.
"""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from time import perf_counter
from typing import Any, NamedTuple, Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.infrastructure import event_store, tracing
from shared.infrastructure.database import when_committed
from shared.infrastructure.event_log import PARTITIONS
from shared.infrastructure.event_store import Appender, Head, shard_of_stream
from shared.infrastructure.meters import HandlerMeter
from shared.kernel.decider import Decider
from shared.kernel.errors import Refusal, StaleVersion
from shared.kernel.event import Fact, Origin, StoredEvent

AnyDecider = Decider[Any, Any, Any]


class View(Protocol):
    """A read model: tables that are a function of the events, written in the events' own transaction."""

    @property
    def tables(self) -> Sequence[str]:
        """The tables it owns; replay rebuilds them."""

    @property
    def takes(self) -> Collection[type] | None:
        """The kinds of event, as they are read today, that it is made from; it is shown no others. None: all."""

    async def project(self, connection: AsyncConnection, events: Sequence[StoredEvent]) -> None:
        """Take in events, each shard's in order. Must not depend on anything but the events and its own tables."""


class Batch:
    """The events that were stored together, each shard's in order, ready to be shown to one view after the other."""

    def __init__(self, events: Sequence[StoredEvent]) -> None:
        self.events = events
        self._kinds = {_kind(event) for event in events}

    def taken_by(self, view: View) -> Sequence[StoredEvent]:
        """The events of the kinds that a view takes, in order."""
        if view.takes is None:
            return self.events
        taken = {kind.__name__ for kind in view.takes}
        if self._kinds <= taken:
            return self.events
        if self._kinds.isdisjoint(taken):
            return ()
        return [event for event in self.events if _kind(event) in taken]


def _kind(event: StoredEvent) -> str:
    """The name of the fact's class: what was stored in an old shape is read as a fact of today, and a service may have
    a class of its own for an event of a contract."""
    return type(event.fact).__name__


Loader = Callable[[AsyncConnection, Sequence[Any]], Awaitable[dict[str, Any]]]
"""From the commands of a batch: the states, by stream, of the aggregates that exist."""

Sameness = Callable[[Any, str], bool]
"""Whether a command says what the stored data of an event with its message id says."""

Consultation = Callable[[AsyncConnection, Sequence[Any]], Awaitable[Any]]
"""From the commands of a batch: what their decider may consult."""


Following = Callable[[Any, Fact], Any]
"""From what was consulted, and a fact since: what is to be consulted from now on. Pure."""


async def _nothing(_: AsyncConnection, __: Sequence[Any]) -> Any:
    return None


async def stateless(_: AsyncConnection, __: Sequence[Any]) -> dict[str, Any]:
    """The loader of a decider that looks at no state."""
    return {}


@dataclass(frozen=True)
class Aggregate:
    """A decider with the way to load what it needs.

    ``same`` compares a message that came again under a known id with what was stored for the first. The commands of
    a batch are decided on one look at the database; there are three ways to see what those before have done:
    ``follow`` brings what was consulted up to date with every fact of the batch; a decider that is ``alone`` has
    its commands looked up, decided and written one by one, and may write to streams of other deciders in the shards
    of its own; and one that is ``bank_wide`` does so under the locks of all shards, so that it may look at, or write
    to, streams of every shard while nobody else writes.
    """

    decider: AnyDecider
    load: Loader
    consult: Consultation = _nothing
    same: Sameness = lambda _, __: True
    follow: Following | None = None
    alone: bool = False
    bank_wide: bool = False


class Submission(NamedTuple):
    """A command on its way to its decider. ``expected_version`` is the one the caller decided on, if they say so."""

    decider: AnyDecider
    command: Any
    origin: Origin
    expected_version: int | None = None


Letter = Callable[[int, Refusal], Submission]
"""What to submit instead of the refused submission with this index in its batch: a dead letter in its shard."""


class Accepted(NamedTuple):
    """The events that the command gave rise to, maybe none; ``version`` is the aggregate's afterwards."""

    events: Sequence[StoredEvent]
    version: int


@dataclass(frozen=True, slots=True)
class Duplicate:
    """The message was worked before; ``differs`` when its data was another then (the first one stands)."""

    event_id: str
    differs: bool


@dataclass(frozen=True, slots=True)
class Refused:
    """A rule said no, nothing was written for it (but the dead letter, where it came from the log)."""

    refusal: Refusal


Outcome = Accepted | Duplicate | Refused


@dataclass
class _Work:
    """What one batch has read and decided so far."""

    appender: Appender
    known: dict[str, str]
    states: dict[str, Any] = field(default_factory=dict)
    consulted: dict[AnyDecider, Any] = field(default_factory=dict)


class _Run(NamedTuple):
    """Submissions worked on one look at the database; ``first`` is the index of the first in the whole batch."""

    heads: dict[int, Head]
    streams: Sequence[str]
    batch: Sequence[Submission]
    first: int
    letter: Letter | None


def _runs(alone: Sequence[bool]) -> list[tuple[int, int]]:
    """Where the runs of a batch begin and end: each submission that must be ``alone`` is one by itself."""
    cuts = {0, len(alone)}
    for index, by_itself in enumerate(alone):
        if by_itself:
            cuts |= {index, index + 1}
    return list(pairwise(sorted(cuts)))


class CommandHandler:
    """Works batches of submissions, each inside a transaction that the caller opened by ``Database.begin``.

    ``on_stored`` is told of events once they are committed, to count them; it must not raise. ``fits`` raises a Refusal
    for an event that is not to be stored, whatever its decider says.
    """

    def __init__(
        self,
        service: str,
        aggregates: Sequence[Aggregate],
        views: Sequence[View],
        on_stored: Callable[[Sequence[StoredEvent]], None] = lambda _: None,
        fits: Callable[[StoredEvent], None] = lambda _: None,
    ) -> None:
        self._meter = HandlerMeter(service)
        self._on_stored = on_stored
        self._fits = fits
        self._aggregates = {aggregate.decider: aggregate for aggregate in aggregates}
        self._following = [(one.decider, one.follow) for one in aggregates if one.follow is not None]
        self._views = [(view, self._meter.projection[type(view).__name__,]) for view in views]

    async def work(
        self, connection: AsyncConnection, batch: Sequence[Submission], letter: Letter | None = None
    ) -> list[Outcome]:
        """Decide, append and project; one outcome a submission, in order.

        A refusal is the caller's, unless there is a ``letter`` for it. Raises StaleVersion when a submission
        expects another version; the caller's transaction then fails whole.
        """
        streams = [submission.decider.stream(submission.command) for submission in batch]
        aggregates = [self._aggregates[submission.decider] for submission in batch]
        bank_wide = any(aggregate.bank_wide for aggregate in aggregates)
        shards = range(PARTITIONS) if bank_wide else {shard_of_stream(stream) for stream in streams}
        if not shards:
            return []
        began = perf_counter()
        outcomes: list[Outcome] = []
        with tracing.step("decide"):
            heads = await event_store.lock(connection, shards)
            for first, last in _runs([aggregate.alone or aggregate.bank_wide for aggregate in aggregates]):
                run = _Run(heads, streams[first:last], batch[first:last], first, letter)
                outcomes += await self._work_off(connection, run)
        self._meter.worked(len(batch), perf_counter() - began)
        return outcomes

    async def _work_off(self, connection: AsyncConnection, run: "_Run") -> list[Outcome]:
        """Decide, append and project commands that may be decided on one look at the database."""
        batch, distinct = run.batch, set(run.streams)
        known = await event_store.known(
            connection, [s.origin.message_id for s in batch if s.origin.message_id is not None]
        )
        fresh = [s for s in batch if s.origin.message_id not in known] if known else batch
        versions = await event_store.versions(connection, distinct) if fresh else {}
        work = _Work(Appender(run.heads, versions, event_store.now()), known)
        await self._load(connection, fresh, work)
        outcomes: list[Outcome] = []
        for index, (stream, submission) in enumerate(zip(run.streams, batch, strict=True), run.first):
            outcome = await self._decide(connection, stream, submission, work)
            if run.letter is not None and isinstance(outcome, Refused):
                instead = run.letter(index, outcome.refusal)
                await self._decide(connection, instead.decider.stream(instead.command), instead, work)
            outcomes.append(outcome)
        events = work.appender.events
        await work.appender.write(connection)
        if events:
            stored = Batch(events)
            for view, seconds in self._views:
                if taken := stored.taken_by(view):
                    with seconds.time():
                        await view.project(connection, taken)
            when_committed(connection, lambda: self._stored(events))
        return outcomes

    def _stored(self, events: Sequence[StoredEvent]) -> None:
        self._meter.stored(events)
        self._on_stored(events)

    async def _load(self, connection: AsyncConnection, fresh: Sequence[Submission], work: _Work) -> None:
        groups: dict[AnyDecider, list[Any]] = {}
        for submission in fresh:
            groups.setdefault(submission.decider, []).append(submission.command)
        for decider, commands in groups.items():
            aggregate = self._aggregates[decider]
            work.states.update(await aggregate.load(connection, commands))
            work.consulted[decider] = await aggregate.consult(connection, commands)

    async def _decide(
        self, connection: AsyncConnection, stream: str, submission: Submission, work: _Work
    ) -> Outcome:
        origin, decider, appender = submission.origin, submission.decider, work.appender
        message_id = origin.message_id
        if message_id is not None and message_id in work.known:
            same = self._aggregates[decider].same(submission.command, work.known[message_id])
            return Duplicate(message_id, not same)
        expected = submission.expected_version
        if expected is not None and expected != appender.version_of(stream):
            raise StaleVersion(f"the present version is {appender.version_of(stream)}, not {expected}")
        states = work.states
        try:
            facts = decider.decide(
                submission.command, states.get(stream, decider.initial), work.consulted.get(decider)
            )
        except Refusal as refusal:
            return Refused(refusal)
        aggregate = self._aggregates[decider]
        if aggregate.alone or aggregate.bank_wide:
            appender.know(await event_store.versions(connection, {fact.stream for fact in facts}))
        events: list[StoredEvent] = []
        try:
            for index, fact in enumerate(facts):
                events.append(appender.add(_event_id(fact, message_id, index), fact, origin))
                self._fits(events[-1])
        except Refusal as refusal:
            appender.take_back(len(events))
            return Refused(refusal)
        for event in events:
            states[event.stream] = decider.evolve(states.get(event.stream, decider.initial), event.fact)
        for other, follow in self._following:
            if other in work.consulted:
                for fact in facts:
                    work.consulted[other] = follow(work.consulted[other], fact)
        if message_id is not None and events:
            work.known[message_id] = events[0].data
        return Accepted(events, appender.version_of(stream))


def _event_id(fact: Fact, message_id: str | None, index: int) -> str:
    """The first event of a message bears the message's id, so that the same message is the same event for ever."""
    if _names_itself(type(fact)):
        named: str = fact.own_event_id  # type: ignore[attr-defined]
        return named
    if message_id is None:
        return event_store.new_id()
    return message_id if index == 0 else f"{message_id}/{index + 1}"


@cache
def _names_itself(kind: type[Fact]) -> bool:
    """Whether facts of a kind name their own events; asked once a kind, as models are slow to say that they do not."""
    return hasattr(kind, "own_event_id")


def folded(
    decider: AnyDecider, history: event_store.History, also: Callable[[Any], Collection[str]] | None = None
) -> Loader:
    """A loader that folds the aggregates' events; for aggregates with short histories.

    ``also`` names further streams of the same kind that a command needs.
    """

    async def load(connection: AsyncConnection, commands: Sequence[Any]) -> dict[str, Any]:
        streams = {decider.stream(command) for command in commands}
        if also is not None:
            streams.update(stream for command in commands for stream in also(command))
        states: dict[str, Any] = {}
        for event in await history.of_streams(connection, streams):
            states[event.stream] = decider.evolve(states.get(event.stream, decider.initial), event.fact)
        return states

    return load
