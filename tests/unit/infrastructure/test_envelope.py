"""The envelope of every message: CloudEvents in binary and in structured mode."""

from contextlib import suppress

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as some

from shared.contracts.envelope import CloudEvent, from_mapping, from_message, from_structured
from shared.kernel.errors import Malformed

EVENT = CloudEvent(
    id="core-1",
    type="DepositPosted",
    source="core-banking",
    data=b'{"amount": "1.00"}',
    time="2026-07-01T09:30:00+08:00",
    subject="c1",
    extensions={"businessdate": "2026-07-01", "traceparent": "00-1-2-01"},
)


def structured(**changes: object) -> bytes:
    fields = {"specversion": "1.0", "id": "e", "source": "s", "type": "t", "data": {}, **changes}
    return orjson.dumps({name: value for name, value in fields.items() if value is not None})


def test_binary_mode_uses_the_header_names_of_the_contract() -> None:
    assert dict(EVENT.headers()) == {
        "ce_specversion": b"1.0",
        "ce_id": b"core-1",
        "ce_type": b"DepositPosted",
        "ce_source": b"core-banking",
        "content-type": b"application/json",
        "ce_time": b"2026-07-01T09:30:00+08:00",
        "ce_subject": b"c1",
        "ce_businessdate": b"2026-07-01",
        "traceparent": b"00-1-2-01",
    }


def test_both_modes_carry_the_same_event() -> None:
    assert from_message(dict(EVENT.headers()), EVENT.data) == EVENT
    again = from_message({}, EVENT.to_structured())
    assert again._replace(data=b"") == EVENT._replace(data=b"")
    assert orjson.loads(again.data) == orjson.loads(EVENT.data)


def test_binary_data_is_left_as_it_came() -> None:
    assert from_message(dict(EVENT.headers()), b"\xff no JSON").data == b"\xff no JSON"


def test_headers_that_are_none_of_ours_are_passed_over() -> None:
    event = from_message({**dict(EVENT.headers()), "x-own": b"\xff", "b3": b"1"}, EVENT.data)
    assert event == EVENT


@pytest.mark.parametrize("name", ["id", "type", "source"])
@pytest.mark.parametrize("value", [None, "", "x" * 257, 7])
def test_an_attribute_that_is_missing_or_wrong_is_named(name: str, value: object) -> None:
    with pytest.raises(Malformed, match=f"^{name}: must be a text"):
        from_structured(structured(**{name: value}))


@pytest.mark.parametrize("name", ["ce_id", "ce_source"])
def test_a_header_that_is_missing_is_named(name: str) -> None:
    headers = {key: value for key, value in EVENT.headers() if key != name}
    with pytest.raises(Malformed, match=f"^{name.removeprefix('ce_')}: must be a text"):
        from_message(headers, EVENT.data)


@pytest.mark.parametrize(
    ("value", "rule"),
    [
        (b"", "is not JSON"),
        (b"\xff\xfe", "is not JSON"),
        (b"[1, 2]", "must be a JSON object"),
        (b"7", "must be a JSON object"),
        (b"{}", "specversion"),
        (structured(specversion="0.3"), "specversion"),
        (structured(time=7), "time"),
        (structured(subject=""), "subject"),
    ],
)
def test_what_is_no_event_is_refused_with_the_rule(value: bytes, rule: str) -> None:
    with pytest.raises(Malformed, match=rule):
        from_message({}, value)


def test_headers_that_are_no_text_are_refused() -> None:
    with pytest.raises(Malformed, match="UTF-8"):
        from_message({**dict(EVENT.headers()), "ce_subject": b"\xff"}, b"{}")


def test_an_event_without_data_has_null_for_data() -> None:
    assert from_mapping({"specversion": "1.0", "id": "e", "source": "s", "type": "t"}).data == b"null"


json = some.recursive(
    some.none() | some.booleans() | some.integers(-(2**53), 2**53) | some.text(max_size=8),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@given(
    headers=some.dictionaries(some.text(max_size=9), some.binary(max_size=9), max_size=4), value=some.binary()
)
def test_no_bytes_whatever_do_more_than_be_refused(headers: dict[str, bytes], value: bytes) -> None:
    for given_headers in (headers, {**headers, "ce_type": b"t"}):
        with suppress(Malformed):
            assert from_message(given_headers, value).id


@given(message=json)
def test_no_json_whatever_does_more_than_be_refused(message: object) -> None:
    with pytest.raises(Malformed):
        from_mapping(message)
