"""Errors as RFC 9457 problem details: every error of every kind leaves a service in this one form.

A caller learns which field breaks which rule, and a request id to quote; never what they sent, and nothing of
our insides.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import structlog
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.responses import Response

from shared.contracts.types import describe
from shared.infrastructure.auth import Forbidden, Unauthenticated
from shared.infrastructure.database import is_conflict, is_unavailable
from shared.infrastructure.event_log import LogUnavailable
from shared.infrastructure.http.context import context_of_request
from shared.infrastructure.keys import IssuerUnavailable
from shared.kernel.errors import Malformed, NotOnRecord, Refusal, StaleVersion, Unknown

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 5
_MOST_ERRORS, _LONGEST_DETAIL = 100, 500
_PLACES = ("body", "query", "path", "header", "cookie")
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="dualbook"'}

log = structlog.get_logger()


class FieldError(BaseModel):
    """One field and what is wrong with it."""

    field: str = Field(description="Path of the field, such as shares.0.share")
    detail: str
    rule: str | None = Field(default=None, description="The business rule that refused, where one did")


class Problem(BaseModel):
    """RFC 9457 problem details."""

    type: str = Field(description="A stable URN, or about:blank where the status says it all")
    title: str
    status: int
    detail: str
    errors: list[FieldError] = []
    rule: str | None = Field(default=None, description="The business rule that refused, where one did")
    request_id: str


def malformed(field: str, detail: str, place: str = "query") -> RequestValidationError:
    """The 422 for a field that only the route itself can judge. To be raised."""
    return RequestValidationError([{"type": "value_error", "loc": (place, field), "msg": detail}])


def problem(
    status: int,
    detail: str,
    *,
    kind: str | None = None,
    title: str | None = None,
    errors: Sequence[FieldError] = (),
    rule: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A problem-details answer; ``kind`` ends its URN."""
    body = Problem(
        type=f"urn:dualbook:problem:{kind}" if kind else "about:blank",
        title=title or HTTPStatus(status).phrase,
        status=status,
        detail=detail[:_LONGEST_DETAIL],
        errors=list(errors),
        rule=rule,
        request_id=context_of_request().request_id,
    )
    return Response(body.model_dump_json(exclude_none=True), status, headers, MEDIA_TYPE)


def problem_of(error: Exception) -> Response:
    """The answer to ``error``. What nobody foresaw is a 500 that says no more than its request id."""
    match error:
        case RequestValidationError():
            return _malformed_request(error)
        case Malformed():
            return problem(422, str(error), kind="malformed", title="Malformed request")
        case NotOnRecord():
            return problem(404, error.detail, kind="unknown")
        case Refusal():
            return _refused(error)
        case Unknown():
            return problem(404, str(error) or "There is no such thing.", kind="unknown")
        case StaleVersion():
            return problem(412, str(error) or "It has changed since you read it.", kind="stale-version")
        case Unauthenticated():
            return problem(401, str(error), kind="unauthenticated", headers=_CHALLENGE)
        case Forbidden():
            return problem(403, str(error), kind="forbidden")
        case HTTPException():
            return _plain(error)
        case LogUnavailable() | IssuerUnavailable() | PoolTimeout():
            return _try_again(error, "The event log, the token issuer or the database is not available now.")
        case _ if is_conflict(error):
            return _try_again(error, "Another request was at the same thing and came first.")
        case _ if is_unavailable(error):
            return _try_again(error, "The database is not available now.")
        case _:
            log.error("unexpected error", exc_info=error)
            return problem(500, "Something unexpected went wrong; quote the request id.", kind="unexpected")


def _refused(error: Refusal) -> Response:
    field = FieldError(field=error.field, detail=error.detail, rule=error.rule)
    return problem(
        409,
        error.detail,
        kind=f"refused:{error.rule}",
        title="Refused by a rule",
        errors=[field],
        rule=error.rule,
    )


def _malformed_request(error: RequestValidationError) -> Response:
    if isinstance(error.body, bytes) and any(each["loc"][0] == "body" for each in error.errors()):
        fields = [FieldError(field="body", detail="must be JSON, sent with Content-Type: application/json")]
    else:
        fields = [_field_error(each) for each in error.errors()[:_MOST_ERRORS]]
    first, more = fields[0], len(error.errors()) - 1
    detail = f"{first.field}: {first.detail}" + (f" (and {more} more)" if more else "")
    return problem(422, detail, kind="malformed", title="Malformed request", errors=fields)


def _field_error(error: dict[str, Any]) -> FieldError:
    kind, place, path = error["type"], error["loc"][0], error["loc"][1:]
    if kind == "json_invalid":
        return FieldError(field="body", detail=f"is not JSON: {error['ctx']['error']} at character {path[0]}")
    field, detail = describe({**error, "loc": path if place in _PLACES and path else error["loc"]})
    if kind == "union_tag_invalid":  # pydantic's own words repeat what was sent
        detail = f"must be one of {error['ctx']['expected_tags']}"
    return FieldError(field=field, detail=detail[:_LONGEST_DETAIL])


def _plain(error: HTTPException) -> Response:
    """What routing and parsing refuse by themselves: unknown path or method, body too large or unreadable."""
    if error.status_code == HTTPStatus.BAD_REQUEST:
        return problem(422, "The body cannot be read.", kind="malformed", title="Malformed request")
    nothing = error.detail == HTTPStatus.NOT_FOUND.phrase
    detail = "There is nothing at this path." if nothing else str(error.detail)
    return problem(error.status_code, detail, headers=error.headers)


def _try_again(error: Exception, detail: str) -> Response:
    log.warning("unavailable", error=type(error).__name__, reason=str(error).split("\n", 1)[0])
    retry = {"Retry-After": str(RETRY_AFTER_SECONDS)}
    return problem(503, f"{detail} Try again.", kind="unavailable", headers=retry)
