"""The ids that follow a request through logs, answers and the events it gives rise to."""

import re
import secrets
from contextvars import ContextVar
from dataclasses import dataclass

import uuid_utils

_REQUEST_ID = re.compile(r"[\w.:@+/=-]{1,128}", re.ASCII)
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


@dataclass(frozen=True, slots=True)
class RequestContext:
    """The ids of one request. A caller's own are kept where they are well-formed, and else replaced."""

    request_id: str
    traceparent: str

    @classmethod
    def of(cls, request_id: str, traceparent: str) -> "RequestContext":
        return cls(
            request_id if _REQUEST_ID.fullmatch(request_id) else str(uuid_utils.uuid7()),
            traceparent if _TRACEPARENT.fullmatch(traceparent) else _new_traceparent(),
        )


def _new_traceparent() -> str:
    """W3C Trace Context, version 00; not sampled, as nothing here records spans."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-00"


current: ContextVar[RequestContext] = ContextVar("request")
"""Set by the middleware for the time of a request."""


def context_of_request() -> RequestContext:
    """The ids of the request being worked. Outside of one there is none: LookupError."""
    return current.get()
