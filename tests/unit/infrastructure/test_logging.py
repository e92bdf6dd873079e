"""Logging: one pipeline for every line, and no secret on any."""

import json
import subprocess
import sys
from typing import Any

import pytest

from shared.infrastructure.logging import REDACTED, redact, scrub

TOKEN = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJtMSJ9.c2lnbmF0dXJl"


def lines_of(program: str) -> list[dict[str, Any]]:
    """What a fresh process writes to standard error, as the configuration is the process's own."""
    prelude = "from shared.infrastructure.logging import configure_logging\nimport logging, structlog\n"
    done = subprocess.run(
        [sys.executable, "-c", prelude + program], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == ""
    return [json.loads(line) for line in done.stderr.splitlines()]


def test_a_line_is_json_with_time_level_service_and_what_the_context_knows() -> None:
    [line] = lines_of("""
configure_logging("ledger")
structlog.contextvars.bind_contextvars(request_id="r-1")
structlog.get_logger().info("booked", events=3)
""")
    assert line["event"] == "booked"
    assert (line["service"], line["level"], line["request_id"], line["events"]) == (
        "ledger",
        "info",
        "r-1",
        3,
    )
    assert line["timestamp"].endswith("Z")


def test_lines_of_libraries_go_the_same_way() -> None:
    [line] = lines_of("""
configure_logging("ledger")
logging.getLogger("uvicorn.error").warning("listening on %s", "8002")
""")
    assert (line["event"], line["logger"], line["level"]) == ("listening on 8002", "uvicorn.error", "warning")
    assert line["service"] == "ledger"


def test_warnings_become_log_lines() -> None:
    [line] = lines_of("""
import warnings
warnings.simplefilter("default")
configure_logging("ledger")
warnings.warn("mind the step")
""")
    assert "mind the step" in line["event"]


def test_lines_below_the_level_are_not_written() -> None:
    lines = lines_of("""
configure_logging("ledger", "warning")
structlog.get_logger().info("quiet")
logging.getLogger("alembic").info("quiet")
logging.getLogger("httpx").info("quiet")
structlog.get_logger().warning("heard")
""")
    assert [line["event"] for line in lines] == ["heard"]


def test_a_traceback_shows_where_but_no_local_variables() -> None:
    [line] = lines_of("""
configure_logging("ledger")
def book():
    customer_secret = "4711-secret"
    raise RuntimeError("cannot reach postgresql://bank:s3cr3t@db/ledger")
try:
    book()
except RuntimeError:
    structlog.get_logger().exception("failed")
""")
    assert "in book" in line["exception"]
    assert "RuntimeError" in line["exception"]
    assert "s3cr3t" not in line["exception"]
    assert f"postgresql://{REDACTED}@db/ledger" in line["exception"]


def test_a_value_that_json_does_not_know_does_not_lose_the_line() -> None:
    [line] = lines_of("""
configure_logging("ledger")
structlog.get_logger().info("odd", thing=object, day=__import__("datetime").date(2026, 7, 1))
""")
    assert line["thing"] == "<class 'object'>"
    assert line["day"] == "2026-07-01"


@pytest.mark.parametrize(
    "key", ["authorization", "Authorization", "access_token", "db_password", "client_secret", "database_url"]
)
def test_a_secret_is_known_by_its_key_at_any_depth(key: str) -> None:
    event = redact(None, "info", {"event": "x", key: "s3cr3t", "inner": [{key: "s3cr3t"}]})
    assert "s3cr3t" not in str(event)


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization was Bearer {TOKEN}",
        "sent bearer s3cr3t.opaque",
        f"token={TOKEN} refused",
        "postgresql+asyncpg://bank:s3cr3t@db:5432/ledger is away",
    ],
)
def test_a_secret_inside_a_text_is_blanked_out(text: str) -> None:
    cleaned = scrub(json.dumps({"event": text, "level": "info"}))
    assert REDACTED in cleaned
    assert "s3cr3t" not in cleaned
    assert TOKEN not in cleaned
    assert json.loads(cleaned)["level"] == "info"


def test_ordinary_values_are_left_alone() -> None:
    text = "https://docs.bank.example/a:b?c=d"
    event = {"event": text, "keys": ["they", 1], "amounts": {"c1": "9.00"}}
    assert redact(None, "info", dict(event)) == event
    assert scrub(text) == text
