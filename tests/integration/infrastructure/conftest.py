"""Fixtures of the foundation's tests: both kinds of log, the tiny service's database, and a gate before a server."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from shared.infrastructure.database import Database
from shared.infrastructure.event_log import EventLog
from shared.infrastructure.event_log.embedded import EmbeddedLog
from tests.support.aggregate import fresh_jars
from tests.support.databases import fresh_name
from tests.support.logs import KINDS, Gate, empty_embedded_log, empty_log


@pytest.fixture(autouse=True)
def log_lines() -> Iterator[list[Any]]:
    """What is logged, unrendered: the many errors made here on purpose would take their time to print."""
    with capture_logs() as lines:
        yield lines


@pytest.fixture
def topic() -> str:
    """A topic that nobody else uses."""
    return fresh_name("topic")


@pytest.fixture(params=KINDS)
async def event_log(request: pytest.FixtureRequest, postgres_url: str, topic: str) -> AsyncIterator[EventLog]:
    """An empty log with the topic, once of each kind."""

    def bootstrap() -> str:
        return str(request.getfixturevalue("kafka_broker").bootstrap)

    async with empty_log(request.param, postgres_url, bootstrap, topic) as log:
        yield log


@pytest.fixture
async def embedded_log(postgres_url: str) -> AsyncIterator[EmbeddedLog]:
    """An empty embedded log, for tests that are not about the log."""
    async with empty_embedded_log(postgres_url) as log:
        yield log


@pytest.fixture
async def jars(postgres_url: str) -> AsyncIterator[Database]:
    """The empty database of the tiny service."""
    async with fresh_jars(postgres_url) as database:
        yield database


@pytest.fixture
async def gate(postgres_url: str) -> AsyncIterator[Gate]:
    """An open gate before the test server."""
    opened = Gate(postgres_url)
    await opened.open()
    yield opened
    await opened.shut()
