"""Nobody gets more than the grade's capacity, however many ask at once."""

import asyncio
from collections import Counter

from tests.integration.assignment.bank import Bank

RIVALS = 50


async def test_of_fifty_assignments_at_once_for_the_last_free_place_exactly_one_wins(bank: Bank) -> None:
    for number in range(2, RIVALS + 2):
        assert (await bank.welcome(f"c{number}")).status_code == 201
    terms = {"grades": {"manager-2": {"capacity": "4"}}}  # two customers of tier gold
    assert (await bank.approver.put(f"/v1/policies/{bank.today}", json=terms)).status_code == 200
    assert (await bank.assign("c1", bank.today, m1="1")).status_code == 200
    rivals = [f"c{number}" for number in range(2, RIVALS + 2)]
    answers = await asyncio.gather(*(bank.assign(one, bank.today, m1="1") for one in rivals))
    assert Counter(answer.status_code for answer in answers) == {200: 1, 409: RIVALS - 1}
    assert {answer.json()["rule"] for answer in answers if answer.status_code == 409} == {"within-capacity"}
    load = (await bank.auditor.get("/v1/managers/m1/load")).json()
    assert (load["load"], load["capacity"], load["customers"]) == ("4", "4", 2)
    assert await bank.service.verify() is None
