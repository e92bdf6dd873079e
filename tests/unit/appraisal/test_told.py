"""What others tell is kept as it is; of loans, what entries leave them as."""

from datetime import date

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.appraisal.consumer import of_assignment, of_ledger
from services.appraisal.domain.loan import LoanNote, late, note_of, read_note
from services.appraisal.domain.told import DECIDER, KEPT, OF_ASSIGNMENT, OF_LEDGER, KeepTold
from shared.contracts import assignment, ledger
from shared.contracts.asyncapi import TOPICS
from shared.contracts.envelope import CloudEvent
from shared.contracts.ledger import EntryBooked
from shared.contracts.types import parse
from shared.infrastructure.event_log import Record
from shared.kernel.errors import Malformed

DAY = date(2026, 7, 15)


def message(type: str, data: bytes) -> tuple[CloudEvent, Record]:
    event = CloudEvent("id-1", type, "assignment", data)
    return event, Record(assignment.TOPIC, 3, 20, b"m1", data, {})


def test_what_is_kept_is_what_the_contracts_say_is_read() -> None:
    read = {topic.address: topic.readers.get("appraisal") for topic in TOPICS}
    assert set(read[assignment.TOPIC] or ()) == set(OF_ASSIGNMENT)
    assert set(read[ledger.TOPIC] or ()) == {*OF_LEDGER, "EntryBooked"}


def test_a_training_is_kept_beside_the_managers_own_stream_under_its_messages_id() -> None:
    data = b'{"manager_id": "m1", "course": "risk", "hours": "7.5", "taken_on": "2026-07-15"}'
    submission = of_assignment(*message("TrainingTaken", data))
    assert submission is not None
    assert submission.origin.message_id == "id-1"
    assert DECIDER.stream(submission.command) == "manager-m1#staff"
    [fact] = DECIDER.decide(submission.command, None, None)
    assert type(fact).__name__ == "TrainingTaken"
    assert KEPT["TrainingTaken"].model_validate_json(fact.to_json()) == fact
    assert DECIDER.evolve(None, fact) is None


def test_others_keep_the_streams_that_they_have() -> None:
    fact = assignment.VisitMissed(customer_id="c1", manager_id="m1", due_on=DAY)
    assert KeepTold(fact).stream == fact.stream == "visit-c1#missed"


def test_what_is_no_source_is_left_alone_and_what_cannot_be_read_malformed() -> None:
    assert of_assignment(*message("CustomerReviewed", b"{}")) is None
    assert of_ledger(*message("CustomerResultStated", b"{}")) is None
    with pytest.raises(Malformed, match="manager_id: is required"):
        of_assignment(*message("VisitMissed", b'{"customer_id": "c1", "due_on": "2026-07-15"}'))
    with pytest.raises(Malformed, match="period: is required"):
        of_ledger(*message("PeriodClosed", b"{}"))


def booked(**more: object) -> EntryBooked:
    cause = {"id": "e1", "type": "LoanDisbursed", "source": "core-banking"}
    data = {"entry_id": "e1", "cause": cause, "business_date": "2026-07-15", "period": "2026-07"}
    return parse(EntryBooked, orjson.dumps({**data, "lines": {}, "books": {}, **more}))


LOAN = {"loan_id": "l1", "loan_class": "doubtful", "outstanding": "100.50", "held": "0.00", "closed": False}
NOTE = LoanNote("l1", DAY, 7, "c1", "doubtful", 10050)
OF_LENDING = NOTE._replace(department_id="lending")


def test_an_entry_about_a_loan_leaves_a_note_and_no_other_does() -> None:
    assert note_of(booked(loan=LOAN, customer_id="c1"), 7) == NOTE
    assert note_of(booked(loan=LOAN), 7) is note_of(booked(customer_id="c1"), 7) is None
    assert note_of(booked(loan=LOAN, customer_id="c1", department_id="lending"), 7) == OF_LENDING
    for note in (NOTE, OF_LENDING):
        assert read_note(orjson.loads(orjson.dumps(note.shown()))) == note
    assert NOTE.shown()[-1] == "100.50", "as it was stored before departments were noted"


notes = st.lists(
    st.tuples(st.sampled_from("ab"), st.dates(date(2026, 7, 1), date(2026, 7, 9)), st.integers(1, 99)),
    unique_by=lambda one: one[2],
).map(lambda some: [LoanNote(loan, day, place, "c1", "normal", 1) for loan, day, place in some])


@given(notes, notes)
def test_loans_are_late_whose_notes_are_out_of_order_by_date_or_position(
    known: list[LoanNote], new: list[LoanNote]
) -> None:
    new = [note._replace(position=note.position + 100 * (index % 2)) for index, note in enumerate(new)]
    latest = {
        loan: (max(n.business_date for n in own), max(n.position for n in own))
        for loan in "ab"
        if (own := [n for n in known if n.loan_id == loan])
    }
    for loan in "ab":
        own = [note for note in new if note.loan_id == loan]
        days = [*([latest[loan][0]] if loan in latest else []), *(note.business_date for note in own)]
        places = [*([latest[loan][1]] if loan in latest else []), *(note.position for note in own)]
        ordered = days == sorted(days) and places == sorted(places)
        assert (loan in late(new, latest)) is (bool(own) and not ordered)
