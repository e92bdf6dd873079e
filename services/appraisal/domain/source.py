"""Sources (数据来源): what the actual figure of each source of ``indicator.py`` is, centre by centre.

Amounts are yuan with two places; ratios are percent, rounded half-even to six places, as are means of surveys. What
there is nothing to divide by for, or what nobody has stated, has no figure. Business dates decide which period
something belongs to.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import NamedTuple

from services.appraisal.domain.scheme import Veto
from services.appraisal.domain.told import TrainingTaken
from shared.contracts.assignment import (
    ComplaintAnswered,
    CustomerSurveyed,
    DutyBreached,
    DutyKind,
    ReferralClosed,
    VisitMade,
    VisitMissed,
)
from shared.kernel.books import STOCKS, Line, LoanClass, measures
from shared.kernel.event import Fact
from shared.kernel.money import round_half_even
from shared.kernel.period import Period, last_day, months_between

Figures = dict[str, Decimal]
"""Actual figures by source."""

BAD = (LoanClass.SUBSTANDARD, LoanClass.DOUBTFUL, LoanClass.LOSS)
"""The classes of bad loans (不良贷款)."""

SETTLING_VISITS = ("visit", "revisit")
"""The kinds of visit that settle one that is due; a call does not."""

GRACE = timedelta(days=30)
"""How long after its due day an undone report of large transactions becomes a serious breach."""

_MONTHS_OF_YEAR = 12


def yuan(minor_units: int) -> Decimal:
    """An amount as a figure."""
    return Decimal(minor_units).scaleb(-2)


def figure(exact: Fraction) -> Decimal:
    """A ratio or mean, rounded half-even to six places, without needless zeros."""
    return Decimal(f"{Decimal(round(exact * 10**6)).scaleb(-6).normalize():f}")


def percent(part: Decimal | int, whole: Decimal | int) -> Decimal | None:
    """100 × part ÷ whole; None of nothing."""
    return figure(100 * Fraction(part) / Fraction(whole)) if whole > 0 else None


def _present(figures: Mapping[str, Decimal | None]) -> Figures:
    return {source: one for source, one in figures.items() if one is not None}


# --- from the ledger ----------------------------------------------------------------------------------------


def results(lines: Mapping[Line, int]) -> Figures:
    """``line:*`` and ``measure:*``: the sums of the period's legs, given in minor units."""
    figures = {f"line:{line.value}": yuan(lines.get(line, 0)) for line in Line}
    return figures | {f"measure:{name}": yuan(amount) for name, amount in measures(lines).items()}


def averages(totals: Mapping[Line, int], months: int) -> Figures:
    """``average:*``: the mean, over the period's closed months, of the stated ten-day averages (旬均余额).

    ``totals`` are their sums in minor units; a month that stated none for the centre had none.
    """
    return {f"average:{line.value}": yuan(round_half_even(Fraction(totals[line], months))) for line in STOCKS}


def stocks(stated: Mapping[Line, int]) -> Figures:
    """``stock:*``: those stated last, in minor units."""
    return {f"stock:{line.value}": yuan(stated[line]) for line in STOCKS}


def bad_loan_ratio(bad: Decimal, outstanding: Decimal) -> Figures:
    """``bad-loan-ratio`` (不良率): bad loans in percent of all that is outstanding: of a manager both
    by shares, of a department those of its products."""
    return _present({"bad-loan-ratio": percent(bad, outstanding)})


# --- customers ----------------------------------------------------------------------------------------------


class Customers(NamedTuple):
    """How many customers a manager had before a period, gained in it, and lost in it; any share counts."""

    before: int = 0
    gained: int = 0
    lost: int = 0


def customers(counted: Customers) -> Figures:
    """``customers-gained``, ``customers-lost`` and ``churn`` (流失率): lost in percent of those had before."""
    return _present(
        {
            "customers-gained": Decimal(counted.gained),
            "customers-lost": Decimal(counted.lost),
            "churn": percent(counted.lost, counted.before),
        }
    )


# --- conduct ------------------------------------------------------------------------------------------------


class Count(StrEnum):
    """What is counted of a manager's month."""

    VISITS_MADE = "visits-made"
    VISITS_MISSED = "visits-missed"
    ANSWERED = "answered"
    ANSWERED_IN_TIME = "answered-in-time"
    SURVEYS = "surveys"
    SURVEY_SCORES = "survey-scores"
    TRAINING_HOURS = "training-hours"
    BREACHES = "breaches"
    REFERRALS_WON = "referrals-won"


