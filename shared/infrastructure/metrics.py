"""Prometheus metrics: one registry a process, one naming convention.

Names begin with ``dualbook_`` and end in their unit: counters in ``_total``, durations in ``_seconds``, sizes
in ``_bytes``. Labels take few values: never an id, never a raw path.
"""

from collections.abc import Sequence
from typing import Generic, TypeVar, cast

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)

LATENCY_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
"""Seconds: from a read by key to the patience of a caller."""

MetricT = TypeVar("MetricT", bound=Counter | Gauge | Histogram)

disable_created_metrics()  # type: ignore[no-untyped-call]  # one series a counter, not a second for its birth


def counter(name: str, says: str, labels: Sequence[str] = ()) -> Counter:
    """A count of things since the start of the process."""
    return Counter(_named(name, "_total"), says, labels)


def gauge(name: str, says: str, labels: Sequence[str] = ()) -> Gauge:
    """A figure that goes up and down; its unit, where it has one, ends the name."""
    return Gauge(_named(name), says, labels)


def histogram(
    name: str, says: str, labels: Sequence[str] = (), buckets: Sequence[float] = LATENCY_BUCKETS
) -> Histogram:
    """A distribution of durations (``_seconds``), sizes (``_bytes``) or counts (``_size``)."""
    return Histogram(_named(name, "_seconds", "_bytes", "_size"), says, labels, buckets=buckets)


class Series(dict[tuple[str, ...], MetricT], Generic[MetricT]):
    """The series of a metric for one service, by their further labels; each is looked up once, as that is slow.

    ``Series(METRIC, "ledger")["topic", "accepted"].inc()``; of a single label, ``["topic",]``.
    """

    def __init__(self, metric: MetricT, service: str) -> None:
        super().__init__()
        self._metric = metric
        self._service = service

    def __missing__(self, labels: tuple[str, ...]) -> MetricT:
        found = self[labels] = cast(MetricT, self._metric.labels(self._service, *labels))
        return found


def exposition() -> tuple[bytes, str]:
    """Everything measured so far, in Prometheus' text format, and its content type."""
    return generate_latest(REGISTRY), CONTENT_TYPE_LATEST


def _named(name: str, *units: str) -> str:
    if not name.startswith("dualbook_") or (units and not name.endswith(units)):
        raise ValueError(f'"{name}" must begin with dualbook_ and end in {" or ".join(units) or "its unit"}')
    return name


HTTP_REQUESTS = counter(
    "dualbook_http_requests_total",
    "Requests answered, by route template.",
    ("service", "method", "route", "status"),
)
HTTP_REQUEST_DURATION = histogram(
    "dualbook_http_request_duration_seconds",
    "Time from a request's first byte to its answer's last.",
    ("service", "method", "route"),
)
