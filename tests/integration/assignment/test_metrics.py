"""What an assignment service at work shows in ``/metrics``: customers, duties, and what waits for somebody."""

from datetime import UTC, date, datetime, timedelta

from prometheus_client import REGISTRY

from shared.infrastructure.reading import read_all
from tests.integration.assignment.bank import Bank
from tests.integration.assignment.compliance.deposits import post, posted

OLD = date(2026, 7, 1)


async def shown(bank: Bank, name: str, **labels: str) -> float | None:
    """A figure, after it was read anew."""
    service = bank.service.service
    await read_all("assignment", service.database, service.definition.readings)
    return REGISTRY.get_sample_value(f"dualbook_assignment_{name}", labels)


async def test_customers_are_somebodys_from_the_day_on_that_their_assignment_says(bank: Bank) -> None:
    async def customers() -> list[float | None]:
        return [await shown(bank, "customers", state=state) for state in ("assigned", "unassigned")]

    await bank.welcome("c2")
    assert await customers() == [0, 2]
    await bank.assign("c1", bank.past, m1="0.5", m2="0.5")
    await bank.assign("c2", bank.today + timedelta(days=1), m1="1")
    assert await customers() == [1, 1]
    await bank.assign("c2", bank.today, m1="1")
    assert await customers() == [2, 0]


async def test_duties_are_open_then_breached_and_gone_when_they_are_done(bank: Bank) -> None:
    async def duties(kind: str = "large-value-report") -> list[float | None]:
        return [await shown(bank, f"duties_{state}", kind=kind) for state in ("open", "breached")]

    await bank.assign("c1", OLD, m1="1")
    assert await duties() == [0, 0]
    await post(bank, posted("c1", OLD, "60000.00"))
    assert await duties() == [1, 0]
    assert await duties("customer-review") == [0, 0]
    assert (await bank.approver.post("/v1/duties/look")).json()["breached"] == 1
    assert await duties() == [0, 1]
    [(duty_id,)] = await bank.service.rows("SELECT duty_id FROM duty")
    done = await bank.manager("m1").post(
        f"/v1/duties/{duty_id}/done", json={"done_on": bank.today.isoformat(), "note": "reported"}
    )
    assert done.status_code == 200, done.text
    assert await duties() == [0, 0]


async def test_what_waits_for_somebody_is_counted_until_it_is_settled(bank: Bank) -> None:
    async def waiting() -> dict[str, float | None]:
        names = ("tenders", "hand_overs", "proposals", "complaints")
        return {name: await shown(bank, f"{name}_open") for name in names}

    await bank.hire("m3", "赵敏")
    await bank.welcome("c2")
    await bank.assign("c1", bank.past, m1="1")
    assert await waiting() == {"tenders": 0, "hand_overs": 0, "proposals": 0, "complaints": 0}
    bodies = {
        "/v1/tenders": {
            "customer_ids": ["c2"],
            "baseline_profit": "100.00",
            "closes_at": (datetime.now(UTC) + timedelta(hours=1)).isoformat(),
            "lowest_grade": "manager-3",
        },
        "/v1/hand-overs": {
            "manager_id": "m1",
            "ground": "transfer",
            "effective_from": (bank.today + timedelta(days=1)).isoformat(),
            "items": [{"customer_id": "c1", "successor_id": "m3", "tail": []}],
        },
        "/v1/customers/c1/complaints": {
            "received_on": bank.today.isoformat(),
            "channel": "phone",
            "text": "nobody calls back",
        },
    }
    made = {path: await bank.assigner.post(path, json=body) for path, body in bodies.items()}
    assert [answer.status_code for answer in made.values()] == [201, 201, 201]
    assert (await bank.assign("c1", bank.past, by=bank.assigner, m2="1")).status_code == 202
    assert await waiting() == {"tenders": 1, "hand_overs": 1, "proposals": 1, "complaints": 1}
    tender, hand_over, _ = (answer.json() for answer in made.values())
    for path in (f"tenders/{tender['tender_id']}", f"hand-overs/{hand_over['hand_over_id']}"):
        ended = await bank.assigner.post(f"/v1/{path}/cancel", json={"reason": "merger"})
        assert ended.status_code == 200, ended.text
    assert await waiting() == {"tenders": 0, "hand_overs": 0, "proposals": 1, "complaints": 1}
