"""Conventions of headers, bodies and query strings: versions, idempotency keys, and nothing unheard of."""

import re
from typing import Annotated, Any

import orjson
from fastapi import Depends, Header, Request
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.datastructures import QueryParams
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.infrastructure.http.problems import malformed

_ETAG = re.compile(r'"(\d{1,18})"', re.ASCII)
_VISIBLE = re.compile(r"[\x21-\x7e]{1,128}")


class Json(JSONResponse):
    """JSON through orjson, for routes that return plain dictionaries and want no second look at them."""

    def render(self, content: Any) -> bytes:
        return orjson.dumps(content)


async def json_body(request: Request) -> Any:
    """The body parsed with orjson, of any content type: for batches whose items are judged one by one."""
    try:
        return orjson.loads(await request.body())
    except orjson.JSONDecodeError as error:
        raise malformed("body", f"is not JSON: {error.msg}", place="body") from None


def etag(version: int) -> str:
    """The ETag of an aggregate at ``version``."""
    return f'"{version}"'


async def if_match(header: Annotated[str | None, Header(alias="If-Match")] = None) -> int | None:
    """The version the caller decided on, from ``If-Match``; None where they do not care."""
    if header is None:
        return None
    match = _ETAG.fullmatch(header)
    if match is None:
        raise malformed("If-Match", 'must be an ETag of ours, such as "7", quotes included', place="header")
    return int(match[1])


IfMatch = Annotated[int | None, Depends(if_match)]


async def idempotency_key(
    header: Annotated[str | None, Header(alias="Idempotency-Key")] = None,
) -> str | None:
    """The caller's name for this one request, under which a repetition is recognised."""
    if header is not None and _VISIBLE.fullmatch(header) is None:
        raise malformed("Idempotency-Key", "must be 1 to 128 visible ASCII characters", place="header")
    return header


IdempotencyKey = Annotated[str | None, Depends(idempotency_key)]


def refuse_unknown_query(app: ASGIApp, dependant: Dependant) -> ASGIApp:
    """The route's application, for query parameters that it knows only.

    To ignore a misspelt ``?perod=`` would be to answer another question than was asked.
    """
    known = _query_names(dependant)
    says = f"is not known here; known are: {', '.join(sorted(known)) or 'none'}"

    async def refusing(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["query_string"]:
            unknown = sorted(set(QueryParams(scope["query_string"])) - known)
            if unknown:
                raise RequestValidationError(
                    [
                        {"type": "extra_forbidden", "loc": ("query", name[:64]), "msg": says}
                        for name in unknown
                    ]
                )
        await app(scope, receive, send)

    return refusing


def _query_names(dependant: Dependant) -> set[str]:
    names: set[str] = set()
    for param in dependant.query_params:
        annotation = param.field_info.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            names.update(field.alias or name for name, field in annotation.model_fields.items())
        else:
            names.add(param.alias)
    return names.union(*(_query_names(inner) for inner in dependant.dependencies))
