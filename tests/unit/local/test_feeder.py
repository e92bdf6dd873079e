"""The feeder, against services and a log that stand still in memory and watch over the order of things."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson
import pytest

from deploy.local import calls
from deploy.local.calls import DeliveryStopped, wait_until_settled
from deploy.local.feeder import FeedReport, Rejection, feed
from deploy.local.registrations import Registration
from deploy.local.simulator import simulate
from shared.contracts.envelope import CloudEvent, from_mapping
from shared.infrastructure.event_log.interface import (
    LogConsumer,
    LogUnavailable,
    Message,
    Partition,
    Positions,
)
from shared.kernel.errors import Malformed

Answer = Callable[[httpx.Request], httpx.Response | None]


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test waits for longer than it must."""
    monkeypatch.setattr(calls, "POLL_SECONDS", 0.0)
    monkeypatch.setattr(calls, "growing_pauses", lambda: iter(lambda: 0.001, None))


@dataclass
class Bank:
    """Both services and the log. Each look at a lag lets the ledger work a bit; what is too early fails."""

    journal: list[str] = field(default_factory=list)
    requests: list[httpx.Request] = field(default_factory=list)
    published: list[tuple[str, Message]] = field(default_factory=list)
    core_behind: int = 0
    assignments_behind: int = 0
    batches: list[int] = field(default_factory=list)
    answer: Answer = lambda request: None
    failures: int = 0

    @property
    def assignment(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.MockTransport(self._serve), base_url="http://assignment")

    @property
    def ledger(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.MockTransport(self._serve), base_url="http://ledger")

    async def _serve(self, request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0)
        if request.url.path == "/v1/registrations":
            return self._register(orjson.loads(request.content))
        self.requests.append(request)
        return self.answer(request) or self._work(request)

    def _work(self, request: httpx.Request) -> httpx.Response:
        place = f"{request.method} {request.url.host}{request.url.path}"
        if place == "GET ledger/v1/lag":
            return self._lag()
        if place == "GET assignment/v1/lag":
            return httpx.Response(200, json={"topics": {}, "total": 0})
        self.journal.append(place)
        if place == "POST ledger/v1/core-events":
            return self._book(orjson.loads(request.content))
        if place.endswith("/assignment"):
            assert self.core_behind == 0, "an assignment went out before the events ahead of it were booked"
            self.assignments_behind += 1
        return httpx.Response(201, json={})

    def _register(self, batch: list[dict[str, Any]]) -> httpx.Response:
        """Each as if it were sent alone."""
        self.batches.append(len(batch))
        results = []
        for one in batch:
            registration = Registration.of(from_mapping(one))
            alone = httpx.Request(
                registration.route.method,
                self.assignment.base_url.join(registration.path),
                headers={"idempotency-key": one["id"]},
                json=registration.body,
            )
            self.requests.append(alone)
            response = self.answer(alone) or self._work(alone)
            results.append({"id": one["id"], "status": response.status_code, "answer": response.json()})
        return httpx.Response(200, json={"results": results})

    def _lag(self) -> httpx.Response:
        topics = {"assignment.events": self.assignments_behind, "core-banking.postings": self.core_behind}
        self.assignments_behind = max(0, self.assignments_behind - 5)
        self.core_behind = max(0, self.core_behind - 1000)
        return httpx.Response(200, json={"topics": topics, "total": sum(topics.values())})

    def _book(self, batch: list[dict[str, str]]) -> httpx.Response:
        assert self.assignments_behind == 0, "core events went out before the assignments were known"
        statuses = {"t-refused": "rejected", "t-again": "duplicate"}
        results = [{"id": one["id"], "status": statuses.get(one["id"], "accepted")} for one in batch]
        for result in results:
            if result["status"] == "rejected":
                result["reason"] = "amount: must not be zero"
            if result["status"] == "duplicate":
                result["reason"] = "booked before with other data, which stands"
        return httpx.Response(200, json={"results": results})

    async def publish(self, topic: str, messages: Sequence[Message]) -> None:
        if self.failures:
            self.failures -= 1
            raise LogUnavailable("the log is away")
        assert self.assignments_behind == 0, "core events went out before the assignments were known"
        self.journal.append(f"publish {len(messages)}")
        self.published += [(topic, message) for message in messages]
        self.core_behind += len(messages)

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def subscribe(self, group: str, topics: Sequence[str], positions: Positions) -> LogConsumer:
        raise NotImplementedError

    async def end_offsets(self, topics: Sequence[str]) -> Mapping[Partition, int]:
        raise NotImplementedError


