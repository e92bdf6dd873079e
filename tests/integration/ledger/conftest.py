"""Banks on a real database: one for a whole file where tests do not disturb each other, or one for a test alone."""

from collections.abc import AsyncIterator

import pytest

from tests.integration.ledger.bank import Bank, opened
from tests.support.reference import WORKED_EXAMPLE


@pytest.fixture(scope="module")
async def bank(postgres_url: str) -> AsyncIterator[Bank]:
    """A bank that the tests of a file share, each with customers of its own."""
    async with opened(postgres_url) as bank:
        yield bank


@pytest.fixture(scope="module")
async def july(postgres_url: str) -> AsyncIterator[Bank]:
    """A bank in which the worked example is booked; only read by the tests of a file."""
    async with opened(postgres_url) as bank:
        await bank.book(*WORKED_EXAMPLE)
        yield bank


@pytest.fixture
async def own_bank(postgres_url: str) -> AsyncIterator[Bank]:
    """A bank for one test."""
    async with opened(postgres_url) as bank:
        yield bank
