"""The worked example of the rules (§11), as core banking and the assignment service tell it."""

from typing import Any


def core_event(event_id: str, kind: str, business_date: str, /, **data: Any) -> dict[str, Any]:
    """A core event as core banking sends it: CloudEvents in structured form."""
    subject = data.get("customer_id") or data.get("manager_id")
    return {
        "specversion": "1.0",
        "id": event_id,
        "source": "core-banking",
        "type": kind,
        "time": f"{business_date}T09:30:00+08:00",
        **({"subject": subject} if subject else {}),
        "data": {"business_date": business_date, **data},
    }


PRODUCTS = {"DEM": "deposits", "TRM": "lending", "AGT": "intermediary"}
ASSIGNMENTS = {"c1": {"m1": "1"}, "c2": {"m1": "0.6", "m2": "0.4"}}
"""Who looks after whom from 2026-07-01 on."""

_C1 = {"customer_id": "c1", "currency": "CNY"}
_C2 = {"customer_id": "c2", "currency": "CNY"}
_L1 = {**_C2, "loan_id": "l1", "product_code": "TRM"}
WORKED_EXAMPLE = [
    core_event("e1", "DepositPosted", "2026-07-01", **_C1,
               account_id="a1", product_code="DEM", amount="900000.00"),
    core_event("e2", "DepositPosted", "2026-07-05", **_C2,
               account_id="a2", product_code="DEM", amount="100000.01"),
    core_event("e3", "LoanDisbursed", "2026-07-08", **_L1, amount="600000.00"),
    core_event("e4", "LoanRepaid", "2026-07-15", **_L1, principal="100000.00", interest="2500.00"),
    core_event("e5", "FeeCharged", "2026-07-18", **_C1,
               kind="intermediary", product_code="AGT", amount="800.00"),
    core_event("e6", "LoanReclassified", "2026-07-25", **_L1, to_class="substandard"),
]  # fmt: skip
"""The core events of July."""
