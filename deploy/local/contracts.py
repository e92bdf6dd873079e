"""``python -m deploy.local.contracts``: events' schemas and the AsyncAPI document, to ``deploy/contracts``.

``--check`` writes nothing, and exits with 1 where the files are not what the code says. Either way a change
that would break somebody is named and refused, until ``--breaking`` says that it is meant. ``--against main``
looks for such changes since another revision: for builds that must not trust the files beside the code.

Events are kept for ever and read by others, so a change must hold in both directions: what was written
yesterday can be read tomorrow, and who was built yesterday can read what is written tomorrow. That leaves new
optional fields, and descriptions.
"""

import argparse
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from shared.contracts.asyncapi import asyncapi_of, schemas

FOLDER = Path(__file__).parent.parent / "contracts"
ASYNCAPI = "asyncapi.json"

Schema = Mapping[str, Any]
Files = Mapping[str, bytes]
"""Content by path inside the folder."""

_WORDS = {"$defs", "$id", "$schema", "$comment", "title", "description", "examples", "deprecated"}
"""What a schema says to people; it may change."""
_STRUCTURE = {"type", "enum", "const", "anyOf", "properties", "required", "$ref"}
_INNER = ("items", "additionalProperties", "propertyNames")


def exported() -> dict[str, bytes]:
    """The files as the code has them, byte for byte the same at every call."""
    documents = {ASYNCAPI: asyncapi_of(), **{_path_of(name): schema for name, schema in schemas().items()}}
    options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    return {path: orjson.dumps(document, option=options) for path, document in documents.items()}


def _path_of(event: str) -> str:
    return f"schemas/{event}.json"


def breaks(old: Schema, new: Schema) -> list[str]:
    """What of a schema's change would break a reader or an event of the past, as ``field: what changed``."""
    return [f"{path}: {what}" if path else what for path, what in _breaks("", (old, old), (new, new))]


def _breaks(path: str, old: tuple[Schema, Schema], new: tuple[Schema, Schema]) -> Iterator[tuple[str, str]]:
    """Compare two schemas, each with the document in which its references are found."""
    was, now = _resolved(*old), _resolved(*new)
    yield from _of_properties(path, (was, old[1]), (now, new[1]))
    yield from _of_alternatives(path, (was, old[1]), (now, new[1]))
    for name in _INNER:
        if isinstance(was.get(name), Mapping) and isinstance(now.get(name), Mapping):
            inner = f"{path}.*" if path else "*"
            yield from _breaks(inner, (was[name], old[1]), (now[name], new[1]))
        elif was.get(name) != now.get(name):
            yield path, f"{name} changed"
    rest = (was.keys() | now.keys()) - _WORDS - _STRUCTURE - set(_INNER)
    if "anyOf" in was or "anyOf" in now:
        rest &= {"default"}  # alternatives are compared one by one, with what belongs to each
    for name in sorted(rest):
        if was.get(name) != now.get(name):
            yield path, f"{name} changed from {was.get(name)!r} to {now.get(name)!r}"


def _of_properties(
    path: str, old: tuple[Schema, Schema], new: tuple[Schema, Schema]
) -> Iterator[tuple[str, str]]:
    was, now = old[0].get("properties", {}), new[0].get("properties", {})
    required_was, required_now = set(old[0].get("required", ())), set(new[0].get("required", ()))
    for name in was | now:
        field = f"{path}.{name}" if path else name
        if name not in now:
            yield field, "removed (renamed?)"
            continue
        if name in required_now - required_was:
            yield field, "newly required"
        if name in required_was - required_now:
            yield field, "no longer always there"
        if name in was:
            yield from _breaks(field, (was[name], old[1]), (now[name], new[1]))