def core(number: int, customer: str = "c1", **fields: str) -> CloudEvent:
    data = {"customer_id": customer, "account_id": "a1", "amount": "1.00", **fields}
    return CloudEvent(f"t{number}", "DepositPosted", "test", orjson.dumps(data))


def product(code: str) -> CloudEvent:
    data = {"product_code": code, "department_id": "deposits", "name": "Demand deposit"}
    return CloudEvent(f"p-{code}", "ProductDefined", "test", orjson.dumps(data))


def manager(number: int) -> CloudEvent:
    data = {"manager_id": f"m{number}", "name": f"Manager {number}", "branch_id": "b1", "grade": "senior"}
    return CloudEvent(f"m-{number}", "ManagerRegistered", "test", orjson.dumps(data))


def customer(number: int) -> CloudEvent:
    names = dict.fromkeys(("kind", "region", "industry", "tier", "branch_id"), "x")
    data = {"customer_id": f"c{number}", "name": f"Customer {number}", **names}
    return CloudEvent(f"c-{number}", "CustomerRegistered", "test", orjson.dumps(data))


def assigned(number: int, manager_id: str, day: str = "2026-01-01") -> CloudEvent:
    shares = [{"manager_id": manager_id, "share": "1"}]
    data = {"customer_id": f"c{number}", "shares": shares, "effective_from": day, "reason": "test"}
    return CloudEvent(f"a-{number}-{day}", "CustomerAssigned", "test", orjson.dumps(data))


async def deliver(bank: Bank, *events: CloudEvent, through_log: bool = False) -> FeedReport:
    async with bank.assignment as assignment, bank.ledger as ledger:
        if through_log:
            return await feed(events, via="log", log=bank, assignment=assignment, ledger=ledger)
        return await feed(events, via="http", assignment=assignment, ledger=ledger)


def fail_once(status: int = 503) -> Answer:
    """The first request gets this answer, every other its own."""
    left = [httpx.Response(status, json={"title": "Away", "detail": "not now"})]
    return lambda request: left.pop() if left else None


def answer_at(place: str, status: int, **problem: object) -> Answer:
    """Requests to this ``METHOD path`` get this answer."""

    def answer(request: httpx.Request) -> httpx.Response | None:
        return (
            httpx.Response(status, json=problem) if f"{request.method} {request.url.path}" == place else None
        )

    return answer


async def test_registrations_go_to_their_services_in_phases_whatever_their_order() -> None:
    bank = Bank()
    report = await deliver(bank, assigned(1, "m1"), customer(1), manager(1), product("DEM"))
    assert bank.journal == [
        "PUT ledger/v1/products/DEM",
        "POST assignment/v1/managers",
        "POST assignment/v1/customers",
        "PUT assignment/v1/customers/c1/assignment",
    ]
    assert (report.registrations, report.core_events, report.delivered) == (4, 0, 4)


async def test_a_registration_is_sent_as_the_contract_has_it_under_the_id_of_its_event() -> None:
    bank = Bank()
    await deliver(bank, product("DEM"), manager(1), assigned(1, "m1"))
    sent = [
        (one.headers["idempotency-key"], orjson.loads(one.content)) for one in bank.requests if one.content
    ]
    assert sent == [
        ("p-DEM", {"department_id": "deposits", "name": "Demand deposit"}),
        ("m-1", {"manager_id": "m1", "name": "Manager 1", "branch_id": "b1", "grade": "senior"}),
        (
            "a-1-2026-01-01",
            {
                "shares": [{"manager_id": "m1", "share": "1"}],
                "effective_from": "2026-01-01",
                "reason": "test",
            },
        ),
    ]


async def test_registrations_go_two_hundred_at_a_time_and_keep_their_order() -> None:
    bank = Bank()
    days = ["2026-01-01", "2026-02-01", "2026-03-01"]
    await deliver(bank, *[assigned(number, "m1", day) for day in days for number in range(150)])
    assert bank.batches == [200, 200, 50]
    puts = [one for one in bank.requests if one.method == "PUT"]
    for path, count in Counter(one.url.path for one in puts).items():
        assert count == len(days)
        assert [orjson.loads(one.content)["effective_from"] for one in puts if one.url.path == path] == days


