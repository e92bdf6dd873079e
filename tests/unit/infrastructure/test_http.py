"""The HTTP door: one form for every error, ids on every answer, limits, pages, versions and documentation."""

import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

import httpx
import orjson
import pytest
import structlog
from fastapi import APIRouter, Depends, FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from prometheus_client import REGISTRY
from pydantic import AwareDatetime, BaseModel, Field
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.responses import StreamingResponse
from structlog.testing import capture_logs

from shared.contracts.types import BusinessDate, Contract, Id, Money, Share, parse
from shared.infrastructure.auth import Authenticator, Forbidden, Principal, Role, allow, issue_token
from shared.infrastructure.event_log import LogUnavailable
from shared.infrastructure.http import (
    IdempotencyKey,
    IfMatch,
    Json,
    Page,
    PageQuery,
    context_of_request,
    create_app,
    decode_cursor,
    encode_cursor,
    etag,
    json_body,
    malformed,
    page_of,
)
from shared.infrastructure.keys import IssuerUnavailable
from shared.infrastructure.settings import Settings
from shared.kernel.errors import Malformed, NotOnRecord, Refusal, StaleVersion, Unknown

LARGEST_BODY = 2048
PROBLEM = "application/problem+json"

RAISED: dict[str, Exception] = {
    "malformed": Malformed("must be a month"),
    "field": malformed("period", "must be a month"),
    "refused": Refusal("shares-add-up", "shares", "the shares must add up to 1"),
    "unknown": Unknown("no such manager"),
    "not-on-record": NotOnRecord("manager-is-known", "manager_id", "no such manager"),
    "stale": StaleVersion("you read version 3, it is at 4"),
    "forbidden": Forbidden("not your customer"),
    "log-away": LogUnavailable("broker 1 is gone"),
    "issuer-away": IssuerUnavailable("no keys"),
    "database-away": OperationalError("SELECT secret_column FROM t", {"p": "4711"}, Exception("closed")),
    "pool-empty": PoolTimeout("QueuePool limit"),
    "refused-connection": ConnectionRefusedError(111, "10.1.2.3 refused"),
    "bug": RuntimeError("password=hunter2 at line 7"),
}


class ShareOf(BaseModel):
    manager_id: Id
    share: Share


class Assignment(BaseModel):
    shares: list[ShareOf] = Field(min_length=1)
    amount: Money | None = None
    kind: Literal["first", "second"] = "first"


class Cat(BaseModel):
    pet: Literal["cat"]


class Dog(BaseModel):
    pet: Literal["dog"]


class Filters(BaseModel):
    branch: str | None = None
    grade: str | None = None


router = APIRouter(prefix="/v1")


@router.put("/things/{thing_id}")
async def put_thing(
    thing_id: Id, body: Assignment, version: IfMatch, key: IdempotencyKey, limit: int = 0
) -> dict[str, Any]:
    return {"thing": thing_id, "version": version, "key": key}


@router.post("/pets")
async def post_pet(body: Annotated[Cat | Dog, Field(discriminator="pet")]) -> None: ...


@router.post("/batch")
async def post_batch(request: Request) -> Any:
    return Json({"got": await json_body(request)})


@router.post("/unread")
async def post_without_reading() -> None: ...


@router.get("/raise/{name}")
async def raise_it(name: str) -> None:
    raise RAISED[name]


@router.get("/guarded")
async def guarded(number: int, _: Annotated[Principal, Depends(allow(Role.CORE))]) -> int:
    return number


@router.get("/pages")
async def pages(page: PageQuery) -> dict[str, Any]:
    return page_of([page.limit, page.after(str, int)], encode_cursor("m1", 7))


@router.get("/filtered")
async def filtered(filters: Annotated[Filters, Query()], period: str = "") -> dict[str, Any]:
    return filters.model_dump()


@router.get("/context")
async def context() -> dict[str, Any]:
    ids = context_of_request()
    return {"request_id": ids.request_id, "traceparent": ids.traceparent}


