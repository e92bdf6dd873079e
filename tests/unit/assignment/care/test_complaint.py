"""A complaint is answered by whom it was assigned to, in time or not, and closed only by another person's word."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.assignment.domain.business_day import after_business_days
from services.assignment.domain.care import complaint as complaints
from services.assignment.domain.care.complaint import (
    DECIDER,
    AnswerComplaint,
    AssignComplaint,
    Channel,
    Command,
    Complaint,
    ComplaintAnswered,
    ComplaintConfirmed,
    ComplaintReceived,
    ConfirmComplaint,
    Consulted,
    ReceiveComplaint,
    Status,
)
from services.assignment.domain.policy import Policies, PolicyTerms
from shared.contracts.assignment import ComplaintAssigned
from shared.kernel.errors import Refusal
from shared.kernel.event import Fact

TODAY = date(2026, 3, 31)
MONDAY = date(2026, 3, 2)
POLICIES = Policies.of([(date(2026, 3, 10), PolicyTerms(complaint_days=2))])


def received(on: date = MONDAY) -> ReceiveComplaint:
    return ReceiveComplaint(
        complaint_id="k1", customer_id="c1", today=TODAY, received_on=on, channel=Channel.PHONE, text="太慢了"
    )


def assigned(manager_id: str = "m1") -> AssignComplaint:
    return AssignComplaint(complaint_id="k1", customer_id="c1", today=TODAY, manager_id=manager_id)


def answered(on: date = MONDAY, by: str = "m1", manager_id: str | None = "m1") -> AnswerComplaint:
    return AnswerComplaint(
        complaint_id="k1",
        customer_id="c1",
        today=TODAY,
        answered_on=on,
        answered_by=by,
        manager_id=manager_id,
        text="已经道歉",
    )


def confirmed(satisfied: bool, on: date = MONDAY, by: str = "bob") -> ConfirmComplaint:
    return ConfirmComplaint(
        complaint_id="k1",
        customer_id="c1",
        today=TODAY,
        satisfied=satisfied,
        confirmed_on=on,
        confirmed_by=by,
    )


def consulted(*commands: Command) -> Consulted:
    """Nobody was erased, m1 and m2 are on record."""
    sealed = {command: "v1.c2VhbGVk" for command in commands if command.texts}
    return Consulted(sealed, frozenset({"m1", "m2"}), POLICIES)


def step(complaint: Complaint, command: Command) -> tuple[Complaint, list[Fact]]:
    facts = list(complaints.decide(command, complaint, consulted(command)))
    for fact in facts:
        complaint = complaints.evolve(complaint, fact)
    return complaint, facts


def after(*commands: Command) -> Complaint:
    complaint = DECIDER.initial
    for command in commands:
        complaint, _ = step(complaint, command)
    return complaint


def refusal(complaint: Complaint, command: Command) -> tuple[str, str]:
    with pytest.raises(Refusal) as refused:
        step(complaint, command)
    return refused.value.rule, refused.value.field


def test_a_complaint_is_due_so_many_business_days_after_its_day_by_that_days_policy() -> None:
    for day, due_on in ((MONDAY, date(2026, 3, 9)), (date(2026, 3, 13), date(2026, 3, 17))):
        command = received(day)
        _, [fact] = step(DECIDER.initial, command)
        assert fact == ComplaintReceived(
            complaint_id="k1",
            customer_id="c1",
            received_on=day,
            channel="phone",
            due_on=due_on,
            sealed="v1.c2VhbGVk",
        )
        assert fact.business_date == day
        assert DECIDER.stream(command) == fact.stream == "complaint-c1#k1"


def test_texts_are_sealed_with_the_customers_key_and_are_in_no_text_of_a_command() -> None:
    for command, texts in (
        (received(), {"text": "太慢了"}),
        (assigned(), {}),
        (answered(), {"answer": "已经道歉"}),
        (confirmed(True), {}),
    ):
        assert (command.owner, dict(command.texts)) == ("customer-c1", texts)
        assert not any(text in repr(command) for text in texts.values())


def test_a_complaint_may_be_assigned_again_until_it_is_answered() -> None:
    complaint, [fact] = step(after(received()), assigned("m1"))
    assert fact == ComplaintAssigned(complaint_id="k1", customer_id="c1", manager_id="m1", assigned_on=TODAY)
    assert (fact.business_date, complaint.status) == (TODAY, Status.ASSIGNED)
    assert step(complaint, assigned("m1"))[1] == []
    complaint, _ = step(complaint, assigned("m2"))
    assert complaint.manager_id == "m2"
    complaint, _ = step(complaint, answered(manager_id="m2"))
    assert refusal(complaint, assigned("m1")) == ("complaint-is-unanswered", "complaint_id")


def test_a_complaint_is_assigned_to_somebody_on_record() -> None:
    assert refusal(after(received()), assigned("m9")) == ("manager-is-known", "manager_id")


@pytest.mark.parametrize(("day", "in_time"), [(date(2026, 3, 9), True), (date(2026, 3, 10), False)])
def test_an_answer_is_in_time_up_to_the_very_deadline(day: date, in_time: bool) -> None:
    _, [fact] = step(after(received(), assigned()), answered(day))
    assert fact == ComplaintAnswered(
        complaint_id="k1",
        customer_id="c1",
        manager_id="m1",
        answered_on=day,
        in_time=in_time,
        answered_by="m1",
        sealed="v1.c2VhbGVk",
    )
    assert fact.business_date == day


def test_another_manager_answers_not_but_who_may_answer_for_any_does() -> None:
    complaint = after(received(), assigned("m1"))
    assert refusal(complaint, answered(by="m2", manager_id="m2")) == (
        "assigned-manager-answers", "complaint_id"
    )  # fmt: skip
    _, [fact] = step(complaint, answered(by="ann", manager_id=None))
    assert isinstance(fact, ComplaintAnswered)
    assert (fact.manager_id, fact.answered_by) == ("m1", "ann")


def test_a_satisfied_customer_closes_the_complaint() -> None:
    complaint, [fact] = step(after(received(), assigned(), answered()), confirmed(True))
    assert fact == ComplaintConfirmed(
        complaint_id="k1",
        customer_id="c1",
        manager_id="m1",
        satisfied=True,
        confirmed_on=MONDAY,
        confirmed_by="bob",
    )
    assert (fact.business_date, complaint.status) == (MONDAY, Status.CONFIRMED)
    for command in (assigned("m2"), answered(), confirmed(False)):
        assert refusal(complaint, command)[1] == "complaint_id"


def test_a_customer_not_satisfied_opens_it_again_with_a_deadline_from_that_day() -> None:
    day = date(2026, 3, 13)
    complaint, [fact] = step(after(received(), assigned(), answered()), confirmed(False, day))
    assert isinstance(fact, ComplaintConfirmed)
    assert fact.due_on == complaint.due_on == date(2026, 3, 17)
    assert (complaint.status, complaint.manager_id) == (Status.ASSIGNED, "m1")
    assert refusal(complaint, answered(day - timedelta(days=1))) == ("dates-go-forward", "answered_on")
    complaint, [fact] = step(complaint, answered(date(2026, 3, 18)))
    assert isinstance(fact, ComplaintAnswered)
    assert not fact.in_time
    assert step(complaint, confirmed(True, TODAY))[0].status is Status.CONFIRMED


@pytest.mark.parametrize("satisfied", [True, False])
def test_nobody_confirms_what_they_answered(satisfied: bool) -> None:
    complaint = after(received(), assigned(), answered(by="ann", manager_id=None))
    assert refusal(complaint, confirmed(satisfied, by="ann")) == ("four-eyes", "complaint_id")


@pytest.mark.parametrize(
    ("before", "command", "rule"),
    [
        ((), assigned(), "complaint-is-unanswered"),
        ((), answered(), "complaint-is-assigned"),
        ((), confirmed(True), "complaint-is-answered"),
        ((received(),), answered(), "complaint-is-assigned"),
        ((received(),), confirmed(True), "complaint-is-answered"),
        ((received(), assigned()), confirmed(True), "complaint-is-answered"),
        ((received(), assigned(), answered()), answered(), "complaint-is-assigned"),
    ],
)
def test_no_step_is_left_out_or_taken_twice(before: tuple[Command, ...], command: Command, rule: str) -> None:
    assert refusal(after(*before), command) == (rule, "complaint_id")


TOMORROW, SUNDAY = TODAY + timedelta(days=1), MONDAY - timedelta(days=1)


@pytest.mark.parametrize(
    ("before", "command", "refused"),
    [
        ((), received(TOMORROW), ("day-has-come", "received_on")),
        ((received(), assigned()), answered(TOMORROW), ("day-has-come", "answered_on")),
        ((received(), assigned()), answered(SUNDAY), ("dates-go-forward", "answered_on")),
        ((received(), assigned(), answered()), confirmed(True, TOMORROW), ("day-has-come", "confirmed_on")),
        ((received(), assigned(), answered()), confirmed(True, SUNDAY), ("dates-go-forward", "confirmed_on")),
    ],
)
def test_no_day_lies_in_the_future_or_before_the_last_one(
    before: tuple[Command, ...], command: Command, refused: tuple[str, str]
) -> None:
    assert refusal(after(*before), command) == refused


@pytest.mark.parametrize(("before", "command"), [((), received()), ((received(), assigned()), answered())])
def test_nothing_is_written_about_a_customer_who_was_erased(
    before: tuple[Command, ...], command: Command
) -> None:
    with pytest.raises(Refusal) as refused:
        complaints.decide(command, after(*before), Consulted({}, frozenset(), POLICIES))
    assert (refused.value.rule, refused.value.field) == ("personal-data-is-kept", "text")


DAYS = st.integers(-5, 35).map(lambda days: MONDAY + timedelta(days=days))
STEPS = st.one_of(
    st.builds(assigned, st.sampled_from(["m1", "m2", "m9"])),
    st.builds(answered, DAYS, st.sampled_from(["m1", "ann"]), st.sampled_from([None, "m1", "m2"])),
    st.builds(confirmed, st.booleans(), DAYS, st.sampled_from(["ann", "bob"])),
)


@given(st.lists(STEPS, max_size=20))
def test_whatever_is_tried_days_go_forward_and_answer_and_word_are_by_two(steps: list[Command]) -> None:
    complaint, facts = step(DECIDER.initial, received())
    due_on = complaint.due_on
    for command in steps:
        try:
            complaint, more = step(complaint, command)
        except Refusal:
            continue
        facts += more
    stated = [fact.business_date for fact in facts if not isinstance(fact, ComplaintAssigned)]
    assert stated == sorted(stated)
    assert all(day <= TODAY for day in stated)
    answered_by = ""
    for fact in facts:
        if isinstance(fact, ComplaintAnswered):
            assert fact.in_time == (fact.answered_on <= due_on)
            answered_by = fact.answered_by
        if isinstance(fact, ComplaintConfirmed):
            assert fact.confirmed_by != answered_by
            assert (fact.due_on is None) == fact.satisfied
            due_on = fact.due_on or due_on
            assert fact.satisfied or due_on == after_business_days(
                fact.confirmed_on, POLICIES.in_force(fact.confirmed_on).complaint_days
            )
    closed = [fact for fact in facts if isinstance(fact, ComplaintConfirmed) and fact.satisfied]
    assert len(closed) == (complaint.status is Status.CONFIRMED)