@pytest.mark.parametrize("through_log", [True, False])
async def test_core_events_wait_for_assignments_and_assignments_for_core_events(through_log: bool) -> None:
    events = list(simulate(customers=60, months=3))
    bank = Bank()
    report = await deliver(bank, *events, through_log=through_log)
    assert report.delivered == len(events)


async def test_a_hand_over_in_the_middle_splits_the_batch_and_nothing_else_does() -> None:
    bank = Bank()
    events = [core(n) for n in range(30)], [assigned(1, "m1")], [core(n) for n in range(30, 50)]
    await deliver(bank, *(one for part in events for one in part), through_log=True)
    assert bank.journal == ["publish 30", "PUT assignment/v1/customers/c1/assignment", "publish 20"]


async def test_through_the_log_events_keep_their_order_key_and_envelope() -> None:
    bank = Bank()
    cost = CloudEvent("k1", "CostIncurred", "test", b'{"manager_id":"m7","amount":"1.00"}')
    events = [core(1, "c1"), core(2, "c2"), cost]
    await deliver(bank, *events, through_log=True)
    assert {topic for topic, _ in bank.published} == {"core-banking.postings"}
    assert [message.key for _, message in bank.published] == [b"c1", b"c2", b"m7"]
    assert [message.value for _, message in bank.published] == [event.data for event in events]
    assert dict(bank.published[0][1].headers)["ce_id"] == b"t1"


async def test_through_the_log_batches_hold_two_thousand_over_http_five_hundred() -> None:
    bank = Bank()
    events = [core(number) for number in range(2_100)]
    await deliver(bank, *events, through_log=True)
    assert bank.journal == ["publish 2000", "publish 100"]
    await deliver(bank, *events)
    batches = [orjson.loads(one.content) for one in bank.requests if one.url.path == "/v1/core-events"]
    assert [len(batch) for batch in batches] == [500, 500, 500, 500, 100]
    assert [one["id"] for batch in batches for one in batch] == [event.id for event in events]
    assert bank.requests[-1].headers["content-type"] == "application/cloudevents-batch+json"


async def test_refused_core_events_are_in_the_report_with_their_reasons() -> None:
    bank = Bank()
    events = [core(1), CloudEvent("t-refused", "DepositPosted", "test", b"{}")]
    again = CloudEvent("t-again", "DepositPosted", "test", b"{}")
    report = await deliver(bank, *events, again)
    assert (report.core_events, report.accepted, report.duplicate, report.rejected) == (3, 1, 1, 1)
    assert report.rejections == [
        Rejection("t-refused", "amount: must not be zero"),
        Rejection("t-again", "booked before with other data, which stands"),
    ]


@pytest.mark.parametrize("through_log", [True, False])
async def test_what_is_away_for_a_moment_is_tried_again(through_log: bool) -> None:
    bank = Bank(answer=fail_once(), failures=3)
    report = await deliver(bank, product("DEM"), core(1), through_log=through_log)
    assert report.delivered == 2


async def test_a_broken_connection_is_tried_again() -> None:
    errors = [httpx.ConnectError("refused"), httpx.ReadTimeout("")]

    def answer(request: httpx.Request) -> None:
        if errors:
            raise errors.pop()

    report = await deliver(Bank(answer=answer), product("DEM"), core(1))
    assert report.delivered == 2


async def test_patience_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "PATIENCE_SECONDS", 0.01)
    away = answer_at("PUT /v1/products/DEM", 503, title="Away", detail="the database is away")
    with pytest.raises(
        DeliveryStopped, match=r"gave up .* PUT http://ledger/v1/products/DEM: 503 .*: Away: the data"
    ):
        await deliver(Bank(answer=away), product("DEM"))


async def test_a_ledger_that_stands_still_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "PATIENCE_SECONDS", 0.01)
    stuck = answer_at("GET /v1/lag", 200, topics={"assignment.events": 4}, total=4)
    with pytest.raises(DeliveryStopped, match="the ledger: 4 events behind"):
        await deliver(Bank(answer=stuck), assigned(1, "m1"))