@router.get("/accounts")
async def accounts(who: Annotated[Principal, Depends(allow(Role.ACCOUNTANT, reads=True))]) -> str:
    return who.subject


@router.post("/accounts")
async def post_accounts(who: Annotated[Principal, Depends(allow(Role.ACCOUNTANT))]) -> str:
    return who.subject


class World:
    """What the app under test depends on, to be changed by a test."""

    def __init__(self) -> None:
        self.checks: dict[str, str] = {"database": "ok", "log": "ok"}
        self.started = False

    async def readiness(self) -> Mapping[str, str]:
        if "raise" in self.checks:
            raise ConnectionRefusedError
        return self.checks

    async def lag(self) -> Mapping[str, int]:
        return {"core-banking.postings": 3, "ledger.events": 4}

    @asynccontextmanager
    async def lifespan(self, _app: FastAPI) -> AsyncIterator[None]:
        self.started = True
        yield


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with capture_logs():
        yield


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def app(tmp_path: Path, world: World) -> FastAPI:
    settings = Settings(data=tmp_path)
    return create_app(
        service="ledger",
        title="Ledger",
        description="Books.",
        version="1.0",
        settings=settings,
        authenticator=Authenticator(settings),
        routers=[router],
        lifespan=world.lifespan,
        readiness=world.readiness,
        lag=world.lag,
        asyncapi=lambda: {"asyncapi": "3.0.0"},
        largest_body=LARGEST_BODY,
    )


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://ledger") as client:
        yield client


