"""Scorecards of a cycle (考核记分卡): what went in, and what score, total and rating came out of it.

Pure: from frozen inputs to scores, the same at every call, each figure with how it came about.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Annotated

from pydantic import Field

from services.appraisal.domain.indicator import MANUAL, Curve, Figure, Indicator, measurable, score, total
from services.appraisal.domain.scheme import SchemeTerms, Veto
from shared.contracts.appraisal import Rating
from shared.contracts.types import BusinessDate, Contract, Id, Money, Text
from shared.kernel.books import Book, Line, measures

PLACES = Decimal("0.0001")
"""Scores of single indicators are shown so; the total is computed from the exact ones."""


class VetoNamed(Contract):
    """What caps the rating, and the event that says so."""

    veto: Veto
    event_id: Id
    business_date: BusinessDate


class Addendum(Contract):
    """What of the cycle's results adjusts a month of an earlier one (追溯补差): facts that came late, by line."""

    adjusts_period: str
    lines: dict[Line, Money]
    efficiency: Money


class ManualScore(Contract):
    """What a person found, and on which evidence (四项考核)."""

    source: Id
    figure: Figure
    evidence: Text
    scored_by: str


class Inputs(Contract):
    """All that a centre's scorecard is computed from, as it was when the cycle was frozen."""

    side: Book
    centre_id: Id
    group: Id | None = None
    scheme_id: Id | None = None
    scheme_version: int | None = None
    lines: dict[Line, Money]
    actuals: dict[str, Figure] = Field(default_factory=dict)
    targets: dict[str, Figure] = Field(default_factory=dict)
    vetoes: tuple[VetoNamed, ...] = ()
    addenda: tuple[Addendum, ...] = ()

    @property
    def efficiency(self) -> int:
        """Y of the cycle (客户经理效益), in minor units."""
        return measures(self.lines)["efficiency"]


class IndicatorScore(Contract):
    """One indicator as it was scored. ``score`` is shown to four places; ``words`` say how it came about."""

    code: Id
    name: Text
    source: Id
    weight: Figure
    curve: Curve
    actual: Figure
    target: Figure | None = None
    score: Figure
    words: str


class Scored(Contract):
    """What came out: ``computed`` by the scheme, ``total`` after calibration, and the rating of that."""

    indicators: tuple[IndicatorScore, ...]
    computed: Figure
    calibration: Figure = Decimal(0)
    calibration_reason: Annotated[str, Field(max_length=200)] = ""
    total: Figure
    rating: Rating


def scored(
    inputs: Inputs,
    terms: SchemeTerms,
    manual: Mapping[str, ManualScore],
    calibration: Decimal = Decimal(0),
    calibration_reason: str = "",
) -> Scored:
    """The scores of frozen inputs under a scheme. What has no actual figure counts as zero; an indicator that needs a
    target and has none, neither of the centre nor of the scheme, scores zero and says so."""
    exact: dict[str, Fraction] = {}
    lines: list[IndicatorScore] = []
    for one in terms.indicators:
        actual, origin = _actual(one, inputs, manual)
        target = None if one.curve is Curve.BAND else _target(one, inputs)
        if target is None and one.curve is not Curve.BAND:
            exact[one.code], words = Fraction(0), f"{origin}; no target to measure it by: no score"
        else:
            exact[one.code] = score(one, actual, target)
            words = f"{origin}; {_reckoning(one, actual, target)}"
        lines.append(_line(one, actual, target, exact[one.code], words))
    computed = total(exact, {one.code: one.weight for one in terms.indicators})
    final = computed + calibration
    return Scored(
        indicators=tuple(lines),
        computed=computed,
        calibration=calibration,
        calibration_reason=calibration_reason,
        total=final,
        rating=terms.rating(final, [one.veto for one in inputs.vetoes]),
    )


def total_and_rating(
    inputs: Inputs,
    terms: SchemeTerms,
    manual: Mapping[str, ManualScore],
    calibration: Decimal = Decimal(0),
) -> tuple[Decimal, Rating]:
    """What ``scored`` comes to, without how it came about: a third of the time, where there are many."""
    exact: dict[str, Fraction] = {}
    for one in terms.indicators:
        actual, _ = _actual(one, inputs, manual)
        target = None if one.curve is Curve.BAND else _target(one, inputs)
        unscored = target is None and one.curve is not Curve.BAND
        exact[one.code] = Fraction(0) if unscored else score(one, actual, target)
    final = total(exact, {one.code: one.weight for one in terms.indicators}) + calibration
    return final, terms.rating(final, [one.veto for one in inputs.vetoes])


def _actual(one: Indicator, inputs: Inputs, manual: Mapping[str, ManualScore]) -> tuple[Decimal, str]:
    if one.source.startswith(MANUAL):
        given = manual.get(one.source)
        if given is None:
            return Decimal(0), "nobody has scored it"
        return given.figure, f"{given.figure:f} given by {given.scored_by}: {given.evidence}"
    figure = inputs.actuals.get(one.source)
    if figure is None:
        return Decimal(0), f"there is no figure of {one.source}"
    return figure, f"{one.source} is {figure:f}"


def _target(one: Indicator, inputs: Inputs) -> Decimal | None:
    """The centre's own target, or else the scheme's; None where there is none that the curve can be measured by."""
    target = inputs.targets.get(one.source, one.target)
    return target if target is not None and measurable(one.curve, target) else None


def _reckoning(one: Indicator, actual: Decimal, target: Decimal | None) -> str:
    if one.curve is Curve.BAND:
        return "by the bands of the scheme"
    ratio = f"{actual:f} ÷ {target:f}"
    return f"100 × {ratio}" if one.curve is Curve.HIGHER else f"100 × (2 − {ratio})"


def _line(
    one: Indicator, actual: Decimal, target: Decimal | None, exact: Fraction, words: str
) -> IndicatorScore:
    shown = Decimal(round(exact / Fraction(PLACES))) * PLACES
    return IndicatorScore(
        code=one.code,
        name=one.name,
        source=one.source,
        weight=one.weight,
        curve=one.curve,
        actual=actual,
        target=target,
        score=shown,
        words=f"{words}, between 0 and {one.cap:f}",
    )


def totals(inputs: Sequence[Inputs]) -> dict[Book, int]:
    """Σ Y of each side, in minor units; contra centres are in neither."""
    return {book: sum(one.efficiency for one in inputs if one.side is book) for book in Book}
