"""Two installations, one on each log, that the tests share: every test has a bank of its own in them."""

from collections.abc import AsyncIterator

import pytest

from tests.support.logs import KINDS
from tests.support.system import System, running_system


@pytest.fixture(scope="session")
async def embedded_system(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[System]:
    """The services on PostgreSQL alone."""
    async with running_system(tmp_path_factory.mktemp("embedded"), "embedded") as system:
        yield system


@pytest.fixture(scope="session")
async def kafka_system(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[System]:
    """The services on Kafka."""
    async with running_system(tmp_path_factory.mktemp("kafka"), "kafka") as system:
        yield system


@pytest.fixture(params=KINDS)
def system(request: pytest.FixtureRequest) -> System:
    """Either of them: what a test finds must not depend on the log."""
    found: System = request.getfixturevalue(f"{request.param}_system")
    return found
