"""What happens around every request: ids, size limit, one log line, metrics, and an answer to any error."""

import time
from typing import Any

import structlog
from prometheus_client import Counter, Histogram
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars, reset_contextvars, unbind_contextvars

from shared.infrastructure import tracing
from shared.infrastructure.http.context import RequestContext, current
from shared.infrastructure.http.problems import malformed, problem_of
from shared.infrastructure.metrics import HTTP_REQUEST_DURATION, HTTP_REQUESTS

LARGEST_BODY = 16 * 1024 * 1024
UNMATCHED = "unmatched"
"""Stands in logs and metrics for paths and methods we do not know: whoever probes must not fill them."""

_METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"}
_ROUTINE = {"/healthz", "/readyz", "/metrics"}
"""Asked every few seconds by machines, so logged at debug level only."""

_ALWAYS = [(b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store")]

log = structlog.get_logger()


class RequestMiddleware:
    """Plain ASGI, without a task or a copy of the body of its own."""

    def __init__(self, app: ASGIApp, *, service: str, largest_body: int = LARGEST_BODY) -> None:
        self._app = app
        self._service = service
        self._largest_body = largest_body
        self._metrics: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        trace = tracing.Request(
            headers.get(b"traceparent", b"").decode("latin-1"), routine=scope["path"] in _ROUTINE
        )
        context = RequestContext.of(headers.get(b"x-request-id", b"").decode("latin-1"), trace.traceparent)
        added = [
            (b"x-request-id", context.request_id.encode()),
            (b"traceparent", context.traceparent.encode()),
            *_ALWAYS,
        ]
        status = 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), *added]
            await send(message)

        started = time.perf_counter()
        reset = current.set(context)
        bound = bind_contextvars(request_id=context.request_id, trace=context.traceparent)
        try:
            self._refuse_early(scope, headers)
            await self._app(scope, self._limited(receive), answer)
        except Exception as error:
            if status:  # half an answer is out already; only breaking the connection tells the caller
                raise
            await problem_of(error)(scope, receive, answer)
        finally:
            self._record(scope, status or 500, time.perf_counter() - started, trace)
            reset_contextvars(**bound)
            unbind_contextvars("actor")
            current.reset(reset)

    def _refuse_early(self, scope: Scope, headers: dict[bytes, bytes]) -> None:
        """What need not reach a route: bodies too large, and the character no PostgreSQL text can hold."""
        announced = headers.get(b"content-length", b"")
        if announced.isdigit() and int(announced) > self._largest_body:
            raise self._too_large()
        if "\0" in scope["path"] or b"%00" in scope["query_string"]:
            raise malformed("url", "must not contain a NUL character", place="path")

    def _limited(self, receive: Receive) -> Receive:
        """Counts what arrives, whatever was announced."""
        received = 0

        async def limited() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._largest_body:
                raise self._too_large()
            return message

        return limited

    def _metrics_of(self, method: str, template: str, status: int) -> tuple[Counter, Histogram]:
        """The two series of an answer, remembered, as finding them by their labels is slow."""
        found = self._metrics.get((method, template, status))
        if found is None:
            found = self._metrics[method, template, status] = (
                HTTP_REQUESTS.labels(self._service, method, template, str(status)),
                HTTP_REQUEST_DURATION.labels(self._service, method, template),
            )
        return found

    def _too_large(self) -> HTTPException:
        return HTTPException(
            413, f"A body may have at most {self._largest_body} bytes.", headers={"Connection": "close"}
        )

    def _record(self, scope: Scope, status: int, seconds: float, trace: tracing.Request) -> None:
        route: Any = scope.get("route")
        template: str = getattr(route, "path_format", UNMATCHED)
        method = scope["method"] if scope["method"] in _METHODS else UNMATCHED
        requests, duration = self._metrics_of(method, template, status)
        requests.inc()
        duration.observe(seconds)
        trace.end(method, template, status)
        write = log.debug if template in _ROUTINE else log.info
        write("request", method=method, route=template, status=status, seconds=round(seconds, 6))
