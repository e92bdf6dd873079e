"""Files of events: what is written is read again, and a bad line is named."""

import gzip
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.local.events_file import EventsFileError, read_events, write_events
from deploy.local.simulator import simulate
from shared.contracts.envelope import CloudEvent

GOOD = b'{"specversion":"1.0","id":"e1","source":"s","type":"DepositPosted","data":{"amount":"1.00"}}\n'
EVENT = CloudEvent("e1", "DepositPosted", "s", b'{"amount":"1.00"}')


@pytest.mark.parametrize("name", ["facts.ndjson", "facts.ndjson.gz"])
def test_what_is_written_is_read_again(tmp_path: Path, name: str) -> None:
    events = list(simulate(customers=20, months=2))
    assert write_events(tmp_path / name, events) == len(events)
    assert list(read_events(tmp_path / name)) == events
    assert [file.name for file in tmp_path.iterdir()] == [name]


def test_a_name_ending_in_gz_compresses_the_same_way_every_time(tmp_path: Path) -> None:
    events = list(simulate(customers=3, months=1))
    for number, name in enumerate(("one.gz", "other.gz")):
        write_events(tmp_path / name, events)
        os.utime(tmp_path / name, (number, number))
    one, other = ((tmp_path / name).read_bytes() for name in ("one.gz", "other.gz"))
    assert one == other
    assert one.startswith(b"\x1f\x8b")


def test_compression_is_known_by_the_first_bytes_whatever_the_name(tmp_path: Path) -> None:
    (tmp_path / "facts.ndjson").write_bytes(gzip.compress(GOOD))
    (tmp_path / "facts.gz").write_bytes(GOOD)
    assert list(read_events(tmp_path / "facts.ndjson")) == [EVENT]
    assert list(read_events(tmp_path / "facts.gz")) == [EVENT]


def test_empty_lines_and_a_missing_last_line_end_do_no_harm(tmp_path: Path) -> None:
    (tmp_path / "facts").write_bytes(b"\n" + GOOD + b"  \n" + GOOD.strip())
    assert len(list(read_events(tmp_path / "facts"))) == 2


def test_an_empty_file_has_no_events(tmp_path: Path) -> None:
    write_events(tmp_path / "facts", [])
    assert list(read_events(tmp_path / "facts")) == []


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        (b"{", "message: is not JSON"),
        (b"[]", "message: must be a JSON object"),
        (b"\xff", "message: is not JSON"),
        (GOOD.replace(b"1.0", b"0.3"), 'specversion: must be "1.0"'),
        (GOOD.replace(b'"e1"', b'""'), "id: must be a text"),
        (GOOD.replace(b'"type"', b'"kind"'), "type: must be a text"),
        (GOOD.replace(b'{"amount":"1.00"}', b'"1.00"'), "data: must be a JSON object"),
        (GOOD.replace(b'"data"', b'"date"'), "data: must be a JSON object"),
    ],
)
def test_a_bad_line_is_named_with_the_rule_it_breaks(tmp_path: Path, line: bytes, rule: str) -> None:
    (tmp_path / "facts").write_bytes(GOOD + line.strip() + b"\n" + GOOD)
    events = read_events(tmp_path / "facts")
    assert next(events) == EVENT
    with pytest.raises(EventsFileError, match=f"facts, line 2: {rule}"):
        next(events)


def test_a_file_cut_off_in_the_middle_is_an_error(tmp_path: Path) -> None:
    whole = gzip.compress(GOOD * 1000)
    (tmp_path / "facts.gz").write_bytes(whole[: len(whole) - 20])
    with pytest.raises(EventsFileError, match="the gzip data is cut off or damaged"):
        list(read_events(tmp_path / "facts.gz"))


def test_a_damaged_file_is_an_error(tmp_path: Path) -> None:
    whole = bytearray(gzip.compress(GOOD * 1000))
    whole[-8] ^= 0xFF
    (tmp_path / "facts.gz").write_bytes(whole)
    with pytest.raises(EventsFileError, match="the gzip data is cut off or damaged"):
        list(read_events(tmp_path / "facts.gz"))


def test_a_missing_file_is_an_error_at_once(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_events(tmp_path / "facts")


def test_a_file_appears_only_when_it_is_whole(tmp_path: Path) -> None:
    def broken() -> Iterator[CloudEvent]:
        yield EVENT
        raise RuntimeError("the source broke")

    with pytest.raises(RuntimeError):
        write_events(tmp_path / "facts", broken())
    assert list(tmp_path.iterdir()) == []


WORDS = st.characters(exclude_characters="\0", exclude_categories=["Cs"])  # an envelope holds no NUL


@given(text=st.text(WORDS, max_size=50), extension=st.text(WORDS, min_size=1, max_size=20))
def test_any_text_survives(tmp_path_factory: pytest.TempPathFactory, text: str, extension: str) -> None:
    path = tmp_path_factory.mktemp("events") / "facts"
    event = CloudEvent("e1", "T", "s", b'{"text":"x"}', subject=text, extensions={"note": extension})
    write_events(path, [event])
    assert list(read_events(path)) == [event]
