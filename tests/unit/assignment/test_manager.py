"""A manager's life: what may happen when, and what it makes them on any day."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.assignment.domain import manager as managers
from services.assignment.domain.grade import Grade, GradeTerms
from services.assignment.domain.grading import unmet
from services.assignment.domain.manager import (
    DECIDER,
    ChangeGrade,
    Command,
    Consulted,
    ManagerRegistered,
    RegisterManager,
    TellOfManager,
    Told,
)
from services.assignment.domain.month import last_month_ended, months_later
from services.assignment.domain.policy import Policies, PolicyTerms
from services.assignment.domain.standing import EVER, Career, Status
from services.assignment.domain.tenure import Manager, ManagerDisciplined
from shared.contracts import assignment as contract
from shared.contracts.appraisal import Rating, ScorecardApproved
from shared.contracts.assignment import (
    ConfidentialitySigned,
    DepartureReason,
    DisciplineAppealDecided,
    DisciplineAppealed,
    GradeChangeRefused,
    GradeGround,
    ManagerConfirmed,
    ManagerDeparted,
    ManagerGraded,
    ManagerReturned,
    ManagerTransferred,
    ManagerWentOnLeave,
    Measure,
    QualificationKind,
    QualificationRecorded,
    TrainingTaken,
)
from shared.kernel.errors import Refusal
from shared.kernel.event import Fact

TODAY = date(2026, 6, 15)
HIRED = date(2026, 1, 10)
REGISTER = RegisterManager(
    contract.ManagerRegistered(
        manager_id="m1",
        branch_id="b1",
        team_id="t1",
        grade=Grade.ASSISTANT,
        hired_on=HIRED,
        business_date=HIRED,
    ),
    "王小明",
)
SEALED = Consulted(sealed={REGISTER: "v1.c2VhbGVk"})


def after(*facts: Fact) -> Manager:
    manager = managers.evolve(Manager(), managers.decide(REGISTER, Manager(), SEALED)[0])
    for fact in facts:
        manager = managers.evolve(manager, fact)
    return manager


def told(fact: Told, manager: Manager, consulted: Consulted | None = None) -> Sequence[Fact]:
    return managers.decide(TellOfManager(fact, TODAY), manager, consulted or Consulted())


def refused(fact: Told, manager: Manager, consulted: Consulted | None = None) -> tuple[str, str]:
    with pytest.raises(Refusal) as refusal:
        told(fact, manager, consulted)
    return refusal.value.rule, refusal.value.field


def signed(day: date = HIRED) -> ConfidentialitySigned:
    return ConfidentialitySigned(manager_id="m1", signed_on=day)


def confirmed(day: date) -> ManagerConfirmed:
    return ManagerConfirmed(manager_id="m1", confirmed_on=day)


def transferred(day: date, branch_id: str = "b2", team_id: str | None = None) -> ManagerTransferred:
    return ManagerTransferred(
        manager_id="m1", branch_id=branch_id, team_id=team_id, effective_from=day, reason="agreed"
    )


def on_leave(day: date) -> ManagerWentOnLeave:
    return ManagerWentOnLeave(manager_id="m1", effective_from=day, reason="parental")


def returned(day: date) -> ManagerReturned:
    return ManagerReturned(manager_id="m1", returned_on=day)


def departed(day: date) -> ManagerDeparted:
    return ManagerDeparted(manager_id="m1", departed_on=day, reason=DepartureReason.RESIGNED)


def obtained(
    kind: QualificationKind, name: str, day: date = HIRED, expires_on: date | None = None
) -> QualificationRecorded:
    return QualificationRecorded(
        manager_id="m1", kind=kind, name=name, obtained_on=day, expires_on=expires_on
    )


def disciplined(
    measure: Measure = Measure.SUSPENSION,
    day: date = TODAY,
    ends_on: date | None = None,
    amount: str | None = None,
    discipline_id: str = "d1",
) -> ManagerDisciplined:
    return ManagerDisciplined(
        manager_id="m1",
        discipline_id=discipline_id,
        measure=measure,
        ground="breach of secrecy",
        effective_from=day,
        ends_on=ends_on,
        amount=amount,  # type: ignore[arg-type]  # read as on the wire
    )


def appealed() -> DisciplineAppealed:
    return DisciplineAppealed(
        manager_id="m1", discipline_id="d1", grounds="it was not me", business_date=TODAY
    )


def appeal_decided(*, upheld: bool) -> DisciplineAppealDecided:
    return DisciplineAppealDecided(
        manager_id="m1", discipline_id="d1", upheld=upheld, reason="heard", business_date=TODAY
    )


def status(manager: Manager, day: date) -> Status | None:
    standing = manager.career().on(day)
    return standing.status if standing else None


def test_a_new_manager_is_registered_with_the_name_sealed() -> None:
    [fact] = managers.decide(REGISTER, Manager(), SEALED)
    assert fact == ManagerRegistered(**REGISTER.particulars.model_dump(), sealed="v1.c2VhbGVk")
    assert DECIDER.stream(REGISTER) == fact.stream == "manager-m1"
    assert REGISTER.name not in fact.to_json().decode()
    assert REGISTER.name not in repr(REGISTER)


def test_a_second_registration_of_an_id_is_refused() -> None:
    with pytest.raises(Refusal) as refusal:
        managers.decide(REGISTER, after(), SEALED)
    assert (refusal.value.rule, refusal.value.field) == ("manager-is-new", "manager_id")


@pytest.mark.parametrize(
    "command",
    [
        TellOfManager(signed(), TODAY),
        ChangeGrade("m1", Grade.MANAGER_4, TODAY, GradeGround.EXAM, "exam 7"),
    ],
)
def test_nothing_happens_to_a_manager_who_is_not_on_record(command: Command) -> None:
    with pytest.raises(Refusal) as refusal:
        managers.decide(command, Manager(), Consulted())
    assert refusal.value.rule == "manager-is-known"


def test_a_life_from_probation_to_departure_gives_a_standing_for_every_day() -> None:
    life: list[Told] = [
        signed(date(2026, 1, 12)),
        confirmed(date(2026, 4, 10)),
        transferred(date(2026, 5, 1), "b2", "t9"),
        on_leave(date(2026, 6, 1)),
        returned(date(2026, 7, 1)),
        departed(date(2026, 9, 1)),
    ]
    manager = after()
    for fact in life:
        assert told(fact, manager) == [fact]
        manager = managers.evolve(manager, fact)
    said = [
        (str(one.effective_from), one.status.value, one.branch_id, one.team_id, one.sworn)
        for one in manager.career().standings
    ]
    assert said == [
        ("2026-01-10", "probation", "b1", "t1", False),
        ("2026-01-12", "probation", "b1", "t1", True),
        ("2026-04-10", "confirmed", "b1", "t1", True),
        ("2026-05-01", "confirmed", "b2", "t9", True),
        ("2026-06-01", "on-leave", "b2", "t9", True),
        ("2026-07-01", "confirmed", "b2", "t9", True),
        ("2026-09-01", "departed", "b2", "t9", True),
    ]
    assert manager.career().departed_on == date(2026, 9, 1)
    assert manager.career().on(date(2026, 1, 9)) is None


def test_who_was_taken_over_without_a_day_of_hiring_was_always_there() -> None:
    particulars = REGISTER.particulars.model_copy(
        update={"hired_on": None, "confirmed_on": HIRED, "confidentiality_signed_on": HIRED}
    )
    manager = managers.evolve(Manager(), particulars)
    assert manager.career().standings[0].effective_from == EVER
    assert status(manager, HIRED) is Status.CONFIRMED
    unconfirmed = managers.evolve(Manager(), REGISTER.particulars.model_copy(update={"hired_on": None}))
    assert told(confirmed(HIRED), unconfirmed) == [confirmed(HIRED)], "nobody knows how long probation was"


def test_nobody_not_on_record_has_a_career() -> None:
    assert Manager().career() == Career()


@pytest.mark.parametrize(
    ("fact", "before", "rule", "field"),
    [
        (signed(TODAY + timedelta(days=1)), [], "day-has-come", "signed_on"),
        (signed(), [signed()], "signed-once", "signed_on"),
        (confirmed(date(2026, 4, 9)), [], "probation-is-served", "confirmed_on"),
        (confirmed(date(2026, 4, 11)), [confirmed(date(2026, 4, 10))], "confirmed-once", "confirmed_on"),
        (confirmed(date(2026, 1, 9)), [], "manager-is-there", "confirmed_on"),
        (transferred(date(2026, 1, 9)), [], "manager-is-there", "effective_from"),
        (transferred(TODAY), [departed(TODAY)], "manager-is-there", "effective_from"),
        (on_leave(TODAY), [on_leave(HIRED)], "one-leave-at-a-time", "effective_from"),
        (
            on_leave(date(2026, 2, 1)),
            [on_leave(HIRED), returned(date(2026, 3, 1))],
            "leaves-follow-each-other",
            "effective_from",
        ),
        (returned(TODAY), [], "manager-is-on-leave", "returned_on"),
        (
            returned(TODAY),
            [on_leave(HIRED), returned(date(2026, 3, 1))],
            "manager-is-on-leave",
            "returned_on",
        ),
        (returned(HIRED), [on_leave(HIRED)], "leave-lasts-a-day", "returned_on"),
        (departed(TODAY), [departed(TODAY)], "manager-is-there", "departed_on"),
        (
            obtained(QualificationKind.EXAM, "senior", TODAY + timedelta(days=1)),
            [],
            "day-has-come",
            "obtained_on",
        ),
        (
            obtained(QualificationKind.CERTIFICATE, "CFP", HIRED, HIRED),
            [],
            "expires-later",
            "expires_on",
        ),
        (obtained(QualificationKind.EDUCATION, "PhD"), [], "education-is-known", "name"),
        (
            TrainingTaken(manager_id="m1", course="KYC", hours=Decimal(8), taken_on=date(2027, 1, 1)),
            [],
            "day-has-come",
            "taken_on",
        ),
        (disciplined(), [disciplined()], "discipline-is-new", "discipline_id"),
        (disciplined(Measure.FINE), [], "fine-has-amount", "amount"),
        (disciplined(Measure.WARNING, amount="10.00"), [], "fine-has-amount", "amount"),
        (disciplined(Measure.WARNING, ends_on=date(2027, 1, 1)), [], "suspension-ends", "ends_on"),
        (disciplined(ends_on=TODAY), [], "suspension-ends", "ends_on"),
        (appealed(), [], "discipline-is-known", "discipline_id"),
        (appealed(), [disciplined(), appealed()], "one-appeal", "discipline_id"),
        (appeal_decided(upheld=True), [disciplined()], "one-appeal", "discipline_id"),
        (
            appeal_decided(upheld=True),
            [disciplined(), appealed(), appeal_decided(upheld=True)],
            "one-appeal",
            "discipline_id",
        ),
    ],
)
def test_what_cannot_have_happened_is_refused(fact: Told, before: list[Fact], rule: str, field: str) -> None:
    assert refused(fact, after(*before)) == (rule, field)


def test_a_second_leave_may_follow_the_first() -> None:
    manager = after(on_leave(HIRED), returned(date(2026, 3, 1)))
    assert told(on_leave(date(2026, 3, 1)), manager)


def test_nobody_departs_with_customers_left() -> None:
    leaving = departed(date(2026, 7, 1))
    consulted = Consulted(left_behind={TellOfManager(leaving, TODAY): 2})
    assert refused(leaving, after(), consulted) == ("customers-are-handed-over", "departed_on")


def test_who_has_nobody_left_departs() -> None:
    leaving = departed(date(2026, 7, 1))
    assert told(leaving, after()) == [leaving]


@pytest.mark.parametrize(
    "fact",
    [
        obtained(QualificationKind.EDUCATION, "bachelor"),
        obtained(QualificationKind.CERTIFICATE, "CFP", HIRED, date(2029, 1, 1)),
    ],
)
def test_what_was_obtained_is_recorded(fact: QualificationRecorded) -> None:
    assert told(fact, after()) == [fact]


def test_a_suspension_bars_until_it_ends_and_not_at_all_once_an_appeal_is_heard() -> None:
    fact = disciplined(ends_on=TODAY + timedelta(days=10))
    assert told(fact, after()) == [fact]
    manager = after(fact)
    assert status(manager, TODAY) is Status.SUSPENDED
    assert status(manager, TODAY + timedelta(days=10)) is Status.PROBATION
    assert told(appealed(), manager) == [appealed()]
    manager = managers.evolve(manager, appealed())
    assert told(appeal_decided(upheld=False), manager)
    assert status(managers.evolve(manager, appeal_decided(upheld=False)), TODAY) is Status.PROBATION
    assert status(managers.evolve(manager, appeal_decided(upheld=True)), TODAY) is Status.SUSPENDED


@pytest.mark.parametrize(
    ("measure", "amount", "bars"),
    [(Measure.WARNING, None, False), (Measure.FINE, "500.00", False), (Measure.END_OF_CONTRACT, None, True)],
)
def test_of_the_other_measures_only_the_end_of_the_contract_bars(
    measure: Measure, amount: str | None, bars: bool
) -> None:
    fact = disciplined(measure, amount=amount)
    assert told(fact, after()) == [fact]
    assert (status(after(fact), TODAY) is Status.SUSPENDED) is bars


@pytest.mark.parametrize("judge", ["ann", "bob", "m1"])
def test_an_appeal_is_decided_by_nobody_who_imposed_or_suffers_the_measure(judge: str) -> None:
    imposed = disciplined().model_copy(update={"proposed_by": "ann", "approved_by": "bob"})
    manager = after(imposed, appealed())
    decision = appeal_decided(upheld=True)
    with pytest.raises(Refusal) as refusal:
        managers.decide(TellOfManager(decision, TODAY, judge), manager, Consulted())
    assert (refusal.value.rule, refusal.value.field) == ("four-eyes", "discipline_id")
    assert managers.decide(TellOfManager(decision, TODAY, "cem"), manager, Consulted()) == [decision]


def test_probation_ends_with_those_alone_who_have_not_passed_it() -> None:
    ended = departed(TODAY).model_copy(update={"reason": DepartureReason.PROBATION_ENDED})
    passed = confirmed(date(2026, 4, 10))
    assert refused(ended, after(passed)) == ("probation-runs", "reason")
    assert told(ended, after()) == [ended]
    early = ended.model_copy(update={"departed_on": date(2026, 4, 9)})
    assert told(early, after(passed)) == [early]


def test_probation_lasts_until_somebody_is_confirmed_and_as_long_as_the_policy_says() -> None:
    assert managers.probation_ends(after(), Policies()) == date(2026, 4, 10)
    longer = Policies.of([(date(2026, 1, 1), PolicyTerms(probation_months=6))])
    assert managers.probation_ends(after(), longer) == date(2026, 7, 10)
    assert managers.probation_ends(after(confirmed(date(2026, 4, 10))), Policies()) is None
    taken_over = contract.ManagerRegistered(
        manager_id="m1", branch_id="b1", grade=Grade.ASSISTANT, business_date=HIRED
    )
    assert managers.probation_ends(managers.evolve(Manager(), taken_over), Policies()) is None


@given(st.dates(date(1990, 1, 1), date(2050, 12, 31)))
def test_the_last_month_that_ended_is_the_month_itself_on_its_last_day_alone(day: date) -> None:
    month, tomorrow = day.year * 100 + day.month, day + timedelta(days=1)
    before = date(day.year, day.month, 1) - timedelta(days=1)
    expected = month if tomorrow.day == 1 else before.year * 100 + before.month
    assert last_month_ended(day) == expected


def graded(
    grade: Grade = Grade.MANAGER_4,
    day: date = TODAY,
    overridden: str | None = None,
    *,
    decided: bool = False,
) -> ChangeGrade:
    return ChangeGrade("m1", grade, day, GradeGround.EXAM, "exam 7", overridden, decided)


QUALIFIED: tuple[Fact, ...] = (
    obtained(QualificationKind.EXPERIENCE, "banking", date(2024, 6, 15)),
    obtained(QualificationKind.EDUCATION, "college", date(2020, 7, 1)),
)


def test_a_higher_grade_is_given_when_its_requirements_are_met() -> None:
    [fact] = managers.decide(graded(), after(*QUALIFIED), Consulted())
    assert isinstance(fact, ManagerGraded)
    assert (fact.previous_grade, fact.grade, fact.overridden) == ("assistant", "manager-4", None)
    manager = after(*QUALIFIED, fact)
    assert manager.grade_on(TODAY) is Grade.MANAGER_4
    assert manager.grade_on(TODAY - timedelta(days=1)) is Grade.ASSISTANT


def test_a_higher_grade_is_refused_naming_what_is_missing_unless_it_is_overridden() -> None:
    with pytest.raises(Refusal) as refusal:
        managers.decide(graded(), after(), Consulted())
    assert refusal.value.rule == "requirements-are-met"
    assert refusal.value.detail == "manager-4 asks for 2 years in banking; education of college or higher"
    [fact] = managers.decide(graded(overridden="the only candidate"), after(), Consulted())
    assert isinstance(fact, ManagerGraded)
    assert fact.overridden == "the only candidate"


def test_a_grade_decided_elsewhere_that_cannot_be_is_told_and_changes_nothing() -> None:
    [fact] = managers.decide(graded(decided=True), after(), Consulted())
    assert isinstance(fact, GradeChangeRefused)
    assert fact.reason == "2 years in banking; education of college or higher"
    assert after(fact) == after()


def test_a_lower_grade_asks_for_nothing() -> None:
    [fact] = managers.decide(graded(Grade.TRAINEE), after(), Consulted())
    assert isinstance(fact, ManagerGraded)


@pytest.mark.parametrize(
    ("command", "rule"),
    [
        (graded(Grade.ASSISTANT), "grade-is-another"),
        (graded(day=date(2026, 1, 9)), "manager-is-there"),
        (graded(day=date(2026, 2, 1)), "grades-follow-each-other"),
    ],
)
def test_grades_follow_each_other_and_differ(command: ChangeGrade, rule: str) -> None:
    earlier = ManagerGraded(
        manager_id="m1",
        grade=Grade.ASSISTANT,
        previous_grade=Grade.TRAINEE,
        effective_from=date(2026, 3, 1),
        ground=GradeGround.APPOINTMENT,
        reference="letter 1",
    )
    with pytest.raises(Refusal) as refusal:
        managers.decide(command, after(earlier, *QUALIFIED), Consulted())
    assert refusal.value.rule == rule


def test_the_first_change_of_grade_may_be_on_the_day_of_hiring() -> None:
    assert managers.decide(graded(Grade.TRAINEE, HIRED), after(), Consulted())


def rated(rating: Rating) -> ScorecardApproved:
    return ScorecardApproved(manager_id="m1", period="2026-Q1", rating=rating, approved_on=TODAY)


def test_the_latest_appraisal_counts() -> None:
    [fact] = told(rated(Rating.B), after())
    manager = after(fact, rated(Rating.C))
    terms = GradeTerms(rating=Rating.B)
    assert unmet(terms, (), manager.appraisal, TODAY) == ["a latest appraisal of B or better"]
    assert unmet(terms, (), rated(Rating.A), TODAY) == []


def test_certificates_count_until_they_expire_and_exams_for_ever() -> None:
    terms = GradeTerms(certificates=frozenset({"CFP"}), exam="senior")
    had = (
        obtained(QualificationKind.CERTIFICATE, "CFP", HIRED, expires_on=TODAY),
        obtained(QualificationKind.EXAM, "senior"),
    )
    assert unmet(terms, had, None, TODAY - timedelta(days=1)) == []
    assert unmet(terms, had, None, TODAY) == ["certificate CFP"]
    assert unmet(terms, (), None, TODAY) == ["certificate CFP", "exam senior"]


def test_a_training_is_recorded_and_leaves_everything_else_as_it_was() -> None:
    training = TrainingTaken(manager_id="m1", course="KYC", hours=Decimal("7.5"), taken_on=TODAY)
    assert told(training, after()) == [training]
    assert after(training) == after()
    assert TrainingTaken.model_validate_json(training.to_json()) == training


@given(st.dates(date(1990, 1, 1), date(2050, 12, 31)), st.integers(0, 240))
def test_months_later_is_the_same_day_of_the_month_or_its_last(day: date, months: int) -> None:
    later = months_later(day, months)
    assert (later.year * 12 + later.month) - (day.year * 12 + day.month) == months
    assert later.day == day.day or (later.day < day.day and (later + timedelta(days=1)).day == 1)


@given(st.permutations([transferred(HIRED + timedelta(days=days), f"b{days}") for days in (10, 20, 30, 40)]))
def test_transfers_give_the_same_places_in_whatever_order_they_are_told(
    moves: list[ManagerTransferred],
) -> None:
    places = [(one.effective_from, one.branch_id) for one in after(*moves).career().standings]
    expected = [(HIRED + timedelta(days=days), f"b{days}") for days in (10, 20, 30, 40)]
    assert places == [(HIRED, "b1"), *expected]
