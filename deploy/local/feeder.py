"""The feeder delivers a stream of facts: core events to log or ledger, registrations to their services.

The order of the stream is kept where it matters. What reaches the ledger late costs it an entry for the
difference, so before assignments go out all core events ahead of them have been booked, and before core events
follow, the assignments have reached the ledger. Ids are stable: delivering a stream again, whole or after a
break, does no harm.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import httpx
import orjson

from deploy.local.calls import DeliveryStopped, call, insist, json_of, send_registrations, wait_for_lag
from deploy.local.registrations import ROUTES, Registration
from shared.contracts.assignment import TOPIC as ASSIGNMENT_TOPIC
from shared.contracts.core_banking import CORE_EVENTS
from shared.contracts.core_banking import TOPIC as CORE_TOPIC
from shared.contracts.envelope import CloudEvent
from shared.infrastructure.event_log.interface import EventLog, Message
from shared.kernel.errors import Malformed

LOG_BATCH, HTTP_BATCH = 2_000, 500
REGISTRATIONS_BATCH = 200
MOST_REJECTIONS_KEPT = 1_000
_BATCHES_PER_SECOND = 4
"""How finely a limited rate is cut."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """A core event that the ledger refused, or had booked before with other data, and its words for it."""

    event_id: str
    reason: str


@dataclass(slots=True)
class FeedReport:
    """What was delivered so far. The outcome of core events is known over HTTP only; from the log the
    ledger refuses into its dead letters. ``rejections`` holds the first thousand."""

    registrations: int = 0
    core_events: int = 0
    accepted: int = 0
    duplicate: int = 0
    rejected: int = 0
    rejections: list[Rejection] = field(default_factory=list)

    def note(self, event_id: str, status: str, reason: str) -> None:
        """Count what the ledger made of a core event."""
        match status:
            case "accepted":
                self.accepted += 1
            case "duplicate":
                self.duplicate += 1
            case _:
                self.rejected += 1
        if reason and len(self.rejections) < MOST_REJECTIONS_KEPT:
            self.rejections.append(Rejection(event_id, reason))

    @property
    def delivered(self) -> int:
        """All events of the stream that are done with."""
        return self.registrations + self.core_events


Progress = Callable[[FeedReport, str], None]
"""Called after each step with the figures so far and what is going on, in words."""


async def feed(
    events: Iterable[CloudEvent],
    *,
    via: Literal["log", "http"],
    log: EventLog | None = None,
    assignment: httpx.AsyncClient,
    ledger: httpx.AsyncClient,
    rate: float | None = None,
    progress: Progress | None = None,
) -> FeedReport:
    """Deliver ``events`` in order, at most ``rate`` a second.

    Absent services are waited for. Raises DeliveryStopped when a service refuses a registration or a whole
    batch, or is away for too long; Malformed for an event that is neither core event nor registration or
    cannot be read.
    """
    if via == "log" and log is None:
        raise ValueError("a log is needed to deliver core events through it")
    feeder = _Feeder(log if via == "log" else None, assignment, ledger, rate, progress)
    for event in events:
        if event.type in ROUTES:
            await feeder.register(event)
        else:
            await feeder.post(event)
    await feeder.finish()
    return feeder.report


class _Feeder:
    """Collects runs of registrations and batches of core events; only one of the two is pending at a time."""

    def __init__(
        self,
        log: EventLog | None,
        assignment: httpx.AsyncClient,
        ledger: httpx.AsyncClient,
        rate: float | None,
        progress: Progress | None,
    ) -> None:
        self.report = FeedReport()
        self._log = log
        self._clients = {"assignment": assignment, "ledger": ledger}
        self._ledger = ledger
        self._pace = _Pace(rate)
        self._batch_size = self._pace.batch(HTTP_BATCH if log is None else LOG_BATCH)
        self._progress = progress
        self._registrations: list[Registration] = []
        self._core: list[CloudEvent] = []
        self._booking = False

    async def register(self, event: CloudEvent) -> None:
        """Take a registration; it goes out with the others of its run."""
        if self._core:
            await self._flush_core()
        self._registrations.append(Registration.of(event))

    async def post(self, event: CloudEvent) -> None:
        """Take a core event; it goes out when its batch is full or a registration follows."""
        if event.type not in CORE_EVENTS:
            raise Malformed(f'event {event.id}: type "{event.type}" is no core event and no registration')
        if self._registrations:
            await self._flush_registrations()
        self._core.append(event)
        if len(self._core) >= self._batch_size:
            await self._flush_core()

    async def finish(self) -> None:
        """Send what is pending."""
        await self._flush_registrations()
        await self._flush_core()

    def _say(self, doing: str) -> None:
        if self._progress is not None:
            self._progress(self.report, doing)

    async def _flush_registrations(self) -> None:
        """Products, managers, customers, assignments; then wait until the ledger knows the assignments."""
        run, self._registrations = self._registrations, []
        assigning = any(one.route.model.__name__ == "CustomerAssigned" for one in run)
        if assigning and self._booking:
            await wait_for_lag("the ledger", self._ledger, waiting=self._say)
            self._booking = False
        for phase in sorted({one.route.phase for one in run}):
            await self._send_registrations([one for one in run if one.route.phase == phase])
        if assigning:
            await wait_for_lag("the ledger", self._ledger, ASSIGNMENT_TOPIC, self._say)

    async def _send_registrations(self, registrations: Sequence[Registration]) -> None:
        """Those of one phase, in order."""
        size = self._pace.batch(REGISTRATIONS_BATCH)
        for batch in (registrations[start : start + size] for start in range(0, len(registrations), size)):
            await self._pace.take(len(batch))
            await send_registrations(self._clients[batch[0].route.service], batch)
            self.report.registrations += len(batch)
            self._say("registering")

    async def _flush_core(self) -> None:
        batch, self._core = self._core, []
        if not batch:
            return
        await self._pace.take(len(batch))
        if self._log is None:
            await self._post_batch(batch)
        else:
            await self._publish(self._log, batch)
        self._booking = True
        self.report.core_events += len(batch)
        self._say("posting")

    async def _publish(self, log: EventLog, batch: Sequence[CloudEvent]) -> None:
        messages = [Message.of(event, _key(event)) for event in batch]
        await insist(lambda: log.publish(CORE_TOPIC, messages))

    async def _post_batch(self, batch: Sequence[CloudEvent]) -> None:
        """Through the ledger's door: booked when the answer arrives."""
        content = b"[" + b",".join(event.to_structured() for event in batch) + b"]"
        headers = {"content-type": "application/cloudevents-batch+json"}
        response = await call(self._ledger, "POST", "/v1/core-events", content=content, headers=headers)
        results = json_of(response).get("results")
        if not isinstance(results, list) or len(results) != len(batch):
            raise DeliveryStopped("POST /v1/core-events: did not answer what became of each event")
        for event, result in zip(batch, results, strict=True):
            self.report.note(event.id, str(result.get("status")), str(result.get("reason", "")))


def _key(event: CloudEvent) -> str:
    """The customer, or the manager where there is no customer: what keeps its order in the log."""
    data = orjson.loads(event.data)
    key = (data.get("customer_id") or data.get("manager_id")) if isinstance(data, dict) else None
    if not isinstance(key, str):
        raise Malformed(f"event {event.id} ({event.type}): customer_id: is required")
    return key


class _Pace:
    """Keeps a stream at ``rate`` events a second on average, or leaves it alone."""

    def __init__(self, rate: float | None) -> None:
        if rate is not None and not rate > 0:
            raise ValueError("the rate must be above zero")
        self._rate = rate
        self._due = time.monotonic()

    def batch(self, most: int) -> int:
        """A batch size that keeps a slow stream even."""
        if self._rate is None:
            return most
        return max(1, min(most, int(self._rate / _BATCHES_PER_SECOND)))

    async def take(self, count: int) -> None:
        """Wait until ``count`` more events may go out."""
        if self._rate is None:
            return
        now = time.monotonic()
        start = max(self._due, now)
        self._due = start + count / self._rate
        await asyncio.sleep(start - now)
