"""An assignment service of its own for each test."""

from collections.abc import AsyncIterator

import pytest

from services.assignment.main import define
from tests.integration.assignment.bank import Bank
from tests.support.services import running_service


@pytest.fixture
async def bank(postgres_url: str) -> AsyncIterator[Bank]:
    """Managers m1 王小明 and m2 李娜 and the customer c1 恒瑞纺织 are on record; nobody looks after c1."""
    async with running_service(define, postgres_url) as service:
        bank = Bank(service)
        answers = [await bank.hire("m1"), await bank.hire("m2", "李娜"), await bank.welcome("c1")]
        assert [answer.status_code for answer in answers] == [201, 201, 201]
        yield bank
