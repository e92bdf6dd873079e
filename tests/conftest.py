"""Fixtures of all tests: a real PostgreSQL server, fresh databases on it, and a real Kafka broker."""

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from deploy.kafka.broker import Broker
from shared.infrastructure.embedded_postgres import EmbeddedPostgres

settings.register_profile("patient", deadline=None)  # a busy machine is no defect
settings.load_profile("patient")

ROOT = Path(__file__).parent.parent


def pytest_configure() -> None:
    """One seed for what is random on purpose; processes that share the suite must name their tests alike."""
    os.environ.setdefault("DUALBOOK_TEST_SEED", str(random.randrange(10**6)))


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL server for the whole run: the one of DUALBOOK_TEST_DATABASE_URL, or an embedded one."""
    given = os.environ.get("DUALBOOK_TEST_DATABASE_URL")
    if given:
        yield given
        return
    server = EmbeddedPostgres(tmp_path_factory.mktemp("server"))
    yield server.url
    server.stop()


@pytest.fixture(scope="session")
def kafka_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A Kafka broker for the whole run, on a free port."""
    with Broker(ROOT / ".cache") as broker:
        yield broker.start(tmp_path_factory.mktemp("kafka"))
