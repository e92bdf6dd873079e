"""The contracts as documents: a JSON Schema of every event, and AsyncAPI 3.0 of the topics they travel on.

Pure: built from the contract classes, the same at every call. ``deploy/contracts`` holds what it builds, for
everyone to read and compare; each service serves its own part of it at ``/asyncapi.json``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from pydantic.json_schema import models_json_schema

from shared.contracts import appraisal, assignment, core_banking, ledger
from shared.contracts.types import Contract

_DESCRIPTION = (
    "CloudEvents 1.0 on Apache Kafka. Written in binary content mode (attributes as headers, data as value), "
    "read in structured mode as well. Delivery is at least once and in order within a partition; an id is "
    "the same event for ever."
)
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_DEAD_LETTER = "DeadLetter"
_HEADERS = "CloudEventHeaders"


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic of the event log. ``readers`` names the services that consume it, with the types they take up
    (none named: all of them)."""

    address: str
    producer: str
    contracts: ModuleType
    readers: Mapping[str, Sequence[str]] = field(default_factory=dict)
    headers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Headers that all messages of the topic bear beside those of CloudEvents."""

    @property
    def dead_letters(self) -> str:
        """Where messages go that a reader gives up."""
        return f"{self.address}.dead-letter"

    @property
    def events(self) -> Mapping[str, type[Contract]]:
        """The events of the topic by type."""
        return events_of(self.contracts)

    def taken_up(self, service: str) -> Sequence[str]:
        """The types that a reader takes up."""
        return self.readers[service] or list(self.events)


TOPICS = (
    Topic(core_banking.TOPIC, "core-banking", core_banking, {"ledger": (), "assignment": ("DepositPosted",)}),
    Topic(
        assignment.TOPIC,
        assignment.SOURCE,
        assignment,
        {
            "ledger": ("ManagerRegistered", "ManagerTransferred", "CustomerAssigned"),
            "appraisal": (
                "ManagerRegistered",
                "ManagerGraded",
                "GradeChangeRefused",
                "ManagerTransferred",
                "ManagerDeparted",
                "TrainingTaken",
                "CustomerAssigned",
                "VisitMade",
                "VisitMissed",
                "ComplaintReceived",
                "ComplaintAssigned",
                "ComplaintAnswered",
                "ComplaintConfirmed",
                "CustomerSurveyed",
                "DutyRaised",
                "DutyDone",
                "DutyBreached",
                "ReferralClosed",
                "TenderAwarded",
            ),
        },
    ),
    Topic(
        ledger.TOPIC,
        ledger.SOURCE,
        ledger,
        {
            "appraisal": ("EntryBooked", "PeriodClosed", "ManagerResultStated", "DepartmentResultStated"),
            "assignment": ("EntryBooked", "PeriodClosed", "CustomerResultStated"),
        },
        {
            "ce_ledgerposition": {
                "type": "string",
                "pattern": r"^\d+-\d+$",
                "description": "The ledger's shard and the event's position in it; a repetition has the same",
                "examples": ["3-1071"],
            }
        },
    ),
    Topic(
        appraisal.TOPIC,
        appraisal.SOURCE,
        appraisal,
        {"assignment": ("ScorecardApproved", "GradeChangeDecided")},
    ),
)


def taken_up_by(service: str) -> frozenset[str]:
    """The types of all topics that a service takes up."""
    return frozenset(name for topic in TOPICS if service in topic.readers for name in topic.taken_up(service))


def events_of(contracts: ModuleType) -> dict[str, type[Contract]]:
    """The events among the contract classes of a module, or of a package's modules, by type, in their order.

    Those are no events that others are derived from (what several have in common) or consist of.
    """
    classes = [one for one in vars(contracts).values() if _is_contract(one)]
    own = [one for one in classes if f"{one.__module__}.".startswith(f"{contracts.__name__}.")]
    parts = {name for one in own for name in one.model_json_schema().get("$defs", {})}
    bases = {base for one in own for base in one.__mro__[1:]}
    return {one.__name__: one for one in own if one.__name__ not in parts and one not in bases}


def _is_contract(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, Contract)


def schemas() -> dict[str, dict[str, Any]]:
    """A JSON Schema (draft 2020-12), complete in itself, of the data of every event, by type."""
    return {
        name: {"$schema": _DIALECT, "$id": f"urn:dualbook:event:{name}", **event.model_json_schema()}
        for topic in TOPICS
        for name, event in topic.events.items()
    }


def asyncapi_of(service: str | None = None) -> dict[str, Any]:
    """The AsyncAPI 3.0 document of one service, or of the whole system."""
    topics = [topic for topic in TOPICS if service in (None, topic.producer, *topic.readers)]
    events = {name: (topic, event) for topic in topics for name, event in topic.events.items()}
    messages = {name: _message(topic, name, event) for name, (topic, event) in events.items()}
    _, definitions = models_json_schema(
        [(event, "validation") for _, event in events.values()], ref_template="#/components/schemas/{model}"
    )
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": f"Dualbook {service or 'events'}",
            "version": "1",
            "description": _DESCRIPTION,
        },
        "defaultContentType": "application/json",
        "channels": {key: channel for topic in topics for key, channel in _channels(topic).items()},
        "operations": {
            key: operation
            for topic in topics
            for key, operation in _operations(topic).items()
            if service is None or key.startswith(f"{service}.")
        },
        "components": {
            "messages": {**messages, _DEAD_LETTER: _dead_letter()},
            "schemas": {**definitions.get("$defs", {}), _HEADERS: _cloud_event_headers()},
        },
    }


def _channels(topic: Topic) -> dict[str, Any]:
    channel: dict[str, Any] = {
        "address": topic.address,
        "description": f"What {topic.producer} says. The key is the customer's id, or that of the aggregate "
        "where there is no customer.",
    }
    if topic.events:
        channel["messages"] = {name: {"$ref": f"#/components/messages/{name}"} for name in topic.events}
    letters = {
        "address": topic.dead_letters,
        "description": f"Messages of {topic.address} that a reader could not read or refused.",
        "messages": {_DEAD_LETTER: {"$ref": f"#/components/messages/{_DEAD_LETTER}"}},
    }
    return {topic.address: channel, topic.dead_letters: letters}


def _operations(topic: Topic) -> dict[str, Any]:
    """Who sends and receives what, each named ``<service>.<action>.<topic>``."""
    address, letters = topic.address, topic.dead_letters
    operations = {}
    if topic.events:
        operations[f"{topic.producer}.send.{address}"] = _operation("send", address, list(topic.events))
    for service in topic.readers:
        operations[f"{service}.receive.{address}"] = _operation("receive", address, topic.taken_up(service))
        operations[f"{service}.send.{letters}"] = _operation("send", letters, [_DEAD_LETTER])
    return operations


def _operation(action: str, address: str, names: Sequence[str]) -> dict[str, Any]:
    channel = f"#/channels/{address}"
    messages = [{"$ref": f"{channel}/messages/{name}"} for name in names]
    return {"action": action, "channel": {"$ref": channel}, "messages": messages}


def _message(topic: Topic, name: str, event: type[Contract]) -> dict[str, Any]:
    of_this_type = {
        "type": "object",
        "required": list(topic.headers),
        "properties": {
            "ce_type": {"const": name},
            "ce_source": {"examples": [topic.producer]},
            **topic.headers,
        },
    }
    return {
        "name": name,
        "summary": (event.__doc__ or name).partition("\n")[0],
        "contentType": "application/json",
        "headers": {"allOf": [{"$ref": f"#/components/schemas/{_HEADERS}"}, of_this_type]},
        "payload": {"$ref": f"#/components/schemas/{name}"},
        "bindings": {"kafka": {"key": {"type": "string", "minLength": 1}}},
    }


def _cloud_event_headers() -> dict[str, Any]:
    attribute = {"type": "string", "minLength": 1, "maxLength": 256}
    return {
        "type": "object",
        "description": "The attributes of a CloudEvent in binary content mode.",
        "required": ["ce_specversion", "ce_id", "ce_type", "ce_source"],
        "properties": {
            "ce_specversion": {"const": "1.0"},
            "ce_id": {**attribute, "description": "The producer's; the same id is the same event for ever"},
            "ce_type": attribute,
            "ce_source": attribute,
            "ce_time": {"type": "string", "format": "date-time"},
            "ce_subject": attribute,
            "ce_businessdate": {
                "type": "string",
                "format": "date",
                "description": "Repeats data.business_date",
            },
            "traceparent": {"type": "string", "description": "W3C Trace Context"},
            "content-type": {"const": "application/json"},
        },
    }


def _dead_letter() -> dict[str, Any]:
    return {
        "name": _DEAD_LETTER,
        "summary": "A message that a service gave up, as it came, with the reason in its headers.",
        "headers": {
            "type": "object",
            "description": "Those of the original message, and these.",
            "required": ["dl_reason", "dl_service", "dl_attempts", "dl_first_seen"],
            "properties": {
                "dl_reason": {"type": "string", "description": "Names the field and the rule it breaks"},
                "dl_service": {"type": "string"},
                "dl_attempts": {"type": "string", "pattern": r"^\d+$"},
                "dl_first_seen": {"type": "string", "format": "date-time"},
            },
        },
        "payload": {"description": "The value of the original message, byte for byte; it may be anything."},
        "bindings": {"kafka": {"key": {"type": "string", "description": "That of the original message"}}},
    }
