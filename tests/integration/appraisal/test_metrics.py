"""What an appraisal at work shows in ``/metrics``: cycles by status, and what waits for a decision."""

from prometheus_client import REGISTRY

from services.appraisal.domain.cycle import Status
from shared.infrastructure.auth import Role
from shared.infrastructure.reading import read_all
from tests.support.services import ServiceUnderTest


async def shown(appraisal: ServiceUnderTest) -> dict[str, float | None]:
    """The figures, after they were read anew."""
    await read_all("appraisal", appraisal.database, appraisal.service.definition.readings)
    cycles = {
        status.value: REGISTRY.get_sample_value("dualbook_appraisal_cycles", {"status": status.value})
        for status in Status
    }
    waiting = {
        name: REGISTRY.get_sample_value(f"dualbook_appraisal_{name}_open")
        for name in ("appeals", "grade_changes")
    }
    return cycles | waiting


async def test_cycles_and_what_waits_for_a_decision_are_counted(appraisal: ServiceUnderTest) -> None:
    nothing = dict.fromkeys([*(status.value for status in Status), "appeals", "grade_changes"], 0)
    assert await shown(appraisal) == nothing
    approver = appraisal.client(Role.APPROVER, subject="ann")
    for period in ("2026-Q2", "2026-Q3"):
        assert (await approver.post("/v1/cycles", json={"period": period})).status_code == 201
    assert await shown(appraisal) == {**nothing, "open": 2}
    await appraisal.execute(
        "UPDATE cycle SET status = 'published' WHERE cycle_id = '2026-Q2'",
        "INSERT INTO appeal (cycle_id, side, centre_id, grounds, appealed_by, status) "
        "VALUES ('2026-Q2', 'manager', 'm1', 'mine', 'm1', 'open'), ('2026-Q2', 'manager', 'm2', '-', 'm2', 'upheld')",
        "INSERT INTO grade_change (change_id, manager_id, direction, grade_before, grade, cycles, ground, status, "
        "proposed_by, proposed_at) SELECT status, 'm1', 'up', 'a', 'b', '{}', 'A', status, 'ann', now() "
        "FROM unnest(ARRAY['open', 'approved']) AS status",
    )  # as the views would have it after a whole cycle
    assert await shown(appraisal) == {**nothing, "open": 1, "published": 1, "appeals": 1, "grade_changes": 1}
