"""Running it on a real Kafka: topics as described, more partitions, and a restore beside a log that was lost."""

import asyncio
from collections.abc import AsyncIterator, Collection
from datetime import date
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from deploy.kafka.broker import Broker
from deploy.local.simulator import simulate
from deploy.operations import topics
from deploy.operations.backup import backup
from deploy.operations.clients import OperationFailed
from deploy.operations.partitions import add_partitions
from deploy.operations.restore import restore
from deploy.operations.resuming import OURS
from deploy.operations.topics import Description, administrator, described, look
from shared.contracts.core_banking import TOPIC
from shared.infrastructure.embedded_postgres import EmbeddedPostgres
from shared.infrastructure.runtime import TOPICS
from shared.infrastructure.settings import SERVICES, Settings
from tests.integration.operations.conftest import empty
from tests.integration.operations.installation import SETTINGS, at_work, nothing_lost_or_doubled, verified
from tests.support.databases import fresh_name
from tests.support.logs import eventually, read_all

FACTS = list(simulate(5, managers=3, customers=8, start=date(2026, 7, 1), months=2))
PERIODS = ("2026-07", "2026-08")
CUSTOMER = next(event.subject for event in FACTS if event.type == "CustomerAssigned")


@pytest.fixture
def settings(kafka_broker: Broker) -> Settings:
    return SETTINGS.model_copy(update={"kafka": kafka_broker.bootstrap})


async def made(admin: AIOKafkaAdminClient, *made: NewTopic) -> None:
    answer = await admin.create_topics(list(made))
    assert [code for _, code, *_ in answer.topic_errors] == [0] * len(made)
    await known(admin, {topic.name for topic in made})


async def known(
    admin: AIOKafkaAdminClient, present: Collection[str] = (), gone: Collection[str] = ()
) -> None:
    """Kafka answers once its controller has decided; the broker that is asked next learns of it a little later."""

    async def so() -> bool:
        topics = set(await admin.list_topics())
        return topics >= set(present) and topics.isdisjoint(gone)

    await eventually(so)


async def test_topics_are_made_and_raised_and_nothing_is_taken_away(settings: Settings) -> None:
    new, low, own = (fresh_name(kind) for kind in ("new", "low", "own"))
    description = Description.model_validate(
        {
            "partitions": 8,
            "replication_factor": 3,
            "config": {"retention.ms": -1, "max.message.bytes": 2_000_000, "min.insync.replicas": 2},
            "topics": [{"name": new, "partitions": 1}, {"name": low}, {"name": own}],
        }
    )
    async with administrator(settings) as admin:
        await made(
            admin,
            NewTopic(low, 8, 1, topic_configs={"retention.ms": "86400000", "segment.ms": "3600000"}),
            NewTopic(own, 4, 1, topic_configs={"retention.ms": "-1", "max.message.bytes": "3000000"}),
        )
        before = {one.name: str(one) for _, one in await look(admin, description)}
        assert before == {
            new: "missing",
            low: "max.message.bytes to be 2000000; retention.ms to be -1",
            own: "max.message.bytes is 3000000, more than 2000000; 4 partitions, not 8",
        }
        _, now = await topics.apply(admin, description)
        after = {one.name: (one.fine, one.partitions, str(one)) for _, one in now}
        assert after == {
            new: (True, 1, "as described"),
            low: (True, 8, "as described"),
            own: (True, 4, before[own]),
        }
        configs = await topics._configs(admin, [low])
        assert configs[low]["segment.ms"].value == "3600000", "what the operator has set stays"


def test_the_description_names_every_topic_of_the_system_and_its_dead_letters() -> None:
    wanted = {topic.name: topic for topic in described().wanted(brokers=3)}
    assert set(wanted) == {*TOPICS, *(f"{topic}.dead-letter" for topic in TOPICS)}
    assert {(one.copies, one.config["min.insync.replicas"]) for one in wanted.values()} == {(3, "2")}
    alone = described().wanted(brokers=1)
    assert {(one.copies, one.config["min.insync.replicas"]) for one in alone} == {(1, "1")}


@pytest.fixture(scope="module")
async def machine_on_kafka(servers: list[EmbeddedPostgres]) -> AsyncIterator[str]:
    """A server whose services meet on Kafka, in one test after the other."""
    yield servers[0].url
    await empty(servers[0].url)


async def test_a_customer_keeps_its_order_and_shard_when_partitions_are_added(
    settings: Settings, machine_on_kafka: str
) -> None:
    half = len(FACTS) // 2
    async with at_work(machine_on_kafka, settings) as bank:
        await bank.feed(FACTS[:half])
        await bank.settle()
        assert await add_partitions(settings, machine_on_kafka, 8, quiet=0.2) == 8
        with pytest.raises(OperationFailed, match="12 partitions: must be a multiple of 8"):
            await add_partitions(settings, machine_on_kafka, 12)
        arriving = asyncio.create_task(bank.feed(FACTS[half:], rate=100))
        with pytest.raises(OperationFailed, match=r"messages behind on|are still arriving"):
            await add_partitions(settings, machine_on_kafka, 16, quiet=1.0)
        arriving.cancel()
        await asyncio.gather(arriving, return_exceptions=True)
        await bank.settle()
        assert await add_partitions(settings, machine_on_kafka, 16, quiet=0.2) == 8
    async with at_work(machine_on_kafka, settings) as bank:
        await bank.feed(FACTS)
        await bank.settle()
        await nothing_lost_or_doubled(bank)
        ledger, assignment = bank.services["ledger"], bank.services["assignment"]
        places = {record.partition for record in await read_all(ledger.service.log, TOPIC)}
        assert max(places) >= 8, "some customers have moved to a new partition"
        entries = await ledger.rows("SELECT shard, cause FROM event WHERE type = 'EntryBooked'")
        assert all(int(cause.split("/")[1]) % 8 == shard for shard, cause in entries)
        for service in (ledger, assignment):
            assert (await service.admin.get("/v1/dead-letters")).json()["items"] == []
        with pytest.raises(OperationFailed, match="has 16 partitions: Kafka takes none away"):
            await add_partitions(settings, machine_on_kafka, 8)


async def test_a_backup_is_restored_beside_a_log_that_went_on_by_telling_everything_again(
    settings: Settings, machine_on_kafka: str, empty_machine: str, tmp_path: Path
) -> None:
    folder = tmp_path / "backup"
    async with at_work(machine_on_kafka, settings) as bank:
        await bank.settle()
        manifest = await backup(settings, machine_on_kafka, folder)
        assert set(manifest.databases) == set(SERVICES)
        figures = await bank.figures(PERIODS)
        late = await bank.services["assignment"].admin.put(
            f"/v1/customers/{CUSTOMER}/assignment",
            json={"shares": [], "effective_from": "2026-08-31", "reason": "after the backup"},
        )
        assert late.status_code == 200, late.text
        await bank.settle()
    with pytest.raises(
        OperationFailed, match=r"its topics have changed since the backup began\. Delete the topics"
    ):
        await restore(settings, empty_machine, folder)
    async with administrator(settings) as admin:
        await admin.delete_topics(list(OURS))
        await known(admin, gone=OURS)
    await restore(settings, empty_machine, folder)
    assert await verified(empty_machine, settings) == dict.fromkeys(SERVICES)
    async with at_work(empty_machine, settings) as bank:
        await bank.settle()
        await nothing_lost_or_doubled(bank)
        assert await bank.figures(PERIODS) == figures
