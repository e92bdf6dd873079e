"""The HTTP door of every service: conventions, written once."""

from shared.infrastructure.http.app import create_app, serve
from shared.infrastructure.http.commands import Commands, commands
from shared.infrastructure.http.context import RequestContext, context_of_request
from shared.infrastructure.http.headers import (
    IdempotencyKey,
    IfMatch,
    Json,
    etag,
    idempotency_key,
    if_match,
    json_body,
)
from shared.infrastructure.http.paging import (
    Listing,
    Page,
    PageQuery,
    decode_cursor,
    encode_cursor,
    page_of,
)
from shared.infrastructure.http.problems import Problem, malformed, problem_of

__all__ = [
    "Commands",
    "IdempotencyKey",
    "IfMatch",
    "Json",
    "Listing",
    "Page",
    "PageQuery",
    "Problem",
    "RequestContext",
    "commands",
    "context_of_request",
    "create_app",
    "decode_cursor",
    "encode_cursor",
    "etag",
    "idempotency_key",
    "if_match",
    "json_body",
    "malformed",
    "page_of",
    "problem_of",
    "serve",
]
