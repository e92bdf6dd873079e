"""Sources: the actual figure of each, and what vetoes a rating."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.appraisal.domain import source
from services.appraisal.domain.indicator import AVERAGES, CONDUCT, END_STOCKS, LINES, MEASURES
from services.appraisal.domain.scheme import Veto
from services.appraisal.domain.source import Breach, Commitment, Count, Customers, VetoFact
from services.appraisal.domain.told import TrainingTaken
from shared.contracts.assignment import (
    ComplaintAnswered,
    ComplaintReceived,
    CustomerSurveyed,
    DutyBreached,
    DutyKind,
    ReferralClosed,
    VisitMade,
    VisitMissed,
)
from shared.kernel.books import Line
from shared.kernel.event import Fact
from shared.kernel.period import Period, days_in

DAY = date(2026, 7, 15)
Q3 = Period.parse("2026-Q3")
FIRST, LAST = date(2026, 7, 1), date(2026, 9, 30)


def test_lines_and_measures_are_yuan_and_every_line_is_there() -> None:
    figures = source.results({Line.INTEREST_INCOME: 150001, Line.DIRECT_COST: -1})
    assert set(figures) == {*LINES, *MEASURES}
    assert figures["line:interest_income"] == Decimal("1500.01")
    assert (figures["measure:virtual_profit"], figures["measure:efficiency"]) == (
        Decimal("1500.01"),
        Decimal("1500.00"),
    )
    assert f"{figures['line:fee_income']:f}" == "0.00"


def test_averages_are_means_over_the_closed_months_and_stocks_those_stated_last() -> None:
    totals = {Line.DEPOSIT_BALANCE: 1001, Line.LOAN_BALANCE: 0}
    assert source.averages(totals, 2) == dict(zip(AVERAGES, (Decimal("5.00"), Decimal(0)), strict=True))
    assert source.stocks(totals) == dict(zip(END_STOCKS, (Decimal("10.01"), Decimal(0)), strict=True))


def test_bad_loans_are_a_percentage_of_what_is_outstanding() -> None:
    assert source.bad_loan_ratio(Decimal("33.3"), Decimal(100)) == {"bad-loan-ratio": Decimal("33.3")}
    assert source.bad_loan_ratio(Decimal(1), Decimal(3)) == {"bad-loan-ratio": Decimal("33.333333")}
    assert source.bad_loan_ratio(Decimal(0), Decimal(0)) == {}


def test_churn_is_of_those_had_before_and_no_figure_where_there_were_none() -> None:
    assert source.customers(Customers(before=8, gained=3, lost=2)) == {
        "customers-gained": 3,
        "customers-lost": 2,
        "churn": 25,
    }
    assert source.customers(Customers(gained=3)) == {"customers-gained": 3, "customers-lost": 0}


OF_C1 = {"customer_id": "c1", "manager_id": "m1"}


@pytest.mark.parametrize(
    ("fact", "counts"),
    [
        (VisitMade(visit_id="v", visited_on=DAY, kind="visit", **OF_C1), {Count.VISITS_MADE: 1}),
        (VisitMade(visit_id="v", visited_on=DAY, kind="revisit", **OF_C1), {Count.VISITS_MADE: 1}),
        (VisitMissed(due_on=DAY, **OF_C1), {Count.VISITS_MISSED: 1}),
        (
            ComplaintAnswered(complaint_id="x", answered_on=DAY, in_time=True, **OF_C1),
            {Count.ANSWERED: 1, Count.ANSWERED_IN_TIME: 1},
        ),
        (
            ComplaintAnswered(complaint_id="x", answered_on=DAY, in_time=False, **OF_C1),
            {Count.ANSWERED: 1, Count.ANSWERED_IN_TIME: 0},
        ),
        (
            CustomerSurveyed(survey_id="s", score=4, surveyed_on=DAY, **OF_C1),
            {Count.SURVEYS: 1, Count.SURVEY_SCORES: 4},
        ),
        (
            TrainingTaken(manager_id="m1", course="risk", hours=Decimal("7.5"), taken_on=DAY),
            {Count.TRAINING_HOURS: Decimal("7.5")},
        ),
        (
            DutyBreached(duty_id="d", kind=DutyKind.CUSTOMER_REVIEW, due_on=DAY, serious=False, **OF_C1),
            {Count.BREACHES: 1},
        ),
        (
            ReferralClosed(referral_id="r", department_id="d1", outcome="won", closed_on=DAY, **OF_C1),
            {Count.REFERRALS_WON: 1},
        ),
    ],
)
def test_what_is_counted_of_a_manager(fact: Fact, counts: dict[Count, object]) -> None:
    assert source.counted(fact) == ("m1", counts)


@pytest.mark.parametrize(
    "fact",
    [
        VisitMade(visit_id="v", visited_on=DAY, kind="call", **OF_C1),
        ReferralClosed(referral_id="r", department_id="d1", outcome="lost", closed_on=DAY, **OF_C1),
        ComplaintReceived(complaint_id="x", customer_id="c1", received_on=DAY, channel="phone", due_on=DAY),
        CustomerSurveyed(survey_id="s", customer_id="c1", score=4, surveyed_on=DAY),
    ],
)
def test_what_is_counted_of_nobody(fact: Fact) -> None:
    assert source.counted(fact)[0] is None
    assert source.counted_of_department(fact) == (None, {})


def test_a_referral_that_a_department_won_is_counted_of_it_too() -> None:
    won = ReferralClosed(referral_id="r", department_id="d1", outcome="won", closed_on=DAY, **OF_C1)
    department_id, counts = source.counted_of_department(won)
    assert (department_id, source.department_conduct(counts)) == ("d1", {"referrals-won": 1})
    assert source.department_conduct({}) == {"referrals-won": 0}


def test_conduct_is_ratios_means_and_counts() -> None:
    counts = {
        Count.VISITS_MADE: 3,
        Count.VISITS_MISSED: 1,
        Count.ANSWERED: 3,
        Count.ANSWERED_IN_TIME: 2,
        Count.SURVEYS: 3,
        Count.SURVEY_SCORES: 13,
        Count.TRAINING_HOURS: Decimal("7.5"),
        Count.BREACHES: 2,
        Count.REFERRALS_WON: 1,
    }
    assert source.conduct({count: Decimal(amount) for count, amount in counts.items()}) == {
        "visits-done": 75,
        "complaints-in-time": Decimal("66.666667"),
        "satisfaction": Decimal("4.333333"),
        "training-hours": Decimal("7.5"),
        "breaches": 2,
        "referrals-won": 1,
    }
    assert source.conduct({}) == {"training-hours": 0, "breaches": 0, "referrals-won": 0}


def test_no_source_of_managers_is_left_out() -> None:
    every = {count: Decimal(1) for count in Count}
    promised = Commitment(1200, FIRST, date(2027, 7, 1))
    figures = {
        *source.conduct(every),
        *source.customers(Customers(1, 1, 1)),
        *source.bad_loan_ratio(Decimal(1), Decimal(1)),
        *source.commitment_met(1, [promised], Q3),
    }
    assert figures == set(CONDUCT)


def test_a_commitment_is_met_in_percent_of_its_months_in_the_period() -> None:
    year = Commitment(120000, FIRST, date(2027, 7, 1))
    late = Commitment(60000, date(2026, 9, 10), date(2027, 9, 10))
    assert source.commitment_met(15000, [year], Q3) == {"commitment-met": 50}
    assert source.commitment_met(35000, [year, late], Q3) == {"commitment-met": 100}
    assert source.commitment_met(-100, [year], Q3) == {"commitment-met": Decimal("-0.333333")}
    assert (
        source.commitment_met(100, [year], Period.parse("2026-Q2")) == source.commitment_met(1, [], Q3) == {}
    )


@given(st.dates(date(2020, 1, 1), date(2030, 12, 31)))
def test_a_tenders_year_has_twelve_months_wherever_it_begins(day: date) -> None:
    ends = date(day.year + 1, day.month, min(day.day, days_in((day.year + 1) * 100 + day.month)))
    promised = Commitment(1, day, ends)
    months = sum(promised.months_in(Period.parse(str(year))) for year in range(2019, 2034))
    assert months == 12 or (day.month, day.day) == (2, 29)


LARGE = Breach("e1", DutyKind.LARGE_VALUE_REPORT, DAY, True)


def test_large_transactions_not_reported_in_time_veto_though_they_were_reported_later() -> None:
    soon = Breach("e1", DutyKind.LARGE_VALUE_REPORT, DAY, True, DAY + timedelta(days=30))
    unreported = VetoFact(Veto.UNREPORTED_LARGE_VALUE, "e1", DAY)
    assert list(source.vetoes_of(soon, FIRST, LAST)) == [unreported]
    after = Breach("e1", DutyKind.LARGE_VALUE_REPORT, DAY, True, DAY + timedelta(days=31))
    serious = VetoFact(Veto.SERIOUS_BREACH, "e1", DAY + timedelta(days=30))
    assert list(source.vetoes_of(after, FIRST, LAST)) == [unreported, serious]
    assert list(source.vetoes_of(LARGE, FIRST, LAST)) == [unreported, serious]


def test_the_thirtieth_day_after_decides_in_which_period_a_breach_is_serious() -> None:
    assert list(source.vetoes_of(LARGE, FIRST, DAY)) == [VetoFact(Veto.UNREPORTED_LARGE_VALUE, "e1", DAY)]
    august = VetoFact(Veto.SERIOUS_BREACH, "e1", date(2026, 8, 14))
    assert list(source.vetoes_of(LARGE, date(2026, 8, 1), LAST)) == [august]
    assert list(source.vetoes_of(LARGE, date(2026, 9, 1), LAST)) == []


def test_another_breach_is_serious_where_it_was_told_as_such() -> None:
    told = Breach("e2", DutyKind.CUSTOMER_REVIEW, DAY, True)
    assert list(source.vetoes_of(told, FIRST, LAST)) == [VetoFact(Veto.SERIOUS_BREACH, "e2", DAY)]
    assert list(source.vetoes_of(told, FIRST, DAY - timedelta(days=1))) == []
    assert list(source.vetoes_of(Breach("e3", DutyKind.CUSTOMER_REVIEW, DAY, False), FIRST, LAST)) == []
