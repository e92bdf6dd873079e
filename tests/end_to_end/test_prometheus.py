"""What a real Prometheus makes of our metrics."""

from pathlib import Path

from shared.infrastructure.settings import SERVICES
from tests.support.prometheus import running_prometheus
from tests.support.system import System


async def test_every_service_is_scraped_under_its_own_name(embedded_system: System, tmp_path: Path) -> None:
    async with running_prometheus(tmp_path, embedded_system.services.urls) as prometheus:
        positions = await prometheus.until("count by (job) (dualbook_event_store_position)", len(SERVICES))
    assert {sample["metric"]["job"] for sample in positions} == set(SERVICES)
