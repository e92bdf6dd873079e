"""From the real ledger through the log: its statements and the scorecards say the same."""

from services.appraisal.main import define
from services.ledger.main import define as define_ledger
from tests.support.services import ServiceUnderTest, running_service

EVENTS = [
    ("DepositPosted", {"account_id": "a1", "product_code": "DEM", "amount": "900000.00"}),
    ("LoanDisbursed", {"loan_id": "l1", "product_code": "TRM", "amount": "600000.00"}),
    ("LoanRepaid", {"loan_id": "l1", "product_code": "TRM", "principal": "100000.00", "interest": "2500.00"}),
    ("LoanReclassified", {"loan_id": "l1", "product_code": "TRM", "to_class": "substandard"}),
    ("FeeCharged", {"kind": "intermediary", "product_code": "AGT", "amount": "800.00"}),
    ("CostIncurred", {"product_code": "AGT", "amount": "20.00", "manager_id": "m7"}),
]
PRODUCTS = {"DEM": "deposits", "TRM": "lending", "AGT": "agency"}


async def book(ledger: ServiceUnderTest) -> None:
    for code, department in PRODUCTS.items():
        body = {"department_id": department, "name": code}
        assert (await ledger.admin.put(f"/v1/products/{code}", json=body)).status_code == 200
    batch = [
        {
            "specversion": "1.0",
            "id": f"core-{customer}-{number}",
            "source": "core-banking",
            "type": type,
            "data": {
                "business_date": "2026-07-15",
                "customer_id": customer,
                **data,
                "loan_id": f"l-{customer}",
            },
        }
        for customer in ("c1", "c2", "c3")
        for number, (type, data) in enumerate(EVENTS)
    ]
    answer = (await ledger.admin.post("/v1/core-events", json=batch)).json()
    assert answer["accepted"] == len(batch), answer


async def test_scorecards_say_what_the_ledgers_statements_say(postgres_url: str) -> None:
    async with (
        running_service(define_ledger, postgres_url) as ledger,
        running_service(define, postgres_url, log_database=ledger.log_database) as appraisal,
    ):
        await book(ledger)
        await ledger.caught_up()
        await appraisal.caught_up()
        scored = (await appraisal.admin.get("/v1/scorecards", params={"period": "2026-Q3"})).json()
        for side in ("manager", "department"):
            stated = await ledger.admin.get(f"/v1/books/{side}/statements", params={"period": "2026-Q3"})
            figures = [
                {key: one[key] for key in ("centre_id", "lines", "measures")}
                for one in stated.json()["items"]
            ]
            assert scored[f"{side}s"] == figures
        assert scored["balanced"] is True
        assert scored["as_of"]["entries"] == 3 * len(EVENTS)
