"""A bank whose customers are cared for."""

import pytest

from tests.integration.assignment.bank import Bank
from tests.integration.assignment.care.office import Office


@pytest.fixture
async def office(bank: Bank) -> Office:
    """For 100 days m1 has looked after c1 and m2 after c2; nobody looks after c3."""
    for customer_id in ("c2", "c3"):
        assert (await bank.welcome(customer_id)).status_code == 201
    for customer_id, manager_id in (("c1", "m1"), ("c2", "m2")):
        assert (await bank.assign(customer_id, bank.past, **{manager_id: "1"})).status_code == 200
    return Office(bank)
