"""One way to build and to run the HTTP door of a service, so that all of them keep the same conventions."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from copy import copy
from typing import Any

import uvicorn
from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from fastapi.telemetry import TelemetryConfig
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import BaseRoute

from shared.infrastructure.auth import Authenticator, Gate
from shared.infrastructure.http.headers import refuse_unknown_query
from shared.infrastructure.http.middleware import LARGEST_BODY, RequestMiddleware
from shared.infrastructure.http.problems import MEDIA_TYPE, Problem, problem_of
from shared.infrastructure.http.system import AsyncApi, Lag, Readiness, lag_router, system_router
from shared.infrastructure.settings import Settings

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]

SHUTDOWN_SECONDS = 5

_NO_TELEMETRY: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False, "auto_configure": False}
"""FastAPI's own would name values and the text of errors; shared.infrastructure.tracing does not."""

_PROBLEM = {"content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}
_PROBLEMS = {
    "4XX": {"description": "Refused: what is wrong, field by field", **_PROBLEM},
    "5XX": {"description": "Our fault, or not available now", **_PROBLEM},
}


class Service(FastAPI):
    """A FastAPI application whose OpenAPI document knows our problem details."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            document = super().openapi()
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            for unused in ("HTTPValidationError", "ValidationError"):
                schemas.pop(unused, None)
            problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas.update(problem.pop("$defs"), Problem=problem)
            for operation in (each for path in document["paths"].values() for each in path.values()):
                operation["responses"].pop("422", None)
                operation["responses"].update(_PROBLEMS)
        assert self.openapi_schema is not None  # kept by FastAPI
        return self.openapi_schema


def create_app(
    *,
    service: str,
    title: str,
    description: str,
    version: str,
    settings: Settings,
    authenticator: Authenticator,
    routers: Sequence[APIRouter],
    lifespan: Lifespan,
    readiness: Readiness,
    lag: Lag,
    asyncapi: AsyncApi | None = None,
    largest_body: int = LARGEST_BODY,
) -> FastAPI:
    """The HTTP door of ``service``: its ``routers`` (with their own prefix ``/v1``) amid the conventions."""
    app = Service(
        title=title,
        description=description,
        version=version,
        lifespan=lifespan,
        openapi_url=None,  # documentation is served by the system routes, behind their guard
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry=_NO_TELEMETRY,
        routes=_flat((*routers, lag_router(lag), system_router(readiness, asyncapi))),
    )
    app.state.settings = settings
    app.state.authenticator = authenticator
    app.add_middleware(RequestMiddleware, service=service, largest_body=largest_body)
    # What the framework would answer by itself; other errors reach the middleware, which asks problem_of too.
    for kind in (HTTPException, RequestValidationError):
        app.add_exception_handler(kind, _answer)
    return app


def _flat(routers: Sequence[APIRouter]) -> list[BaseRoute]:
    """The routes themselves, each refusing queries it does not know.

    Not include_router, whose routes are looked for twice and slowly: a third of a small request's time.
    """
    routes: list[BaseRoute] = []
    for route in (copy(route) for router in routers for route in router.routes):
        if not isinstance(route, APIRoute):
            raise TypeError(
                f"{route!r} is no plain route; pass every router to create_app instead of nesting them"
            )
        route.dependant.dependencies.sort(
            key=lambda one: not isinstance(one.call, Gate)
        )  # who asks, before what
        route.app = refuse_unknown_query(route.app, route.dependant)
        routes.append(route)
    return routes


async def _answer(_request: Request, error: Exception) -> Response:
    return problem_of(error)


def serve(app: FastAPI, host: str, port: int) -> None:
    """Listen until SIGTERM or SIGINT, then let running requests end.

    Logging is left as configure_logging set it; the middleware writes the access log.
    """
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        loop="uvloop",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
    with suppress(KeyboardInterrupt):
        uvicorn.Server(config).run()
