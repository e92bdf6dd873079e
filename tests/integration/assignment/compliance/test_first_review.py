"""When a first review falls due: the database finds the very customers for whom the rule says so."""

from datetime import date, timedelta

from services.assignment.domain.compliance.look import AHEAD
from services.assignment.domain.compliance.review import first_due
from services.assignment.domain.policy import Policies, PolicyTerms
from services.assignment.views.compliance.look import concerned
from tests.integration.assignment.bank import Bank

CHANGES = [(date(2024, 2, 10), 1), (date(2024, 6, 1), 13), (date(2025, 1, 31), 3)]


async def test_database_and_rule_agree_on_every_day_of_registration_and_policy(bank: Bank) -> None:
    terms = [(day, PolicyTerms.model_validate({"review_months": {"medium": n}})) for day, n in CHANGES]
    for day, change in terms:
        body = change.model_dump(mode="json", exclude_none=True)
        assert (await bank.approver.put(f"/v1/policies/{day}", json=body)).status_code == 200
    policies = Policies.of(terms)
    registered = [date(2024, 1, 1) + timedelta(days=index) for index in range(500)]
    await bank.service.execute(
        "TRUNCATE review_due",
        "INSERT INTO review_due (customer_id, registered_on) "
        "SELECT 'k' || lpad(n::text, 3, '0'), date '2024-01-01' + n FROM generate_series(0, 499) AS n",
    )
    for look in [date(2024, 1, 29) + timedelta(days=9 * index) for index in range(60)]:
        async with bank.service.database.snapshot() as connection:
            found = await concerned(connection, look, "", 1000)
        expected = [
            f"k{index:03d}"
            for index, day in enumerate(registered)
            if first_due(day, policies) <= look + AHEAD
        ]
        assert found == expected, look
