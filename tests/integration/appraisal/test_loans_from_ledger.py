"""From the real ledger through the log: what a loan brought whom, also where a late word lets it change hands."""

import orjson

from services.appraisal.main import define
from services.ledger.main import define as define_ledger
from shared.contracts import assignment
from shared.contracts.envelope import CloudEvent
from shared.kernel.books import STOCKS
from tests.support.services import ServiceUnderTest, running_service

EVENTS = [
    ("LoanDisbursed", "2026-07-03", {"amount": "600000.00"}),
    ("LoanRepaid", "2026-07-15", {"principal": "100000.00", "interest": "2500.01"}),
    ("LoanReclassified", "2026-08-10", {"to_class": "substandard"}),
    ("LoanRepaid", "2026-08-20", {"principal": "50000.00", "interest": "1200.07"}),
    ("LoanReclassified", "2026-09-10", {"to_class": "normal"}),
    ("LoanWrittenOff", "2026-10-12", {}),
]
RATES = {"2026-08": {"substandard": "41.70"}, "2026-09": {"normal": "1.5", "substandard": "50", "loss": "95"}}


async def assign(ledger: ServiceUnderTest, number: int, since: str, **shares: str) -> None:
    data = {
        "customer_id": "c1",
        "shares": [{"manager_id": manager, "share": share} for manager, share in shares.items()],
        "effective_from": since,
        "reason": "agreed",
    }
    event = CloudEvent(f"w{number}", "CustomerAssigned", assignment.SOURCE, orjson.dumps(data), subject="c1")
    await ledger.publish(assignment.TOPIC, event)
    await ledger.caught_up()


async def book(ledger: ServiceUnderTest) -> None:
    terms = {"department_id": "lending", "name": "term loans"}
    assert (await ledger.admin.put("/v1/products/TRM", json=terms)).status_code == 200
    for month, rates in RATES.items():
        answer = await ledger.admin.put(f"/v1/policies/{month}", json={"provision_rates": rates})
        assert answer.status_code == 200, answer.text
    batch = [
        {
            "specversion": "1.0",
            "id": f"{loan_id}-{number}",
            "source": "core-banking",
            "type": type,
            "data": {
                "business_date": day,
                "customer_id": "c1",
                "loan_id": loan_id,
                "product_code": "TRM",
                **data,
            },
        }
        for number, (type, day, data) in enumerate(EVENTS)
        for loan_id in ("l1", "l2")
    ]
    answer = (await ledger.admin.post("/v1/core-events", json=batch)).json()
    assert answer["accepted"] == len(batch), answer


async def test_what_a_loan_brought_each_manager_is_the_sum_of_its_legs_whatever_comes_late(
    postgres_url: str,
) -> None:
    async with (
        running_service(define_ledger, postgres_url) as ledger,
        running_service(define, postgres_url, log_database=ledger.log_database) as appraisal,
    ):
        await assign(ledger, 1, "2026-07-01", m1="0.6", m2="0.4")
        await book(ledger)
        await assign(ledger, 2, "2026-07-10", m1="0.3333", m3="0.6667")
        await assign(ledger, 3, "2026-08-15", m2="1")
        await ledger.caught_up()
        await appraisal.caught_up()
        stocks = ", ".join(f"'{line.value}'" for line in STOCKS)
        legs = await ledger.rows(
            "SELECT account_id, centre_id, period, sum(amount)::bigint FROM leg WHERE book = 'manager' "
            f"AND NOT contra AND line NOT IN ({stocks}) GROUP BY 1, 2, 3 HAVING sum(amount) <> 0 ORDER BY 1, 2, 3"
        )
        kept = await appraisal.rows(
            "SELECT loan_id, manager_id, period, efficiency FROM loan_result WHERE efficiency <> 0 ORDER BY 1, 2, 3"
        )
        assert kept == legs
        assert {manager for _, manager, _, _ in kept} == {"m1", "m2", "m3"}
        changes = await appraisal.rows(
            "SELECT loan_id, loan_class, cause_id, provision_rate::text, provision_policy FROM reclassification "
            "ORDER BY loan_id, position"
        )
        assert changes == [
            ("l1", "substandard", "l1-2", "41.70", "2026-08"),
            ("l1", "normal", "l1-4", "1.5", "2026-09"),
            ("l1", "loss", "l1-5", "95", "2026-09"),
            ("l2", "substandard", "l2-2", "41.70", "2026-08"),
            ("l2", "normal", "l2-4", "1.5", "2026-09"),
            ("l2", "loss", "l2-5", "95", "2026-09"),
        ]
        assert await appraisal.verify() is None
        assert await ledger.verify() is None
