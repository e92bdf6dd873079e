"""Files of CloudEvents: one event a line as JSON in structured mode, optionally gzip-compressed."""

import gzip
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from shared.contracts.envelope import CloudEvent, from_structured
from shared.kernel.errors import Malformed

_GZIP_MAGIC = b"\x1f\x8b"
_COMPRESSION_LEVEL = 6


class EventsFileError(ValueError):
    """A line cannot be read as an event; the message names file, line and rule."""


def read_events(path: Path) -> Iterator[CloudEvent]:
    """The events of a file in its order; compressed files are known by their first bytes, not by their name.

    Raises EventsFileError, when the line is reached, for a line that is not one CloudEvent with a JSON
    object as its data, and OSError at once when the file cannot be opened. Empty lines are passed over.
    """
    raw = path.open("rb")
    magic = raw.read(len(_GZIP_MAGIC))
    raw.seek(0)
    return _events(path.name, raw, magic == _GZIP_MAGIC)


def _events(name: str, raw: IO[bytes], compressed: bool) -> Iterator[CloudEvent]:
    number = 0
    with raw, gzip.GzipFile(fileobj=raw) if compressed else raw as lines:
        try:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    yield _event(name, number, line)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            place = f"{name}, after line {number}"
            raise EventsFileError(f"{place}: the gzip data is cut off or damaged ({error})") from None


def _event(name: str, number: int, line: bytes) -> CloudEvent:
    try:
        event = from_structured(line)
        if not event.data.startswith(b"{"):
            raise Malformed("data: must be a JSON object")
    except Malformed as error:
        raise EventsFileError(f"{name}, line {number}: {error}") from None
    return event


def write_events(path: Path, events: Iterable[CloudEvent]) -> int:
    """Write events to a file, compressed when its name ends in ``.gz``; returns how many.

    The same events give the same bytes. The file appears under its name only when it is whole.
    """
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as raw:
            count = _write(raw, events, compressed=path.name.endswith(".gz"))
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return count


def _write(raw: IO[bytes], events: Iterable[CloudEvent], *, compressed: bool) -> int:
    if compressed:
        with gzip.GzipFile("", "wb", _COMPRESSION_LEVEL, raw, mtime=0) as packed:
            return _write_lines(packed, events)
    return _write_lines(raw, events)


def _write_lines(file: IO[bytes] | gzip.GzipFile, events: Iterable[CloudEvent]) -> int:
    count = 0
    for event in events:
        file.write(event.to_structured() + b"\n")
        count += 1
    return count
