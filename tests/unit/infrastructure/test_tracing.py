"""Spans of batches: in the trace of what is in them, linked where that is many, and silent about persons."""

import subprocess
import sys
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from shared.infrastructure import tracing


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    """Where the spans of a test go."""
    exporter = InMemorySpanExporter()
    tracing.record("trial", SimpleSpanProcessor(exporter))
    yield exporter
    tracing.stop()


def told(trace: int, span: int = 7, flags: str = "01") -> str:
    return f"00-{trace:032x}-{span:016x}-{flags}"


async def worked(*texts: str) -> None:
    async with tracing.batch("work", len(texts), lambda: texts):
        pass


async def test_without_a_collector_nobody_is_asked_for_traces() -> None:
    async with tracing.batch("work", 1, lambda: pytest.fail("asked")):
        with tracing.step("decide"):
            pass
    request = tracing.Request(told(1))
    request.end("GET", "/v1/periods", 200)
    assert request.traceparent == told(1)


def test_without_a_collector_what_records_is_not_even_imported() -> None:
    program = (
        "import sys; from shared.infrastructure import tracing; import services.ledger.main; "
        "tracing.start('ledger', None); tracing.Request(''); tracing.stop(); "
        "sys.exit('opentelemetry.sdk' in sys.modules)"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", program], check=True)


async def test_a_batch_of_one_trace_belongs_to_it(spans: InMemorySpanExporter) -> None:
    await worked(told(1, 7), f'{{"entry": "e1", "traceparent":"{told(1, 8)}"}}', "")
    [span] = spans.get_finished_spans()
    assert (span.context.trace_id, span.parent.span_id, span.links) == (1, 7, ())
    assert dict(span.attributes) == {"batch.size": 3}


async def test_a_batch_of_many_traces_is_linked_to_the_first_of_those_recorded(
    spans: InMemorySpanExporter,
) -> None:
    await worked(told(1, flags="00"), *(told(trace) for trace in range(2, 1000)))
    [span] = spans.get_finished_spans()
    assert span.parent is None
    assert [link.context.trace_id for link in span.links] == list(range(2, 34))


async def test_one_recorded_trace_among_others_has_the_batch_to_itself(spans: InMemorySpanExporter) -> None:
    await worked(told(1, flags="00"), told(2))
    [span] = spans.get_finished_spans()
    assert span.context.trace_id == 2


async def test_what_is_not_recorded_where_it_began_is_not_recorded_here(spans: InMemorySpanExporter) -> None:
    await worked(told(1, flags="00"), told(2, flags="00"))
    request = tracing.Request(told(3, flags="00"))
    request.end("GET", "/v1/periods", 200)
    assert spans.get_finished_spans() == ()
    assert request.traceparent.startswith(f"00-{3:032x}-")
    assert request.traceparent.endswith("-00")


@pytest.mark.parametrize(
    "text", ["", "{}", "nonsense", told(0), told(1, 0), "ff" + told(1)[2:], f"x{told(1)}", f"{told(1)}-more"]
)
async def test_what_is_no_trace_begins_one(spans: InMemorySpanExporter, text: str) -> None:
    await worked(text)
    [span] = spans.get_finished_spans()
    assert span.parent is None
    assert span.context.trace_id > 1


async def test_a_step_is_part_of_its_batch(spans: InMemorySpanExporter) -> None:
    async with tracing.batch("work", 1, lambda: [told(1)]):
        with tracing.step("decide"):
            pass
    decide, work = spans.get_finished_spans()
    assert (decide.name, decide.parent.span_id) == ("decide", work.context.span_id)


async def test_a_failure_is_told_by_its_kind_and_never_by_its_words(spans: InMemorySpanExporter) -> None:
    with pytest.raises(ValueError, match="王小明"):
        async with tracing.batch("work", 1, lambda: [told(1)]):
            raise ValueError("王小明")
    [span] = spans.get_finished_spans()
    assert (span.attributes["error.type"], span.status.is_ok, span.status.description, span.events) == (
        "ValueError", False, None, (),
    )  # fmt: skip


def test_a_request_is_named_by_its_route_and_machines_that_look_are_not_traced(
    spans: InMemorySpanExporter,
) -> None:
    tracing.Request("", routine=True).end("GET", "/metrics", 200)
    request = tracing.Request(told(1, 7))
    request.end("GET", "/v1/customers/{customer_id}", 503)
    [span] = spans.get_finished_spans()
    assert (span.name, span.parent.span_id, span.status.is_ok) == (
        "GET /v1/customers/{customer_id}",
        7,
        False,
    )
    assert request.traceparent == told(1, span.context.span_id)
