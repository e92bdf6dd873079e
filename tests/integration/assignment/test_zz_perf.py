import time
from datetime import timedelta
import asyncio
import pytest
from tests.integration.assignment.bank import Bank
@pytest.mark.parametrize("tail", [[], [{"share": "0.5", "months": 1}, {"share": "0.3", "months": 1}, {"share": "0.1", "months": 1}]])
async def test_perf(bank: Bank, tail) -> None:
    n = 500
    await bank.approver.put(f"/v1/policies/{bank.past}", json={"grades": {"manager-2": {"capacity": "100000"}}})
    await bank.approver.put(f"/v1/policies/{bank.today}", json={"grades": {"manager-2": {"capacity": "100000"}}})
    await asyncio.gather(*(bank.welcome(f"k{i:04}") for i in range(n)))
    rs = await asyncio.gather(*(bank.assign(f"k{i:04}", bank.past, m1="1") for i in range(n)))
    assert {r.status_code for r in rs} == {200}, rs[0].text
    t = time.monotonic()
    r = await bank.assigner.post("/v1/hand-overs", json={"manager_id": "m1", "ground": "transfer", "effective_from": str(bank.today),
        "items": [{"customer_id": f"k{i:04}", "successor_id": "m2", "tail": tail} for i in range(n)]})
    assert r.status_code == 201, r.text
    h = r.json()["hand_over_id"]
    print("PERF plan", time.monotonic() - t); t = time.monotonic()
    for m in ("m1", "m2"):
        await bank.manager(m).post(f"/v1/hand-overs/{h}/acknowledge")
    p = (await bank.assigner.post(f"/v1/hand-overs/{h}/submit")).json()["proposal_id"]
    print("PERF submit", time.monotonic() - t); t = time.monotonic()
    r = await bank.approver.post(f"/v1/proposals/{p}/approve")
    assert r.status_code == 200, r.text
    print("PERF approve", time.monotonic() - t)
