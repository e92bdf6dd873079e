"""Logs: one structlog pipeline to standard error for our lines and those of uvicorn, aiokafka and Alembic.

JSON lines for machines, colours for a terminal. What the context knows (request id, trace, actor) is on every
line; secrets are on none.
"""

import logging
import re
import sys
from collections.abc import Mapping
from functools import lru_cache
from types import NoneType
from typing import Any

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

REDACTED = "[redacted]"

_SECRET_KEY = re.compile(
    r"authorization|token|password|passwd|secret|database_url|dsn|cookie|private_key", re.IGNORECASE
)
_SECRET_TEXT = re.compile(
    r"""(?<=://)[^/\s:@"'\\]*:[^/\s@"'\\]*(?=@)|(?<=\b[Bb]earer )[^\s"'\\]+|\beyJ[\w-]+\.[\w-]+\.[\w-]*"""
)
_PLAIN = (str, int, float, bool, NoneType)

_TALKATIVE = ("httpx", "httpcore", "aiokafka")
"""Libraries whose debug and info lines repeat, for each request or message, what we log ourselves."""


def redact(_logger: WrappedLogger | None, _method: str, event: EventDict) -> EventDict:
    """Blank out the values of keys that promise a secret, at any depth."""
    if any(_is_secret(key) or type(value) not in _PLAIN for key, value in event.items()):
        return {key: REDACTED if _is_secret(key) else _redacted(value) for key, value in event.items()}
    return event


def scrub(line: str) -> str:
    """Blank out credentials inside a finished line: passwords in URLs, bearer tokens."""
    suspicious = "://" in line or "eyJ" in line or "earer " in line  # cheap, and true of whatever matches
    return _SECRET_TEXT.sub(REDACTED, line) if suspicious else line


@lru_cache(maxsize=4096)
def _is_secret(key: object) -> bool:
    return isinstance(key, str) and _SECRET_KEY.search(key) is not None


def _redacted(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: REDACTED if _is_secret(key) else _redacted(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_redacted(inner) for inner in value]
    return value


def _scrubbed(_logger: WrappedLogger | None, _method: str, line: Any) -> str:
    return scrub(line)


def _json(event: EventDict, **_: Any) -> str:
    return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def configure_logging(service: str, level: str = "info") -> None:
    """Route every log line of this process through one pipeline, each naming its ``service``."""

    def name_service(_logger: WrappedLogger | None, _method: str, event: EventDict) -> EventDict:
        event["service"] = service
        return event

    threshold = logging.getLevelNamesMapping()[level.upper()]
    pipeline: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        # Plain tracebacks on purpose: the rich ones print local variables, and with them customers' data.
        structlog.processors.format_exc_info,
        name_service,
        redact,
    ]
    renderer: Processor = (
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if sys.stderr.isatty()
        else structlog.processors.JSONRenderer(serializer=_json)
    )
    structlog.configure(
        processors=[*pipeline, renderer, _scrubbed],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )

    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer, _scrubbed],
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *pipeline],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(threshold)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(max(threshold, logging.WARNING))
    logging.captureWarnings(True)
