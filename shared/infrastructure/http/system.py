"""What operators and their machines ask of every service: health, readiness, metrics, lag and documentation.

All but the lag are open on loopback and need a token from anywhere else. The documentation is complete in
itself: its scripts come from the package ``fastapi_offline``, and a content security policy keeps the browser
from fetching anything from elsewhere.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import fastapi_offline
from fastapi import APIRouter, Depends, Request
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html
from starlette.responses import FileResponse, HTMLResponse, Response

from shared.infrastructure.auth import allow, allow_local
from shared.infrastructure.http.headers import Json
from shared.infrastructure.metrics import exposition

Readiness = Callable[[], Awaitable[Mapping[str, str]]]
Lag = Callable[[], Awaitable[Mapping[str, int]]]
AsyncApi = Callable[[], dict[str, Any]]

READINESS_TIMEOUT_SECONDS = 5.0

_ASSETS = Path(fastapi_offline.__file__).parent / "static"
_CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; connect-src 'self'; worker-src blob:; "
    "frame-ancestors 'none'"
)


def lag_router(lag: Lag) -> APIRouter:
    """``GET /v1/lag``, for any token."""
    router = APIRouter(prefix="/v1", tags=["system"], dependencies=[Depends(allow())])

    @router.get("/lag")
    async def events_behind() -> dict[str, Any]:
        """How many events of each topic this service has not worked yet."""
        topics = await lag()
        return {"topics": topics, "total": sum(topics.values())}

    return router


def system_router(readiness: Readiness, asyncapi: AsyncApi | None) -> APIRouter:
    """The routes for this machine. ``readiness`` says for each thing needed "ok" or what is wrong with it."""
    router = APIRouter(tags=["system"], dependencies=[Depends(allow_local())])

    @router.get("/healthz")
    async def alive() -> dict[str, str]:
        """The process answers."""
        return {"status": "alive"}

    @router.get("/readyz", responses={503: {"description": "Not ready; the checks say why"}})
    async def ready() -> Response:
        """Database, log and migrations are fine (200), or what is wrong with them (503)."""
        async with asyncio.timeout(READINESS_TIMEOUT_SECONDS):
            checks = await readiness()
        fine = all(finding == "ok" for finding in checks.values())
        status = "ready" if fine else "not ready"
        return Json({"status": status, "checks": dict(checks)}, status_code=200 if fine else 503)

    @router.get("/metrics", response_class=Response)
    async def metrics() -> Response:
        """Prometheus metrics."""
        text, content_type = exposition()
        return Response(text, headers={"Content-Type": content_type})

    _add_documentation(router, asyncapi)
    return router


def _add_documentation(router: APIRouter, asyncapi: AsyncApi | None) -> None:
    @router.get("/openapi.json", include_in_schema=False)
    async def openapi(request: Request) -> Response:
        return Json(request.app.openapi())

    @router.get("/docs", include_in_schema=False)
    async def swagger(request: Request) -> Response:
        return _page(
            get_swagger_ui_html(
                openapi_url="/openapi.json",
                title=request.app.title,
                swagger_js_url="/docs/assets/swagger-ui-bundle.js",
                swagger_css_url="/docs/assets/swagger-ui.css",
                swagger_favicon_url="/docs/assets/favicon.png",
                swagger_ui_parameters={"validatorUrl": None},  # else it asks a server on the internet
            )
        )

    @router.get("/redoc", include_in_schema=False)
    async def redoc(request: Request) -> Response:
        return _page(
            get_redoc_html(
                openapi_url="/openapi.json",
                title=request.app.title,
                redoc_js_url="/docs/assets/redoc.standalone.js",
                redoc_favicon_url="/docs/assets/favicon.png",
                with_google_fonts=False,
            )
        )

    @router.get("/docs/assets/{name}", include_in_schema=False)
    async def asset(
        name: Literal["swagger-ui-bundle.js", "swagger-ui.css", "redoc.standalone.js", "favicon.png"],
    ) -> Response:
        return FileResponse(_ASSETS / name)

    if asyncapi is not None:

        @router.get("/asyncapi.json", include_in_schema=False)
        async def events() -> Response:
            return Json(asyncapi())


def _page(page: HTMLResponse) -> Response:
    page.headers["Content-Security-Policy"] = _CONTENT_SECURITY_POLICY
    return page
