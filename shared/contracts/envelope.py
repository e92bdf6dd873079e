"""CloudEvents 1.0: the envelope of every message, in binary and in structured content mode.

Binary mode carries the attributes as ``ce_*`` headers and the data as the value; structured mode carries one JSON
object. Both are read; binary is what we write.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import orjson

from shared.kernel.errors import Malformed

STRUCTURED = b"application/cloudevents+json"
_LONGEST_ATTRIBUTE = 256


class CloudEvent(NamedTuple):
    """One message. ``data`` is the JSON text of the event's data, untouched; ``extensions`` holds the other
    attributes (``businessdate``, ``traceparent``, ``partitionkey`` …) as text."""

    id: str
    type: str
    source: str
    data: bytes
    time: str = ""
    subject: str = ""
    extensions: Mapping[str, str] = MappingProxyType({})

    def headers(self) -> list[tuple[str, bytes]]:
        """The binary-mode headers on Kafka; ``traceparent`` travels under its own W3C name."""
        pairs = [
            ("ce_specversion", b"1.0"),
            ("ce_id", self.id.encode()),
            ("ce_type", self.type.encode()),
            ("ce_source", self.source.encode()),
            ("content-type", b"application/json"),
        ]
        if self.time:
            pairs.append(("ce_time", self.time.encode()))
        if self.subject:
            pairs.append(("ce_subject", self.subject.encode()))
        for name, value in self.extensions.items():
            pairs.append((name if name == "traceparent" else f"ce_{name}", value.encode()))
        return pairs

    def to_structured(self) -> bytes:
        """The event as one JSON object on one line."""
        attributes = {"specversion": "1.0", "id": self.id, "source": self.source, "type": self.type}
        if self.time:
            attributes["time"] = self.time
        if self.subject:
            attributes["subject"] = self.subject
        return orjson.dumps({**attributes, **self.extensions, "data": orjson.Fragment(self.data)})


def from_message(headers: Mapping[str, bytes], value: bytes) -> CloudEvent:
    """Read a message of either mode; raises Malformed naming the attribute that is missing or wrong."""
    if "ce_type" not in headers:
        return from_structured(value)
    extensions: dict[str, str] = {}
    time = subject = ""
    try:
        for name, text in headers.items():
            if name in _REQUIRED_HEADERS:
                continue
            if name == "ce_time":
                time = text.decode()
            elif name == "ce_subject":
                subject = text.decode()
            elif name == "traceparent":
                extensions[name] = text.decode()
            elif name.startswith("ce_"):
                extensions[name[3:]] = text.decode()
        return CloudEvent(
            _attribute(headers.get("ce_id", b"").decode(), "id"),
            _attribute(headers["ce_type"].decode(), "type"),
            _attribute(headers.get("ce_source", b"").decode(), "source"),
            value,
            _optional(time or None, "time"),
            _optional(subject or None, "subject"),
            extensions,
        )
    except UnicodeDecodeError:
        raise Malformed("headers: must be UTF-8 text") from None


def from_structured(value: bytes) -> CloudEvent:
    """Read one structured-mode JSON object."""
    try:
        message = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise Malformed(f"message: is not JSON ({error})") from None
    return from_mapping(message)


def from_mapping(message: Any) -> CloudEvent:
    """Read a structured-mode event that is parsed already (an element of a batch)."""
    if not isinstance(message, dict):
        raise Malformed("message: must be a JSON object in CloudEvents structured form")
    if message.get("specversion") != "1.0":
        raise Malformed('specversion: must be "1.0"')
    extensions = {
        name: value
        for name, value in message.items()
        if name not in _CORE_ATTRIBUTES and isinstance(value, str)
    }
    return CloudEvent(
        id=_attribute(message.get("id"), "id"),
        type=_attribute(message.get("type"), "type"),
        source=_attribute(message.get("source"), "source"),
        data=orjson.dumps(message.get("data")),
        time=_optional(message.get("time"), "time"),
        subject=_optional(message.get("subject"), "subject"),
        extensions=extensions,
    )


_REQUIRED_HEADERS = {"ce_specversion", "ce_id", "ce_type", "ce_source", "content-type"}
_CORE_ATTRIBUTES = {"specversion", "id", "type", "source", "time", "subject", "data", "datacontenttype"}


def _attribute(value: object, name: str) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_ATTRIBUTE or "\0" in value:
        raise Malformed(f"{name}: must be a text of 1 to {_LONGEST_ATTRIBUTE} characters, none of them NUL")
    return value


def _optional(value: object, name: str) -> str:
    return "" if value is None else _attribute(value, name)
