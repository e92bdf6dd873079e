"""Traces (OpenTelemetry) where DUALBOOK_OTLP_ENDPOINT names a collector; where not, nothing is imported or measured.

A trace goes from a request, or from a message that bears a ``traceparent``, through the transaction and the relay to
the services that read what came of it: events carry it in their metadata, messages in their headers. Work is done in
batches, so a span stands for a batch: it belongs to the trace of what is in it where that is one, and is linked to the
first of them where they are many. Whether a trace is recorded was decided where it began. Attributes are names and
numbers of ours, never an id, a path or an error's text, so that no person is named.
"""

import re
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    asynccontextmanager,
    contextmanager,
    nullcontext,
)
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
    from opentelemetry.trace import Span, SpanContext, Tracer

_MOST_LINKS = 32
_TRACEPARENT = re.compile(r'(?<![^"])(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?![^"])')
_NOTHING: nullcontext[None] = nullcontext()

_provider: "TracerProvider | None" = None
_tracer: "Tracer | None" = None


def start(service: str, endpoint: str | None) -> None:
    """Trace what this process does, as ``service``, and send it to the collector (OTLP over HTTP) in the background."""
    if endpoint is None:
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    record(service, BatchSpanProcessor(OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces")))


def record(service: str, processor: "SpanProcessor") -> None:
    """Trace what this process does, and hand the spans to the processor."""
    global _provider, _tracer  # one a process, as there is one environment
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider

    resource = Resource.create({"service.namespace": "dualbook", "service.name": service})
    _provider = TracerProvider(resource=resource)
    _provider.add_span_processor(processor)
    _tracer = _provider.get_tracer("dualbook")


def stop() -> None:
    """Send what was not sent yet, and trace no more."""
    global _provider, _tracer
    if _provider is not None:
        _provider.shutdown()
    _provider = _tracer = None


class Request:
    """The span of an HTTP request. What follows bears its ``traceparent``: the caller's, where nothing is traced."""

    def __init__(self, traceparent: str, *, routine: bool = False) -> None:
        self.traceparent = traceparent
        self._span: Span | None = None
        if _tracer is not None and not routine:
            from opentelemetry.trace import SpanKind

            self._span = _tracer.start_span("request", _parent(_contexts([traceparent])), SpanKind.SERVER)
            self.traceparent = _traceparent_of(self._span.get_span_context())

    def end(self, method: str, route: str, status: int) -> None:
        """It was answered."""
        if self._span is None:
            return
        from opentelemetry.trace import StatusCode

        self._span.update_name(f"{method} {route}")
        self._span.set_attributes(
            {"http.request.method": method, "http.route": route, "http.response.status_code": status}
        )
        if status >= 500:
            self._span.set_status(StatusCode.ERROR)
        self._span.end()


def batch(
    name: str, size: int, traceparents: Callable[[], Iterable[str]]
) -> AbstractAsyncContextManager[None]:
    """The span of a batch of so many while the block works. ``traceparents`` tells texts of what is in it, such as
    metadata, that have the traceparents in them; it is asked only where traces are recorded."""
    return _NOTHING if _tracer is None else _batch(_tracer, name, size, traceparents())


def step(name: str) -> AbstractContextManager[None]:
    """The span of a part of the batch at work."""
    return _NOTHING if _tracer is None else _recorded(_tracer.start_span(name))


@asynccontextmanager
async def _batch(tracer: "Tracer", name: str, size: int, texts: Iterable[str]) -> AsyncIterator[None]:
    from opentelemetry.trace import Link

    contexts = _contexts(texts)
    recorded = [context for context in contexts if context.trace_flags.sampled]
    links = [Link(context) for context in recorded[:_MOST_LINKS]] if len(recorded) > 1 else []
    parent = _parent(contexts if not recorded else recorded if len(recorded) == 1 else [])
    with _recorded(tracer.start_span(name, parent, links=links, attributes={"batch.size": size})):
        yield


@contextmanager
def _recorded(span: "Span") -> Iterator[None]:
    from opentelemetry.trace import StatusCode, use_span

    # an error's text may name a customer: its type must do
    with use_span(span, end_on_exit=True, record_exception=False, set_status_on_exception=False):
        try:
            yield
        except BaseException as error:
            span.set_attribute("error.type", type(error).__name__)
            span.set_status(StatusCode.ERROR)
            raise


def _contexts(texts: "Iterable[str]") -> "list[SpanContext]":
    """Where in which trace each of the texts comes from; of each trace the first."""
    from opentelemetry.trace import SpanContext, TraceFlags

    found: dict[int, SpanContext] = {}
    for match in filter(None, map(_TRACEPARENT.search, texts)):
        trace_id, span_id, flags = (int(part, 16) for part in match.groups())
        context = SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(flags))
        if context.is_valid:
            found.setdefault(trace_id, context)
    return list(found.values())


def _parent(contexts: "Sequence[SpanContext]") -> "Context":
    """The first of them as parent; where there is none, a new trace begins."""
    from opentelemetry.context import Context
    from opentelemetry.trace import NonRecordingSpan, set_span_in_context

    return set_span_in_context(NonRecordingSpan(contexts[0]), Context()) if contexts else Context()


def _traceparent_of(context: "SpanContext") -> str:
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
