"""A trace begins at one service's door and goes on in those that read what came of the request."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.end_to_end.example import Example
from tests.support.collector import Collected, Collector, collecting
from tests.support.system import System, running_system

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as collector:
        yield collector


@pytest.fixture(scope="module")
async def traced(collector: Collector, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[System]:
    """The services, which send their traces every tenth of a second."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
        async with running_system(
            tmp_path_factory.mktemp("traced"), otlp_endpoint=collector.endpoint
        ) as system:
            yield system


async def spans_of(
    collector: Collector, trace_id: str, *wanted: tuple[str, str]
) -> dict[tuple[str, str], Collected]:
    """The spans of a trace by service and name, as soon as the wanted ones are there."""
    deadline = time.monotonic() + 60
    while (
        not set(wanted)
        <= (found := {(span.service, span.name): span for span in collector.of(trace_id)}).keys()
    ):
        assert time.monotonic() < deadline, f"only {sorted(found)}"
        await asyncio.sleep(0.1)
    return found


def trace_of(traceparent: str) -> str:
    return traceparent.split("-")[1]


def is_recorded(traceparent: str) -> bool:
    return bool(int(traceparent.split("-")[3], 16) & 1)


MANAGER = {
    "name": "王小明",
    "branch_id": "b1",
    "grade": "manager-2",
    "confidentiality_signed_on": "2020-03-01",
}


async def test_a_request_to_one_service_and_what_another_makes_of_it_are_one_trace(
    traced: System, collector: Collector
) -> None:
    await Example(traced, "t").open()
    terms = {
        "shares": [{"manager_id": "t-m2", "share": "1"}],
        "effective_from": "2026-09-01",
        "reason": "agreed",
    }
    answer = await traced.client("assignment", "approver", subject="bob").put(
        "/v1/customers/t-c1/assignment", json=terms
    )
    assert answer.status_code == 200, answer.text
    spans = await spans_of(
        collector,
        trace_of(answer.headers["traceparent"]),
        ("assignment", "PUT /v1/customers/{customer_id}/assignment"),
        ("assignment", "transaction"),
        ("assignment", "decide"),
        ("assignment", "publish assignment.events"),
        ("ledger", "consume assignment.events"),
        ("ledger", "decide"),
    )
    door = spans["assignment", "PUT /v1/customers/{customer_id}/assignment"]
    assert answer.headers["traceparent"].startswith(f"00-{door.trace_id}-{door.span_id}-")
    assert is_recorded(answer.headers["traceparent"])
    assert door.attributes["http.response.status_code"] == 200
    assert {
        spans[place].parent_id for place in spans if place[1] in ("transaction", "consume assignment.events")
    } == {door.span_id}
    assert spans["ledger", "decide"].parent_id == spans["ledger", "consume assignment.events"].span_id


async def test_a_trace_of_the_callers_is_carried_on_as_recorded_as_it_was(
    traced: System, collector: Collector
) -> None:
    traces = {"01": f"{1:032x}", "00": f"{2:032x}"}
    for number, (flags, trace_id) in enumerate(traces.items()):
        answer = await traced.client("assignment", "assigner", subject="ann").post(
            "/v1/managers",
            json={"manager_id": f"carried-{number}", **MANAGER},
            headers={"traceparent": f"00-{trace_id}-{7:016x}-{flags}"},
        )
        assert answer.status_code == 201, answer.text
        assert trace_of(answer.headers["traceparent"]) == trace_id
        assert is_recorded(answer.headers["traceparent"]) == (flags == "01")
    await traced.settle()
    spans = await spans_of(collector, traces["01"], ("ledger", "consume assignment.events"))
    assert spans["assignment", "POST /v1/managers"].parent_id == f"{7:016x}"
    assert collector.of(traces["00"]) == []


async def test_no_span_names_a_person(traced: System, collector: Collector) -> None:
    """Attributes are of a fixed few names, and no span bears an id or a text of somebody's."""
    assert collector.spans
    names = {name for span in collector.spans for name in span.attributes}
    assert names <= {
        "http.request.method",
        "http.route",
        "http.response.status_code",
        "batch.size",
        "error.type",
    }
    said = " ".join(f"{span.name} {span.attributes}" for span in collector.spans)
    assert not [
        word for word in ("t-c1", "t-m2", "王小明", "恒瑞纺织", "carried", "bob", "ann ") if word in said
    ]
