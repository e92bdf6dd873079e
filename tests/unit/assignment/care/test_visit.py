"""A visit is recorded once it was made, and may promise a later one."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.assignment.domain.care import visit as visits
from services.assignment.domain.care.visit import DECIDER, Consulted, MakeVisit, VisitMade
from shared.contracts import assignment as contract
from shared.kernel.errors import Refusal

TODAY = date(2026, 1, 15)
MANAGERS = frozenset({"m1"})


def made(visited_on: date = TODAY, revisit_on: date | None = None, manager_id: str = "m1") -> MakeVisit:
    particulars = contract.VisitMade(
        visit_id="v1",
        customer_id="c1",
        manager_id=manager_id,
        visited_on=visited_on,
        kind="visit",
        revisit_on=revisit_on,
    )
    return MakeVisit(particulars, "王总想换设备", TODAY)


def decided(command: MakeVisit) -> VisitMade:
    [fact] = visits.decide(command, None, Consulted({command: "v1.c2VhbGVk"}, MANAGERS))
    assert isinstance(fact, VisitMade)
    return fact


def refusal(command: MakeVisit, consulted: Consulted) -> tuple[str, str]:
    with pytest.raises(Refusal) as refused:
        visits.decide(command, None, consulted)
    return refused.value.rule, refused.value.field


def test_a_visit_is_a_fact_of_its_day_in_the_customers_shard() -> None:
    command = made(TODAY - timedelta(days=3))
    fact = decided(command)
    assert fact == VisitMade(**command.particulars.model_dump(), sealed="v1.c2VhbGVk")
    assert fact.business_date == TODAY - timedelta(days=3)
    assert DECIDER.stream(command) == fact.stream == "visit-c1#v1"
    assert (command.owner, dict(command.texts)) == ("customer-c1", {"note": "王总想换设备"})
    visits.evolve(None, fact)


def test_the_note_is_in_no_event_and_in_no_text_of_the_command() -> None:
    command = made()
    assert command.note not in decided(command).to_json().decode()
    assert command.note not in repr(command)


@given(st.integers(-500, 500), st.none() | st.integers(-500, 500))
def test_a_visit_lies_not_in_the_future_and_what_it_promises_lies_behind_it(
    day: int, promised: int | None
) -> None:
    visited_on = TODAY + timedelta(days=day)
    revisit_on = None if promised is None else TODAY + timedelta(days=promised)
    command = made(visited_on, revisit_on)
    if day > 0:
        assert refusal(command, Consulted({}, MANAGERS)) == ("day-has-come", "visited_on")
    elif promised is not None and promised <= day:
        assert refusal(command, Consulted({}, MANAGERS)) == ("revisit-follows-visit", "revisit_on")
    else:
        fact = decided(command)
        assert fact.visited_on <= TODAY
        assert fact.revisit_on is None or fact.revisit_on > fact.visited_on


def test_a_visit_by_somebody_not_on_record_is_refused() -> None:
    command = made(manager_id="m9")
    assert refusal(command, Consulted({command: "x"}, MANAGERS)) == ("manager-is-known", "manager_id")


def test_nothing_is_written_about_a_customer_who_was_erased() -> None:
    assert refusal(made(), Consulted({}, MANAGERS)) == ("personal-data-is-kept", "note")
