"""Pages of a list as of a day, found among rows of the present."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.assignment.api import past
from services.assignment.api.past import Past, moment_of, of_status, one_page


@dataclass(frozen=True)
class Row:
    stream: str
    status: str


async def _page(
    then: Mapping[str, str], after: str, limit: int, status: str | None
) -> tuple[list[str], str | None, int]:
    """Ids on a page of rows a, b, c …, the place where the next begins, and how many rows were looked at."""
    looked = 0

    async def look(after: str, limit: int) -> Sequence[Row]:
        nonlocal looked
        rows = [Row(one, "now") for one in map(chr, range(97, 123)) if one > after][:limit]
        looked += len(rows)
        return rows

    async def states(streams: Sequence[str]) -> Mapping[str, Row]:
        return {one: Row(one, then[one]) for one in streams if one in then}

    then_wanted = Past(states, of_status(status))
    found = await one_page(look, lambda row: row.stream, after, limit, then_wanted)
    assert [row.status for row in found.present] == ["now"] * len(found.rows)
    return [row.stream for row in found.rows], found.following, looked


letters = st.sampled_from([chr(number) for number in range(97, 123)])


@given(st.dictionaries(letters, st.sampled_from(["open", "done"])), st.integers(1, 30))
async def test_all_pages_together_hold_what_was_wanted_once_and_in_order(
    then: dict[str, str], limit: int
) -> None:
    for status in (None, "open"):
        found: list[str] = []
        after: str | None = ""
        while after is not None:
            page, after, _ = await _page(then, after, limit, status)
            assert len(page) <= limit
            found += page
        assert found == sorted(one for one in then if status in (None, then[one]))


async def test_a_list_of_large_rows_looks_at_fewer() -> None:
    async def look(after: str, limit: int) -> Sequence[Row]:
        return [Row(one, "now") for one in map(chr, range(97, 123)) if one > after][:limit]

    async def states(streams: Sequence[str]) -> Mapping[str, Row]:
        return {one: Row(one, "done") for one in streams}

    found = await one_page(look, lambda row: row.stream, "", 10, Past(states, of_status("open")), most=3)
    assert (found.rows, found.following) == ([], "c")


async def test_a_page_looks_at_so_many_rows_and_leaves_the_rest_to_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(past, "LOOKED_AT", 4)
    monkeypatch.setattr(past, "MOST_LOOKED_AT", 10)
    assert await _page({"z": "open"}, "", 1, None) == ([], "h", 8)
    assert await _page({"z": "open"}, "h", 6, None) == ([], "n", 6)
    assert await _page({"z": "open"}, "u", 1, None) == (["z"], "z", 5)


def test_the_last_moment_of_a_day_is_never_later_than_now() -> None:
    now = datetime(2026, 11, 20, 4, tzinfo=UTC)
    assert (
        moment_of(None, now) == moment_of(date(2026, 11, 20), now) == moment_of(date(2027, 1, 1), now) == now
    )
    assert moment_of(date(2026, 11, 19), now) == datetime(2026, 11, 19, 15, 59, 59, 999999, tzinfo=UTC)