async def test_a_refusal_stops_with_the_details_of_the_problem() -> None:
    fault = {"field": "department_id", "detail": "is a special centre"}
    refused = answer_at(
        "PUT /v1/products/DEM", 422, title="Malformed request", detail="one fault", errors=[fault]
    )
    with pytest.raises(
        DeliveryStopped,
        match=r"products/DEM: 422 Unprocessable .*: Malformed request: one fault: department_id is a special",
    ):
        await deliver(Bank(answer=refused), product("DEM"), core(1))


async def test_nothing_is_sent_after_a_refusal() -> None:
    bank = Bank(answer=answer_at("POST /v1/managers", 401, title="Unauthenticated"))
    with pytest.raises(DeliveryStopped, match="401"):
        await deliver(bank, manager(1), customer(1), core(1))
    assert bank.journal == []


async def test_a_second_run_finds_managers_and_customers_there_already() -> None:
    def answer(request: httpx.Request) -> httpx.Response | None:
        if request.method == "POST" and request.url.path in ("/v1/managers", "/v1/customers"):
            return httpx.Response(409, json={"title": "Refused by a rule", "detail": "is registered already"})
        names = {"/v1/managers/m1": "Manager 1", "/v1/customers/c1": "Customer 1"}
        name = names.get(request.url.path)
        return httpx.Response(200, json={"name": name, "grade": "expert"}) if name else None

    report = await deliver(Bank(answer=answer), manager(1), customer(1))
    assert report.registrations == 2


@pytest.mark.parametrize(("status", "name"), [(200, "Somebody Else"), (404, "Manager 1")])
async def test_a_conflict_with_somebody_else_stops(status: int, name: str) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            return httpx.Response(409, json={"title": "Refused by a rule", "detail": "the id is taken"})
        return httpx.Response(status, json={"name": name})

    with pytest.raises(
        DeliveryStopped, match=r"POST http://assignment/v1/managers \(event m-1\): 409 .* id is taken"
    ):
        await deliver(Bank(answer=answer), manager(1))


async def test_an_id_that_was_used_for_other_data_stops_even_where_the_names_agree() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            return httpx.Response(
                409, json={"detail": "other body", "rule": "idempotency-key-names-one-request"}
            )
        return httpx.Response(200, json={"name": "Manager 1"})

    with pytest.raises(DeliveryStopped, match="409 Conflict: other body"):
        await deliver(Bank(answer=answer), manager(1))


async def test_an_assignment_refused_by_a_rule_stops() -> None:
    refused = answer_at("PUT /v1/customers/c1/assignment", 409, detail="the manager is not confirmed")
    with pytest.raises(DeliveryStopped, match="409 Conflict: the manager is not confirmed"):
        await deliver(Bank(answer=refused), assigned(1, "m1"))


async def test_an_assignment_that_becomes_a_proposal_stops() -> None:
    proposed = answer_at("PUT /v1/customers/c1/assignment", 202)
    with pytest.raises(DeliveryStopped, match="became a proposal; use the role approver or admin"):
        await deliver(Bank(answer=proposed), assigned(1, "m1"), core(1))


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"results": []}', b'{"accepted": 1}'])
async def test_an_answer_that_makes_no_sense_stops(body: bytes) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=body)

    with pytest.raises(DeliveryStopped, match="did not answer"):
        await deliver(Bank(answer=answer), core(1))


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (CloudEvent("e1", "Nonsense", "test", b"{}"), 'event e1: type "Nonsense" is no core event'),
        (
            CloudEvent("e1", "ProductDefined", "test", b"{}"),
            r"event e1 \(ProductDefined\): product_code: is required",
        ),
        (
            CloudEvent("e1", "DepositPosted", "test", b"{}"),
            r"event e1 \(DepositPosted\): customer_id: is required",
        ),
        (
            CloudEvent("e1", "DepositPosted", "test", b"[]"),
            r"event e1 \(DepositPosted\): customer_id: is required",
        ),
    ],
)
async def test_an_event_that_cannot_be_delivered_is_named(event: CloudEvent, message: str) -> None:
    with pytest.raises(Malformed, match=message):
        await deliver(Bank(), event, through_log=True)


