"""``dualbook topics``: the topics of Kafka as ``deploy/topics.yaml`` describes them.

What is missing is made, and what is kept shorter or smaller than described is raised. Nothing is deleted, nothing
made smaller, and partitions are never added by the way (see ``partitions.py``).
"""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import yaml
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code
from pydantic import BaseModel, ConfigDict, Field

from deploy.operations.clients import OperationFailed
from shared.infrastructure.settings import Settings

DESCRIPTION = Path(__file__).parent.parent / "topics.yaml"

_SET_ON_THE_TOPIC = 1
"""Kafka's mark of a value that was given to the topic itself."""

_PATIENCE_SECONDS = 10.0

Config = dict[str, int | str]


class _Described(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Topic(_Described):
    name: str
    partitions: Annotated[int, Field(ge=1)] | None = None
    config: Config = {}


class Description(_Described):
    """What ``topics.yaml`` says."""

    partitions: Annotated[int, Field(ge=1)]
    replication_factor: Annotated[int, Field(ge=1)]
    config: Config
    topics: list[_Topic]

    def wanted(self, brokers: int) -> "list[Wanted]":
        """Every topic in full, with as many copies as the brokers can hold."""
        copies = min(self.replication_factor, brokers)
        return [
            Wanted(
                topic.name,
                topic.partitions or self.partitions,
                copies,
                {
                    name: _bounded(name, value, copies)
                    for name, value in {**self.config, **topic.config}.items()
                },
            )
            for topic in self.topics
        ]


def _bounded(name: str, value: int | str, copies: int) -> str:
    """With all copies needed for a write, one broker that is away would stop all writing."""
    if name == "min.insync.replicas":
        value = min(int(value), max(1, copies - 1))
    return str(value)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A topic as it should be."""

    name: str
    partitions: int
    copies: int
    config: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Standing:
    """How a topic was found: its partitions (0: it is missing), what is to be raised, and what is left as it is."""

    name: str
    partitions: int = 0
    copies: int = 0
    raises: Mapping[str, str] = field(default_factory=dict)
    left: Sequence[str] = ()

    @property
    def fine(self) -> bool:
        """Whether there is nothing to do."""
        return self.partitions > 0 and not self.raises

    def __str__(self) -> str:
        if not self.partitions:
            return "missing"
        todo = [f"{name} to be {value}" for name, value in sorted(self.raises.items())]
        return "; ".join([*todo, *self.left]) or "as described"


def described(file: Path = DESCRIPTION) -> Description:
    """The description; raises ValueError naming the field."""
    return Description.model_validate(yaml.safe_load(file.read_text()))


@asynccontextmanager
async def administrator(settings: Settings) -> AsyncIterator[AIOKafkaAdminClient]:
    """A client that may make topics. Raises OperationFailed where there is no Kafka, or it cannot be reached."""
    if settings.kafka is None:
        raise OperationFailed("DUALBOOK_KAFKA: is not set; the embedded log makes its topics by itself")
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka)
    try:
        await admin.start()
        yield admin
    except (KafkaError, OSError) as error:
        raise OperationFailed(f"DUALBOOK_KAFKA: {type(error).__name__}: {error}") from None
    finally:
        await admin.close()


async def look(admin: AIOKafkaAdminClient, description: Description) -> list[tuple[Wanted, Standing]]:
    """How every topic stands, nothing is changed."""
    brokers = len((await admin.describe_cluster())["brokers"])
    wanted = description.wanted(brokers)
    there = set(await admin.list_topics()) & {topic.name for topic in wanted}
    metadata = (
        {one["topic"]: one["partitions"] for one in await admin.describe_topics(sorted(there))}
        if there
        else {}
    )
    configs = await _configs(admin, sorted(there))
    return [
        (topic, _standing(topic, metadata[topic.name], configs[topic.name]))
        if topic.name in there
        else (topic, Standing(topic.name))
        for topic in wanted
    ]


@dataclass(frozen=True, slots=True)
class _Value:
    value: str
    own: bool
    """Whether it was given to the topic itself, and would be lost if it were not given again."""


async def _configs(admin: AIOKafkaAdminClient, names: Sequence[str]) -> dict[str, dict[str, _Value]]:
    if not names:
        return {}
    asked = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    found: dict[str, dict[str, _Value]] = {}
    for answer in await admin.describe_configs(asked):
        for code, reason, _, name, entries in answer.resources:
            if code:
                raise for_code(code)(reason)
            found[name] = {entry[0]: _Value(entry[1], entry[3] == _SET_ON_THE_TOPIC) for entry in entries}
    return found


def _standing(
    wanted: Wanted, partitions: Sequence[Mapping[str, Any]], config: Mapping[str, _Value]
) -> Standing:
    raises, left = {}, []
    for name, value in wanted.config.items():
        present = config[name].value
        if present == value:
            continue
        if _is_more(value, present):
            raises[name] = value
        else:
            left.append(f"{name} is {present}, more than {value}")
    copies = min(len(one["replicas"]) for one in partitions)
    if len(partitions) != wanted.partitions:
        left.append(f"{len(partitions)} partitions, not {wanted.partitions}")
    if copies < wanted.copies:
        left.append(f"{copies} copies, not {wanted.copies}")
    return Standing(wanted.name, len(partitions), copies, raises, left)


def _is_more(value: str, present: str) -> bool:
    """Of two numbers the larger, where -1 is without bound; what is no number counts as described."""
    try:
        one, other = int(value), int(present)
    except ValueError:
        return True
    return other != -1 and (one == -1 or one > other)


Found = list[tuple[Wanted, Standing]]


async def apply(admin: AIOKafkaAdminClient, description: Description) -> tuple[Found, Found]:
    """Make and raise what is to be; how every topic stood before, and stands now. Raises OperationFailed."""
    before = await look(admin, description)
    await _make(admin, [topic for topic, standing in before if not standing.partitions])
    await _raise(admin, {standing.name: standing.raises for _, standing in before if standing.raises})
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:  # the controller is ahead of what the brokers know
        now = await look(admin, description)
        if all(standing.fine for _, standing in now) or time.monotonic() > deadline:
            return before, now
        await asyncio.sleep(0.1)


async def _make(admin: AIOKafkaAdminClient, missing: Sequence[Wanted]) -> None:
    if not missing:
        return
    answer = await admin.create_topics(
        [NewTopic(one.name, one.partitions, one.copies, topic_configs=dict(one.config)) for one in missing]
    )
    for name, code, reason in answer.topic_errors:
        if code and for_code(code) is not TopicAlreadyExistsError:  # a service was quicker
            raise OperationFailed(f"{name}: {reason or for_code(code).__name__}")


async def _raise(admin: AIOKafkaAdminClient, low: Mapping[str, Mapping[str, str]]) -> None:
    """Kafka takes a topic's settings as a whole: what was set on it before is said again."""
    own = await _configs(admin, sorted(low))
    resources = [
        ConfigResource(
            ConfigResourceType.TOPIC,
            name,
            {**{key: one.value for key, one in own[name].items() if one.own}, **raises},
        )
        for name, raises in low.items()
    ]
    for answer in await admin.alter_configs(resources) if resources else []:
        for code, reason, _, name in answer.resources:
            if code:
                raise OperationFailed(f"{name}: {reason or for_code(code).__name__}")
