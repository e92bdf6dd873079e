"""Which changes of a schema break a reader, or an event of the past."""

from copy import deepcopy
from typing import Any

import pytest

from deploy.local.contracts import breaks
from shared.contracts.asyncapi import schemas

TEXT = {"type": "string"}
OLD: dict[str, Any] = {
    "$defs": {
        "Share": {
            "type": "object",
            "properties": {"manager_id": {"type": "string", "pattern": "^m"}, "share": TEXT},
            "required": ["manager_id"],
        },
        "Kind": {"type": "string", "enum": ["a", "b"]},
    },
    "type": "object",
    "description": "Something happened.",
    "properties": {
        "id": {"type": "string", "maxLength": 64},
        "kind": {"$ref": "#/$defs/Kind"},
        "note": {"anyOf": [{"type": "string", "maxLength": 9}, {"type": "null"}], "default": None},
        "shares": {"type": "array", "items": {"$ref": "#/$defs/Share"}},
        "lines": {"type": "object", "additionalProperties": TEXT, "propertyNames": {"$ref": "#/$defs/Kind"}},
        "version": {"const": "1"},
    },
    "required": ["id", "kind"],
}


def changed(*path: str, to: Any) -> dict[str, Any]:
    """The old schema with one thing set to another value, or taken out (None)."""
    new = deepcopy(OLD)
    node = new
    for part in path[:-1]:
        node = node[part]
    if to is None:
        del node[path[-1]]
    else:
        node[path[-1]] = to
    return new


def test_the_same_schema_breaks_nothing() -> None:
    assert breaks(OLD, deepcopy(OLD)) == []
    assert all(breaks(schema, schema) == [] for schema in schemas().values())


@pytest.mark.parametrize(
    "harmless",
    [
        changed("description", to="Something else is said about it."),
        changed("properties", "id", to={"type": "string", "maxLength": 64, "title": "Id", "examples": ["x"]}),
        changed("properties", "branch_id", to=TEXT),
        changed("properties", "kind", to={"type": "string", "enum": ["b", "a"]}),
        changed("properties", "version", to={"enum": ["1"]}),
    ],
    ids=["description", "title", "new optional field", "reference resolved", "constant as a list"],
)
def test_words_and_new_optional_fields_break_nothing(harmless: dict[str, Any]) -> None:
    assert breaks(OLD, harmless) == []


@pytest.mark.parametrize(
    ("new", "what"),
    [
        (changed("properties", "note", to=None), ["note: removed (renamed?)"]),
        (changed("required", to=["id", "kind", "note"]), ["note: newly required"]),
        (changed("required", to=["id"]), ["kind: no longer always there"]),
        (
            changed("properties", "id", "type", to="integer"),
            ["id: type narrowed, no longer string", "id: type widened, now integer too"],
        ),
        (changed("properties", "id", "maxLength", to=32), ["id: maxLength changed from 64 to 32"]),
        (changed("properties", "id", "pattern", to="^x"), ["id: pattern changed from None to '^x'"]),
        (
            changed("properties", "note", "anyOf", to=[{"type": "null"}]),
            ["note: type narrowed, no longer string"],
        ),
        (
            changed("properties", "note", "anyOf", to=[{"type": "string", "maxLength": 5}, {"type": "null"}]),
            ["note: maxLength changed from 9 to 5"],
        ),
        (
            changed(
                "properties", "id", to={"anyOf": [{"type": "string", "maxLength": 64}, {"type": "null"}]}
            ),
            ["id: type widened, now null too"],
        ),
        (
            changed("$defs", "Kind", "enum", to=["a", "c"]),
            [
                'kind: value "b" is gone',
                'kind: value "c" is new',
                'lines.*: value "b" is gone',
                'lines.*: value "c" is new',
            ],
        ),
        (changed("properties", "kind", to=TEXT), ["kind: no longer limited to a list of values"]),
        (
            changed("properties", "shares", "items", to=TEXT),
            [
                "shares.*.manager_id: removed (renamed?)",
                "shares.*.share: removed (renamed?)",
                "shares.*: type narrowed, no longer object",
                "shares.*: type widened, now string too",
            ],
        ),
        (
            changed("$defs", "Share", "required", to=["manager_id", "share"]),
            ["shares.*.share: newly required"],
        ),
        (
            changed("properties", "lines", "additionalProperties", to=False),
            ["lines: additionalProperties changed"],
        ),
        (
            changed("properties", "version", "const", to="2"),
            ['version: value "1" is gone', 'version: value "2" is new'],
        ),
        (changed("properties", "note", "default", to="none"), ["note: default changed from None to 'none'"]),
        (changed("additionalProperties", to=False), ["additionalProperties changed"]),
    ],
)
def test_what_breaks_is_named_with_its_field(new: dict[str, Any], what: list[str]) -> None:
    assert breaks(OLD, new) == what


def test_a_list_of_values_where_there_was_none_breaks() -> None:
    new = changed("properties", "id", "enum", to=["x"])
    assert breaks(OLD, new) == ["id: limited to a list of values"]