async def test_a_log_is_needed_for_delivery_through_it() -> None:
    bank = Bank()
    async with bank.assignment as assignment, bank.ledger as ledger:
        with pytest.raises(ValueError, match="a log is needed"):
            await feed([], via="log", assignment=assignment, ledger=ledger)


async def test_progress_is_told_in_figures_and_words() -> None:
    seen: list[tuple[int, str]] = []
    bank = Bank()
    async with bank.assignment as assignment, bank.ledger as ledger:
        await feed(
            [product("DEM"), assigned(1, "m1"), core(1), core(2)],
            via="http",
            assignment=assignment,
            ledger=ledger,
            progress=lambda report, doing: seen.append((report.delivered, doing)),
        )
    assert seen == [
        (1, "registering"),
        (2, "registering"),
        (2, "waiting for the ledger, 1 events behind"),
        (4, "posting"),
    ]


async def test_a_generous_rate_does_not_cut_batches() -> None:
    bank = Bank()
    async with bank.assignment as assignment, bank.ledger as ledger:
        events = [core(number) for number in range(100)]
        await feed(events, via="log", log=bank, assignment=assignment, ledger=ledger, rate=400)
    assert bank.journal == ["publish 100"]


@pytest.mark.parametrize("rate", [0, -1, float("nan")])
async def test_a_rate_that_is_none_is_refused(rate: float) -> None:
    bank = Bank()
    async with bank.assignment as assignment, bank.ledger as ledger:
        with pytest.raises(ValueError, match="the rate must be above zero"):
            await feed([], via="http", assignment=assignment, ledger=ledger, rate=rate)


async def test_a_slow_rate_is_cut_into_quarters_of_a_second() -> None:
    bank = Bank()
    started = time.monotonic()
    async with bank.assignment as assignment, bank.ledger as ledger:
        events = [product("DEM"), *(core(number) for number in range(15))]
        await feed(events, via="log", log=bank, assignment=assignment, ledger=ledger, rate=40)
    assert bank.journal == ["PUT ledger/v1/products/DEM", "publish 10", "publish 5"]
    assert time.monotonic() - started >= (1 + 10) / 40


async def test_delivering_again_after_a_break_repeats_the_same_ids() -> None:
    class Broken(Exception):
        pass

    def breaking() -> Iterator[CloudEvent]:
        for number, event in enumerate(simulate(customers=10, months=3)):
            if number == 100:
                raise Broken
            yield event

    bank = Bank()
    async with bank.assignment as assignment, bank.ledger as ledger:
        with pytest.raises(Broken):
            await feed(breaking(), via="log", log=bank, assignment=assignment, ledger=ledger)
        bank.core_behind = bank.assignments_behind = 0
        await feed(
            simulate(customers=10, months=3), via="log", log=bank, assignment=assignment, ledger=ledger
        )
    keys = Counter(one.headers["idempotency-key"] for one in bank.requests if one.method == "POST")
    assert set(keys.values()) == {2}


async def test_settled_means_that_nobody_is_behind_at_two_looks_in_a_row() -> None:
    lags = {"ledger": [3, 0, 0, 0, 0], "appraisal": [0, 5, 0, 0, 0, 0]}
    looks: list[tuple[str, int]] = []

    def serve(request: httpx.Request) -> httpx.Response:
        left = lags[request.url.host]
        lag = left.pop(0) if len(left) > 1 else left[0]
        looks.append((request.url.host, lag))
        return httpx.Response(200, json={"topics": {}, "total": lag})

    transport = httpx.MockTransport(serve)
    waiting: list[str] = []
    clients = {name: httpx.AsyncClient(transport=transport, base_url=f"http://{name}") for name in lags}
    async with clients["ledger"], clients["appraisal"]:
        await wait_until_settled(clients, waiting.append)
    assert [lag for _, lag in looks[-4:]] == [0, 0, 0, 0]
    assert any(lag == 5 for _, lag in looks)
    assert all(text.startswith(("waiting for ledger", "waiting for appraisal")) for text in waiting)


async def test_a_service_that_does_not_say_how_far_behind_it_is_stops() -> None:
    mute = answer_at("GET /v1/lag", 200, topics={})
    bank = Bank(answer=mute)
    async with bank.ledger as ledger:
        with pytest.raises(DeliveryStopped, match="did not answer how far behind it is"):
            await wait_until_settled({"ledger": ledger})