def counted(fact: Fact) -> tuple[str | None, Mapping[Count, Decimal]]:
    """The manager of whom a fact tells something to be counted, if anybody, and what."""
    one = Decimal(1)
    match fact:
        case VisitMade(manager_id=manager_id, kind=kind) if kind in SETTLING_VISITS:
            return manager_id, {Count.VISITS_MADE: one}
        case VisitMissed(manager_id=manager_id):
            return manager_id, {Count.VISITS_MISSED: one}
        case ComplaintAnswered(manager_id=manager_id, in_time=in_time):
            return manager_id, {Count.ANSWERED: one, Count.ANSWERED_IN_TIME: Decimal(in_time)}
        case CustomerSurveyed(manager_id=manager, score=score):
            return manager, {Count.SURVEYS: one, Count.SURVEY_SCORES: Decimal(score)}
        case TrainingTaken(manager_id=manager_id, hours=hours):
            return manager_id, {Count.TRAINING_HOURS: hours}
        case DutyBreached(manager_id=manager):
            return manager, {Count.BREACHES: one}
        case ReferralClosed(manager_id=manager_id, outcome="won"):
            return manager_id, {Count.REFERRALS_WON: one}
        case _:
            return None, {}


def counted_of_department(fact: Fact) -> tuple[str | None, Mapping[Count, Decimal]]:
    """The department of which a fact tells something to be counted, if any, and what."""
    match fact:
        case ReferralClosed(department_id=department_id, outcome="won"):
            return department_id, {Count.REFERRALS_WON: Decimal(1)}
        case _:
            return None, {}


def department_conduct(counts: Mapping[Count, Decimal]) -> Figures:
    """The figures of what was counted of a department in a period: referrals that it made business of."""
    return {"referrals-won": counts.get(Count.REFERRALS_WON, Decimal(0))}


def conduct(counts: Mapping[Count, Decimal]) -> Figures:
    """The figures of what was counted in a period; counts of zero are figures, ratios of nothing are none."""

    def of(count: Count) -> Decimal:
        return counts.get(count, Decimal(0))

    due = of(Count.VISITS_MADE) + of(Count.VISITS_MISSED)
    surveys = of(Count.SURVEYS)
    return _present(
        {
            "visits-done": percent(of(Count.VISITS_MADE), due),
            "complaints-in-time": percent(of(Count.ANSWERED_IN_TIME), of(Count.ANSWERED)),
            "satisfaction": figure(Fraction(of(Count.SURVEY_SCORES)) / Fraction(surveys))
            if surveys
            else None,
            "training-hours": of(Count.TRAINING_HOURS),
            "breaches": of(Count.BREACHES),
            "referrals-won": of(Count.REFERRALS_WON),
        }
    )


# --- commitments --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Commitment:
    """What a manager committed to in a tender (竞标承诺), in minor units, for its twelve months."""

    committed_profit: int
    effective_from: date
    effective_to: date

    def months_in(self, period: Period) -> int:
        """How many months of the period lie within the tender's year: a month does when its last day does, so that
        the year has twelve of them wherever it begins."""
        days = map(last_day, months_between(period.first, period.last))
        return sum(self.effective_from <= day < self.effective_to for day in days)


def commitment_met(virtual_profit: int, commitments: Iterable[Commitment], period: Period) -> Figures:
    """``commitment-met`` (承诺完成率): the period's virtual profit in percent of what was committed to for it."""
    wanted = Fraction(
        sum(one.committed_profit * one.months_in(period) for one in commitments), _MONTHS_OF_YEAR
    )
    if wanted == 0:
        return {}
    return {"commitment-met": figure(100 * Fraction(virtual_profit) / wanted)}


# --- vetoes -------------------------------------------------------------------------------------------------


class VetoFact(NamedTuple):
    """What caps a rating (一票否决), the event that says so, and the day by which it counts."""

    veto: Veto
    event_id: str
    business_date: date


@dataclass(frozen=True, slots=True)
class Breach:
    """A breach as it was told, and when the duty was done after all, if it was."""

    event_id: str
    kind: DutyKind
    due_on: date
    serious: bool
    done_on: date | None = None


def vetoes_of(breach: Breach, first: date, last: date) -> Iterator[VetoFact]:
    """What a breach vetoes in the days from ``first`` to ``last``.

    A duty to report large transactions that was breached is an unreported large value on its due day, whether or not
    it was done later; it is a serious breach on the thirtieth day after that if it is still not done then. Any other
    breach that was told as serious is one on its due day.
    """
    if breach.kind is DutyKind.LARGE_VALUE_REPORT:
        if first <= breach.due_on <= last:
            yield VetoFact(Veto.UNREPORTED_LARGE_VALUE, breach.event_id, breach.due_on)
        late = breach.due_on + GRACE
        if first <= late <= last and (breach.done_on is None or breach.done_on > late):
            yield VetoFact(Veto.SERIOUS_BREACH, breach.event_id, late)
    elif breach.serious and first <= breach.due_on <= last:
        yield VetoFact(Veto.SERIOUS_BREACH, breach.event_id, breach.due_on)