@pytest.fixture
async def stranger(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A caller from another machine."""
    transport = httpx.ASGITransport(app, client=("10.1.2.3", 4711))
    async with httpx.AsyncClient(transport=transport, base_url="http://ledger") as client:
        yield client


def bearer(data: Path, *roles: Role, subject: str = "u1") -> dict[str, str]:
    return {"Authorization": f"Bearer {issue_token(data, roles, subject)}"}


def problem(response: httpx.Response, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == PROBLEM
    body: dict[str, Any] = response.json()
    assert body["status"] == status
    assert body["title"]
    assert body["detail"]
    assert isinstance(body["errors"], list)
    assert body["request_id"] == response.headers["x-request-id"]
    return body


# --- problem details


@pytest.mark.parametrize(
    ("name", "status", "kind"),
    [
        ("malformed", 422, "malformed"),
        ("field", 422, "malformed"),
        ("refused", 409, "refused:shares-add-up"),
        ("unknown", 404, "unknown"),
        ("not-on-record", 404, "unknown"),
        ("stale", 412, "stale-version"),
        ("forbidden", 403, "forbidden"),
        ("log-away", 503, "unavailable"),
        ("issuer-away", 503, "unavailable"),
        ("database-away", 503, "unavailable"),
        ("pool-empty", 503, "unavailable"),
        ("refused-connection", 503, "unavailable"),
        ("bug", 500, "unexpected"),
    ],
)
async def test_every_kind_of_error_has_its_status_and_a_stable_type(
    client: httpx.AsyncClient, name: str, status: int, kind: str
) -> None:
    body = problem(await client.get(f"/v1/raise/{name}"), status)
    assert body["type"] == f"urn:dualbook:problem:{kind}"


async def test_a_refusal_names_its_rule_and_its_field(client: httpx.AsyncClient) -> None:
    body = problem(await client.get("/v1/raise/refused"), 409)
    assert body["rule"] == "shares-add-up"
    assert body["errors"] == [
        {"field": "shares", "detail": "the shares must add up to 1", "rule": "shares-add-up"}
    ]


@pytest.mark.parametrize("name", ["bug", "database-away", "refused-connection"])
async def test_our_own_failures_show_nothing_of_our_insides(client: httpx.AsyncClient, name: str) -> None:
    text = (await client.get(f"/v1/raise/{name}")).text
    assert not re.search(r"hunter2|secret_column|4711|10\.1\.2\.3|Traceback|RuntimeError", text)


async def test_an_unexpected_error_is_logged_with_its_traceback_and_request_id(
    client: httpx.AsyncClient,
) -> None:
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
        response = await client.get("/v1/raise/bug")
    [line] = [line for line in lines if line["log_level"] == "error"]
    assert isinstance(line["exc_info"], RuntimeError)
    assert line["request_id"] == response.headers["x-request-id"]


async def test_when_something_is_away_the_answer_says_when_to_come_again(client: httpx.AsyncClient) -> None:
    response = await client.get("/v1/raise/database-away")
    assert int(response.headers["retry-after"]) > 0


async def test_an_unknown_path_and_a_wrong_method_are_problems_too(client: httpx.AsyncClient) -> None:
    assert problem(await client.get("/v1/nothing"), 404)["type"] == "about:blank"
    response = await client.delete("/v1/pages")
    assert problem(response, 405)["type"] == "about:blank"
    assert response.headers["allow"] == "GET"


async def test_a_path_has_one_spelling(client: httpx.AsyncClient) -> None:
    problem(await client.get("/v1/pages/"), 404)


async def test_malformed_fields_are_named_by_path_and_never_repeated(client: httpx.AsyncClient) -> None:
    shares = [{"manager_id": "m 1!", "share": 0.5}, {"manager_id": "m2", "share": "hush-hush"}, {}]
    body = problem(await client.put("/v1/things/t1", json={"shares": shares, "kind": "hush-hush"}), 422)
    assert [error["field"] for error in body["errors"]] == [
        "shares.0.manager_id",
        "shares.0.share",
        "shares.1.share",
        "shares.2.manager_id",
        "shares.2.share",
        "kind",
    ]
    assert body["errors"][3] == {"field": "shares.2.manager_id", "detail": "is required"}
    assert body["detail"].startswith("shares.0.manager_id: ")
    assert body["detail"].endswith("(and 5 more)")
    assert "hush-hush" not in str(body)
    assert "m 1!" not in str(body)


async def test_the_tag_of_a_union_is_not_repeated_either(client: httpx.AsyncClient) -> None:
    body = problem(await client.post("/v1/pets", json={"pet": "hush-hush"}), 422)
    assert "hush-hush" not in str(body)
    assert "'cat', 'dog'" in body["errors"][0]["detail"]


async def test_many_errors_do_not_make_an_endless_answer(client: httpx.AsyncClient) -> None:
    body = problem(await client.put("/v1/things/t1", json={"shares": [1] * 500}), 422)
    assert len(body["errors"]) == 100
    assert "(and 499 more)" in body["detail"]


@pytest.mark.parametrize("path", ["/v1/things/t1", "/v1/batch"])
@pytest.mark.parametrize("content", [b"{", b'{"shares": [}', b"\xff\xfe", b"[" * 1500, b""])
async def test_a_body_that_is_not_json_is_malformed(
    client: httpx.AsyncClient, path: str, content: bytes
) -> None:
    send = client.put if path.endswith("t1") else client.post
    response = await send(path, content=content, headers={"Content-Type": "application/json"})
    problem(response, 422)


async def test_not_json_names_the_body(client: httpx.AsyncClient) -> None:
    response = await client.put("/v1/things/t1", content=b"{", headers={"Content-Type": "application/json"})
    [error] = problem(response, 422)["errors"]
    assert error["field"] == "body"
    assert error["detail"].startswith("is not JSON")


async def test_json_under_another_content_type_is_told_the_right_one(client: httpx.AsyncClient) -> None:
    response = await client.put("/v1/things/t1", content=b"{}", headers={"Content-Type": "text/plain"})
    [error] = problem(response, 422)["errors"]
    assert error == {"field": "body", "detail": "must be JSON, sent with Content-Type: application/json"}


async def test_a_batch_is_read_whatever_its_json_type_is_called(client: httpx.AsyncClient) -> None:
    headers = {"Content-Type": "application/cloudevents-batch+json"}
    response = await client.post("/v1/batch", content=b"[1, 2]", headers=headers)
    assert response.json() == {"got": [1, 2]}


async def test_an_answer_that_broke_half_way_breaks_the_connection(app: FastAPI) -> None:
    @app.get("/v1/half")
    async def half() -> StreamingResponse:
        async def parts() -> AsyncIterator[bytes]:
            yield b"half of "
            raise RuntimeError("too bad")

        return StreamingResponse(parts())

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://ledger") as client:
        with pytest.raises(RuntimeError, match="too bad"):
            await client.get("/v1/half")


# --- query parameters


async def test_an_unknown_query_parameter_is_refused_by_name(client: httpx.AsyncClient) -> None:
    body = problem(await client.get("/v1/pages?limt=5"), 422)
    assert body["errors"][0]["field"] == "limt"
    assert "cursor, limit" in body["errors"][0]["detail"]


@pytest.mark.parametrize("path", ["/v1/filtered?branch=b1&period=2026-07", "/v1/pages?limit=5"])
async def test_known_query_parameters_pass_wherever_they_are_declared(
    client: httpx.AsyncClient, path: str
) -> None:
    assert (await client.get(path)).status_code == 200


async def test_the_parameters_of_a_model_are_the_only_ones_it_knows(client: httpx.AsyncClient) -> None:
    assert problem(await client.get("/v1/filtered?filters=x"), 422)["errors"][0]["field"] == "filters"


async def test_system_routes_know_no_parameters(client: httpx.AsyncClient) -> None:
    problem(await client.get("/healthz?verbose=1"), 422)


@pytest.mark.parametrize("path", ["/v1/raise/a%00b", "/v1/filtered?branch=%00"])
async def test_a_character_that_no_database_text_can_hold_is_refused(
    client: httpx.AsyncClient, path: str
) -> None:
    problem(await client.get(path), 422)


# --- pages, versions, idempotency keys


async def test_a_page_has_a_default_size_and_a_largest_one(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/pages")).json()["items"] == [100, None]
    assert (await client.get("/v1/pages?limit=1000")).json()["items"][0] == 1000
    for limit in ("0", "1001", "-1", "many"):
        assert problem(await client.get(f"/v1/pages?limit={limit}"), 422)["errors"][0]["field"] == "limit"


async def test_a_cursor_leads_to_where_the_page_ended(client: httpx.AsyncClient) -> None:
    following = (await client.get("/v1/pages")).json()["next"]
    assert (await client.get(f"/v1/pages?cursor={following}")).json()["items"][1] == ["m1", 7]


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "!",
        "é",
        "W10",
        "A" * 2000,
        encode_cursor("m1"),
        encode_cursor(7, "m1"),
        encode_cursor("m1", True),
        encode_cursor("m1", 7, 8),
        encode_cursor("m1", 2**63),
        encode_cursor("a\0b", 7),
    ],
)
async def test_a_cursor_that_is_not_ours_is_malformed(client: httpx.AsyncClient, cursor: str) -> None:
    body = problem(await client.get("/v1/pages", params={"cursor": cursor}), 422)
    assert body["errors"][0]["field"] == "cursor"


@pytest.mark.parametrize("limit", range(1, 7))
def test_a_list_that_was_read_whole_comes_in_pages_too(limit: int) -> None:
    items = [{"name": name, "day": day} for name in "ab" for day in range(2)] + [
        {"name": "default", "day": 9}
    ]
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        answer = Page(limit, cursor).of(items, "name", "day")
        assert 0 < len(answer["items"]) <= limit
        found += answer["items"]
        cursor = answer["next"]
        if cursor is None:
            break
    assert found == items


@pytest.mark.parametrize("cursor", [encode_cursor("c", "0"), encode_cursor("a"), "x"])
def test_a_cursor_of_another_list_is_malformed(cursor: str) -> None:
    with pytest.raises(RequestValidationError, match="is not the `next` of a page of this list"):
        Page(10, cursor).of([{"name": "a", "day": 0}], "name", "day")


async def test_who_shows_no_token_hears_of_that_before_all_else(client: httpx.AsyncClient) -> None:
    problem(await client.get("/v1/guarded?number=x"), 401)


class Several(Contract, extra="forbid"):
    customer_id: Id
    day: BusinessDate
    number: Annotated[int, Field(ge=1)] = 1
    known_at: AwareDatetime | None = None
    rates: dict[Literal["a", "b"], str] | None = None
    inner: Share | None = None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"customer_id": "a b"}, "customer_id: must be 1 to 64 letters, digits and . : @ + - _"),
        ({"day": "2026-13-01"}, "day: must be a day of the calendar, written YYYY-MM-DD"),
        ({"day": None}, "day: must be a date written YYYY-MM-DD"),
        ({"number": "x"}, "number: must be a whole number"),
        ({"number": 0}, "number: must be greater than or equal to 1"),
        ({"known_at": "2026-10-01T00:00:00"}, "known_at: must be a moment with its offset from UTC"),
        ({"rates": {"c": "1"}}, "rates.c: must be 'a' or 'b'"),
        ({"inner": 1}, "inner: must be a decimal string above 0 and at most 1"),
        ({"mumber": 1}, "mumber: is not known here"),
    ],
)
def test_a_mistake_is_told_by_field_and_rule_in_words(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(Malformed) as told:
        parse(Several, orjson.dumps({"customer_id": "c1", "day": "2026-07-01", **changes}))
    assert str(told.value).startswith(words)


def test_a_cursor_is_safe_in_a_url() -> None:
    cursor = encode_cursor("客户-1?&=/+", 2**62)
    assert re.fullmatch(r"[\w-]+", cursor, re.ASCII)
    assert decode_cursor(cursor, str, int) == ("客户-1?&=/+", 2**62)


BODY = {"shares": [{"manager_id": "m1", "share": "1"}]}


async def test_the_version_the_caller_decided_on_is_read_from_if_match(client: httpx.AsyncClient) -> None:
    assert etag(7) == '"7"'
    for header, version in ((None, None), (etag(7), 7), (etag(0), 0)):
        headers = {"If-Match": header} if header else {}
        assert (await client.put("/v1/things/t1", json=BODY, headers=headers)).json()["version"] == version


@pytest.mark.parametrize("header", ["7", "*", 'W/"7"', '"x"', '""', '"1", "2"', '"' + "9" * 30 + '"', '"٧"'])
async def test_another_if_match_is_malformed(client: httpx.AsyncClient, header: str) -> None:
    response = await client.put("/v1/things/t1", json=BODY, headers={b"If-Match": header.encode()})
    assert problem(response, 422)["errors"][0]["field"] == "If-Match"


async def test_an_idempotency_key_is_handed_on(client: httpx.AsyncClient) -> None:
    response = await client.put("/v1/things/t1", json=BODY, headers={"Idempotency-Key": "k" * 128})
    assert response.json()["key"] == "k" * 128
    assert (await client.put("/v1/things/t1", json=BODY)).json()["key"] is None


@pytest.mark.parametrize("key", ["", "k" * 129, "two words", "schlüssel", "tab\there"])
async def test_an_idempotency_key_that_is_no_plain_name_is_malformed(
    client: httpx.AsyncClient, key: str
) -> None:
    response = await client.put("/v1/things/t1", json=BODY, headers={b"Idempotency-Key": key.encode()})
    assert problem(response, 422)["errors"][0]["field"] == "Idempotency-Key"


# --- the middleware


async def test_a_callers_ids_are_carried_through(client: httpx.AsyncClient) -> None:
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    response = await client.get("/v1/context", headers={"X-Request-Id": "batch-7:1", "traceparent": trace})
    assert response.json() == {"request_id": "batch-7:1", "traceparent": trace}
    assert response.headers["x-request-id"] == "batch-7:1"
    assert response.headers["traceparent"] == trace


@pytest.mark.parametrize("request_id", ["", "x" * 129, "a b", "<script>", 'a"b', "a;b"])
@pytest.mark.parametrize(
    "trace",
    [
        "",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
    ],
)
async def test_ids_that_are_no_ids_are_replaced(
    client: httpx.AsyncClient, request_id: str, trace: str
) -> None:
    response = await client.get("/v1/context", headers={"X-Request-Id": request_id, "traceparent": trace})
    assert response.headers["x-request-id"] not in ("", request_id)
    assert response.headers["traceparent"] not in ("", trace)
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-00", response.headers["traceparent"])


async def test_outside_of_a_request_there_are_no_ids(client: httpx.AsyncClient, tmp_path: Path) -> None:
    await client.get("/v1/accounts", headers=bearer(tmp_path, Role.ACCOUNTANT))
    with pytest.raises(LookupError):
        context_of_request()
    assert structlog.contextvars.get_contextvars() == {}


async def test_a_request_is_one_log_line_without_its_secrets(
    client: httpx.AsyncClient, tmp_path: Path
) -> None:
    headers = bearer(tmp_path, Role.ACCOUNTANT, subject="u9")
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
        await client.get("/v1/accounts", headers=headers)
    [line] = lines
    assert (line["event"], line["method"], line["route"], line["status"]) == (
        "request",
        "GET",
        "/v1/accounts",
        200,
    )
    assert line["seconds"] > 0
    assert line["actor"] == "u9"
    assert line["request_id"]
    assert line["trace"]
    assert headers["Authorization"].removeprefix("Bearer ") not in str(lines)


async def test_metrics_count_by_route_template_never_by_path(client: httpx.AsyncClient) -> None:
    def count(**labels: str) -> float:
        return REGISTRY.get_sample_value("dualbook_http_requests_total", {"service": "ledger", **labels}) or 0

    known = {"method": "GET", "route": "/v1/raise/{name}", "status": "404"}
    stray = {"method": "GET", "route": "unmatched", "status": "404"}
    odd = {"method": "unmatched", "route": "unmatched", "status": "404"}
    before = [count(**labels) for labels in (known, stray, odd)]
    await client.get("/v1/raise/unknown")
    await client.get("/v1/wp-admin")
    await client.request("BREW", "/v1/coffee")
    assert [count(**labels) for labels in (known, stray, odd)] == [number + 1 for number in before]
    exposition = (await client.get("/metrics")).text
    assert "dualbook_http_request_duration_seconds_bucket" in exposition
    assert "wp-admin" not in exposition
    assert "BREW" not in exposition


async def test_a_body_announced_too_large_is_refused_before_it_arrives(client: httpx.AsyncClient) -> None:
    for path in ("/v1/batch", "/v1/unread"):
        response = await client.post(path, content=b" " * (LARGEST_BODY + 1))
        assert str(LARGEST_BODY) in problem(response, 413)["detail"]
        assert response.headers["connection"] == "close"


@pytest.mark.parametrize("path", ["/v1/batch", "/v1/pets"])
async def test_a_body_without_announced_length_is_counted_as_it_arrives(
    client: httpx.AsyncClient, path: str
) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b" " * (LARGEST_BODY // 2)

    problem(await client.post(path, content=endless(), headers={"Content-Type": "application/json"}), 413)


async def test_a_body_of_just_the_largest_size_is_read(client: httpx.AsyncClient) -> None:
    content = b"[1]".ljust(LARGEST_BODY)
    assert (await client.post("/v1/batch", content=content)).json() == {"got": [1]}


# --- who may do what


async def test_without_a_token_the_answer_asks_for_one(client: httpx.AsyncClient) -> None:
    response = await client.get("/v1/accounts")
    assert problem(response, 401)["type"] == "urn:dualbook:problem:unauthenticated"
    assert response.headers["www-authenticate"].startswith("Bearer")


async def test_a_role_that_is_not_enough_is_told_which_would_be(
    client: httpx.AsyncClient, tmp_path: Path
) -> None:
    response = await client.post("/v1/accounts", headers=bearer(tmp_path, Role.MANAGER))
    assert "accountant, admin" in problem(response, 403)["detail"]


@pytest.mark.parametrize(
    ("role", "reads", "writes"),
    [(Role.ACCOUNTANT, 200, 200), (Role.ADMIN, 200, 200), (Role.AUDITOR, 200, 403), (Role.CORE, 403, 403)],
)
async def test_an_auditor_reads_all_and_an_admin_may_all(
    client: httpx.AsyncClient, tmp_path: Path, role: Role, reads: int, writes: int
) -> None:
    headers = bearer(tmp_path, role)
    assert (await client.get("/v1/accounts", headers=headers)).status_code == reads
    assert (await client.post("/v1/accounts", headers=headers)).status_code == writes


# --- system routes


OPEN_ON_LOOPBACK = [
    "/healthz",
    "/readyz",
    "/metrics",
    "/docs",
    "/redoc",
    "/docs/assets/swagger-ui.css",
    "/openapi.json",
    "/asyncapi.json",
]


@pytest.mark.parametrize("path", OPEN_ON_LOOPBACK)
async def test_system_routes_are_open_on_loopback_and_else_need_any_token(
    client: httpx.AsyncClient, stranger: httpx.AsyncClient, tmp_path: Path, path: str
) -> None:
    assert (await client.get(path)).status_code == 200
    problem(await stranger.get(path), 401)
    assert (await stranger.get(path, headers=bearer(tmp_path))).status_code == 200


async def test_the_lag_needs_a_token_even_on_loopback(client: httpx.AsyncClient, tmp_path: Path) -> None:
    problem(await client.get("/v1/lag"), 401)
    response = await client.get("/v1/lag", headers=bearer(tmp_path, Role.CORE))
    assert response.json() == {"topics": {"core-banking.postings": 3, "ledger.events": 4}, "total": 7}


async def test_readiness_tells_what_is_wrong(client: httpx.AsyncClient, world: World) -> None:
    assert (await client.get("/readyz")).json() == {"status": "ready", "checks": world.checks}
    world.checks["log"] = "no broker answers"
    response = await client.get("/readyz")
    assert response.status_code == 503
    assert response.json() == {"status": "not ready", "checks": world.checks}
    world.checks["raise"] = "now"
    problem(await client.get("/readyz"), 503)


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
async def test_documentation_fetches_nothing_from_elsewhere(client: httpx.AsyncClient, path: str) -> None:
    page = await client.get(path)
    assert not re.search(r"(?:https?:)?//\w", page.text)
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "http" not in page.headers["content-security-policy"]
    linked = set(re.findall(r'(?:src|href)="([^"]+)"', page.text))
    assert len(linked) >= 2
    for link in linked:
        assert (await client.get(link)).status_code == 200


async def test_no_other_file_is_served_as_an_asset(client: httpx.AsyncClient) -> None:
    assert (await client.get("/docs/assets/..%2Fcore.py")).status_code in (404, 422)
    problem(await client.get("/docs/assets/core.py"), 422)


async def test_openapi_declares_bearer_tokens_and_problem_details(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    assert document["components"]["securitySchemes"]["bearer"] == {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "See `dualbook token --help`.",
    }
    operation = document["paths"]["/v1/accounts"]["get"]
    assert operation["security"] == [{"bearer": []}]
    assert operation["responses"]["4XX"]["content"] == {
        PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}
    }
    for reference in set(re.findall(r"#/components/schemas/(\w+)", str(document))):
        assert reference in document["components"]["schemas"]
    assert "HTTPValidationError" not in str(document)
    assert "/v1/lag" in document["paths"]


async def test_the_lifespan_is_the_services_own(app: FastAPI, world: World) -> None:
    async with app.router.lifespan_context(app):
        assert world.started
