"""Those who take a cycle of the appraisal through its steps, and the scheme that they go by."""

from typing import Any

import httpx

from tests.support.system import System


def scheme(target: str, side: str = "manager") -> dict[str, Any]:
    """All that counts is efficiency against a target; the thresholds are such that the sample has all ratings."""
    indicator = {"code": "y", "name": "Efficiency", "source": "measure:efficiency", "weight": "100"}
    return {
        "name": "Efficiency",
        "side": side,
        "indicators": [{**indicator, "target": target}],
        "vetoes": {},  # the sample breaches duties, and when that is told depends on the hour
        "thresholds": {"A": "90", "B": "60", "C": "20"},
    }


class Committee:
    """Those who take a cycle through its steps."""

    def __init__(self, system: System) -> None:
        self.ann = system.client("appraisal", "approver", subject="ann")
        self.bob = system.client("appraisal", "approver", subject="bob")
        self.payer = system.client("appraisal", "accountant", subject="carl")

    async def done(self, path: str, by: httpx.AsyncClient | None = None, **body: Any) -> dict[str, Any]:
        answer = await (by or self.ann).post(path, json=body or None)
        assert answer.status_code < 300, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def appraise(self, period: str) -> None:
        """From opening to publishing."""
        await self.done("/v1/cycles", period=period)
        cycle = f"/v1/cycles/{period}"
        await self.done(f"{cycle}/freeze")
        await self.done(f"{cycle}/score")
        await self.done(f"{cycle}/approve", self.bob)
        await self.done(f"{cycle}/publish")

    async def award(self, period: str) -> dict[str, Any]:
        """Propose and grant the awards of a cycle; the sheet."""
        await self.done(f"/v1/cycles/{period}/awards")
        await self.done(f"/v1/cycles/{period}/awards/approve", self.bob)
        sheet: dict[str, Any] = (await self.ann.get(f"/v1/cycles/{period}/awards")).json()
        return sheet