def _of_alternatives(
    path: str, old: tuple[Schema, Schema], new: tuple[Schema, Schema]
) -> Iterator[tuple[str, str]]:
    """Types and values: alternatives are told apart by their type, of which a contract has one each."""
    was, now = _alternatives(*old), _alternatives(*new)
    for kind in sorted(was.keys() - now.keys()):
        yield path, f"type narrowed, no longer {kind}"
    for kind in sorted(now.keys() - was.keys()):
        yield path, f"type widened, now {kind} too"
    if "anyOf" in old[0] or "anyOf" in new[0]:
        for kind in sorted(was.keys() & now.keys()):
            yield from _breaks(path, (was[kind], old[1]), (now[kind], new[1]))
        return
    values_was, values_now = _values(old[0]), _values(new[0])
    if bool(values_was) != bool(values_now):
        yield path, "limited to a list of values" if values_now else "no longer limited to a list of values"
        return
    yield from ((path, f"value {gone} is gone") for gone in sorted(values_was - values_now))
    yield from ((path, f"value {added} is new") for added in sorted(values_now - values_was))


def _alternatives(schema: Schema, document: Schema) -> dict[str, Schema]:
    options = [_resolved(option, document) for option in schema.get("anyOf", (schema,))]
    return {str(option.get("type", "anything")): option for option in options}


def _values(schema: Schema) -> set[str]:
    """The values that a schema allows; none for one that does not list them."""
    listed = [schema["const"]] if "const" in schema else schema.get("enum", ())
    return {orjson.dumps(value).decode() for value in listed}


def _resolved(schema: Schema, document: Schema) -> Schema:
    reference = schema.get("$ref")
    if reference is None:
        return schema
    found: Schema = document["$defs"][reference.rpartition("/")[2]]
    return found


def broken(old: Files, new: Files) -> list[str]:
    """What breaks between two exports, event by event."""
    found = []
    for path in sorted(old):
        event = Path(path).stem
        if path == ASYNCAPI:
            continue
        if path not in new:
            found.append(f"{event}: the event is gone")
            continue
        found += [f"{event}.{what}" for what in breaks(orjson.loads(old[path]), orjson.loads(new[path]))]
    return found


def drift(present: Files, wanted: Files) -> list[str]:
    """Files that are not what the code says."""
    return [path for path in sorted({*present, *wanted}) if present.get(path) != wanted.get(path)]


def present_files(folder: Path = FOLDER) -> dict[str, bytes]:
    """The files that are there."""
    paths = [path for pattern in (ASYNCAPI, _path_of("*")) for path in folder.glob(pattern)]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def files_of_revision(revision: str, folder: Path = FOLDER) -> dict[str, bytes]:
    """The files as git has them in a revision; raises CalledProcessError for one it does not know."""

    def git(*arguments: str) -> bytes:
        return subprocess.run(["git", *arguments], cwd=folder.parent, check=True, capture_output=True).stdout

    names = git("ls-tree", "-r", "--name-only", revision, f"{folder.name}/").decode().split()
    paths = [name.removeprefix(f"{folder.name}/") for name in names]
    events = [path for path in paths if path == ASYNCAPI or Path(path).match(_path_of("*"))]
    return {path: git("show", f"{revision}:./{folder.name}/{path}") for path in events}


def write(folder: Path, wanted: Files) -> None:
    """Write the files and remove those of events that are no more."""
    for path in present_files(folder).keys() - wanted.keys():
        (folder / path).unlink()
    for path, content in wanted.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)


def main(arguments: Sequence[str] | None = None, folder: Path = FOLDER) -> int:
    """The command; 0 when all is well, 1 where files drifted or a change breaks somebody."""
    parser = argparse.ArgumentParser("deploy.local.contracts", description="Export the contracts.")
    parser.add_argument("--check", action="store_true", help="compare only, write nothing")
    parser.add_argument("--breaking", action="store_true", help="a change that breaks somebody is meant")
    parser.add_argument("--against", metavar="REVISION", help="compare with this git revision's files")
    options = parser.parse_args(arguments)
    present, wanted = present_files(folder), exported()
    before = files_of_revision(options.against, folder) if options.against else present
    breaking = [] if options.breaking else broken(before, wanted)
    drifted = drift(present, wanted)
    for what in breaking:
        print(f"breaks: {what}", file=sys.stderr)
    if options.check:
        for path in drifted:
            print(f"drifted: {path} (python -m deploy.local.contracts writes it anew)", file=sys.stderr)
        return 1 if breaking or drifted else 0
    if breaking:
        print("nothing written; --breaking where this is meant", file=sys.stderr)
        return 1
    write(folder, wanted)
    print(f"{len(wanted)} files, {len(drifted)} changed, in {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
