"""Calls to the services over HTTP that outlast a service's absence and put every refusal into words."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Container, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
import orjson

from deploy.local.registrations import Registration
from shared.infrastructure.event_log.interface import LogUnavailable
from shared.infrastructure.pauses import growing_pauses

PATIENCE_SECONDS = 120.0
"""How long an absent service, or one that makes no progress, is waited for."""

POLL_SECONDS = 0.1

ANOTHER_BODY = "idempotency-key-names-one-request"
"""The rule by which a service refuses an id that it has seen with other data: two streams share their ids."""

_JSON = {"content-type": "application/json"}

ResultT = TypeVar("ResultT")


class DeliveryStopped(Exception):
    """Something could not be delivered, and to go on would do harm. Run again once it is mended."""


class Unavailable(Exception):
    """A service or the log cannot be reached now; worth another try after a pause."""


async def insist(attempt: Callable[[], Awaitable[ResultT]]) -> ResultT:
    """Repeat ``attempt`` with growing pauses while what it needs is away.

    Raises DeliveryStopped when that lasts longer than PATIENCE_SECONDS.
    """
    pauses, deadline = growing_pauses(), time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return await attempt()
        except (Unavailable, LogUnavailable) as error:
            if time.monotonic() > deadline:
                raise DeliveryStopped(f"gave up after {PATIENCE_SECONDS:.0f} seconds: {error}") from error
        await asyncio.sleep(next(pauses))


async def call(
    client: httpx.AsyncClient,
    method: str,
    path: str,
    *,
    content: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    allow: Container[int] = (),
) -> httpx.Response:
    """The service's answer of success (2xx), or one whose status is in ``allow``.

    Connection errors and 503 are tried again; any other answer raises DeliveryStopped with the problem's
    details.
    """

    async def attempt() -> httpx.Response:
        place = f"{method} {client.base_url.join(path)}"
        try:
            response = await client.request(method, path, content=content, headers=headers)
        except httpx.TransportError as error:
            raise Unavailable(f"{place}: {error or type(error).__name__}") from error
        if response.status_code == httpx.codes.SERVICE_UNAVAILABLE:
            raise Unavailable(f"{place}: {problem_of(response)}")
        if not response.is_success and response.status_code not in allow:
            raise DeliveryStopped(f"{place}: {problem_of(response)}")
        return response

    return await insist(attempt)


def problem_of(response: httpx.Response) -> str:
    """An answer that is an error, in one line: status, title, detail and the fields at fault (RFC 9457)."""
    try:
        problem = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return f"{_status(response.status_code)} {response.text[:200].strip()}".strip()
    return _in_one_line(response.status_code, problem)


def _in_one_line(status: int, problem: object) -> str:
    if not isinstance(problem, dict):
        return _status(status)
    said = [str(problem[name]) for name in ("title", "detail") if problem.get(name)]
    faults = problem.get("errors")
    for fault in faults if isinstance(faults, list) else ():
        said.append(" ".join(map(str, fault.values())) if isinstance(fault, dict) else str(fault))
    return ": ".join([_status(status), *said])


def _status(status: int) -> str:
    return f"{status} {httpx.codes.get_reason_phrase(status)}"


def json_of(response: httpx.Response) -> dict[str, Any]:
    """The JSON object of an answer; raises DeliveryStopped for anything else."""
    try:
        answer = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        answer = None
    if not isinstance(answer, dict):
        request = response.request
        raise DeliveryStopped(f"{request.method} {request.url}: did not answer a JSON object")
    return answer


async def send_registrations(client: httpx.AsyncClient, registrations: Sequence[Registration]) -> None:
    """Send registrations of one service, each under the id of its event, so that the service knows a repetition.

    Raises DeliveryStopped when one is refused, unless what it registers is there already by the same name
    (whatever else has changed since), or when it becomes a mere proposal.
    """
    if registrations[0].route.service == "assignment":
        answers = await insist(lambda: _in_a_batch(client, registrations))
    else:
        answers = [await _alone(client, registration) for registration in registrations]
    for registration, (status, answer) in zip(registrations, answers, strict=True):
        await _check(client, registration, status, answer)


async def _alone(client: httpx.AsyncClient, registration: Registration) -> tuple[int, object]:
    headers = {**_JSON, "idempotency-key": quote(registration.event_id, safe=":@+")}
    content = orjson.dumps(registration.body)
    response = await call(
        client,
        registration.route.method,
        registration.path,
        content=content,
        headers=headers,
        allow=(httpx.codes.CONFLICT,),
    )
    return response.status_code, json_of(response)


async def _in_a_batch(
    client: httpx.AsyncClient, registrations: Sequence[Registration]
) -> list[tuple[int, object]]:
    """Status and answer of each; raises Unavailable while one of them has to be tried again."""
    content = orjson.dumps([registration.event() for registration in registrations])
    response = await call(client, "POST", "/v1/registrations", content=content, headers=_JSON)
    results = json_of(response).get("results")
    if not isinstance(results, list) or len(results) != len(registrations):
        raise DeliveryStopped("POST /v1/registrations: did not answer what became of each")
    answers = [(int(result["status"]), result.get("answer")) for result in results]
    for registration, (status, answer) in zip(registrations, answers, strict=True):
        if status == httpx.codes.SERVICE_UNAVAILABLE:
            raise Unavailable(f"{_place(client, registration)}: {_in_one_line(status, answer)}")
    return answers


async def _check(client: httpx.AsyncClient, registration: Registration, status: int, answer: object) -> None:
    if status == httpx.codes.ACCEPTED:
        raise DeliveryStopped(
            f"{_place(client, registration)}: became a proposal; use the role approver or admin"
        )
    if not httpx.codes.is_success(status) and not await _is_there(client, registration, status, answer):
        raise DeliveryStopped(f"{_place(client, registration)}: {_in_one_line(status, answer)}")


def _place(client: httpx.AsyncClient, registration: Registration) -> str:
    url = client.base_url.join(registration.path)
    return f"{registration.route.method} {url} (event {registration.event_id})"


async def _is_there(
    client: httpx.AsyncClient, registration: Registration, status: int, refused: object
) -> bool:
    rule = refused.get("rule") if isinstance(refused, dict) else None
    if status != httpx.codes.CONFLICT or registration.route.method != "POST" or rule == ANOTHER_BODY:
        return False
    path = f"{registration.path}/{quote(registration.aggregate, safe='')}"
    response = await call(client, "GET", path, allow=(httpx.codes.NOT_FOUND,))
    return response.is_success and json_of(response).get("name") == registration.body["name"]


async def lag_of(client: httpx.AsyncClient, topic: str | None = None) -> int:
    """Events that a service is behind, in one topic or in all."""
    answer = json_of(await call(client, "GET", "/v1/lag"))
    topics, total = answer.get("topics"), answer.get("total")
    lag = topics.get(topic, 0) if topic is not None and isinstance(topics, dict) else total
    if not isinstance(lag, int):
        raise DeliveryStopped(f"{client.base_url.join('/v1/lag')}: did not answer how far behind it is")
    return lag


async def wait_for_lag(
    service: str,
    client: httpx.AsyncClient,
    topic: str | None = None,
    waiting: Callable[[str], None] | None = None,
) -> None:
    """Wait until a service is behind in nothing, or not in ``topic``.

    ``waiting`` is told each time what is waited for. Raises DeliveryStopped when nothing moves for
    PATIENCE_SECONDS.
    """
    last, deadline = -1, 0.0
    while lag := await lag_of(client, topic):
        if lag != last:
            last, deadline = lag, time.monotonic() + PATIENCE_SECONDS
        elif time.monotonic() > deadline:
            raise DeliveryStopped(f"{service}: {lag} events behind for {PATIENCE_SECONDS:.0f} seconds")
        if waiting is not None:
            waiting(f"waiting for {service}, {lag} events behind")
        await asyncio.sleep(POLL_SECONDS)


async def wait_until_settled(
    clients: Mapping[str, httpx.AsyncClient], waiting: Callable[[str], None] | None = None
) -> None:
    """Wait until no service (by name, upstream first) is behind, and none has fallen behind again at a
    second look: what one service publishes is the next one's work."""
    looks_without_work = 0
    while looks_without_work < 2:
        lags = [await lag_of(client) for client in clients.values()]
        looks_without_work = looks_without_work + 1 if not any(lags) else 0
        for (service, client), lag in zip(clients.items(), lags, strict=True):
            if lag:
                await wait_for_lag(service, client, waiting=waiting)
        await asyncio.sleep(POLL_SECONDS)
