"""The worked example of the accounting rules (§11) as a bank of its own: all its ids begin with the bank's name."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.support.reference import ASSIGNMENTS, LINES, PRODUCTS, WORKED_EXAMPLE
from tests.support.system import System

PERIOD = "2026-07"

MANAGERS = {
    "m1": {
        "deposit_balance": "960000.01",
        "loan_balance": "300000.00",
        "interest_income": "1500.00",
        "fee_income": "800.00",
        "risk_charge": "-90000.00",
    },
    "m2": {
        "deposit_balance": "40000.00",
        "loan_balance": "200000.00",
        "interest_income": "1000.00",
        "risk_charge": "-60000.00",
    },
}
DEPARTMENTS = {
    "deposits": {"deposit_balance": "1000000.01"},
    "lending": {"loan_balance": "500000.00", "interest_income": "2500.00", "risk_charge": "-150000.00"},
    "intermediary": {"fee_income": "800.00"},
}
BY_BOOK: Mapping[str, Mapping[str, Mapping[str, str]]] = {"manager": MANAGERS, "department": DEPARTMENTS}
"""What the accounting rules print, up to the close."""

CLOSE: Mapping[str, Mapping[str, str]] = {
    "m1": {"ftp_income": "1322.67", "deposit_cost": "-1240.00"},
    "m2": {"ftp_cost": "-447.78", "deposit_cost": "-51.67"},
    "deposits": {"ftp_income": "1322.67", "deposit_cost": "-1291.67"},
    "lending": {"ftp_cost": "-447.78"},
    "intermediary": {},
}
"""What the close of July adds."""

VIRTUAL_PROFIT = {
    "manager": {"m1": "-87617.33", "m2": "-59499.45"},
    "department": {"deposits": "31.00", "lending": "-147947.78", "intermediary": "800.00"},
}
NET_INTEREST_INCOME = {
    "manager": {"m1": "1582.67", "m2": "500.55"},
    "department": {"deposits": "31.00", "lending": "2052.22", "intermediary": "0.00"},
}
TOTAL = {
    "net_interest_income": "2083.22",
    "virtual_profit": "-147116.78",
    "efficiency": "-147116.78",
}
"""The measures after the close. There are no costs and no fees for credit risk: efficiency is virtual profit."""

AVERAGES = {
    "m1": {"deposit_balance": "960000.01", "loan_balance": "320000.00"},
    "m2": {"deposit_balance": "40000.00", "loan_balance": "213333.33"},
}
ZEROS = dict.fromkeys(LINES, "0.00")


@dataclass(frozen=True)
class Example:
    """The bank of the example, and those who work in it."""

    system: System
    name: str

    def id(self, plain: str) -> str:
        """An id of the example as it is in this bank."""
        return f"{self.name}-{plain}"

    def own(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Data of the example with the ids of this bank."""
        return {
            name: self.id(value) if name.endswith("_id") or name == "product_code" else value
            for name, value in data.items()
        }

    def events(self) -> list[dict[str, Any]]:
        """The core events, in CloudEvents' structured form."""
        return [
            {
                **event,
                "id": self.id(event["id"]),
                "subject": self.id(event["subject"]),
                "data": self.own(event["data"]),
            }
            for event in WORKED_EXAMPLE
        ]

    async def open(self) -> None:
        """Hire the managers, welcome the customers, say who looks after whom, and put up the products."""
        assigner = self.system.client("assignment", "assigner", subject="ann")
        approver = self.system.client("assignment", "approver", subject="bob")
        accountant = self.system.client("ledger", "accountant", subject="carl")
        for manager in MANAGERS:
            body = {
                "manager_id": self.id(manager),
                "name": "王小明",
                "branch_id": "b1",
                "grade": "manager-2",
                "confidentiality_signed_on": "2020-03-01",
            }
            answer = await assigner.post("/v1/managers", json=body)
            assert answer.status_code == 201, answer.text
        for customer, shares in ASSIGNMENTS.items():
            body = {
                "customer_id": self.id(customer),
                "name": "恒瑞纺织",
                "kind": "corporate",
                "region": "Donghu",
                "industry": "textile",
                "tier": "gold",
                "branch_id": "b1",
            }
            answer = await assigner.post("/v1/customers", json=body)
            assert answer.status_code == 201, answer.text
            parts = [{"manager_id": self.id(manager), "share": share} for manager, share in shares.items()]
            terms = {"shares": parts, "effective_from": "2026-07-01", "reason": "agreed"}
            answer = await approver.put(f"/v1/customers/{self.id(customer)}/assignment", json=terms)
            assert answer.status_code == 200, answer.text
        for product, department in PRODUCTS.items():
            terms = {"department_id": self.id(department), "name": product}
            answer = await accountant.put(f"/v1/products/{self.id(product)}", json=terms)
            assert answer.status_code == 200, answer.text
        await self.system.settle()  # the ledger attributes by the assignments that it knows

    async def statement(self, book: str, centre: str, period: str = PERIOD) -> dict[str, Any]:
        """The statement of one of the bank's centres."""
        path = f"/v1/books/{book}/centres/{self.id(centre)}/statement"
        stated: dict[str, Any] = await self.system.get("ledger", path, period=period)
        return stated

    async def lines(self) -> dict[str, dict[str, dict[str, str]]]:
        """What the ledger states: the lines by book and centre."""
        return {
            book: {centre: (await self.statement(book, centre))["lines"] for centre in centres}
            for book, centres in BY_BOOK.items()
        }

    async def scored(self) -> dict[str, dict[str, dict[str, str]]]:
        """What the appraisal states for the quarter: the lines by side and centre."""
        cards = await self.system.get("appraisal", "/v1/scorecards", period="2026-Q3")
        assert cards["balanced"] is True
        assert set(cards["totals"]["difference"].values()) == {"0.00"}
        return {
            book: {
                card["centre_id"].removeprefix(f"{self.name}-"): card["lines"]
                for card in cards[f"{book}s"]
                if card["centre_id"].startswith(f"{self.name}-")
            }
            for book in BY_BOOK
        }


PRINTED = {
    book: {centre: {**ZEROS, **lines} for centre, lines in centres.items()}
    for book, centres in BY_BOOK.items()
}
"""Every line of every centre of the example, zeros included."""

PRINTED_AFTER_CLOSE = {
    book: {centre: {**lines, **CLOSE[centre]} for centre, lines in centres.items()}
    for book, centres in PRINTED.items()
}
"""The same after July is closed."""
