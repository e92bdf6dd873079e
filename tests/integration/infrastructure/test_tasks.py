"""Tasks of a running service: at work while it runs, in its readiness, ended with it."""

import asyncio
from pathlib import Path

from shared.infrastructure.command_desk import CommandDesk
from shared.infrastructure.command_handler import Aggregate, folded
from shared.infrastructure.receipts import Answer
from shared.infrastructure.runtime import ServiceDefinition
from shared.infrastructure.settings import Settings
from shared.infrastructure.task import Task
from tests.support.aggregate import DECIDER, HISTORY, READERS, Put, wish
from tests.support.services import running_service


async def test_tasks_work_through_the_command_desk_as_long_as_the_service_runs(
    postgres_url: str, tmp_path: Path
) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def put(desk: CommandDesk) -> None:
        await desk.execute([wish(Put("a", 1))], lambda _: Answer(200, b"{}"), wait=False)
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def fail(_: CommandDesk) -> None:
        raise ArithmeticError("it does not add up")

    def define(_: Settings) -> ServiceDefinition:
        return ServiceDefinition(
            name="tasks",
            title="Tasks",
            description="",
            migrations=tmp_path,
            aggregates=[Aggregate(DECIDER, folded(DECIDER, HISTORY))],
            readers=READERS,
            views=[],
            publications={},
            doors={},
            routers=[],
            tasks=[Task("putting", put), Task("failing", fail)],
        )

    async with running_service(define, postgres_url) as service:
        await asyncio.wait_for(begun.wait(), 10)
        readiness = await service.service.readiness()
        assert readiness["putting"] == "ok"
        assert readiness["failing"] == "ArithmeticError: it does not add up"
        assert (await service.admin.get("/readyz")).status_code == 503
        assert await service.rows("SELECT stream, version FROM event") == [("jar-a", 1)]
    assert ended.is_set()
