"""What all rules of care ask for: days that have come and do not go back, people on record, texts kept sealed."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from services.assignment.domain import record
from services.assignment.domain.record import Note
from shared.kernel.errors import Refusal

TODAY = date(2026, 1, 15)
NOTE: TypeAdapter[str] = TypeAdapter(Note)


@given(st.integers(-400, 400))
def test_a_day_in_the_future_is_refused_and_no_other(days: int) -> None:
    day = TODAY + timedelta(days=days)
    if days > 0:
        with pytest.raises(Refusal) as refused:
            record.check_has_come(day, TODAY, "visited_on")
        assert (refused.value.rule, refused.value.field) == ("day-has-come", "visited_on")
    else:
        record.check_has_come(day, TODAY, "visited_on")


@given(st.integers(-400, 400))
def test_a_day_before_the_one_it_follows_is_refused_and_no_other(days: int) -> None:
    day = TODAY + timedelta(days=days)
    if days < 0:
        with pytest.raises(Refusal) as refused:
            record.check_follows(day, TODAY, "closed_on")
        assert (refused.value.rule, refused.value.field) == ("dates-go-forward", "closed_on")
    else:
        record.check_follows(day, TODAY, "closed_on")


def test_a_manager_must_be_on_record() -> None:
    record.check_manager("m1", {"m1", "m2"})
    with pytest.raises(Refusal) as refused:
        record.check_manager("m3", {"m1", "m2"})
    assert (refused.value.rule, refused.value.field) == ("manager-is-known", "manager_id")


def test_a_text_that_cannot_be_sealed_is_not_kept_at_all() -> None:
    assert record.sealed_text({"one": "v1.c2VhbGVk"}, "one", "note") == "v1.c2VhbGVk"
    with pytest.raises(Refusal) as refused:
        record.sealed_text({}, "one", "note")
    assert (refused.value.rule, refused.value.field) == ("personal-data-is-kept", "note")


@pytest.mark.parametrize("text", ["好", "two\nlines\tand a tab", "x" * 2000, " \n around \n "])
def test_a_note_is_words_on_as_many_lines_as_one_likes(text: str) -> None:
    assert NOTE.validate_python(text) == text.strip()


@pytest.mark.parametrize("text", ["", "  \n ", "x" * 2001, "nul\0", "bell\x07", "\x7f", "half \ud83d"])
def test_a_note_is_neither_empty_nor_endless_nor_unreadable(text: str) -> None:
    with pytest.raises(ValidationError):
        NOTE.validate_python(text)
