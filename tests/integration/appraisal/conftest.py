"""An appraisal service of its own for each test."""

from collections.abc import AsyncIterator

import pytest

from services.appraisal.main import define
from tests.support.services import ServiceUnderTest, running_service


@pytest.fixture
async def appraisal(postgres_url: str) -> AsyncIterator[ServiceUnderTest]:
    """A running appraisal service on a fresh database and an empty log."""
    async with running_service(define, postgres_url) as service:
        yield service
